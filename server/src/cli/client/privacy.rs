//! `countersign dpia` and `countersign privacy`: assessments in and out, the register, holds and erasure.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::{
    AccountId, ModelName,
    privacy::{PrivacyFile, command::ExtendReview},
};
use ledger::Timestamp;
use serde_json::{Value, json};

use super::{
    EXIT_CODES, Of,
    api::{Api, Remote},
    document, print_json, tell,
};
use crate::{
    cli::CliError,
    http::api::privacy::{DpiaSummary, ImportAnswer},
    seal::Receipt,
};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct DpiaArgs {
    #[command(subcommand)]
    what: Dpia,
}

#[derive(Debug, Subcommand)]
enum Dpia {
    /// Take over a file of the CNIL's PIA tool as the draft, and list what had no place.
    Import {
        #[command(flatten)]
        of: Of,
        /// The file that the tool exported; `-` for standard input.
        file: PathBuf,
    },
    /// Write the assessment as a file that the CNIL's PIA tool reads.
    Export {
        #[command(flatten)]
        of: Of,
        /// Where to write it; standard output, if left out.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Show where the assessment stands and what is missing.
    Show {
        #[command(flatten)]
        of: Of,
    },
    /// Say whether an approved assessment is in force: exit code 0 if so, 1 if not.
    Status {
        #[command(flatten)]
        of: Of,
    },
    /// Write the assessment from a JSON or YAML file, as the API takes it.
    Draft {
        #[command(flatten)]
        of: Of,
        /// The file; `-` for standard input.
        file: PathBuf,
    },
}

/// `countersign dpia`.
pub(in crate::cli) fn dpia(args: DpiaArgs) -> Result<(), CliError> {
    match args.what {
        Dpia::Import { of, file } => {
            let body: Value = document::read(&file)?;
            let answer: ImportAnswer = Api::new(&of.remote)?.post(&format!("/models/{}/dpia/cnil", of.model), &body)?;
            if of.json {
                return print_json(&answer);
            }
            println!("the assessment of {} is written: entry {}", of.model, answer.receipt.last_seq());
            for one in &answer.unplaced {
                println!("  not taken over {}: {}", one.place, one.why);
            }
            Ok(())
        }
        Dpia::Export { of, out } => {
            let file: Value = Api::new(&of.remote)?.get(&format!("/models/{}/dpia/cnil", of.model), &[])?;
            let text = serde_json::to_string_pretty(&file).map_err(CliError::failed)?;
            match out {
                None => println!("{text}"),
                Some(path) => std::fs::write(&path, text)
                    .map_err(|error| CliError::Failed(format!("{} cannot be written: {error}", path.display())))?,
            }
            Ok(())
        }
        Dpia::Show { of } => {
            let file: PrivacyFile = Api::new(&of.remote)?.get(&format!("/models/{}/dpia", of.model), &[])?;
            if of.json {
                return print_json(&file);
            }
            print!("{}", told(&file));
            Ok(())
        }
        Dpia::Status { of } => {
            let standing: DpiaSummary = Api::new(&of.remote)?.get(&format!("/models/{}/dpia/status", of.model), &[])?;
            status(&standing, of.json)
        }
        Dpia::Draft { of, file } => {
            let body: Value = document::read(&file)?;
            let receipt: Receipt = Api::new(&of.remote)?.put(&format!("/models/{}/dpia", of.model), &body)?;
            tell(&receipt, of.json, &format!("the assessment of {} is written", of.model))
        }
    }
}

/// How an assessment stands; a no where none is in force.
fn status(standing: &DpiaSummary, json: bool) -> Result<(), CliError> {
    if json {
        print_json(standing)?;
    } else {
        let until = standing.review_at.map(|at| format!(" until {at}")).unwrap_or_default();
        println!("assessment  {}", if standing.in_force { format!("in force{until}") } else { "not in force".into() });
        println!("next step   {}", standing.step);
        println!("Art. 22     {}", standing.safeguards);
    }
    if standing.in_force {
        return Ok(());
    }
    let why = match (standing.review_at, &*standing.step) {
        (Some(at), "done") => format!("its review was due on {at}"),
        (_, step) => format!("next step: {step}"),
    };
    Err(CliError::No(format!("no approved impact assessment of {} is in force; {why}", standing.model)))
}

/// The state of a privacy file in a few lines.
fn told(file: &PrivacyFile) -> String {
    let mut lines = Vec::new();
    match &file.approved {
        None => lines.push("no assessment is approved".to_owned()),
        Some(approved) => match &approved.reopened {
            None => lines
                .push(format!("approved by entry {}, to be looked at again by {}", approved.entry, approved.review_at)),
            Some(reopening) => {
                lines.push(format!("reopened by entry {}: {}", reopening.entry, reopening.cause.sentence()));
            }
        },
    }
    match &file.draft {
        None => lines.push("nothing is written".to_owned()),
        Some(draft) => {
            lines.push(format!("written in entry {}, digest {}", draft.entry, draft.digest));
            lines.extend(draft.content.missing().iter().map(|one| format!("  missing {}: {}", one.what, one.message)));
        }
    }
    match &file.safeguards {
        None => lines.push("nothing is stated under Art. 22".to_owned()),
        Some(stated) => {
            let confirmed = if stated.stands() { "confirmed" } else { "not confirmed" };
            lines.push(format!("Art. 22 statement of entry {}, {confirmed}", stated.entry));
            lines.extend(
                stated.statement.missing().iter().map(|one| format!("  missing {}: {}", one.what, one.message)),
            );
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct PrivacyArgs {
    #[command(subcommand)]
    what: Privacy,
}

#[derive(Debug, Subcommand)]
enum Privacy {
    /// List the human-review register, what is due first.
    Reviews {
        /// open, overdue or answered; all, if left out.
        #[arg(long)]
        state: Option<String>,
        /// On this model only.
        #[arg(long)]
        model: Option<ModelName>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Enter a request for human review into the register.
    Receive {
        #[command(flatten)]
        of: Of,
        /// JSON or YAML with asks, decision, name, contact, text, market, version, as the API takes it; `-` for
        /// standard input. Personal values are never arguments: process lists show arguments.
        file: PathBuf,
    },
    /// Give a request to a person, who looks at it.
    Assign {
        #[command(flatten)]
        of: Of,
        /// The request's number within the model.
        #[arg(long)]
        number: u32,
        /// The account of the person.
        #[arg(long)]
        assignee: AccountId,
    },
    /// Answer a request: what became of it, and what the person is told.
    Answer {
        #[command(flatten)]
        of: Of,
        /// The request's number within the model.
        #[arg(long)]
        number: u32,
        /// JSON or YAML with outcome (upheld, overturned, withdrawn or inadmissible) and answer, as the API takes it; `-`
        /// for standard input. What the person is told is never an argument: process lists show arguments.
        file: PathBuf,
    },
    /// Extend the deadline of a request once, after the person was told why (GDPR Art. 12(3)).
    Extend {
        #[command(flatten)]
        of: Of,
        /// The request's number within the model.
        #[arg(long)]
        number: u32,
        /// Why it is necessary, as the person was told, without personal data.
        #[arg(long)]
        reason: String,
        /// Days to add; as many as policy allows, if left out.
        #[arg(long)]
        days: Option<u32>,
        /// When the person was told, such as 2026-11-20T10:00:00.000000Z; now, if left out.
        #[arg(long)]
        informed_at: Option<Timestamp>,
    },
    /// Place a legal hold on personal data.
    Hold {
        /// account/ID, review/MODEL/NUMBER, or dpia/MODEL for all requests on a model.
        target: String,
        /// Why, without personal data.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Release a legal hold.
    Release {
        /// What it stands on.
        target: String,
        /// Its number.
        #[arg(long)]
        hold: u32,
        /// Why, without personal data.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Erase personal data: values and salts. A legal hold refuses it.
    Erase {
        /// account/ID of a disabled account, or review/MODEL/NUMBER of an answered request.
        target: String,
        /// The ground of Art. 17(1), by its id.
        #[arg(long, value_parser = ["no_longer_necessary", "consent_withdrawn", "objection", "unlawful_processing", "legal_obligation", "child"])]
        basis: String,
        /// More on it, without personal data.
        #[arg(long, default_value = "")]
        note: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// For how long the records of a model are kept, and by which rule.
    Retention {
        #[command(flatten)]
        of: Of,
    },
}

/// `countersign privacy`.
pub(in crate::cli) fn privacy(args: PrivacyArgs) -> Result<(), CliError> {
    match args.what {
        Privacy::Reviews { state, model, remote } => {
            let mut query = vec![("limit", "200".to_owned())];
            query.extend(state.map(|state| ("state", state)));
            query.extend(model.map(|model| ("model", model.to_string())));
            let page: Value = Api::new(&remote)?.get("/reviews", &query)?;
            print_json(&page)
        }
        Privacy::Receive { of, file } => {
            let body: Value = document::read(&file)?;
            let receipt: Receipt = Api::new(&of.remote)?.post(&format!("/models/{}/reviews", of.model), &body)?;
            tell(&receipt, of.json, &format!("{} is recorded", receipt.subject))
        }
        Privacy::Assign { of, number, assignee } => {
            let path = format!("/models/{}/reviews/{number}/assign", of.model);
            let receipt: Receipt = Api::new(&of.remote)?.post(&path, &json!({ "assignee": assignee }))?;
            tell(&receipt, of.json, &format!("request {number} on {} is given to {assignee}", of.model))
        }
        Privacy::Answer { of, number, file } => {
            let body: Value = document::read(&file)?;
            let path = format!("/models/{}/reviews/{number}/answer", of.model);
            let receipt: Receipt = Api::new(&of.remote)?.post(&path, &body)?;
            tell(&receipt, of.json, &format!("request {number} on {} is answered", of.model))
        }
        Privacy::Extend { of, number, reason, days, informed_at } => {
            let body = ExtendReview { reason, days, informed_at };
            let path = format!("/models/{}/reviews/{number}/extend", of.model);
            let receipt: Receipt = Api::new(&of.remote)?.post(&path, &body)?;
            tell(&receipt, of.json, &format!("the deadline of request {number} on {} is extended", of.model))
        }
        Privacy::Hold { target, reason, remote } => {
            let body = json!({"target": target, "reason": reason});
            let receipt: Receipt = Api::new(&remote)?.post("/holds", &body)?;
            tell(&receipt, false, &format!("{target} is held"))
        }
        Privacy::Release { target, hold, reason, remote } => {
            let body = json!({"target": target, "hold": hold, "reason": reason});
            let receipt: Receipt = Api::new(&remote)?.post("/holds/release", &body)?;
            tell(&receipt, false, &format!("hold {hold} on {target} is released"))
        }
        Privacy::Erase { target, basis, note, remote } => {
            let body = json!({"target": target, "basis": basis, "note": note});
            let receipt: Receipt = Api::new(&remote)?.post("/erasures", &body)?;
            tell(&receipt, false, &format!("the personal data of {target} are erased"))
        }
        Privacy::Retention { of } => {
            let kept: Value = Api::new(&of.remote)?.get(&format!("/models/{}/retention", of.model), &[])?;
            if of.json {
                return print_json(&kept);
            }
            println!("{} years", kept["years"]);
            for rule in kept["rules"].as_array().into_iter().flatten() {
                println!("  {}: {} years", rule["source"].as_str().unwrap_or_default(), rule["years"]);
            }
            Ok(())
        }
    }
}
