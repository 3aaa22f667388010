//! Waivers: granted for a time, ended before it.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    AccountId, Command, Market,
    access::Action,
    waiver::{Covers, GrantWaiver, RevokeWaiver},
};
use ledger::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use super::promotions::{digest_of, seal_proven};
use crate::{
    http::{
        extract::{App, Asker, Body, Path, VersionPath, WriteHeaders},
        problem::Problem,
    },
    seal::{Order, Receipt},
};

/// A waiver with the proof of identity that it asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantBody {
    /// The grantor's password, once more; refused without it. Never stored, never logged.
    #[schema(format = Password, required)]
    #[serde(default)]
    password: String,
    /// What it covers.
    covers: Covers,
    /// The market whose gates it opens; left out, every market's and the shared one.
    market: Option<Market>,
    /// What stands in its place; at most 4,000 characters.
    control: String,
    /// Why it is justified; at most 4,000 characters.
    reason: String,
    /// Who asked for it: the grantor's role stands above theirs.
    requested_by: AccountId,
    /// When it ends by itself.
    #[schema(value_type = String)]
    expires_at: Timestamp,
}

/// Grants a waiver on an open finding, or on a rule that the policy lets be waived.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/waivers", tag = "Validation", operation_id = "grant_waiver",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = GrantBody,
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn grant(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    headers: WriteHeaders,
    body: Body<GrantBody>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    asker.may(&app, Action::GrantWaiver).await?;
    let GrantBody { password, covers, market, control, reason, requested_by, expires_at } = body.value;
    let grant = GrantWaiver { covers, market, control, reason, requested_by, expires_at };
    let digest = digest_of(&grant);
    let command = (Command::GrantWaiver(id, grant), digest);
    Ok((StatusCode::CREATED, Json(seal_proven(&app, &headers, asker.caller, &password, command).await?)))
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
