//! Policy as data: markets, profiles and the requirements of each stage. A policy is a TOML file that an entry
//! adopts; every number in a rule comes from here.

use std::collections::BTreeMap;

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    account::Role,
    calendar::CalendarPolicy,
    committee,
    deployment::rules::{self, KillSwitchRules, RollbackRules, RolloutRules, ServingRules},
    evidence::{Check, EvidencePath, Thresholds, criteria, thresholds::MarketThresholds},
    id::{Market, ProfileName},
    inventory, materiality,
    maturity::MaturityPolicy,
    privacy::policy::{self as privacy, MarketPrivacy, PrivacyPolicy},
    stage::Stage,
    trigger::TriggerPolicy,
    validation::Severity,
    waiver, webhook,
};

mod diff;
mod fault;
mod numbers;

pub use diff::{PolicyChange, diff};

/// The policy that a new ledger adopts.
pub const DEFAULT_POLICY: &str = include_str!("../policies/default.toml");

/// The longest policy text that fits into an entry, in bytes.
const MAX_POLICY_BYTES: usize = 48 * 1024;

/// A set of rules in force from the entry that adopts it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Version of this file's format.
    pub schema: u32,
    /// What people call it.
    pub title: String,
    /// Limits on what is kept.
    pub limits: Limits,
    /// Privacy, where any market asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<PrivacyPolicy>,
    /// The markets, by code.
    pub markets: BTreeMap<Market, MarketPolicy>,
    /// The profiles, by name.
    pub profiles: BTreeMap<ProfileName, Profile>,
    /// How exposure and purpose make a model's tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiering: Option<inventory::Tiering>,
    /// Retraining triggers; without it, none can be configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triggers: Option<TriggerPolicy>,
    /// Webhooks' secrets; without it, a replaced secret ends at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhooks: Option<webhook::Rules>,
    /// What the calendar reckons with; without it, there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarPolicy>,
    /// Maturity; without it, none is reckoned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maturity: Option<MaturityPolicy>,
    /// What serves where no version does, and how serving systems are answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<ServingRules>,
}

/// Limits on what is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Longest life of an API token, in days.
    pub token_days: u32,
    /// Age up to which evidence counts at a gate, in days.
    pub evidence_days: u32,
    /// How far other machines' clocks may run ahead of the server's, in minutes: an instant that they report may lie no
    /// further ahead. Without it, rows of shadow and canary files are not looked at, and whatever else is reported may
    /// not lie ahead at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew_minutes: Option<u32>,
}

impl Limits {
    /// The latest instant that another machine may report `now`.
    pub fn latest_reported(&self, now: Timestamp) -> Timestamp {
        now.plus_minutes(self.clock_skew_minutes.unwrap_or(0).into())
    }

    /// The latest time that a row of a file attached `now` may have.
    pub fn latest_row(&self, now: Timestamp) -> Option<Timestamp> {
        self.clock_skew_minutes.map(|minutes| now.plus_minutes(minutes.into()))
    }
}

/// What one market asks for on top of the profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MarketPolicy {
    /// The market's name.
    pub title: String,
    /// Shortest time in Shadow before Canary, in days.
    pub min_shadow_days: u32,
    /// Shortest time in Canary before Production, in days.
    pub min_canary_days: u32,
    /// How long a replaced champion stays in warm standby, in days.
    pub standby_days: u32,
    /// Thresholds of its own, laid over those of the profile.
    #[serde(default, skip_serializing_if = "MarketThresholds::is_empty")]
    pub thresholds: MarketThresholds,
    /// Sign-offs that this market adds, by the stage to be entered.
    #[serde(default)]
    pub sign_offs: BTreeMap<Stage, Vec<SignOffSlot>>,
    /// How long records are kept for this market, in years, where it asks for longer than the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_years: Option<u32>,
    /// What the market asks for in matters of privacy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<MarketPrivacy>,
    /// How a version takes over the market; at once, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutRules>,
    /// The way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackRules>,
    /// What follows the use of the kill switch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kill_switch: Option<KillSwitchRules>,
}

