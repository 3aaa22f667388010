//! The versions of the policy and what changed between them. The one in force and adoption are beside the accounts.

use axum::{Json, extract::State};
use domain::{
    Event,
    access::Action,
    policy::{self, Policy, PolicyChange},
};
use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    http::{
        extract::{App, Asker, Body, Params, Path},
        problem::Problem,
    },
    narrate,
    service::Service,
    storage::{StoreError, log::EntryFilter},
};

/// Versions listed at most.
const MAX_VERSIONS: u64 = 1_000;

/// A version of the policy.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PolicyVersion {
    /// How often a policy had been adopted, this one included.
    pub version: u32,
    /// What people call it.
    pub title: String,
    /// When it was adopted.
    pub adopted_at: Timestamp,
    /// By which account.
    pub adopted_by: String,
    /// By which entry.
    pub entry: u64,
    /// Digest of its text.
    pub digest: Digest,
    /// Its text as TOML.
    #[serde(skip)]
    pub toml: String,
}

/// Every version of the policy, newest first.
///
/// # Errors
/// The storage failed.
pub async fn history(app: &Service) -> Result<Vec<PolicyVersion>, StoreError> {
    let filter = EntryFilter { event: Some("policy.adopted".into()), limit: MAX_VERSIONS, ..EntryFilter::default() };
    let entries = app.store.find_entries(&filter).await?;
    let mut versions = Vec::with_capacity(entries.len());
    let newest = app.policy().await?.version;
    for (back, stored) in entries.iter().enumerate() {
        let recorded = narrate::read(&stored.bytes).map_err(StoreError::Inconsistent)?;
        let Event::PolicyAdopted { toml, digest } = recorded.event else { continue };
        versions.push(PolicyVersion {
            version: newest.saturating_sub(u32::try_from(back).unwrap_or(u32::MAX)),
            title: Policy::read(&toml).map(|policy| policy.title).unwrap_or_default(),
            adopted_at: stored.time,
            adopted_by: stored.actor.clone(),
            entry: stored.seq,
            digest,
            toml,
        });
    }
    Ok(versions)
}

fn pick(history: &[PolicyVersion], version: u32) -> Result<&PolicyVersion, Problem> {
    let known = history.iter().find(|known| known.version == version);
    known.ok_or_else(|| Problem::not_found(format!("There is no version {version} of the policy.")))
}

/// Lists the versions of the policy, newest first.
#[utoipa::path(get, path = "/policy/versions", tag = "Policy", operation_id = "list_policy_versions",
    responses((status = 200, body = Vec<PolicyVersion>), (status = "4XX", body = Problem)))]
pub async fn versions(State(app): State<App>, asker: Asker) -> Result<Json<Vec<PolicyVersion>>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    Ok(Json(history(&app).await?))
}

/// A version of the policy with its text.
#[derive(Debug, Serialize, ToSchema)]
pub struct PolicyText {
    /// The version.
    #[serde(flatten)]
    pub version: PolicyVersion,
    /// Its text as TOML.
    pub toml: String,
}

/// Shows a version of the policy with its text.
#[utoipa::path(get, path = "/policy/versions/{version}", tag = "Policy", operation_id = "show_policy_version",
    params(("version" = u32, Path)), responses((status = 200, body = PolicyText), (status = "4XX", body = Problem)))]
pub async fn version(
    State(app): State<App>,
    asker: Asker,
    Path(version): Path<u32>,
) -> Result<Json<PolicyText>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let history = history(&app).await?;
    let version = pick(&history, version)?.clone();
    Ok(Json(PolicyText { toml: version.toml.clone(), version }))
}

/// Which two versions to compare.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DiffParams {
    /// The earlier version.
    a: u32,
    /// The later version.
    b: u32,
}

/// What changed from one version of the policy to another, numbers first.
#[utoipa::path(get, path = "/policy/diff", tag = "Policy", operation_id = "compare_policy_versions", params(DiffParams),
    responses((status = 200, body = Vec<PolicyChange>), (status = "4XX", body = Problem)))]
pub async fn changes(
    State(app): State<App>,
    asker: Asker,
    Params(params): Params<DiffParams>,
) -> Result<Json<Vec<PolicyChange>>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let history = history(&app).await?;
    let (before, after) = (pick(&history, params.a)?, pick(&history, params.b)?);
    Ok(Json(policy::diff(&before.toml, &after.toml)))
}

/// A policy to be looked at before it is adopted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckBody {
    /// The policy as TOML text.
    toml: String,
}

/// What adopting a policy would change. Nothing is written.
#[derive(Debug, Serialize, ToSchema)]
pub struct PolicyCheck {
    /// What is wrong with it, with its line where it has one; absent if it could be adopted.
    pub error: Option<String>,
    /// What would change, numbers first.
    pub changes: Vec<PolicyChange>,
}

/// Looks at a policy without adopting it.
#[utoipa::path(post, path = "/policy/check", tag = "Policy", operation_id = "check_policy", request_body = CheckBody,
    responses((status = 200, body = PolicyCheck), (status = "4XX", body = Problem)))]
pub async fn check(State(app): State<App>, asker: Asker, body: Body<CheckBody>) -> Result<Json<PolicyCheck>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let toml = &body.value.toml;
    let error = Policy::from_toml(toml).err().map(|error| error.to_string());
    let changes = if error.is_none() { policy::diff(&app.policy().await?.toml, toml) } else { Vec::new() };
    Ok(Json(PolicyCheck { error, changes }))
}
