//! The risk committee of a request: who may vote, how the vote stands, voting, standing back.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use domain::{
    Command,
    access::Action,
    approval::Package,
    committee::{CastVote, Committee, Recuse, Tally, Voice},
};
use ledger::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    promotions::{digest_of, question, seal_proven},
    versions::find,
};
use crate::{
    http::{
        extract::{App, Asker, Body, Path, VersionPath, WriteHeaders},
        problem::Problem,
    },
    seal::Receipt,
};

/// The committee of a request.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CommitteeView {
    /// Its members and votes, frozen with the request.
    pub committee: Committee,
    /// How the vote on the package as it is stands.
    pub tally: Tally,
    /// Digest of the package, to be named when voting.
    pub package: Digest,
    /// Whether quorum and majority are met.
    pub carried: bool,
}

/// The committee of a request, and how its vote stands.
#[utoipa::path(get, path = "/models/{model}/versions/{version}/promotions/{number}/committee", tag = "Promotions", operation_id = "show_committee",
    params(("model" = String, Path), ("version" = u32, Path), ("number" = u32, Path)),
    responses((status = 200, body = CommitteeView), (status = "4XX", body = Problem)))]
pub async fn show(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
) -> Result<Json<CommitteeView>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let shelf = find(&app, &id).await?;
    let none = || Problem::not_found(format!("{id} has no promotion request {number} with a committee."));
    let request = shelf.version.request(number).ok_or_else(none)?;
    let committee = request.committee.clone().ok_or_else(none)?;
    let package = Package::of(&question(&app, &shelf, request.to, request.market.as_ref())).digest();
    let tally = committee.tally(&package);
    Ok(Json(CommitteeView { carried: tally.carried(), tally, package, committee }))
}

/// A vote with the proof of identity that it asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteBody {
    /// The member's password, once more; refused without it. Never stored, never logged.
    #[schema(format = Password, required)]
    #[serde(default)]
    password: String,
    /// For, against, or neither.
    voice: Voice,
    /// Digest of the package that was read.
    package: Digest,
    /// Digests of its parts as they were read: if the package changed meanwhile, the refusal names those that did.
    #[serde(default)]
    parts: BTreeMap<String, Digest>,
    /// Why; at most 4,000 characters. A vote against needs it.
    #[serde(default)]
    comment: String,
}

/// Votes on a request. Where nothing is missing then, the transition follows at once; a lost vote closes the request.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/promotions/{number}/vote", tag = "Promotions", operation_id = "vote_on_promotion",
    params(("model" = String, Path), ("version" = u32, Path), ("number" = u32, Path)), request_body = VoteBody,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn vote(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    headers: WriteHeaders,
    body: Body<VoteBody>,
) -> Result<Json<Receipt>, Problem> {
    asker.may(&app, Action::Vote).await?;
    let VoteBody { password, voice, package, parts, comment } = body.value;
    let vote = CastVote { voice, package, parts, comment };
    let digest = digest_of(&vote);
    let command = Command::Vote(id, number, vote);
    Ok(Json(seal_proven(&app, &headers, asker.caller, &password, (command, digest)).await?))
}

/// Standing back with the proof of identity that it asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecuseBody {
    /// The member's password, once more; refused without it. Never stored, never logged.
    #[schema(format = Password, required)]
    #[serde(default)]
    password: String,
    /// Why; at most 2,000 characters.
    reason: String,
}

/// Stands back from the vote on a request.
#[utoipa::path(post, path = "/models/{model}/versions/{version}/promotions/{number}/recuse", tag = "Promotions", operation_id = "recuse_from_vote",
    params(("model" = String, Path), ("version" = u32, Path), ("number" = u32, Path)), request_body = RecuseBody,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn recuse(
    State(app): State<App>,
    asker: Asker,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    headers: WriteHeaders,
    body: Body<RecuseBody>,
) -> Result<Json<Receipt>, Problem> {
    asker.may(&app, Action::Vote).await?;
    let RecuseBody { password, reason } = body.value;
    let recuse = Recuse { reason };
    let digest = digest_of(&recuse);
    let command = (Command::Recuse(id, number, recuse), digest);
    Ok(Json(seal_proven(&app, &headers, asker.caller, &password, command).await?))
}
