//! Retraining triggers: configure, tell observations, ask by hand, see what fired, approve drift, and the calendar.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    Command, Market,
    access::Action,
    calendar::{Route, Trip},
    maturity::Maturity,
    registry::Model,
    trigger::{ApproveDrift, Configuration, ObserveDrift, ObservePerformance, Retrain, Thresholds, Triggers},
};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    models::model_name,
    promotions::{digest_of, seal_proven},
};
use crate::{
    http::{
        extract::{App, Asker, Body, Params, Path, VersionPath, WriteHeaders},
        problem::Problem,
    },
    maturity::Portfolio,
    seal::{Caller, Order, Receipt},
};

/// A model's triggers as they stand.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TriggersView {
    /// Configuration, what fired, what was suppressed, what was observed last.
    pub triggers: Triggers,
    /// The thresholds in force; absent where the policy says nothing of triggers.
    pub thresholds: Option<Thresholds>,
    /// The next slot of the schedule.
    #[schema(value_type = Option<String>)]
    pub next_slot: Option<Timestamp>,
    /// The schedule in words.
    pub schedule: Option<String>,
}

/// The model and its triggers, empty ones if nothing is known yet.
///
/// # Errors
/// There is no such model, or the storage failed.
pub async fn load(app: &App, name: &str) -> Result<(Arc<Model>, Triggers), Problem> {
    let name = model_name(name)?;
    let model = app.model(&name).await?.ok_or_else(|| Problem::not_found(format!("There is no model {name}.")))?;
    let triggers = app.triggers(&name).await?;
    Ok((model, triggers.map_or_else(|| Triggers::new(name), |triggers| Triggers::clone(&triggers))))
}

/// Shows a model's triggers.
#[utoipa::path(get, path = "/models/{model}/triggers", tag = "Triggers", operation_id = "show_triggers",
    params(("model" = String, Path)), responses((status = 200, body = TriggersView), (status = "4XX", body = Problem)))]
pub async fn show(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
) -> Result<Json<TriggersView>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let (_, triggers) = load(&app, &model).await?;
    let policy = app.policy().await?;
    let thresholds = policy.policy.triggers.as_ref().map(|rules| rules.thresholds(&triggers.configuration));
    let schedule = triggers.configuration.schedule.as_ref().map(domain::trigger::Schedule::describe);
    Ok(Json(TriggersView { thresholds, next_slot: triggers.next_moment(), schedule, triggers }))
}

/// Says when a model is to be trained again. It takes the place of what was said before; an empty one turns all off.
#[utoipa::path(put, path = "/models/{model}/triggers", tag = "Triggers", operation_id = "configure_triggers",
    params(("model" = String, Path)), request_body = Configuration,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn configure(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<Configuration>,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::ConfigureTriggers(model_name(&model)?, body.value));
    Ok(Json(headers.seal(&app, order, body.digest).await?))
}

/// Tells how far the live features drifted. Where a threshold is passed, the receipt holds what fired or was suppressed.
#[utoipa::path(post, path = "/models/{model}/observations/drift", tag = "Triggers", operation_id = "observe_drift",
    params(("model" = String, Path)), request_body = ObserveDrift,
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn observe_drift(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<ObserveDrift>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    let order = Order::new(asker.caller, Command::ObserveDrift(model_name(&model)?, body.value));
    Ok((StatusCode::CREATED, Json(headers.seal(&app, order, body.digest).await?)))
}

/// Tells a live metric. Below its floor, the receipt holds what fired or was suppressed.
#[utoipa::path(post, path = "/models/{model}/observations/performance", tag = "Triggers", operation_id = "observe_performance",
    params(("model" = String, Path)), request_body = ObservePerformance,
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn observe_performance(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<ObservePerformance>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    let order = Order::new(asker.caller, Command::ObservePerformance(model_name(&model)?, body.value));
    Ok((StatusCode::CREATED, Json(headers.seal(&app, order, body.digest).await?)))
}

/// Has a model trained again by hand, unless it was a moment ago: then that it was asked for is an entry, and the answer a
/// refusal.
#[utoipa::path(post, path = "/models/{model}/retrain", tag = "Triggers", operation_id = "retrain",
    params(("model" = String, Path)), request_body = Retrain,
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn retrain(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<Retrain>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    let order = Order::new(asker.caller, Command::Retrain(model_name(&model)?, body.value));
    let receipt = headers.seal(&app, order, body.digest).await?;
    Ok((StatusCode::CREATED, Json(started(&app, &model, receipt).await?)))
}

