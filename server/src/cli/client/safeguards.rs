//! `countersign campaigns` and `countersign safeguards`: statements that people answer for.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::{
    ModelName,
    campaign::OpenCampaign,
    privacy::{PrivacyFile, command::ConfirmSafeguards, safeguards::Article22},
};
use ledger::Digest;
use serde_json::{Value, json};

use super::{
    EXIT_CODES, IN_PERSON, Of,
    api::{Api, Remote},
    document, in_person, print_json, tell, word,
};
use crate::{cli::CliError, seal::Receipt};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct CampaignsArgs {
    #[command(subcommand)]
    what: Campaigns,
}

#[derive(Debug, Subcommand)]
enum Campaigns {
    /// List campaigns, newest first.
    List {
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show a campaign: who answered, who has not.
    Show {
        /// Its number.
        campaign: u32,
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Open a campaign: JSON or YAML with title, statement, tiers, owners and `due_at`, as the API takes it.
    Open {
        /// The file; `-` for standard input.
        file: PathBuf,
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say where the owner of a model attests.
    #[command(long_about = format!("Say where the owner of a model attests.\n\n{IN_PERSON}"))]
    Attest {
        /// The campaign's number.
        campaign: u32,
        /// The model.
        #[arg(long)]
        model: ModelName,
        /// The statement does not hold.
        #[arg(long)]
        objects: bool,
        /// What is wrong, where it does not hold.
        #[arg(long, default_value = "")]
        comment: String,
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `countersign campaigns`.
pub(in crate::cli) fn campaigns(args: CampaignsArgs) -> Result<(), CliError> {
    match args.what {
        Campaigns::List { remote, json } => {
            let listed: Value = Api::new(&remote)?.get("/campaigns", &[])?;
            if json {
                return print_json(&listed);
            }
            for one in listed.as_array().into_iter().flatten() {
                let late = if one["overdue"] == true { ", overdue" } else { "" };
                println!(
                    "{}  {:?}: {} of {} answered, {} object; due {}{late}",
                    one["number"],
                    word(&one["title"]),
                    one["given"],
                    one["models"],
                    one["objections"],
                    word(&one["due_at"])
                );
            }
            Ok(())
        }
        Campaigns::Show { campaign, remote, json } => {
            let shown: Value = Api::new(&remote)?.get(&format!("/campaigns/{campaign}"), &[])?;
            if json {
                return print_json(&shown);
            }
            println!(
                "{:?}, due {}\n\u{201c}{}\u{201d}",
                word(&shown["title"]),
                word(&shown["due_at"]),
                word(&shown["statement"])
            );
            for (model, owner) in shown["models"].as_object().into_iter().flatten() {
                let given = &shown["given"][model];
                let owner = word(owner);
                match (given["holds"].as_bool(), given["entry"].as_u64()) {
                    (Some(true), Some(entry)) => println!("  {model}: holds, entry {entry}"),
                    (Some(false), Some(entry)) => {
                        println!("  {model}: does not hold, entry {entry}: {}", word(&given["comment"]));
                    }
                    _ => println!("  {model}: waits for {owner}"),
                }
            }
            Ok(())
        }
        Campaigns::Open { file, remote, json } => {
            let body: OpenCampaign = document::read(&file)?;
            let receipt: Receipt = Api::new(&remote)?.post("/campaigns", &body)?;
            tell(&receipt, json, &format!("{} is open", receipt.subject))
        }
        Campaigns::Attest { campaign, model, objects, comment, remote, json } => {
            let api = Api::new(&remote)?;
            let body = json!({ "model": model, "holds": !objects, "comment": comment });
            let sent = api.post(&format!("/campaigns/{campaign}/attest"), &body);
            let receipt: Receipt =
                sent.map_err(|error| in_person(&api, &format!("/campaigns/{campaign}#attest"), error))?;
            tell(&receipt, json, &format!("{model} is attested for"))
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct SafeguardsArgs {
    #[command(subcommand)]
    what: Safeguards,
}

#[derive(Debug, Subcommand)]
enum Safeguards {
    /// Show the Art. 22 statement of a model, its digest and whether it is confirmed.
    Show {
        #[command(flatten)]
        of: Of,
    },
    /// State the safeguards: JSON or YAML, as the API takes it; `-` for standard input.
    State {
        #[command(flatten)]
        of: Of,
        /// The file.
        file: PathBuf,
    },
    /// Confirm exactly the statement of this digest, as the privacy officer.
    Confirm {
        #[command(flatten)]
        of: Of,
        /// The digest of the statement that was read, as `safeguards show` prints it.
        #[arg(long)]
        statement: Digest,
    },
}

/// `countersign safeguards`.
pub(in crate::cli) fn safeguards(args: SafeguardsArgs) -> Result<(), CliError> {
    match args.what {
        Safeguards::Show { of } => {
            let file: PrivacyFile = Api::new(&of.remote)?.get(&format!("/models/{}/dpia", of.model), &[])?;
            if of.json {
                return print_json(&file.safeguards);
            }
            let Some(stated) = file.safeguards else {
                return Err(CliError::No(format!("no Art. 22 statement of {} is recorded", of.model)));
            };
            let statement = &stated.statement;
            println!("statement  {}", stated.digest);
            println!(
                "solely automated {}, significant effect {}",
                statement.solely_automated, statement.significant_effect
            );
            println!("reasons    {}", statement.reasons);
            let value = serde_json::to_value(&statement.safeguards).map_err(CliError::failed)?;
            for (safeguard, keeper) in value.as_object().into_iter().flatten() {
                println!("  {safeguard}: {keeper}");
            }
            match &stated.confirmed {
                Some(confirmed) => {
                    println!("confirmed by {} on {}: entry {}", confirmed.by, confirmed.at, confirmed.entry);
                }
                None => println!("not confirmed yet"),
            }
            for lapse in &stated.lapsed {
                println!("{}", lapse.sentence());
            }
            Ok(())
        }
        Safeguards::State { of, file } => {
            let body: Article22 = document::read(&file)?;
            let receipt: Receipt = Api::new(&of.remote)?.put(&format!("/models/{}/safeguards", of.model), &body)?;
            tell(&receipt, of.json, &format!("the safeguards of {} are stated", of.model))
        }
        Safeguards::Confirm { of, statement } => {
            let path = format!("/models/{}/safeguards/confirm", of.model);
            let receipt: Receipt = Api::new(&of.remote)?.post(&path, &ConfirmSafeguards { statement })?;
            tell(&receipt, of.json, &format!("the safeguards of {} are confirmed", of.model))
        }
    }
}
