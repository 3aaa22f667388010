//! Errors as RFC 9457 problems: one stable `type` a rule, what is missing, one by one.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Refusal, RefusalKind, refusal::Missing};
use serde::Serialize;

use crate::{blobs::BlobError, seal::SealError, storage::StoreError};

/// A parser's words without the whole of an endless input that they repeat: its first and last characters.
pub(super) fn bounded(text: &str) -> String {
    const SHOWN: usize = 300;
    let count = text.chars().count();
    if count <= 2 * SHOWN {
        return text.to_owned();
    }
    let first: String = text.chars().take(SHOWN).collect();
    let last: String = text.chars().skip(count - SHOWN).collect();
    format!("{first} … {last}")
}

/// A problem document.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// Stable name of the kind of problem: `urn:countersign:problem:` and the rule.
    pub r#type: String,
    /// The kind in a few words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What is wrong here and how to mend it.
    pub detail: String,
    /// What is missing, one by one, and the role that can supply it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(status: StatusCode, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            r#type: format!("urn:countersign:problem:{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            missing: Vec::new(),
        }
    }

    /// Whether it is of this kind.
    pub fn is(&self, kind: &str) -> bool {
        self.r#type.strip_prefix("urn:countersign:problem:") == Some(kind)
    }

    /// The caller is not known.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "access.authenticated", "Sign in first", detail)
    }

    /// There is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "subject.exists", "Not found", detail)
    }

    /// The request itself is malformed.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "request.readable", "The request cannot be read", detail)
    }

    /// What a library says of an address, a query or a form that it cannot read, in the house's words.
    pub fn in_words(text: &str) -> String {
        let (place, said) = match text.split_once(": ") {
            Some(("Invalid URL", said)) => ("There is nothing at this address", said),
            Some(("Failed to deserialize query string", said)) => ("A query parameter is not right", said),
            Some(("Failed to deserialize form" | "Failed to deserialize form body", said)) => {
                ("A field of the form is not right", said)
            }
            _ if text.contains("`boundary`") => {
                return "This is no form with a file (multipart/form-data); choose the file on its page and send the form."
                    .to_owned();
            }
            _ if text.contains("x-www-form-urlencoded") => {
                return "This address takes a form (application/x-www-form-urlencoded); use the form on the page."
                    .to_owned();
            }
            _ => ("It cannot be read", text),
        };
        // "Cannot parse `version` with value `abc` to a `u32`"
        let value = said.split_once("` to a `").and_then(|(before, kind)| Some((before.rsplit_once('`')?.1, kind)));
        let said = match value {
            Some((value, kind)) if kind.starts_with(['u', 'i']) => {
                format!("\"{value}\" is no whole number that fits there")
            }
            Some((value, _)) => format!("\"{value}\" does not fit there"),
            None => said
                .replace("Invalid UTF-8 in `", "no UTF-8 text stands for `")
                .replace("invalid digit found in string", "a whole number from 0 on belongs there")
                .replace("cannot parse integer from empty string", "a whole number belongs there, or nothing at all")
                .replace("number too large to fit in target type", "the number is too large"),
        };
        format!("{place}: {}.", bounded(said.trim_end_matches('.')))
    }

    /// How to prove one's identity, and what is wrong with the token that came, if one came (RFC 6750, section 3).
    fn challenge(&self) -> HeaderValue {
        let is_of_token = TOKEN_RULES.iter().any(|rule| self.r#type.ends_with(&format!(":{rule}")));
        let words = self.detail.replace(['"', '\\'], "'");
        let invalid = HeaderValue::from_str(&format!("Bearer error=\"invalid_token\", error_description=\"{words}\""));
        invalid.ok().filter(|_| is_of_token).unwrap_or(HeaderValue::from_static("Bearer"))
    }

    /// The status as a type.
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// The rules by which a token does not count: it proves nobody's identity.
const TOKEN_RULES: [&str; 2] = ["token.known", "token.active"];

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, title) = match refusal.kind {
            RefusalKind::Forbidden if TOKEN_RULES.contains(&refusal.rule.as_str()) => {
                (StatusCode::UNAUTHORIZED, "The token does not count")
            }
            RefusalKind::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "The input needs mending"),
            RefusalKind::Forbidden => (StatusCode::FORBIDDEN, "Not allowed"),
            RefusalKind::NotFound => (StatusCode::NOT_FOUND, "Not found"),
            RefusalKind::Conflict => (StatusCode::CONFLICT, "In conflict with what is recorded"),
            RefusalKind::Rule => (StatusCode::UNPROCESSABLE_ENTITY, "A rule says no"),
        };
        Self { missing: refusal.missing, ..Self::new(status, &refusal.rule, title, refusal.message) }
    }
}

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        tracing::error!(%error, "the storage failed");
        match error {
            StoreError::Full => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage.full", "The storage is full", error.to_string())
            }
            StoreError::Unreachable(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "storage.reachable",
                "The database cannot be reached",
                "The database cannot be reached; nothing was written. Try again in a moment.",
            ),
            _ => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "storage.failed",
                "The storage failed",
                "The storage failed; nothing was written. The server's log says more.",
            ),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

impl From<SealError> for Problem {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Refused(refusal) => refusal.into(),
            SealError::Store(error) => Self::from(&*error),
            SealError::Closed => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "server.closing",
                "Shutting down",
                SealError::Closed.to_string(),
            ),
        }
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        let detail = error.to_string();
        match error {
            BlobError::TooLarge { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "evidence.size", "The file is too large", detail)
            }
            BlobError::BrokenOff(_) => {
                Self::new(StatusCode::BAD_REQUEST, "evidence.whole", "The upload broke off", detail)
            }
            BlobError::Full => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage.full", "The storage is full", detail)
            }
            BlobError::Io(error) => {
                tracing::error!(%error, "the evidence folder failed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "storage.failed",
                    "The storage failed",
                    "The evidence folder failed; nothing was kept. The server's log says more.",
                )
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status_code();
        let challenge = (status == StatusCode::UNAUTHORIZED).then(|| self.challenge());
        // For pages, which show the same problem as a page: see `doors`.
        let told = self.clone();
        let mut response = (status, Json(self)).into_response();
        response.extensions_mut().insert(told);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
