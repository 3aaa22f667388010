//! HTTP: the API, the pages, and the layers around both.

pub mod api;
pub mod extract;
mod hear_out;
pub mod pages;
pub mod problem;

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Request, StatusCode, header},
    response::{IntoResponse, Json, Response},
    routing::get,
};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    csrf::{CsrfLayer, ProtectionError},
    set_header::SetResponseHeaderLayer,
    trace::TraceLayer,
};
use utoipa::openapi::OpenApi;

use extract::App;
use problem::Problem;

/// Largest JSON or form body, in bytes; evidence has its own limit.
const MAX_BODY: usize = 1 << 20;

/// The OpenAPI document, from the handlers.
pub fn openapi() -> OpenApi {
    api::router().split_for_parts().1
}

/// Every route with its layers.
pub fn router(app: App) -> Router {
    let (api, document) = api::router().split_for_parts();
    let api = api.method_not_allowed_fallback(|| async {
        Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "request.method",
            "Not done this way",
            "This address does not take this method; the header Allow names those that it takes.",
        )
    });
    let document = std::sync::Arc::new(document);
    let fixed = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    let layers = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http().make_span_with(|request: &Request<Body>| {
            // The path may carry names of models, never of people; queries are left out, and so is a one-time link's secret.
            let path = request.uri().path();
            let path = if path.starts_with("/setup/") { "/setup/…" } else { path };
            tracing::info_span!("request", method = %request.method(), path)
        }))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "same-origin"))
        .layer(fixed(header::X_FRAME_OPTIONS, "DENY"))
        .layer(fixed(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .layer(fixed(header::CACHE_CONTROL, "no-store"))
        .layer(CompressionLayer::new())
        // Within the compression, because it reads what libraries answer; around all that may answer so.
        .layer(axum::middleware::from_fn_with_state(app.clone(), pages::faults::tell))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| -> Response {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "server.failed",
                "The server failed",
                "The server failed on this request; the others go on. Its log says more.",
            )
            .into_response()
        }))
        .layer(axum::middleware::from_fn(hear_out::hear_out))
        .layer(CsrfLayer::new().with_rejection_response(foreign_page));
    Router::new()
        .route("/healthz", get(healthz))
        .route("/api/v1/openapi.json", get(move || async move { Json((*document).clone()) }))
        .merge(api)
        .merge(pages::router().route_layer(axum::middleware::from_fn_with_state(app.clone(), pages::kept::keep)))
        .fallback(pages::not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(layers)
        .with_state(app)
}

/// The answer to a request that another site's page sent along with the reader's cookie.
fn foreign_page(_: ProtectionError) -> Response {
    Problem::new(
        StatusCode::FORBIDDEN,
        "request.same_site",
        "Sent from another site",
        "This request came from a page of another site, so nothing was done. Open Countersign itself and repeat it there.",
    )
    .into_response()
}

/// A text as it may stand in a query.
pub fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

/// Whether the server can do its work: the database answers.
async fn healthz(axum::extract::State(app): axum::extract::State<App>) -> Result<&'static str, Problem> {
    match tokio::time::timeout(Duration::from_secs(5), app.store.head()).await {
        Ok(Ok(_)) => Ok("ok\n"),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(crate::storage::StoreError::Unreachable("no answer within 5 s".into()).into()),
    }
}
