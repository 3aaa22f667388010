//! Countersign's pages.
//!
//! A handler of the server authorises, loads, and fills a **view model**, a plain struct of [`pages`] that holds what
//! a page shows in words ready for people. [`render`] turns it into one HTML document. Pages read and forms work
//! without scripting; a page that holds one of the [`islands`] also loads the WASM build of this crate, in which
//! nothing but the islands is compiled.
#![recursion_limit = "256"]

pub mod islands;

#[cfg(feature = "ssr")]
pub mod kit;
#[cfg(feature = "ssr")]
pub mod pages;
#[cfg(feature = "ssr")]
mod shell;

#[cfg(feature = "ssr")]
pub use pages::Page;
#[cfg(feature = "ssr")]
pub use shell::{CheckpointBadge, Shell, Theme, User, grouped, render};

#[cfg(feature = "hydrate")]
mod hydrate;
