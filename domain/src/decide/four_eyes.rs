//! Requester, developer, validator and approver of a version are different people (SR 11-7's independence), whichever of
//! its promotions each of them had a part in.

use crate::{
    account::Role,
    id::{AccountId, VersionId},
    promotion::RequestState,
    refusal::{Missing, Refusal},
    registry::Version,
};

use super::Case;

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

impl Case<'_> {
    /// Refuses a part in `version` to somebody who had another part in it.
    pub(super) fn check_part(&self, version: &Version, part: Part) -> Result<(), Refusal> {
        let Some(conflict) = conflict(version, self.actor(), part) else { return Ok(()) };
        let (rule, who) = match part {
            Part::Requester => ("promotion.four_eyes", Role::DataScientist),
            Part::Author => ("validation.independent", Role::MrmValidator),
            Part::Signer(role) => ("signing.four_eyes", role),
        };
        Err(Refusal::forbidden(
            rule,
            format!(
                "You {conflict}; requester, developer, validator and approver are different people. Ask a colleague."
            ),
            vec![Missing::from(rule, format!("Somebody who had no other part in {}.", version.id), who)],
        ))
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

    /// Checks a reviewer against what was recorded, at the time of signing, voting, declining or approving a step; and that
    /// the report, which the signature rests on, was not written by the other side. Validators come from another team
    /// where the profile asks for it.
    pub(super) fn check_signer(&self, version: &Version, role: Role) -> Result<(), Refusal> {
        self.check_part(version, Part::Signer(role))?;
        if let Some(author) = version.report.as_ref().map(|report| &report.author)
            && (version.developers.contains(author)
                || version.requests.iter().any(|request| request.is_open() && request.requested_by == *author))
        {
            return Err(Refusal::forbidden(
                "signing.four_eyes",
                "Whoever wrote the validation report also built this version or asked for its promotion; another validator records a report first.",
                vec![Missing::from("validation.report", report_needed(&version.id), Role::MrmValidator)],
            ));
        }
        self.check_independence(version)
    }

    /// Refuses a validator from the developing team where the profile asks for independence.
    pub(super) fn check_independence(&self, version: &Version) -> Result<(), Refusal> {
        let model = self.model()?;
        let independent =
            self.policy()?.policy.profiles.get(&model.profile).is_some_and(|profile| profile.independent_team);
        if !independent {
            return Ok(());
        }
        let mine = self.context.principal.team.trim();
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
}

fn report_needed(id: &VersionId) -> String {
    format!("A validation report on {id} by somebody who neither built it nor asked for its promotion.")
}
