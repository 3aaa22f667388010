//! Impact assessments and safeguards.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    Command, ModelName,
    access::Action,
    privacy::{
        PrivacyFile, Step,
        cnil::{self, Unplaced},
        command::{AdviseDpia, ApproveDpia, ConfirmSafeguards, PrivacyCommand, RecordConsultation, ReopenDpia},
        dpia::Content,
        policy::{Retention, retention},
        safeguards::Article22,
    },
};
use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    models::{MAX_PAGE, model_name},
    promotions::{digest_of, seal_proven},
};
use crate::{
    http::{
        extract::{App, Asker, Body, Params, Path, WriteHeaders},
        problem::Problem,
    },
    privacy,
    seal::{Caller, Order, Receipt},
    views::privacy::safeguards_state,
};

/// A page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// The `next` of the page before.
    cursor: Option<u64>,
    /// At most so many, up to 200.
    limit: Option<u64>,
}

/// How one assessment stands.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DpiaSummary {
    /// The model.
    pub model: String,
    /// What it waits for: `write`, `advise`, `consult`, `approve` or `done`.
    pub step: String,
    /// Whether an approved assessment is in force.
    pub in_force: bool,
    /// When the approved one must be looked at again.
    #[schema(value_type = Option<String>)]
    pub review_at: Option<Timestamp>,
    /// The Art. 22 statement: `none`, `incomplete`, `stated` or `confirmed`.
    pub safeguards: String,
}

/// One page of the assessments.
#[derive(Debug, Serialize, ToSchema)]
pub struct DpiaPage {
    /// The assessments.
    pub assessments: Vec<DpiaSummary>,
    /// How many there are in all.
    pub total: u64,
    /// Cursor of the next page, if there is one.
    pub next: Option<u64>,
}

/// Lists impact assessments.
#[utoipa::path(get, path = "/dpias", tag = "Privacy", operation_id = "list_dpias", params(PageParams),
    responses((status = 200, body = DpiaPage), (status = "4XX", body = Problem)))]
pub async fn list(
    State(app): State<App>,
    asker: Asker,
    Params(params): Params<PageParams>,
) -> Result<Json<DpiaPage>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let (limit, offset) = (params.limit.unwrap_or(50).clamp(1, MAX_PAGE), params.cursor.unwrap_or(0));
    let now = app.clock.now();
    let (rows, total) = app.store.dpias(offset, limit).await?;
    let assessments = rows
        .into_iter()
        .map(|row| DpiaSummary {
            in_force: row.in_force && row.review_at.is_none_or(|at| now < at),
            model: row.model,
            step: row.step,
            review_at: row.review_at,
            safeguards: row.safeguards,
        })
        .collect();
    Ok(Json(DpiaPage { assessments, total, next: Some(offset.saturating_add(limit)).filter(|next| *next < total) }))
}

/// How a model's assessment stands, for a pipeline that asks before it deploys. Of a model on which nothing is written
/// it says that it is to be written.
#[utoipa::path(get, path = "/models/{model}/dpia/status", tag = "Privacy", operation_id = "dpia_status", params(("model" = String, Path)),
    responses((status = 200, body = DpiaSummary), (status = "4XX", body = Problem)))]
pub async fn status(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
) -> Result<Json<DpiaSummary>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let name = model_name(&model)?;
    let file = match app.privacy_file(&name).await? {
        Some(file) => PrivacyFile::clone(&file),
        None if app.model(&name).await?.is_some() => PrivacyFile::new(name),
        None => return Err(Problem::not_found(format!("No model {name} is registered."))),
    };
    let now = app.clock.now();
    let policy = app.policy().await?;
    let step = policy.policy.privacy.as_ref().map_or(Step::Write, |rules| file.step(rules));
    Ok(Json(DpiaSummary {
        model: file.model.to_string(),
        step: step.id().to_owned(),
        in_force: file.approved.as_ref().is_some_and(|approved| approved.holds(now)),
        review_at: file.approved.as_ref().map(|approved| approved.review_at),
        safeguards: safeguards_state(&file).to_owned(),
    }))
}

/// The privacy file of a model, or the problem that says there is none.
async fn file_of(app: &App, model: &ModelName) -> Result<std::sync::Arc<PrivacyFile>, Problem> {
    let file = app.privacy_file(model).await?;
    file.ok_or_else(|| Problem::not_found(format!("Nothing is recorded yet on the privacy of {model}.")))
}

