//! The API over real HTTP: the whole way of a version, every bad input, paging, proofs, export, live news.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

#[path = "../common/browser.rs"]
mod browser;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/steps.rs"]
mod steps;

mod access;
mod as_of;
mod commands;
mod course;
mod document;
mod doors;
mod events;
mod evidence;
mod forms;
mod impact;
mod inbox;
mod input;
mod ledger;
mod lists;
mod mrm;
mod privacy;
mod reports;
mod rules;
mod serving;
mod shadow;
mod signing;
mod split;
mod terminal;
mod timeline;
mod triggers;
mod uploads;
mod way;

use common::Answer;

/// Panics unless the answer is a well-formed problem of this status and rule; answers its detail.
#[track_caller]
fn assert_problem(answer: &Answer, status: u16, rule: &str) -> String {
    let problem = answer.json();
    let body = String::from_utf8_lossy(&answer.body);
    assert_eq!((answer.status, &*answer.rule()), (status, rule), "{body}");
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{body}");
    assert_eq!(problem["status"].as_u64(), Some(status.into()), "{body}");
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{body}");
    assert!(body.len() < 8_000, "a problem never echoes a long input: {} bytes", body.len());
    let detail = problem["detail"].as_str().unwrap_or_default().to_owned();
    assert!(!detail.is_empty(), "{body}");
    detail
}
