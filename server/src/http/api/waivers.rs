//! Waivers: granted for a time, ended before it.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    Command,
    waiver::{GrantWaiver, RevokeWaiver},
};

use crate::{
    http::{
        extract::{App, Asker, Body, Path, VersionPath, WriteHeaders},
        problem::Problem,
    },
    seal::{Order, Receipt},
};

/// Grants a waiver on an open finding, or on a rule that the policy lets be waived.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/waivers", tag = "Validation", operation_id = "grant_waiver",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = GrantWaiver,
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn grant(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    headers: WriteHeaders,
    body: Body<GrantWaiver>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    let order = Order::new(asker.caller, Command::GrantWaiver(id, body.value));
    Ok((StatusCode::CREATED, Json(headers.seal(&app, order, body.digest).await?)))
}

/// Ends a waiver before its time.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/waivers/{number}/revoke", tag = "Validation", operation_id = "revoke_waiver",
    params(("model" = String, Path), ("version" = u32, Path), ("number" = u32, Path)), request_body = RevokeWaiver,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn revoke(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    headers: WriteHeaders,
    body: Body<RevokeWaiver>,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::RevokeWaiver(id, number, body.value));
    Ok(Json(headers.seal(&app, order, body.digest).await?))
}
