//! The rules as stories, told at the outermost level: a real server over HTTP on a clock that the story moves, and
//! nothing asserted but what somebody outside can see. Each story runs on every engine that the machine offers.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

#[path = "../common/browser.rs"]
mod browser;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/steps.rs"]
mod steps;

mod drift_emergency;
mod examiner;
mod files;
mod night;
mod scene;
mod two_markets;

/// Makes a test on each engine of an `async fn(Engine)`; on PostgreSQL where this machine offers one.
macro_rules! on_each_engine {
    ($($name:ident),* $(,)?) => {
        $(mod $name {
            use crate::common::Engine;

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                super::$name(Engine::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                if Engine::available().contains(&Engine::Postgres) {
                    super::$name(Engine::Postgres).await;
                }
            }
        })*
    };
}
pub(crate) use on_each_engine;