/// The receipt of a retraining that was started; one that was suppressed is told as the refusal that its entry records.
///
/// # Errors
/// The entry suppressed it, or the storage failed.
pub async fn started(app: &App, model: &str, receipt: Receipt) -> Result<Receipt, Problem> {
    let Some(entry) = receipt.entries.iter().find(|entry| entry.event == "trigger.suppressed") else {
        return Ok(receipt);
    };
    let triggers = app.triggers(&model_name(model)?).await?;
    triggers.and_then(|triggers| triggers.refusal(entry.seq)).map_or(Ok(receipt), |refusal| Err(refusal.into()))
}

/// What is asked of the calendar.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CalendarParams {
    /// When the retraining begins, such as `2026-11-23T09:00:00.000000Z`; now, if left out.
    #[param(value_type = Option<String>)]
    start: Option<Timestamp>,
    /// Whether drift is the cause, so that a person approves it before Canary.
    #[serde(default)]
    drift: bool,
}

/// The way to Production in each market of a model, for a retraining that begins at `start`.
///
/// # Errors
/// The storage failed.
pub async fn routes(app: &App, model: &Model, start: Timestamp, is_drift: bool) -> Result<Vec<Route>, Problem> {
    let policy = app.policy().await?;
    let queue = app.store.count_validations(app.clock.now()).await?;
    let trip = Trip {
        policy: &policy.policy,
        profile: &model.profile,
        start,
        queue: u32::try_from(queue).unwrap_or(u32::MAX),
        is_drift,
    };
    Ok(model.markets.iter().filter_map(|market: &Market| trip.route(market)).collect())
}

/// When a retraining begun now could serve everybody, in each market: an estimate with what each stretch rests on.
#[utoipa::path(get, path = "/models/{model}/calendar", tag = "Triggers", operation_id = "calendar",
    params(("model" = String, Path), CalendarParams),
    responses((status = 200, body = Vec<Route>), (status = "4XX", body = Problem)))]
pub async fn calendar(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    Params(params): Params<CalendarParams>,
) -> Result<Json<Vec<Route>>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let (model, _) = load(&app, &model).await?;
    let start = params.start.unwrap_or_else(|| app.clock.now());
    Ok(Json(routes(&app, &model, start, params.drift).await?))
}

/// An approval with the proof of identity that it asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveDriftBody {
    /// The approver's password, once more; refused without it. Never stored, never logged.
    #[schema(format = Password, required)]
    #[serde(default)]
    password: String,
    /// The market.
    market: Market,
    /// What was looked at and why the drift is genuine; at most 4,000 characters.
    statement: String,
}

/// Seals an approval after its proof of identity.
///
/// # Errors
/// The password is wrong, a rule refuses, or the storage failed.
pub async fn seal_approval(
    app: &App,
    headers: &WriteHeaders,
    caller: Caller,
    id: domain::VersionId,
    password: &str,
    body: ApproveDrift,
) -> Result<Receipt, Problem> {
    let digest = digest_of(&body);
    seal_proven(app, headers, caller, password, (Command::ApproveDrift(id, body), digest)).await
}

/// Approves, for one market, the drift that a version was trained on. Where nothing else is missing, Canary follows.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/drift-approvals", tag = "Triggers", operation_id = "approve_drift",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = ApproveDriftBody,
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn approve(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    headers: WriteHeaders,
    body: Body<ApproveDriftBody>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    asker.may(&app, Action::ApproveDrift).await?;
    let ApproveDriftBody { password, market, statement } = body.value;
    let approval = ApproveDrift { market, statement };
    let receipt = seal_approval(&app, &headers, asker.caller, id, &password, approval).await?;
    Ok((StatusCode::CREATED, Json(receipt)))
}

fn no_maturity() -> Problem {
    Problem::not_found("The policy in force says nothing of maturity; an administrator can adopt one with [maturity].")
}

/// A model's maturity, 0 to 3, from the ledger alone: each criterion with the entries that show it, or what is missing.
#[utoipa::path(get, path = "/models/{model}/maturity", tag = "Maturity", operation_id = "model_maturity",
    params(("model" = String, Path)), responses((status = 200, body = Maturity), (status = "4XX", body = Problem)))]
pub async fn maturity(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
) -> Result<Json<Maturity>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let (model, triggers) = load(&app, &model).await?;
    crate::maturity::of(&app, &model, Some(&triggers)).await?.map(Json).ok_or_else(no_maturity)
}

/// The models of the inventory by level of maturity.
#[utoipa::path(get, path = "/maturity", tag = "Maturity", operation_id = "portfolio_maturity",
    responses((status = 200, body = Portfolio), (status = "4XX", body = Problem)))]
pub async fn portfolio(State(app): State<App>, asker: Asker) -> Result<Json<Portfolio>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    crate::maturity::portfolio(&app).await?.map(Json).ok_or_else(no_maturity)
}
