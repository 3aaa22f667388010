//! The promises of the storage, kept on both engines: what is sealed agrees with itself, people acting at once never
//! both win silently, and whatever is changed behind the program's back is found.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

#[path = "../common/browser.rs"]
mod browser;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/steps.rs"]
mod steps;

mod clockwork;
mod erasure;
mod full;
mod groups;
mod keepers;
mod keys;
mod kill_switch;
mod plans;
mod raw;
mod repeats;
mod tampering;
mod together;
mod webhooks;

/// Makes a test on each engine of an `async fn(Engine)`; on PostgreSQL where this machine offers one.
macro_rules! on_each_engine {
    ($($name:ident),* $(,)?) => {
        $(mod $name {
            use crate::common::Engine;

            #[tokio::test]
            async fn sqlite() {
                super::$name(Engine::Sqlite).await;
            }

            #[tokio::test]
            async fn postgres() {
                if Engine::available().contains(&Engine::Postgres) {
                    super::$name(Engine::Postgres).await;
                }
            }
        })*
    };
}
pub(crate) use on_each_engine;
