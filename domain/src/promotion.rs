//! Promotion requests and the requirements between a version and its next stage: exactly what is missing, and who
//! can supply it.

mod evidence;
mod findings;
mod signing;

use std::collections::BTreeSet;

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    account::Role,
    approval::Package,
    committee::Committee,
    id::{AccountId, Market},
    materiality::{self, Assessed, Materiality},
    policy::{AdoptedPolicy, Gate},
    privacy::{self, PrivacyFile},
    refusal::{Missing, Refusal},
    registry::{Model, Tier, Version},
    stage::Stage,
    trigger::Cause,
    validation::{Depth, Outcome, Section, full_sections, unwritten},
    waiver::{self, Covers},
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
    /// Why the version takes over at once instead of step by step, if that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blue_green: Option<String>,
    /// By which entry.
    pub entry: u64,
    /// How it stands.
    pub state: RequestState,
    /// How material the change was judged when promotion was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assessed: Option<Assessed>,
    /// The committee as of then, with its votes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committee: Option<Committee>,
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
    /// A vote of the risk committee.
    Committee,
    /// A person's approval other than a signature.
    Approval,
    /// The impact assessment, prohibited features, safeguards.
    Privacy,
}

impl Topic {
    /// Whether a person says yes to the package, which waits for everything else.
    pub fn is_signature(self) -> bool {
        matches!(self, Self::SignOff | Self::Committee)
    }

    /// Whether it must go on holding while the version is let in.
    pub fn must_go_on(self) -> bool {
        matches!(self, Self::Findings | Self::Validation | Self::Privacy)
    }

    /// Whether no signature waits for it: other signatures, approvals, time.
    pub fn may_follow_signatures(self) -> bool {
        self.is_signature() || matches!(self, Self::Approval | Self::Time)
    }
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
    /// The role that acts on it next.
    pub supplier: Role,
    /// The role from which on it can be waived for a time, where policy allows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waivable_by: Option<Role>,
}

impl Requirement {
    /// Why it is not met, in a sentence; what it asks, where nothing more is known.
    pub fn why(&self) -> &str {
        self.details.first().unwrap_or(&self.sentence)
    }

    /// Who can act on it, in a sentence; empty once it is met, and where only time is missing.
    pub fn who(&self) -> String {
        match (self.met || self.topic == Topic::Time, self.waivable_by) {
            (true, _) => String::new(),
            (false, None) => format!("{} can supply it.", self.supplier),
            (false, Some(role)) => format!("{} can supply it; {role} may waive it for a time.", self.supplier),
        }
    }

    pub(crate) fn into_missing(self) -> Vec<Missing> {
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
    /// The model's privacy file, if anything is in it.
    pub privacy: Option<&'a PrivacyFile>,
    /// The stage to enter.
    pub to: Stage,
    /// The market, from Shadow on.
    pub market: Option<&'a Market>,
    /// The present instant.
    pub now: Timestamp,
}

impl Question<'_> {
    /// What the profile says on materiality and depth.
    pub fn rules(&self) -> Option<&materiality::Rules> {
        self.policy.policy.profiles.get(&self.model.profile)?.validation.as_ref()
    }

    /// What the profile says on waivers.
    pub(crate) fn waivers(&self) -> Option<&waiver::Rules> {
        self.policy.policy.profiles.get(&self.model.profile)?.waivers.as_ref()
    }

    /// How material the change counts for this gate.
    pub fn materiality(&self) -> Materiality {
        if self.rules().is_some() { materiality::in_force(self.version, self.market).0 } else { Materiality::Material }
    }

    /// The tier that sets the depth of validation, see [`Model::judged_tier`].
    pub fn tier(&self) -> Tier {
        self.model.judged_tier()
    }

    /// How deep the validation must go for this gate.
    pub fn depth(&self) -> Depth {
        self.depth_if(self.materiality())
    }

    /// How deep it would have to go for a change that counts as this material.
    pub fn depth_if(&self, materiality: Materiality) -> Depth {
        self.rules().map_or(Depth::Full, |rules| rules.depth(self.tier(), materiality))
    }

    /// The committee that sits on the open request: it was called together with it, and the change counted as material
    /// then, or a vote was cast since.
    fn seated(&self) -> Option<&Committee> {
        let request = self.version.open_request(self.market).filter(|request| request.to == self.to)?;
        let committee = request.committee.as_ref()?;
        let asked = materiality::when_asked(self.version, request);
        let sits = self.rules().is_none_or(|rules| rules.committee(self.tier(), asked)) || !committee.votes.is_empty();
        sits.then_some(committee)
    }

