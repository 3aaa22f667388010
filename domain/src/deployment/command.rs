//! What can be asked of a deployment.

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Check, Figure, KillTarget};
use crate::{access::Action, id::VersionNumber};

/// Reports a window of traffic of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Observe {
    /// The version observed.
    pub version: VersionNumber,
    /// Beginning of the window: not before the step began, nor before the last window ended.
    pub from: Timestamp,
    /// End of the window.
    pub to: Timestamp,
    /// Requests that the version answered in the window.
    pub sample: u64,
    /// What was measured; at most 20 figures.
    pub figures: Vec<Figure>,
}

/// Holds a rollout or lets it go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Why; at most 2,000 characters.
    pub reason: String,
}

/// Approves the next step of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ApproveStep {
    /// The version that is rolled out.
    pub version: VersionNumber,
    /// The meaning, word for word as the policy states it.
    pub meaning: String,
    /// Digest of the step as it was read.
    pub package: Digest,
    /// What the signer adds; at most 4,000 characters.
    #[serde(default)]
    pub comment: String,
}

/// Takes a version out of its market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    /// The version to take out: the one that is rolled out, or the champion.
    pub version: VersionNumber,
    /// Why; at most 2,000 characters.
    pub reason: String,
}

/// Reports the health of the warm standby.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReportStandby {
    /// The standby.
    pub version: VersionNumber,
    /// Whether it is loaded and answers.
    pub healthy: bool,
    /// What the check said; at most 500 characters.
    #[serde(default)]
    pub detail: String,
}

/// Begins a rollback drill: the routing document gets a new revision with unchanged weights, and the time until a
/// subscriber acknowledges it is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StartDrill {
    /// What is exercised; at most 2,000 characters.
    #[serde(default)]
    pub note: String,
}

/// Ends a drill by hand, where the serving layer cannot acknowledge by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FinishDrill {
    /// Milliseconds from the decision until it was applied; absent if it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
    /// How it went; at most 2,000 characters.
    pub note: String,
}

/// Uses the kill switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Kill {
    /// Where all traffic goes. `previous` goes to the fallback where there is no previous version.
    pub to: KillTarget,
    /// Why; at most 2,000 characters.
    pub reason: String,
}

/// Reviews the use of the kill switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReviewKill {
    /// What the review found; at most 4,000 characters.
    pub text: String,
    /// Whether the model may serve again.
    pub may_lift: bool,
}

/// Says that a serving system routes by a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// The revision that is applied.
    pub revision: u64,
    /// Which serving system; at most 100 characters.
    pub subscriber: String,
}

/// A question of a rollout controller, with the answer that the asker was about to be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskGate {
    /// What is asked.
    pub check: Check,
    /// The version asked about, if one is named.
    pub version: Option<VersionNumber>,
    /// What the controller tells beside it; recorded for `event` only.
    pub message: String,
}

/// Everything that can be asked of the deployment of a model in a market.
#[derive(Debug, Clone, PartialEq)]
pub enum ServingCommand {
    /// See [`Observe`].
    Observe(Observe),
    /// Stops the rollout where it is.
    Hold(Reason),
    /// Lets a held rollout go on.
    Resume(Reason),
    /// See [`ApproveStep`].
    Approve(ApproveStep),
    /// See [`RollBack`].
    RollBack(RollBack),
    /// See [`ReportStandby`].
    ReportStandby(ReportStandby),
    /// See [`StartDrill`].
    StartDrill(StartDrill),
    /// See [`FinishDrill`].
    FinishDrill(FinishDrill),
    /// See [`Kill`].
    Kill(Kill),
    /// See [`ReviewKill`].
    ReviewKill(ReviewKill),
    /// Lets a reviewed model serve again.
    LiftKill(Reason),
    /// See [`Applied`].
    Applied(Applied),
    /// See [`AskGate`].
    Ask(AskGate),
}

impl ServingCommand {
    /// What it takes to be allowed.
    pub fn action(&self) -> Action {
        match self {
            Self::Observe(_) | Self::ReportStandby(_) | Self::Applied(_) | Self::Ask(_) => Action::ReportServing,
            Self::Hold(_) | Self::Resume(_) | Self::RollBack(_) | Self::StartDrill(_) | Self::FinishDrill(_) => {
                Action::SteerRollout
            }
            Self::Approve(_) => Action::SignOff,
            Self::Kill(_) => Action::Kill,
            Self::ReviewKill(_) => Action::ReviewKill,
            Self::LiftKill(_) => Action::LiftKill,
        }
    }

    /// Whether the decision looks at nothing but the deployment itself. The kill switch works when models, versions
    /// and policy cannot be read.
    pub fn stands_alone(&self) -> bool {
        matches!(self, Self::Kill(_) | Self::Applied(_))
    }
}
