//! Accounts, tokens and policy.

use std::collections::BTreeSet;

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    AccountId, Command,
    access::Action,
    account::{Account, AccountKind, Role, Scope},
    policy::AdoptedPolicy,
};
use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::promotions::{digest_of, seal_proven};
use crate::{
    accounts::NewAccount,
    http::{
        extract::{App, Asker, Body, NotRepeatable, Path, WriteHeaders},
        problem::Problem,
    },
    seal::{Beside, Caller, Order, Receipt},
};

fn account_id(text: &str) -> Result<AccountId, Problem> {
    text.parse().map_err(|error| Problem::not_found(format!("{error}")))
}

/// Who the token or session belongs to, and what it may do.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    /// The account.
    pub account: AccountId,
    /// Name from the vault.
    pub name: String,
    /// Roles.
    pub roles: BTreeSet<Role>,
    /// Scopes of the token; absent for a browser session.
    pub scopes: Option<BTreeSet<Scope>>,
}

/// Tells who is asking.
#[utoipa::path(get, path = "/me", tag = "Accounts", operation_id = "show_me", responses((status = 200, body = Me), (status = "4XX", body = Problem)))]
pub async fn me(State(app): State<App>, asker: Asker) -> Result<Json<Me>, Problem> {
    let principal = asker.may(&app, Action::ReadRegistry).await?;
    let names = app.names([principal.account.as_str()]).await?;
    let name = names.of(principal.account.as_str());
    Ok(Json(Me { account: principal.account, name, roles: principal.roles, scopes: principal.scopes }))
}

/// An account with its name.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountView {
    /// Name from the vault.
    pub name: String,
    /// What the ledger knows.
    #[serde(flatten)]
    pub account: Account,
}

/// Lists accounts.
#[utoipa::path(get, path = "/accounts", tag = "Accounts", operation_id = "list_accounts",
    responses((status = 200, body = Vec<AccountView>), (status = "4XX", body = Problem)))]
pub async fn list(State(app): State<App>, asker: Asker) -> Result<Json<Vec<AccountView>>, Problem> {
    asker.may(&app, Action::ReadAccounts).await?;
    let accounts = app.all_accounts().await?;
    let names = app.names(accounts.iter().map(|account| account.id.as_str())).await?;
    let views = accounts
        .into_iter()
        .map(|account| AccountView { name: names.of(account.id.as_str()), account: Account::clone(&account) })
        .collect();
    Ok(Json(views))
}

/// An account to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccountBody {
    /// Name as it is printed on reports.
    name: String,
    /// Person or machine.
    kind: AccountKind,
    /// Address to sign in with; for people.
    email: Option<String>,
    /// First password; for people.
    #[schema(format = Password)]
    password: Option<String>,
    /// Team, for the independence of validators.
    #[serde(default)]
    team: String,
    /// Roles.
    roles: BTreeSet<Role>,
    /// The administrator's own password, once more; refused without it. Never stored, never logged.
    #[schema(format = Password, required)]
    #[serde(default)]
    own_password: String,
}

