//! Fills the dossier of a version from what is recorded, and renders it.

use domain::VersionId;

use crate::{http::problem::Problem, service::Service};

/// The dossier of a version as PDF.
///
/// # Errors
/// There is no such version, or the storage failed.
pub async fn render(app: &Service, id: &VersionId) -> Result<Vec<u8>, Problem> {
    let _ = (app, id);
    Err(Problem::not_found("being written"))
}
