//! `countersign policy`: look at a policy file, adopt it, compare versions.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use domain::policy::Policy;
use serde::Deserialize;
use serde_json::json;

use super::{
    EXIT_CODES, IN_PERSON,
    api::{Api, Remote},
    in_person, print_json, tell,
};
use crate::{cli::CliError, seal::Receipt};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct PolicyArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Check a policy file, and say what adopting it would change on a running server.
    #[command(after_help = EXIT_CODES)]
    Check {
        /// The policy as TOML.
        file: PathBuf,
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say which policy file is to be adopted, and where an administrator does it.
    #[command(long_about = format!("Say which policy file is to be adopted, and where an administrator does it.\n\n{IN_PERSON}"), after_help = EXIT_CODES)]
    Adopt {
        /// The policy as TOML.
        file: PathBuf,
        #[command(flatten)]
        remote: Remote,
        /// Print the receipt as JSON.
        #[arg(long)]
        json: bool,
    },
    /// What changed from one version of the policy to another.
    #[command(after_help = EXIT_CODES)]
    Diff {
        /// The earlier version.
        from: u32,
        /// The later version.
        to: u32,
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Deserialize, serde::Serialize)]
struct Change {
    path: String,
    before: Option<String>,
    after: Option<String>,
    is_number: bool,
}

#[derive(Debug, Deserialize)]
struct Looked {
    error: Option<String>,
    changes: Vec<Change>,
}

fn read(file: &Path) -> Result<String, CliError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| CliError::Failed(format!("{} cannot be read: {error}", file.display())))?;
    Policy::from_toml(&text).map_err(|error| CliError::No(format!("{}: {error}", file.display())))?;
    Ok(text)
}

fn print(changes: &[Change]) {
    if changes.is_empty() {
        println!("nothing differs");
    }
    for change in changes {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(not there)".into());
        println!("{}: {} -> {}", change.path, shown(&change.before), shown(&change.after));
    }
}

/// `countersign policy`.
pub(in crate::cli) fn run(args: PolicyArgs) -> Result<(), CliError> {
    match args.what {
        What::Check { file, remote, json } => {
            let toml = read(&file)?;
            let looked: Looked = Api::new(&remote)?.post("/policy/check", &json!({ "toml": toml }))?;
            // The server may be of another release, which knows other rules.
            if let Some(error) = looked.error {
                return Err(CliError::No(format!("{}: {error}", file.display())));
            }
            if json {
                return print_json(&looked.changes);
            }
            print(&looked.changes);
            Ok(())
        }
        What::Adopt { file, remote, json } => {
            let toml = read(&file)?;
            let api = Api::new(&remote)?;
            let sent = api.post("/policy", &json!({ "toml": toml }));
            let receipt: Receipt = sent.map_err(|error| in_person(&api, "/policy#adopt", error))?;
            tell(&receipt, json, "the policy is adopted")
        }
        What::Diff { from, to, remote, json } => {
            let query = [("a", from.to_string()), ("b", to.to_string())];
            let changes: Vec<Change> = Api::new(&remote)?.get("/policy/diff", &query)?;
            if json {
                return print_json(&changes);
            }
            print(&changes);
            Ok(())
        }
    }
}
