//! Forms that outlive their session. What was written travels in the browser only: the page that asks to sign in holds it
//! as hidden fields, the sign-in carries them along, and the form's own page comes back with its text. The server keeps
//! none of it, and seals nothing until the person, signed in again, sends the form once more.

use app::{
    kit::Link,
    pages::sign_in::{KeptForm, ResumeView, SignInView},
};
use axum::{
    Form,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use super::{Fields, Frame, session, show_with};
use crate::http::{
    escape,
    extract::{App, SESSION_COOKIE, cookie},
};

/// What stands in front of a kept field's name, so that it is none of the sign-in form's own.
const PREFIX: &str = "kept.";
/// The sign-in form's field that holds where the kept form goes.
const TO: &str = "kept_to";
/// The word in the address of a form that comes back.
const RESUMED: &str = "resumed";

/// Addresses that take forms without a session, or whose form is not worth keeping.
fn is_door(path: &str) -> bool {
    matches!(path, "/sign-in" | "/sign-out" | "/theme" | "/account/password") || path.starts_with("/setup/")
}

/// Whether a form comes back after its session had ended.
pub(super) fn is_resumed(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair == RESUMED))
}

/// A password is asked again, never carried along.
fn is_secret(name: &str) -> bool {
    name.ends_with("password")
}

/// The page that a form was sent from, as its browser says; else the inbox.
fn sent_from(headers: &HeaderMap) -> String {
    let referer = headers.get(header::REFERER).and_then(|value| value.to_str().ok());
    let path = referer.and_then(|referer| referer.parse::<Uri>().ok());
    let path = path.and_then(|uri| uri.path_and_query().map(|path| path.as_str().to_owned()));
    path.unwrap_or_else(|| "/inbox".to_owned())
}

/// Answers a form whose session has ended with the sign-in page that keeps what was written. A form without a word of its
/// own leads back to the page that it stands on.
pub async fn keep(State(app): State<App>, frame: Frame, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || is_door(request.uri().path()) {
        return next.run(request).await;
    }
    let session = match cookie(request.headers(), SESSION_COOKIE) {
        Some(secret) => app.session_account(&secret).await,
        None => Ok(None),
    };
    // Where the storage fails, the handler says so itself.
    if !matches!(session, Ok(None)) {
        return next.run(request).await;
    }
    let to = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let back = sent_from(request.headers());
    let fields = Fields::from_request(request, &()).await.map(|Form(fields)| fields).unwrap_or_default();
    let fields: Vec<(String, String)> = fields.into_iter().filter(|(name, _)| !is_secret(name)).collect();
    if fields.iter().all(|(_, value)| value.is_empty()) {
        return Redirect::to(&format!("/sign-in?next={}", escape(&back))).into_response();
    }
    let view = SignInView {
        next: back,
        kept: Some(KeptForm { to, fields }),
        demo_accounts: session::demo_accounts(&app),
        ..SignInView::default()
    };
    show_with(StatusCode::UNAUTHORIZED, &frame, view).await.unwrap_or_else(IntoResponse::into_response)
}

/// What a sign-in carries along.
pub(super) fn carried(fields: &[(String, String)]) -> Option<KeptForm> {
    let to = super::field(fields, TO);
    let own = |(name, value): &(String, String)| Some((name.strip_prefix(PREFIX)?.to_owned(), value.clone()));
    (session::local(to) == to).then(|| KeptForm { to: to.to_owned(), fields: fields.iter().filter_map(own).collect() })
}

/// The page after signing in: one step back to the form with its text.
pub(super) fn resume(kept: KeptForm, back: &str) -> ResumeView {
    let joint = if kept.to.contains('?') { '&' } else { '?' };
    ResumeView {
        action: format!("{}{joint}{RESUMED}", kept.to),
        fields: kept.fields,
        instead: Link::new("Leave it, and open the page anew", back),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_kept_and_nothing_is_sent_elsewhere() {
        assert!(["password", "own_password", "waiver_password"].into_iter().all(is_secret) && !is_secret("reason"));
        let fields = |to: &str| vec![(TO.to_owned(), to.to_owned()), ("kept.reason".to_owned(), "drift".to_owned())];
        let kept = carried(&fields("/rollouts/credit/US/hold")).unwrap();
        assert_eq!(kept.fields, [("reason".to_owned(), "drift".to_owned())]);
        assert_eq!(resume(kept, "/inbox").action, "/rollouts/credit/US/hold?resumed");
        for elsewhere in ["https://evil.example/x", "//evil.example", ""] {
            assert_eq!(carried(&fields(elsewhere)), None, "{elsewhere}");
        }
        assert!(is_resumed(&"/a?b=c&resumed".parse().unwrap()) && !is_resumed(&"/a?resumed=no".parse().unwrap()));
    }
}
