//! Webhooks out: register, list, remove, see deliveries, have dead ones sent again.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    ModelName,
    access::Action,
    webhook::{Endpoint, Filter},
};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    http::{
        extract::{App, Asker, Body, NotRepeatable, Params, Path},
        problem::Problem,
    },
    seal::Receipt,
    storage::webhooks::Delivery,
};

/// Deliveries listed at most.
const MAX_LISTED: u64 = 200;

/// An endpoint to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookBody {
    /// What people call it; at most 100 characters.
    label: String,
    /// Its address. It is kept beside the ledger; the entry names its host.
    url: String,
    /// Event types such as `trigger.fired`, or families such as `trigger.*`; all of them, if left out.
    #[serde(default)]
    events: Vec<String>,
    /// Only what concerns this model.
    model: Option<ModelName>,
}

/// An endpoint just registered, or its secret just changed.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct NewWebhookView {
    /// Its id.
    pub id: String,
    /// The secret that signs what is sent. It is shown this once.
    pub secret: String,
    /// The proof that it was sealed.
    pub receipt: Receipt,
}

/// Has news sent to an endpoint from now on.
#[utoipa::path(post, path = "/webhooks", tag = "Webhooks", operation_id = "register_webhook", request_body = WebhookBody,
    responses((status = 201, body = NewWebhookView), (status = "4XX", body = Problem)))]
pub async fn register(
    State(app): State<App>,
    asker: Asker,
    _: NotRepeatable,
    body: Body<WebhookBody>,
) -> Result<(StatusCode, Json<NewWebhookView>), Problem> {
    asker.may(&app, Action::ManageWebhooks).await?;
    let WebhookBody { label, url, events, model } = body.value;
    let new = app.register_webhook(asker.caller, label, &url, Filter { events, model }).await?;
    let view = NewWebhookView { id: new.id, secret: new.secret, receipt: new.receipt };
    Ok((StatusCode::CREATED, Json(view)))
}

/// An endpoint with what is on its way to it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct WebhookView {
    /// Its id.
    pub id: String,
    /// What the ledger knows.
    #[serde(flatten)]
    pub endpoint: Endpoint,
    /// Deliveries still to be made.
    pub pending: u64,
    /// Deliveries given up.
    pub dead: u64,
}

/// Every endpoint with what is on its way to it.
///
/// # Errors
/// The storage failed.
pub async fn all(app: &App) -> Result<Vec<WebhookView>, Problem> {
    let webhooks = app.webhooks().await?;
    let mut views = Vec::with_capacity(webhooks.endpoints.len());
    for (id, endpoint) in &webhooks.endpoints {
        let tally = app.store.delivery_tally(id).await?;
        views.push(WebhookView {
            id: id.clone(),
            endpoint: endpoint.clone(),
            pending: tally.pending,
            dead: tally.dead,
        });
    }
    Ok(views)
}

/// Lists endpoints.
#[utoipa::path(get, path = "/webhooks", tag = "Webhooks", operation_id = "list_webhooks",
    responses((status = 200, body = Vec<WebhookView>), (status = "4XX", body = Problem)))]
pub async fn list(State(app): State<App>, asker: Asker) -> Result<Json<Vec<WebhookView>>, Problem> {
    asker.may(&app, Action::ManageWebhooks).await?;
    Ok(Json(all(&app).await?))
}

/// How a secret is changed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateBody {
    /// Hours for which messages are signed with the secret of before, too; as policy says, if left out; 0 ends it at once.
    overlap_hours: Option<u32>,
}

/// Gives an endpoint a new secret. Until the overlap ends, messages carry two signatures, the new secret's first.
#[utoipa::path(post, path = "/webhooks/{webhook}/rotate", tag = "Webhooks", operation_id = "rotate_webhook",
    params(("webhook" = String, Path)), request_body = RotateBody,
    responses((status = 200, body = NewWebhookView), (status = "4XX", body = Problem)))]
