//! The signatures and votes that a gate asks for, as requirements; and in which role somebody would sign.

use super::{Question, Requirement, Topic};
use crate::{
    access::Principal,
    account::Role,
    approval::{self, Package},
    committee,
    policy::{Gate, SignOffSlot},
};

impl Question<'_> {
    /// The role in which somebody would sign: the first that they hold and whose signature is missing, else the first
    /// that they hold, else the first asked for.
    pub fn slot_for(&self, gate: &Gate, principal: &Principal, requirements: &[Requirement]) -> Option<Role> {
        let missing = |role: Role| requirements.iter().any(|r| !r.met && r.rule == format!("sign_off.{}", role.id()));
        let mine = || gate.sign_offs.iter().map(|slot| slot.role).filter(|role| principal.is(*role));
        mine()
            .find(|role| missing(*role))
            .or_else(|| mine().next())
            .or_else(|| gate.sign_offs.first().map(|slot| slot.role))
    }

    pub(super) fn committee(&self, rule: &committee::Rule, package: &Package) -> Requirement {
        let request = self.version.open_request(self.market).filter(|request| request.to == self.to);
        let (met, details) = match request.map(|request| &request.committee) {
            Some(Some(committee)) => (committee.tally(&package.digest()).carried(), committee.details(package)),
            Some(None) => (
                false,
                vec!["No committee was called together with this request: withdraw it and ask again.".to_owned()],
            ),
            None => (false, vec!["The committee votes once promotion is asked for.".to_owned()]),
        };
        Requirement {
            rule: "committee.vote".into(),
            topic: Topic::Committee,
            sentence: format!(
                "The risk committee carries it, at least {} voting and {} % of yes and no: \u{201c}{}\u{201d}",
                rule.quorum, rule.approval_percent, rule.meaning
            ),
            met,
            details,
            supplier: Role::RiskCommittee,
            waivable_by: None,
        }
    }

    pub(super) fn sign_off(&self, slot: &SignOffSlot, package: &Package) -> Requirement {
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
            waivable_by: None,
        }
    }
}
