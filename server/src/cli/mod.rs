//! The command line. Exit codes: 0 done, 1 a check or rule said no, 2 misuse or a failure, 3 not decided in time.

pub mod client;
mod detect;
mod local;
mod serve;
mod split;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::ConfigArgs;

/// Self-hosted audit and compliance for machine-learning models.
#[derive(Debug, Parser)]
#[command(name = "countersign", version)]
struct Cli {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::ServeArgs),
    /// Check an exported ledger without a database: chain, tree, signature, evidence.
    Verify(local::VerifyArgs),
    /// Fold the ledger again and compare states, views, tree, head and evidence with what is stored.
    Fsck(local::FsckArgs),
    /// Compute an entry's figures again from its file, by the thresholds that the entry recorded.
    Recompute(local::RecomputeArgs),
    /// Remove evidence files that no entry names and that are older than a day: what a crash left of uploads.
    Sweep,
    /// Drop states, views and tree and write them anew from the entries.
    Rebuild,
    /// Export the ledger of this data folder for `countersign verify` and independent tools.
    Export(local::ExportArgs),
    /// Register a model or a version on a running server.
    Register(client::RegisterArgs),
    /// Attach a file as evidence.
    Attach(Box<client::AttachArgs>),
    /// Ask for promotion to a stage.
    Promote(client::PromoteArgs),
    /// Show where a version stands and what is missing; wait for a decision.
    Status(client::StatusArgs),
    /// Check a policy file, adopt it, compare versions of the policy.
    Policy(client::PolicyArgs),
    /// List, show or export the model inventory.
    Inventory(client::InventoryArgs),
    /// Find the versions made of a dataset, partition, feature, commit or image, and whose users they answer.
    Impact(client::ImpactArgs),
    /// The risk committee's votes on a version: see them, stand back, learn where to vote.
    Committee(client::CommitteeArgs),
    /// List, grant or end a version's waivers.
    Waivers(Box<client::WaiversArgs>),
    /// Say when models are trained again, tell observations, see what fired.
    Triggers(Box<client::TriggersArgs>),
    /// Say where news is sent; see and repeat deliveries.
    Webhooks(client::WebhooksArgs),
    /// Show, report, hold or resume what takes over a market step by step.
    Rollout(client::serving::RolloutArgs),
    /// Take a version out of a market: the one on its way in, or the champion in favour of the warm standby.
    Rollback(client::serving::RollbackArgs),
    /// Send all traffic of a model to its previous version or to rules, at once.
    Kill(client::serving::KillArgs),
    /// Begin or end a rollback drill.
    Drill(client::serving::DrillArgs),
    /// Print how traffic is routed, and stay to print each change.
    Routing(client::serving::RoutingArgs),
    /// Take over what another registry knows.
    Import(client::ImportArgs),
    /// Tell which arm of a canary users are in, by the published split.
    Split(split::SplitArgs),
    /// Impact assessments: take over and write files of the CNIL's PIA tool, show where one stands.
    Dpia(client::DpiaArgs),
    /// The human-review register, legal holds, erasure, retention.
    Privacy(client::PrivacyArgs),
    /// Tell which version served which market at a past instant, approved by whom, under which policy.
    AsOf(client::AsOfArgs),
    /// Ask for reports, wait for them, fetch them.
    Reports(Box<client::ReportsArgs>),
    /// Show how mature the automation of a model is, or of all.
    Maturity(client::MaturityArgs),
    /// Show or record a validation report; raise, mend, close and reopen findings.
    Validation(Box<client::ValidationArgs>),
    /// Show how material a version's change is; raise or lower it.
    Materiality(client::MaterialityArgs),
    /// Attestation campaigns: list, show, open, learn where to attest.
    Campaigns(client::CampaignsArgs),
    /// The safeguards of Art. 22: show, state, confirm.
    Safeguards(client::SafeguardsArgs),
    /// Review a use of the kill switch.
    KillReview(client::KillReviewArgs),
    /// Lift the kill switch after its review.
    KillLift(client::KillLiftArgs),
    /// Retire a version for good.
    Archive(client::ArchiveArgs),
    /// Show what changed between two versions, and how material that is.
    Compare(client::CompareArgs),
    /// Write a version's reproduction manifest.
    Manifest(client::ManifestArgs),
    /// Tell what an evidence file is, without a server.
    Detect(detect::DetectArgs),
    /// Print the OpenAPI document.
    Openapi,
}

