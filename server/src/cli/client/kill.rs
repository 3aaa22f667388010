//! What follows the kill switch from a terminal: its review by somebody else, and lifting it.

use clap::Args;
use domain::deployment::command::{Reason, ReviewKill};

use super::{CliError, EXIT_CODES, api::Api, in_person, serving::Place, tell};
use crate::seal::Receipt;

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct KillReviewArgs {
    #[command(flatten)]
    place: Place,
    /// What the review found.
    #[arg(long)]
    text: String,
    /// The model may serve again.
    #[arg(long)]
    may_lift: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct KillLiftArgs {
    #[command(flatten)]
    place: Place,
    /// Why now.
    #[arg(long)]
    reason: String,
}

/// `countersign kill-review`.
pub(in crate::cli) fn review(args: KillReviewArgs) -> Result<(), CliError> {
    let KillReviewArgs { place, text, may_lift } = args;
    let api = Api::new(&place.remote)?;
    let sent = api.post(&place.path("/kill/review"), &ReviewKill { text, may_lift });
    // Where a review asks for its person, the answer names the page on which that person does it.
    let page = format!("{}#kill", place.path(""));
    let receipt: Receipt = sent.map_err(|error| in_person(&api, &page, error))?;
    tell(&receipt, place.json, "the use of the kill switch is reviewed")
}

/// `countersign kill-lift`.
pub(in crate::cli) fn lift(args: KillLiftArgs) -> Result<(), CliError> {
    let KillLiftArgs { place, reason } = args;
    place.post("/kill/lift", &Reason { reason }, "the kill switch is lifted")
}
