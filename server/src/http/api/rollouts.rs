//! Rollouts: what serves each market, and everything that can be done about it.

use axum::{Json, extract::State};
use domain::{
    Command, Market, ModelName,
    access::Action,
    deployment::{
        Deployment, Routing, ServingCommand, StepPackage,
        clock::{self, drill_due},
        command::{
            Applied, ApproveStep, FinishDrill, Kill, Observe, Reason, ReportStandby, ReviewKill, RollBack, StartDrill,
        },
    },
    promotion::Requirement,
};
use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::promotions::{digest_of, seal_proven};
use crate::{
    http::{
        extract::{App, Asker, Body, Params, PlacePath, WriteHeaders},
        problem::Problem,
    },
    seal::{Caller, Order, Receipt},
    storage::deployments::DeploymentFilter,
};

/// Rows of one answer at most.
const MAX_ROWS: u64 = 500;

/// Which deployments.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct ListParams {
    /// Only of this market.
    market: Option<String>,
    /// `off`, `held`, `struck`, `rolling_out`, `serving` or `idle`.
    state: Option<String>,
    /// A part of the model's name.
    q: Option<String>,
    /// Only those whose rollback drill is overdue.
    drill_overdue: bool,
    /// Skip so many.
    offset: Option<u64>,
    /// At most so many, up to 500; 100, if left out.
    limit: Option<u64>,
}

/// One deployment in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentItem {
    /// The model.
    pub model: String,
    /// The market.
    pub market: String,
    /// Who serves.
    pub champion: Option<u32>,
    /// Who is on its way in.
    pub challenger: Option<u32>,
    /// The challenger's share of users, in percent.
    pub percent: u32,
    /// Strikes against the challenger.
    pub strikes: u32,
    /// Who is kept ready.
    pub standby: Option<u32>,
    /// `off`, `held`, `struck`, `rolling_out`, `serving` or `idle`.
    pub state: String,
    /// By when the use of the kill switch is reviewed.
    pub review_due: Option<Timestamp>,
    /// Latest entry.
    pub updated_at: Timestamp,
    /// When the next rollback drill is due.
    pub drill_due: Option<Timestamp>,
}

/// A page of deployments.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentList {
    /// How many match in all.
    pub total: u64,
    /// The deployments.
    pub items: Vec<DeploymentItem>,
}

/// What serves where.
#[utoipa::path(get, path = "/rollouts", tag = "Rollouts", operation_id = "list_rollouts", params(ListParams),
    responses((status = 200, body = DeploymentList), (status = "4XX", body = Problem)))]
pub async fn list(
    State(app): State<App>,
    asker: Asker,
    Params(params): Params<ListParams>,
) -> Result<Json<DeploymentList>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let filter = DeploymentFilter {
        search: params.q,
        market: params.market,
        state: params.state,
        drill_overdue_at: params.drill_overdue.then(|| app.clock.now()),
        offset: params.offset.unwrap_or(0),
        limit: params.limit.unwrap_or(100).min(MAX_ROWS),
    };
    let (rows, total) = app.store.deployments(&filter).await?;
    let items = rows
        .into_iter()
        .map(|row| DeploymentItem {
            model: row.model,
            market: row.market,
            champion: row.champion,
            challenger: row.challenger,
            percent: row.percent,
            strikes: row.strikes,
            standby: row.standby,
            state: row.state,
            review_due: row.review_due,
            updated_at: row.updated_at,
            drill_due: row.drill_due,
        })
        .collect();
    Ok(Json(DeploymentList { total, items }))
}

/// A deployment as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentView {
    /// All that is recorded of it.
    pub deployment: Deployment,
    /// How traffic is routed.
    pub routing: Routing,
    /// What the rollout waits for, if there is one.
    pub requirements: Vec<Requirement>,
    /// What somebody who approves the next step reads.
    pub step: Option<StepPackage>,
    /// Digest of `step`, to be named when approving.
    pub step_digest: Option<Digest>,
    /// When the next rollback drill is due.
    pub drill_due: Option<Timestamp>,
}

