//! The demo: an empty ledger is filled with a story worth clicking through.

use crate::{config::Config, service::StartError};

/// Fills an empty ledger.
///
/// # Errors
/// The ledger cannot be opened or a command of the story is refused.
pub async fn fill(config: &Config) -> Result<(), StartError> {
    let _ = config;
    Ok(())
}

/// How to sign in to the demo.
pub fn greeting() -> String {
    String::new()
}