pub async fn rotate(
    State(app): State<App>,
    asker: Asker,
    _: NotRepeatable,
    Path(id): Path<String>,
    body: Body<RotateBody>,
) -> Result<Json<NewWebhookView>, Problem> {
    asker.may(&app, Action::ManageWebhooks).await?;
    let new = app.rotate_webhook(asker.caller, &id, body.value.overlap_hours).await?;
    Ok(Json(NewWebhookView { id: new.id, secret: new.secret, receipt: new.receipt }))
}

/// Stops sending to an endpoint and forgets its address and secret.
#[utoipa::path(delete, path = "/webhooks/{webhook}", tag = "Webhooks", operation_id = "remove_webhook",
    params(("webhook" = String, Path)), responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn remove(State(app): State<App>, asker: Asker, Path(id): Path<String>) -> Result<Json<Receipt>, Problem> {
    Ok(Json(app.remove_webhook(asker.caller, &id).await?))
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveryParams {
    /// `dead` (default), `pending` or `delivered`.
    #[param(inline)]
    state: Option<DeliveryState>,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Given up; it can be sent again.
    #[default]
    Dead,
    /// Still to be made.
    Pending,
    /// Made.
    Delivered,
}

impl DeliveryState {
    fn id(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Pending => "pending",
            Self::Delivered => "delivered",
        }
    }
}

/// A delivery.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    /// The entry that it tells of.
    pub seq: u64,
    /// `pending`, `delivered` or `dead`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    #[schema(value_type = Option<String>)]
    pub next_at: Option<Timestamp>,
    /// HTTP status of the latest answer.
    pub status: Option<u16>,
    /// Why the latest attempt failed.
    pub error: Option<String>,
    /// When it came up.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// When it was made or given up.
    #[schema(value_type = Option<String>)]
    pub ended_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            seq: delivery.seq,
            next_at: (delivery.state == "pending").then_some(delivery.next_at),
            state: delivery.state,
            attempts: delivery.attempts,
            status: delivery.status,
            error: delivery.error,
            created_at: delivery.created_at,
            ended_at: delivery.ended_at,
        }
    }
}

/// Lists an endpoint's deliveries in one state, the newest entries first, at most 200.
#[utoipa::path(get, path = "/webhooks/{webhook}/deliveries", tag = "Webhooks", operation_id = "list_deliveries",
    params(("webhook" = String, Path), DeliveryParams),
    responses((status = 200, body = Vec<DeliveryView>), (status = "4XX", body = Problem)))]
pub async fn deliveries(
    State(app): State<App>,
    asker: Asker,
    Path(id): Path<String>,
    Params(params): Params<DeliveryParams>,
) -> Result<Json<Vec<DeliveryView>>, Problem> {
    asker.may(&app, Action::ManageWebhooks).await?;
    known(&app, &id).await?;
    let found = app.store.deliveries(&id, params.state.unwrap_or_default().id(), MAX_LISTED).await?;
    Ok(Json(found.into_iter().map(DeliveryView::from).collect()))
}

async fn known(app: &App, id: &str) -> Result<(), Problem> {
    if app.webhooks().await?.endpoints.contains_key(id) {
        return Ok(());
    }
    Err(Problem::not_found("There is no such webhook."))
}

/// What is sent again.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReplayParams {
    /// Only what tells of this entry; all that is dead, if left out.
    seq: Option<u64>,
}

/// How much is sent again.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Replayed {
    /// Deliveries put up again.
    pub replayed: u64,
}

/// Has dead deliveries of an endpoint tried again from the first attempt on.
#[utoipa::path(post, path = "/webhooks/{webhook}/replay", tag = "Webhooks", operation_id = "replay_deliveries",
    params(("webhook" = String, Path), ReplayParams),
    responses((status = 200, body = Replayed), (status = "4XX", body = Problem)))]
pub async fn replay(
    State(app): State<App>,
    asker: Asker,
    Path(id): Path<String>,
    Params(params): Params<ReplayParams>,
) -> Result<Json<Replayed>, Problem> {
    asker.may(&app, Action::ManageWebhooks).await?;
    known(&app, &id).await?;
    let replayed = app.store.replay_deliveries(&id, params.seq, app.clock.now()).await?;
    Ok(Json(Replayed { replayed }))
}
