//! Rollbacks that no person decided, as the inbox tells of them: at night nobody is there, and in the morning those who
//! answer for the model must not have to find out by chance.

use app::{
    kit::{Link, Tag, Tone},
    pages::inbox::InboxItem,
};
use domain::{AggregateId, Event, account::Role, deployment::event::Cause, registry::Model};
use ledger::Timestamp;

use super::{PageError, Viewer, words};
use crate::{
    http::extract::App,
    storage::{
        StoreError,
        log::{EntryFilter, StoredEntry},
    },
};

/// Entries of each kind looked through at most.
const LOOKED_THROUGH: u64 = 100;

/// What an entry says of a rollback without a person: a sentence, and what is urgent about it.
fn told(event: &Event) -> Option<(String, Tag)> {
    match event {
        Event::RolloutRolledBack(body) if body.cause != Cause::Decision => Some((
            format!("Version {} was taken out at {} % of users. {}", body.version, body.from_percent, body.reason),
            Tag::new(Tone::Bad, "rolled back"),
        )),
        Event::ChampionRolledBack(body) if body.cause != Cause::Decision => Some((
            format!("Version {} gave its place back to version {}, which serves. {}", body.from, body.to, body.reason),
            Tag::new(Tone::Bad, "rolled back"),
        )),
        Event::RollbackBlocked(body) => Some((
            format!("Version {} broke its guardrails and serves still. {} {}", body.version, body.reason, body.next),
            Tag::new(Tone::Bad, "still serves"),
        )),
        _ => None,
    }
}

/// Whether the viewer answers for the model, as its owner, in its team, or for model risk.
fn answers_for(viewer: &Viewer, model: &Model) -> bool {
    let me = &viewer.principal;
    let is_of_team = !me.team.trim().is_empty() && me.team.trim() == model.team.trim();
    me.is(Role::MrmValidator) || me.is(Role::RiskCommittee) || model.owner == me.account || is_of_team
}

/// The rollbacks without a person within the days that the market's policy states, the latest first.
pub async fn notices(app: &App, viewer: &Viewer) -> Result<Vec<InboxItem>, PageError> {
    let failed = |error: StoreError| viewer.error(error);
    let (policy, now) = (app.policy().await.map_err(failed)?, app.clock.now());
    let days_in = |market: &domain::Market| {
        let rules = policy.policy.markets.get(market).and_then(|market| market.rollback.as_ref());
        rules.and_then(|rules| rules.notice_days).map(i64::from)
    };
    let Some(longest) = policy.policy.markets.keys().filter_map(days_in).max() else { return Ok(Vec::new()) };
    let mut found: Vec<StoredEntry> = Vec::new();
    for event in ["rollout.rolled_back", "champion.rolled_back", "rollback.blocked"] {
        let filter = EntryFilter {
            event: Some(event.into()),
            from: Some(now.plus_days(-longest)),
            limit: LOOKED_THROUGH,
            ..EntryFilter::default()
        };
        found.extend(app.store.find_entries(&filter).await.map_err(failed)?);
    }
    found.sort_by_key(|entry| std::cmp::Reverse(entry.seq));
    let mut items = Vec::new();
    for stored in &found {
        let Some(recorded) = words::read(stored) else { continue };
        let (AggregateId::Deployment(name, market), Some((sentence, tag))) = (&recorded.subject, told(&recorded.event))
        else {
            continue;
        };
        let is_news = |at: Timestamp| days_in(market).is_some_and(|days| at.plus_days(days) > now);
        let model = app.model(name).await.map_err(failed)?;
        if !is_news(stored.time) || !model.is_some_and(|model| answers_for(viewer, &model)) {
            continue;
        }
        items.push(InboxItem {
            action: Link::new(format!("Look at {name} in {market}"), format!("/rollouts/{name}/{market}")),
            about: vec![sentence],
            since: Some(words::when(stored.time)),
            due: None,
            tag: Some(tag),
            waits_for: None,
        });
    }
    Ok(items)
}
