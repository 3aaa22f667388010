//! Reports: ask, look how far they are, fetch.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::access::Action;

use crate::{
    http::{
        extract::{App, Asker, Body, NotRepeatable, Path},
        problem::Problem,
    },
    reports::{self, Asked, FORMATS, Job, JobState},
};

/// Jobs listed at most.
const LISTED: u64 = 50;

/// Asks for a report; it is made in the background and kept for 30 days.
#[utoipa::path(post, path = "/reports", tag = "Reports", operation_id = "ask_for_report", request_body = Asked,
    responses((status = 202, body = Job), (status = "4XX", body = Problem)))]
pub async fn ask(
    State(app): State<App>,
    asker: Asker,
    _: NotRepeatable,
    body: Body<Asked>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    let principal = asker.may(&app, Action::Export).await?;
    Ok((StatusCode::ACCEPTED, Json(reports::ask(&app, &principal.account, &body.value).await?)))
}

/// Lists the reports that the asker asked for, newest first.
#[utoipa::path(get, path = "/reports", tag = "Reports", operation_id = "list_reports",
    responses((status = 200, body = Vec<Job>), (status = "4XX", body = Problem)))]
pub async fn list(State(app): State<App>, asker: Asker) -> Result<Json<Vec<Job>>, Problem> {
    let principal = asker.may(&app, Action::Export).await?;
    Ok(Json(reports::list(&app, &principal.account, LISTED).await?))
}

/// Shows how far a report is.
#[utoipa::path(get, path = "/reports/{report}", tag = "Reports", operation_id = "show_report",
    params(("report" = String, Path, description = "The report's id")),
    responses((status = 200, body = Job), (status = "4XX", body = Problem)))]
pub async fn show(State(app): State<App>, asker: Asker, Path(id): Path<String>) -> Result<Json<Job>, Problem> {
    let principal = asker.may(&app, Action::Export).await?;
    reports::find(&app, &principal.account, &id).await?.map(Json).ok_or_else(|| not_there(&id))
}

/// Fetches a report as `pdf`, `json` or `csv`.
#[utoipa::path(get, path = "/reports/{report}/{format}", tag = "Reports", operation_id = "fetch_report",
    params(("report" = String, Path, description = "The report's id"), ("format" = String, Path, description = "pdf, json or csv")),
    responses((status = 200, content_type = "application/octet-stream"), (status = "4XX", body = Problem)))]
pub async fn fetch(
    State(app): State<App>,
    asker: Asker,
    Path((id, format)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let principal = asker.may(&app, Action::Export).await?;
    let job = reports::find(&app, &principal.account, &id).await?.ok_or_else(|| not_there(&id))?;
    file(&app, &job, &format).await
}

fn not_there(id: &str) -> Problem {
    let shown: String = id.chars().take(40).collect();
    Problem::not_found(format!("There is no report {shown} of yours; reports are kept for 30 days."))
}

/// A file of a report, to be downloaded.
///
/// # Errors
/// There is no such format, the report is not ready, or the storage failed.
pub async fn file(app: &App, job: &Job, format: &str) -> Result<Response, Problem> {
    let Some((format, media_type)) = FORMATS.into_iter().find(|(known, _)| *known == format) else {
        return Err(Problem::not_found("Reports come as pdf, json and csv."));
    };
    let bytes = match job.state {
        JobState::Done => app.store.report_file(&job.id, format).await?,
        JobState::Failed | JobState::Withdrawn => {
            return Err(Problem::not_found(job.problem.clone().unwrap_or_default()));
        }
        JobState::Waiting | JobState::Running => None,
    };
    let Some(bytes) = bytes else {
        return Err(Problem::not_found("The report is not ready yet. Ask again in a moment."));
    };
    let name = format!("attachment; filename=\"{}.{format}\"", job.asked.file_name());
    Ok(([(header::CONTENT_TYPE, media_type.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}
