//! Evidence: upload as a stream, download as it was.

use axum::{
    Json,
    body::{Body as RawBody, HttpBody as _},
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Market, access::Action, evidence::EvidencePath};
use ledger::{Digest, Timestamp};
use serde::Deserialize;
use tokio_util::io::ReaderStream;
use utoipa::IntoParams;

use super::versions::find;
use crate::{
    attach::{NewEvidence, attach as attach_file},
    blobs::{Blob, Upload},
    http::{
        extract::{App, Asker, Params, Path, VersionPath, WriteHeaders},
        problem::Problem,
    },
    seal::Receipt,
};

/// What the uploaded file is.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EvidenceParams {
    /// What the file is called.
    pub file_name: String,
    /// `code`, `data`, `model`, `shadow`, `canary` or `other`; where the kind of file tells, it may be left out.
    pub path: Option<EvidencePath>,
    /// The market, for shadow and canary evidence.
    pub market: Option<Market>,
    /// The git commit, data version or weights digest that it speaks of.
    pub bound_to: String,
    /// What produced it.
    pub producer: String,
    /// When it was produced; now, if left out.
    pub produced_at: Option<Timestamp>,
}

/// Attaches a file as evidence. The body is the file itself; the server reads the facts from it.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/evidence", tag = "Evidence", operation_id = "attach_evidence",
    params(("model" = String, Path), ("version" = u32, Path), EvidenceParams),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn attach(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    Params(params): Params<EvidenceParams>,
    headers: WriteHeaders,
    body: RawBody,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    asker.may(&app, Action::AttachEvidence).await?;
    find(&app, &id).await?;
    // A declared length is judged before the file is sent.
    app.blobs.check_size(body.size_hint().lower())?;
    let upload = app.blobs.put(body.into_data_stream()).await?;
    let new = NewEvidence {
        file_name: params.file_name,
        path: params.path,
        market: params.market,
        bound_to: Some(params.bound_to),
        producer: params.producer,
        produced_at: params.produced_at,
    };
    let attached = async |blob: Blob| {
        let order = attach_file(&app, asker.caller, id, new, blob).await?;
        headers.seal(&app, order, blob.digest).await
    };
    let blob = upload.blob;
    Ok((StatusCode::CREATED, Json(settle(upload, attached(blob).await).await?)))
}

/// Keeps an upload, or takes it back where a rule refused what it was sent for.
///
/// # Errors
/// What became of it, as it was.
pub async fn settle(upload: Upload, outcome: Result<Receipt, Problem>) -> Result<Receipt, Problem> {
    match &outcome {
        Ok(_) => upload.accept().await,
        // Where the server failed, the entry may stand all the same: the file stays.
        Err(problem) if problem.status_code().is_client_error() => upload.refuse().await,
        Err(_) => drop(upload),
    }
    outcome
}

/// The file of a piece of evidence, as it was attached.
#[utoipa::path(get, path = "/models/{model}/versions/{version}/evidence/{number}", tag = "Evidence", operation_id = "download_evidence",
    params(("model" = String, Path), ("version" = u32, Path), ("number" = u32, Path)),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), (status = "4XX", body = Problem)))]
pub async fn download(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
) -> Result<Response, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let version = find(&app, &id).await?.version;
    let evidence = version
        .evidence
        .iter()
        .find(|evidence| evidence.number == number)
        .ok_or_else(|| Problem::not_found(format!("{id} has no evidence {number}.")))?;
    file_response(&app, &evidence.file, &evidence.file_name).await
}

/// A kept file as a download that no browser will render.
pub async fn file_response(app: &App, digest: &Digest, name: &str) -> Result<Response, Problem> {
    let file = app
        .blobs
        .open_file(digest)
        .await?
        .ok_or_else(|| Problem::not_found(format!("The file {digest} is not in the evidence folder.")))?;
    let safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{safe}\"")),
        (header::ETAG, format!("\"{}\"", digest.hex())),
    ];
    Ok((headers, RawBody::from_stream(ReaderStream::new(file))).into_response())
}
