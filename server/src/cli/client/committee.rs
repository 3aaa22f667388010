//! `countersign committee …`: how the risk committee's votes stand, standing back, and where a member votes.

use clap::{Args, Subcommand};
use domain::{
    committee::{Recuse, Voice},
    registry::Version,
};
use serde_json::json;

use super::{
    EXIT_CODES, IN_PERSON, Which,
    api::{Api, ApiError},
    in_person, print_json, tell,
};
use crate::{cli::CliError, http::api::committee::CommitteeView, seal::Receipt};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct CommitteeArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the version's requests that ask for a vote, and how each vote stands.
    #[command(after_help = EXIT_CODES)]
    List {
        #[command(flatten)]
        which: Which,
    },
    /// Show a request's members, votes and recusals.
    #[command(after_help = EXIT_CODES)]
    Show {
        #[command(flatten)]
        which: Which,
        /// The request; the open one, if left out.
        #[arg(long)]
        request: Option<u32>,
    },
    /// Say how a member votes, and where.
    #[command(long_about = format!("Say how a member votes, and where.\n\n{IN_PERSON}"), after_help = EXIT_CODES)]
    Vote {
        #[command(flatten)]
        which: Which,
        /// The request; the open one, if left out.
        #[arg(long)]
        request: Option<u32>,
        /// approve, reject or abstain.
        #[arg(long)]
        voice: Voice,
        /// Why; a vote against needs it.
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// Say that a member stands back from a vote, and where.
    #[command(long_about = format!("Say that a member stands back from a vote, and where.\n\n{IN_PERSON}"), after_help = EXIT_CODES)]
    Recuse {
        #[command(flatten)]
        which: Which,
        /// The request; the open one, if left out.
        #[arg(long)]
        request: Option<u32>,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// The request that is meant: the one named, else the open one with a committee.
fn meant(api: &Api, which: &Which, request: Option<u32>) -> Result<u32, CliError> {
    if let Some(request) = request {
        return Ok(request);
    }
    let version: Version = api.get(&which.path(), &[])?;
    let open = version.requests.iter().rev().find(|request| request.is_open() && request.committee.is_some());
    open.map(|request| request.number)
        .ok_or_else(|| CliError::No(format!("no open request of {} asks for a vote of the risk committee", which.id())))
}

fn look(api: &Api, which: &Which, request: u32) -> Result<CommitteeView, ApiError> {
    api.get(&format!("{}/promotions/{request}/committee", which.path()), &[])
}

/// How a vote stands, in a sentence.
fn standing(view: &CommitteeView) -> String {
    let tally = &view.tally;
    format!(
        "{} for, {} against, {} abstained of {}; quorum {}, {} % of yes and no{}{}",
        tally.approve,
        tally.reject,
        tally.abstain,
        tally.eligible,
        tally.quorum,
        tally.approval_percent,
        if tally.stale > 0 { format!("; {} on an earlier package count no more", tally.stale) } else { String::new() },
        if view.carried { "; carried" } else { "" }
    )
}

/// Runs `countersign committee`.
pub(in crate::cli) fn run(args: CommitteeArgs) -> Result<(), CliError> {
    match args.what {
        What::List { which } => list(&which),
        What::Show { which, request } => {
            let api = Api::new(&which.remote)?;
            let request = meant(&api, &which, request)?;
            let view = look(&api, &which, request)?;
            if which.json {
                return print_json(&view);
            }
            println!("request {request} of {}: {}", which.id(), standing(&view));
            println!("package {}", view.package);
            for member in &view.committee.members {
                let said = if view.committee.is_recused(member) {
                    "stood back".to_owned()
                } else {
                    match view.committee.vote_of(member) {
                        Some(vote) if vote.package != view.package => {
                            format!("voted {} on an earlier package: entry {}", vote.voice.id(), vote.entry)
                        }
                        Some(vote) => format!("voted {}: entry {}", vote.voice.id(), vote.entry),
                        None => "has not voted".to_owned(),
                    }
                };
                println!("  {member} {said}");
            }
            Ok(())
        }
        What::Vote { which, request, voice, comment } => {
            let api = Api::new(&which.remote)?;
            let request = meant(&api, &which, request)?;
            let package = look(&api, &which, request)?.package;
            let body = json!({ "voice": voice, "package": package, "comment": comment });
            let sent = api.post(&format!("{}/promotions/{request}/vote", which.path()), &body);
            let receipt: Receipt =
                sent.map_err(|error| in_person(&api, &format!("{}/validation#committee", which.path()), error))?;
            tell(&receipt, which.json, "the vote is cast")
        }
        What::Recuse { which, request, reason } => {
            let api = Api::new(&which.remote)?;
            let request = meant(&api, &which, request)?;
            let sent = api.post(&format!("{}/promotions/{request}/recuse", which.path()), &Recuse { reason });
            let page = format!("{}/validation#committee", which.path());
            let receipt: Receipt = sent.map_err(|error| in_person(&api, &page, error))?;
            tell(&receipt, which.json, &format!("you stand back from the vote on request {request}"))
        }
    }
}

fn list(which: &Which) -> Result<(), CliError> {
    let api = Api::new(&which.remote)?;
    let version: Version = api.get(&which.path(), &[])?;
    let mut found = Vec::new();
    for request in version.requests.iter().filter(|request| request.committee.is_some()) {
        found.push((request, look(&api, which, request.number)?));
    }
    if which.json {
        let listed: Vec<_> = found
            .iter()
            .map(|(request, view)| {
                json!({ "request": request.number, "to": request.to, "market": request.market, "state": request.state,
                    "tally": view.tally, "carried": view.carried, "package": view.package })
            })
            .collect();
        return print_json(&listed);
    }
    if found.is_empty() {
        println!("no request of {} asks for a vote of the risk committee", which.id());
    }
    for (request, view) in found {
        let market = request.market.as_ref().map(|market| format!(" in {market}")).unwrap_or_default();
        let state = if request.is_open() { "open" } else { "closed" };
        println!("request {} to {}{market}, {state}: {}", request.number, request.to, standing(&view));
    }
    Ok(())
}
