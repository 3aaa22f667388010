//! How material a version's change is, against which version, and why.

use axum::{Json, extract::State};
use domain::{
    Command, Market, VersionNumber,
    access::Action,
    materiality::{self, Assessed, Basis, Materiality, SetBy, SetMateriality},
    stage::Stage,
    validation::{Depth, Section},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::versions::find;
use crate::{
    http::{
        extract::{App, Asker, Body, Params, VersionPath, WriteHeaders},
        problem::Problem,
    },
    seal::{Order, Receipt},
};

/// Whose gates are meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MaterialityParams {
    /// The market; left out, the gate into Staging.
    market: Option<Market>,
}

/// How material a change is.
#[derive(Debug, Serialize, ToSchema)]
pub struct MaterialityView {
    /// The market; absent for the gate into Staging.
    pub market: Option<Market>,
    /// What the gates look at now; absent where the profile tells no material change from another.
    pub in_force: Option<Materiality>,
    /// On what it rests: `set` by a person, frozen with a `request`, or `not_asked` yet, and material until then.
    pub basis: &'static str,
    /// What a person said, if one did.
    pub set: Option<SetBy>,
    /// What was frozen with the latest request.
    pub frozen: Option<Assessed>,
    /// What would be judged now.
    pub now: Option<Assessed>,
    /// The version that the change is measured from now.
    pub against: Option<VersionNumber>,
    /// How deep the validation must go.
    pub depth: Depth,
    /// The sections that its report must hold.
    pub sections: Vec<Section>,
}

/// How material the change is, and why.
#[utoipa::path(get, path = "/models/{model}/versions/{version}/materiality", tag = "Validation", operation_id = "show_materiality",
    params(("model" = String, Path), ("version" = u32, Path), MaterialityParams),
    responses((status = 200, body = MaterialityView), (status = "4XX", body = Problem)))]
pub async fn show(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    Params(params): Params<MaterialityParams>,
) -> Result<Json<MaterialityView>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let shelf = find(&app, &id).await?;
    let market = params.market.as_ref();
    let now = app.assess(&shelf, market).await?;
    let to = if market.is_some() { Stage::Production } else { Stage::Staging };
    let question = shelf.question(to, market, app.clock.now());
    let (in_force, basis) = materiality::in_force(&shelf.version, market);
    let (basis, set, frozen) = match basis {
        Basis::Set(set) => ("set", Some(set.clone()), None),
        Basis::Request(_, frozen) => ("request", None, Some(frozen.clone())),
        Basis::Unknown => ("not_asked", None, None),
    };
    Ok(Json(MaterialityView {
        in_force: question.rules().map(|_| in_force),
        basis,
        set,
        frozen,
        against: now.as_ref().and_then(|now| now.against),
        now,
        depth: question.depth(),
        sections: question.sections().into_iter().collect(),
        market: params.market,
    }))
}

/// Raises or lowers the materiality of a change; lowering is for validators.
#[utoipa::path(put, path = "/models/{model}/versions/{version}/materiality", tag = "Validation", operation_id = "set_materiality",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = SetMateriality,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn set(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    headers: WriteHeaders,
    body: Body<SetMateriality>,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::SetMateriality(id, body.value));
    Ok(Json(headers.seal(&app, order, body.digest).await?))
}
