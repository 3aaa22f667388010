//! Folding entries into a deployment, and what the same entries change of the model and of versions.

use std::collections::BTreeMap;

use ledger::Timestamp;

use super::{
    Artifact, Deployment, Drill, DrillResult, Ended, Ending, Health, Hold, KEPT_ENDED, KillSwitch, Move, Observation,
    Review, Revision, Rollout, Seat, Strike, Told, Verdict, WarmStandby,
    event::{Cause, Observed, Serving, Struck},
    gate, keep, keep_most,
};
use crate::{
    aggregate::AggregateId,
    event::{Event, Recorded},
    id::{Market, ModelName, VersionId, VersionNumber},
    inventory::ModelRetired,
    promotion::RequestState,
    registry::{Champion, Model, Standby, Track, Version},
    stage::Stage,
};

/// The aggregates beside its subject that an entry changes by what it does to a deployment.
pub(crate) fn touches(subject: &AggregateId, event: &Event) -> Vec<AggregateId> {
    match (subject, event) {
        (
            AggregateId::Version(VersionId { model, .. }),
            Event::StageTransitioned { market: Some(market), serving: Some(_), to, .. },
        ) => {
            let mut touched = vec![AggregateId::Deployment(model.clone(), market.clone())];
            if matches!(to, Stage::Canary) {
                touched.push(AggregateId::Model(model.clone()));
            }
            touched
        }
        (AggregateId::Version(VersionId { model, .. }), Event::VersionArchived { markets, .. })
        | (AggregateId::Model(model), Event::ModelRetired(ModelRetired { markets, .. })) => {
            markets.iter().map(|market| AggregateId::Deployment(model.clone(), market.clone())).collect()
        }
        (AggregateId::Deployment(model, _), event) => {
            let version = |number: VersionNumber| AggregateId::Version(VersionId { model: model.clone(), number });
            if let Event::RolloutStruck(body) = event {
                return if body.kept_with_version { vec![version(body.version)] } else { Vec::new() };
            }
            let mut touched = match event {
                Event::RolloutCompleted(body) => body.released.map(version).into_iter().collect(),
                Event::RolloutRolledBack(body) => vec![version(body.version)],
                Event::ChampionRolledBack(body) => vec![version(body.from)],
                Event::StandbyReleased(body) => vec![version(body.version)],
                _ => return Vec::new(),
            };
            touched.push(AggregateId::Model(model.clone()));
            touched
        }
        _ => Vec::new(),
    }
}

/// What an entry of a deployment changes of its model.
pub(crate) fn model(model: &mut Model, market: &Market, recorded: &Recorded) -> Option<()> {
    match &recorded.event {
        Event::RolloutCompleted(body) => {
            model.rolling_out.remove(market);
            succeed(model, market, recorded, body.version, body.standby_until);
        }
        Event::RolloutRolledBack(_) => {
            model.rolling_out.remove(market);
        }
        Event::ChampionRolledBack(body) => {
            model.standbys.remove(market);
            let weights = model.promoted_weights.get(&body.to).copied();
            let champion = Champion { version: body.to, since: recorded.time, entry: recorded.seq, weights };
            model.champions.insert(market.clone(), champion);
        }
        Event::StandbyReleased(_) => {
            model.standbys.remove(market);
        }
        _ => return None,
    }
    Some(())
}

/// A new champion, and the former one in warm standby until `until`.
pub(crate) fn succeed(
    model: &mut Model,
    market: &Market,
    recorded: &Recorded,
    version: VersionNumber,
    until: Option<Timestamp>,
) {
    let weights = model.promoted_weights.get(&version).copied();
    let champion = Champion { version, since: recorded.time, entry: recorded.seq, weights };
    let former = model.champions.insert(market.clone(), champion);
    if let (Some(former), Some(until)) = (former, until) {
        let standby = Standby { version: former.version, since: recorded.time, until, weights: former.weights };
        model.standbys.insert(market.clone(), standby);
    }
}

