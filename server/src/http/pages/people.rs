//! People: accounts, roles, invitations; and one's own API tokens.

use app::{
    kit::{Choice, ErrorSummary, Tag, Tone},
    pages::{
        PeopleView, TokensView,
        people::{AccountForm, AccountRow, Invitation},
        tokens::TokenRow,
    },
};
use axum::{
    Form,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    AccountId, Command,
    access::Action,
    account::{AccountKind, Role, Scope},
};

use super::{Fields, PageError, Viewer, done, field, fields_named, show, show_with, words};
use crate::{
    accounts::{INVITATION_DAYS, NewAccount},
    http::{api::accounts::disabling, extract::App, problem::Problem},
    seal::{Order, Receipt},
    storage::StoreError,
};

fn what_role_may(role: Role) -> &'static str {
    match role {
        Role::DataScientist => "Registers models and versions, attaches evidence, asks for promotion.",
        Role::MrmValidator => "Validates independently, raises and closes findings, signs off.",
        Role::RiskCommittee => "Approves what the policy puts before it.",
        Role::PrivacyOfficer => "Signs for the effect on people in a market.",
        Role::Auditor => "Reads and exports everything, changes nothing.",
        Role::Administrator => "Manages accounts and policy; approves nothing.",
        Role::Service => {
            "A pipeline: registers versions, attaches evidence, asks for promotion, reports rollouts and the health of the standby."
        }
    }
}

fn role_choices(held: impl Fn(Role) -> bool, service: bool) -> Vec<Choice> {
    Role::ALL
        .into_iter()
        .filter(|role| !service || matches!(role, Role::Service | Role::Auditor))
        .map(|role| Choice::new(role.id(), role.title()).with_hint(what_role_may(role)).chosen_if(held(role)))
        .collect()
}

async fn view(
    app: &App,
    viewer: &Viewer,
    typed: &[(String, String)],
    invitation: Option<Invitation>,
    errors: Option<ErrorSummary>,
) -> Result<PeopleView, PageError> {
    viewer.may(Action::ReadAccounts)?;
    let failed = |error: StoreError| viewer.error(error);
    let accounts = app.all_accounts().await.map_err(failed)?;
    let ids: Vec<String> = accounts.iter().map(|account| account.id.to_string()).collect();
    let vault = app.store.vault(&ids).await.map_err(failed)?;
    let personal = |id: &str, name: &str| {
        vault.iter().find(|field| field.account == id && field.field == name).map(|field| field.value.clone())
    };
    let may_edit = viewer.can(Action::ManageAccounts);
    // Where a change of roles was refused, what was chosen is shown again with its account.
    let changed = field(typed, "account");
    let chosen: Vec<&str> = fields_named(typed, "roles").collect();
    let rows = accounts
        .iter()
        .map(|account| {
            let id = account.id.as_str();
            AccountRow {
                id: id.to_owned(),
                name: personal(id, "name").unwrap_or_else(|| "erased".into()),
                email: personal(id, "email"),
                team: account.team.clone(),
                roles: account.roles.iter().map(|role| role.title().to_owned()).collect(),
                role_choices: role_choices(
                    |role| if id == changed { chosen.contains(&role.id()) } else { account.roles.contains(&role) },
                    account.kind == AccountKind::Service,
                ),
                state: if account.disabled {
                    Tag::new(Tone::Quiet, "disabled")
                } else {
                    Tag::new(Tone::Good, "active")
                },
                can_edit: may_edit && account.id != viewer.principal.account,
                is_disabled: account.disabled,
            }
        })
        .collect();
    let kind = match field(typed, "kind") {
        "" => "human",
        kind => kind,
    };
    Ok(PeopleView {
        accounts: rows,
        roles: role_choices(|_| false, false),
        create: may_edit.then(|| AccountForm {
            name: field(typed, "name").to_owned(),
            email: field(typed, "email").to_owned(),
            team: field(typed, "team").to_owned(),
            kinds: [("human", "Person"), ("service", "Service")]
                .into_iter()
                .map(|(value, label)| Choice::new(value, label).chosen_if(value == kind))
                .collect(),
            roles: role_choices(|role| changed.is_empty() && chosen.contains(&role.id()), false),
        }),
        invitation,
        errors,
    })
}

/// The page.
pub async fn page(State(app): State<App>, viewer: Viewer) -> Result<Response, PageError> {
    // The room is everybody's for their own tokens; the list of accounts is not.
    if !viewer.can(Action::ReadAccounts) {
        return Ok(Redirect::to("/people/tokens").into_response());
    }
    let view = view(&app, &viewer, &[], None, None).await?;
    show(&viewer.frame, view).await
}

