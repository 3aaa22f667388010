//! Waivers: an exception that covers an open finding or a rule for a time, in exchange for a compensating control.
//! Each expires by itself; from then on the gate is shut again.

use std::collections::{BTreeMap, BTreeSet};

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    account::Role,
    event::{Event, Recorded},
    id::{AccountId, Market},
    registry::Version,
    stage::Stage,
    validation::Finding,
};

/// What a profile says on waivers; without it, none is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The longest life of a waiver, in days.
    pub max_days: u32,
    /// The lowest role that grants one; always above that of whoever asked for it.
    pub approver: Role,
    /// Rules beside open findings that a waiver may cover, by their ids.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub rules: BTreeSet<String>,
    /// The longest life of a waiver on one of these rules, in days, where it is shorter than `max_days`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rule_days: BTreeMap<String, u32>,
}

impl Rules {
    /// The longest life of a waiver that covers this, in days.
    pub fn days_for(&self, covers: &Covers) -> u32 {
        match covers {
            Covers::Finding(_) => self.max_days,
            Covers::Rule(rule) => self.rule_days.get(rule).copied().unwrap_or(self.max_days).min(self.max_days),
        }
    }

    /// What is wrong with the rules, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.max_days == 0 {
            return Err("a waiver of 0 days would never count".into());
        }
        if !matches!(self.approver, Role::MrmValidator | Role::RiskCommittee) {
            return Err(format!("{} cannot grant waivers", self.approver));
        }
        let never = |rule: &&String| {
            rule.starts_with("sign_off.") || rule.starts_with("committee.") || rule.as_str() == "findings.closed"
        };
        for (rule, days) in &self.rule_days {
            if !self.rules.contains(rule) {
                return Err(format!("rule_days names {rule}, which is not among the rules that may be waived"));
            }
            if !(1..=self.max_days).contains(days) {
                return Err(format!("rule_days of {rule} is {days}, not 1 to max_days, {}", self.max_days));
            }
        }
        match self.rules.iter().find(never) {
            Some(rule) => Err(format!("the rule {rule} is never waived as a whole")),
            None => Ok(()),
        }
    }
}

/// How high a role stands where exceptions are granted: nobody grants one to a peer.
pub fn rank(role: Role) -> u8 {
    match role {
        Role::RiskCommittee => 3,
        Role::MrmValidator | Role::PrivacyOfficer => 2,
        Role::DataScientist | Role::Service => 1,
        Role::Auditor | Role::Administrator => 0,
    }
}

/// What a waiver covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Covers {
    /// An open finding, by its number.
    Finding(u32),
    /// A rule that the policy lets be waived, by its id.
    Rule(String),
}

impl std::fmt::Display for Covers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Finding(number) => write!(f, "finding {number}"),
            Self::Rule(rule) => write!(f, "the rule {rule}"),
        }
    }
}

/// Grants a waiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GrantWaiver {
    /// What it covers.
    pub covers: Covers,
    /// The market whose gates it opens; left out, every market's and the shared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market: Option<Market>,
    /// What stands in its place; at most 4,000 characters.
    pub control: String,
    /// Why it is justified; at most 4,000 characters.
    pub reason: String,
    /// Who asked for it: the grantor's role stands above theirs.
    pub requested_by: AccountId,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// Ends a waiver before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RevokeWaiver {
    /// Why; at most 2,000 characters.
    pub reason: String,
}

/// A waiver was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// Number within the version, from 1.
    pub waiver: u32,
    /// What it covers.
    pub covers: Covers,
    /// The market whose gates it opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market: Option<Market>,
    /// What stands in its place.
    pub control: String,
    /// Why it is justified.
    pub reason: String,
    /// Who asked for it.
    pub requested_by: AccountId,
    /// The role in which it was granted.
    pub role: Role,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// The longest life that the policy in force allowed, in days.
    pub max_days: u32,
}

/// A waiver was ended before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// Which one.
    pub waiver: u32,
    /// Why.
    pub reason: String,
}

/// A recorded waiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Waiver {
    /// Number within the version, from 1.
    pub number: u32,
    /// What it covers.
    pub covers: Covers,
    /// The market whose gates it opens; absent for all.
    pub market: Option<Market>,
    /// What stands in its place.
    pub control: String,
    /// Why it is justified.
    pub reason: String,
    /// Who asked for it.
    pub requested_by: AccountId,
    /// Who granted it.
    pub granted_by: AccountId,
    /// In which role.
    pub role: Role,
    /// When.
    pub granted_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// Its end before its time, if there was one.
    pub revoked: Option<Revocation>,
}

/// The end of a waiver before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Revocation {
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

impl Waiver {
    /// Whether it counts at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && now < self.expires_at
    }

    /// Whether it counts at `now` for the gates of `market` (`None`: the shared gate into Staging).
    pub fn opens(&self, market: Option<&Market>, now: Timestamp) -> bool {
        self.is_in_force(now) && (self.market.is_none() || self.market.as_ref() == market)
    }

    /// How it is told beside what it covers.
    pub(crate) fn sentence(&self) -> String {
        let day = self.expires_at.date();
        let control = self.control.trim();
        let stop = if control.ends_with(['.', '!', '?']) { "" } else { "." };
        format!("Waived until {day} (waiver {}, entry {}). In its place: {control}{stop}", self.number, self.entry)
    }
}

/// How a waiver stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It opens gates.
    InForce,
    /// The finding that it covers is closed, or the version archived for whose gates a rule was waived. It covers the
    /// finding again if that is opened again.
    NoLongerNeeded,
    /// Its time is over.
    Expired,
    /// Somebody ended it.
    Revoked,
}