/// What an entry of a deployment changes of a version: it keeps its strikes there; after any other, its track in that market
/// is archived for good.
pub(crate) fn version(version: &mut Version, market: &Market, recorded: &Recorded) {
    if let Event::RolloutStruck(body) = &recorded.event {
        version.strikes.entry(market.clone()).or_default().push(Strike::of(body, recorded));
        return;
    }
    let track = Track { stage: Stage::Archived, since: recorded.time, entry: recorded.seq };
    version.tracks.insert(market.clone(), track);
    for request in version.requests.iter_mut().filter(|r| r.is_open() && r.market.as_ref() == Some(market)) {
        request.state = RequestState::Withdrawn { at: recorded.time, by: recorded.actor.clone(), entry: recorded.seq };
    }
}

/// The deployment after an entry.
pub(crate) fn deployment(
    before: Option<&Deployment>,
    model: &ModelName,
    market: &Market,
    recorded: &Recorded,
) -> Option<Deployment> {
    let mut after = before.cloned().unwrap_or_else(|| Deployment::new(model.clone(), market.clone(), recorded.time));
    after.apply(recorded)?;
    Some(after)
}

impl Strike {
    fn of(body: &Struck, recorded: &Recorded) -> Self {
        Self {
            violations: body.violations.clone(),
            from_percent: body.from_percent,
            to_percent: body.to_percent,
            at: recorded.time,
            entry: recorded.seq,
        }
    }
}

