//! The whole course of a rollout, read from the ledger, and the list of those that are over.

use app::{
    kit::{Fact, Link, Tag, Tone, Value},
    pages::{
        CourseView, PastRolloutsView,
        course::PastRow,
        rollout::{RolloutPanel, WindowRow},
    },
};
use axum::{
    extract::{Query, State},
    response::Response,
};
use domain::{
    AggregateId, Event, Market, ModelName, VersionNumber,
    access::Action,
    deployment::{
        Ending,
        course::{Course, OF_COURSE},
    },
};
use serde::Deserialize;

use super::panels::{strikes, window};
use crate::{
    http::{
        extract::{App, CoursePath, PlacePath},
        pages::{
            PageError, Viewer, as_of,
            charts::{DRAWN_WINDOWS, rollout_charts},
            show, words,
        },
        problem::Problem,
    },
    narrate,
    storage::StoreError,
};

/// Entries read at a time.
const PAGE: u64 = 1_000;
/// Pages of entries read at most for one course.
const PAGES: usize = 20;
/// Windows on one page.
pub(super) const WINDOWS: usize = 50;
/// Rollouts that are over, on one page.
const PAST: u64 = 50;

/// Where a rollout's whole course is shown.
pub(super) fn href(model: &str, market: &str, version: VersionNumber) -> String {
    format!("/rollouts/{model}/{market}/versions/{version}")
}

/// A version's course in a market, and whether all of its entries were read.
pub(super) async fn read(
    app: &App,
    model: &ModelName,
    market: &Market,
    version: VersionNumber,
) -> Result<(Course, bool), StoreError> {
    let mut course = Course::new(market.clone(), version);
    let mut from = 0;
    for _ in 0..PAGES {
        let page = app.store.entries_concerning(model.as_str(), version.get(), &OF_COURSE, from, PAGE).await?;
        for stored in &page {
            course.take(&narrate::read(&stored.bytes).map_err(StoreError::Inconsistent)?);
        }
        match page.last() {
            Some(last) if page.len() as u64 == PAGE => from = last.seq + 1,
            _ => return Ok((course, true)),
        }
    }
    Ok((course, false))
}

/// Puts the windows and charts of the whole course into the panel of the rollout under way: its state keeps the last
/// ones only.
pub(super) fn widen(panel: &mut RolloutPanel, course: &Course, until: ledger::Timestamp, place: (&str, &str)) {
    let Some(rollout) = &course.rollout else { return };
    panel.charts = rollout_charts(rollout, until);
    panel.windows = rows(course, 0, super::SHOWN_WINDOWS);
    let count = rollout.observations.len();
    let href = href(place.0, place.1, rollout.artifact.version);
    let words = if count > panel.windows.len() {
        format!("The last {} of {count} windows; the whole course", panel.windows.len())
    } else {
        "The whole course, with who approved each step".to_owned()
    };
    panel.course = Some(Link::new(words, href));
}

fn rows(course: &Course, offset: usize, limit: usize) -> Vec<WindowRow> {
    let windows = course.rollout.iter().flat_map(|rollout| &rollout.observations);
    windows.rev().skip(offset).take(limit).map(window).collect()
}

/// Which page of the windows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CourseQuery {
    after: usize,
}