/// The requirements for models of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What people call it.
    pub title: String,
    /// The rule it answers to, as people cite it.
    pub citation: String,
    /// Business days within which the validators answer a request.
    pub review_business_days: u32,
    /// How long records are kept, in years.
    pub retention_years: u32,
    /// Whether validators must belong to another team than the developer.
    pub independent_team: bool,
    /// Whether whoever asks for promotion must be another person than the developers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub separate_requester: bool,
    /// Materiality and the depth of validation; without it, every validation is full and no committee votes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<materiality::Rules>,
    /// Waivers; without it, none is granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waivers: Option<waiver::Rules>,
    /// What evidence is held against, beyond what a file says of itself.
    #[serde(default, skip_serializing_if = "Thresholds::is_empty")]
    pub thresholds: Thresholds,
    /// Requirements by the stage to be entered.
    pub gates: BTreeMap<Stage, Gate>,
}

/// What must be true before a stage is entered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Gate {
    /// The lineage must be complete.
    pub complete_lineage: bool,
    /// Paths on which green evidence for exactly these artifacts must lie.
    pub evidence: Vec<EvidencePath>,
    /// What must be shown on these paths, one by one; if nothing is named for a path, any green evidence will do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// The version must have been compared with each champion in force, and not be worse by more than the margin.
    #[serde(skip_serializing_if = "is_false")]
    pub champion: bool,
    /// An independent validation report with a positive conclusion must be recorded.
    pub validation_report: bool,
    /// Open findings of this severity or a higher one block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocking_findings: Option<Severity>,
    /// Who must sign, in this order.
    pub sign_offs: Vec<SignOffSlot>,
    /// The vote that a material change needs, in the place of a single signature of the risk committee.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub committee: Option<committee::Rule>,
}

impl Gate {
    /// Whether people must say yes, by signature or vote.
    pub fn asks_people(&self) -> bool {
        !self.sign_offs.is_empty() || self.committee.is_some()
    }
}

/// One signature that a gate asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SignOffSlot {
    /// The role that signs.
    pub role: Role,
    /// What the signature means (21 CFR 11.50), as a sentence in the first person.
    pub meaning: String,
}

/// Why a text is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML of the right form.
    #[error("the policy cannot be read: {0}")]
    Unreadable(String),
    /// Readable, but against itself.
    #[error("the policy contradicts itself: {0}")]
    Inconsistent(String),
}

