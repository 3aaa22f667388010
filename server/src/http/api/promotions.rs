//! Promotions: ask, see what is missing, withdraw, decline, sign.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    Command, Market, Stage, VersionId,
    access::Action,
    account::Role,
    approval::Package,
    command::{DeclinePromotion, RequestPromotion, SignPromotion},
    promotion::{Question, Requirement},
};
use ledger::Digest;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::versions::find;
use crate::{
    http::{
        extract::{App, Asker, Body, Params, Path, VersionPath, WriteHeaders},
        problem::Problem,
    },
    seal::{Caller, Order, Receipt},
    service::Shelf,
};

/// Asks for promotion to the next stage. Where nothing is missing, the transition follows at once.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/promotions", tag = "Promotions", operation_id = "request_promotion",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = RequestPromotion,
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn request(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    headers: WriteHeaders,
    body: Body<RequestPromotion>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    let order = Order::new(asker.caller, Command::RequestPromotion(id, body.value));
    Ok((StatusCode::CREATED, Json(headers.seal(&app, order, body.digest).await?)))
}

/// Which promotion is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StepParams {
    /// The stage to enter; the next one, if left out.
    to: Option<Stage>,
    /// The market, from Shadow on.
    market: Option<Market>,
}

/// What stands between a version and a stage.
#[derive(Debug, Serialize, ToSchema)]
pub struct Requirements {
    /// Where the version stands.
    pub from: Stage,
    /// The stage to enter.
    pub to: Stage,
    /// The market.
    pub market: Option<Market>,
    /// Whether nothing is missing.
    pub ready: bool,
    /// Every requirement, met or not.
    pub requirements: Vec<Requirement>,
}

/// The question of a promotion, on the state of a shelf.
pub fn question<'s>(app: &App, shelf: &'s Shelf, to: Stage, market: Option<&'s Market>) -> Question<'s> {
    shelf.question(to, market, app.clock.now())
}

/// Exactly what is missing for the next stage, and who can supply it.
#[utoipa::path(get, path = "/models/{model}/versions/{version}/requirements", tag = "Promotions", operation_id = "promotion_requirements",
    params(("model" = String, Path), ("version" = u32, Path), StepParams),
    responses((status = 200, body = Requirements), (status = "4XX", body = Problem)))]
pub async fn requirements(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    Params(params): Params<StepParams>,
) -> Result<Json<Requirements>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let shelf = find(&app, &id).await?;
    let from = shelf.version.stage_in(params.market.as_ref());
    let to = params.to.or(from.next()).ok_or_else(|| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "stage.order",
            "A rule says no",
            format!("There is no stage after {from}."),
        )
    })?;
    let question = question(&app, &shelf, to, params.market.as_ref());
    question.check_order()?;
    let requirements = question.requirements()?;
    let ready = requirements.iter().all(|requirement| requirement.met);
    Ok(Json(Requirements { from, to, market: params.market, ready, requirements }))
}

/// What a signer reads.
#[derive(Debug, Serialize, ToSchema)]
pub struct PackageView {
    /// Digest of the whole, to be named when signing.
    pub digest: Digest,
    /// Digest of each part.
    pub part_digests: std::collections::BTreeMap<String, Digest>,
    /// The parts.
    #[schema(value_type = Object)]
    pub parts: std::collections::BTreeMap<String, serde_json::Value>,
}

/// The package of an open request, as it stands.
#[utoipa::path(get, path = "/models/{model}/versions/{version}/promotions/{number}/package", tag = "Promotions", operation_id = "promotion_package",
    params(("model" = String, Path), ("version" = u32, Path), ("number" = u32, Path)),
    responses((status = 200, body = PackageView), (status = "4XX", body = Problem)))]