/// Makes an account.
#[utoipa::path(post, path = "/accounts", tag = "Accounts", operation_id = "create_account", request_body = NewAccountBody,
    responses((status = 201, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn create(
    State(app): State<App>,
    asker: Asker,
    _: NotRepeatable,
    body: Body<NewAccountBody>,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    asker.may(&app, Action::ManageAccounts).await?;
    let NewAccountBody { name, kind, email, password, team, roles, own_password } = body.value;
    let by = app.prove(asker.caller, &own_password).await?;
    let new = NewAccount { name, email, password, team, roles, kind };
    Ok((StatusCode::CREATED, Json(app.create_account(by, new).await?)))
}

/// Roles and team of an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RolesBody {
    /// Roles.
    roles: BTreeSet<Role>,
    /// Team; as it is, if left out. An empty text is no team.
    #[serde(default)]
    team: Option<String>,
    /// The administrator's own password, once more; refused without it. Never stored, never logged.
    #[schema(format = Password, required)]
    #[serde(default)]
    own_password: String,
}

/// Gives an account these roles instead of what it had, and this team where one is named.
#[utoipa::path(put, path = "/accounts/{account}/roles", tag = "Accounts", params(("account" = String, Path)),
    request_body = RolesBody, responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn change_roles(
    State(app): State<App>,
    asker: Asker,
    Path(account): Path<String>,
    headers: WriteHeaders,
    body: Body<RolesBody>,
) -> Result<Json<Receipt>, Problem> {
    asker.may(&app, Action::ManageAccounts).await?;
    let RolesBody { roles, team, own_password } = body.value;
    let digest = digest_of(&(&roles, &team));
    let command = Command::ChangeRoles(account_id(&account)?, roles, team);
    Ok(Json(seal_proven(&app, &headers, asker.caller, &own_password, (command, digest)).await?))
}

/// The order to disable an account and end its sessions, or to let it act again.
pub fn disabling(caller: Caller, account: AccountId, disable: bool) -> Order {
    let beside = Beside { ends_sessions: disable, ..Beside::default() };
    Order { beside, ..Order::new(caller, Command::DisableAccount(account, disable)) }
}

/// Stops an account from signing in or acting.
#[utoipa::path(post, path = "/accounts/{account}/disable", tag = "Accounts", operation_id = "disable_account", params(("account" = String, Path)),
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn disable(
    State(app): State<App>,
    asker: Asker,
    Path(account): Path<String>,
    headers: WriteHeaders,
) -> Result<Json<Receipt>, Problem> {
    let order = disabling(asker.caller, account_id(&account)?, true);
    Ok(Json(headers.seal(&app, order, Digest::of(b"")).await?))
}

/// Lets a disabled account act again.
#[utoipa::path(post, path = "/accounts/{account}/enable", tag = "Accounts", operation_id = "enable_account", params(("account" = String, Path)),
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn enable(
    State(app): State<App>,
    asker: Asker,
    Path(account): Path<String>,
    headers: WriteHeaders,
) -> Result<Json<Receipt>, Problem> {
    let order = disabling(asker.caller, account_id(&account)?, false);
    Ok(Json(headers.seal(&app, order, Digest::of(b"")).await?))
}

/// A token to be issued.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    /// What the owner calls it.
    label: String,
    /// What it may do.
    scopes: BTreeSet<Scope>,
    /// When it ends.
    expires_at: Timestamp,
}

/// A token just issued.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenView {
    /// Public id.
    pub id: String,
    /// The token. It is shown this once.
    pub token: String,
    /// The proof that its issue was sealed.
    pub receipt: Receipt,
}

/// Issues a token: a person for itself, an administrator for a service.
#[utoipa::path(post, path = "/accounts/{account}/tokens", tag = "Accounts", params(("account" = String, Path)),
    request_body = TokenBody, responses((status = 201, body = TokenView), (status = "4XX", body = Problem)))]
pub async fn issue_token(
    State(app): State<App>,
    asker: Asker,
    _: NotRepeatable,
    Path(account): Path<String>,
    body: Body<TokenBody>,
) -> Result<(StatusCode, Json<TokenView>), Problem> {
    let TokenBody { label, scopes, expires_at } = body.value;
    let issued = app.issue_token(asker.caller, account_id(&account)?, label, scopes, expires_at).await?;
    let view = TokenView { id: issued.id, token: issued.token, receipt: issued.receipt };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Ends a token before its time.
#[utoipa::path(delete, path = "/accounts/{account}/tokens/{token}", tag = "Accounts",
    params(("account" = String, Path), ("token" = String, Path)),
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn revoke_token(
    State(app): State<App>,
    asker: Asker,
    Path((account, token)): Path<(String, String)>,
    headers: WriteHeaders,
) -> Result<Json<Receipt>, Problem> {
    let order = Order::new(asker.caller, Command::RevokeToken(account_id(&account)?, token));
    Ok(Json(headers.seal(&app, order, Digest::of(b"")).await?))
}

/// The policy in force.
#[utoipa::path(get, path = "/policy", tag = "Policy", operation_id = "show_policy",
    responses((status = 200, body = AdoptedPolicy), (status = "4XX", body = Problem)))]
pub async fn policy(State(app): State<App>, asker: Asker) -> Result<Json<AdoptedPolicy>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    Ok(Json(AdoptedPolicy::clone(&*app.policy().await?)))
}

/// A policy to be adopted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyBody {
    /// The policy as TOML text.
    toml: String,
    /// The administrator's password, once more; refused without it. Never stored, never logged.
    #[schema(format = Password, required)]
    #[serde(default)]
    password: String,
}

/// Adopts a policy from now on.
#[utoipa::path(post, path = "/policy", tag = "Policy", request_body = PolicyBody,
    responses((status = 200, body = Receipt), (status = "4XX", body = Problem)))]
pub async fn adopt_policy(
    State(app): State<App>,
    asker: Asker,
    headers: WriteHeaders,
    body: Body<PolicyBody>,
) -> Result<Json<Receipt>, Problem> {
    asker.may(&app, Action::AdoptPolicy).await?;
    let PolicyBody { toml, password } = body.value;
    let digest = Digest::of(toml.as_bytes());
    let command = (Command::AdoptPolicy(toml), digest);
    Ok(Json(seal_proven(&app, &headers, asker.caller, &password, command).await?))
}
