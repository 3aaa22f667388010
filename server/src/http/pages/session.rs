//! Signing in and out, the first administrator, one's own account, the theme.

use std::net::{IpAddr, SocketAddr};

use app::{
    Theme,
    kit::{ErrorSummary, Fact, FieldError, Value},
    pages::{AccountView, SetupView, SignInView, sign_in::DemoAccount},
};
use axum::{
    Extension, Form,
    extract::{ConnectInfo, Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{Fields, Frame, PageError, Viewer, done, field, kept, set_cookie, show, show_with, words};
use crate::{
    accounts::SignInError,
    http::{
        extract::{App, SESSION_COOKIE},
        problem::Problem,
    },
    service::Service,
};

/// Where to go after signing in.
#[derive(Debug, Default, Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

/// Only a path on this server; anything else leads to the inbox.
pub(super) fn local(path: &str) -> &str {
    let is_local = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && !path.contains(|c: char| c.is_control());
    if is_local { path } else { "/inbox" }
}

pub(super) fn demo_accounts(app: &Service) -> Vec<DemoAccount> {
    if !app.demo {
        return Vec::new();
    }
    crate::demo::PEOPLE
        .iter()
        .map(|person| DemoAccount {
            name: person.name.to_owned(),
            role: person.role.title().to_owned(),
            email: person.email.to_owned(),
            password: crate::demo::PASSPHRASE.to_owned(),
        })
        .collect()
}

/// The sign-in page.
pub async fn sign_in_page(
    State(app): State<App>,
    frame: Frame,
    Query(next): Query<Next>,
) -> Result<Response, PageError> {
    let view = SignInView { next: next.next, demo_accounts: demo_accounts(&app), ..SignInView::default() };
    show(&frame, view).await
}

/// Where a request came from: the peer, or what a trusted proxy says of it. Each proxy adds the peer that it saw at the end,
/// so the last address that is no trusted proxy is the first that nobody could make up.
fn origin_of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    if !trusted.contains(&peer) {
        return peer;
    }
    let said = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let said: Vec<IpAddr> =
        said.flat_map(|value| value.split(',')).filter_map(|word| word.trim().parse().ok()).collect();
    said.into_iter().rev().find(|address| !trusted.contains(address)).unwrap_or(peer)
}

/// Signs in.
pub async fn sign_in(
    State(app): State<App>,
    frame: Frame,
    origin: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let (email, next) = (field(&fields, "email"), field(&fields, "next"));
    let origin = origin.map(|Extension(ConnectInfo(address))| address.ip());
    let origin = origin.map(|peer| origin_of(peer, &headers, &app.config.trusted_proxies));
    let origin = origin.map_or_else(String::new, |origin| origin.to_string());
    match app.sign_in(email, field(&fields, "password"), &origin).await {
        Ok((_, secret)) => {
            let mut response = match kept::carried(&fields) {
                Some(form) => show(&frame, kept::resume(form, local(next))).await?,
                None => Redirect::to(local(next)).into_response(),
            };
            let secure = if app.config.is_https() { "; Secure" } else { "" };
            set_cookie(&mut response, &format!("{SESSION_COOKIE}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}"));
            Ok(response)
        }
        Err(SignInError::Store(error)) => Err(PageError(Box::new((error.into(), frame)))),
        Err(error) => {
            let status = match error {
                SignInError::TooMany => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::UNAUTHORIZED,
            };
            let item = FieldError::field("email", error.to_string());
            let view = SignInView {
                email: email.to_owned(),
                next: next.to_owned(),
                kept: kept::carried(&fields),
                demo_accounts: demo_accounts(&app),
                errors: Some(ErrorSummary::new("You are not signed in", vec![item])),
            };
            show_with(status, &frame, view).await
        }
    }
}

/// Signs out.
pub async fn sign_out(State(app): State<App>, viewer: Viewer) -> Result<Response, PageError> {
    app.sign_out(&viewer.secret).await.map_err(|error| viewer.error(error))?;
    let mut response = Redirect::to("/sign-in").into_response();
    set_cookie(&mut response, &format!("{SESSION_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"));
    Ok(response)
}

/// The page behind a one-time link: the first administrator's, or an invited person's.
pub async fn setup_page(
    State(app): State<App>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, PageError> {
    let failed = |error: crate::storage::StoreError| PageError(Box::new((error.into(), frame.clone())));
    let invited = app.invitation(&token).await.map_err(failed)?;
    let is_good = invited.is_some() || app.setup_link_is_good(&token).await.map_err(failed)?;
    let view = match invited {
        Some(invited) => {
            SetupView { token, is_invited: true, name: invited.name, email: invited.email, ..SetupView::default() }
        }
        None => SetupView { token, is_spent: !is_good, ..SetupView::default() },
    };
    let status = if is_good { StatusCode::OK } else { StatusCode::NOT_FOUND };
    show_with(status, &frame, view).await
}

/// Makes the first administrator, or sets an invited person's password.
pub async fn set_up(
    State(app): State<App>,
    frame: Frame,
    Path(token): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let failed = |error: crate::storage::StoreError| PageError(Box::new((error.into(), frame.clone())));
    let (name, email, password) = (field(&fields, "name"), field(&fields, "email"), field(&fields, "password"));
    let invited = app.invitation(&token).await.map_err(failed)?;
    let outcome = if invited.is_some() {
        app.accept_invitation(&token, password).await.map(|()| None)
    } else {
        app.set_up(&token, name, email, password).await.map(Some)
    };
    match outcome {
        Ok(Some(receipt)) => Ok(done("/sign-in", &receipt)),
        Ok(None) => Ok(Redirect::to("/sign-in").into_response()),
        Err(error) => {
            let problem = Problem::from(error);
            let view = SetupView {
                token,
                is_spent: problem.status == StatusCode::FORBIDDEN.as_u16(),
                is_invited: invited.is_some(),
                name: invited.as_ref().map_or(name, |invited| &invited.name).to_owned(),
                email: invited.as_ref().map_or(email, |invited| &invited.email).to_owned(),
                errors: Some(words::summary(&problem, &[])),
            };
            show_with(problem.status_code(), &frame, view).await
        }
    }
}

async fn account_view(app: &App, viewer: &Viewer, errors: Option<ErrorSummary>) -> Result<AccountView, PageError> {
    let id = viewer.principal.account.as_str();
    let fields = app.store.vault(&[id.to_owned()]).await.map_err(|error| viewer.error(error))?;
    let value = |name: &str| fields.iter().find(|field| field.field == name).map(|field| field.value.clone());
    let roles = viewer.principal.roles.iter().map(|role| role.title().to_owned()).collect();
    let team = Some(viewer.principal.team.clone()).filter(|team| !team.is_empty());
    Ok(AccountView {
        name: value("name").unwrap_or_default(),
        facts: vec![
            Fact::text("Email address", value("email").unwrap_or_default()),
            Fact::new("Team", team.map_or_else(|| Value::Missing("none".into()), Value::Text)),
            Fact::new("Roles", Value::List(roles)),
            Fact::new("Id in the ledger", Value::Mono(id.to_owned())),
        ],
        errors,
    })
}

/// One's own account.
pub async fn account_page(State(app): State<App>, viewer: Viewer) -> Result<Response, PageError> {
    let view = account_view(&app, &viewer, None).await?;
    show(&viewer.frame, view).await
}

/// Changes one's own password.
pub async fn change_password(
    State(app): State<App>,
    viewer: Viewer,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let (present, new) = (field(&fields, "current_password"), field(&fields, "new_password"));
    match app.change_password(&viewer.principal.account, present, new).await {
        Ok(()) => Ok(Redirect::to("/sign-in").into_response()),
        Err(error) => {
            let problem = Problem::from(error);
            let errors = words::summary(&problem, &[("password", "new_password")]);
            let view = account_view(&app, &viewer, Some(errors)).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

/// Keeps the reader's theme.
pub async fn theme(Form(fields): Fields) -> Response {
    let theme = Theme::from_id(field(&fields, "theme"));
    let mut response = Redirect::to(local(field(&fields, "back"))).into_response();
    set_cookie(&mut response, &format!("theme={}; Path=/; Max-Age=31536000; SameSite=Lax", theme.id()));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_nobody_is_sent_elsewhere() {
        assert_eq!(local("/models?q=1"), "/models?q=1");
        for elsewhere in ["https://evil.example", "//evil.example", "/\\evil.example", "", "javascript:alert(1)"] {
            assert_eq!(local(elsewhere), "/inbox", "{elsewhere}");
        }
    }

    #[test]
    fn only_a_trusted_proxy_says_where_a_request_came_from() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "198.51.100.9, 203.0.113.5".parse().unwrap());
        headers.append("x-forwarded-for", "10.0.0.2".parse().unwrap());
        let trusted = [ip("10.0.0.1"), ip("10.0.0.2")];
        assert_eq!(origin_of(ip("10.0.0.1"), &headers, &trusted), ip("203.0.113.5"), "the first was made up");
        assert_eq!(origin_of(ip("192.0.2.7"), &headers, &trusted), ip("192.0.2.7"), "no proxy of ours");
        assert_eq!(origin_of(ip("10.0.0.1"), &HeaderMap::new(), &trusted), ip("10.0.0.1"));
    }
}
