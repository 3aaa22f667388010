//! The human-review register, legal holds and erasure.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    AccountId, Command, Market, VersionNumber,
    access::Action,
    privacy::{
        command::{Erase, ExtendReview, HoldReason, PrivacyCommand},
        erasure::ErasureBasis,
        review::{Review, ReviewId, ReviewOutcome},
        safeguards::Safeguard,
    },
};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::models::{MAX_PAGE, model_name};
use crate::{
    http::{
        extract::{App, Asker, Body, Params, Path, WriteHeaders},
        problem::Problem,
    },
    privacy::{self, NewReview, Person},
    seal::{Order, Receipt},
    storage::privacy::ReviewFilter,
};

/// A request for human review, with the person's words and address, which go to the vault.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewBody {
    /// `human_intervention`, `own_view` or `contest`.
    asks: Safeguard,
    /// The version that decided, if known.
    version: Option<VersionNumber>,
    /// The market.
    market: Option<Market>,
    /// A pseudonymous reference of the decision in the serving system.
    decision: String,
    /// When the person asked; now, if left out.
    #[schema(value_type = Option<String>)]
    received_at: Option<Timestamp>,
    /// The person's name; at most 200 characters.
    name: String,
    /// How the person is reached; at most 500 characters.
    contact: String,
    /// What the person wrote; at most 10,000 characters.
    #[serde(default)]
    text: String,
}

/// Enters a request for human review into the register.
#[utoipa::path(post, path = "/models/{model}/reviews", tag = "Privacy", operation_id = "receive_review", params(("model" = String, Path)),
    request_body = ReviewBody, responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn receive(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<ReviewBody>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    asker.may(&app, Action::RecordReview).await?;
    let ReviewBody { asks, version, market, decision, received_at, name, contact, text } = body.value;
    let new = NewReview { asks, version, market, decision, received_at, name, contact, text };
    let order = privacy::receiving(asker.caller, model_name(&model)?, new)?;
    Ok((StatusCode::CREATED, Json(headers.seal(&app, order, body.digest).await?)))
}

/// Which requests.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReviewParams {
    /// On this model.
    model: Option<String>,
    /// `open`, `overdue` or `answered`; all, if left out.
    state: Option<String>,
    /// The `next` of the page before.
    cursor: Option<u64>,
    /// At most so many, up to 200.
    limit: Option<u64>,
}

/// One request of the register, without the person.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewSummary {
    /// The model.
    pub model: String,
    /// Number within the model.
    pub number: u32,
    /// What is asked for.
    pub asks: String,
    /// The market.
    pub market: Option<String>,
    /// `unassigned`, `assigned` or `answered`.
    pub state: String,
    /// Who looks at it.
    pub assignee: Option<String>,
    /// When the person asked.
    #[schema(value_type = String)]
    pub received_at: Timestamp,
    /// By when it is answered.
    #[schema(value_type = String)]
    pub due_at: Timestamp,
    /// Whether it is open past its deadline.
    pub overdue: bool,
    /// What became of it.
    pub outcome: Option<String>,
    /// Whether its personal data are erased.
    pub erased: bool,
}

/// One page of the register.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewPage {
    /// The requests, what is due first.
    pub reviews: Vec<ReviewSummary>,
    /// How many match in all.
    pub total: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<u64>,
}

/// Lists the register. Nobody's name is in it.
#[utoipa::path(get, path = "/reviews", tag = "Privacy", operation_id = "list_reviews", params(ReviewParams),
    responses((status = 200, body = ReviewPage), (status = "4XX", body = Problem)))]
pub async fn list(
    State(app): State<App>,
    asker: Asker,
    Params(params): Params<ReviewParams>,
) -> Result<Json<ReviewPage>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    if params.state.as_deref().is_some_and(|state| !matches!(state, "open" | "overdue" | "answered")) {
        return Err(Problem::bad_request("state is open, overdue or answered."));
    }
    let (limit, offset) = (params.limit.unwrap_or(50).clamp(1, MAX_PAGE), params.cursor.unwrap_or(0));
    let now = app.clock.now();
    let filter = ReviewFilter { model: params.model, state: params.state, offset, limit };
    let (rows, total) = app.store.reviews(&filter, now).await?;
    let reviews = rows
        .into_iter()
        .map(|row| ReviewSummary {
            overdue: row.state != "answered" && row.due_at < now,
            model: row.model,
            number: row.number,
            asks: row.asks,
            market: row.market,
            state: row.state,
            assignee: row.assignee,
            received_at: row.received_at,
            due_at: row.due_at,
            outcome: row.outcome,
            erased: row.erased,
        })
        .collect();
    Ok(Json(ReviewPage { reviews, total, next: Some(offset.saturating_add(limit)).filter(|next| *next < total) }))
}

/// A request, with the person for those who may see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewView {
    /// What the ledger knows.
    #[serde(flatten)]
    pub review: Review,
    /// The personal values: for the privacy officer and the assignee, as far as they are not erased.
    pub person: Option<Person>,
}

fn review_id(model: &str, number: u32) -> Result<ReviewId, Problem> {
    Ok(ReviewId { model: model_name(model)?, number })
}

/// Shows a request.
#[utoipa::path(get, path = "/models/{model}/reviews/{number}", tag = "Privacy", operation_id = "show_review",
    params(("model" = String, Path), ("number" = u32, Path)),
    responses((status = 200, body = ReviewView), (status = "4XX", body = Problem)))]
