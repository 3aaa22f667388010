//! Requester, developer, validator and approver of a version are different people (SR 11-7's independence), whichever of
//! its promotions each of them had a part in.

use crate::{
    access::{self, Action, Principal},
    account::Role,
    id::{AccountId, VersionId},
    policy::{AdoptedPolicy, Gate, SignOffSlot},
    promotion::{Question, Request, RequestState, missing_before_signing},
    refusal::{Missing, Refusal},
    registry::{Model, Version},
};

use super::{
    Case,
    promotions::{count, slot_names},
};

/// The part that somebody is about to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Asks for a promotion.
    Requester,
    /// Writes the validation report.
    Author,
    /// Signs, votes, declines or approves a step in this role.
    Signer(Role),
}

impl Part {
    /// The role in which the part is taken, if it is a reviewer's.
    fn role(self) -> Option<Role> {
        match self {
            Self::Requester => None,
            Self::Author => Some(Role::MrmValidator),
            Self::Signer(role) => Some(role),
        }
    }
}

/// What `me` did for `version` that keeps them from taking `part`. A reviewer may act again in the role that they acted in
/// before: whoever validated a version validates it at its next gate, too.
fn conflict(version: &Version, me: &AccountId, part: Part) -> Option<String> {
    if part != Part::Requester {
        let asked = version
            .requests
            .iter()
            .find(|request| request.requested_by == *me && !matches!(request.state, RequestState::Withdrawn { .. }));
        if let Some(asked) = asked {
            return Some(format!("asked for its promotion to {} (entry {})", asked.to, asked.entry));
        }
        if version.developers.contains(me) {
            return Some(format!("registered {} or amended its lineage", version.id));
        }
    }
    let voted = version.requests.iter().find_map(|request| request.committee.as_ref()?.vote_of(me));
    if voted.is_some() && part.role() != Some(Role::RiskCommittee) {
        return Some("voted on it as a member of the risk committee".into());
    }
    let signed = version.sign_offs.iter().find(|s| s.signer == *me && part.role() != Some(s.role));
    if let Some(signed) = signed {
        return Some(format!("signed for it as {} (entry {})", signed.role, signed.entry));
    }
    // A later report takes nothing back: an earlier one may have opened a gate.
    if let Some(entry) = version.authors.get(me).filter(|_| part.role() != Some(Role::MrmValidator)) {
        return Some(format!("wrote a validation report on it (entry {entry})"));
    }
    None
}

/// Refuses a part in `version` to somebody who had another part in it.
fn check_part(version: &Version, me: &AccountId, part: Part) -> Result<(), Refusal> {
    let Some(conflict) = conflict(version, me, part) else { return Ok(()) };
    let (rule, who) = match part {
        Part::Requester => ("promotion.four_eyes", Role::DataScientist),
        Part::Author => ("validation.independent", Role::MrmValidator),
        Part::Signer(role) => ("signing.four_eyes", role),
    };
    Err(Refusal::forbidden(
        rule,
        format!("You {conflict}; requester, developer, validator and approver are different people. Ask a colleague."),
        Missing::from(rule, format!("Somebody who had no other part in {}.", version.id), who),
    ))
}

/// Refuses a validator from the developing team where the profile asks for independence.
fn check_independence(
    principal: &Principal,
    (model, policy): (&Model, &AdoptedPolicy),
    version: &Version,
) -> Result<(), Refusal> {
    if !policy.policy.profiles.get(&model.profile).is_some_and(|profile| profile.independent_team) {
        return Ok(());
    }
    let mine = principal.team.trim();
    if mine.is_empty() {
        return Err(Refusal::forbidden(
            "validation.independent",
            "Your account states no team, so your independence cannot be told; an administrator can state it.",
            Missing::from("team", "State the team of this account.", Role::Administrator),
        ));
    }
    if mine == version.team.trim() || mine == model.team.trim() {
        return Err(Refusal::forbidden(
            "validation.independent",
            format!("You belong to {mine}, the team that developed this; validators are independent of it."),
            Missing::from("validator", "A validator of another team.", Role::MrmValidator),
        ));
    }
    Ok(())
}

