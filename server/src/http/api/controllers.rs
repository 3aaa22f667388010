//! Gates for rollout controllers: Flagger's webhooks and Argo Rollouts' web metric, answered from what stands now.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{
    Command, VersionNumber,
    access::Action,
    deployment::{Check, Deployment, ServingCommand, command::AskGate, gate},
};
use ledger::Digest;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::rollouts::find;
use crate::{
    http::{
        extract::{App, Asker, Body, Params, Path, PlacePath, WriteHeaders},
        problem::Problem,
    },
    seal::Order,
};

/// What Flagger posts. Other fields are left alone.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct FlaggerHook {
    /// Name of the Canary object.
    #[serde(default)]
    pub name: String,
    /// Its namespace.
    #[serde(default)]
    pub namespace: String,
    /// Its phase, such as `Progressing`.
    #[serde(default)]
    pub phase: String,
    /// What the webhook's definition adds. `version` names the version that is asked about; `eventMessage` is recorded.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// An answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GateAnswer {
    /// Yes or no. For `rollback`, yes means: roll back.
    pub yes: bool,
    /// Why.
    pub reason: String,
    /// The entry that records this answer: a new one, or the one that it repeats.
    pub entry: Option<u64>,
}

/// Answers a check and records the answer as the rule of `domain::deployment::gate` says.
async fn ask(
    app: &App,
    asker: &Asker,
    place: PlacePath,
    check: Check,
    version: Option<VersionNumber>,
    message: String,
) -> Result<(GateAnswer, Arc<Deployment>), Problem> {
    asker.may(app, Action::ReportServing).await?;
    let command = ServingCommand::Ask(AskGate { check, version, message });
    let order = Order::new(asker.caller.clone(), Command::Serve(place.model.clone(), place.market.clone(), command));
    let receipt = WriteHeaders::default().seal(app, order, Digest::of(b"")).await?;
    let deployment = find(app, &place.model, &place.market).await?;
    // What was decided is what its entry, or the earlier one that it repeats, holds: it is not judged a second time.
    let answer = match gate::told(&deployment, check, version) {
        Some(told) if check == Check::Event => GateAnswer {
            yes: told.yes,
            reason: "Recorded.".into(),
            entry: receipt.entries.last().map(|entry| entry.seq),
        },
        Some(told) => GateAnswer { yes: told.yes, reason: told.reason.clone(), entry: Some(told.entry) },
        // Somebody asked about another unknown version in the same moment; nothing goes forward for those.
        None => GateAnswer { yes: false, reason: UNKNOWN.into(), entry: receipt.entries.last().map(|entry| entry.seq) },
    };
    Ok((answer, deployment))
}

/// What is said of a version that the market does not know.
const UNKNOWN: &str = "The version has not entered Canary in this market.";

/// A Flagger webhook: `confirm-rollout`, `confirm-promotion`, `rollback` or `event`. 200 is yes, 409 is no; for
/// `rollback`, 200 means: roll back.
#[utoipa::path(post, path = "/rollouts/{model}/{market}/flagger/{hook}", tag = "Routing", operation_id = "flagger_hook",
    params(("model" = String, Path), ("market" = String, Path), ("hook" = String, Path)), request_body = FlaggerHook,
    responses((status = 200, body = GateAnswer), (status = 409, body = GateAnswer), (status = "4XX", body = Problem)))]
pub async fn flagger(
    State(app): State<App>,
    asker: Asker,
    place: PlacePath,
    Path((_, _, hook)): Path<(String, String, String)>,
    body: Body<FlaggerHook>,
) -> Result<Response, Problem> {
    let check: Check = hook.parse().map_err(|error| Problem::not_found(format!("{error}")))?;
    let FlaggerHook { name, namespace, phase, metadata } = body.value;
    let version = match metadata.get("version") {
        None => None,
        Some(text) => {
            let number = text.trim_start_matches('v').parse();
            Some(number.map_err(|error| Problem::bad_request(format!("metadata.version: {error}")))?)
        }
    };
    let told = metadata.get("eventMessage").map_or("", String::as_str);
    let message: String = format!("{namespace}/{name} {phase}: {told}")
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(500)
        .collect();
    let (answer, _) = ask(&app, &asker, place, check, version, message).await?;
    let status = if answer.yes { StatusCode::OK } else { StatusCode::CONFLICT };
    Ok((status, Json(answer)).into_response())
}

/// What an Argo analysis asks about.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ArgoParams {
    /// The version; the one on its way in, if left out.
    version: Option<VersionNumber>,
}

/// What an Argo analysis reads, such as `jsonPath: "{$.ok}"` with `successCondition: result == true`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ArgoMetric {
    /// Whether the analysis is still good.
    pub ok: bool,
    /// 1 or 0, the same as a number.
    pub value: u8,
    /// Whether the version must be rolled back.
    pub rollback: bool,
    /// The version's share of users by Countersign, in percent.
    pub weight: u8,
    /// Why.
    pub reason: String,
}

/// The web metric of an Argo Rollouts analysis.
#[utoipa::path(get, path = "/rollouts/{model}/{market}/argo", tag = "Routing", operation_id = "argo_metric",
    params(("model" = String, Path), ("market" = String, Path), ArgoParams),
    responses((status = 200, body = ArgoMetric), (status = "4XX", body = Problem)))]
pub async fn argo(
    State(app): State<App>,
    asker: Asker,
    place: PlacePath,
    Params(params): Params<ArgoParams>,
) -> Result<Json<ArgoMetric>, Problem> {
    let (answer, deployment) = ask(&app, &asker, place, Check::ArgoMetric, params.version, String::new()).await?;
    let routing = domain::deployment::Routing::of(&deployment);
    let meant = params.version.or(deployment.rollout.as_ref().map(|rollout| rollout.artifact.version));
    let weight = routing.targets.iter().find(|target| Some(target.version) == meant).map_or(0, |target| target.weight);
    Ok(Json(ArgoMetric {
        ok: answer.yes,
        value: u8::from(answer.yes),
        rollback: gate::answer(&deployment, Check::Rollback, params.version, &[]).yes,
        weight,
        reason: answer.reason,
    }))
}
