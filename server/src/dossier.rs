//! Fills the dossier of a version from what is recorded, and renders it.
//!
//! Everything is read at one checkpoint and nothing comes from the clock: rules are judged at the time of the last
//! entry. As long as the ledger and the names in the vault stay, a dossier made again has the same bytes.

pub(crate) mod reading;
mod record;
mod subject;
#[cfg(test)]
mod tests;

use axum::http::StatusCode;
use domain::VersionId;

use crate::{
    http::problem::Problem,
    report::dossier::{self as report, Dossier, Status, Tone},
    service::Service,
};
use reading::Reading;

/// The dossier of a version as PDF.
///
/// # Errors
/// There is no such version, it changes faster than it can be read, or the storage or the report failed.
pub async fn render(app: &Service, id: &VersionId) -> Result<Vec<u8>, Problem> {
    let dossier = collect(app, id).await?;
    let rendered = tokio::task::spawn_blocking(move || report::render(&dossier)).await;
    match rendered {
        Ok(Ok(pdf)) => Ok(pdf),
        Ok(Err(error)) => Err(failed(&error.to_string())),
        Err(error) => Err(failed(&error.to_string())),
    }
}

/// The data of a version's dossier.
///
/// # Errors
/// There is no such version, it changes faster than it can be read, or the storage failed.
pub async fn collect(app: &Service, id: &VersionId) -> Result<Dossier, Problem> {
    let reading = Reading::new(app, id).await?;
    Ok(Dossier {
        product: format!("Countersign {}", env!("CARGO_PKG_VERSION")),
        model: reading.model(),
        version: reading.version(),
        tracks: reading.tracks(),
        checkpoint: reading.checkpoint(),
        decision: reading.decision(),
        lineage: reading.lineage(),
        parents: reading.parents(),
        missing_lineage: reading.missing_lineage(),
        evidence: reading.evidence(),
        gates: reading.gates(),
        validations: reading.validations(),
        requests: reading.requests(),
        signatures: reading.signatures(),
        timeline: reading.timeline(),
        omissions: reading.omissions(),
    })
}

fn failed(reason: &str) -> Problem {
    tracing::error!(reason, "a dossier could not be made");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "report.made",
        "The dossier could not be made",
        "The dossier could not be made; nothing was changed. The server's log says more.",
    )
}

fn good(word: impl Into<String>) -> Status {
    Status::new(word, Tone::Good)
}

fn bad(word: impl Into<String>) -> Status {
    Status::new(word, Tone::Bad)
}

fn attention(word: impl Into<String>) -> Status {
    Status::new(word, Tone::Attention)
}

fn neutral(word: impl Into<String>) -> Status {
    Status::new(word, Tone::Neutral)
}

/// The text with its first letter in upper case.
pub(crate) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