/// Checks a reviewer against what was recorded; and that the report, which the signature rests on, was not written by the
/// other side. Validators come from another team where the profile asks for it.
fn check_signer(
    principal: &Principal,
    of: (&Model, &AdoptedPolicy),
    version: &Version,
    role: Role,
) -> Result<(), Refusal> {
    check_part(version, &principal.account, Part::Signer(role))?;
    if let Some(author) = version.report.as_ref().map(|report| &report.author)
        && (version.developers.contains(author)
            || version.requests.iter().any(|request| request.is_open() && request.requested_by == *author))
    {
        return Err(Refusal::forbidden(
            "signing.four_eyes",
            "Whoever wrote the validation report also built this version or asked for its promotion; another validator records a report first.",
            Missing::from("validation.report", report_needed(&version.id), Role::MrmValidator),
        ));
    }
    check_independence(principal, of, version)
}

/// Refuses somebody whose signature in `role` a request does not wait for: no slot, not the role, or another part in it.
pub(super) fn check_slot<'g>(
    question: &Question<'_>,
    gate: &'g Gate,
    principal: &Principal,
    role: Role,
) -> Result<&'g SignOffSlot, Refusal> {
    let Some(slot) = gate.sign_offs.iter().find(|slot| slot.role == role) else {
        return Err(Refusal::rule(
            "signing.slot",
            format!("This request asks for no signature of {role}. It waits for: {}.", slot_names(gate)),
            Missing::of("signature", "A signature of this role.", gate.sign_offs.iter().map(|slot| slot.role)),
        ));
    };
    if !principal.is(role) {
        return Err(Refusal::forbidden(
            "signing.role",
            format!("You do not hold the role {role}."),
            Missing::from("signature", "A signature of somebody who holds the role.", role),
        ));
    }
    check_signer(principal, (question.model, question.policy), question.version, role)?;
    Ok(slot)
}

/// Refuses to sign what is signed already, or not complete yet.
pub(super) fn check_signable(question: &Question<'_>, role: Role) -> Result<(), Refusal> {
    let requirements = question.requirements()?;
    if requirements.iter().any(|r| r.rule == format!("sign_off.{}", role.id()) && r.met) {
        return Err(Refusal::conflict(
            "signing.once",
            format!("{role} has signed this very package already."),
            Missing::field("signature", "Nothing need be done: the signature stands."),
        ));
    }
    let missing = missing_before_signing(requirements);
    if !missing.is_empty() {
        let count = count(missing.len(), "thing is", "things are");
        return Err(Refusal::rule(
            "signing.complete",
            format!("There is nothing complete to sign yet: {count} missing."),
            missing,
        ));
    }
    Ok(())
}

/// Whether `principal` may sign `request` in `role` now, as far as that is known before the act itself.
///
/// # Errors
/// Why not: the refusal with which signing would answer.
pub fn may_sign(question: &Question<'_>, request: &Request, principal: &Principal, role: Role) -> Result<(), Refusal> {
    Case::open_request(question.version, request.number)?;
    access::authorise(principal, Action::SignOff)?;
    check_slot(question, &question.gate()?, principal, role)?;
    check_signable(question, role)
}

impl Case<'_> {
    /// Refuses a part in `version` to somebody who had another part in it.
    pub(super) fn check_part(&self, version: &Version, part: Part) -> Result<(), Refusal> {
        check_part(version, self.actor(), part)
    }

    /// Refuses a developer's own request where the profile asks for four people, and one of somebody who reviewed the
    /// version.
    pub(super) fn check_requester(&self, version: &Version) -> Result<(), Refusal> {
        self.check_part(version, Part::Requester)?;
        let profile = self.policy()?.policy.profiles.get(&self.model()?.profile);
        if profile.is_some_and(|profile| profile.separate_requester) && version.developers.contains(self.actor()) {
            return Err(Refusal::forbidden(
                "promotion.four_eyes",
                "You registered this version or amended its lineage; requester, developer, validator and approver are different people. Ask a colleague to request this.",
                vec![Missing::from(
                    "requester",
                    "A data scientist who did not build this version asks for its promotion.",
                    Role::DataScientist,
                )],
            ));
        }
        Ok(())
    }

    /// Checks a reviewer at the time of signing, voting, declining or approving a step.
    pub(super) fn check_signer(&self, version: &Version, role: Role) -> Result<(), Refusal> {
        check_signer(&self.context.principal, (self.model()?, self.policy()?), version, role)
    }

    /// Refuses a validator from the developing team where the profile asks for independence.
    pub(super) fn check_independence(&self, version: &Version) -> Result<(), Refusal> {
        check_independence(&self.context.principal, (self.model()?, self.policy()?), version)
    }
}

fn report_needed(id: &VersionId) -> String {
    format!("A validation report on {id} by somebody who neither built it nor asked for its promotion.")
}
