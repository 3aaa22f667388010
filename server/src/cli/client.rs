//! Commands for pipelines: they speak to a running server over its API, with a token.

pub mod api;
mod audit;
mod committee;
mod document;
mod follow;
mod impact;
mod import;
mod inventory;
mod kill;
mod policy;
mod privacy;
mod records;
mod safeguards;
pub(super) mod serving;
mod spool;
mod triggers;
mod upload;
mod waivers;
mod webhooks;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use domain::{
    Market, ModelName, Stage, VersionId, VersionNumber,
    command::{RegisterModel, RegisterVersion, RequestPromotion},
    evidence::EvidencePath,
};
use ledger::Timestamp;

pub(super) use audit::{AsOfArgs, MaturityArgs, ReportsArgs, as_of, maturity, reports};
pub(super) use committee::{CommitteeArgs, run as committee};
pub(super) use impact::{ImpactArgs, run as impact};
pub(super) use import::ImportArgs;
pub(super) use inventory::{InventoryArgs, run as inventory};
pub(super) use kill::{KillLiftArgs, KillReviewArgs, lift as kill_lift, review as kill_review};
pub(super) use policy::{PolicyArgs, run as policy};
pub(super) use privacy::{DpiaArgs, PrivacyArgs, dpia, privacy};
pub(super) use records::{
    ArchiveArgs, CompareArgs, ManifestArgs, MaterialityArgs, ValidationArgs, archive, compare, manifest, materiality,
    validation,
};
pub(super) use safeguards::{CampaignsArgs, SafeguardsArgs, campaigns, safeguards};
pub(super) use triggers::{TriggersArgs, run as triggers};
pub(super) use waivers::{WaiversArgs, run as waivers};
pub(super) use webhooks::{WebhooksArgs, run as webhooks};

use super::CliError;
use crate::seal::Receipt;
use api::{Api, ApiError, Problem, Remote};
use follow::{Goal, Outcome, Standing};
use upload::Upload;

/// What `--help` of the following commands ends with.
const EXIT_CODES: &str = "Exit codes:\n  0  done; the stage is reached\n  1  a rule or a person said no: refused, \
    declined, withdrawn, archived\n  2  misuse, or a failure\n  3  not decided yet when the wait was over\n\nThe token is \
    read from the environment variable COUNTERSIGN_TOKEN or from --token-file.";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct RegisterArgs {
    #[command(subcommand)]
    what: Register,
}

