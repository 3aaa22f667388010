//! `countersign detect`: tells what an evidence file is and what would be read from it, without a server.

use std::path::{Path, PathBuf};

use clap::Args;
use domain::evidence::{EvidencePath, Thresholds, parse};
use serde_json::json;

use super::CliError;
use crate::rows;

/// The largest file whose facts are read whole, in bytes; rows are read as a stream.
const MAX_BYTES: u64 = 32 << 20;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes:\n  0  it can be read\n  1  it is of no known kind, or broken; the place is named\n  2  \
    misuse, or the file cannot be opened"
)]
pub(super) struct DetectArgs {
    /// The file.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Tells what a file is. Its figures are judged by a policy's thresholds only where it is attached.
pub(super) fn run(args: &DetectArgs) -> Result<(), CliError> {
    let unreadable =
        |error: std::io::Error| CliError::Failed(format!("{} cannot be read: {error}", args.file.display()));
    let about = std::fs::metadata(&args.file).map_err(unreadable)?;
    if !about.is_file() {
        return Err(CliError::Failed(format!("{} is not a file", args.file.display())));
    }
    match rows::tell(&args.file) {
        Ok(Some(told)) => return by_rows(args, told),
        Ok(None) => {}
        Err(rows::RowsError::Io(error)) => return Err(unreadable(error)),
        Err(error) => return Err(no(&args.file, &error.to_string())),
    }
    if about.len() > MAX_BYTES {
        let sentence =
            format!("facts are read from files of at most {} MiB; it has {} bytes", MAX_BYTES >> 20, about.len());
        return Err(no(&args.file, &sentence));
    }
    let bytes = std::fs::read(&args.file).map_err(unreadable)?;
    let parsed = parse(&bytes, &Thresholds::default()).map_err(|error| no(&args.file, &error.to_string()))?;
    let kind = parsed.facts.kind;
    let paths: Vec<String> = kind.paths().iter().map(ToString::to_string).collect();
    if args.json {
        return print(&json!({
            "kind": kind.title(), "paths": paths, "path": parsed.path, "summary": parsed.facts.summary,
            "figures": parsed.facts.figures, "failures": parsed.facts.failures,
            "names": parsed.names.as_ref().map(|(artifact, value)| json!({ "artifact": artifact.title(), "value": value })),
        }));
    }
    println!("{}: {}", args.file.display(), kind.title());
    println!("  path     {}", paths.join(" or "));
    println!("  says     {}", parsed.facts.summary);
    if let Some((artifact, value)) = &parsed.names {
        println!("  names    {} {value}", artifact.title());
    }
    for figure in &parsed.facts.figures {
        let segment = figure.segment.as_ref().map(|segment| format!(" in {segment}")).unwrap_or_default();
        println!("  figure   {}{segment}: {}", figure.name, figure.value);
    }
    for failure in &parsed.facts.failures {
        println!("  failure  {failure}");
    }
    Ok(())
}

fn by_rows(args: &DetectArgs, told: rows::Told) -> Result<(), CliError> {
    let kind = if told.path == EvidencePath::Canary { "assignment log of a canary" } else { "score pairs of a shadow" };
    if args.json {
        return print(&json!({ "kind": kind, "paths": [told.path], "path": told.path, "rows": told.rows }));
    }
    println!("{}: {kind}, {}", args.file.display(), told.format.title());
    println!("  path     {}, for one market", told.path);
    println!("  rows     {}", told.rows);
    Ok(())
}

fn no(file: &Path, reason: &str) -> CliError {
    CliError::No(format!("{}: {reason}", file.display()))
}

fn print(value: &serde_json::Value) -> Result<(), CliError> {
    println!("{}", serde_json::to_string_pretty(value).map_err(CliError::failed)?);
    Ok(())
}
