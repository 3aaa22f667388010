//! Style, scripts and the WASM half, carried in the program.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use rust_embed::RustEmbed;

use crate::http::extract::App;

#[derive(RustEmbed)]
#[folder = "../style"]
struct Style;

#[derive(RustEmbed)]
#[folder = "../public"]
struct Public;

/// What `cargo xtask front` builds; empty where only the server was built, and pages then go without islands.
#[derive(RustEmbed)]
#[folder = "../target/site/pkg"]
#[allow_missing = true]
struct Site;

/// The style sheet: the files of `style/` in cascade order.
static STYLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    ["tokens.css", "layout.css", "components.css", "print.css"]
        .into_iter()
        .filter_map(Style::get)
        .flat_map(|file| file.data.into_owned())
        .collect()
});

/// Digest over every asset, in their addresses, so that browsers may keep them for good.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut all = STYLE.clone();
    for name in Public::iter() {
        all.extend(Public::get(&name).map(|file| file.data.into_owned()).unwrap_or_default());
    }
    for name in Site::iter() {
        all.extend(Site::get(&name).map(|file| file.data.into_owned()).unwrap_or_default());
    }
    ledger::Digest::of(&all).short()
});

/// The version in the addresses of assets.
pub fn version() -> &'static str {
    &VERSION
}

/// Routes of the assets.
pub fn router() -> Router<App> {
    Router::new()
        .route("/style.css", get(|| async { asset("style.css", STYLE.clone()) }))
        .route("/page.js", get(|| async { public("page.js") }))
        .route("/boot.js", get(|| async { public("boot.js") }))
        .route("/icon.svg", get(|| async { public("icon.svg") }))
        .route("/pkg/{name}", get(|Path(name): Path<String>| async move { of(&name, Site::get(&name)) }))
}

fn public(name: &'static str) -> Response {
    of(name, Public::get(name))
}

fn of(name: &str, file: Option<rust_embed::EmbeddedFile>) -> Response {
    match file {
        Some(file) => asset(name, file.data.into_owned()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn asset(name: &str, bytes: Vec<u8>) -> Response {
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, bytes).into_response()
}
