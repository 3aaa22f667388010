//! `countersign impact`: which versions were made of an input, and whose users they answer.

use clap::Args;
use domain::impact::InputKind;

use super::{
    EXIT_CODES,
    api::{Api, Remote},
    print_json,
};
use crate::{
    cli::CliError,
    impact::{Impact, MAX_PAGE, Service},
};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct ImpactArgs {
    /// What is looked for: dataset, partition, `data_digest`, feature, commit, image, run, weights or parent.
    what: InputKind,
    /// Its name, id, number or digits; the first seven digits of a commit or digest are enough.
    value: String,
    /// Of a partition its version, of a parent its model, of a run its system.
    #[arg(long)]
    part: Option<String>,
    /// Only versions that answer users `now`, or that `ever` did.
    #[arg(long, value_parser = ["any", "ever", "now"], default_value = "any")]
    served: String,
    #[command(flatten)]
    remote: Remote,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn services(services: &[Service]) -> String {
    let one = |service: &Service| match service.until {
        None => format!("{} {} % since {}", service.market, service.percent, service.since),
        Some(until) => format!("{} up to {} % until {until}", service.market, service.peak),
    };
    services.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Runs `countersign impact`.
pub(in crate::cli) fn run(args: &ImpactArgs) -> Result<(), CliError> {
    let api = Api::new(&args.remote)?;
    let mut whole: Option<Impact> = None;
    loop {
        let read = whole.as_ref().map_or(0, |whole| whole.versions.len());
        let query = [
            ("what", args.what.id().to_owned()),
            ("value", args.value.clone()),
            ("part", args.part.clone().unwrap_or_default()),
            ("served", args.served.clone()),
            ("after", read.to_string()),
            ("limit", MAX_PAGE.to_string()),
        ];
        let page: Impact = api.get("/lineage", &query)?;
        let is_last = page.versions.len() as u64 != MAX_PAGE;
        match &mut whole {
            Some(whole) => whole.versions.extend(page.versions),
            None => whole = Some(page),
        }
        if is_last {
            break;
        }
    }
    let Some(found) = whole else { return Ok(()) };
    if args.json {
        return print_json(&found);
    }
    println!("{}", found.count());
    for version in &found.versions {
        println!("{} version {}, {}", version.model, version.version, version.stage);
        if !version.serves.is_empty() {
            println!("  answers users now: {}", services(&version.serves));
        }
        if !version.served.is_empty() {
            println!("  answered users before: {}", services(&version.served));
        }
    }
    Ok(())
}
