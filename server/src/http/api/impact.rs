//! From an input to the versions made of it.

use axum::{Json, extract::State};
use domain::access::Action;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        extract::{App, Asker, Params},
        problem::Problem,
    },
    impact::{self, Impact, ImpactQuery, NotAsked},
};

impl From<NotAsked> for Problem {
    fn from(error: NotAsked) -> Self {
        Self::bad_request(format!("{}: {}", error.field, error.why))
    }
}

/// How many at most.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct Limit {
    /// At most so many, 50 unless stated, 200 at most.
    limit: Option<u64>,
}

/// Finds the versions made of a dataset, partition, feature, commit, image, run, weights or parent, with the markets whose
/// users each answers now and answered before.
#[utoipa::path(get, path = "/lineage", tag = "Versions", operation_id = "impact", params(ImpactQuery, Limit),
    responses((status = 200, body = Impact), (status = "4XX", body = Problem)))]
pub async fn show(
    State(app): State<App>,
    asker: Asker,
    Params(query): Params<ImpactQuery>,
    Params(limit): Params<Limit>,
) -> Result<Json<Impact>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let search = query.read()?;
    Ok(Json(impact::find(&app.store, search, (query.after, limit.limit.unwrap_or(impact::PAGE))).await?))
}
