//! What an examiner asks for from a terminal: any past instant, reports as files, how mature a model's automation is.

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use clap::{Args, Subcommand, ValueEnum};
use domain::{Market, ModelName, VersionNumber, maturity::Maturity};
use serde_json::{Map, Value};

use super::{
    EXIT_CODES,
    api::{Api, Remote},
    print_json,
    records::write,
    word,
};
use crate::{cli::CliError, maturity::Portfolio};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct AsOfArgs {
    /// The instant: 2026-05-01 (its end in UTC), 2026-05-01T12:30 (UTC) or RFC 3339.
    #[arg(long)]
    at: String,
    /// One model, with who approved each step; all models without that, if left out.
    #[arg(long)]
    model: Option<ModelName>,
    #[command(flatten)]
    remote: Remote,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// `countersign as-of`.
pub(in crate::cli) fn as_of(args: &AsOfArgs) -> Result<(), CliError> {
    let mut query = vec![("at", args.at.clone())];
    query.extend(args.model.as_ref().map(|model| ("model", model.to_string())));
    let past: Value = Api::new(&args.remote)?.get("/as-of", &query)?;
    if args.json {
        return print_json(&past);
    }
    println!("on {}: {} entries, root {}", word(&past["at"]), past["size"], word(&past["root"]));
    if past["policy"].is_object() {
        println!(
            "policy {:?}, since {}: entry {}",
            word(&past["policy"]["title"]),
            word(&past["policy"]["since"]),
            past["policy"]["entry"]
        );
    }
    for model in each(&past["models"]) {
        let name = word(&model["name"]);
        for serving in each(&model["serving"]) {
            println!(
                "{name} in {}: version {} since {}, entry {}",
                word(&serving["market"]),
                serving["version"],
                word(&serving["since"]),
                serving["entry"]
            );
            grounds(&serving["grounds"]);
        }
        for traffic in each(&model["traffic"]) {
            let shares: Vec<String> = each(&traffic["shares"])
                .map(|share| format!("version {} {} %", share["version"], share["percent"]))
                .collect();
            let fallback = &traffic["fallback"];
            println!(
                "{name} in {}: users answered by {}; fallback {:?} {} %",
                word(&traffic["market"]),
                if shares.is_empty() { "no version".to_owned() } else { shares.join(", ") },
                word(&fallback["name"]),
                fallback["weight"]
            );
            if traffic["kill_switch"].is_object() {
                println!("  the kill switch was in use: entry {}", traffic["kill_switch"]["entry"]);
            }
            grounds(&traffic["challenger"]["grounds"]);
        }
    }
    Ok(())
}

fn grounds(grounds: &Value) {
    for step in each(&grounds["steps"]) {
        let market = step["market"].as_str().map(|market| format!(" in {market}")).unwrap_or_default();
        println!("  {}{market}, {}: entry {}", word(&step["to"]), word(&step["granted_at"]), step["entry"]);
        approvals(step);
    }
    for share in each(&grounds["shares"]) {
        let champion = if share["completed"] == true { ", champion" } else { "" };
        println!(
            "  {} % of users{champion}, {}: entry {}",
            share["percent"],
            word(&share["granted_at"]),
            share["entry"]
        );
        approvals(share);
    }
}

fn approvals(step: &Value) {
    for approval in each(&step["approvals"]) {
        println!(
            "    signed by {} as {}: {:?}, entry {}",
            word(&approval["signer"]),
            word(&approval["role"]),
            word(&approval["meaning"]),
            approval["entry"]
        );
    }
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct ReportsArgs {
    #[command(subcommand)]
    what: Reports,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    /// Every model.
    ModelInventory,
    /// What held at an instant; --at, perhaps --model.
    AsOf,
    /// What happened to --model in --market.
    MarketTimeline,
    /// Entries with their hashes; perhaps of --model, --event, --from, --until.
    AuditExtract,
    /// The impact assessment of --model.
    Dpia,
    /// The validation reports of --model --version.
    Validation,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Pdf,
    Json,
    Csv,
}

impl Format {
    fn id(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }
}

#[derive(Debug, Subcommand)]
enum Reports {
    /// List the reports that you asked for.
    List {
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ask for a report; it is made in the background and kept for 30 days.
    Request {
        /// Which.
        #[arg(value_enum)]
        report: Kind,
        /// The model.
        #[arg(long)]
        model: Option<ModelName>,
        /// The version.
        #[arg(long)]
        version: Option<VersionNumber>,
        /// The market.
        #[arg(long)]
        market: Option<Market>,
        /// The instant, as `countersign as-of` takes it.
        #[arg(long)]
        at: Option<String>,
        /// The type of entries, such as promotion.signed.
        #[arg(long)]
        event: Option<String>,
        /// Entries sealed at this time or later, such as 2026-11-20T10:00:00.000000Z.
        #[arg(long)]
        from: Option<String>,
        /// Entries sealed before this time.
        #[arg(long)]
        until: Option<String>,
        #[command(flatten)]
        wait: Until,
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Wait until a report is made.
    Wait {
        /// Its id.
        report: String,
        /// At most so many seconds.
        #[arg(long, default_value_t = 600)]
        seconds: u64,
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Fetch a report that is made.
    Download {
        /// Its id.
        report: String,
        /// In which form.
        #[arg(long, value_enum, default_value = "pdf")]
        format: Format,
        /// Where to write it.
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        remote: Remote,
    },
}

#[derive(Debug, Args)]
struct Until {
    /// Wait at most so many seconds until it is made.
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// Write it here once it is made.
    #[arg(long, requires = "wait")]
    out: Option<PathBuf>,
    /// In which form.
    #[arg(long, value_enum, default_value = "pdf")]
    format: Format,
}

/// `countersign reports`.
pub(in crate::cli) fn reports(args: ReportsArgs) -> Result<(), CliError> {
    match args.what {
        Reports::List { remote, json } => {
            let jobs: Value = Api::new(&remote)?.get("/reports", &[])?;
            if json {
                return print_json(&jobs);
            }
            for job in each(&jobs) {
                println!("{}", in_words(job));
            }
            Ok(())
        }
        Reports::Request { report, model, version, market, at, event, from, until, wait, remote, json } => {
            let kind = report.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            let mut asked = Map::from_iter([("report".to_owned(), Value::from(kind))]);
            let mut put = |name: &str, value: Option<Value>| {
                asked.extend(value.map(|value| (name.to_owned(), value)));
            };
            put("model", model.map(|model| model.to_string().into()));
            put("version", version.map(|version| version.get().into()));
            put("market", market.map(|market| market.to_string().into()));
            put("at", at.map(Value::from));
            put("event", event.map(Value::from));
            put("from", from.map(Value::from));
            put("until", until.map(Value::from));
            let api = Api::new(&remote)?;
            // Asked without a key: the server makes no promise to know a report's question again.
            let mut job: Value = api.post_once("/reports", &asked)?;
            if let Some(seconds) = wait.wait {
                job = until_made(&api, word(&job["id"]), seconds)?;
            }
            if json {
                print_json(&job)?;
            } else {
                println!("{}", in_words(&job));
            }
            match wait.out {
                Some(out) => download(&api, word(&job["id"]), wait.format, &out),
                None => Ok(()),
            }
        }
        Reports::Wait { report, seconds, remote, json } => {
            let job = until_made(&Api::new(&remote)?, &report, seconds)?;
            if json {
                return print_json(&job);
            }
            println!("{}", in_words(&job));
            Ok(())
        }
        Reports::Download { report, format, out, remote } => download(&Api::new(&remote)?, &report, format, &out),
    }
}

/// A report's standing in a line.
fn in_words(job: &Value) -> String {
    let progress = match (&job["done"], job["total"].as_u64()) {
        (done, Some(total)) if total > 0 && job["state"] == "running" => format!(", {done} of {total}"),
        _ => String::new(),
    };
    let problem = job["problem"].as_str().map(|problem| format!(": {problem}")).unwrap_or_default();
    format!("{}  {}  {}{progress}{problem}", word(&job["id"]), word(&job["asked"]["report"]), word(&job["state"]))
}

/// Waits until a report is made. A report that cannot be made is a no; one that is not made in time is undecided.
fn until_made(api: &Api, id: &str, seconds: u64) -> Result<Value, CliError> {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        let job: Value = api.get(&format!("/reports/{id}"), &[])?;
        match word(&job["state"]) {
            "done" => return Ok(job),
            "failed" | "withdrawn" => return Err(CliError::No(in_words(&job))),
            _ if Instant::now() >= end => return Err(CliError::Waiting(in_words(&job))),
            _ => thread::sleep(Duration::from_millis(500)),
        }
    }
}

fn download(api: &Api, id: &str, format: Format, out: &std::path::Path) -> Result<(), CliError> {
    let bytes = api.fetch(&format!("/reports/{id}/{}", format.id()))?;
    write(out, &bytes)?;
    println!("report {id} is in {} ({} bytes)", out.display(), bytes.len());
    Ok(())
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct MaturityArgs {
    /// The model; all models by level, if left out.
    #[arg(long)]
    model: Option<ModelName>,
    #[command(flatten)]
    remote: Remote,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// `countersign maturity`.
pub(in crate::cli) fn maturity(args: &MaturityArgs) -> Result<(), CliError> {
    let api = Api::new(&args.remote)?;
    let Some(model) = &args.model else {
        let portfolio: Portfolio = api.get("/maturity", &[])?;
        if args.json {
            return print_json(&portfolio);
        }
        for (level, count) in portfolio.levels.iter().enumerate() {
            println!("level {level}: {count} models");
        }
        for model in &portfolio.models {
            println!("  {} at level {}", model.model, model.level);
        }
        return Ok(());
    };
    let maturity: Maturity = api.get(&format!("/models/{model}/maturity"), &[])?;
    if args.json {
        return print_json(&maturity);
    }
    println!("{model} is at level {}: {}", maturity.level, maturity.title);
    for criterion in &maturity.criteria {
        let state = if criterion.met { "met    " } else { "missing" };
        let entries: Vec<String> = criterion.evidence.iter().map(ToString::to_string).collect();
        let shown = match (&criterion.missing, entries.is_empty()) {
            (Some(missing), _) => format!(" {missing}"),
            (None, false) => format!(" Entries {}.", entries.join(", ")),
            (None, true) => String::new(),
        };
        println!("  {state} level {}: {}{shown}", criterion.level, criterion.sentence);
    }
    Ok(())
}