pub async fn show(
    State(app): State<App>,
    asker: Asker,
    Path((model, number)): Path<(String, u32)>,
) -> Result<Json<ReviewView>, Problem> {
    let reader = asker.may(&app, Action::ReadRegistry).await?;
    let id = review_id(&model, number)?;
    let review = app.review(&id).await?.ok_or_else(|| Problem::not_found(format!("There is no {id}.")))?;
    let person = app.person_of(&review, &reader).await?;
    Ok(Json(ReviewView { review: Review::clone(&review), person }))
}

/// Who looks at a request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignBody {
    /// The account of a person.
    assignee: AccountId,
}

/// Gives a request to somebody.
#[utoipa::path(post, path = "/models/{model}/reviews/{number}/assign", tag = "Privacy", operation_id = "assign_review",
    params(("model" = String, Path), ("number" = u32, Path)), request_body = AssignBody,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn assign(
    State(app): State<App>,
    asker: Asker,
    Path((model, number)): Path<(String, u32)>,
    headers: WriteHeaders,
    body: Body<AssignBody>,
) -> Result<Json<Receipt>, Problem> {
    let command = PrivacyCommand::AssignReview(review_id(&model, number)?, body.value.assignee);
    Ok(Json(headers.seal(&app, Order::new(asker.caller, Command::Privacy(command)), body.digest).await?))
}

/// Extends the deadline of a request once (GDPR Art. 12(3)): the person is told why within a month of asking.
#[utoipa::path(post, path = "/models/{model}/reviews/{number}/extend", tag = "Privacy", operation_id = "extend_review",
    params(("model" = String, Path), ("number" = u32, Path)), request_body = ExtendReview,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn extend(
    State(app): State<App>,
    asker: Asker,
    Path((model, number)): Path<(String, u32)>,
    headers: WriteHeaders,
    body: Body<ExtendReview>,
) -> Result<Json<Receipt>, Problem> {
    let command = PrivacyCommand::ExtendReview(review_id(&model, number)?, body.value);
    Ok(Json(headers.seal(&app, Order::new(asker.caller, Command::Privacy(command)), body.digest).await?))
}

/// What became of a request, and what the person is told, which goes to the vault.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerBody {
    /// `upheld`, `overturned`, `withdrawn` or `inadmissible`.
    outcome: ReviewOutcome,
    /// What the person is told; at most 10,000 characters.
    answer: String,
}

/// Answers a request.
#[utoipa::path(post, path = "/models/{model}/reviews/{number}/answer", tag = "Privacy", operation_id = "answer_review",
    params(("model" = String, Path), ("number" = u32, Path)), request_body = AnswerBody,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn answer(
    State(app): State<App>,
    asker: Asker,
    Path((model, number)): Path<(String, u32)>,
    headers: WriteHeaders,
    body: Body<AnswerBody>,
) -> Result<Json<Receipt>, Problem> {
    asker.may(&app, Action::AnswerReview).await?;
    let order = privacy::answering(asker.caller, review_id(&model, number)?, body.value.outcome, &body.value.answer)?;
    Ok(Json(headers.seal(&app, order, body.digest).await?))
}

/// A hold to be placed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldBody {
    /// `account/ID`, `review/MODEL/NUMBER`, or `dpia/MODEL` for all requests on a model.
    target: String,
    /// Why, without personal data; at most 1,000 characters.
    reason: String,
}

/// Places a legal hold on personal data.
#[utoipa::path(post, path = "/holds", tag = "Privacy", operation_id = "place_hold", request_body = HoldBody,
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn hold(
    State(app): State<App>,
    asker: Asker,
    headers: WriteHeaders,
    body: Body<HoldBody>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    let reason = HoldReason { reason: body.value.reason };
    let command = PrivacyCommand::PlaceHold(privacy::target(&body.value.target)?, reason);
    let order = Order::new(asker.caller, Command::Privacy(command));
    Ok((StatusCode::CREATED, Json(headers.seal(&app, order, body.digest).await?)))
}

/// A hold to be released.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseBody {
    /// What it stands on.
    target: String,
    /// Its number.
    hold: u32,
    /// Why, without personal data; at most 1,000 characters.
    reason: String,
}

/// Releases a legal hold.
#[utoipa::path(post, path = "/holds/release", tag = "Privacy", operation_id = "release_hold", request_body = ReleaseBody,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn release(
    State(app): State<App>,
    asker: Asker,
    headers: WriteHeaders,
    body: Body<ReleaseBody>,
) -> Result<Json<Receipt>, Problem> {
    let reason = HoldReason { reason: body.value.reason };
    let command = PrivacyCommand::ReleaseHold(privacy::target(&body.value.target)?, body.value.hold, reason);
    Ok(Json(headers.seal(&app, Order::new(asker.caller, Command::Privacy(command)), body.digest).await?))
}

/// Personal data to be erased.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseBody {
    /// `account/ID` of a disabled account, or `review/MODEL/NUMBER` of an answered request.
    target: String,
    /// The ground of Art. 17(1).
    basis: ErasureBasis,
    /// More on it, without personal data; at most 500 characters.
    #[serde(default)]
    note: String,
}

/// Erases personal data: values and salts, in the transaction that seals the entry. A legal hold refuses it, and that
/// refusal is an entry of its own.
#[utoipa::path(post, path = "/erasures", tag = "Privacy", operation_id = "erase", request_body = EraseBody,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn erase(
    State(app): State<App>,
    asker: Asker,
    headers: WriteHeaders,
    body: Body<EraseBody>,
) -> Result<Json<Receipt>, Problem> {
    let erase = Erase { basis: body.value.basis, note: body.value.note };
    let command = PrivacyCommand::Erase(privacy::target(&body.value.target)?, erase);
    let receipt = headers.seal(&app, Order::new(asker.caller, Command::Privacy(command)), body.digest).await?;
    match privacy::refused_erasure(&receipt) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(Json(receipt)),
    }
}
