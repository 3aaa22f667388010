//! What is known of a model's triggers, folded from its entries.

use std::collections::BTreeMap;

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Cause, Circumstances, Configuration, DriftApproved, DriftObserved, Figure, MAX_FIGURES, Reason};
use crate::{
    account::Role,
    aggregate::AggregateId,
    event::{Event, Recorded},
    evidence::EvidencePath,
    id::{AccountId, Market, ModelName, VersionNumber},
    policy::Policy,
    refusal::{Missing, Refusal},
    registry::{Model, Version},
    stage::Stage,
};

/// Firings and suppressions kept in the state, each; the ledger holds all.
const KEPT: usize = 100;

/// What is known of a model's triggers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Triggers {
    /// The model.
    pub model: ModelName,
    /// When it is to be trained again.
    pub configuration: Configuration,
    /// Since when the configuration is in force, and by which entry; absent before the first.
    pub configured: Option<Mark>,
    /// Slots of the schedule up to here have been dealt with.
    pub handled_until: Option<Timestamp>,
    /// How often it fired.
    pub fired: u32,
    /// How often it was suppressed.
    pub suppressed: u32,
    /// The latest firings, oldest first.
    pub firings: Vec<Firing>,
    /// The latest that were suppressed, oldest first.
    pub suppressions: Vec<Suppression>,
    /// The latest look at the features.
    pub drift: Option<DriftSeen>,
    /// The latest value of each metric.
    pub performance: BTreeMap<String, MetricSeen>,
}

/// Who did something, when, by which entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Mark {
    /// Who.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

impl Mark {
    fn of(recorded: &Recorded) -> Self {
        Self { by: recorded.actor.clone(), at: recorded.time, entry: recorded.seq }
    }
}

/// A firing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Firing {
    /// Its number within the model.
    pub number: u32,
    /// When, by which entry, on whose word.
    pub mark: Mark,
    /// What it rests on.
    pub about: Circumstances,
    /// The firing whose interval it passed.
    pub bypassed: Option<u32>,
    /// Versions that were trained because of it.
    pub answers: Vec<Answer>,
}

/// A version that was trained because of a firing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Answer {
    /// The version.
    pub version: VersionNumber,
    /// The entry that registered it.
    pub entry: u64,
}

/// A trigger that did not fire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Suppression {
    /// When, by which entry, on whose word.
    pub mark: Mark,
    /// Why not.
    pub reason: Reason,
    /// What it rests on.
    pub about: Circumstances,
}

/// A look at the features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DriftSeen {
    /// When it was told, by which entry.
    pub mark: Mark,
    /// Beginning of the data.
    pub from: Timestamp,
    /// End of the data.
    pub until: Timestamp,
    /// What looked.
    pub source: String,
    /// Features looked at.
    pub features: u32,
    /// Those that moved most, the furthest first.
    pub worst: Vec<Moved>,
}

/// How far a feature moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Moved {
    /// The feature.
    pub name: String,
    /// Its population stability index.
    pub psi: f64,
}

/// A metric's latest value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MetricSeen {
    /// When it was told, by which entry.
    pub mark: Mark,
    /// The value.
    pub value: f64,
    /// Beginning of the time looked at.
    pub from: Timestamp,
    /// End of the time looked at.
    pub until: Timestamp,
}

/// Because of which firing a version was trained; kept with the version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Prompt {
    /// The firing's number.
    pub firing: u32,
    /// The firing's entry.
    pub entry: u64,
    /// Why it fired.
    pub cause: Cause,
    /// The figures it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
}

impl Prompt {
    /// The prompt that a firing gives to a version.
    pub fn of(firing: &Firing) -> Self {
        Self {
            firing: firing.number,
            entry: firing.mark.entry,
            cause: firing.about.cause,
            figures: firing.about.figures.clone(),
        }
    }
}

/// A person's word that a version trained on drifted data may go to Canary in a market; kept with the version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DriftApproval {
    /// Who, when, by which entry.
    pub mark: Mark,
    /// In which role.
    pub role: Role,
    /// What was looked at.
    pub statement: String,
}

impl DriftApproval {
    /// The approval that an entry holds.
    pub fn of(approved: &DriftApproved, recorded: &Recorded) -> Self {
        Self { mark: Mark::of(recorded), role: approved.role, statement: approved.statement.clone() }
    }
}

