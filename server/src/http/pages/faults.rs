//! The last look at every answer that is an error: a page for whoever opened a page, a problem for whoever called the
//! API, and never a library's bare line, whichever handler, extractor or layer said no.

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Frame, PageError};
use crate::http::{extract::App, problem::Problem};

/// Bytes of a bare answer that are looked at.
const LOOKED_AT: usize = 4_096;

/// Whether the answer is for a person: not from the API or for a monitor, nor for a client that asks for JSON alone.
fn wants_page(path: &str, headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let is_for_programs = path == "/healthz" || path == "/api" || path.starts_with("/api/");
    !is_for_programs && (accept.contains("text/html") || !accept.contains("json"))
}

/// Whether an answer holds nothing but a line of text, as libraries write it.
fn is_bare(response: &Response) -> bool {
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type.is_none_or(|media_type| media_type.starts_with("text/plain"))
}

/// The problem behind a library's line.
fn problem(status: StatusCode, method: &Method, headers: &HeaderMap, text: &str) -> Problem {
    let bad = |kind: &str, title: &str, detail: String| Problem::new(status, kind, title, detail);
    match status {
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND if text.starts_with("Invalid URL") => {
            Problem::not_found(Problem::in_words(text))
        }
        StatusCode::NOT_FOUND => Problem::not_found("There is nothing at this address."),
        StatusCode::METHOD_NOT_ALLOWED => {
            let allow = headers.get(header::ALLOW).and_then(|allow| allow.to_str().ok()).unwrap_or_default();
            let allow = if allow.is_empty() { "other methods".to_owned() } else { allow.replace(',', ", ") };
            bad("request.method", "Not done this way", format!("This address takes {allow}, not {method}."))
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = "What was sent is larger than the 1 MiB that a form or a JSON body may have; evidence files have their own limit.";
            bad("request.size", "Too large", detail.to_owned())
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => bad("request.media_type", "Not in this form", Problem::in_words(text)),
        // What a form or a query says cannot be read; nothing of it was judged by a rule.
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            Problem { status: status.as_u16(), ..Problem::bad_request(Problem::in_words(text)) }
        }
        _ if status.is_server_error() => bad(
            "server.failed",
            "The server failed",
            "The server failed on this request; the others go on. Its log says more.".to_owned(),
        ),
        _ => bad("request.refused", status.canonical_reason().unwrap_or("Refused"), Problem::in_words(text)),
    }
}

/// The layer.
pub async fn tell(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let frame = wants_page(parts.uri.path(), &parts.headers).then(|| Frame::new(&parts, &app));
    let method = parts.method.clone();
    let response = next.run(Request::from_parts(parts, body)).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let known = response.extensions().get::<Problem>().cloned();
    let allow = response.headers().get(header::ALLOW).cloned();
    let mut told = match (known, frame) {
        (None, _) if !is_bare(&response) => return response,
        (Some(_), None) => return response,
        (Some(problem), Some(frame)) => PageError(Box::new((problem, frame))).into_response(),
        (None, frame) => {
            let (head, body) = response.into_parts();
            let text = to_bytes(body, LOOKED_AT).await.unwrap_or_default();
            let problem = problem(status, &method, &head.headers, &String::from_utf8_lossy(&text));
            match frame {
                Some(frame) => PageError(Box::new((problem, frame))).into_response(),
                None => problem.into_response(),
            }
        }
    };
    if let Some(allow) = allow {
        told.headers_mut().insert(header::ALLOW, allow);
    }
    if method == Method::HEAD {
        *told.body_mut() = Body::empty();
    }
    told
}
