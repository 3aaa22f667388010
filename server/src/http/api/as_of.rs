//! Any past instant.

use axum::{Json, extract::State};
use domain::access::Action;
use serde::Deserialize;
use utoipa::IntoParams;

use super::models::model_name;
use crate::{
    as_of::{Past, PastError, past, read_instant, settled},
    http::{
        extract::{App, Asker, Params},
        problem::Problem,
    },
};

/// Which instant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AsOfParams {
    /// RFC 3339, `2026-05-01T12:30` in UTC, or a date, which means its end in UTC; today's date, now.
    at: String,
    /// One model, with the grounds of each champion; all models, with who approved each, if left out.
    model: Option<String>,
}

impl From<PastError> for Problem {
    fn from(error: PastError) -> Self {
        match error {
            PastError::Future(_) => Self::bad_request(format!("{error}.")),
            PastError::Unknown(why) => Self::not_found(why),
            PastError::Store(error) => error.into(),
        }
    }
}

/// Tells which version served which market at an instant, approved by whom, under which policy.
#[utoipa::path(get, path = "/as-of", tag = "Ledger", operation_id = "as_of", params(AsOfParams),
    responses((status = 200, body = Past), (status = "4XX", body = Problem)))]
pub async fn as_of(
    State(app): State<App>,
    asker: Asker,
    Params(params): Params<AsOfParams>,
) -> Result<Json<Past>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let at = read_instant(&params.at).map_err(|why| Problem::bad_request(format!("at: {why}.")))?;
    let at = settled(at, app.clock.now());
    let model = params.model.as_deref().map(model_name).transpose()?;
    Ok(Json(past(&app, at, model.as_ref()).await?))
}
