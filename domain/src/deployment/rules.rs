//! The numbers of serving, as policy states them: steps and guardrails of a rollout, the way back, the kill switch,
//! the fallback. An absent section means that its rule is not asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{account::Role, id::ModelName, policy::SignOffSlot};

/// How a new version takes over a market, step by step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RolloutRules {
    /// Shares of users in percent, rising, ending in 100. The first is the canary's.
    pub steps: Vec<u8>,
    /// Shortest stay at a step, in hours.
    pub dwell_hours: u32,
    /// Requests that the version must have answered at a step before the next.
    pub min_sample: u64,
    /// So many strikes end a rollout step by step; a blue-green switch ends with its first.
    #[serde(default = "two")]
    pub strikes: u32,
    /// Who approves each step, where a person must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<SignOffSlot>,
    /// What must hold while users are exposed.
    #[serde(default)]
    pub guardrails: Vec<Guardrail>,
}

/// A bound on one measured figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Guardrail {
    /// The figure's name in reports, such as `error_rate`.
    pub metric: String,
    /// What people call it.
    pub title: String,
    /// The figure must not be above this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// The figure must not be below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// No measurement can be below this, such as 0 for a rate; a report that says so is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowest: Option<f64>,
    /// No measurement can be above this, such as 1 for a rate; a report that says so is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest: Option<f64>,
    /// Whether every report must state it; otherwise it is judged where it is stated.
    #[serde(default = "yes")]
    pub required: bool,
    /// Whether a report must state the interval of its estimate. Without it, a figure that states none is judged as if it
    /// were known exactly.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interval: bool,
}

/// Two strikes (chapter 29, question 14): what policies meant that did not say.
fn two() -> u32 {
    2
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands in a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn yes() -> bool {
    true
}

/// The way back from a champion to the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RollbackRules {
    /// How recent the standby's last healthy report must be, in minutes.
    pub health_minutes: u32,
    /// How long it may take from the decision until the serving layer has applied it, in seconds.
    pub target_seconds: u32,
    /// So many reports in a row that break a guardrail roll a champion back without a person.
    pub violations: u32,
    /// A drill is due when the last one is older than this, in days.
    pub drill_days: u32,
    /// How long before it is due a drill begins to wait in the owner's inbox, in days.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub drill_notice_days: u32,
    /// A drill that nobody acknowledged within this time has failed, in minutes.
    pub drill_minutes: u32,
    /// Days for which a rollback that no person decided stands in the inboxes of those who answer for the model; without
    /// it, in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_days: Option<u32>,
}

/// What follows the use of the kill switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KillSwitchRules {
    /// Days within which its use is reviewed.
    pub review_days: u32,
    /// Who reviews.
    pub review_role: Role,
}

/// What holds in every market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ServingRules {
    /// The rule-based answer that serves where no version does, by name.
    pub fallback: String,
    /// Another fallback for some models.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fallbacks: BTreeMap<ModelName, String>,
    /// An unchanged answer to a polling controller becomes an entry again after this time, in minutes.
    pub answer_minutes: u32,
    /// An unchanged health report becomes an entry again after this time, in minutes.
    pub health_entry_minutes: u32,
}

impl ServingRules {
    /// The fallback of a model.
    pub fn fallback_of(&self, model: &ModelName) -> &str {
        self.fallbacks.get(model).unwrap_or(&self.fallback)
    }
}

/// Contradictions in one market's rules of serving.
pub(crate) fn check(
    rollout: Option<&RolloutRules>,
    rollback: Option<&RollbackRules>,
    kill_switch: Option<&KillSwitchRules>,
    serving: Option<&ServingRules>,
) -> Result<(), String> {
    if let Some(rules) = rollout {
        let rising = rules.steps.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising || rules.steps.first().is_none_or(|first| *first == 0) || rules.steps.last() != Some(&100) {
            return Err("rollout.steps must rise from above 0 and end in 100".into());
        }
        for (index, guardrail) in rules.guardrails.iter().enumerate() {
            let bounds = [guardrail.at_most, guardrail.at_least];
            if bounds.iter().flatten().any(|bound| !bound.is_finite()) || bounds.iter().flatten().count() != 1 {
                return Err(format!("the guardrail {} needs one of at_most and at_least", guardrail.metric));
            }
            let bound = guardrail.at_most.or(guardrail.at_least).unwrap_or(0.0);
            if guardrail.lowest.is_some_and(|lowest| bound < lowest) || guardrail.highest.is_some_and(|h| bound > h) {
                return Err(format!("the guardrail {} lies outside its own lowest and highest", guardrail.metric));
            }
            if rules.guardrails[..index].iter().any(|earlier| earlier.metric == guardrail.metric) {
                return Err(format!("the guardrail {} is stated twice", guardrail.metric));
            }
        }
        if let Some(slot) = &rules.approval
            && matches!(slot.role, Role::Administrator | Role::Auditor | Role::Service)
        {
            return Err(format!("{} cannot approve a step", slot.role));
        }
    }
    if let Some(rules) = rollback {
        if rules.violations == 0 {
            return Err("rollback.violations must be at least 1".into());
        }
        if serving.is_some_and(|serving| serving.health_entry_minutes >= rules.health_minutes) {
            return Err(
                "serving.health_entry_minutes must be below rollback.health_minutes, or a healthy standby looks stale"
                    .into(),
            );
        }
    }
    if let Some(rules) = kill_switch
        && matches!(rules.review_role, Role::Administrator | Role::Auditor | Role::Service)
    {
        return Err(format!("{} cannot review the use of the kill switch", rules.review_role));
    }
    if serving.is_some_and(|serving| serving.fallback.trim().is_empty()) {
        return Err("serving.fallback must be named".into());
    }
    Ok(())
}
