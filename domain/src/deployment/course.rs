//! The whole course of one rollout, told from its entries. A deployment's state keeps a bounded number of windows and
//! moves, and forgets rollouts that are long over; the ledger has all of them. A version is rolled out in a market once:
//! whatever is taken out comes back only as a new version.

use std::collections::BTreeMap;

use super::{Cause, Ending, Hold, Move, Observation, Rollout, Strike};
use crate::{
    aggregate::AggregateId,
    as_of::{GrantedShare, Shares},
    event::{Event, Recorded},
    id::{AccountId, Market, VersionNumber},
    stage::Stage,
};
use ledger::Timestamp;

/// The events of which a course consists, beside the shares of [`crate::as_of::OF_SHARES`].
pub const OF_COURSE: [&str; 10] = [
    "champion.rolled_back",
    "rollout.advanced",
    "rollout.approved",
    "rollout.completed",
    "rollout.held",
    "rollout.observed",
    "rollout.resumed",
    "rollout.rolled_back",
    "rollout.struck",
    "stage.transitioned",
];

/// How a rollout ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// How.
    pub ending: Ending,
    /// What led to it, if it was rolled back.
    pub cause: Option<Cause>,
    /// Why, in words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// A time on hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldFor {
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: AccountId,
    /// Since when, and the entry.
    pub since: (Timestamp, u64),
    /// Until when, and the entry.
    pub until: Option<(Timestamp, u64)>,
}

/// One version's way into one market.
#[derive(Debug, Clone)]
pub struct Course {
    market: Market,
    version: VersionNumber,
    /// The rollout with every window, move and strike; `None` before it began.
    pub rollout: Option<Rollout>,
    /// How it ended, if it did.
    pub end: Option<End>,
    /// Windows of the version as champion, after its rollout.
    pub as_champion: Vec<Observation>,
    /// Times on hold.
    pub holds: Vec<HeldFor>,
    shares: Shares,
}

impl Course {
    /// Before its first entry.
    pub fn new(market: Market, version: VersionNumber) -> Self {
        Self {
            market,
            version,
            rollout: None,
            end: None,
            as_champion: Vec::new(),
            holds: Vec::new(),
            shares: Shares::default(),
        }
    }

    /// The steps made, each with who approved it.
    pub fn granted(&self) -> Vec<GrantedShare> {
        self.shares.of(&self.market, self.version)
    }

    /// Takes in the next entry of the model; what concerns another market or version is passed over.
    pub fn take(&mut self, recorded: &Recorded) {
        let Recorded { seq, time, event, actor, .. } = recorded;
        match &recorded.subject {
            AggregateId::Version(id) if id.number == self.version => return self.enter(recorded),
            AggregateId::Deployment(_, market) if *market == self.market => {}
            _ => return,
        }
        self.shares.take(recorded);
        let (at, entry) = (*time, *seq);
        match event {
            Event::RolloutObserved(body) if body.version == self.version => {
                let observation = Observation::of(body, entry);
                match (&mut self.rollout, &self.end) {
                    (Some(rollout), None) => rollout.observations.push(observation),
                    _ => self.as_champion.push(observation),
                }
            }
            Event::RolloutStruck(body) if body.version == self.version => {
                let Some(rollout) = &mut self.rollout else { return };
                rollout.strikes.push(Strike {
                    violations: body.violations.clone(),
                    from_percent: body.from_percent,
                    to_percent: body.to_percent,
                    at,
                    entry,
                });
                rollout.go(body.to_percent, at, entry);
            }
            Event::RolloutAdvanced(body) if body.version == self.version => {
                let Some(rollout) = &mut self.rollout else { return };
                rollout.go(body.to_percent, at, entry);
            }
            Event::RolloutHeld(body) if body.version == self.version => {
                let hold = Hold { reason: body.reason.clone(), by: actor.clone(), since: at, entry };
                self.holds.push(HeldFor {
                    reason: hold.reason.clone(),
                    by: hold.by.clone(),
                    since: (at, entry),
                    until: None,
                });
                if let Some(rollout) = &mut self.rollout {
                    rollout.held = Some(hold);
                }
            }
            Event::RolloutResumed(body) if body.version == self.version => {
                if let Some(hold) = self.holds.last_mut() {
                    hold.until = Some((at, entry));
                }
                if let Some(rollout) = &mut self.rollout {
                    rollout.held = None;
                }
            }
            Event::RolloutCompleted(body) if body.version == self.version => {
                self.end = Some(End { ending: Ending::Completed, cause: None, reason: String::new(), at, entry });
            }
            Event::RolloutRolledBack(body) if body.version == self.version => {
                if let Some(rollout) = &mut self.rollout {
                    rollout.moves.push(Move { percent: 0, at, entry });
                }
                let (ending, cause, reason) = (Ending::RolledBack, Some(body.cause), body.reason.clone());
                self.end = Some(End { ending, cause, reason, at, entry });
            }
            _ => {}
        }
    }

    /// The version enters Canary or Production.
    fn enter(&mut self, recorded: &Recorded) {
        let Event::StageTransitioned { to, market: Some(market), serving: Some(serving), .. } = &recorded.event else {
            return;
        };
        if *market != self.market || !matches!(to, Stage::Canary | Stage::Production) {
            return;
        }
        let (at, entry) = (recorded.time, recorded.seq);
        let goes_on = self.rollout.is_some();
        let rollout = self.rollout.get_or_insert_with(|| Rollout::begun(serving, at, entry));
        let is_moved = *to == Stage::Production && rollout.promote(serving);
        if rollout.promoted && rollout.steps.is_empty() {
            rollout.moves.push(Move { percent: 100, at, entry });
            self.end = Some(End { ending: Ending::Completed, cause: None, reason: String::new(), at, entry });
        } else if is_moved || !goes_on {
            rollout.go(rollout.percent(), at, entry);
        }
    }

    /// Every verdict of the windows during the rollout, counted.
    pub fn verdicts(&self) -> BTreeMap<&'static str, usize> {
        let mut counted = BTreeMap::new();
        for window in self.rollout.iter().flat_map(|rollout| &rollout.observations) {
            *counted.entry(window.verdict.title()).or_insert(0) += 1;
        }
        counted
    }
}

impl Rollout {
    fn go(&mut self, percent: u8, at: Timestamp, entry: u64) {
        self.step = self.steps.iter().position(|step| *step == percent).unwrap_or(self.step);
        self.since = at;
        self.sample = 0;
        self.moves.push(Move { percent, at, entry });
    }
}
