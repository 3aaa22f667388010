//! Versions: register, list, show, amend, compare, reproduce, archive, report.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    Command, VersionId,
    access::Action,
    command::{AmendLineage, ArchiveVersion, RegisterVersion},
    lineage::{Change, ReproductionManifest},
    materiality::{self, Assessment},
    registry::Version,
    strategy::{self, Advice},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::models::{MAX_PAGE, cut_page, model_name};
use crate::{
    http::{
        extract::{App, Asker, Body, Params, Path, VersionPath, WriteHeaders},
        problem::Problem,
    },
    seal::{Order, Receipt},
    service::{Service, Shelf},
};

/// A version, or the problem that there is none.
pub async fn find(app: &Service, id: &VersionId) -> Result<Shelf, Problem> {
    app.version(id).await?.ok_or_else(|| Problem::not_found(format!("{id} is not registered.")))
}

/// Registers the next version of a model.
#[utoipa::path(post, path = "/models/{model}/versions", tag = "Versions", operation_id = "register_version", params(("model" = String, Path)),
    request_body = RegisterVersion, responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn register(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    headers: WriteHeaders,
    body: Body<RegisterVersion>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    let order = Order::new(asker.caller, Command::RegisterVersion(model_name(&model)?, body.value));
    Ok((StatusCode::CREATED, Json(headers.seal(&app, order, body.digest).await?)))
}

/// Filters of a model's versions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VersionParams {
    /// Only versions whose furthest stage is this.
    stage: Option<String>,
    /// The `next` of the page before.
    cursor: Option<u32>,
    /// At most so many, up to 200.
    limit: Option<u64>,
}

/// One version of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionSummary {
    /// Number.
    pub number: u32,
    /// Furthest stage in any market.
    pub stage: String,
    /// Stage by market.
    pub tracks: std::collections::BTreeMap<String, String>,
    /// What is new.
    pub note: String,
    /// When it was registered.
    pub registered_at: ledger::Timestamp,
}

/// One page of versions, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionPage {
    /// The versions.
    pub versions: Vec<VersionSummary>,
    /// Cursor of the next page, if there is one.
    pub next: Option<u32>,
}

/// Lists a model's versions, newest first.
#[utoipa::path(get, path = "/models/{model}/versions", tag = "Versions", operation_id = "list_versions",
    params(("model" = String, Path), VersionParams),
    responses((status = 200, body = VersionPage), (status = "4XX", body = Problem)))]
pub async fn list(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    Params(params): Params<VersionParams>,
) -> Result<Json<VersionPage>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let name = model_name(&model)?;
    if app.model(&name).await?.is_none() {
        return Err(Problem::not_found(format!("No model {name} is registered.")));
    }
    let stage = params.stage.map(|stage| stage.parse::<domain::Stage>()).transpose();
    let stage = stage.map_err(|error| Problem::bad_request(error.to_string()))?.map(crate::views::stage_id);
    let limit = params.limit.unwrap_or(50).clamp(1, MAX_PAGE);
    let mut rows = app.store.versions(name.as_str(), stage.as_deref(), params.cursor, limit + 1).await?;
    let next = cut_page(&mut rows, limit, |row| row.number);
    let versions = rows
        .into_iter()
        .map(|row| VersionSummary {
            number: row.number,
            stage: row.stage,
            tracks: row.tracks,
            note: row.note,
            registered_at: row.registered_at,
        })
        .collect();
    Ok(Json(VersionPage { versions, next }))
}

/// Shows a version, with its revision as ETag.
#[utoipa::path(get, path = "/models/{model}/versions/{version}", tag = "Versions", operation_id = "show_version",
    params(("model" = String, Path), ("version" = u32, Path)),
    responses((status = 200, body = Version), (status = "4XX", body = Problem)))]
