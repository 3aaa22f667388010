//! Attestation campaigns.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    Aggregate, AggregateId, Command, ModelName,
    access::Action,
    campaign::{Attest, Campaign, OpenCampaign},
};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::promotions::{digest_of, seal_proven};
use crate::{
    http::{
        extract::{App, Asker, Body, Path, WriteHeaders},
        problem::Problem,
    },
    seal::{Order, Receipt},
};

/// Campaigns listed at most.
const MAX_CAMPAIGNS: usize = 200;

/// A campaign in a line.
#[derive(Debug, Serialize, ToSchema)]
pub struct CampaignSummary {
    /// Its number.
    pub number: u32,
    /// What people call it.
    pub title: String,
    /// By when.
    pub due_at: Timestamp,
    /// Models called.
    pub models: usize,
    /// Answers so far.
    pub given: usize,
    /// Answers that say that the statement does not hold.
    pub objections: usize,
    /// Whether somebody is late.
    pub overdue: bool,
}

impl CampaignSummary {
    fn of(campaign: &Campaign, now: Timestamp) -> Self {
        Self {
            number: campaign.number,
            title: campaign.title.clone(),
            due_at: campaign.due_at,
            models: campaign.models.len(),
            given: campaign.given.len(),
            objections: campaign.objections(),
            overdue: campaign.is_overdue(now),
        }
    }
}

/// Campaigns, newest first.
///
/// # Errors
/// The storage failed.
pub async fn all(app: &App) -> Result<Vec<std::sync::Arc<Campaign>>, crate::storage::StoreError> {
    let numbers = app.store.campaigns().await?;
    let ids: Vec<AggregateId> = numbers.into_iter().take(MAX_CAMPAIGNS).map(AggregateId::Campaign).collect();
    let states = app.store.aggregates(&ids).await?;
    let mut campaigns: Vec<_> = states
        .into_iter()
        .filter_map(|(_, state)| match state {
            Aggregate::Campaign(campaign) => Some(campaign),
            _ => None,
        })
        .collect();
    campaigns.sort_by_key(|campaign| std::cmp::Reverse(campaign.number));
    Ok(campaigns)
}

/// Lists campaigns, newest first.
#[utoipa::path(get, path = "/campaigns", tag = "Attestations", operation_id = "list_campaigns",
    responses((status = 200, body = Vec<CampaignSummary>), (status = "4XX", body = Problem)))]
pub async fn list(State(app): State<App>, asker: Asker) -> Result<Json<Vec<CampaignSummary>>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let now = app.clock.now();
    Ok(Json(all(&app).await?.iter().map(|campaign| CampaignSummary::of(campaign, now)).collect()))
}

/// The number that the next campaign gets.
///
/// # Errors
/// The storage failed.
pub async fn next_number(app: &App) -> Result<u32, crate::storage::StoreError> {
    Ok(app.store.campaigns().await?.first().map_or(1, |last| last + 1))
}

/// Opens a campaign: the owners of these models are to attest.
#[utoipa::path(post, path = "/campaigns", tag = "Attestations", operation_id = "open_campaign", request_body = OpenCampaign,
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn open(
    State(app): State<App>,
    asker: Asker,
    headers: WriteHeaders,
    body: Body<OpenCampaign>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    let number = next_number(&app).await?;
    let order = Order::new(asker.caller, Command::OpenCampaign(number, body.value));
    Ok((StatusCode::CREATED, Json(headers.seal(&app, order, body.digest).await?)))
}

/// A campaign, or the problem that there is none.
///
/// # Errors
/// There is none, or the storage failed.
pub async fn find(app: &App, number: u32) -> Result<std::sync::Arc<Campaign>, Problem> {
    match app.store.aggregate(&AggregateId::Campaign(number)).await? {
        Some(Aggregate::Campaign(campaign)) => Ok(campaign),
        _ => Err(Problem::not_found(format!("There is no campaign {number}."))),
    }
}

/// Shows a campaign with its answers.
#[utoipa::path(get, path = "/campaigns/{number}", tag = "Attestations", operation_id = "show_campaign",
    params(("number" = u32, Path)), responses((status = 200, body = Campaign), (status = "4XX", body = Problem)))]
pub async fn show(State(app): State<App>, asker: Asker, Path(number): Path<u32>) -> Result<Json<Campaign>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    Ok(Json(Campaign::clone(&*find(&app, number).await?)))
}

/// An answer with the proof of identity that it asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttestBody {
    /// The owner's password, once more; refused without it. Never stored, never logged.
    #[schema(format = Password, required)]
    #[serde(default)]
    password: String,
    /// The model.
    model: ModelName,
    /// Whether the statement holds.
    holds: bool,
    /// What is wrong, where it does not hold; at most 2,000 characters.
    #[serde(default)]
    comment: String,
}

/// Attests for one model, or objects.
#[utoipa::path(post, path = "/campaigns/{number}/attest", tag = "Attestations", operation_id = "attest",
    params(("number" = u32, Path)), request_body = AttestBody,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn attest(
    State(app): State<App>,
    asker: Asker,
    Path(number): Path<u32>,
    headers: WriteHeaders,
    body: Body<AttestBody>,
) -> Result<Json<Receipt>, Problem> {
    asker.may(&app, Action::Attest).await?;
    let AttestBody { password, model, holds, comment } = body.value;
    let attest = Attest { model, holds, comment };
    let digest = digest_of(&attest);
    let command = Command::Attest(number, attest);
    Ok(Json(seal_proven(&app, &headers, asker.caller, &password, (command, digest)).await?))
}
