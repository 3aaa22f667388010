//! The islands: what runs in the reader's browser. Each shows something useful before it runs, or nothing at all.

mod verify;

pub use verify::{Finding, ProofAnswer, VerifyEntry, verify};
