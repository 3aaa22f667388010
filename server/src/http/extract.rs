//! What handlers take from a request: who asks, and bodies with errors that say where they are broken.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{HeaderMap, header, request::Parts},
};
use cookie::Cookie;
use domain::{
    Market, ModelName, VersionId, VersionNumber,
    access::{Action, Principal},
};
use ledger::Digest;
use serde::de::DeserializeOwned;

use super::problem::{Problem, bounded};
use crate::{
    seal::{Caller, Order, Receipt},
    service::Service,
};

/// The cookie of a signed-in browser.
pub const SESSION_COOKIE: &str = "countersign_session";

/// The program, shared by all handlers.
pub type App = Arc<Service>;

/// A cookie's value.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .find(|cookie| cookie.name() == name)
        .map(|cookie| cookie.value().to_owned())
}

/// Who asks, by bearer token or session cookie. What it may do is decided where it is used.
#[derive(Debug, Clone)]
pub struct Asker {
    /// The caller.
    pub caller: Caller,
}

impl Asker {
    /// Refuses unless the asker may do this.
    ///
    /// # Errors
    /// The token or account does not count or lacks the right.
    pub async fn may(&self, app: &Service, action: Action) -> Result<Principal, Problem> {
        Ok(app.authorise(&self.caller, action).await?)
    }
}

impl FromRequestParts<App> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
            let token = value
                .to_str()
                .ok()
                .and_then(|value| value.split_once(' '))
                // The scheme's name is written in any case (RFC 9110, section 11.1).
                .and_then(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer").then_some(token))
                .ok_or_else(|| Problem::unauthenticated("The Authorization header must read `Bearer <token>`."))?;
            let caller = app.token_caller(token.trim()).await?;
            return caller
                .map(|caller| Self { caller })
                .ok_or_else(|| Problem::unauthenticated("This token is not known. Issue one under People, Tokens."));
        }
        let session = match cookie(&parts.headers, SESSION_COOKIE) {
            Some(secret) => app.session_account(&secret).await?,
            None => None,
        };
        session.map(|account| Self { caller: Caller::Account(account.id.clone()) }).ok_or_else(|| {
            Problem::unauthenticated("Send `Authorization: Bearer <token>`; tokens are issued under People, Tokens.")
        })
    }
}

/// A JSON body. Bodies are at most 1 MiB; an error names line and column.
pub struct Body<T> {
    /// What it says.
    pub value: T,
    /// Digest of its bytes, for idempotency.
    pub digest: Digest,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|error| Problem {
            status: error.status().as_u16(),
            ..Problem::bad_request(format!("{error}. A JSON body has at most 1 MiB; attach larger files as evidence."))
        })?;
        let value = serde_json::from_slice(&bytes).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            let said = bounded(&error.to_string());
            Problem::bad_request(if error.is_eof() {
                format!("The JSON body breaks off at {place}; send it whole.")
            } else if error.line() == 0 {
                // What a tag decides how to read is read once the whole is known, and its places are forgotten by then.
                format!("The JSON body is not right: {said}")
            } else {
                format!("The JSON body is not right at {place}: {said}")
            })
        })?;
        Ok(Self { value, digest: Digest::of(&bytes) })
    }
}

/// Query parameters.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(value) = Query::<T>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::bad_request(Problem::in_words(&error.body_text())))?;
        Ok(Self(value))
    }
}

/// What stands in the address. An address that cannot be read leads nowhere.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let axum::extract::Path(value) = axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::not_found(Problem::in_words(&error.body_text())))?;
        Ok(Self(value))
    }
}

/// The version that the address names.
pub struct VersionPath(pub VersionId);

