//! What is recorded of a version, from a terminal: the comparison with another, the reproduction manifest, how material
//! its change is, its validation report and findings, and its end.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use domain::{
    AccountId, Market, VersionNumber,
    command::{ArchiveVersion, FindingNote, RaiseFinding, RecordReport},
    materiality::{Materiality, SetMateriality},
    registry::Version,
    validation::{Finding, Severity},
};
use ledger::Timestamp;
use serde_json::Value;

use super::{EXIT_CODES, Of, Which, api::Api, document, print_json, tell};
use crate::{cli::CliError, seal::Receipt};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct CompareArgs {
    #[command(flatten)]
    of: Of,
    /// The earlier version.
    #[arg(long)]
    a: VersionNumber,
    /// The later version.
    #[arg(long)]
    b: VersionNumber,
}

/// `countersign compare`.
pub(in crate::cli) fn compare(args: &CompareArgs) -> Result<(), CliError> {
    let CompareArgs { of, a, b } = args;
    let query = [("a", a.to_string()), ("b", b.to_string())];
    let told: Value = Api::new(&of.remote)?.get(&format!("/models/{}/compare", of.model), &query)?;
    if of.json {
        return print_json(&told);
    }
    let changes = told["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    if changes.is_empty() {
        println!("the lineage of version {b} is that of version {a}");
    }
    let word = |value: &Value| value.as_str().unwrap_or("nothing").to_owned();
    for change in changes {
        println!(
            "{:<16} {}: {} -> {}",
            word(&change["class"]),
            word(&change["path"]),
            word(&change["before"]),
            word(&change["after"])
        );
    }
    println!("the change is {}", word(&told["assessment"]["materiality"]));
    for reason in told["assessment"]["reasons"].as_array().into_iter().flatten() {
        println!("  {}", reason.as_str().map_or_else(|| reason.to_string(), str::to_owned));
    }
    Ok(())
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct ManifestArgs {
    #[command(flatten)]
    which: Which,
    /// Where to write it; standard output, if left out.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// `countersign manifest`.
pub(in crate::cli) fn manifest(args: &ManifestArgs) -> Result<(), CliError> {
    let path = format!("{}/manifest", args.which.path());
    let manifest: Value = Api::new(&args.which.remote)?.get(&path, &[])?;
    let text = serde_json::to_string_pretty(&manifest).map_err(CliError::failed)?;
    match &args.out {
        None => println!("{text}"),
        Some(out) => {
            write(out, text.as_bytes())?;
            let missing = manifest["missing"].as_array().map_or(0, Vec::len);
            println!("the manifest of {} is in {}; {missing} fields are missing", args.which.id(), out.display());
        }
    }
    Ok(())
}

/// Writes a file that was asked for.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    std::fs::write(path, bytes)
        .map_err(|error| CliError::Failed(format!("{} cannot be written: {error}", path.display())))
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct ArchiveArgs {
    #[command(flatten)]
    which: Which,
    /// Why.
    #[arg(long)]
    reason: String,
}

/// `countersign archive`.
pub(in crate::cli) fn archive(args: ArchiveArgs) -> Result<(), CliError> {
    let ArchiveArgs { which, reason } = args;
    let path = format!("{}/archive", which.path());
    let receipt: Receipt = Api::new(&which.remote)?.post(&path, &ArchiveVersion { reason })?;
    tell(&receipt, which.json, &format!("{} is archived for good", which.id()))
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct MaterialityArgs {
    #[command(subcommand)]
    what: MaterialityWhat,
}

#[derive(Debug, Subcommand)]
enum MaterialityWhat {
    /// Show how material the change is, and on what that rests.
    Show {
        #[command(flatten)]
        which: Which,
        /// The market; the gate into Staging, if left out.
        #[arg(long)]
        market: Option<Market>,
    },
    /// Raise it, or lower it as a validator.
    Set {
        #[command(flatten)]
        which: Which,
        /// The market whose gates it concerns; the gate into Staging, if left out.
        #[arg(long)]
        market: Option<Market>,
        /// material or `non_material`.
        #[arg(long, value_parser = materiality_of)]
        to: Materiality,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

fn materiality_of(text: &str) -> Result<Materiality, String> {
    serde_json::from_value(Value::from(text)).map_err(|error| error.to_string())
}

/// `countersign materiality`.
pub(in crate::cli) fn materiality(args: MaterialityArgs) -> Result<(), CliError> {
    match args.what {
        MaterialityWhat::Show { which, market } => {
            let query: Vec<_> = market.iter().map(|market| ("market", market.to_string())).collect();
            let path = format!("{}/materiality", which.path());
            let told: Value = Api::new(&which.remote)?.get(&path, &query)?;
            if which.json {
                return print_json(&told);
            }
            let word = |value: &Value| value.as_str().unwrap_or("not told apart").to_owned();
            println!(
                "{}; basis: {}; validation: {}",
                word(&told["in_force"]),
                word(&told["basis"]),
                word(&told["depth"])
            );
            for reason in told["now"]["reasons"].as_array().into_iter().flatten() {
                println!("  {}", reason.as_str().map_or_else(|| reason.to_string(), str::to_owned));
            }
            Ok(())
        }
        MaterialityWhat::Set { which, market, to, reason } => {
            let path = format!("{}/materiality", which.path());
            let body = SetMateriality { market, materiality: to, reason };
            let receipt: Receipt = Api::new(&which.remote)?.put(&path, &body)?;
            tell(&receipt, which.json, &format!("the materiality of {} is set", which.id()))
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct ValidationArgs {
    #[command(subcommand)]
    what: Validation,
}

#[derive(Debug, Subcommand)]
enum Validation {
    /// Show the validation report and the findings.
    Show {
        #[command(flatten)]
        which: Which,
    },
    /// Record the report: JSON or YAML with sections and outcome, as the API takes it; `-` for standard input.
    Record {
        #[command(flatten)]
        which: Which,
        /// The file.
        file: PathBuf,
    },
    /// Raise a finding.
    Raise {
        #[command(flatten)]
        which: Which,
        /// low, medium, high or critical.
        #[arg(long)]
        severity: Severity,
        /// What is wrong, in a line.
        #[arg(long)]
        title: String,
        /// What is wrong, in full.
        #[arg(long)]
        description: String,
        /// Who mends it; whoever registered the version, if left out.
        #[arg(long)]
        owner: Option<AccountId>,
        /// By when, such as 2026-12-20T10:00:00.000000Z.
        #[arg(long)]
        due_at: Timestamp,
    },
    /// Say how a finding was mended.
    Remediate {
        #[command(flatten)]
        finding: FindingArgs,
    },
    /// Close a finding: somebody else than who mended it says how that was verified.
    Close {
        #[command(flatten)]
        finding: FindingArgs,
    },
    /// Open a closed finding again.
    Reopen {
        #[command(flatten)]
        finding: FindingArgs,
    },
}

#[derive(Debug, Args)]
struct FindingArgs {
    #[command(flatten)]
    which: Which,
    /// The finding's number.
    #[arg(long)]
    finding: u32,
    /// What was done or checked, or why.
    #[arg(long)]
    note: String,
}

/// `countersign validation`.
pub(in crate::cli) fn validation(args: ValidationArgs) -> Result<(), CliError> {
    match args.what {
        Validation::Show { which } => {
            let version: Version = Api::new(&which.remote)?.get(&which.path(), &[])?;
            if which.json {
                return print_json(&serde_json::json!({ "report": version.report, "findings": version.findings }));
            }
            match &version.report {
                None => println!("no validation report of {} is recorded", which.id()),
                Some(report) => {
                    println!(
                        "{} by {} on {}: entry {}",
                        report.outcome.id(),
                        report.author,
                        report.recorded_at,
                        report.entry
                    );
                    for (section, text) in &report.sections {
                        println!("\n{}\n{text}", section.title());
                    }
                }
            }
            for finding in &version.findings {
                println!("\n{}", in_words(finding));
            }
            Ok(())
        }
        Validation::Record { which, file } => {
            let body: RecordReport = document::read(&file)?;
            let path = format!("{}/validation", which.path());
            let receipt: Receipt = Api::new(&which.remote)?.put(&path, &body)?;
            tell(&receipt, which.json, &format!("the validation report of {} is recorded", which.id()))
        }
        Validation::Raise { which, severity, title, description, owner, due_at } => {
            let body = RaiseFinding { severity, title, description, owner, due_at };
            let path = format!("{}/findings", which.path());
            let receipt: Receipt = Api::new(&which.remote)?.post(&path, &body)?;
            tell(&receipt, which.json, &format!("a finding on {} is raised", which.id()))
        }
        Validation::Remediate { finding } => note(finding, "remediate", "is said to be mended"),
        Validation::Close { finding } => note(finding, "close", "is closed"),
        Validation::Reopen { finding } => note(finding, "reopen", "is open again"),
    }
}

/// A finding in a line or two.
fn in_words(finding: &Finding) -> String {
    let state = match (finding.is_open(), &finding.remediation) {
        (false, _) => "closed",
        (true, Some(_)) => "mended, to be verified",
        (true, None) => "open",
    };
    format!(
        "finding {} ({}), {state}, due {}: {}\n  {}",
        finding.number,
        finding.severity.id(),
        finding.due_at,
        finding.title,
        finding.description
    )
}

fn note(args: FindingArgs, act: &str, done: &str) -> Result<(), CliError> {
    let FindingArgs { which, finding, note } = args;
    let path = format!("{}/findings/{finding}/{act}", which.path());
    let receipt: Receipt = Api::new(&which.remote)?.post(&path, &FindingNote { note })?;
    tell(&receipt, which.json, &format!("finding {finding} of {} {done}", which.id()))
}