    /// The gate that policy puts before the stage: where the committee votes, its vote takes the place of a single
    /// member's signature; where it does not, it is left out.
    ///
    /// # Errors
    /// The policy in force no longer knows the model's profile or the market: what it would ask for is not known, so
    /// the gate stays shut.
    pub fn gate(&self) -> Result<Gate, Refusal> {
        if let Some(market) = self.market.filter(|market| !self.policy.policy.markets.contains_key(market)) {
            return Err(Refusal::rule(
                "policy.market",
                format!("The policy in force has no market {market}; an administrator must adopt one that does."),
                Missing::from(
                    "policy.markets",
                    format!("Adopt a policy that has the market {market}."),
                    Role::Administrator,
                ),
            ));
        }
        let gate = self.policy.policy.gate(&self.model.profile, self.to, self.market);
        let mut gate = gate.ok_or_else(|| {
            Refusal::rule(
                "policy.profile",
                format!(
                    "The policy in force has no profile {}; an administrator must adopt one that does.",
                    self.model.profile
                ),
                Missing::from(
                    "policy.profiles",
                    format!("Adopt a policy that has the profile {}.", self.model.profile),
                    Role::Administrator,
                ),
            )
        })?;
        let votes = self.rules().is_none_or(|rules| rules.committee(self.tier(), self.materiality()));
        let asked = gate.committee.take();
        gate.committee = match self.seated() {
            // Frozen with the request: neither another policy nor another word on the change sends it home.
            Some(committee) => Some(committee.rule(asked)),
            None => asked.filter(|_| votes),
        };
        if gate.committee.is_some() {
            gate.sign_offs.retain(|slot| slot.role != Role::RiskCommittee);
        }
        Ok(gate)
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
                Missing::from("version", "Register a new version and walk it from the start.", Role::DataScientist),
            ));
        }
        if from.next() == Some(self.to) {
            return Ok(());
        }
        let place = self.market.map(|market| format!(" in {market}")).unwrap_or_default();
        let id = &self.version.id;
        let walk = from.walk_to(self.to);
        let (message, missing) = match self.to {
            Stage::Archived => (
                "Archiving is not a promotion; use the archive action.".to_owned(),
                Missing::from("archive", "Archive the version, with a reason.", Role::DataScientist).into(),
            ),
            to if to == from => (
                format!("{id} is in {to}{place} already."),
                Missing::field("to", "Nothing need be done, or the next stage.").into(),
            ),
            to if walk.is_empty() => (
                format!("{id} is in {from}{place}; it cannot go back to {to}. Going back is a rollback."),
                Missing::from("rollback", "Roll the version back there.", Role::DataScientist).into(),
            ),
            to => (
                format!(
                    "{id} is in {from}{place}; no stage is skipped on the way to {to}. Still to walk: {}.",
                    walk.iter().map(|stage| stage.title()).collect::<Vec<_>>().join(", ")
                ),
                walk.iter()
                    .filter(|stage| **stage != to)
                    .map(|stage| Missing::from("stage", format!("Promotion to {stage} first."), Role::DataScientist))
                    .collect::<Vec<_>>(),
            ),
        };
        Err(Refusal::rule("stage.order", message, missing))
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
        all.extend(gate.blocking_findings.map(|limit| self.findings(limit)));
        all.extend(self.drift());
        all.extend(privacy::requirements::of(self));
        self.apply_waivers(&mut all);
        if gate.asks_people() {
            let package = Package::of(self);
            all.extend(gate.sign_offs.iter().map(|slot| self.sign_off(slot, &package)));
            all.extend(gate.committee.as_ref().map(|rule| self.committee(rule, &package)));
        }
        Ok(all)
    }

    /// What must go on holding while a version is let in, met or not: findings, validation, privacy. A waiver that expires, a
    /// finding raised later or an assessment reopened stops the next step.
    pub fn standing(&self) -> Vec<Requirement> {
        match self.requirements() {
            Ok(all) => all.into_iter().filter(|requirement| requirement.topic.must_go_on()).collect(),
            Err(refusal) => vec![Requirement {
                rule: refusal.rule,
                topic: Topic::Evidence,
                sentence: "Policy states what this version must fulfil.".into(),
                met: false,
                details: vec![refusal.message],
                supplier: Role::Administrator,
                waivable_by: None,
            }],
        }
    }

    /// Meets what a waiver in force covers, as long as the policy in force lets that rule be waived.
    fn apply_waivers(&self, requirements: &mut [Requirement]) {
        let Some(rules) = self.waivers() else { return };
        for requirement in requirements.iter_mut().filter(|r| !r.met && rules.rules.contains(&r.rule)) {
            let covers = Covers::Rule(requirement.rule.clone());
            if let Some(waiver) = self.version.waived(&covers, self.market, self.now) {
                requirement.met = true;
                requirement.details = vec![waiver.sentence()];
            } else {
                requirement.waivable_by = Some(rules.approver);
            }
        }
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
            waivable_by: None,
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
            waivable_by: None,
        })
    }

    /// A version trained because of drift needs a person's approval before Canary, in each market (chapter 29, question
    /// 12): the drift may be a fault of the data rather than a change of the world.
    fn drift(&self) -> Option<Requirement> {
        let supplier = *self.policy.policy.triggers.as_ref()?.drift_approvers.first()?;
        let market = self.market.filter(|_| self.to == Stage::Canary)?;
        let prompt = self.version.prompt.as_ref().filter(|prompt| prompt.cause == Cause::Drift)?;
        let approval = self.version.drift_approvals.get(market);
        let features: Vec<&str> = prompt.figures.iter().take(3).map(|figure| figure.name.as_str()).collect();
        let detail = match approval {
            Some(approval) => format!("Approved by entry {}.", approval.mark.entry),
            None => format!("Nobody has approved the drift of {} (entry {}) yet.", features.join(", "), prompt.entry),
        };
        Some(Requirement {
            rule: "drift.approved".into(),
            topic: Topic::Approval,
            sentence: format!("A person approves the drift that this version was trained on, for {market}."),
            met: approval.is_some(),
            details: vec![detail],
            supplier,
            waivable_by: None,
        })
    }

    fn report(&self) -> Requirement {
        let (met, details) = match &self.version.report {
            None => (false, vec!["No validation report is recorded.".to_owned()]),
            Some(report) if report.outcome == Outcome::Rejected => {
                (false, vec![format!("The report of entry {} rejects this version.", report.entry)])
            }
            Some(report) => {
                let missing = unwritten(&report.sections, &self.sections());
                let details = missing.iter().map(|section| {
                    format!("The section \u{201c}{}\u{201d} of the report is not written.", section.title())
                });
                (missing.is_empty(), details.collect())
            }
        };
        let depth = if self.depth() == Depth::Full { "" } else { ", abbreviated," };
        Requirement {
            rule: "validation.report".into(),
            topic: Topic::Validation,
            sentence: format!("An independent validation report{depth} approves this version."),
            met,
            details,
            supplier: Role::MrmValidator,
            waivable_by: None,
        }
    }

    /// The sections that the validation report must hold for this gate.
    pub fn sections(&self) -> BTreeSet<Section> {
        match (self.rules(), self.depth()) {
            (Some(rules), Depth::Abbreviated) => rules.abbreviated_sections.clone(),
            _ => full_sections(),
        }
    }
}

