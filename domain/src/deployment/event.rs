//! What happens to a deployment: the payloads of its entries. Numbers in force are recorded with what they decided.

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Artifact, Check, Judged, KillTarget, Strategy, Verdict};
use crate::{account::Role, id::VersionNumber};

/// How a version begins to serve: stands in the transition into Shadow, Canary and Production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// The version with what its serving image must be.
    pub artifact: Artifact,
    /// Shares of users in percent; none where policy has no rollout, and the version then serves at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<u8>,
    /// Index of the step at which a promoted version goes on, counted from 0. Absent in entries from before it was
    /// stated: the second, or the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// Step by step, or at once.
    pub strategy: Strategy,
    /// Why at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What answers users whom no version serves.
    pub fallback: String,
    /// Who served before this record of the market began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<Artifact>,
}

/// One measured figure of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = TrafficFigure))]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Its name, such as `error_rate`; at most 40 characters.
    pub metric: String,
    /// The estimate.
    pub value: f64,
    /// Lower end of its interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<f64>,
    /// Upper end of its interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
}

/// What a window of traffic showed, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// The version observed.
    pub version: VersionNumber,
    /// Its share of users then.
    pub percent: u8,
    /// Beginning of the window.
    pub from: Timestamp,
    /// End of the window.
    pub to: Timestamp,
    /// Requests that it answered in the window.
    pub sample: u64,
    /// What was measured.
    pub figures: Vec<Figure>,
    /// What each guardrail in force said.
    pub judged: Vec<Judged>,
    /// All of them together.
    pub verdict: Verdict,
    /// The policy in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Digest>,
}

/// A violation counted against a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Struck {
    /// The version.
    pub version: VersionNumber,
    /// First or second.
    pub strike: u32,
    /// What was violated, a sentence each.
    pub violations: Vec<String>,
    /// The entry of the observation.
    pub observation: u64,
    /// Share of users before.
    pub from_percent: u8,
    /// Share of users after.
    pub to_percent: u8,
    /// Whether the version keeps it too, where whoever signs its way to Production reads it. Entries from before strikes
    /// were signed change no version, so that an old ledger folds as it did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept_with_version: bool,
}

/// A step forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advanced {
    /// The version.
    pub version: VersionNumber,
    /// Share of users before.
    pub from_percent: u8,
    /// Share of users after.
    pub to_percent: u8,
    /// Rules that were checked and held.
    pub requirements: Vec<String>,
    /// The policy in force.
    pub policy: Digest,
}

/// A person's approval of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// The version.
    pub version: VersionNumber,
    /// The share of users at which it stands.
    pub from_percent: u8,
    /// The role in which.
    pub role: Role,
    /// What the signature means.
    pub meaning: String,
    /// What the signer adds.
    pub comment: String,
    /// Digest of what was read.
    pub package: Digest,
}

/// A rollout is stopped for a while, or goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The version.
    pub version: VersionNumber,
    /// Why.
    pub reason: String,
}

/// A version took over its market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    /// The new champion.
    pub version: VersionNumber,
    /// The one before, now in warm standby.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<VersionNumber>,
    /// Until when the former one is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby_until: Option<Timestamp>,
    /// An earlier standby, released by this succession.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<VersionNumber>,
    /// Rules that were checked and held.
    pub requirements: Vec<String>,
    /// The policy in force.
    pub policy: Digest,
}

/// What led to a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The last strike that policy allows.
    Strikes,
    /// Guardrails broken in a row by a champion.
    Guardrail,
    /// Somebody's decision.
    Decision,
}

/// A version that was on its way in was taken out of its market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledBack {
    /// The version.
    pub version: VersionNumber,
    /// Its share of users before; 0 since.
    pub from_percent: u8,
    /// What led to it.
    pub cause: Cause,
    /// Why, in words.
    pub reason: String,
}

/// A champion gave its place back to the standby.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChampionRolledBack {
    /// The champion that was taken out.
    pub from: VersionNumber,
    /// The standby that serves again.
    pub to: VersionNumber,
    /// What led to it.
    pub cause: Cause,
    /// Why, in words.
    pub reason: String,
    /// When the standby was last reported healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_at: Option<Timestamp>,
}

/// A rollback that guardrails asked for could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackBlocked {
    /// The champion that should go.
    pub version: VersionNumber,
    /// Why it cannot.
    pub reason: String,
    /// What can be done instead.
    pub next: String,
}

/// A health report of the standby.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandbyReported {
    /// The version.
    pub version: VersionNumber,
    /// Whether it is loaded and answers.
    pub healthy: bool,
    /// What the check said.
    pub detail: String,
}

/// A standby's time is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandbyReleased {
    /// The version, archived in this market from now on.
    pub version: VersionNumber,
}

/// A rollback drill begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillStarted {
    /// Number of the drill in this market, from 1.
    pub drill: u32,
    /// The version that would take over, if any; else the fallback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<VersionNumber>,
    /// What is exercised.
    pub note: String,
}

/// How a drill ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillFinished {
    /// Number of the drill.
    pub drill: u32,
    /// Whether it met its target.
    pub passed: bool,
    /// Milliseconds from the decision until it was applied, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
    /// The target in force, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_seconds: Option<u32>,
    /// How it went.
    pub note: String,
}

/// The kill switch was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillEngaged {
    /// Where all traffic goes.
    pub to: KillTarget,
    /// The version that it goes to, if to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Artifact>,
    /// The rule-based fallback's name.
    pub fallback: String,
    /// Why.
    pub reason: String,
    /// By when it is reviewed; absent where no policy could be read, and it is due at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_due: Option<Timestamp>,
    /// Who reviews.
    pub review_role: Role,
}

/// The use of the kill switch was reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillReviewed {
    /// What the review found.
    pub text: String,
    /// Whether the model may serve again.
    pub may_lift: bool,
}

/// The kill switch was lifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillLifted {
    /// Why now.
    pub reason: String,
}

/// A serving system says that it routes by this revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingApplied {
    /// The revision: number of the entry that decided it.
    pub revision: u64,
    /// Milliseconds from that entry to this report.
    pub millis: u64,
    /// Which serving system.
    pub subscriber: String,
}

/// What a rollout controller asked, and was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateAnswered {
    /// What was asked.
    pub check: Check,
    /// The version asked about, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionNumber>,
    /// Yes or no. For a check on rollback, yes means: roll back.
    pub yes: bool,
    /// Why.
    pub reason: String,
}