#[derive(Debug, Subcommand)]
enum Register {
    /// Enter a model into the inventory.
    #[command(after_help = EXIT_CODES)]
    Model {
        /// JSON or YAML with name, title, purpose, tier, profile and markets, as the API takes it; `-` for standard input.
        file: PathBuf,
        #[command(flatten)]
        remote: Remote,
        /// Print the receipt as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Register the next version of a model.
    #[command(after_help = EXIT_CODES)]
    Version {
        /// The model.
        #[arg(long)]
        model: ModelName,
        /// JSON or YAML with lineage and note, as the API takes it; `-` for standard input.
        file: PathBuf,
        #[command(flatten)]
        remote: Remote,
        /// Print the receipt as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Which model is meant.
#[derive(Debug, Clone, Args)]
struct Of {
    /// The model.
    #[arg(long)]
    model: ModelName,
    #[command(flatten)]
    remote: Remote,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Which version is meant.
#[derive(Debug, Clone, Args)]
struct Which {
    /// The model.
    #[arg(long)]
    model: ModelName,
    /// The version's number.
    #[arg(long)]
    version: VersionNumber,
    #[command(flatten)]
    remote: Remote,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Which {
    fn id(&self) -> VersionId {
        VersionId { model: self.model.clone(), number: self.version }
    }

    fn path(&self) -> String {
        format!("/models/{}/versions/{}", self.model, self.version)
    }
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct AttachArgs {
    #[command(flatten)]
    which: Which,
    /// code, data, model, shadow, canary or other; where the kind of file tells, it may be left out.
    #[arg(long)]
    path: Option<EvidencePath>,
    /// The market, for shadow and canary evidence.
    #[arg(long)]
    market: Option<Market>,
    /// The git commit, data version or weights digest that the file speaks of.
    #[arg(long)]
    bound_to: String,
    /// What produced the file.
    #[arg(long)]
    producer: String,
    /// When the file was produced, such as 2026-11-20T10:00:00.000000Z; now, if left out.
    #[arg(long)]
    produced_at: Option<Timestamp>,
    /// The file's name in the record; needed where it comes from standard input.
    #[arg(long)]
    file_name: Option<String>,
    /// The file; it is sent as it is and read as a stream. `-` for standard input.
    file: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct PromoteArgs {
    #[command(flatten)]
    which: Which,
    /// The stage to enter: staging, shadow, canary or production.
    #[arg(long)]
    to: Stage,
    /// The market, from Shadow on.
    #[arg(long)]
    market: Option<Market>,
    /// What the reviewers should know.
    #[arg(long, default_value = "")]
    note: String,
    /// On the way to Production: why the version takes over at once instead of step by step.
    #[arg(long, value_name = "REASON")]
    blue_green: Option<String>,
    /// Wait at most so many seconds for the decision. Without it, the command ends when the request is recorded.
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    which: Which,
    /// The stage to look for; that of the latest request, else the next one, if left out.
    #[arg(long)]
    to: Option<Stage>,
    /// The market, from Shadow on.
    #[arg(long)]
    market: Option<Market>,
    /// Wait at most so many seconds for the decision.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
}

/// Runs a command that speaks HTTP away from the runtime's own threads.
pub(super) async fn run(command: impl FnOnce() -> Result<(), CliError> + Send + 'static) -> Result<(), CliError> {
    tokio::task::spawn_blocking(command).await.map_err(CliError::failed)?
}

/// A text in an answer; empty where it is none.
fn word(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn print_json(value: &impl serde::Serialize) -> Result<(), CliError> {
    println!("{}", serde_json::to_string_pretty(value).map_err(CliError::failed)?);
    Ok(())
}

fn tell(receipt: &Receipt, json: bool, sentence: &str) -> Result<(), CliError> {
    if json {
        return print_json(receipt);
    }
    println!("{sentence}: entry {}", receipt.last_seq());
    Ok(())
}

/// What `--help` says of acts that ask for their person.
const IN_PERSON: &str = "This is signed in person: with the password once more, on the page that shows the whole of what \
    is signed. No token stands in for that, so from here the server refuses, and the answer names the page (exit code 1).";

/// The server's no to an act that asks for its person, with the page on which that person does it.
fn in_person(api: &Api, page: &str, error: ApiError) -> CliError {
    match error.problem().map(Problem::rule) {
        Some("signing.reauthentication" | "signing.person" | "drift.person") => {
            CliError::No(format!("{error} A person signs in and does it at {}{page}", api.base()))
        }
        _ => error.into(),
    }
}

/// `countersign register`.
pub(super) fn register(args: RegisterArgs) -> Result<(), CliError> {
    match args.what {
        Register::Model { file, remote, json } => {
            let body: RegisterModel = document::read(&file)?;
            let receipt: Receipt = Api::new(&remote)?.post("/models", &body)?;
            tell(&receipt, json, &format!("model {} is registered", body.name))
        }
        Register::Version { model, file, remote, json } => {
            let body: RegisterVersion = document::read(&file)?;
            // Before it becomes JSON, which has no spelling for numbers that are none.
            body.lineage.check(None).map_err(|refusal| {
                let wrong: Vec<_> = refusal
                    .missing
                    .iter()
                    .map(|missing| format!("\n  - {}: {}", missing.what, missing.message))
                    .collect();
                CliError::No(format!("{}: {refusal}{}", file.display(), wrong.concat()))
            })?;
            let receipt: Receipt = Api::new(&remote)?.post(&format!("/models/{model}/versions"), &body)?;
            let number = receipt.version().unwrap_or_default();
            tell(&receipt, json, &format!("{model} version {number} is registered"))?;
            if !json {
                for missing in body.lineage.missing() {
                    println!("  missing {}: {}", missing.what, missing.message);
                }
            }
            Ok(())
        }
    }
}

/// `countersign attach`.
pub(super) fn attach(args: &AttachArgs) -> Result<(), CliError> {
    let is_piped = args.file.as_os_str() == "-";
    let own = args.file.file_name().and_then(|name| name.to_str()).filter(|_| !is_piped);
    let name = args.file_name.as_deref().or(own).ok_or_else(|| {
        CliError::Failed(if is_piped {
            "what comes from standard input has no name; state one with --file-name".to_owned()
        } else {
            format!("{} has no file name that can be written as text; state one with --file-name", args.file.display())
        })
    })?;
    let spool = spool::stdin_if_dash(&args.file)?;
    let mut query =
        vec![("file_name", name.to_owned()), ("bound_to", args.bound_to.clone()), ("producer", args.producer.clone())];
    query.extend(args.path.map(|path| ("path", path.to_string())));
    query.extend(args.market.as_ref().map(|market| ("market", market.to_string())));
    let upload = Upload {
        path: format!("{}/evidence", args.which.path()),
        query,
        file: spool.as_ref().map_or(&args.file, spool::Spool::path),
        produced_at: args.produced_at,
    };
    let receipt: Receipt = Api::new(&args.which.remote)?.upload(&upload)?;
    tell(&receipt, args.which.json, &format!("{name} is attached to {}", args.which.id()))
}

fn end(standing: &Standing, json: bool, undecided_is_fine: bool) -> Result<(), CliError> {
    if json {
        print_json(standing)?;
    } else {
        print!("{}", standing.text());
    }
    match standing.outcome {
        Outcome::Reached => Ok(()),
        Outcome::Refused => Err(CliError::No("the promotion will not happen as things stand".into())),
        Outcome::Waiting if undecided_is_fine => Ok(()),
        Outcome::Waiting => Err(CliError::Waiting("not decided yet".into())),
    }
}

/// `countersign promote`.
pub(super) fn promote(args: PromoteArgs) -> Result<(), CliError> {
    let api = Api::new(&args.which.remote)?;
    let body =
        RequestPromotion { to: args.to, market: args.market.clone(), note: args.note, blue_green: args.blue_green };
    let receipt: Receipt = api.post(&format!("{}/promotions", args.which.path()), &body)?;
    if !args.which.json {
        println!("promotion of {} to {} is asked for: entry {}", args.which.id(), args.to, receipt.last_seq());
    }
    let goal = Goal { id: args.which.id(), to: Some(args.to), market: args.market };
    let standing = goal.follow(&api, Duration::from_secs(args.wait.unwrap_or(0)))?;
    end(&standing, args.which.json, args.wait.is_none())
}

/// `countersign status`.
pub(super) fn status(args: &StatusArgs) -> Result<(), CliError> {
    let api = Api::new(&args.which.remote)?;
    let goal = Goal { id: args.which.id(), to: args.to, market: args.market.clone() };
    let standing = goal.follow(&api, Duration::from_secs(args.wait))?;
    end(&standing, args.which.json, false)
}

/// `countersign import`.
pub(super) fn import(args: ImportArgs) -> Result<(), CliError> {
    import::run(args)
}
