//! `countersign inventory …`: every model with its tier, owner, dates and exceptions, to read, to show, to take along.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use domain::{Market, ModelName, inventory::AddMarket, registry::Model};
use ledger::Timestamp;
use serde::Serialize;

use super::{
    EXIT_CODES, Of,
    api::{Api, Remote},
    print_json, tell,
};
use crate::{
    cli::CliError,
    http::api::models::{MAX_PAGE, ModelPage},
    inventory::{Listing, csv_header, csv_row},
    narrate::count,
    seal::Receipt,
};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct InventoryArgs {
    #[command(subcommand)]
    what: What,
}

/// Which models, on which server.
#[derive(Debug, Args)]
struct Which {
    /// Name or title contains this.
    #[arg(long)]
    search: Option<String>,
    /// Tier 1, 2 or 3.
    #[arg(long)]
    tier: Option<String>,
    /// Policy profile.
    #[arg(long)]
    profile: Option<String>,
    /// Registered for this market.
    #[arg(long)]
    market: Option<String>,
    /// `in_development`, `in_use` or `retired`.
    #[arg(long, value_parser = ["in_development", "in_use", "retired"])]
    status: Option<String>,
    /// `overdue`, `soon` (within 30 days) or `revalidation`: what is due.
    #[arg(long, value_parser = ["overdue", "soon", "revalidation"])]
    due: Option<String>,
    /// Only models with a waiver in force.
    #[arg(long)]
    exceptions: bool,
    #[command(flatten)]
    remote: Remote,
}

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Comma-separated values (RFC 4180), a line for each model.
    Csv,
    /// A JSON array.
    Json,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the models, a line each.
    #[command(after_help = EXIT_CODES)]
    List {
        #[command(flatten)]
        which: Which,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what the inventory says of one model.
    #[command(after_help = EXIT_CODES)]
    Show {
        #[command(flatten)]
        of: Of,
    },
    /// Open a market of the policy to a registered model, for good; its versions walk the market's own gates.
    #[command(after_help = EXIT_CODES)]
    AddMarket {
        /// The model.
        #[arg(long)]
        model: ModelName,
        /// The market, as the policy names it.
        #[arg(long)]
        market: Market,
        /// Why.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        remote: Remote,
        /// Print the receipt as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write the models as CSV or JSON. Owners are told by account, never by name.
    #[command(after_help = EXIT_CODES)]
    Export {
        #[command(flatten)]
        which: Which,
        /// The format.
        #[arg(long, default_value = "csv")]
        format: Format,
        /// Where to write it; standard output, if left out.
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

/// A day, or a dash.
fn day(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), Timestamp::date)
}

/// Every model that matches, page by page.
fn all(which: &Which) -> Result<Vec<Listing>, CliError> {
    let api = Api::new(&which.remote)?;
    let mut query = vec![("limit", MAX_PAGE.to_string())];
    let filters = [
        ("search", &which.search),
        ("tier", &which.tier),
        ("profile", &which.profile),
        ("market", &which.market),
        ("status", &which.status),
        ("due", &which.due),
    ];
    query.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    if which.exceptions {
        query.push(("exceptions", "true".to_owned()));
    }
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let mut page = query.clone();
        page.extend(cursor.map(|cursor: u64| ("cursor", cursor.to_string())));
        let answer: ModelPage = api.get("/models", &page)?;
        found.extend(answer.models);
        match answer.next {
            Some(next) => cursor = Some(next),
            None => return Ok(found),
        }
    }
}

fn champions(champions: &BTreeMap<String, u32>) -> String {
    champions.iter().map(|(market, number)| format!("{market}: {number}")).collect::<Vec<_>>().join("; ")
}

/// The table with a header line: the page's own, with accounts for owners.
fn csv(models: &[Listing]) -> String {
    let mut text = String::new();
    csv_header(&mut text);
    for model in models {
        csv_row(&mut text, model, &model.owner);
    }
    text
}

fn show(model: &Model) -> String {
    let markets: Vec<&str> = model.markets.iter().map(Market::as_str).collect();
    let mut lines = vec![
        format!("{}: {}", model.name, model.title),
        format!("tier        {}", model.tier.id()),
        format!("profile     {}", model.profile),
        format!("status      {}", domain::inventory::status(model).id()),
        format!("owner       {}", model.owner),
        format!("markets     {}", markets.join(", ")),
    ];
    for (market, champion) in &model.champions {
        lines.push(format!("serves      version {} in {market}", champion.version));
    }
    match &model.last_validation {
        Some(last) => lines.push(format!("validated   version {} on {}", last.version, day(Some(last.at)))),
        None => lines.push("validated   never in full".to_owned()),
    }
    let told = [
        ("purpose", &model.purpose),
        ("products", &model.card.products),
        ("restrictions", &model.card.restrictions),
        ("inputs", &model.card.inputs),
        ("outputs", &model.card.outputs),
    ];
    lines.extend(told.iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| format!("{name:<11} {text}")));
    lines.push(String::new());
    lines.join("\n")
}

/// Runs `countersign inventory`.
pub(in crate::cli) fn run(args: &InventoryArgs) -> Result<(), CliError> {
    match &args.what {
        What::List { which, json } => {
            let models = all(which)?;
            if *json {
                return print_json(&models);
            }
            for model in &models {
                println!(
                    "{}  tier {}, {}, {}; {}; next validation {}; {}, {}",
                    model.name,
                    model.tier,
                    model.status,
                    if model.champions.is_empty() {
                        "serves nobody".to_owned()
                    } else {
                        format!("serves {}", champions(&model.champions))
                    },
                    count(model.versions, "version", "versions"),
                    day(model.next_validation),
                    count(model.open_findings, "open finding", "open findings"),
                    count(model.exceptions, "exception", "exceptions")
                );
            }
            Ok(())
        }
        What::Show { of } => {
            let model: Model = Api::new(&of.remote)?.get(&format!("/models/{}", of.model), &[])?;
            if of.json {
                return print_json(&model);
            }
            print!("{}", show(&model));
            Ok(())
        }
        What::AddMarket { model, market, reason, remote, json } => {
            let body = AddMarket { market: market.clone(), reason: reason.clone() };
            let receipt: Receipt = Api::new(remote)?.post(&format!("/models/{model}/markets"), &body)?;
            tell(&receipt, *json, &format!("the market {market} is open to {model}"))
        }
        What::Export { which, format, out } => {
            let models = all(which)?;
            let text = match format {
                Format::Csv => csv(&models),
                Format::Json => to_json(&models)?,
            };
            match out {
                None => print!("{text}"),
                Some(path) => {
                    std::fs::write(path, text)
                        .map_err(|error| CliError::Failed(format!("{} cannot be written: {error}", path.display())))?;
                    println!("{} models are written to {}", models.len(), path.display());
                }
            }
            Ok(())
        }
    }
}

fn to_json(value: &impl Serialize) -> Result<String, CliError> {
    let mut text = serde_json::to_string_pretty(value).map_err(CliError::failed)?;
    text.push('\n');
    Ok(text)
}
