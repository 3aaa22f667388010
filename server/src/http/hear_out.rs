//! Hearing a client out before it is told that what it sends is too large.
//!
//! A server that answers and closes while the other side still writes breaks the connection under it; a browser then shows
//! that in place of the answer, which says what is wrong and how to mend it. So the rest is read and thrown away first, up to
//! a bound in bytes and in time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, Bytes, HttpBody as _},
    extract::Request,
    http::{StatusCode, header},
    middleware::Next,
    response::Response,
};
use futures_util::{Stream, StreamExt as _, stream};

use super::MAX_BODY;

/// How much is thrown away at most, in bytes.
const MOST_BYTES: usize = 64 << 20;
/// How long that may take.
const LONGEST: Duration = Duration::from_secs(10);
/// Whoever sends nothing for so long has stopped to listen.
const SILENCE: Duration = Duration::from_secs(1);

/// What is left of a request's body, for its handler and for whoever clears up after it.
#[derive(Clone)]
struct Shared(Arc<Mutex<BodyDataStream>>);

impl Shared {
    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(context)
    }

    fn stream(self) -> impl Stream<Item = Result<Bytes, axum::Error>> + Send + 'static {
        stream::poll_fn(move |context| self.poll(context))
    }
}

/// Lets the handler answer, and reads what it left if that answer is that there was too much.
pub(super) async fn hear_out(request: Request, next: Next) -> Response {
    let is_small = request.body().size_hint().upper().is_some_and(|bytes| bytes <= MAX_BODY as u64);
    // A client that announces more than is read, or waits to be asked for it, hears the answer before it has sent much.
    let is_long = request.body().size_hint().lower() > MOST_BYTES as u64;
    if is_small || is_long || request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let shared = Shared(Arc::new(Mutex::new(body.into_data_stream())));
    let response = next.run(Request::from_parts(parts, Body::from_stream(shared.clone().stream()))).await;
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        // Whether it came to its end, broke off or took too long: there is nothing more to be done for the client.
        let _ = tokio::time::timeout(LONGEST, pass_over(shared)).await;
    }
    response
}

async fn pass_over(shared: Shared) {
    let mut rest = std::pin::pin!(shared.stream());
    let mut passed = 0;
    while passed < MOST_BYTES {
        match tokio::time::timeout(SILENCE, rest.next()).await {
            Ok(Some(Ok(bytes))) => passed += bytes.len(),
            Ok(Some(Err(_)) | None) | Err(_) => break,
        }
    }
}
