//! Policy as data: markets, profiles and the requirements of each stage. A policy is a TOML file that an entry
//! adopts; every number in a rule comes from here.

use std::collections::BTreeMap;

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    account::Role,
    evidence::{Check, EvidencePath, Thresholds, criteria, thresholds::MarketThresholds},
    id::{Market, ProfileName},
    stage::Stage,
    validation::Severity,
};

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
    /// The markets, by code.
    pub markets: BTreeMap<Market, MarketPolicy>,
    /// The profiles, by name.
    pub profiles: BTreeMap<ProfileName, Profile>,
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
    /// Reads a policy from TOML.
    ///
    /// # Errors
    /// The line at fault, or the contradiction.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_POLICY_BYTES {
            return Err(PolicyError::Unreadable(format!(
                "it has {} bytes; at most {MAX_POLICY_BYTES} fit into an entry",
                text.len()
            )));
        }
        let policy: Self = toml::from_str(text).map_err(|error| PolicyError::Unreadable(error.to_string()))?;
        policy.check().map_err(PolicyError::Inconsistent)?;
        Ok(policy)
    }

    fn check(&self) -> Result<(), String> {
        if self.schema != 1 {
            return Err(format!("schema {} is not known to this program; it knows 1", self.schema));
        }
        if self.profiles.is_empty() {
            return Err("at least one profile is needed".into());
        }
        if self.markets.is_empty() {
            return Err("at least one market is needed".into());
        }
        for (name, profile) in &self.profiles {
            profile.thresholds.check().map_err(|why| format!("profile {name}, thresholds: {why}"))?;
            for (stage, gate) in &profile.gates {
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
        }
        criteria::check_policy(self)?;
        Ok(())
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
        let admin = DEFAULT_POLICY.replacen("role = \"mrm_validator\"", "role = \"administrator\"", 1);
        assert!(Policy::from_toml(&admin).unwrap_err().to_string().contains("cannot sign off"));
    }
}