/// A person's word on the drift that a version was trained on, wanted in a market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftWanted<'v> {
    /// The market.
    pub market: &'v Market,
    /// Since when it can be judged: Canary was asked for, or what Shadow showed was attached.
    pub since: Timestamp,
    /// When the version entered Shadow.
    pub in_shadow_since: Timestamp,
    /// By when the request for Canary should be answered, where there is one.
    pub answer_due: Option<Timestamp>,
}

impl DriftWanted<'_> {
    /// By when it is wanted: with the answer to the request; before one is made, within the days of a review, and not
    /// before the least time in Shadow is over.
    pub fn due(&self, model: &Model, policy: &Policy) -> Timestamp {
        let days = policy.profiles.get(&model.profile).map_or(0, |profile| profile.review_business_days);
        let least = policy.markets.get(self.market).map_or(0, |rules| rules.min_shadow_days);
        let over = self.in_shadow_since.plus_days(i64::from(least));
        self.answer_due.unwrap_or_else(|| policy.plus_business_days(self.since, days).max(over))
    }
}

impl Version {
    /// The markets in which a person is to look at the drift that this version was trained on. Early on there is nothing
    /// to look at but the drift itself; it is asked for once Canary is, or once there is what Shadow showed.
    pub fn drift_to_approve(&self) -> impl Iterator<Item = DriftWanted<'_>> {
        let waits = self.cause() == Cause::Drift && self.stage != Stage::Archived;
        let tracks = self.tracks.iter().filter(move |(market, track)| {
            waits && track.stage == Stage::Shadow && !self.drift_approvals.contains_key(*market)
        });
        tracks.filter_map(|(market, track)| {
            let request = self.open_request(Some(market)).filter(|request| request.to == Stage::Canary);
            let shown = self.evidence.iter().find(|evidence| {
                evidence.path == EvidencePath::Shadow
                    && evidence.market.as_ref() == Some(market)
                    && evidence.attached_at >= track.since
            });
            let asked = request.map(|request| request.requested_at);
            let since = asked.into_iter().chain(shown.map(|evidence| evidence.attached_at)).min()?;
            let answer_due = request.map(|request| request.due_at);
            Some(DriftWanted { market, since, in_shadow_since: track.since, answer_due })
        })
    }
}

impl Triggers {
    /// The triggers of a model of which nothing is known yet.
    pub fn new(model: ModelName) -> Self {
        Self {
            model,
            configuration: Configuration::default(),
            configured: None,
            handled_until: None,
            fired: 0,
            suppressed: 0,
            firings: Vec::new(),
            suppressions: Vec::new(),
            drift: None,
            performance: BTreeMap::new(),
        }
    }

    /// The firing of that number, if it is among those kept.
    pub fn firing(&self, number: u32) -> Option<&Firing> {
        self.firings.iter().find(|firing| firing.number == number)
    }

    /// The latest firing.
    pub fn last(&self) -> Option<&Firing> {
        self.firings.last()
    }

    /// The firing that the same window of data, seen by the same detector, led to already, among those kept.
    pub(crate) fn fired_by_window(&self, about: &Circumstances) -> Option<&Firing> {
        let window = about.window.as_ref()?;
        // A detector of metrics tells several of one window: each is a cause of its own.
        let metric = |about: &Circumstances| match about.cause {
            Cause::Performance => about.figures.first().map(|figure| figure.name.clone()),
            _ => None,
        };
        self.firings.iter().find(|firing| {
            firing.about.cause == about.cause
                && firing.about.window.as_ref() == Some(window)
                && metric(&firing.about) == metric(about)
        })
    }

    /// How somebody who asked for a retraining by hand is told that entry `entry` suppressed it; `None` if that entry did
    /// not.
    pub fn refusal(&self, entry: u64) -> Option<Refusal> {
        let suppression = self.suppressions.iter().find(|suppression| suppression.mark.entry == entry)?;
        let Reason::Interval { last, until } = suppression.reason else { return None };
        let until = until.minute();
        Some(Refusal::rule(
            "trigger.interval",
            format!(
                "Firing {last} is too near: the next one is let through from {until} UTC on, or in an emergency. That it was asked for and suppressed is entry {entry}."
            ),
            vec![
                Missing::field("time", format!("Ask again from {until} UTC on.")),
                Missing::from(
                    "observation",
                    "Or drift or a loss that is an emergency: it does not wait.",
                    Role::Service,
                ),
            ],
        ))
    }