impl Deployment {
    /// Applies one entry. `None` if it does not belong to a deployment in this state.
    #[expect(clippy::too_many_lines, reason = "one arm for each event, none of them long")]
    pub(crate) fn apply(&mut self, recorded: &Recorded) -> Option<()> {
        let Recorded { seq, time, event, actor, .. } = recorded;
        let (seq, at) = (*seq, *time);
        self.updated_at = at;
        let mut routes = true;
        match event {
            Event::StageTransitioned { to, serving: Some(serving), standby_until, .. } => {
                self.enter(*to, serving, *standby_until, at, seq)?;
            }
            Event::VersionArchived { .. } => {
                let AggregateId::Version(id) = &recorded.subject else { return None };
                routes = self.shadows.iter().any(|shadow| shadow.version == id.number);
                self.shadows.retain(|shadow| shadow.version != id.number);
                if self.standby.as_ref().is_some_and(|standby| standby.artifact.version == id.number) {
                    self.standby = None;
                }
            }
            Event::ModelRetired(_) => {
                self.champion = None;
                self.standby = None;
                self.shadows.clear();
            }
            Event::RolloutObserved(body) => {
                routes = false;
                self.observe(body, seq)?;
            }
            Event::RolloutStruck(body) => {
                let rollout = self.rollout.as_mut()?;
                rollout.strikes.push(Strike::of(body, recorded));
                rollout.step = rollout.steps.iter().position(|step| *step == body.to_percent).unwrap_or(0);
                rollout.begin_step(at, seq);
            }
            Event::RolloutAdvanced(body) => {
                let rollout = self.rollout.as_mut()?;
                rollout.step = rollout.steps.iter().position(|step| *step == body.to_percent)?;
                rollout.begin_step(at, seq);
            }
            Event::RolloutApproved(_) | Event::RollbackBlocked(_) => routes = false,
            Event::RolloutHeld(body) => {
                routes = false;
                let hold = Hold { reason: body.reason.clone(), by: actor.clone(), since: at, entry: seq };
                self.rollout.as_mut()?.held = Some(hold);
            }
            Event::RolloutResumed(_) => {
                routes = false;
                self.rollout.as_mut()?.held = None;
            }
            Event::RolloutCompleted(body) => {
                let rollout = self.rollout.take()?;
                self.crown(rollout.artifact.clone(), body.standby_until, at, seq);
                self.end(rollout, Ending::Completed, None, "", at, seq);
            }
            Event::RolloutRolledBack(body) => {
                let mut rollout = self.rollout.take()?;
                keep(&mut rollout.moves, Move { percent: 0, at, entry: seq });
                self.end(rollout, Ending::RolledBack, Some(body.cause), &body.reason, at, seq);
            }
            Event::ChampionRolledBack(_) => {
                let standby = self.standby.take()?;
                self.champion = Some(Seat { artifact: standby.artifact, since: at, entry: seq });
                self.watch.clear();
                self.broken_in_a_row = 0;
            }
            Event::StandbyReported(body) => {
                routes = false;
                let health = Health { healthy: body.healthy, detail: body.detail.clone(), at, entry: seq };
                self.standby.as_mut()?.health = Some(health);
            }
            Event::StandbyReleased(_) => {
                routes = false;
                self.standby = None;
            }
            Event::DrillStarted(body) => keep(
                &mut self.drills,
                Drill {
                    number: body.drill,
                    to: body.to,
                    note: body.note.clone(),
                    by: actor.clone(),
                    started_at: at,
                    entry: seq,
                    result: None,
                },
            ),
            Event::DrillFinished(body) => {
                routes = false;
                let drill = self.drills.iter_mut().find(|drill| drill.number == body.drill)?;
                drill.result = Some(DrillResult {
                    passed: body.passed,
                    millis: body.millis,
                    target_seconds: body.target_seconds,
                    note: body.note.clone(),
                    at,
                    entry: seq,
                });
            }
            Event::KillEngaged(body) => {
                self.fallback.clone_from(&body.fallback);
                let before = self.kill_switch.take();
                let earlier = before.map(|kill| kill.earlier.into_iter().chain([kill.by]).collect());
                self.kill_switch = Some(KillSwitch {
                    earlier: earlier.unwrap_or_default(),
                    to: body.to,
                    artifact: body.version.clone(),
                    reason: body.reason.clone(),
                    by: actor.clone(),
                    at,
                    entry: seq,
                    review_due: body.review_due,
                    review_role: body.review_role,
                    review: None,
                });
            }
            Event::KillReviewed(body) => {
                routes = false;
                let review =
                    Review { text: body.text.clone(), may_lift: body.may_lift, by: actor.clone(), at, entry: seq };
                self.kill_switch.as_mut()?.review = Some(review);
            }
            Event::KillLifted(_) => {
                self.kill_switch = None;
                if let Some(rollout) = &mut self.rollout {
                    // What was seen before says little of a model that was off: the step is walked anew.
                    rollout.since = at;
                    rollout.sample = 0;
                }
            }
            Event::RoutingApplied(body) => {
                routes = false;
                let revision = self.revisions.iter_mut().find(|revision| revision.number == body.revision)?;
                revision.applied.insert(body.subscriber.clone(), body.millis);
            }
            Event::GateAnswered(body) => {
                routes = false;
                let told = Told { version: body.version, yes: body.yes, reason: body.reason.clone(), at, entry: seq };
                self.answers.insert(gate::place(self, body.check, body.version), told);
            }
            _ => return None,
        }
        if routes {
            let revision = Revision { number: seq, at, what: event.kind().to_owned(), applied: BTreeMap::new() };
            keep(&mut self.revisions, revision);
        }
        Some(())
    }

