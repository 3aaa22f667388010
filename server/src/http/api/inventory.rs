//! What the inventory says of a model: tier, card, owner, the end of its use.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    Command,
    inventory::{AddMarket, AmendInventory, ChangeOwner, ReassessTier, RetireModel},
};

use super::models::model_name;
use crate::{
    http::{
        extract::{App, Asker, Body, Path, WriteHeaders},
        problem::Problem,
    },
    seal::{Order, Receipt},
};

/// Judges a model's tier anew, by exposure and purpose.
#[utoipa::path(put, path = "/models/{model}/tier", tag = "Models", operation_id = "reassess_tier",
    params(("model" = String, Path)), request_body = ReassessTier,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn tier(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<ReassessTier>,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::ReassessTier(model_name(&model)?, body.value));
    Ok(Json(headers.seal(&app, order, body.digest).await?))
}

/// Amends what the inventory says of a model; fields left out stay as they are.
#[utoipa::path(put, path = "/models/{model}/inventory", tag = "Models", operation_id = "amend_inventory",
    params(("model" = String, Path)), request_body = AmendInventory,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn amend(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<AmendInventory>,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::AmendInventory(model_name(&model)?, body.value));
    Ok(Json(headers.seal(&app, order, body.digest).await?))
}

/// Opens a market of the policy to a registered model. Its versions walk the market's own gates from Shadow on.
#[utoipa::path(post, path = "/models/{model}/markets", tag = "Models", operation_id = "add_market",
    params(("model" = String, Path)), request_body = AddMarket,
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn add_market(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<AddMarket>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    let order = Order::new(asker.caller, Command::AddMarket(model_name(&model)?, body.value));
    Ok((StatusCode::CREATED, Json(headers.seal(&app, order, body.digest).await?)))
}

/// Hands a model to another owner.
#[utoipa::path(put, path = "/models/{model}/owner", tag = "Models", operation_id = "change_owner",
    params(("model" = String, Path)), request_body = ChangeOwner,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn owner(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<ChangeOwner>,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::ChangeOwner(model_name(&model)?, body.value));
    Ok(Json(headers.seal(&app, order, body.digest).await?))
}

/// Takes a model out of use for good: it serves no market any more and gets no new versions.
#[utoipa::path(post, path = "/models/{model}/retire", tag = "Models", operation_id = "retire_model",
    params(("model" = String, Path)), request_body = RetireModel,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn retire(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<RetireModel>,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::RetireModel(model_name(&model)?, body.value));
    Ok(Json(headers.seal(&app, order, body.digest).await?))
}
