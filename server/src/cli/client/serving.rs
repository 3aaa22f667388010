//! Commands about what serves: rollouts, the way back, drills, the kill switch, routing.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use domain::{
    Market, ModelName, VersionNumber,
    deployment::{
        KillTarget, Routing,
        command::{Applied, FinishDrill, Kill, Observe, Reason, ReportStandby, RollBack, StartDrill},
    },
};
use serde_json::{Value, json};

use super::{
    CliError, EXIT_CODES, IN_PERSON,
    api::{Api, ApiError, Remote},
    document, in_person, print_json, tell,
};
use crate::seal::Receipt;

/// Which deployment is meant.
#[derive(Debug, Clone, Args)]
pub(super) struct Place {
    /// The model.
    #[arg(long)]
    model: ModelName,
    /// The market.
    #[arg(long)]
    market: Market,
    #[command(flatten)]
    pub(super) remote: Remote,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Place {
    pub(super) fn path(&self, what: &str) -> String {
        format!("/rollouts/{}/{}{what}", self.model, self.market)
    }

    pub(super) fn post(&self, what: &str, body: &impl serde::Serialize, sentence: &str) -> Result<(), CliError> {
        let receipt: Receipt = Api::new(&self.remote)?.post(&self.path(what), body)?;
        if receipt.entries.is_empty() && !self.json {
            println!("{sentence}: known already, nothing recorded");
            return Ok(());
        }
        tell(&receipt, self.json, sentence)?;
        if !self.json {
            for entry in receipt.entries.iter().skip(1) {
                println!("  and {}: entry {}", entry.event, entry.seq);
            }
        }
        Ok(())
    }
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct RolloutArgs {
    #[command(subcommand)]
    what: Rollout,
}

#[derive(Debug, Subcommand)]
enum Rollout {
    /// Show what serves a market, and what its rollout waits for.
    Show {
        #[command(flatten)]
        place: Place,
    },
    /// Report a window of traffic: JSON or YAML with version, from, to, sample and figures, as the API takes it.
    Observe {
        #[command(flatten)]
        place: Place,
        /// The file; `-` for standard input.
        file: PathBuf,
    },
    /// Report the health of the warm standby.
    Standby {
        #[command(flatten)]
        place: Place,
        /// The standby's version.
        #[arg(long)]
        version: VersionNumber,
        /// It is not healthy.
        #[arg(long)]
        unhealthy: bool,
        /// What the check said.
        #[arg(long, default_value = "")]
        detail: String,
    },
    /// Show the step that waits for a person's approval, and where it is approved.
    #[command(long_about = format!("Show the step that waits for a person's approval, and where it is approved.\n\n{IN_PERSON}"))]
    Approve {
        #[command(flatten)]
        place: Place,
    },
    /// Stop the rollout where it is.
    Hold {
        #[command(flatten)]
        place: Place,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Let a held rollout go on.
    Resume {
        #[command(flatten)]
        place: Place,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct RollbackArgs {
    #[command(flatten)]
    place: Place,
    /// The version to take out: the one that is rolled out, or the champion.
    #[arg(long)]
    version: VersionNumber,
    /// Why.
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct DrillArgs {
    #[command(subcommand)]
    what: Drill,
}

#[derive(Debug, Subcommand)]
enum Drill {
    /// Begin a rollback drill; it ends when a subscriber acknowledges the new revision.
    Start {
        #[command(flatten)]
        place: Place,
        /// What is exercised.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// End it by hand.
    Finish {
        #[command(flatten)]
        place: Place,
        /// Milliseconds from the decision until it was applied; left out if it never was.
        #[arg(long)]
        millis: Option<u64>,
        /// How it went.
        #[arg(long)]
        note: String,
    },
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct RoutingArgs {
    #[command(flatten)]
    place: Place,
    /// Stay and print each change, one JSON document a line.
    #[arg(long)]
    watch: bool,
    /// Acknowledge each revision that is printed, under this subscriber's name.
    #[arg(long, value_name = "NAME")]
    acknowledge: Option<String>,
}

/// What the kill switch is told.
#[derive(Debug, Args)]
#[command(after_help = "Without --local the server is asked, with a token. With --local the command seals into the \
    ledger of --data or --database-url itself: for the hour in which the server, the policy or the tables beside the \
    ledger are broken. Both leave a review due.")]
pub(in crate::cli) struct KillArgs {
    /// The model.
    pub(in crate::cli) model: ModelName,
    /// Only in this market; in all of them, if left out.
    #[arg(long)]
    pub(in crate::cli) market: Option<Market>,
    /// `fallback`: to the rule-based fallback; `previous`: to the previous approved version.
    #[arg(long, default_value = "fallback")]
    pub(in crate::cli) to: KillTarget,
    /// Why.
    #[arg(long)]
    pub(in crate::cli) reason: String,
    /// Without a server, on the ledger itself.
    #[arg(long)]
    pub(in crate::cli) local: bool,
    #[command(flatten)]
    remote: Remote,
    /// Print JSON.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

impl KillArgs {
    pub(in crate::cli) fn body(&self) -> Kill {
        Kill { to: self.to, reason: self.reason.clone() }
    }
}

/// `countersign rollout`.
pub(in crate::cli) fn rollout(args: RolloutArgs) -> Result<(), CliError> {
    match args.what {
        Rollout::Show { place } => {
            let shown: Value = Api::new(&place.remote)?.get(&place.path(""), &[])?;
            if place.json {
                return print_json(&shown);
            }
            print!("{}", in_words(&shown));
            Ok(())
        }
        Rollout::Observe { place, file } => {
            let body: Observe = document::read(&file)?;
            place.post("/observations", &body, &format!("the window of version {} is judged", body.version))
        }
        Rollout::Standby { place, version, unhealthy, detail } => {
            let body = ReportStandby { version, healthy: !unhealthy, detail };
            place.post("/standby", &body, &format!("the health of version {version} is reported"))
        }
        Rollout::Approve { place } => approve(&place),
        Rollout::Hold { place, reason } => place.post("/hold", &Reason { reason }, "the rollout is on hold"),
        Rollout::Resume { place, reason } => place.post("/resume", &Reason { reason }, "the rollout goes on"),
    }
}

/// Tells the step as it stands; the server then says that approving it asks for its person.
fn approve(place: &Place) -> Result<(), CliError> {
    let api = Api::new(&place.remote)?;
    let shown: Value = api.get(&place.path(""), &[])?;
    let step = &shown["step"];
    if step.is_null() {
        return Err(CliError::No(format!("nothing of {} is on its way into {}", place.model, place.market)));
    }
    if !place.json {
        let next = match step["next_percent"].as_u64() {
            Some(next) => format!("{next} % of users come next"),
            None => "it would become champion next".to_owned(),
        };
        println!("version {} has {} % of users; {next}", step["version"], step["percent"]);
        print!("{}", in_words(&shown));
    }
    let body = json!({ "version": step["version"], "meaning": "", "package": shown["step_digest"] });
    let sent: Result<Receipt, ApiError> = api.post(&place.path("/approve"), &body);
    match sent {
        Ok(receipt) => tell(&receipt, place.json, "the step is approved"),
        Err(error) => Err(in_person(&api, &place.path(""), error)),
    }
}

/// Who serves, and what is missing, a line each.
fn in_words(shown: &Value) -> String {
    let mut lines = Vec::new();
    let routing = &shown["routing"];
    for target in routing["targets"].as_array().into_iter().flatten() {
        let part = target["part"].as_str().unwrap_or_default();
        lines.push(format!("version {:<4} {:>3} %  {part}", target["version"], target["weight"]));
    }
    lines.push(format!(
        "fallback     {:>3} %  {}",
        routing["fallback"]["weight"],
        routing["fallback"]["name"].as_str().unwrap_or_default()
    ));
    if !routing["kill_switch"].is_null() {
        lines.push(format!("the kill switch is in use since entry {}", routing["kill_switch"]["entry"]));
    }
    for requirement in shown["requirements"].as_array().into_iter().flatten() {
        let met = if requirement["met"] == true { "met    " } else { "missing" };
        let detail = requirement["details"][0].as_str().unwrap_or_default();
        lines.push(format!("{met} {} {detail}", requirement["sentence"].as_str().unwrap_or_default()));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// `countersign rollback`.
pub(in crate::cli) fn rollback(args: RollbackArgs) -> Result<(), CliError> {
    let RollbackArgs { place, version, reason } = args;
    place.post("/rollback", &RollBack { version, reason }, &format!("version {version} is taken out"))
}

/// `countersign drill`.
pub(in crate::cli) fn drill(args: DrillArgs) -> Result<(), CliError> {
    match args.what {
        Drill::Start { place, note } => place.post("/drills", &StartDrill { note }, "the drill has begun"),
        Drill::Finish { place, millis, note } => {
            place.post("/drills/finish", &FinishDrill { millis, note }, "the drill is over")
        }
    }
}

/// `countersign routing`.
pub(in crate::cli) fn routing(args: RoutingArgs) -> Result<(), CliError> {
    let RoutingArgs { place, watch, acknowledge } = args;
    let api = Api::new(&place.remote)?;
    let path = format!("/routing/{}/{}", place.model, place.market);
    let mut routing: Routing = api.get(&path, &[])?;
    loop {
        if watch {
            println!("{}", serde_json::to_string(&routing).map_err(CliError::failed)?);
        } else {
            print_json(&routing)?;
        }
        if let Some(subscriber) = &acknowledge {
            let body = Applied { revision: routing.revision, subscriber: subscriber.clone() };
            let _: Receipt = api.post(&format!("{path}/applied"), &body)?;
        }
        if !watch {
            return Ok(());
        }
        let after = routing.revision.to_string();
        routing = loop {
            match api.get(&path, &[("after", after.clone()), ("wait", "30".to_owned())]) {
                Ok(next) => break next,
                // 304: nothing changed meanwhile.
                Err(ApiError::Failed(told)) if told.contains("304") => {}
                Err(error) => {
                    eprintln!("{error}");
                    std::thread::sleep(Duration::from_secs(1));
                }
            }
        };
    }
}

/// `countersign kill` through the server.
pub(in crate::cli) fn kill(args: &KillArgs) -> Result<(), CliError> {
    let api = Api::new(&args.remote)?;
    let Some(market) = &args.market else {
        let outcomes: Value = api.post(&format!("/models/{}/kill", args.model), &args.body())?;
        if args.json {
            return print_json(&outcomes);
        }
        for outcome in outcomes.as_array().into_iter().flatten() {
            let market = outcome["market"].as_str().unwrap_or_default();
            match outcome["receipt"]["entries"][0]["seq"].as_u64() {
                Some(seq) => println!("{} is off in {market}: entry {seq}", args.model),
                None => println!("{market}: {}", outcome["problem"]["detail"].as_str().unwrap_or("not used")),
            }
        }
        return Ok(());
    };
    let receipt: Receipt = api.post(&format!("/rollouts/{}/{market}/kill", args.model), &args.body())?;
    tell(&receipt, args.json, &format!("{} is off in {market}", args.model))
}