fn read_roles(fields: &[(String, String)]) -> Result<std::collections::BTreeSet<Role>, Problem> {
    fields_named(fields, "roles").map(str::parse).collect::<Result<_, _>>().map_err(|error| {
        domain::Refusal::invalid(vec![domain::refusal::Missing::field("roles", format!("{error}"))]).into()
    })
}

/// Makes an account; a person gets a one-time link to choose a password.
pub async fn create(State(app): State<App>, viewer: Viewer, Form(fields): Fields) -> Result<Response, PageError> {
    viewer.may(Action::ManageAccounts)?;
    let kind = if field(&fields, "kind") == "service" { AccountKind::Service } else { AccountKind::Human };
    let outcome = async {
        let new = NewAccount {
            name: field(&fields, "name").to_owned(),
            email: (kind == AccountKind::Human).then(|| field(&fields, "email").to_owned()),
            password: None,
            team: field(&fields, "team").to_owned(),
            roles: read_roles(&fields)?,
            kind,
        };
        let by = app.prove(viewer.caller.clone(), field(&fields, "own_password")).await?;
        Ok::<_, Problem>(app.invite(by, new).await?)
    }
    .await;
    match outcome {
        Ok((receipt, Some(url))) => {
            let invitation = Invitation {
                name: field(&fields, "name").to_owned(),
                url,
                expires: words::when(receipt.time.plus_days(INVITATION_DAYS)),
            };
            let view = view(&app, &viewer, &[], Some(invitation), None).await?;
            show(&viewer.frame, view).await
        }
        Ok((receipt, None)) => Ok(done("/people", &receipt)),
        Err(problem) => {
            let errors = words::summary(&problem, &[("password", "own_password")]);
            let view = view(&app, &viewer, &fields, None, Some(errors)).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

async fn answer(
    app: &App,
    viewer: &Viewer,
    outcome: Result<Receipt, Problem>,
    typed: &[(String, String)],
    rename: &[(&str, &str)],
) -> Result<Response, PageError> {
    match outcome {
        Ok(receipt) => Ok(done("/people", &receipt)),
        Err(problem) => {
            let view = view(app, viewer, typed, None, Some(words::summary(&problem, rename))).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

/// Gives an account other roles.
pub async fn change_roles(
    State(app): State<App>,
    viewer: Viewer,
    Path(id): Path<String>,
    Form(mut fields): Fields,
) -> Result<Response, PageError> {
    viewer.may(Action::ManageAccounts)?;
    let id: AccountId = id.parse().map_err(|error| viewer.error(domain::Refusal::from(error)))?;
    let input = format!("{id}-password");
    fields.push(("account".to_owned(), id.to_string()));
    let command = read_roles(&fields).map(|roles| Command::ChangeRoles(id, roles, None));
    let outcome = viewer.seal_in_person(&app, command, &fields, &input).await;
    answer(&app, &viewer, outcome, &fields, &[("password", &input)]).await
}

async fn set_disabled(app: &App, viewer: &Viewer, id: &str, disable: bool) -> Result<Response, PageError> {
    viewer.may(Action::ManageAccounts)?;
    let id: AccountId = id.parse().map_err(|error| viewer.error(domain::Refusal::from(error)))?;
    let order = disabling(viewer.caller.clone(), id, disable);
    let outcome = app.sealer.seal(order).await.map_err(Problem::from);
    answer(app, viewer, outcome, &[], &[]).await
}

/// Disables an account.
pub async fn disable(State(app): State<App>, viewer: Viewer, Path(id): Path<String>) -> Result<Response, PageError> {
    set_disabled(&app, &viewer, &id, true).await
}

/// Enables an account.
pub async fn enable(State(app): State<App>, viewer: Viewer, Path(id): Path<String>) -> Result<Response, PageError> {
    set_disabled(&app, &viewer, &id, false).await
}

async fn tokens_view(
    app: &App,
    viewer: &Viewer,
    typed: &[(String, String)],
    issued: Option<String>,
    errors: Option<ErrorSummary>,
) -> Result<TokensView, PageError> {
    let failed = |error: StoreError| viewer.error(error);
    let account = app.account(&viewer.principal.account).await.map_err(failed)?;
    let policy = app.policy().await.map_err(failed)?;
    let now = app.clock.now();
    let mut tokens: Vec<_> = account.iter().flat_map(|account| account.tokens.iter()).collect();
    tokens.sort_by_key(|(_, token)| std::cmp::Reverse(token.issued_at));
    let rows = tokens
        .into_iter()
        .map(|(id, token)| {
            let state = if token.revoked {
                Tag::new(Tone::Quiet, "revoked")
            } else if token.expires_at <= now {
                Tag::new(Tone::Quiet, "expired")
            } else {
                Tag::new(Tone::Good, "active")
            };
            TokenRow {
                id: id.clone(),
                label: token.label.clone(),
                scopes: token.scopes.iter().map(|scope| scope.id().to_owned()).collect(),
                issued: words::when(token.issued_at),
                expires: words::when(token.expires_at),
                can_revoke: !token.revoked && token.expires_at > now,
                state,
            }
        })
        .collect();
    let chosen: Vec<&str> = fields_named(typed, "scopes").collect();
    let about = |scope: Scope| match scope {
        Scope::Read => "Read models, versions, evidence, privacy and the ledger; ask for reports and exports.",
        Scope::Register => {
            "Register models and versions, amend lineage, set triggers, draft impact assessments, record requests for review."
        }
        Scope::Evidence => "Attach evidence; report drift, performance and the windows of rollouts.",
        Scope::Promote => "Ask for promotion, withdraw, archive, say how material a change is.",
        Scope::Validate => {
            "Write validations, mend findings, vote, waive, attest, keep the inventory, decide on privacy, review and lift the kill switch. A signature asks for the password all the same."
        }
        Scope::Serve => "Report routing and standbys, answer controllers, hold and roll back, use the kill switch.",
        Scope::Admin => "Manage accounts, tokens, webhooks and policy.",
    };
    let max = policy.policy.limits.token_days;
    let lifetime = match field(typed, "days") {
        "" => "90",
        days => days,
    };
    Ok(TokensView {
        reads_accounts: viewer.can(Action::ReadAccounts),
        tokens: rows,
        issued,
        label: field(typed, "label").to_owned(),
        scopes: Scope::ALL
            .into_iter()
            .map(|scope| {
                Choice::new(scope.id(), scope.id()).with_hint(about(scope)).chosen_if(chosen.contains(&scope.id()))
            })
            .collect(),
        lifetimes: [7_u32, 30, 90, 180, 365]
            .into_iter()
            .filter(|days| *days <= max)
            .map(|days| Choice::new(days.to_string(), format!("{days} days")).chosen_if(days.to_string() == lifetime))
            .collect(),
        errors,
    })
}

/// One's own tokens.
pub async fn tokens(State(app): State<App>, viewer: Viewer) -> Result<Response, PageError> {
    let view = tokens_view(&app, &viewer, &[], None, None).await?;
    show(&viewer.frame, view).await
}

/// Issues a token; its secret is shown on the answering page, this once.
pub async fn issue_token(State(app): State<App>, viewer: Viewer, Form(fields): Fields) -> Result<Response, PageError> {
    let outcome = async {
        let refuse = |what: &str, message: String| {
            Problem::from(domain::Refusal::invalid(vec![domain::refusal::Missing::field(what, message)]))
        };
        let scopes = fields_named(&fields, "scopes")
            .map(str::parse::<Scope>)
            .collect::<Result<_, _>>()
            .map_err(|error| refuse("scopes", error.to_string()))?;
        let days: i64 = field(&fields, "days").parse().map_err(|_| refuse("days", "Choose a lifetime.".into()))?;
        let expires = app.clock.now().plus_days(days);
        let label = field(&fields, "label").to_owned();
        let account = viewer.principal.account.clone();
        Ok::<_, Problem>(app.issue_token(viewer.caller.clone(), account, label, scopes, expires).await?)
    }
    .await;
    match outcome {
        Ok(issued) => {
            let view = tokens_view(&app, &viewer, &[], Some(issued.token), None).await?;
            show(&viewer.frame, view).await
        }
        Err(problem) => {
            let errors = Some(words::summary(&problem, &[("expires_at", "days")]));
            let view = tokens_view(&app, &viewer, &fields, None, errors).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

/// Revokes a token.
pub async fn revoke_token(
    State(app): State<App>,
    viewer: Viewer,
    Path(token): Path<String>,
) -> Result<Response, PageError> {
    let command = Command::RevokeToken(viewer.principal.account.clone(), token);
    match app.sealer.seal(Order::new(viewer.caller.clone(), command)).await.map_err(Problem::from) {
        Ok(receipt) => Ok(done("/people/tokens", &receipt)),
        Err(problem) => {
            let view = tokens_view(&app, &viewer, &[], None, Some(words::summary(&problem, &[]))).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}