async fn seal(
    app: &App,
    headers: &WriteHeaders,
    caller: Caller,
    command: PrivacyCommand,
    body: Digest,
) -> Result<Json<Receipt>, Problem> {
    Ok(Json(headers.seal(app, Order::new(caller, Command::Privacy(command)), body).await?))
}

/// Shows a model's privacy file: assessment, advice, approval, safeguards.
#[utoipa::path(get, path = "/models/{model}/dpia", tag = "Privacy", operation_id = "show_dpia", params(("model" = String, Path)),
    responses((status = 200, body = PrivacyFile), (status = "4XX", body = Problem)))]
pub async fn show(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
) -> Result<Json<PrivacyFile>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    Ok(Json(PrivacyFile::clone(&*file_of(&app, &model_name(&model)?).await?)))
}

/// Writes the whole assessment anew. A draft may be incomplete.
#[utoipa::path(put, path = "/models/{model}/dpia", tag = "Privacy", operation_id = "draft_dpia", params(("model" = String, Path)),
    request_body = Content, responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn draft(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<Content>,
) -> Result<Json<Receipt>, Problem> {
    let command = PrivacyCommand::DraftDpia(model_name(&model)?, Box::new(body.value));
    seal(&app, &headers, asker.caller, command, body.digest).await
}

/// Gives the DPO's advice on the content (Art. 35(2)).
#[utoipa::path(post, path = "/models/{model}/dpia/advice", tag = "Privacy", operation_id = "advise_dpia", params(("model" = String, Path)),
    request_body = AdviseDpia, responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn advise(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<AdviseDpia>,
) -> Result<Json<Receipt>, Problem> {
    let command = PrivacyCommand::AdviseDpia(model_name(&model)?, body.value);
    seal(&app, &headers, asker.caller, command, body.digest).await
}

/// Records a prior consultation of the supervisory authority (Art. 36).
#[utoipa::path(post, path = "/models/{model}/dpia/consultation", tag = "Privacy", operation_id = "record_consultation",
    params(("model" = String, Path)), request_body = RecordConsultation,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn consult(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<RecordConsultation>,
) -> Result<Json<Receipt>, Problem> {
    let command = PrivacyCommand::RecordConsultation(model_name(&model)?, body.value);
    seal(&app, &headers, asker.caller, command, body.digest).await
}

/// An approval with the proof of identity that it asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveBody {
    /// The approver's password, once more; refused without it. Never stored, never logged.
    #[schema(format = Password, required)]
    #[serde(default)]
    password: String,
    /// Digest of the content that was read.
    content: Digest,
    /// The meaning, word for word as the policy states it.
    meaning: String,
    /// What the approver adds; at most 4,000 characters.
    #[serde(default)]
    comment: String,
    /// Months until it is looked at again; the policy's longest, if left out.
    review_months: Option<u32>,
}

/// Seals an approval after its proof of identity.
///
/// # Errors
/// The password is wrong, a rule refuses, or the storage failed.
pub async fn seal_approval(
    app: &App,
    headers: &WriteHeaders,
    caller: Caller,
    model: ModelName,
    password: &str,
    body: ApproveDpia,
) -> Result<Receipt, Problem> {
    let digest = digest_of(&body);
    let command = Command::Privacy(PrivacyCommand::ApproveDpia(model, body));
    seal_proven(app, headers, caller, password, (command, digest)).await
}

/// Approves the content. The signature covers its digest.
#[utoipa::path(post, path = "/models/{model}/dpia/approve", tag = "Privacy", operation_id = "approve_dpia", params(("model" = String, Path)),
    request_body = ApproveBody, responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn approve(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<ApproveBody>,
) -> Result<Json<Receipt>, Problem> {
    asker.may(&app, Action::DecidePrivacy).await?;
    let ApproveBody { password, content, meaning, comment, review_months } = body.value;
    let approve = ApproveDpia { content, meaning, comment, review_months };
    Ok(Json(seal_approval(&app, &headers, asker.caller, model_name(&model)?, &password, approve).await?))
}

/// Says that the risk changed (Art. 35(11)): the approval loses its force.
#[utoipa::path(post, path = "/models/{model}/dpia/reopen", tag = "Privacy", operation_id = "reopen_dpia", params(("model" = String, Path)),
    request_body = ReopenDpia, responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn reopen(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<ReopenDpia>,
) -> Result<Json<Receipt>, Problem> {
    let command = PrivacyCommand::ReopenDpia(model_name(&model)?, body.value);
    seal(&app, &headers, asker.caller, command, body.digest).await
}

