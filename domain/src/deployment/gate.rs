//! What a rollout controller (Flagger, Argo Rollouts) asks, answered from the deployment as it stands.
//!
//! An answer becomes an entry when it, or its reason, differs from the last answer to the same question about the same
//! version, and
//! else once in the time that policy states (`serving.answer_minutes`): a controller that polls every ten seconds
//! leaves a trace and no flood. In between, the answer is the one that the last entry holds, so each has its entry.

use std::str::FromStr;

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Deployment, Ending};
use crate::{
    account::{UnknownWord, find_word},
    id::VersionNumber,
    promotion::Requirement,
};

/// A question of a controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Flagger: may the canary begin to get traffic?
    ConfirmRollout,
    /// Flagger: may the canary take over?
    ConfirmPromotion,
    /// Flagger: must it be rolled back? Here yes means: roll back.
    Rollback,
    /// Flagger tells of something.
    Event,
    /// Argo Rollouts: is the analysis still good?
    ArgoMetric,
}

impl Check {
    /// Every check.
    pub const ALL: [Self; 5] =
        [Self::ConfirmRollout, Self::ConfirmPromotion, Self::Rollback, Self::Event, Self::ArgoMetric];

    /// The check's id in addresses.
    pub fn id(self) -> &'static str {
        match self {
            Self::ConfirmRollout => "confirm-rollout",
            Self::ConfirmPromotion => "confirm-promotion",
            Self::Rollback => "rollback",
            Self::Event => "event",
            Self::ArgoMetric => "argo-metric",
        }
    }
}

impl FromStr for Check {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("check", text, &Self::ALL, Self::id)
    }
}

/// The answer that was told last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Told {
    /// The version asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionNumber>,
    /// Yes or no.
    pub yes: bool,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Yes or no. For [`Check::Rollback`], yes means: roll back.
    pub yes: bool,
    /// Why, in a sentence.
    pub reason: String,
}

fn answer_of(yes: bool, reason: impl Into<String>) -> Answer {
    Answer { yes, reason: reason.into() }
}

/// Answers a check, about `version` if one is named, else about the version on its way in; `standing` is what must go on
/// holding for that one. A controller promotes when the version has become champion through every step, not before.
/// Where none is named and none is on its way in, nothing goes forward: nobody knows which is meant.
pub fn answer(
    deployment: &Deployment,
    check: Check,
    version: Option<VersionNumber>,
    standing: &[Requirement],
) -> Answer {
    let forward = check != Check::Rollback;
    if check == Check::Event {
        return answer_of(true, "Recorded.");
    }
    if let Some(kill) = &deployment.kill_switch {
        return answer_of(!forward, format!("The kill switch is in use since entry {}.", kill.entry));
    }
    let on_its_way = deployment.rollout.as_ref().map(|rollout| rollout.artifact.version);
    let Some(asked) = version.or(on_its_way).or_else(|| latest(deployment)) else {
        return answer_of(false, "No version has been let into this market yet.");
    };
    if forward && version.is_none() && on_its_way.is_none() {
        let field = if check == Check::ArgoMetric { "version" } else { "metadata.version" };
        return answer_of(false, format!("No version is on its way in; name the one that is meant ({field})."));
    }
    if let Some(champion) = deployment.champion.as_ref().filter(|champion| champion.artifact.version == asked) {
        return answer_of(forward, format!("Version {asked} is champion since entry {}.", champion.entry));
    }
    let rollout = deployment.rollout.as_ref().filter(|rollout| rollout.artifact.version == asked);
    let Some(rollout) = rollout else {
        let ended = deployment
            .ended
            .iter()
            .rev()
            .find(|ended| ended.rollout.artifact.version == asked && ended.ending == Ending::RolledBack);
        return match ended {
            Some(ended) => answer_of(!forward, format!("Version {asked} was rolled back by entry {}.", ended.entry)),
            None => answer_of(false, format!("Version {asked} has not entered Canary in this market.")),
        };
    };
    if check == Check::Rollback {
        return answer_of(false, format!("Version {asked} may stay at {} %.", rollout.percent()));
    }
    if let Some(hold) = &rollout.held {
        return answer_of(false, format!("Version {asked} is on hold since entry {}.", hold.entry));
    }
    if let Some(unmet) = standing.iter().find(|requirement| !requirement.met) {
        return answer_of(false, format!("{} ({})", unmet.why(), unmet.rule));
    }
    if check != Check::ConfirmRollout
        && let Some(strike) = rollout.open_strike()
    {
        return answer_of(
            false,
            format!("A strike by entry {}, and no green window at this step since.", strike.entry),
        );
    }
    if check == Check::ConfirmPromotion {
        let what = if rollout.promoted { "it has steps to go" } else { "its gate to Production is not passed yet" };
        return answer_of(false, format!("Version {asked} is at {} %; {what}.", rollout.percent()));
    }
    answer_of(true, format!("Version {asked} is let in at {} % since {}.", rollout.percent(), rollout.since))
}

/// The version that was on its way in last, or the champion where none ever was: the one that a question without a version
/// is about when it asks whether to go back.
pub(crate) fn latest(deployment: &Deployment) -> Option<VersionNumber> {
    let ended = deployment.ended.last().map(|ended| ended.rollout.artifact.version);
    ended.or_else(|| deployment.champion.as_ref().map(|champion| champion.artifact.version))
}

/// The answer that the last entry holds to this check about this version.
pub fn told(deployment: &Deployment, check: Check, version: Option<VersionNumber>) -> Option<&Told> {
    deployment.answers.get(&place(deployment, check, version)).filter(|told| told.version == version)
}

/// Where the last answer to a check about a version is kept: one place for each version that the market knows, one for all
/// others together, so that several analyses side by side leave no flood, nor do made-up versions.
pub(super) fn place(deployment: &Deployment, check: Check, version: Option<VersionNumber>) -> String {
    let ended = deployment.ended.iter().map(|ended| ended.rollout.artifact.version);
    match version.filter(|version| deployment.versions().into_iter().chain(ended).any(|known| known == *version)) {
        Some(version) => format!("{} {version}", check.id()),
        None => check.id().to_owned(),
    }
}

/// Whether an answer must become an entry.
pub fn must_record(
    deployment: &Deployment,
    check: Check,
    version: Option<VersionNumber>,
    answer: &Answer,
    every_minutes: Option<u32>,
    now: Timestamp,
) -> bool {
    let Some(told) = told(deployment, check, version) else { return true };
    let quiet_until = told.at.plus_minutes(i64::from(every_minutes.unwrap_or(0)));
    check == Check::Event || (told.yes, &told.reason) != (answer.yes, &answer.reason) || now >= quiet_until
}
