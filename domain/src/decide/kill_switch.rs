//! The kill switch: one decision, without evaluation, that asks nothing of models, versions or policy; a review
//! afterwards, by somebody else, before it is lifted.

use crate::{
    access::Action,
    account::Role,
    deployment::{
        Deployment, KillSwitch, KillTarget, UNNAMED_FALLBACK,
        command::{Kill, Reason, ReviewKill},
        event::{KillEngaged, KillLifted, KillReviewed},
    },
    event::Event,
    id::{Market, ModelName},
    refusal::{InputCheck, Missing, Refusal},
};

use super::{Case, rollouts::Draft};

impl Case<'_> {
    /// Works without a policy, a model, a version, and without a record of the market: only the person and a reason
    /// are asked for.
    pub(super) fn kill(&self, model: &ModelName, market: &Market, body: &Kill) -> Result<Vec<Event>, Refusal> {
        InputCheck::default().text("reason", &body.reason, 2_000).finish()?;
        let known = self.world.deployments.get(market);
        let previous = known.and_then(|known| known.previous()).filter(|_| body.to == KillTarget::Previous).cloned();
        let to = if previous.is_some() { KillTarget::Previous } else { KillTarget::Fallback };
        if let Some(kill) = known.and_then(|known| known.kill_switch.as_ref()).filter(|kill| kill.to == to) {
            return Err(Refusal::conflict(
                "kill_switch.engaged",
                format!("The kill switch of {model} in {market} is in use already (entry {}).", kill.entry),
                Missing::from(
                    "kill_switch.review",
                    "Nothing need be done to stop it; what stands next is its review.",
                    kill.review_role,
                ),
            ));
        }
        let rules = self.market_rules(market).and_then(|rules| rules.kill_switch.as_ref());
        let fallback = self.serving_rules().map(|rules| rules.fallback_of(model));
        Ok(vec![Event::KillEngaged(Box::new(KillEngaged {
            to,
            version: previous,
            fallback: fallback.or(known.map(|known| known.fallback.as_str())).unwrap_or(UNNAMED_FALLBACK).to_owned(),
            reason: body.reason.trim().to_owned(),
            review_due: rules.map(|rules| self.context.now.plus_days(i64::from(rules.review_days))),
            review_role: rules.map_or(Role::MrmValidator, |rules| rules.review_role),
        }))])
    }

    fn engaged(state: &Deployment) -> Result<&KillSwitch, Refusal> {
        state.kill_switch.as_ref().ok_or_else(|| {
            Refusal::conflict(
                "kill_switch.engaged",
                format!("The kill switch of {} in {} is not in use.", state.model, state.market),
                Missing::field(
                    "kill_switch",
                    "Use the kill switch first; where it is not in use, nothing waits to be reviewed or lifted.",
                ),
            )
        })
    }

    pub(super) fn review_kill(&self, draft: &mut Draft<'_>, body: &ReviewKill) -> Result<(), Refusal> {
        self.check_in_person("review a use of the kill switch", "A review of the kill switch")?;
        InputCheck::default().text("text", &body.text, 4_000).finish()?;
        let kill = Self::engaged(&draft.state)?;
        if !self.context.principal.is(kill.review_role) {
            return Err(Refusal::forbidden(
                "kill_switch.reviewer",
                format!("Policy has this use reviewed by {}; you do not hold that role.", kill.review_role),
                Missing::from("kill_switch.review", "A review by somebody who holds the role.", kill.review_role),
            ));
        }
        if kill.was_used_by(self.actor()) {
            return Err(Refusal::forbidden(
                "kill_switch.four_eyes",
                "You used the kill switch; somebody else reviews its use.",
                Missing::from("kill_switch.review", "A review by somebody who did not use it.", kill.review_role),
            ));
        }
        let reviewed = KillReviewed { text: body.text.trim().to_owned(), may_lift: body.may_lift };
        draft.push(Event::KillReviewed(reviewed))?;
        Ok(())
    }

    pub(super) fn lift_kill(draft: &mut Draft<'_>, body: &Reason) -> Result<(), Refusal> {
        InputCheck::default().text("reason", &body.reason, 2_000).finish()?;
        let kill = Self::engaged(&draft.state)?;
        let message = match &kill.review {
            Some(review) if review.may_lift => {
                draft.push(Event::KillLifted(KillLifted { reason: body.reason.trim().to_owned() }))?;
                return Ok(());
            }
            Some(review) => format!("The review of entry {} says that it must not serve again yet.", review.entry),
            None => "Its use was not reviewed yet.".to_owned(),
        };
        Err(Refusal::rule(
            "kill_switch.reviewed",
            message,
            vec![Missing::from(
                "kill_switch.review",
                format!("A review by {} that lets it serve again.", kill.review_role),
                kill.review_role,
            )],
        ))
    }
}

/// What it takes until a version serves again: the review of the use, and, once it lets, somebody who lifts the switch.
pub(super) fn to_be_lifted(kill: &KillSwitch) -> Vec<Missing> {
    if kill.review.as_ref().is_some_and(|review| review.may_lift) {
        let lifters = Action::LiftKill.roles().iter().copied();
        return Missing::of("kill_switch.lifted", "The review lets it serve again: lift the kill switch.", lifters);
    }
    Missing::from("kill_switch.review", "A review of its use that lets it serve again.", kill.review_role).into()
}
