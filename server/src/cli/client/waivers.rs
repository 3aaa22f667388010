//! `countersign waivers …`: list a version's waivers, grant one, end one before its time.
//!
//! Nobody asks for a waiver through the program: whoever grants it says who asked. It is granted in person, on its page.

use clap::{ArgGroup, Args, Subcommand};
use domain::{
    AccountId, Market,
    registry::Version,
    waiver::{Covers, GrantWaiver, RevokeWaiver},
};
use ledger::Timestamp;
use serde_json::json;

use super::{EXIT_CODES, IN_PERSON, Which, api::Api, in_person, print_json, tell};
use crate::{cli::CliError, seal::Receipt};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct WaiversArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the version's waivers: what each covers, until when, what stands in its place.
    #[command(after_help = EXIT_CODES)]
    List {
        #[command(flatten)]
        which: Which,
    },
    /// Say which waiver is to be granted, and where.
    #[command(long_about = format!("Say which waiver is to be granted, and where.\n\n{IN_PERSON}"), after_help = EXIT_CODES, group(ArgGroup::new("covers").required(true)))]
    Grant {
        #[command(flatten)]
        which: Which,
        /// The open finding that it covers.
        #[arg(long, group = "covers")]
        finding: Option<u32>,
        /// The rule that it covers, by its id; policy says which rules may be waived.
        #[arg(long, group = "covers")]
        rule: Option<String>,
        /// The market whose gates it opens; every market's and the shared one, if left out.
        #[arg(long)]
        market: Option<Market>,
        /// What stands in the place of what is waived.
        #[arg(long)]
        control: String,
        /// Why it is justified.
        #[arg(long)]
        reason: String,
        /// The account of whoever asked for it.
        #[arg(long)]
        requested_by: AccountId,
        /// When it ends by itself, such as 2026-12-20T10:00:00.000000Z; policy says how late at most.
        #[arg(long)]
        expires_at: Timestamp,
    },
    /// End a waiver before its time.
    #[command(after_help = EXIT_CODES)]
    Revoke {
        #[command(flatten)]
        which: Which,
        /// The waiver's number.
        #[arg(long)]
        waiver: u32,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// The time on this machine, by which a waiver is told as in force or expired.
fn now() -> Timestamp {
    use crate::clock::{Clock as _, SystemClock};
    SystemClock.now()
}

/// Runs `countersign waivers`.
pub(in crate::cli) fn run(args: WaiversArgs) -> Result<(), CliError> {
    match args.what {
        What::List { which } => {
            let version: Version = Api::new(&which.remote)?.get(&which.path(), &[])?;
            let now = now();
            if which.json {
                let listed: Vec<_> = version
                    .waivers
                    .iter()
                    .map(|waiver| json!({ "state": version.waiver_state(waiver, now), "waiver": waiver }))
                    .collect();
                return print_json(&listed);
            }
            if version.waivers.is_empty() {
                println!("{} has no waivers", which.id());
            }
            for waiver in &version.waivers {
                let market = waiver.market.as_ref().map_or_else(|| "every market".to_owned(), ToString::to_string);
                println!(
                    "waiver {} on {} for {market}: {} (until {}); in its place: {}; entry {}",
                    waiver.number,
                    waiver.covers,
                    version.waiver_state(waiver, now).title(),
                    waiver.expires_at,
                    waiver.control,
                    waiver.entry
                );
            }
            Ok(())
        }
        What::Grant { which, finding, rule, market, control, reason, requested_by, expires_at } => {
            let covers = match (finding, rule) {
                (Some(number), _) => Covers::Finding(number),
                (None, rule) => Covers::Rule(rule.unwrap_or_default()),
            };
            let sentence = format!("{covers} of {} is waived until {expires_at}", which.id());
            let body = GrantWaiver { covers, market, control, reason, requested_by, expires_at };
            let api = Api::new(&which.remote)?;
            let page = format!("{}/validation#waivers", which.path());
            let sent = api.post(&format!("{}/waivers", which.path()), &body);
            let receipt: Receipt = sent.map_err(|error| in_person(&api, &page, error))?;
            tell(&receipt, which.json, &sentence)
        }
        What::Revoke { which, waiver, reason } => {
            let path = format!("{}/waivers/{waiver}/revoke", which.path());
            let receipt: Receipt = Api::new(&which.remote)?.post(&path, &RevokeWaiver { reason })?;
            tell(&receipt, which.json, &format!("waiver {waiver} of {} is ended", which.id()))
        }
    }
}
