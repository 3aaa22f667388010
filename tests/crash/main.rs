//! The program itself, from outside: killed at any moment it starts again with all that it acknowledged, and its local
//! commands say by their exit code what they found.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/steps.rs"]
mod steps;

mod commands;
mod kill;
