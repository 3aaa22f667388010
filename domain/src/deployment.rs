//! Deployments: how the versions of a model share the users of one market. A deployment begins with the first version
//! that sees the market's traffic (its shadow), and holds the champion, the rollout under way, the warm standby, the
//! kill switch and the drills. What serving systems read of it is the [`Routing`] document.
//!
//! A version's gates (module `promotion`) decide whether it may enter Canary and Production at all. From there on the
//! rules here decide how many users it serves: step by step, with two strikes ([`judge`], [`clock`]).

pub mod clock;
pub mod command;
mod concern;
pub mod course;
pub mod event;
mod fold;
pub mod gate;
pub mod judge;
pub mod package;
pub mod routing;
pub mod rules;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    account::{Role, UnknownWord, find_word},
    id::{AccountId, Market, ModelName, VersionNumber},
    registry::Version,
    stage::Stage,
};

pub use command::ServingCommand;
pub use concern::concerned;
pub use event::{Cause, Figure, Serving};
pub(crate) use fold::{deployment as fold, model as apply_to_model, succeed, touches, version as apply_to_version};
pub use gate::{Check, Told};
pub use judge::{Judged, Verdict};
pub use package::StepPackage;
pub use routing::Routing;

/// What serves where neither policy nor an earlier entry names a fallback.
pub const UNNAMED_FALLBACK: &str = "rules";

/// Observations, moves, drills and revisions that a state keeps; the ledger keeps all of them.
const KEPT: usize = 60;
/// Rollouts that are over, and observations of each, that a state keeps.
const KEPT_ENDED: usize = 10;

/// Pushes and forgets the oldest beyond `most`.
fn keep_most<T>(list: &mut Vec<T>, item: T, most: usize) {
    list.push(item);
    let over = list.len().saturating_sub(most);
    list.drain(..over);
}

/// Pushes and forgets the oldest beyond [`KEPT`].
fn keep<T>(list: &mut Vec<T>, item: T) {
    keep_most(list, item, KEPT);
}

/// A version with what its serving image must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ServedArtifact))]
pub struct Artifact {
    /// The version.
    pub version: VersionNumber,
    /// Digest of its weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_digest: Option<Digest>,
    /// Digest of its container image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<Digest>,
}

impl Artifact {
    /// The artifact of a version.
    pub fn of(version: &Version) -> Self {
        Self {
            version: version.id.number,
            weights_digest: version.lineage.model.weights_digest,
            image_digest: version.lineage.code.image_digest,
        }
    }

    /// A version of which no more is known here.
    pub fn unknown(version: VersionNumber) -> Self {
        Self { version, weights_digest: None, image_digest: None }
    }
}

/// How a version takes over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Step by step, judged at each. Right for a change of the model.
    #[default]
    Progressive,
    /// From the canary's share to everybody at once, and back at once. Right for a change of infrastructure.
    BlueGreen,
}

impl Strategy {
    /// The strategy as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Progressive => "Progressive",
            Self::BlueGreen => "Blue-green",
        }
    }
}

/// Where the kill switch sends all traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum KillTarget {
    /// To the previous approved version: the champion while another version comes in, else the standby.
    Previous,
    /// To the rule-based fallback.
    Fallback,
}

impl KillTarget {
    /// Every target.
    pub const ALL: [Self; 2] = [Self::Previous, Self::Fallback];

    /// The target's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::Previous => "previous",
            Self::Fallback => "fallback",
        }
    }
}

impl FromStr for KillTarget {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("kill switch target", text, &Self::ALL, Self::id)
    }
}

impl fmt::Display for KillTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// The version that serves a market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Seat {
    /// The version.
    pub artifact: Artifact,
    /// Since when.
    pub since: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// The former champion, kept ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WarmStandby {
    /// The version.
    pub artifact: Artifact,
    /// Since when.
    pub since: Timestamp,
    /// Until when it is kept.
    pub until: Timestamp,
    /// The last report of its health.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
}

