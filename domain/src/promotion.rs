//! Promotion requests and the requirements between a version and its next stage: exactly what is missing, and who
//! can supply it.

mod evidence;

use chrono::{Datelike, Weekday};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    account::Role,
    approval::{self, Package},
    id::{AccountId, Market},
    policy::{AdoptedPolicy, Gate, SignOffSlot},
    refusal::{Missing, Refusal},
    registry::{Model, Version},
    stage::Stage,
    validation::Outcome,
};

/// The rule of the comparison with the champion.
pub const CHAMPION_RULE: &str = "champion.not_worse";

/// A request to enter a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Request {
    /// Number within the version, from 1.
    pub number: u32,
    /// The stage to enter.
    pub to: Stage,
    /// The market, from Shadow on.
    pub market: Option<Market>,
    /// Who asked.
    pub requested_by: AccountId,
    /// When.
    pub requested_at: Timestamp,
    /// By when the validators should have answered.
    pub due_at: Timestamp,
    /// What the requester wants the reviewers to know.
    pub note: String,
    /// By which entry.
    pub entry: u64,
    /// How it stands.
    pub state: RequestState,
}

/// How a request stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RequestState {
    /// Waits for something.
    Open,
    /// Led to the transition of that entry.
    Granted {
        /// When.
        at: Timestamp,
        /// The entry of the transition.
        entry: u64,
    },
    /// Turned down by a reviewer.
    Declined {
        /// When.
        at: Timestamp,
        /// By whom.
        by: AccountId,
        /// Why.
        reason: String,
        /// By which entry.
        entry: u64,
    },
    /// Taken back by its side.
    Withdrawn {
        /// When.
        at: Timestamp,
        /// By whom.
        by: AccountId,
        /// By which entry.
        entry: u64,
    },
}

impl RequestState {
    /// The state in a word.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Granted { .. } => "granted",
            Self::Declined { .. } => "declined",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

impl Request {
    /// Whether it still waits for something.
    pub fn is_open(&self) -> bool {
        matches!(self.state, RequestState::Open)
    }
}

/// What a requirement is about; pages link it to where it can be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// The lineage's fields.
    Lineage,
    /// Evidence on a path.
    Evidence,
    /// Time to be spent in the present stage.
    Time,
    /// The validation report.
    Validation,
    /// Open findings.
    Findings,
    /// A signature.
    SignOff,
}

/// One thing that must be true before a stage is entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Requirement {
    /// The rule's stable id, such as `evidence.code`.
    pub rule: String,
    /// What it is about.
    pub topic: Topic,
    /// What is asked, in a sentence.
    pub sentence: String,
    /// Whether it holds now.
    pub met: bool,
    /// What exactly is missing, one by one; or how it is met.
    pub details: Vec<String>,
    /// The role that can supply it.
    pub supplier: Role,
}

impl Requirement {
    fn into_missing(self) -> Vec<Missing> {
        if self.details.is_empty() {
            return vec![Missing::from(self.rule, self.sentence, self.supplier)];
        }
        let (rule, supplier) = (self.rule, self.supplier);
        self.details.into_iter().map(|detail| Missing::from(rule.clone(), detail, supplier)).collect()
    }
}

/// What the rules look at when they judge a promotion.
pub struct Question<'a> {
    /// The model.
    pub model: &'a Model,
    /// The version.
    pub version: &'a Version,
    /// The policy in force.
    pub policy: &'a AdoptedPolicy,
    /// The stage to enter.
    pub to: Stage,
    /// The market, from Shadow on.
    pub market: Option<&'a Market>,
    /// The present instant.
    pub now: Timestamp,
}

