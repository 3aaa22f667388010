//! Validation: the report, and findings from being raised to verified closure.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    Command,
    command::{FindingNote, RaiseFinding, RecordReport},
};

use crate::{
    http::{
        extract::{App, Asker, Body, Path, VersionPath, WriteHeaders},
        problem::Problem,
    },
    seal::{Order, Receipt},
};

/// Records the independent validation report; a later one takes its place.
#[utoipa::path(put, path = "/models/{model}/versions/{version}/validation", tag = "Validation", operation_id = "record_validation",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = RecordReport,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn record(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    headers: WriteHeaders,
    body: Body<RecordReport>,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::RecordReport(id, body.value));
    Ok(Json(headers.seal(&app, order, body.digest).await?))
}

/// Raises a finding.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/findings", tag = "Validation", operation_id = "raise_finding",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = RaiseFinding,
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn raise(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    headers: WriteHeaders,
    body: Body<RaiseFinding>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    let order = Order::new(asker.caller, Command::RaiseFinding(id, body.value));
    Ok((StatusCode::CREATED, Json(headers.seal(&app, order, body.digest).await?)))
}

/// Says that a finding is mended.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/findings/{number}/remediate", tag = "Validation", operation_id = "remediate_finding",
    params(("model" = String, Path), ("version" = u32, Path), ("number" = u32, Path)), request_body = FindingNote,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn remediate(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    headers: WriteHeaders,
    body: Body<FindingNote>,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::RemediateFinding(id, number, body.value));
    Ok(Json(headers.seal(&app, order, body.digest).await?))
}

/// Verifies that a finding is mended, and closes it.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/findings/{number}/close", tag = "Validation", operation_id = "close_finding",
    params(("model" = String, Path), ("version" = u32, Path), ("number" = u32, Path)), request_body = FindingNote,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn close(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    headers: WriteHeaders,
    body: Body<FindingNote>,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::CloseFinding(id, number, body.value));
    Ok(Json(headers.seal(&app, order, body.digest).await?))
}

/// Opens a closed finding again.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/findings/{number}/reopen", tag = "Validation", operation_id = "reopen_finding",
    params(("model" = String, Path), ("version" = u32, Path), ("number" = u32, Path)), request_body = FindingNote,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn reopen(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    headers: WriteHeaders,
    body: Body<FindingNote>,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::ReopenFinding(id, number, body.value));
    Ok(Json(headers.seal(&app, order, body.digest).await?))
}
