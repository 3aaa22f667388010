//! Models: register, list, show.

use axum::{Json, extract::State, http::StatusCode};
use domain::{Command, ModelName, access::Action, command::RegisterModel, registry::Model};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    http::{
        extract::{App, Asker, Body, Params, Path, WriteHeaders},
        problem::Problem,
    },
    inventory::{Listing, listings},
    seal::{Order, Receipt},
    storage::registry::{ModelFilter, ModelOrder},
};

/// Largest page of a list.
pub const MAX_PAGE: u64 = 200;

/// Cuts what was read with one item too many to its page; answers the cursor of the next one if there is one.
pub fn cut_page<T, C>(items: &mut Vec<T>, limit: u64, cursor: impl Fn(&T) -> C) -> Option<C> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    if more { items.last().map(cursor) } else { None }
}

/// Reads a model's name from an address.
pub fn model_name(text: &str) -> Result<ModelName, Problem> {
    text.parse().map_err(|error| Problem::not_found(format!("{error}")))
}

/// Registers a model.
#[utoipa::path(post, path = "/models", tag = "Models", operation_id = "register_model", request_body = RegisterModel,
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn register(
    State(app): State<App>,
    asker: Asker,
    headers: WriteHeaders,
    body: Body<RegisterModel>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    let order = Order::new(asker.caller, Command::RegisterModel(body.value));
    Ok((StatusCode::CREATED, Json(headers.seal(&app, order, body.digest).await?)))
}

/// Filters of the inventory.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ModelParams {
    /// Name or title contains this.
    search: Option<String>,
    /// Tier 1, 2 or 3.
    tier: Option<String>,
    /// Policy profile.
    profile: Option<String>,
    /// Market.
    market: Option<String>,
    /// `overdue`, `soon` (within 30 days), or `revalidation`: the periodic validation is overdue.
    due: Option<String>,
    /// Owner's account.
    owner: Option<String>,
    /// `in_development`, `in_use` or `retired`.
    status: Option<String>,
    /// Only models with a waiver in force.
    exceptions: Option<bool>,
    /// `name` (default), `tier` or `registered`.
    sort: Option<String>,
    /// The `next` of the page before.
    cursor: Option<u64>,
    /// At most so many, up to 200.
    limit: Option<u64>,
}

/// One page of the inventory.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ModelPage {
    /// The models.
    pub models: Vec<Listing>,
    /// How many match in all.
    pub total: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<u64>,
}

/// Lists the inventory.
#[utoipa::path(get, path = "/models", tag = "Models", operation_id = "list_models", params(ModelParams),
    responses((status = 200, body = ModelPage), (status = "4XX", body = Problem)))]
pub async fn list(
    State(app): State<App>,
    asker: Asker,
    Params(params): Params<ModelParams>,
) -> Result<Json<ModelPage>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let limit = params.limit.unwrap_or(50).clamp(1, MAX_PAGE);
    let offset = params.cursor.unwrap_or(0);
    let order = match params.sort.as_deref() {
        None | Some("name") => ModelOrder::Name,
        Some("tier") => ModelOrder::Tier,
        Some("registered") => ModelOrder::Registered,
        Some(other) => {
            let shown: String = other.chars().take(40).collect();
            return Err(Problem::bad_request(format!("sort {shown:?} is not known; use name, tier or registered.")));
        }
    };
    let filter = ModelFilter {
        search: params.search,
        tier: params.tier,
        profile: params.profile,
        market: params.market,
        due: params.due,
        owner: params.owner,
        status: params.status,
        has_exceptions: params.exceptions.unwrap_or_default(),
        order,
        offset,
        limit,
    };
    let now = app.clock.now();
    let (rows, total) = app.store.models(&filter, now).await?;
    let next = Some(offset.saturating_add(limit)).filter(|next| *next < total);
    let models = listings(&app, rows, now).await?;
    Ok(Json(ModelPage { models, total, next }))
}

/// Shows a model.
#[utoipa::path(get, path = "/models/{model}", tag = "Models", operation_id = "show_model", params(("model" = String, Path)),
    responses((status = 200, body = Model), (status = "4XX", body = Problem)))]
pub async fn show(State(app): State<App>, asker: Asker, Path(model): Path<String>) -> Result<Json<Model>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let name = model_name(&model)?;
    let model = app.model(&name).await?.ok_or_else(|| Problem::not_found(format!("No model {name} is registered.")))?;
    Ok(Json(Model::clone(&model)))
}