impl Policy {
    /// Reads a policy that is to be adopted: what it says must make sense.
    ///
    /// # Errors
    /// The line at fault, or the contradiction.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        let policy = Self::read(text)?;
        policy.check().map_err(|why| {
            let line = fault::line(text, &why).map(|line| format!(" (see line {line})")).unwrap_or_default();
            PolicyError::Inconsistent(format!("{why}{line}"))
        })?;
        Ok(policy)
    }

    /// Reads a policy that was adopted. It was checked then, by what was known to be wrong then: a ledger stays readable
    /// when more is known today.
    ///
    /// # Errors
    /// The line at fault.
    pub fn read(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_POLICY_BYTES {
            return Err(PolicyError::Unreadable(format!(
                "it has {} bytes; at most {MAX_POLICY_BYTES} fit into an entry",
                text.len()
            )));
        }
        toml::from_str(text).map_err(|error| PolicyError::Unreadable(error.to_string()))
    }

    fn check(&self) -> Result<(), String> {
        if self.schema != 1 {
            return Err(format!("schema {} is not known to this program; it knows 1", self.schema));
        }
        numbers::check(self)?;
        if self.profiles.is_empty() {
            return Err("at least one profile is needed".into());
        }
        if self.markets.is_empty() {
            return Err("at least one market is needed".into());
        }
        if let Some(tiering) = &self.tiering {
            tiering.check()?;
        }
        for (name, profile) in &self.profiles {
            let rules = profile.validation.as_ref().map_or(Ok(()), materiality::Rules::check);
            let waivers = profile.waivers.as_ref().map_or(Ok(()), waiver::Rules::check);
            rules.and(waivers).map_err(|why| format!("profile {name}: {why}"))?;
            profile.thresholds.check().map_err(|why| format!("profile {name}, thresholds: {why}"))?;
            for (stage, gate) in &profile.gates {
                let vote = gate.committee.as_ref().map_or(Ok(()), committee::Rule::check);
                vote.map_err(|why| format!("profile {name}, gate {stage}: {why}"))?;
                if matches!(stage, Stage::None | Stage::Archived) {
                    return Err(format!("profile {name} has a gate for {stage}, which no promotion enters"));
                }
                check_slots(&gate.sign_offs).map_err(|why| format!("profile {name}, gate {stage}: {why}"))?;
                if let Some(path) = gate.evidence.iter().find(|path| path.is_per_market() && !stage.is_per_market()) {
                    return Err(format!(
                        "profile {name}, gate {stage}: evidence of the {path} path belongs to one market, and all markets share {stage}"
                    ));
                }
                gate.check_evidence(&profile.thresholds)
                    .map_err(|why| format!("profile {name}, gate {stage}: {why}"))?;
            }
            for stage in [Stage::Staging, Stage::Shadow, Stage::Canary, Stage::Production] {
                if !profile.gates.contains_key(&stage) {
                    return Err(format!(
                        "profile {name} has no gate for {stage}; write one, empty if nothing is asked"
                    ));
                }
            }
        }
        for (name, market) in &self.markets {
            for (stage, slots) in &market.sign_offs {
                if !stage.is_per_market() {
                    return Err(format!("market {name} adds sign-offs to {stage}, which all markets share"));
                }
                check_slots(slots).map_err(|why| format!("market {name}, {stage}: {why}"))?;
            }
            let (rollout, rollback) = (market.rollout.as_ref(), market.rollback.as_ref());
            rules::check(rollout, rollback, market.kill_switch.as_ref(), self.serving.as_ref())
                .map_err(|why| format!("market {name}: {why}"))?;
        }
        if let Some(triggers) = &self.triggers {
            triggers.check().map_err(|why| format!("triggers: {why}"))?;
        }
        if let Some(webhooks) = self.webhooks {
            webhooks.check().map_err(|why| format!("webhooks: {why}"))?;
        }
        if let Some(calendar) = &self.calendar {
            calendar.check().map_err(|why| format!("calendar: {why}"))?;
        }
        criteria::check_policy(self)?;
        privacy::check(self)
    }

    /// The gate before `stage` for models of `profile` in `market`, the market's own sign-offs included.
    pub fn gate(&self, profile: &ProfileName, stage: Stage, market: Option<&Market>) -> Option<Gate> {
        let mut gate = self.profiles.get(profile)?.gates.get(&stage)?.clone();
        if let Some(extra) =
            market.and_then(|market| self.markets.get(market)).and_then(|market| market.sign_offs.get(&stage))
        {
            for slot in extra {
                if !gate.sign_offs.iter().any(|known| known.role == slot.role) {
                    gate.sign_offs.push(slot.clone());
                }
            }
        }
        Some(gate)
    }
}

impl Profile {
    /// Whether a gate wants this shown.
    pub fn asks(&self, check: Check) -> bool {
        self.gates.values().any(|gate| gate.checks.contains(&check))
    }
}

