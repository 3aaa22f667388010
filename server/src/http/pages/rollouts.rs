//! Rollouts: the list, one market of one model.

pub mod acts;
pub mod course;
pub mod panels;

use app::{
    kit::{Choice, ErrorSummary, Link, Notice, Tag, Tone},
    pages::{RolloutView, RolloutsView, rollouts::RolloutRow},
};
use axum::{
    extract::{Query, State},
    response::Response,
};
use domain::{Event, Market, ModelName, access::Action, deployment::Routing};
use serde::Deserialize;

use self::panels::Shown;
use super::{PageError, Viewer, show, words};
use crate::{
    http::{
        api::rollouts::find,
        extract::{App, PlacePath},
    },
    storage::{
        StoreError,
        deployments::DeploymentFilter,
        log::{EntryFilter, StoredEntry},
    },
    views::DEPLOYMENT_STATES,
};

/// The filter for markets whose rollback drill is overdue, beside the states.
const DRILL_OVERDUE: &str = "drill_overdue";
/// Rows on one page of the list.
const PAGE: u64 = 50;
/// Windows shown of the rollout under way; its own page has the rest.
const SHOWN_WINDOWS: usize = 20;
/// Entries of the history.
const HISTORY: usize = 60;

/// Filters in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RolloutsQuery {
    q: String,
    market: String,
    state: String,
    after: Option<u64>,
}

impl RolloutsQuery {
    fn href(&self, after: u64) -> String {
        let asked = [("q", self.q.as_str()), ("market", &self.market), ("state", &self.state)];
        words::list_href("/rollouts", asked, after)
    }
}

/// A deployment's state as a word and a shape.
fn state_tag(state: &str) -> Tag {
    match state {
        "off" => Tag::new(Tone::Bad, "Kill switch in use"),
        "held" => Tag::new(Tone::Warn, "On hold"),
        "struck" => Tag::new(Tone::Warn, "Rolling out, struck"),
        "rolling_out" => Tag::new(Tone::Active, "Rolling out"),
        "serving" => Tag::new(Tone::Serving, "Serving"),
        _ => Tag::new(Tone::Quiet, "No version serves"),
    }
}

fn version(model: &str, number: impl std::fmt::Display) -> Link {
    Link::new(format!("v{number}"), format!("/models/{model}/versions/{number}"))
}

/// The list.
pub async fn list(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<RolloutsQuery>,
) -> Result<Response, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let failed = |error: StoreError| viewer.error(error);
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let offset = query.after.unwrap_or(0);
    let filter = DeploymentFilter {
        search: some(query.q.trim()),
        market: some(&query.market),
        state: some(&query.state).filter(|state| state != DRILL_OVERDUE),
        drill_overdue_at: (query.state == DRILL_OVERDUE).then(|| app.clock.now()),
        offset,
        limit: PAGE,
    };
    let (rows, total) = app.store.deployments(&filter).await.map_err(failed)?;
    let policy = app.policy().await.map_err(failed)?;
    let now = app.clock.now();
    let overdue = DeploymentFilter { drill_overdue_at: Some(now), limit: 0, ..DeploymentFilter::default() };
    let (_, overdue) = app.store.deployments(&overdue).await.map_err(failed)?;
    let shown = rows.len();
    let rows = rows
        .into_iter()
        .map(|row| RolloutRow {
            place: Link::new(row.model.clone(), format!("/rollouts/{}/{}", row.model, row.market)),
            state: state_tag(&row.state),
            champion: row.champion.map(|number| version(&row.model, number)),
            challenger: row
                .challenger
                .map(|number| (version(&row.model, number), format!("{} % of users", row.percent))),
            strikes: row.strikes,
            standby: row.standby.map(|number| version(&row.model, number)),
            drill: row.drill_due.map(|due| words::due(due, now)),
            updated: words::when(row.updated_at),
            market: row.market,
        })
        .collect();
    let markets = std::iter::once(Choice::new("", "Any").chosen_if(query.market.is_empty()))
        .chain(policy.policy.markets.iter().map(|(code, market)| {
            Choice::new(code.to_string(), market.title.clone()).chosen_if(query.market == code.as_str())
        }))
        .collect();
    let states = std::iter::once(Choice::new("", "Any").chosen_if(query.state.is_empty()))
        .chain(
            DEPLOYMENT_STATES
                .into_iter()
                .map(|state| Choice::new(state, state_tag(state).word).chosen_if(query.state == state)),
        )
        .chain([Choice::new(DRILL_OVERDUE, "Drill overdue").chosen_if(query.state == DRILL_OVERDUE)])
        .collect();
    let view = RolloutsView {
        markets,
        states,
        rows,
        overdue: (overdue > 0).then(|| {
            let count =
                if overdue == 1 { "1 rollback drill is".to_owned() } else { format!("{overdue} rollback drills are") };
            Notice::new(Tone::Warn, format!("{count} overdue."))
                .with_link(Link::new("Which", format!("/rollouts?state={DRILL_OVERDUE}")))
        }),
        pager: words::pager(offset, shown, total, "deployments", |after| query.href(after)),
        is_filtered: [&query.q, &query.market, &query.state].iter().any(|text| !text.is_empty()),
        q: query.q,
    };
    show(&viewer.frame, view).await
}