/// One deployment.
///
/// # Errors
/// There is none, or the storage failed.
pub async fn find(app: &App, model: &ModelName, market: &Market) -> Result<std::sync::Arc<Deployment>, Problem> {
    app.deployment(model, market)
        .await?
        .ok_or_else(|| Problem::not_found(format!("No version of {model} has seen traffic of {market} yet.")))
}

/// What serves a model's users in a market, and what its rollout waits for.
#[utoipa::path(get, path = "/rollouts/{model}/{market}", tag = "Rollouts", operation_id = "show_rollout",
    params(("model" = String, Path), ("market" = String, Path)),
    responses((status = 200, body = DeploymentView), (status = "4XX", body = Problem)))]
pub async fn show(
    State(app): State<App>,
    asker: Asker,
    PlacePath { model, market }: PlacePath,
) -> Result<Json<DeploymentView>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let deployment = find(&app, &model, &market).await?;
    let policy = app.policy().await?;
    let rules = policy.policy.markets.get(&market).and_then(|market| market.rollout.as_ref());
    let standing = app.standing(&deployment).await?;
    let requirements =
        deployment.rollout.as_ref().map(|rollout| clock::requirements(rollout, rules, standing, app.clock.now()));
    let step = StepPackage::of(&deployment, policy.digest);
    Ok(Json(DeploymentView {
        routing: Routing::of(&deployment),
        requirements: requirements.unwrap_or_default(),
        step_digest: step.as_ref().map(StepPackage::digest),
        step,
        drill_due: drill_due(&deployment, &policy.policy),
        deployment: Deployment::clone(&deployment),
    }))
}

/// Seals a command about a deployment.
async fn seal(
    app: &App,
    asker: Asker,
    place: PlacePath,
    headers: &WriteHeaders,
    digest: Digest,
    command: ServingCommand,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::Serve(place.model, place.market, command));
    Ok(Json(headers.seal(app, order, digest).await?))
}

/// Reports a window of traffic. It is judged by the market's guardrails; what follows is in the receipt.
#[utoipa::path(post, path = "/rollouts/{model}/{market}/observations", tag = "Rollouts", operation_id = "observe_rollout",
    params(("model" = String, Path), ("market" = String, Path)), request_body = Observe,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn observe(
    State(app): State<App>,
    asker: Asker,
    place: PlacePath,
    headers: WriteHeaders,
    body: Body<Observe>,
) -> Result<Json<Receipt>, Problem> {
    seal(&app, asker, place, &headers, body.digest, ServingCommand::Observe(body.value)).await
}

/// Stops the rollout where it is.
#[utoipa::path(post, path = "/rollouts/{model}/{market}/hold", tag = "Rollouts", operation_id = "hold_rollout",
    params(("model" = String, Path), ("market" = String, Path)), request_body = Reason,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn hold(
    State(app): State<App>,
    asker: Asker,
    place: PlacePath,
    headers: WriteHeaders,
    body: Body<Reason>,
) -> Result<Json<Receipt>, Problem> {
    seal(&app, asker, place, &headers, body.digest, ServingCommand::Hold(body.value)).await
}

/// Lets a held rollout go on.
#[utoipa::path(post, path = "/rollouts/{model}/{market}/resume", tag = "Rollouts", operation_id = "resume_rollout",
    params(("model" = String, Path), ("market" = String, Path)), request_body = Reason,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn resume(
    State(app): State<App>,
    asker: Asker,
    place: PlacePath,
    headers: WriteHeaders,
    body: Body<Reason>,
) -> Result<Json<Receipt>, Problem> {
    seal(&app, asker, place, &headers, body.digest, ServingCommand::Resume(body.value)).await
}

/// Takes the version that is rolled out, or the champion, out of the market.
#[utoipa::path(post, path = "/rollouts/{model}/{market}/rollback", tag = "Rollouts", operation_id = "roll_back",
    params(("model" = String, Path), ("market" = String, Path)), request_body = RollBack,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn roll_back(
    State(app): State<App>,
    asker: Asker,
    place: PlacePath,
    headers: WriteHeaders,
    body: Body<RollBack>,
) -> Result<Json<Receipt>, Problem> {
    seal(&app, asker, place, &headers, body.digest, ServingCommand::RollBack(body.value)).await
}