fn check_market(model: &Model, to: Stage, market: Option<&Market>) -> Result<(), Refusal> {
    let known = model.markets.iter().map(Market::as_str).collect::<Vec<_>>().join(", ");
    match market {
        None if to.is_per_market() => Err(Refusal::rule(
            "market.needed",
            format!("From Shadow on each market has its own track: say for which market ({known})."),
            Missing::field("market", "One of the model\u{2019}s markets."),
        )),
        Some(market) if to.is_per_market() && !model.markets.contains(market) => Err(Refusal::rule(
            "market.known",
            format!("{} is not registered for {market}; its markets are {known}.", model.name),
            Missing::field("market", "One of the model\u{2019}s markets; its owner can add another."),
        )),
        Some(_) if !to.is_per_market() => Err(Refusal::rule(
            "market.shared",
            format!("{to} is shared by all markets: leave the market out."),
            Missing::field("market", "No market."),
        )),
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

/// The unmet requirements other than signatures, approvals and time, none of which another signature waits for.
pub fn missing_before_signing(requirements: Vec<Requirement>) -> Vec<Missing> {
    requirements
        .into_iter()
        .filter(|requirement| !requirement.met && !requirement.topic.may_follow_signatures())
        .flat_map(Requirement::into_missing)
        .collect()
}