/// What a standby's health check said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// Whether it is loaded and answers.
    pub healthy: bool,
    /// What the check said.
    pub detail: String,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// A judged window of traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Observation {
    /// The version's share of users then, in percent.
    pub percent: u8,
    /// Beginning of the window.
    pub from: Timestamp,
    /// End of the window.
    pub to: Timestamp,
    /// Requests answered.
    pub sample: u64,
    /// What was measured.
    pub figures: Vec<Figure>,
    /// What the guardrails said.
    pub judged: Vec<Judged>,
    /// All of them together.
    pub verdict: Verdict,
    /// By which entry.
    pub entry: u64,
}

/// A strike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Strike {
    /// What was violated.
    pub violations: Vec<String>,
    /// Share of users before.
    pub from_percent: u8,
    /// Share of users after.
    pub to_percent: u8,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// A rollout that is stopped for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hold {
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: AccountId,
    /// Since when.
    pub since: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// A change of a version's share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Move {
    /// Share of users from then on, in percent.
    pub percent: u8,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// A version on its way in: in Canary, or in Production below its last step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rollout {
    /// The version.
    pub artifact: Artifact,
    /// Shares of users in percent, as policy stated them when it began.
    pub steps: Vec<u8>,
    /// Step by step, or at once.
    pub strategy: Strategy,
    /// Why at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy_reason: Option<String>,
    /// Whether it was promoted to Production; before, it stays at the canary's share.
    pub promoted: bool,
    /// Which step it is at, from 0.
    pub step: usize,
    /// When the step began.
    pub since: Timestamp,
    /// Requests answered at this step so far.
    pub sample: u64,
    /// Windows observed, oldest first.
    pub observations: Vec<Observation>,
    /// Strikes so far; they never lapse.
    pub strikes: Vec<Strike>,
    /// Whether it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Hold>,
    /// Every change of its share.
    pub moves: Vec<Move>,
    /// When it entered Canary.
    pub started_at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

impl Rollout {
    /// Its share of users, in percent.
    pub fn percent(&self) -> u8 {
        self.steps.get(self.step).copied().unwrap_or(0)
    }

    /// The share after this one; `None` at the last step.
    pub fn next_percent(&self) -> Option<u8> {
        self.steps.get(self.step + 1).copied()
    }

    /// The gate through which the version came so far: Canary's, then Production's.
    pub fn gate_passed(&self) -> Stage {
        if self.promoted { Stage::Production } else { Stage::Canary }
    }

    /// The last window that was observed at this step.
    pub fn last_observation(&self) -> Option<&Observation> {
        self.observations.last().filter(|observation| observation.from >= self.since)
    }

    /// The last strike, unless a window has been green at this step since.
    pub fn open_strike(&self) -> Option<&Strike> {
        let is_green = self.last_observation().is_some_and(|last| last.verdict == Verdict::Green);
        self.strikes.last().filter(|_| !is_green)
    }
}

/// How a rollout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The version became champion.
    Completed,
    /// It was taken out of the market.
    RolledBack,
}

/// A rollout that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ended {
    /// The rollout as it was at its end.
    pub rollout: Rollout,
    /// How it ended.
    pub ending: Ending,
    /// What led to it, if it was rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// The kill switch in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KillSwitch {
    /// Where all traffic goes.
    pub to: KillTarget,
    /// The version that it goes to; else to the fallback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: AccountId,
    /// Who used it before, since it was lifted last: with another target.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub earlier: BTreeSet<AccountId>,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// By when its use is reviewed; at once, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_due: Option<Timestamp>,
    /// Who reviews.
    pub review_role: Role,
    /// The review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

impl KillSwitch {
    /// Whether the account used it since it was lifted last, so that somebody else reviews it.
    pub fn was_used_by(&self, account: &AccountId) -> bool {
        self.by == *account || self.earlier.contains(account)
    }
}

/// The review of a use of the kill switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Review {
    /// What it found.
    pub text: String,
    /// Whether the model may serve again.
    pub may_lift: bool,
    /// By whom.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// A rollback drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Drill {
    /// Number in this market, from 1.
    pub number: u32,
    /// The version that would take over; else the fallback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<VersionNumber>,
    /// What is exercised.
    pub note: String,
    /// By whom.
    pub by: AccountId,
    /// When it began.
    pub started_at: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<DrillResult>,
}