/// Why a command ended without its result.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A check or rule said no: exit code 1.
    #[error("{0}")]
    No(String),
    /// Misuse, or a failure: exit code 2.
    #[error("{0}")]
    Failed(String),
    /// Nothing was decided within the time given: exit code 3.
    #[error("{0}")]
    Waiting(String),
}

impl CliError {
    /// A failure of any kind.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            return ExitCode::from(2);
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Serve(args) => serve::serve(&cli.config, args).await,
            Command::Verify(args) => local::verify(&args),
            Command::Fsck(args) => local::fsck(&cli.config, &args).await,
            Command::Recompute(args) => local::recompute(&cli.config, &args).await,
            Command::Sweep => local::sweep(&cli.config).await,
            Command::Rebuild => local::rebuild(&cli.config).await,
            Command::Export(args) => local::export(&cli.config, &args).await,
            Command::Register(args) => client::run(|| client::register(args)).await,
            Command::Attach(args) => client::run(move || client::attach(&args)).await,
            Command::Promote(args) => client::run(|| client::promote(args)).await,
            Command::Status(args) => client::run(move || client::status(&args)).await,
            Command::Policy(args) => client::run(|| client::policy(args)).await,
            Command::Inventory(args) => client::run(move || client::inventory(&args)).await,
            Command::Impact(args) => client::run(move || client::impact(&args)).await,
            Command::Committee(args) => client::run(move || client::committee(args)).await,
            Command::Waivers(args) => client::run(move || client::waivers(*args)).await,
            Command::Triggers(args) => client::run(move || client::triggers(*args)).await,
            Command::Webhooks(args) => client::run(|| client::webhooks(args)).await,
            Command::Import(args) => client::run(|| client::import(args)).await,
            Command::Split(args) => split::run(&args),
            Command::Dpia(args) => client::run(|| client::dpia(args)).await,
            Command::Privacy(args) => client::run(|| client::privacy(args)).await,
            Command::Rollout(args) => client::run(|| client::serving::rollout(args)).await,
            Command::Rollback(args) => client::run(|| client::serving::rollback(args)).await,
            Command::Kill(args) if args.local => local::kill(&cli.config, &args).await,
            Command::Kill(args) => client::run(move || client::serving::kill(&args)).await,
            Command::Drill(args) => client::run(|| client::serving::drill(args)).await,
            Command::Routing(args) => client::run(|| client::serving::routing(args)).await,
            Command::AsOf(args) => client::run(move || client::as_of(&args)).await,
            Command::Reports(args) => client::run(|| client::reports(*args)).await,
            Command::Maturity(args) => client::run(move || client::maturity(&args)).await,
            Command::Validation(args) => client::run(|| client::validation(*args)).await,
            Command::Materiality(args) => client::run(|| client::materiality(args)).await,
            Command::Campaigns(args) => client::run(|| client::campaigns(args)).await,
            Command::Safeguards(args) => client::run(|| client::safeguards(args)).await,
            Command::KillReview(args) => client::run(|| client::kill_review(args)).await,
            Command::KillLift(args) => client::run(|| client::kill_lift(args)).await,
            Command::Archive(args) => client::run(|| client::archive(args)).await,
            Command::Compare(args) => client::run(move || client::compare(&args)).await,
            Command::Manifest(args) => client::run(move || client::manifest(&args)).await,
            Command::Detect(args) => detect::run(&args),
            Command::Openapi => local::openapi(),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(match error {
                CliError::No(_) => 1,
                CliError::Failed(_) => 2,
                CliError::Waiting(_) => 3,
            })
        }
    }
}