impl<S: Send + Sync> FromRequestParts<S> for VersionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(found) = Path::<std::collections::HashMap<String, String>>::from_request_parts(parts, state).await?;
        let part = |name: &str| found.get(name).map(String::as_str).unwrap_or_default();
        let model: ModelName = part("model").parse().map_err(|error| Problem::not_found(format!("{error}")))?;
        let number: VersionNumber = part("version").parse().map_err(|error| Problem::not_found(format!("{error}")))?;
        Ok(Self(VersionId { model, number }))
    }
}

/// The model and the market that the address names.
#[derive(Debug, Clone)]
pub struct PlacePath {
    /// The model.
    pub model: ModelName,
    /// The market.
    pub market: Market,
}

impl<S: Send + Sync> FromRequestParts<S> for PlacePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(found) = Path::<std::collections::HashMap<String, String>>::from_request_parts(parts, state).await?;
        let part = |name: &str| found.get(name).map(String::as_str).unwrap_or_default();
        let model: ModelName = part("model").parse().map_err(|error| Problem::not_found(format!("{error}")))?;
        let market: Market = part("market").parse().map_err(|error| Problem::not_found(format!("{error}")))?;
        Ok(Self { model, market })
    }
}

/// The model, the market and the version that the address names.
#[derive(Debug, Clone)]
pub struct CoursePath {
    /// The model.
    pub model: ModelName,
    /// The market.
    pub market: Market,
    /// The version's number.
    pub version: VersionNumber,
}

impl<S: Send + Sync> FromRequestParts<S> for CoursePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let PlacePath { model, market } = PlacePath::from_request_parts(parts, state).await?;
        let Path(found) = Path::<std::collections::HashMap<String, String>>::from_request_parts(parts, state).await?;
        let version = found.get("version").map(String::as_str).unwrap_or_default();
        let version = version.parse().map_err(|error| Problem::not_found(format!("{error}")))?;
        Ok(Self { model, market, version })
    }
}

/// Headers that any write may carry.
#[derive(Debug, Clone, Default)]
pub struct WriteHeaders {
    idempotency_key: Option<String>,
    expected_revision: Option<u64>,
    address: String,
}

impl<S: Send + Sync> FromRequestParts<S> for WriteHeaders {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let text =
            |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default().trim().to_owned());
        let idempotency_key = text("idempotency-key");
        if let Some(key) = &idempotency_key
            && (key.is_empty() || key.len() > 200 || !key.is_ascii())
        {
            return Err(Problem::bad_request(
                "Idempotency-Key must have 1 to 200 ASCII characters; a UUID works well.",
            ));
        }
        let expected_revision = match text("if-match") {
            None => None,
            Some(value) => Some(value.trim_matches('"').parse().map_err(|_| {
                Problem::bad_request("If-Match must be the version's revision, a whole number as its ETag shows it.")
            })?),
        };
        Ok(Self { idempotency_key, expected_revision, address: format!("{} {}", parts.method, parts.uri) })
    }
}

/// A write whose answer cannot be given again, because it holds a secret that nobody keeps or is no receipt: it refuses an
/// `Idempotency-Key` rather than pass over it.
pub struct NotRepeatable;

impl<S: Send + Sync> FromRequestParts<S> for NotRepeatable {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.headers.contains_key("idempotency-key") {
            return Err(Problem::bad_request(
                "This address takes no Idempotency-Key: what it answers cannot be given again. Send it without, and look before you repeat it.",
            ));
        }
        Ok(Self)
    }
}

impl WriteHeaders {
    /// Seals a command with what the headers ask for. `body` is the digest of the request's body.
    ///
    /// # Errors
    /// A rule refused it or the storage failed.
    pub async fn seal(&self, app: &Service, order: Order, body: Digest) -> Result<Receipt, Problem> {
        let request = Digest::of(format!("{}\n{body}", self.address).as_bytes());
        let order = Order {
            idempotency: self.idempotency_key.clone().map(|key| (key, request)),
            expected_revision: order.expected_revision.or(self.expected_revision),
            ..order
        };
        Ok(app.sealer.seal(order).await?)
    }
}