/// Reports the health of the warm standby.
#[utoipa::path(post, path = "/rollouts/{model}/{market}/standby", tag = "Rollouts", operation_id = "report_standby",
    params(("model" = String, Path), ("market" = String, Path)), request_body = ReportStandby,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn report_standby(
    State(app): State<App>,
    asker: Asker,
    place: PlacePath,
    headers: WriteHeaders,
    body: Body<ReportStandby>,
) -> Result<Json<Receipt>, Problem> {
    seal(&app, asker, place, &headers, body.digest, ServingCommand::ReportStandby(body.value)).await
}

/// Begins a rollback drill.
#[utoipa::path(post, path = "/rollouts/{model}/{market}/drills", tag = "Rollouts", operation_id = "start_drill",
    params(("model" = String, Path), ("market" = String, Path)), request_body = StartDrill,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn start_drill(
    State(app): State<App>,
    asker: Asker,
    place: PlacePath,
    headers: WriteHeaders,
    body: Body<StartDrill>,
) -> Result<Json<Receipt>, Problem> {
    seal(&app, asker, place, &headers, body.digest, ServingCommand::StartDrill(body.value)).await
}

/// Ends the drill by hand.
#[utoipa::path(post, path = "/rollouts/{model}/{market}/drills/finish", tag = "Rollouts", operation_id = "finish_drill",
    params(("model" = String, Path), ("market" = String, Path)), request_body = FinishDrill,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn finish_drill(
    State(app): State<App>,
    asker: Asker,
    place: PlacePath,
    headers: WriteHeaders,
    body: Body<FinishDrill>,
) -> Result<Json<Receipt>, Problem> {
    seal(&app, asker, place, &headers, body.digest, ServingCommand::FinishDrill(body.value)).await
}

/// Uses the kill switch in this market.
#[utoipa::path(post, path = "/rollouts/{model}/{market}/kill", tag = "Rollouts", operation_id = "kill_market",
    params(("model" = String, Path), ("market" = String, Path)), request_body = Kill,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn kill(
    State(app): State<App>,
    asker: Asker,
    place: PlacePath,
    headers: WriteHeaders,
    body: Body<Kill>,
) -> Result<Json<Receipt>, Problem> {
    app.check_known(&place.model, &place.market).await?;
    seal(&app, asker, place, &headers, body.digest, ServingCommand::Kill(body.value)).await
}

/// A review with the proof of identity that it asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewKillBody {
    /// The reviewer's password, once more; refused without it. Never stored, never logged.
    #[schema(format = Password, required)]
    #[serde(default)]
    password: String,
    /// What the review found; at most 4,000 characters.
    text: String,
    /// Whether the model may serve again.
    may_lift: bool,
}

/// Reviews the use of the kill switch.
#[utoipa::path(post, path = "/rollouts/{model}/{market}/kill/review", tag = "Rollouts", operation_id = "review_kill",
    params(("model" = String, Path), ("market" = String, Path)), request_body = ReviewKillBody,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn review_kill(
    State(app): State<App>,
    asker: Asker,
    place: PlacePath,
    headers: WriteHeaders,
    body: Body<ReviewKillBody>,
) -> Result<Json<Receipt>, Problem> {
    asker.may(&app, Action::ReviewKill).await?;
    let ReviewKillBody { password, text, may_lift } = body.value;
    let review = ReviewKill { text, may_lift };
    let digest = digest_of(&review);
    let command = Command::Serve(place.model, place.market, ServingCommand::ReviewKill(review));
    Ok(Json(seal_proven(&app, &headers, asker.caller, &password, (command, digest)).await?))
}

/// Lifts the kill switch after its review.
#[utoipa::path(post, path = "/rollouts/{model}/{market}/kill/lift", tag = "Rollouts", operation_id = "lift_kill",
    params(("model" = String, Path), ("market" = String, Path)), request_body = Reason,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn lift_kill(
    State(app): State<App>,
    asker: Asker,
    place: PlacePath,
    headers: WriteHeaders,
    body: Body<Reason>,
) -> Result<Json<Receipt>, Problem> {
    seal(&app, asker, place, &headers, body.digest, ServingCommand::LiftKill(body.value)).await
}