    /// The latest firing because of drift, if what is trained now may be on its account: no version answers it yet, or
    /// nothing else has fired since.
    pub fn drift_at_hand(&self) -> Option<&Firing> {
        let latest = self.firings.iter().rev().find(|firing| firing.about.cause == Cause::Drift)?;
        let is_last = self.last().is_some_and(|last| last.number == latest.number);
        (latest.answers.is_empty() || is_last).then_some(latest)
    }

    /// The firing because of drift after `firing`, where `firing` had another cause and is answered already.
    pub fn drift_instead_of(&self, firing: &Firing) -> Option<&Firing> {
        let is_settled = firing.about.cause != Cause::Drift && !firing.answers.is_empty();
        let later = |other: &&Firing| other.number > firing.number && other.about.cause == Cause::Drift;
        self.firings.iter().rev().find(later).filter(|_| is_settled)
    }

    /// Up to when slots have been dealt with: those before the schedule was set never count.
    fn slots_from(&self) -> Option<Timestamp> {
        let set = self.configured.as_ref()?.at;
        Some(self.handled_until.map_or(set, |handled| handled.max(set)))
    }

    /// The slot that has come and was not dealt with yet: the latest one, so that a server that was down fires once.
    pub fn slot_due(&self, now: Timestamp) -> Option<Timestamp> {
        let from = self.slots_from()?;
        self.configuration.schedule.as_ref()?.latest_until(now).filter(|slot| *slot > from)
    }

    /// The next instant at which the clock has something to decide here.
    pub fn next_moment(&self) -> Option<Timestamp> {
        self.configuration.schedule.as_ref()?.next_after(self.slots_from()?)
    }

    /// Takes an entry in; `None` if it does not belong here.
    pub(crate) fn apply(&mut self, recorded: &Recorded) -> Option<()> {
        match &recorded.event {
            Event::TriggersConfigured(body) => {
                self.configuration = body.configuration.clone();
                self.configured = Some(Mark::of(recorded));
            }
            Event::DriftObserved(body) => self.drift = Some(drift_seen(body, recorded)),
            Event::PerformanceObserved(body) => {
                let seen =
                    MetricSeen { mark: Mark::of(recorded), value: body.value, from: body.from, until: body.until };
                self.performance.insert(body.metric.clone(), seen);
            }
            Event::TriggerFired(body) => {
                self.fired += 1;
                self.handle(&body.about);
                push_kept(
                    &mut self.firings,
                    Firing {
                        number: body.firing,
                        mark: Mark::of(recorded),
                        about: body.about.clone(),
                        bypassed: body.bypassed,
                        answers: Vec::new(),
                    },
                );
            }
            Event::TriggerSuppressed(body) => {
                self.suppressed += 1;
                self.handle(&body.about);
                let suppression =
                    Suppression { mark: Mark::of(recorded), reason: body.reason.clone(), about: body.about.clone() };
                push_kept(&mut self.suppressions, suppression);
            }
            Event::VersionRegistered { prompt: Some(prompt), .. } => {
                let AggregateId::Version(id) = &recorded.subject else { return None };
                if let Some(firing) = self.firings.iter_mut().find(|firing| firing.number == prompt.firing) {
                    firing.answers.push(Answer { version: id.number, entry: recorded.seq });
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn handle(&mut self, about: &Circumstances) {
        self.handled_until = self.handled_until.max(about.scheduled_for);
    }
}

fn push_kept<T>(kept: &mut Vec<T>, new: T) {
    if kept.len() >= KEPT {
        kept.remove(0);
    }
    kept.push(new);
}

fn drift_seen(body: &DriftObserved, recorded: &Recorded) -> DriftSeen {
    let mut worst: Vec<Moved> =
        body.features.iter().map(|(name, measured)| Moved { name: name.clone(), psi: measured.psi }).collect();
    worst.sort_by(|a, b| b.psi.total_cmp(&a.psi));
    worst.truncate(MAX_FIGURES);
    DriftSeen {
        mark: Mark::of(recorded),
        from: body.from,
        until: body.until,
        source: body.source.clone(),
        features: u32::try_from(body.features.len()).unwrap_or(u32::MAX),
        worst,
    }
}