    /// A version enters Shadow, Canary or Production.
    fn enter(
        &mut self,
        to: Stage,
        serving: &Serving,
        standby_until: Option<Timestamp>,
        at: Timestamp,
        seq: u64,
    ) -> Option<()> {
        if let (None, Some(champion)) = (&self.champion, &serving.champion) {
            self.champion = Some(Seat { artifact: champion.clone(), since: at, entry: seq });
        }
        self.fallback.clone_from(&serving.fallback);
        let version = serving.artifact.version;
        self.shadows.retain(|shadow| shadow.version != version);
        let begun = || Rollout::begun(serving, at, seq);
        match to {
            Stage::Shadow => self.shadows.push(serving.artifact.clone()),
            Stage::Canary => {
                let rollout = self.rollout.insert(begun());
                rollout.begin_step(at, seq);
            }
            Stage::Production if serving.steps.is_empty() => {
                self.rollout = None;
                self.crown(serving.artifact.clone(), standby_until, at, seq);
            }
            Stage::Production => {
                let known = self.rollout.take().filter(|rollout| rollout.artifact.version == version);
                let goes_on = known.is_some();
                let rollout = self.rollout.insert(known.unwrap_or_else(begun));
                if rollout.promote(serving) || !goes_on {
                    rollout.begin_step(at, seq);
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn crown(&mut self, artifact: Artifact, standby_until: Option<Timestamp>, at: Timestamp, seq: u64) {
        let former = self.champion.replace(Seat { artifact, since: at, entry: seq });
        if let (Some(former), Some(until)) = (former, standby_until) {
            self.standby = Some(WarmStandby { artifact: former.artifact, since: at, until, health: None });
        }
        self.watch.clear();
        self.broken_in_a_row = 0;
    }

    fn end(
        &mut self,
        mut rollout: Rollout,
        ending: Ending,
        cause: Option<Cause>,
        reason: &str,
        at: Timestamp,
        entry: u64,
    ) {
        let over = rollout.observations.len().saturating_sub(KEPT_ENDED);
        rollout.observations.drain(..over);
        let ended = Ended { rollout, ending, cause, reason: reason.to_owned(), at, entry };
        keep_most(&mut self.ended, ended, KEPT_ENDED);
    }

    fn observe(&mut self, body: &Observed, entry: u64) -> Option<()> {
        let observation = Observation::of(body, entry);
        if let Some(rollout) = self.rollout.as_mut().filter(|rollout| rollout.artifact.version == body.version) {
            // A window that shows nothing, or harm, is no traffic that the next step can rest on.
            if body.verdict == Verdict::Green {
                rollout.sample = rollout.sample.saturating_add(body.sample);
            }
            keep(&mut rollout.observations, observation);
            return Some(());
        }
        self.champion.as_ref().filter(|champion| champion.artifact.version == body.version)?;
        self.broken_in_a_row = if body.verdict == Verdict::Red { self.broken_in_a_row.saturating_add(1) } else { 0 };
        keep(&mut self.watch, observation);
        Some(())
    }
}

impl Observation {
    /// The window that an entry tells of.
    pub(super) fn of(body: &Observed, entry: u64) -> Self {
        Self {
            percent: body.percent,
            from: body.from,
            to: body.to,
            sample: body.sample,
            figures: body.figures.clone(),
            judged: body.judged.clone(),
            verdict: body.verdict,
            entry,
        }
    }
}

impl Rollout {
    /// A version before its first share.
    pub(super) fn begun(serving: &Serving, at: Timestamp, entry: u64) -> Self {
        Self {
            artifact: serving.artifact.clone(),
            steps: serving.steps.clone(),
            strategy: serving.strategy,
            strategy_reason: serving.reason.clone(),
            promoted: false,
            step: 0,
            since: at,
            sample: 0,
            observations: Vec::new(),
            strikes: Vec::new(),
            held: None,
            moves: Vec::new(),
            started_at: at,
            entry,
        }
    }

    /// Passes the gate to Production, and says whether that took it to another step. Promotion raises no share, but for a
    /// blue-green switch and in entries that do not state the step: what was seen at the canary's counts for the next.
    pub(super) fn promote(&mut self, serving: &Serving) -> bool {
        self.steps.clone_from(&serving.steps);
        self.strategy = serving.strategy;
        self.strategy_reason.clone_from(&serving.reason);
        self.promoted = true;
        let before = self.step;
        self.step = serving.step.unwrap_or(1).min(self.steps.len().saturating_sub(1));
        self.step != before
    }

    fn begin_step(&mut self, at: Timestamp, entry: u64) {
        self.since = at;
        self.sample = 0;
        let percent = self.percent();
        keep(&mut self.moves, Move { percent, at, entry });
    }
}