/// Says that a serving system routes by a revision; the time since its decision is recorded.
#[utoipa::path(post, path = "/routing/{model}/{market}/applied", tag = "Rollouts", operation_id = "routing_applied",
    params(("model" = String, Path), ("market" = String, Path)), request_body = Applied,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn applied(
    State(app): State<App>,
    asker: Asker,
    place: PlacePath,
    headers: WriteHeaders,
    body: Body<Applied>,
) -> Result<Json<Receipt>, Problem> {
    seal(&app, asker, place, &headers, body.digest, ServingCommand::Applied(body.value)).await
}

/// An approval with the proof of identity that it asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveBody {
    /// The signer's password, once more; refused without it. Never stored, never logged.
    #[schema(format = Password, required)]
    #[serde(default)]
    password: String,
    /// The version that is rolled out.
    version: domain::VersionNumber,
    /// The meaning, word for word as the policy states it.
    meaning: String,
    /// Digest of the step as it was read.
    package: Digest,
    /// What the signer adds; at most 4,000 characters.
    #[serde(default)]
    comment: String,
}

/// Seals the approval of a step after its proof of identity.
///
/// # Errors
/// The password is wrong, a rule refuses, or the storage failed.
pub async fn seal_approval(
    app: &App,
    headers: &WriteHeaders,
    caller: Caller,
    place: PlacePath,
    password: &str,
    body: ApproveStep,
) -> Result<Receipt, Problem> {
    let digest = digest_of(&body);
    let command = Command::Serve(place.model, place.market, ServingCommand::Approve(body));
    seal_proven(app, headers, caller, password, (command, digest)).await
}

/// Approves the next step of a rollout, where policy asks a person.
#[utoipa::path(post, path = "/rollouts/{model}/{market}/approve", tag = "Rollouts", operation_id = "approve_step",
    params(("model" = String, Path), ("market" = String, Path)), request_body = ApproveBody,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn approve(
    State(app): State<App>,
    asker: Asker,
    place: PlacePath,
    headers: WriteHeaders,
    body: Body<ApproveBody>,
) -> Result<Json<Receipt>, Problem> {
    asker.may(&app, Action::SignOff).await?;
    let ApproveBody { password, version, meaning, package, comment } = body.value;
    let step = ApproveStep { version, meaning, package, comment };
    Ok(Json(seal_approval(&app, &headers, asker.caller, place, &password, step).await?))
}

/// What came of the kill switch, market by market.
#[derive(Debug, Serialize, ToSchema)]
pub struct KillOutcome {
    /// The market.
    pub market: String,
    /// The receipt, where it was used.
    pub receipt: Option<Receipt>,
    /// Why not, elsewhere.
    pub problem: Option<Problem>,
}

/// Uses the kill switch in every market of a model.
#[utoipa::path(post, path = "/models/{model}/kill", tag = "Rollouts", operation_id = "kill_model",
    params(("model" = String, Path)), request_body = Kill,
    responses((status = 200, body = Vec<KillOutcome>), (status = "4XX", body = Problem)))]
pub async fn kill_model(
    State(app): State<App>,
    asker: Asker,
    crate::http::extract::Path(model): crate::http::extract::Path<String>,
    body: Body<Kill>,
) -> Result<Json<Vec<KillOutcome>>, Problem> {
    let model: ModelName = model.parse().map_err(|error| Problem::not_found(format!("{error}")))?;
    let outcomes: Vec<KillOutcome> = app
        .kill(&asker.caller, &model, None, &body.value)
        .await?
        .into_iter()
        .map(|killed| match killed.outcome {
            Ok(receipt) => KillOutcome { market: killed.market.to_string(), receipt: Some(receipt), problem: None },
            Err(error) => KillOutcome { market: killed.market.to_string(), receipt: None, problem: Some(error.into()) },
        })
        .collect();
    // Refused everywhere is refused.
    match outcomes.iter().find_map(|outcome| outcome.problem.clone()) {
        Some(problem) if outcomes.iter().all(|outcome| outcome.receipt.is_none()) => Err(problem),
        _ => Ok(Json(outcomes)),
    }
}