/// How a drill ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DrillResult {
    /// Whether it met its target.
    pub passed: bool,
    /// Milliseconds from the decision until it was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
    /// The target in force, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_seconds: Option<u32>,
    /// How it went.
    pub note: String,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// A change of the routing document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Revision {
    /// The entry that decided it.
    pub number: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// The event's type.
    pub what: String,
    /// Subscribers that have applied it, with milliseconds from the decision.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub applied: BTreeMap<String, u64>,
}

/// How the versions of a model share the users of one market.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deployment {
    /// The model.
    pub model: ModelName,
    /// The market.
    pub market: Market,
    /// Who serves whoever is not in a rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<Seat>,
    /// The version on its way in; one at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// The way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby: Option<WarmStandby>,
    /// Versions that score a copy of the traffic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadows: Vec<Artifact>,
    /// What answers users whom no version serves.
    pub fallback: String,
    /// The kill switch, while it is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kill_switch: Option<KillSwitch>,
    /// What was observed of the champion, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watch: Vec<Observation>,
    /// How many of the champion's last windows in a row broke a guardrail.
    #[serde(default)]
    pub broken_in_a_row: u32,
    /// Rollouts that are over, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<Ended>,
    /// Drills, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drills: Vec<Drill>,
    /// Changes of the routing document, oldest first.
    pub revisions: Vec<Revision>,
    /// The last answer to each question of a rollout controller.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, Told>,
    /// Time of the first entry.
    pub since: Timestamp,
    /// Time of the latest entry.
    pub updated_at: Timestamp,
}

impl Deployment {
    /// The standby, unless the kill switch has sent everybody to it: then it stays for as long as that lasts.
    pub fn releasable_standby(&self) -> Option<&WarmStandby> {
        let serves = self.kill_switch.as_ref().and_then(|kill| kill.artifact.as_ref()).map(|artifact| artifact.version);
        self.standby.as_ref().filter(|standby| serves != Some(standby.artifact.version))
    }

    /// The record of a market before anything happened there.
    pub fn new(model: ModelName, market: Market, at: Timestamp) -> Self {
        Self {
            model,
            market,
            champion: None,
            rollout: None,
            standby: None,
            shadows: Vec::new(),
            fallback: UNNAMED_FALLBACK.to_owned(),
            kill_switch: None,
            watch: Vec::new(),
            broken_in_a_row: 0,
            ended: Vec::new(),
            drills: Vec::new(),
            revisions: Vec::new(),
            answers: BTreeMap::new(),
            since: at,
            updated_at: at,
        }
    }

    /// The revision in force: the entry that decided how traffic is routed now. 0 before the first.
    pub fn revision(&self) -> u64 {
        self.revisions.last().map_or(0, |revision| revision.number)
    }

    /// How a version's rollout ended, if that is still kept.
    pub fn ended_of(&self, version: VersionNumber) -> Option<&Ended> {
        self.ended.iter().rev().find(|ended| ended.rollout.artifact.version == version)
    }

    /// The drill that is under way.
    pub fn open_drill(&self) -> Option<&Drill> {
        self.drills.last().filter(|drill| drill.result.is_none())
    }

    /// The last drill that passed.
    pub fn last_passed_drill(&self) -> Option<&Drill> {
        self.drills.iter().rev().find(|drill| drill.result.as_ref().is_some_and(|result| result.passed))
    }

    /// The version that the kill switch would go back to.
    pub fn previous(&self) -> Option<&Artifact> {
        match (&self.rollout, &self.champion, &self.standby) {
            (Some(_), Some(champion), _) => Some(&champion.artifact),
            (_, _, Some(standby)) => Some(&standby.artifact),
            _ => None,
        }
    }

    /// The versions whose states an entry of this deployment may change.
    pub fn versions(&self) -> Vec<VersionNumber> {
        let rollout = self.rollout.iter().map(|rollout| rollout.artifact.version);
        let champion = self.champion.iter().map(|seat| seat.artifact.version);
        let standby = self.standby.iter().map(|standby| standby.artifact.version);
        rollout.chain(champion).chain(standby).collect()
    }
}