impl Question<'_> {
    /// The gate that policy puts before the stage.
    ///
    /// # Errors
    /// The policy in force no longer knows the model's profile or the market: what it would ask for is not known, so
    /// the gate stays shut.
    pub fn gate(&self) -> Result<Gate, Refusal> {
        if let Some(market) = self.market.filter(|market| !self.policy.policy.markets.contains_key(market)) {
            return Err(Refusal::rule(
                "policy.market",
                format!("The policy in force has no market {market}; an administrator must adopt one that does."),
            ));
        }
        self.policy.policy.gate(&self.model.profile, self.to, self.market).ok_or_else(|| {
            Refusal::rule(
                "policy.profile",
                format!(
                    "The policy in force has no profile {}; an administrator must adopt one that does.",
                    self.model.profile
                ),
            )
        })
    }

    /// Refuses a stage that is not the next one, and a market where there must be none or that the model has not.
    ///
    /// # Errors
    /// Names the stages still to walk, or the markets that the model has.
    pub fn check_order(&self) -> Result<(), Refusal> {
        check_market(self.model, self.to, self.market)?;
        let from = self.version.stage_in(self.market);
        if from == Stage::Archived {
            return Err(Refusal::rule(
                "stage.archived",
                format!("{} is archived for good. Register a new version and walk it from the start.", self.version.id),
            ));
        }
        if from.next() == Some(self.to) {
            return Ok(());
        }
        let place = self.market.map(|market| format!(" in {market}")).unwrap_or_default();
        let id = &self.version.id;
        let message = match (self.to, from.walk_to(self.to).as_slice()) {
            (Stage::Archived, _) => "Archiving is not a promotion; use the archive action.".to_owned(),
            (to, _) if to == from => format!("{id} is in {to}{place} already."),
            (to, []) => format!("{id} is in {from}{place}; it cannot go back to {to}. Going back is a rollback."),
            (to, walk) => format!(
                "{id} is in {from}{place}; no stage is skipped on the way to {to}. Still to walk: {}.",
                walk.iter().map(|stage| stage.title()).collect::<Vec<_>>().join(", ")
            ),
        };
        Err(Refusal::rule("stage.order", message))
    }

    /// Every requirement of the gate, met or not, in the order in which they are best supplied.
    ///
    /// # Errors
    /// The policy in force no longer knows the model's profile.
    pub fn requirements(&self) -> Result<Vec<Requirement>, Refusal> {
        let gate = self.gate()?;
        let mut all = Vec::new();
        if gate.complete_lineage {
            all.push(self.lineage());
        }
        all.extend(gate.evidence.iter().map(|&path| self.evidence(&gate, path)));
        if gate.champion {
            all.push(self.champion());
        }
        all.extend(self.time());
        if gate.validation_report {
            all.push(self.report());
        }
        if let Some(limit) = gate.blocking_findings {
            let blocking: Vec<String> = self
                .version
                .findings
                .iter()
                .filter(|finding| finding.is_open() && finding.severity >= limit)
                .map(|finding| {
                    format!(
                        "Finding {} ({}, {}): {}",
                        finding.number,
                        finding.severity.id(),
                        finding.state(),
                        finding.title
                    )
                })
                .collect();
            all.push(Requirement {
                rule: "findings.closed".into(),
                topic: Topic::Findings,
                sentence: format!("No finding of severity {} or above is open.", limit.id()),
                met: blocking.is_empty(),
                details: blocking,
                supplier: Role::MrmValidator,
            });
        }
        if !gate.sign_offs.is_empty() {
            let package = Package::of(self);
            all.extend(gate.sign_offs.iter().map(|slot| self.sign_off(slot, &package)));
        }
        Ok(all)
    }

    fn lineage(&self) -> Requirement {
        let missing = self.version.lineage.missing();
        Requirement {
            rule: "lineage.complete".into(),
            topic: Topic::Lineage,
            sentence: "The lineage is complete: code, data, model, features, parameters, run and metrics.".into(),
            met: missing.is_empty(),
            details: missing.into_iter().map(|missing| format!("{}: {}", missing.what, missing.message)).collect(),
            supplier: Role::DataScientist,
        }
    }

    /// How many days the present stage must last in this market before the stage asked for.
    fn days_to_spend(&self) -> Option<u32> {
        let rules = self.policy.policy.markets.get(self.market?)?;
        match self.to {
            Stage::Canary => Some(rules.min_shadow_days),
            Stage::Production => Some(rules.min_canary_days),
            _ => None,
        }
    }

    /// When the least time in the present stage has been spent, where the market asks for one.
    pub fn earliest(&self) -> Option<Timestamp> {
        let track = self.version.tracks.get(self.market?)?;
        Some(track.since.plus_days(i64::from(self.days_to_spend()?)))
    }

    fn time(&self) -> Option<Requirement> {
        let (market, days, earliest) = (self.market?, self.days_to_spend()?, self.earliest()?);
        let track = self.version.tracks.get(market)?;
        let met = self.now >= earliest;
        Some(Requirement {
            rule: "stage.minimum_time".into(),
            topic: Topic::Time,
            sentence: format!("At least {days} days were spent in {} in {market}.", track.stage),
            met,
            details: if met { Vec::new() } else { vec![format!("Reached on {earliest}.")] },
            supplier: Role::Service,
        })
    }

    fn report(&self) -> Requirement {
        let (met, details) = match &self.version.report {
            None => (false, vec!["No validation report is recorded.".to_owned()]),
            Some(report) if report.outcome == Outcome::Rejected => {
                (false, vec![format!("The report of entry {} rejects this version.", report.entry)])
            }
            Some(_) => (true, Vec::new()),
        };
        Requirement {
            rule: "validation.report".into(),
            topic: Topic::Validation,
            sentence: "An independent validation report approves this version.".into(),
            met,
            details,
            supplier: Role::MrmValidator,
        }
    }

    fn sign_off(&self, slot: &SignOffSlot, package: &Package) -> Requirement {
        let request = self.version.open_request(self.market).filter(|request| request.to == self.to);
        let latest = request.and_then(|request| {
            self.version.sign_offs.iter().rev().find(|s| s.request == request.number && s.role == slot.role)
        });
        let mut details = Vec::new();
        let met = match latest {
            None => {
                details.push(if request.is_some() {
                    format!("{} has not signed yet.", slot.role)
                } else {
                    format!("{} can sign once promotion is asked for.", slot.role)
                });
                false
            }
            Some(signature) => {
                let changed = approval::changed_since(signature, package);
                if changed.is_empty() {
                    details.push(format!("Signed by entry {}.", signature.entry));
                } else {
                    details.push(format!(
                        "The signature of entry {} is stale: {} changed since.",
                        signature.entry,
                        changed.join(", ")
                    ));
                }
                changed.is_empty()
            }
        };
        Requirement {
            rule: format!("sign_off.{}", slot.role.id()),
            topic: Topic::SignOff,
            sentence: format!("{} signs: \u{201c}{}\u{201d}", slot.role, slot.meaning),
            met,
            details,
            supplier: slot.role,
        }
    }
}