pub async fn show(State(app): State<App>, asker: Asker, VersionPath(id): VersionPath) -> Result<Response, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let shelf = find(&app, &id).await?;
    let etag = HeaderValue::from_str(&format!("\"{}\"", shelf.version.revision)).ok();
    let mut response = Json(&*shelf.version).into_response();
    if let Some(etag) = etag {
        response.headers_mut().insert(header::ETAG, etag);
    }
    Ok(response)
}

/// Replaces the lineage of a version that is still in None.
#[utoipa::path(put, path = "/models/{model}/versions/{version}/lineage", tag = "Versions",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = AmendLineage,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn amend_lineage(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    headers: WriteHeaders,
    body: Body<AmendLineage>,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::AmendLineage(id, body.value));
    Ok(Json(headers.seal(&app, order, body.digest).await?))
}

/// The reproduction manifest: all that is needed to rebuild the training environment.
#[utoipa::path(get, path = "/models/{model}/versions/{version}/manifest", tag = "Versions", operation_id = "reproduction_manifest",
    params(("model" = String, Path), ("version" = u32, Path)),
    responses((status = 200, body = ReproductionManifest), (status = "4XX", body = Problem)))]
pub async fn manifest(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
) -> Result<Json<ReproductionManifest>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let version = find(&app, &id).await?.version;
    Ok(Json(ReproductionManifest::new(id.model, id.number, version.registered_at, version.lineage.clone())))
}

/// Which two versions to compare.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CompareParams {
    /// The earlier version.
    a: u32,
    /// The later version.
    b: u32,
}

/// What changed between two versions.
#[derive(Debug, Serialize, ToSchema)]
pub struct Comparison {
    /// Every field that differs, by class.
    pub changes: Vec<Change>,
    /// How material the change is, and why.
    pub assessment: Assessment,
    /// Which way of releasing the later version fits, and why.
    pub release: Advice,
}

/// Compares the lineage of two versions of a model.
#[utoipa::path(get, path = "/models/{model}/compare", tag = "Versions", operation_id = "compare_versions",
    params(("model" = String, Path), CompareParams),
    responses((status = 200, body = Comparison), (status = "4XX", body = Problem)))]
pub async fn compare(
    State(app): State<App>,
    asker: Asker,
    Path(model): Path<String>,
    Params(params): Params<CompareParams>,
) -> Result<Json<Comparison>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let model = model_name(&model)?;
    let id = |number: u32| -> Result<VersionId, Problem> {
        let number = number.try_into().map_err(|error| Problem::bad_request(format!("{error}")))?;
        Ok(VersionId { model: model.clone(), number })
    };
    let before = find(&app, &id(params.a)?).await?.version;
    let after = find(&app, &id(params.b)?).await?.version;
    let changes = before.lineage.diff(&after.lineage);
    let assessment = materiality::assess(Some(&changes));
    let release = strategy::advise(Some(&changes));
    Ok(Json(Comparison { changes, assessment, release }))
}

/// Retires a version for good.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/archive", tag = "Versions", operation_id = "archive_version",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = ArchiveVersion,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn archive(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    headers: WriteHeaders,
    body: Body<ArchiveVersion>,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::ArchiveVersion(id, body.value));
    Ok(Json(headers.seal(&app, order, body.digest).await?))
}

/// The dossier of a version as PDF.
#[utoipa::path(get, path = "/models/{model}/versions/{version}/dossier.pdf", tag = "Versions", operation_id = "version_dossier",
    params(("model" = String, Path), ("version" = u32, Path)),
    responses((status = 200, content_type = "application/pdf", body = Vec<u8>), (status = "4XX", body = Problem)))]
pub async fn dossier(State(app): State<App>, asker: Asker, VersionPath(id): VersionPath) -> Result<Response, Problem> {
    asker.may(&app, Action::Export).await?;
    let pdf = crate::dossier::render(&app, &id).await?;
    let name = format!("attachment; filename=\"{}-{}-dossier.pdf\"", id.model, id.number);
    Ok(([(header::CONTENT_TYPE, "application/pdf".to_owned()), (header::CONTENT_DISPOSITION, name)], pdf)
        .into_response())
}