/// What an import became.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportAnswer {
    /// The proof that the draft was sealed.
    pub receipt: Receipt,
    /// What of the file has no place here.
    pub unplaced: Vec<UnplacedView>,
}

/// Something that has no place.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct UnplacedView {
    /// Where it stands in the file.
    pub place: String,
    /// Why it was not taken over.
    pub why: String,
}

impl From<Unplaced> for UnplacedView {
    fn from(unplaced: Unplaced) -> Self {
        Self { place: unplaced.place, why: unplaced.why }
    }
}

/// Takes over a file of the CNIL's PIA tool as the draft, and lists what it could not place. Scope and justified
/// features of an earlier draft stay.
#[utoipa::path(post, path = "/models/{model}/dpia/cnil", tag = "Privacy", operation_id = "import_dpia", params(("model" = String, Path)),
    request_body(content = String, content_type = "application/json"),
    responses((status = 201, body = ImportAnswer), (status = "4XX", body = Problem)))]
pub async fn import(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Bytes,
) -> Result<(StatusCode, Json<ImportAnswer>), Problem> {
    asker.may(&app, Action::DraftPrivacy).await?;
    let text = std::str::from_utf8(&body).map_err(|_| Problem::bad_request("The file is not UTF-8 text."))?;
    let (command, unplaced) = privacy::import_cnil(&app, &model_name(&model)?, text).await??;
    let Json(receipt) = seal(&app, &headers, asker.caller, command, Digest::of(&body)).await?;
    let unplaced = unplaced.into_iter().map(UnplacedView::from).collect();
    Ok((StatusCode::CREATED, Json(ImportAnswer { receipt, unplaced })))
}

/// The assessment as a file that the CNIL's PIA tool reads.
#[utoipa::path(get, path = "/models/{model}/dpia/cnil", tag = "Privacy", operation_id = "export_dpia", params(("model" = String, Path)),
    responses((status = 200, content_type = "application/json"), (status = "4XX", body = Problem)))]
pub async fn export(State(app): State<App>, asker: Asker, Path(model): Path<String>) -> Result<Response, Problem> {
    asker.may(&app, Action::Export).await?;
    let name = model_name(&model)?;
    let file = file_of(&app, &name).await?;
    let title = app.model(&name).await?.map_or_else(|| name.to_string(), |model| model.title.clone());
    let exported = cnil::export(&file, &title, app.clock.now());
    let exported = exported.ok_or_else(|| Problem::not_found(format!("No impact assessment of {name} is begun.")))?;
    let disposition = format!("attachment; filename=\"dpia-{name}.json\"");
    Ok(([(header::CONTENT_DISPOSITION, disposition)], Json(exported)).into_response())
}

/// States what Art. 22 asks of the model.
#[utoipa::path(put, path = "/models/{model}/safeguards", tag = "Privacy", operation_id = "state_safeguards", params(("model" = String, Path)),
    request_body = Article22, responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn state(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<Article22>,
) -> Result<Json<Receipt>, Problem> {
    let command = PrivacyCommand::StateSafeguards(model_name(&model)?, Box::new(body.value));
    seal(&app, &headers, asker.caller, command, body.digest).await
}

/// Confirms the statement under Art. 22.
#[utoipa::path(post, path = "/models/{model}/safeguards/confirm", tag = "Privacy", operation_id = "confirm_safeguards",
    params(("model" = String, Path)), request_body = ConfirmSafeguards,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn confirm(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<ConfirmSafeguards>,
) -> Result<Json<Receipt>, Problem> {
    let command = PrivacyCommand::ConfirmSafeguards(model_name(&model)?, body.value);
    seal(&app, &headers, asker.caller, command, body.digest).await
}

/// For how long the records of a model are kept: the longest rule wins.
#[utoipa::path(get, path = "/models/{model}/retention", tag = "Privacy", operation_id = "show_retention", params(("model" = String, Path)),
    responses((status = 200, body = Retention), (status = "4XX", body = Problem)))]
pub async fn keeping(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
) -> Result<Json<Retention>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let name = model_name(&model)?;
    let model = app.model(&name).await?.ok_or_else(|| Problem::not_found(format!("No model {name} is registered.")))?;
    Ok(Json(retention(&app.policy().await?.policy, &model)))
}
