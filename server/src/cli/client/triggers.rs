//! `countersign triggers …`: configure, tell observations, ask for a retraining, see what fired, the calendar.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, Subcommand};
use domain::{
    Market, VersionNumber,
    calendar::Route,
    trigger::{ApproveDrift, Cause, Configuration, ObserveDrift, ObservePerformance, Retrain, Shift},
};
use ledger::Timestamp;

use super::{EXIT_CODES, IN_PERSON, Of, api::Api, document, in_person, print_json, tell};
use crate::{
    cli::CliError,
    http::api::triggers::TriggersView,
    narrate::{self, count},
    seal::Receipt,
};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct TriggersArgs {
    #[command(subcommand)]
    what: What,
}

/// Which data were looked at.
#[derive(Debug, Args)]
struct Stretch {
    /// Beginning of the data looked at, such as 2026-11-22T00:00:00.000000Z.
    #[arg(long)]
    from: Timestamp,
    /// End of the data looked at.
    #[arg(long)]
    until: Timestamp,
    /// What looked, such as a job's name.
    #[arg(long)]
    source: String,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what is configured, what fired and what was suppressed.
    Show {
        #[command(flatten)]
        of: Of,
    },
    /// Say when the model is to be trained again, from a JSON or YAML file; `-` for standard input.
    Configure {
        #[command(flatten)]
        of: Of,
        /// schedule, drift, performance and `min_retrain_interval_hours`, as the API takes them.
        file: PathBuf,
    },
    /// Tell how far features drifted; prints whether it fired.
    ObserveDrift {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        stretch: Stretch,
        /// A feature's population stability index, such as age=0.31, where policy takes one without counts; may be given
        /// several times.
        #[arg(long = "psi", value_parser = feature)]
        features: Vec<(String, f64)>,
        /// JSON or YAML with the counts of each feature's bins: `{"age": {"reference": [..], "actual": [..]}}`.
        #[arg(long)]
        counts: Option<PathBuf>,
    },
    /// Tell a live metric; prints whether it fired.
    ObservePerformance {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        stretch: Stretch,
        /// The metric's name, as configured.
        #[arg(long)]
        metric: String,
        /// Its value.
        #[arg(long, allow_negative_numbers = true)]
        value: f64,
        /// Outcomes that the value rests on.
        #[arg(long)]
        sample: Option<u64>,
    },
    /// Ask for a retraining by hand.
    Retrain {
        #[command(flatten)]
        of: Of,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Say where the drift that a version was trained on is approved.
    #[command(long_about = format!("Say where the drift that a version was trained on is approved.\n\n{IN_PERSON}"))]
    ApproveDrift {
        #[command(flatten)]
        of: Of,
        /// The version.
        #[arg(long)]
        version: VersionNumber,
        /// The market.
        #[arg(long)]
        market: Market,
        /// What was looked at, and why the drift is genuine.
        #[arg(long)]
        statement: String,
    },
    /// When a retraining begun now could serve everybody, in each market.
    Calendar {
        #[command(flatten)]
        of: Of,
        /// As if drift were the cause: a person approves it before Canary.
        #[arg(long)]
        drift: bool,
    },
}

/// `name=0.31`.
fn feature(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("write the feature and its index, such as age=0.31")?;
    let value: f64 = value.parse().map_err(|_| format!("{value:?} is not a number"))?;
    Ok((name.to_owned(), value))
}

fn outcome(receipt: &Receipt) -> &'static str {
    let has = |event: &str| receipt.entries.iter().any(|entry| entry.event == event);
    if has("trigger.fired") {
        "observed, and a retraining trigger fired"
    } else if has("trigger.suppressed") {
        "observed; a retraining trigger was suppressed"
    } else {
        "observed; nothing fired"
    }
}