/// The whole course of a version's rollout.
pub async fn page(
    State(app): State<App>,
    viewer: Viewer,
    place: CoursePath,
    Query(query): Query<CourseQuery>,
) -> Result<Response, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let CoursePath { model, market, version } = place;
    let failed = |error: StoreError| viewer.error(error);
    let (course, is_whole) = read(&app, &model, &market, version).await.map_err(failed)?;
    let Some(rollout) = &course.rollout else {
        let sentence = format!("Version {version} of {model} was never rolled out in {market}.");
        return Err(viewer.error(Problem::not_found(sentence)));
    };
    let granted = course.granted();
    let mut people: Vec<&str> = course.holds.iter().map(|hold| hold.by.as_str()).collect();
    for step in &granted {
        people.extend(step.approvals.iter().map(|approval| approval.signer.as_str()));
    }
    let names = app.names(people).await.map_err(failed)?;
    let until = course.end.as_ref().map_or_else(|| app.clock.now(), |end| end.at);
    let count = rollout.observations.len();
    let base = href(model.as_str(), market.as_str(), version);
    let shown = rows(&course, query.after, WINDOWS);
    let pager = words::pager(query.after as u64, shown.len(), count as u64, "windows", |after| match after {
        0 => base.clone(),
        after => format!("{base}?after={after}"),
    });
    let mut facts = vec![
        Fact::new("Began", Value::Many(vec![Value::When(words::when(rollout.started_at)), link(rollout.entry)])),
        Fact::text(
            "Strategy",
            match &rollout.strategy_reason {
                Some(reason) => format!("{}: {reason}", rollout.strategy.title()),
                None => rollout.strategy.title().to_owned(),
            },
        ),
        Fact::text("Shares", way(rollout.moves.iter().map(|step| step.percent))),
    ];
    if let Some(end) = &course.end {
        facts.push(Fact::new("Ended", Value::Many(vec![Value::When(words::when(end.at)), link(end.entry)])));
        if !end.reason.is_empty() {
            facts.push(Fact::text("Why", end.reason.clone()));
        }
    }
    for hold in &course.holds {
        let until = hold.until.map_or_else(|| "now".to_owned(), |(at, _)| words::when(at).text);
        let since = words::when(hold.since.0).text;
        let sentence = format!("{since} to {until}, by {}: {}", names.of(hold.by.as_str()), hold.reason);
        facts.push(Fact::new("On hold", Value::Many(vec![Value::Text(sentence), link(hold.since.1)])));
    }
    let verdicts: Vec<String> = course.verdicts().iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    facts.push(Fact::text(
        "Windows",
        match count {
            0 => "none was reported".to_owned(),
            count => format!("{count}: {}", verdicts.join(", ")),
        },
    ));
    if !course.as_champion.is_empty() {
        let sentence = format!("{} more were reported of it as champion", course.as_champion.len());
        facts.push(Fact::text("Since then", sentence));
    }
    let thinned = (count > DRAWN_WINDOWS).then(|| {
        format!(
            "The charts draw {DRAWN_WINDOWS} of {count} windows: of each stretch the worst. The table has every one."
        )
    });
    let cut = (!is_whole).then(|| {
        let read = PAGE * PAGES as u64;
        format!("This rollout has more than {read} entries; what is shown ends with them. The ledger has the rest.")
    });
    let view = CourseView {
        state: ending(course.end.as_ref().map(|end| end.ending)),
        version: super::version(model.as_str(), version),
        facts,
        note: match (thinned, cut) {
            (Some(a), Some(b)) => Some(format!("{a} {b}")),
            (a, b) => a.or(b),
        },
        strikes: strikes(rollout),
        steps: granted.iter().map(|share| as_of::granted_share(share, &names)).collect(),
        charts: rollout_charts(rollout, until),
        windows: shown,
        pager,
        model: model.to_string(),
        market: market.to_string(),
    };
    show(&viewer.frame, view).await
}

fn link(entry: u64) -> Value {
    Value::Link(words::entry_link(entry))
}

/// Shares that were gone through, such as "10, 25, 10, 0 %".
fn way(percents: impl Iterator<Item = u8>) -> String {
    let mut way: Vec<String> = percents.map(|percent| percent.to_string()).collect();
    way.dedup();
    format!("{} %", way.join(", "))
}

fn ending(ending: Option<Ending>) -> Tag {
    match ending {
        None => Tag::new(Tone::Active, "under way"),
        Some(Ending::Completed) => Tag::new(Tone::Good, "became champion"),
        Some(Ending::RolledBack) => Tag::new(Tone::Bad, "rolled back"),
    }
}

/// From which entry backwards.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PastQuery {
    before: Option<u64>,
}

/// The rollouts of a market that are over.
pub async fn past(
    State(app): State<App>,
    viewer: Viewer,
    place: PlacePath,
    Query(query): Query<PastQuery>,
) -> Result<Response, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let failed = |error: StoreError| viewer.error(error);
    super::find(&app, &place.model, &place.market).await.map_err(|problem| viewer.error(problem))?;
    let subject = AggregateId::Deployment(place.model.clone(), place.market.clone());
    let mut rows = Vec::new();
    let mut before = query.before;
    let earlier = loop {
        let types = ["rollout.completed", "rollout.rolled_back"];
        let page = app.store.entries_before(place.model.as_str(), &types, before, PAST).await.map_err(failed)?;
        for stored in &page {
            let recorded = narrate::read(&stored.bytes).map_err(|why| failed(StoreError::Inconsistent(why)))?;
            if recorded.subject != subject {
                continue;
            }
            let (version, ended, reason) = match &recorded.event {
                Event::RolloutCompleted(body) => (body.version, Ending::Completed, String::new()),
                Event::RolloutRolledBack(body) => (body.version, Ending::RolledBack, body.reason.clone()),
                _ => continue,
            };
            rows.push(PastRow {
                course: Link::new(format!("v{version}"), href(place.model.as_str(), place.market.as_str(), version)),
                ending: ending(Some(ended)),
                reason,
                when: words::when(recorded.time),
                entry: words::entry_link(recorded.seq),
            });
        }
        match page.last() {
            Some(last) if page.len() as u64 == PAST => before = Some(last.seq),
            _ => break None,
        }
        if rows.len() as u64 >= PAST {
            break before;
        }
    };
    let base = format!("/rollouts/{}/{}/past", place.model, place.market);
    let view = PastRolloutsView {
        rows,
        earlier: earlier.map(|before| Link::new("Earlier ones", format!("{base}?before={before}"))),
        model: place.model.to_string(),
        market: place.market.to_string(),
    };
    show(&viewer.frame, view).await
}