impl Gate {
    /// Refuses what could never be met: a check on a path without evidence, or one that no threshold judges.
    fn check_evidence(&self, thresholds: &Thresholds) -> Result<(), String> {
        for check in &self.checks {
            let path = check.path();
            if !self.evidence.contains(&path) {
                return Err(format!("the check {check} is shown on the {path} path, which this gate does not ask for"));
            }
            if *check == Check::Behaviour && thresholds.behaviour.is_none() {
                return Err("the check behaviour needs thresholds.behaviour to be judged by".into());
            }
            let lacks_rows = match check {
                Check::Shadow => thresholds.shadow.is_none(),
                Check::Canary => thresholds.canary.is_none(),
                _ => false,
            };
            if lacks_rows {
                return Err(format!("the check {check} needs thresholds.{check} to be judged by"));
            }
        }
        if self.champion && thresholds.champion.is_none() {
            return Err("the comparison with the champion needs thresholds.champion to be judged by".into());
        }
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

fn check_slots(slots: &[SignOffSlot]) -> Result<(), String> {
    for (index, slot) in slots.iter().enumerate() {
        if matches!(slot.role, Role::Administrator | Role::Auditor | Role::Service) {
            return Err(format!("{} cannot sign off", slot.role));
        }
        if slots[..index].iter().any(|earlier| earlier.role == slot.role) {
            return Err(format!("{} is asked to sign twice", slot.role));
        }
        if slot.meaning.trim().is_empty() {
            return Err(format!("the signature of {} needs a meaning", slot.role));
        }
    }
    Ok(())
}

/// A policy together with the entry that adopted it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdoptedPolicy {
    /// How often a policy was adopted, this one included.
    pub version: u32,
    /// When.
    pub adopted_at: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// Digest of the TOML text.
    pub digest: Digest,
    /// The TOML text as adopted.
    pub toml: String,
    /// The rules.
    pub policy: Policy,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_policy_holds_the_chapters_numbers() {
        let policy = Policy::from_toml(DEFAULT_POLICY).unwrap();
        let eu = &policy.markets[&"EU".parse::<Market>().unwrap()];
        let us = &policy.markets[&"US".parse::<Market>().unwrap()];
        assert_eq!((us.min_shadow_days, us.min_canary_days), (7, 3));
        assert_eq!((eu.min_shadow_days, eu.min_canary_days), (7, 7));
        assert_eq!(us.standby_days, 14);
        assert_eq!(us.rollout.as_ref().unwrap().steps, [10, 25, 50, 100]);
        assert!(us.rollout.as_ref().unwrap().approval.is_none());
        assert_eq!(eu.rollout.as_ref().unwrap().steps, [5, 10, 25, 50, 100]);
        assert_eq!(eu.rollout.as_ref().unwrap().approval.as_ref().unwrap().role, Role::MrmValidator);
        let sr: ProfileName = "sr-11-7".parse().unwrap();
        assert_eq!(policy.profiles[&sr].retention_years, 7);
        assert_eq!(policy.profiles[&sr].review_business_days, 5);
        let canary = policy.gate(&sr, Stage::Canary, Some(&"EU".parse().unwrap())).unwrap();
        assert!(canary.sign_offs.iter().any(|slot| slot.role == Role::PrivacyOfficer));
    }

    #[test]
    fn contradictions_are_named() {
        let twice = DEFAULT_POLICY.replace("schema = 1", "schema = 9");
        assert!(Policy::from_toml(&twice).unwrap_err().to_string().contains("schema 9"));
        assert!(matches!(Policy::from_toml("schema = "), Err(PolicyError::Unreadable(_))));
        let refused = |from: &str, to: &str| {
            assert!(DEFAULT_POLICY.contains(from), "{from}");
            Policy::from_toml(&DEFAULT_POLICY.replacen(from, to, 1)).unwrap_err().to_string()
        };
        let slot = "canary]]\nrole = \"mrm_validator\"";
        assert!(refused(slot, &slot.replace("mrm_validator", "administrator")).contains("cannot sign off"));
        let approval = "approval]\nrole = \"mrm_validator\"";
        assert!(refused(approval, &approval.replace("mrm_validator", "service")).contains("cannot approve a step"));
        let review = "review_role = \"mrm_validator\"";
        assert!(refused(review, "review_role = \"auditor\"").contains("cannot review"));
        for steps in ["[10, 25, 50]", "[25, 10, 100]", "[]", "[10, 10, 100]"] {
            assert!(refused("[10, 25, 50, 100]", steps).contains("end in 100"), "{steps}");
        }
        assert!(refused("at_most = 0.01", "at_most = 0.01\nat_least = 0.0").contains("one of at_most and at_least"));
        assert!(refused("metric = \"p99_ratio\"", "metric = \"error_rate\"").contains("stated twice"));
        assert!(refused("health_minutes = 15", "health_minutes = 5").contains("looks stale"));
        assert!(refused("violations = 2", "violations = 0").contains("from 1 to 100"));
        assert!(refused("fallback = \"rules\"", "fallback = \"\"").contains("must be named"));
    }
}