impl State {
    /// The state in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::InForce => "in force",
            Self::NoLongerNeeded => "no longer needed",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl Version {
    /// How a waiver of this version stands at `now`: the one place that says so.
    pub fn waiver_state(&self, waiver: &Waiver, now: Timestamp) -> State {
        if waiver.revoked.is_some() {
            State::Revoked
        } else if !waiver.is_in_force(now) {
            State::Expired
        } else if self.needs(waiver) {
            State::InForce
        } else {
            State::NoLongerNeeded
        }
    }

    /// Whether what the waiver covers is still open.
    fn needs(&self, waiver: &Waiver) -> bool {
        match &waiver.covers {
            Covers::Finding(number) => self.finding(*number).is_some_and(Finding::is_open),
            Covers::Rule(_) => self.stage != Stage::Archived,
        }
    }

    /// The waivers that still matter, expired ones too: not revoked, of something open, and the last of their kind.
    pub fn latest_waivers(&self) -> Vec<&Waiver> {
        let living: Vec<&Waiver> =
            self.waivers.iter().filter(|waiver| waiver.revoked.is_none() && self.needs(waiver)).collect();
        let is_last = |waiver: &&Waiver| {
            !living.iter().any(|other| {
                other.covers == waiver.covers
                    && other.market == waiver.market
                    && (other.expires_at, other.number) > (waiver.expires_at, waiver.number)
            })
        };
        living.iter().copied().filter(is_last).collect()
    }
}

/// Folds a grant or its end; `None` if it does not fit.
pub(crate) fn apply(version: &mut Version, recorded: &Recorded) -> Option<()> {
    let (by, at, entry) = (recorded.actor.clone(), recorded.time, recorded.seq);
    match &recorded.event {
        Event::WaiverGranted(body) => version.waivers.push(Waiver {
            number: body.waiver,
            covers: body.covers.clone(),
            market: body.market.clone(),
            control: body.control.clone(),
            reason: body.reason.clone(),
            requested_by: body.requested_by.clone(),
            granted_by: by,
            role: body.role,
            granted_at: at,
            expires_at: body.expires_at,
            entry,
            revoked: None,
        }),
        Event::WaiverRevoked(body) => {
            let waiver = version.waivers.iter_mut().find(|waiver| waiver.number == body.waiver)?;
            waiver.revoked = Some(Revocation { reason: body.reason.clone(), by, at, entry });
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiver() -> Waiver {
        Waiver {
            number: 1,
            covers: Covers::Finding(3),
            market: Some("EU".parse().unwrap()),
            control: "Each decline is read by a person".into(),
            reason: "The mending is tested.".into(),
            requested_by: "ana".parse().unwrap(),
            granted_by: "rosa".parse().unwrap(),
            role: Role::RiskCommittee,
            granted_at: Timestamp::EPOCH,
            expires_at: Timestamp::EPOCH.plus_days(30),
            entry: 9,
            revoked: None,
        }
    }

    #[test]
    fn a_waiver_counts_in_its_market_until_the_instant_of_its_end() {
        let (eu, us) = ("EU".parse().unwrap(), "US".parse().unwrap());
        let end = Timestamp::EPOCH.plus_days(30);
        assert!(waiver().opens(Some(&eu), Timestamp::from_micros(end.micros() - 1)));
        assert!(!waiver().opens(Some(&eu), end));
        assert!(!waiver().opens(Some(&us), Timestamp::EPOCH));
        assert!(!waiver().opens(None, Timestamp::EPOCH), "the shared gate is every market's");
        assert!(Waiver { market: None, ..waiver() }.opens(Some(&us), Timestamp::EPOCH));
        assert!(!waiver().is_in_force(end));
    }

    #[test]
    fn nobody_can_waive_a_signature() {
        let rules = |rule: &str| Rules {
            max_days: 30,
            approver: Role::RiskCommittee,
            rules: [rule.to_owned()].into(),
            rule_days: BTreeMap::new(),
        };
        assert!(rules("evidence.code").check().is_ok());
        for rule in ["sign_off.mrm_validator", "committee.vote", "findings.closed"] {
            assert!(rules(rule).check().is_err(), "{rule}");
        }
        let days = |rule: &str, days: u32| Rules { rule_days: [(rule.to_owned(), days)].into(), ..rules("a.rule") };
        assert_eq!(days("a.rule", 5).days_for(&Covers::Rule("a.rule".into())), 5);
        assert_eq!(days("a.rule", 5).days_for(&Covers::Finding(1)), 30);
        assert!(days("a.rule", 30).check().is_ok());
        assert!(days("a.rule", 31).check().unwrap_err().contains("not 1 to max_days"));
        assert!(days("a.rule", 0).check().is_err());
        assert!(days("another", 5).check().unwrap_err().contains("not among the rules"));
        let low = Rules { approver: Role::DataScientist, ..rules("evidence.code") };
        assert!(low.check().unwrap_err().contains("Data scientist"));
    }

    #[test]
    fn what_it_covers_reads_as_one_field() {
        assert_eq!(serde_json::to_value(Covers::Finding(3)).unwrap(), serde_json::json!({"finding": 3}));
        assert_eq!(serde_json::to_value(Covers::Rule("a".into())).unwrap(), serde_json::json!({"rule": "a"}));
        assert!(waiver().sentence().contains("until 1970-01-31"), "{}", waiver().sentence());
    }
}