pub async fn package(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
) -> Result<Json<PackageView>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let shelf = find(&app, &id).await?;
    let request = shelf
        .version
        .request(number)
        .ok_or_else(|| Problem::not_found(format!("{id} has no promotion request {number}.")))?;
    let package = Package::of(&question(&app, &shelf, request.to, request.market.as_ref()));
    Ok(Json(PackageView { digest: package.digest(), part_digests: package.part_digests(), parts: package.parts }))
}

/// Takes an open request back.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/promotions/{number}/withdraw", tag = "Promotions", operation_id = "withdraw_promotion",
    params(("model" = String, Path), ("version" = u32, Path), ("number" = u32, Path)),
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn withdraw(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    headers: WriteHeaders,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::WithdrawPromotion(id, number));
    Ok(Json(headers.seal(&app, order, Digest::of(b"")).await?))
}

/// Turns an open request down.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/promotions/{number}/decline", tag = "Promotions", operation_id = "decline_promotion",
    params(("model" = String, Path), ("version" = u32, Path), ("number" = u32, Path)), request_body = DeclinePromotion,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn decline(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    headers: WriteHeaders,
    body: Body<DeclinePromotion>,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::DeclinePromotion(id, number, body.value));
    Ok(Json(headers.seal(&app, order, body.digest).await?))
}

/// A signature with the proof of identity that it asks for.
///
/// The fields of [`SignPromotion`] are spelt out, because serde lets unknown fields pass where one struct is flattened
/// into another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignBody {
    /// The signer's password, once more; refused without it. Never stored, never logged.
    #[schema(format = Password, required)]
    #[serde(default)]
    password: String,
    /// The role in which.
    role: Role,
    /// The meaning, word for word as the policy states it for this role.
    meaning: String,
    /// Digest of the package that was read.
    package: Digest,
    /// Digests of its parts as they were read: if the package changed meanwhile, the refusal names those that did.
    #[serde(default)]
    parts: BTreeMap<String, Digest>,
    /// What the signer adds; at most 4,000 characters.
    #[serde(default)]
    comment: String,
}

/// Seals a command that needs its person's password once more. `digest` is that of what was asked, without the password.
/// Without a password, such as from a terminal, the command is decided unproven: the rule refuses and says what it needs.
///
/// # Errors
/// The password is wrong, a rule refuses, or the storage failed.
pub async fn seal_proven(
    app: &App,
    headers: &WriteHeaders,
    caller: Caller,
    password: &str,
    (command, digest): (Command, Digest),
) -> Result<Receipt, Problem> {
    headers.seal(app, app.prove(caller, password).await?.order(command), digest).await
}

/// Digest of what somebody signs, for idempotency.
pub fn digest_of(body: &impl Serialize) -> Digest {
    ledger::canonical_json(body).map_or_else(|_| Digest::of(b""), |bytes| Digest::of(&bytes))
}

/// Seals a signature after its proof of identity.
///
/// # Errors
/// The password is wrong, a rule refuses, or the storage failed.
pub async fn seal_signature(
    app: &App,
    headers: &WriteHeaders,
    caller: Caller,
    id: VersionId,
    number: u32,
    password: &str,
    sign: SignPromotion,
) -> Result<Receipt, Problem> {
    let digest = digest_of(&sign);
    seal_proven(app, headers, caller, password, (Command::SignPromotion(id, number, sign), digest)).await
}

/// Signs an open request. Where nothing is missing then, the transition follows at once.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/promotions/{number}/sign", tag = "Promotions", operation_id = "sign_promotion",
    params(("model" = String, Path), ("version" = u32, Path), ("number" = u32, Path)), request_body = SignBody,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn sign(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    headers: WriteHeaders,
    body: Body<SignBody>,
) -> Result<Json<Receipt>, Problem> {
    asker.may(&app, Action::SignOff).await?;
    let SignBody { password, role, meaning, package, parts, comment } = body.value;
    let sign = SignPromotion { role, meaning, package, parts, comment };
    Ok(Json(seal_signature(&app, &headers, asker.caller, id, number, &password, sign).await?))
}