/// Runs `countersign triggers`.
pub(in crate::cli) fn run(args: TriggersArgs) -> Result<(), CliError> {
    match args.what {
        What::Show { of } => show(&of),
        What::Configure { of, file } => {
            let body: Configuration = document::read(&file)?;
            let receipt: Receipt = Api::new(&of.remote)?.put(&format!("/models/{}/triggers", of.model), &body)?;
            tell(&receipt, of.json, &format!("the triggers of {} are set", of.model))
        }
        What::ObserveDrift { of, stretch, features, counts } => {
            let mut all: BTreeMap<String, Shift> = match counts {
                Some(file) => document::read(&file)?,
                None => BTreeMap::new(),
            };
            all.extend(features.into_iter().map(|(name, psi)| (name, Shift { psi: Some(psi), ..Shift::default() })));
            let Stretch { from, until, source } = stretch;
            let body = ObserveDrift { from, until, source, features: all };
            let path = format!("/models/{}/observations/drift", of.model);
            let receipt: Receipt = Api::new(&of.remote)?.post(&path, &body)?;
            tell(&receipt, of.json, outcome(&receipt))
        }
        What::ObservePerformance { of, stretch, metric, value, sample } => {
            let Stretch { from, until, source } = stretch;
            let body = ObservePerformance { metric, value, from, until, source, sample };
            let path = format!("/models/{}/observations/performance", of.model);
            let receipt: Receipt = Api::new(&of.remote)?.post(&path, &body)?;
            tell(&receipt, of.json, outcome(&receipt))
        }
        What::Retrain { of, reason } => {
            let path = format!("/models/{}/retrain", of.model);
            let receipt: Receipt = Api::new(&of.remote)?.post(&path, &Retrain { reason })?;
            tell(&receipt, of.json, "a retraining is asked for")
        }
        What::ApproveDrift { of, version, market, statement } => {
            let api = Api::new(&of.remote)?;
            let path = format!("/models/{}/versions/{version}", of.model);
            let sent = api.post(&format!("{path}/drift-approvals"), &ApproveDrift { market, statement });
            let receipt: Receipt = sent.map_err(|error| in_person(&api, &format!("{path}/drift"), error))?;
            tell(&receipt, of.json, "the drift is approved")
        }
        What::Calendar { of, drift } => calendar(&of, drift),
    }
}

fn show(of: &Of) -> Result<(), CliError> {
    let view: TriggersView = Api::new(&of.remote)?.get(&format!("/models/{}/triggers", of.model), &[])?;
    if of.json {
        return print_json(&view);
    }
    let configuration = &view.triggers.configuration;
    match &configuration.schedule {
        Some(schedule) => println!("schedule   {schedule} (UTC) {}", view.schedule.as_deref().unwrap_or_default()),
        None => println!("schedule   none"),
    }
    if let Some(next) = view.next_slot {
        println!("next slot  {next}");
    }
    if let Some(limits) = &view.thresholds {
        let drift =
            if configuration.drift.is_some() { format!("PSI above {}", limits.psi_threshold) } else { "none".into() };
        println!("drift      {drift}");
        println!("interval   {} hours; priority 1 does not wait", limits.min_retrain_interval_hours);
    }
    for rule in &configuration.performance {
        println!("metric     {} below {} over {} days", rule.metric, rule.floor, rule.window_days);
    }
    println!("fired {}, suppressed {}", view.triggers.fired, view.triggers.suppressed);
    for firing in view.triggers.firings.iter().rev().take(10) {
        let answers: Vec<String> = firing.answers.iter().map(|answer| format!("v{}", answer.version)).collect();
        let answers = if answers.is_empty() { "no version yet".to_owned() } else { answers.join(", ") };
        let needs = if firing.about.cause == Cause::Drift { "; a person approves before Canary" } else { "" };
        println!(
            "  {} firing {} (priority {}): {}; {answers}{needs}; entry {}",
            firing.mark.at.date(),
            firing.number,
            firing.about.priority.number(),
            narrate::trigger_cause(&firing.about),
            firing.mark.entry
        );
    }
    for held in view.triggers.suppressions.iter().rev().take(10) {
        println!(
            "  {} suppressed: {}: {}; entry {}",
            held.mark.at.date(),
            narrate::trigger_cause(&held.about),
            narrate::suppression_reason(&held.reason),
            held.mark.entry
        );
    }
    Ok(())
}

fn calendar(of: &Of, is_drift: bool) -> Result<(), CliError> {
    let path = format!("/models/{}/calendar", of.model);
    let routes: Vec<Route> = Api::new(&of.remote)?.get(&path, &[("drift", is_drift.to_string())])?;
    if of.json {
        return print_json(&routes);
    }
    for route in routes {
        let days = count(route.days, "day", "days");
        println!("{}: everybody by {}, {days} from now", route.market, route.arrives.date());
        for leg in route.legs {
            println!("  {} to {}  {}: {}", leg.from.date(), leg.until.date(), leg.phase.title(), leg.why);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_a_name_and_a_number() {
        assert_eq!(feature("age=0.31"), Ok(("age".to_owned(), 0.31)));
        assert!(feature("age").unwrap_err().contains("age=0.31"));
        assert!(feature("age=much").unwrap_err().contains("not a number"));
    }
}