fn check_market(model: &Model, to: Stage, market: Option<&Market>) -> Result<(), Refusal> {
    let known = model.markets.iter().map(Market::as_str).collect::<Vec<_>>().join(", ");
    match market {
        None if to.is_per_market() => Err(Refusal::rule(
            "market.needed",
            format!("From Shadow on each market has its own track: say for which market ({known})."),
        )),
        Some(market) if to.is_per_market() && !model.markets.contains(market) => Err(Refusal::rule(
            "market.known",
            format!("{} is not registered for {market}; its markets are {known}.", model.name),
        )),
        Some(_) if !to.is_per_market() => {
            Err(Refusal::rule("market.shared", format!("{to} is shared by all markets: leave the market out.")))
        }
        _ => Ok(()),
    }
}

/// The unmet requirements that the requester's side must bring before it may ask. Time is not among them: it passes
/// while the request waits.
pub fn missing_before_request(requirements: Vec<Requirement>) -> Vec<Missing> {
    requirements
        .into_iter()
        .filter(|requirement| !requirement.met && matches!(requirement.topic, Topic::Lineage | Topic::Evidence))
        .flat_map(Requirement::into_missing)
        .collect()
}

/// The unmet requirements other than signatures and time, neither of which another signature waits for.
pub fn missing_before_signing(requirements: Vec<Requirement>) -> Vec<Missing> {
    requirements
        .into_iter()
        .filter(|requirement| !requirement.met && !matches!(requirement.topic, Topic::SignOff | Topic::Time))
        .flat_map(Requirement::into_missing)
        .collect()
}

/// The same time of day after `days` business days, Saturday and Sunday not counted.
pub fn plus_business_days(from: Timestamp, days: u32) -> Timestamp {
    let mut at = from;
    let mut left = days;
    while left > 0 {
        at = at.plus_days(1);
        let day = chrono::DateTime::<chrono::Utc>::from(at).weekday();
        if !matches!(day, Weekday::Sat | Weekday::Sun) {
            left -= 1;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn business_days_skip_the_weekend() {
        let friday: Timestamp = "2026-11-20T10:00:00.000000Z".parse().unwrap();
        assert_eq!(plus_business_days(friday, 1).to_string(), "2026-11-23T10:00:00.000000Z");
        assert_eq!(plus_business_days(friday, 5).to_string(), "2026-11-27T10:00:00.000000Z");
        assert_eq!(plus_business_days(friday, 0), friday);
    }
}