/// Whether an entry of the model concerns this market.
fn concerns(stored: &StoredEntry, model: &ModelName, market: &Market) -> bool {
    let Some(recorded) = words::read(stored) else { return false };
    let place = domain::AggregateId::Deployment(model.clone(), market.clone());
    match &recorded.event {
        Event::StageTransitioned { market: Some(of), .. } => of == market,
        _ => recorded.touches().contains(&place),
    }
}

async fn history(app: &App, model: &ModelName, market: &Market) -> Result<Vec<StoredEntry>, StoreError> {
    let mut found = Vec::new();
    let mut before = None;
    // A page or two of the model's entries are enough for nearly all; the ledger has the rest.
    for _ in 0..10 {
        let filter = EntryFilter { model: Some(model.to_string()), before, limit: 200, ..EntryFilter::default() };
        let page = app.store.find_entries(&filter).await?;
        before = page.last().map(|entry| entry.seq);
        let whole = page.len() == 200;
        found.extend(page.into_iter().filter(|entry| concerns(entry, model, market)));
        if found.len() >= HISTORY || !whole {
            break;
        }
    }
    found.truncate(HISTORY);
    Ok(found)
}

async fn view(
    app: &App,
    viewer: &Viewer,
    place: &PlacePath,
    typed: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> Result<RolloutView, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let failed = |error: StoreError| viewer.error(error);
    let deployment = find(app, &place.model, &place.market).await.map_err(|problem| viewer.error(problem))?;
    let policy = app.policy().await.map_err(failed)?;
    let history = history(app, &place.model, &place.market).await.map_err(failed)?;
    let hold = deployment.rollout.iter().filter_map(|rollout| rollout.held.as_ref()).map(|hold| hold.by.as_str());
    let kill = deployment.kill_switch.as_ref();
    let people = history
        .iter()
        .map(|entry| entry.actor.as_str())
        .chain(hold)
        .chain(kill.map(|kill| kill.by.as_str()))
        .chain(kill.and_then(|kill| kill.review.as_ref()).map(|review| review.by.as_str()))
        .chain([viewer.principal.account.as_str()]);
    let names = app.names(people).await.map_err(failed)?;
    let now = app.clock.now();
    let standing = app.standing(&deployment).await.map_err(failed)?;
    let shown = Shown { deployment: &deployment, standing: &standing, policy: &policy, names: &names, viewer, now };
    let routing = Routing::of(&deployment);
    let mut panel = deployment.rollout.as_ref().map(|rollout| shown.rollout(rollout));
    if let (Some(panel), Some(rollout)) = (&mut panel, &deployment.rollout) {
        // Without the ledger's index by version, the page shows what the state keeps.
        match course::read(app, &place.model, &place.market, rollout.artifact.version).await {
            Ok((course, _)) => course::widen(panel, &course, now, (place.model.as_str(), place.market.as_str())),
            Err(error) => tracing::warn!(%error, "a rollout is shown without what only the ledger has of it"),
        }
    }
    Ok(RolloutView {
        model: place.model.to_string(),
        market: place.market.to_string(),
        state: state_tag(crate::views::deployment_state(&deployment)),
        notices: shown.notices(),
        shares: shown.shares(&routing),
        routing: shown.routing(&routing),
        rollout: panel,
        back: shown.back(),
        kill: shown.kill(),
        can_kill: viewer.can(Action::Kill),
        ended: deployment.ended.iter().rev().take(10).map(|ended| shown.ended(ended)).collect(),
        history: words::entries_of_market(&history, &names),
        typed: typed.to_vec(),
        errors,
    })
}

/// One market of one model.
pub async fn page(State(app): State<App>, viewer: Viewer, place: PlacePath) -> Result<Response, PageError> {
    let view = view(&app, &viewer, &place, &[], None).await?;
    show(&viewer.frame, view).await
}
