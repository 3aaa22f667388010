//! A version's line and the answer above it: the stops that it really passed, and what became of it in each market.

use std::{collections::BTreeMap, sync::Arc};

use app::{
    kit::{Fact, Link, MarketLine, Notice, Standing as StopStanding, Stop, Tone, TrackLine, Value},
    pages::version::StepPanel,
};
use domain::{
    Market, Stage,
    deployment::Deployment,
    registry::{self, Fate, Standing},
};

use super::words;
use crate::service::Shelf;

/// The deployments of a model, by market.
pub(super) type Deployments = BTreeMap<Market, Arc<Deployment>>;

fn fate<'d>(shelf: &Shelf, market: &Market, deployments: &'d Deployments) -> Fate<'d> {
    shelf.version.fate(&shelf.model, market, deployments.get(market).map(AsRef::as_ref))
}

/// The version's line.
pub(super) fn line(shelf: &Shelf, deployments: &Deployments) -> TrackLine {
    let stop = |stage: Stage, market: Option<&Market>| Stop {
        stage: stage.title().to_owned(),
        standing: match shelf.version.stop(&shelf.model, stage, market) {
            registry::Stop::Passed => StopStanding::Passed,
            registry::Stop::Here => StopStanding::Here,
            registry::Stop::Next => StopStanding::Next,
            registry::Stop::Ahead => StopStanding::Ahead,
            registry::Stop::Left => StopStanding::Left,
            registry::Stop::NotReached => StopStanding::NotReached,
        },
        note: market.and_then(|market| note(shelf, stage, market, deployments)),
        versions: Vec::new(),
    };
    TrackLine {
        shared: [Stage::None, Stage::Staging].into_iter().map(|stage| stop(stage, None)).collect(),
        markets: shelf
            .model
            .markets
            .iter()
            .map(|market| MarketLine {
                market: market.to_string(),
                stops: [Stage::Shadow, Stage::Canary, Stage::Production]
                    .into_iter()
                    .map(|stage| stop(stage, Some(market)))
                    .collect(),
            })
            .collect(),
    }
}

/// A few words at the stop where the version stands or where its way ended.
fn note(shelf: &Shelf, stage: Stage, market: &Market, deployments: &Deployments) -> Option<String> {
    let version = &shelf.version;
    let track = version.tracks.get(market)?;
    let since = words::day(track.since).text;
    let fate = fate(shelf, market, deployments);
    match version.stop(&shelf.model, stage, Some(market)) {
        registry::Stop::Here => Some(match (fate, shelf.model.standing(version.id.number, market)) {
            (Fate::Champion(at), _) => format!("champion since {}", words::day(at).text),
            (Fate::WarmStandby, _) => "warm standby".to_owned(),
            (Fate::Served, _) => "replaced".to_owned(),
            (_, Standing::RollingOut) if stage == Stage::Production => format!("rolling out since {since}"),
            _ => format!("since {since}"),
        }),
        registry::Stop::Left => Some(match fate {
            Fate::RolledBack(ended) => {
                format!("rolled back {} at {} %", words::day(ended.at).text, ended.rollout.percent())
            }
            Fate::Served if track.stage == Stage::Archived => format!("served until {since}"),
            _ if track.stage == Stage::Archived => format!("ended {since}"),
            _ => "archived".to_owned(),
        }),
        _ => None,
    }
}

/// What became of the version in a market where no further stage is to be asked for; `None` where one is.
fn told(shelf: &Shelf, market: &Market, deployments: &Deployments) -> Option<String> {
    let version = &shelf.version;
    let track = version.tracks.get(market);
    Some(match fate(shelf, market, deployments) {
        Fate::Champion(since) => format!("It is champion in {market} since {}.", words::day(since).text),
        Fate::WarmStandby => format!("It served {market} before and is kept ready there."),
        Fate::Served => format!("It served {market} and does no more."),
        Fate::RolledBack(ended) => format!(
            "In {market} it was rolled back on {}, at {} % of users; it was not champion there.",
            words::day(ended.at).text,
            ended.rollout.percent()
        ),
        Fate::Left => format!(
            "Its way in {market} ended{}.",
            match track {
                Some(track) if track.stage == Stage::Archived => format!(" on {}", words::day(track.since).text),
                Some(track) => format!(" in {}", track.stage),
                None => " before Shadow".to_owned(),
            }
        ),
        Fate::OnItsWay if track.is_some_and(|track| track.stage == Stage::Production) => {
            format!("In {market} it is let in step by step; it is not champion there yet.")
        }
        Fate::OnItsWay => return None,
    })
}

/// The answer above the line: what the next stops wait for, and what became of the version where none follows.
pub(super) fn answer(steps: &[StepPanel], shelf: &Shelf, deployments: &Deployments) -> Notice {
    let markets = &shelf.model.markets;
    let ended = || markets.iter().filter_map(|market| told(shelf, market, deployments));
    if let Some(reason) = &shelf.version.archived {
        let mut notice = Notice::new(Tone::Quiet, "Archived for good").with_body(reason.clone());
        let entered = markets.iter().filter(|market| shelf.version.tracks.contains_key(*market));
        notice.body.extend(entered.filter_map(|market| told(shelf, market, deployments)));
        return notice;
    }
    if steps.is_empty() {
        let champion = |market| matches!(fate(shelf, market, deployments), Fate::Champion(_));
        let goes_on = |market| matches!(fate(shelf, market, deployments), Fate::OnItsWay | Fate::WarmStandby);
        let mut notice = if markets.iter().all(champion) {
            Notice::new(Tone::Good, "It serves every market of its model")
        } else if markets.iter().any(|market| champion(market) || goes_on(market)) {
            Notice::new(Tone::Active, "No further stage is to be asked for")
        } else {
            Notice::new(Tone::Quiet, "Its way has ended in every market of its model")
        };
        notice.body = ended().collect();
        return notice;
    }
    let sentence = |step: &StepPanel| {
        let missing = step.requirements.iter().filter(|requirement| !requirement.met).count();
        match (missing, &step.request) {
            (0, _) => format!("Nothing is missing for {}: promotion can be asked for.", step.title),
            (missing, Some(_)) => format!(
                "{missing} of {} requirements for {} {} open; promotion was asked for.",
                step.requirements.len(),
                step.title,
                if missing == 1 { "is" } else { "are" }
            ),
            (missing, None) => {
                let verb = if missing == 1 { "is" } else { "are" };
                format!("{missing} of {} requirements for {} {verb} missing.", step.requirements.len(), step.title)
            }
        }
    };
    let tone = if steps.iter().any(|step| step.requirements.iter().all(|requirement| requirement.met)) {
        Tone::Good
    } else {
        Tone::Warn
    };
    let mut notice = Notice::new(tone, sentence(&steps[0]));
    notice.body = steps.iter().skip(1).map(sentence).chain(ended()).collect();
    notice
}

/// Where a user's version can be looked up, for each market into which this version is on its way.
pub(super) fn split_fact(shelf: &Shelf, deployments: &Deployments) -> Option<Fact> {
    let id = &shelf.version.id;
    let links: Vec<Value> = deployments
        .iter()
        .filter_map(|(market, deployment)| {
            let rollout = deployment.rollout.as_ref().filter(|rollout| rollout.artifact.version == id.number)?;
            let label = format!("{market}, {} %", rollout.percent());
            Some(Value::Link(Link::new(label, words::split_href(id, market, rollout.percent()))))
        })
        .collect();
    (!links.is_empty()).then(|| Fact::new("Who is in it", Value::Many(links)))
}
