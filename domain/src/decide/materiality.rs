//! How material a change is: the judgement that a request freezes, and a person's word above it.

use std::borrow::Cow;

use crate::{
    account::Role,
    event::Event,
    id::{Market, VersionId},
    materiality::{self, Assessed, Basis, Materiality, Rules, Set, SetMateriality},
    promotion::Request,
    refusal::{InputCheck, Missing, Refusal},
    registry::Version,
    stage::Stage,
};

use super::Case;

impl Case<'_> {
    /// The profile's rules on materiality, if it has any.
    pub(super) fn materiality_rules(&self) -> Result<Option<&Rules>, Refusal> {
        let profile = &self.model()?.profile;
        Ok(self.policy()?.policy.profiles.get(profile).and_then(|profile| profile.validation.as_ref()))
    }

    /// Judges the change in a market, where the profile asks for it.
    pub(super) fn assess(&self, version: &Version, market: Option<&Market>) -> Result<Option<Assessed>, Refusal> {
        let model = self.model()?;
        let baseline = self.world.baseline.as_deref();
        Ok(self.materiality_rules()?.map(|rules| materiality::judge(rules, model, market, version, baseline)))
    }

    /// The materiality that a person's word would change, where the profile asks for any.
    pub(super) fn current_materiality(
        &self,
        version: &Version,
        market: Option<&Market>,
    ) -> Result<Option<Materiality>, Refusal> {
        let (in_force, basis) = materiality::in_force(version, market);
        Ok(match basis {
            Basis::Unknown => self.assess(version, market)?.map(|assessed| assessed.materiality),
            _ => self.materiality_rules()?.map(|_| in_force),
        })
    }

    pub(super) fn set_materiality(&self, id: &VersionId, body: &SetMateriality) -> Result<Vec<Event>, Refusal> {
        let version = self.version(id)?;
        let model = self.model()?;
        let market = body.market.as_ref();
        InputCheck::default()
            .text("reason", &body.reason, 2_000)
            .holds(
                "market",
                market.is_none_or(|market| model.markets.contains(market)),
                format!("{} is not registered for this market.", model.name),
            )
            .finish()?;
        if version.stage == Stage::Archived {
            return Err(Refusal::rule(
                "stage.archived",
                format!("{id} is archived; nothing more is validated."),
                Missing::from("version", "Register a new version and walk it from the start.", Role::DataScientist),
            ));
        }
        let Some(current) = self.current_materiality(version, market)? else {
            return Err(Refusal::rule(
                "materiality.asked",
                format!(
                    "The profile {} tells no material change from another: every version is validated in full.",
                    model.profile
                ),
                Missing::from(
                    "policy.materiality",
                    "Adopt a policy whose profile has rules of materiality.",
                    Role::Administrator,
                ),
            ));
        };
        if current == body.materiality {
            return Err(Refusal::conflict(
                "materiality.changed",
                format!("The change is taken to be {} already.", current.title()),
                Missing::field("materiality", "Nothing need be done, or another class."),
            ));
        }
        if body.materiality == Materiality::NonMaterial {
            self.check_may_lower(version, market)?;
        }
        let lineage = version.lineage_digest;
        let reason = body.reason.trim().to_owned();
        Ok(vec![Event::MaterialitySet(Set {
            market: body.market.clone(),
            from: current,
            to: body.materiality,
            reason,
            lineage,
        })])
    }

    /// Raising is anyone's; lowering is for validators who had no part in it.
    fn check_may_lower(&self, version: &Version, market: Option<&Market>) -> Result<(), Refusal> {
        if !self.context.principal.is(Role::MrmValidator) {
            return Err(Refusal::forbidden(
                "materiality.lowered_by_mrm",
                "Anyone who asks for promotion or validates may raise the materiality of a change; only MRM lowers it, with a reason.",
                vec![Missing::from("materiality", "An MRM validator lowers it.", Role::MrmValidator)],
            ));
        }
        if version.open_request(market).is_some_and(|request| request.requested_by == *self.actor()) {
            return Err(Refusal::forbidden(
                "validation.independent",
                "You asked for the promotion of this version; another validator lowers its materiality.",
                Missing::from("validator", "A validator who did not ask for the promotion.", Role::MrmValidator),
            ));
        }
        let same = |request: &&Request| {
            let judged = request.assessed.as_ref().is_some_and(|assessed| assessed.lineage == version.lineage_digest);
            judged && request.market.as_ref() == market
        };
        let mut committees = version.requests.iter().filter(same).filter_map(|request| request.committee.as_ref());
        if let Some(vote) = committees.find_map(|committee| committee.votes.first()) {
            return Err(Refusal::rule(
                "materiality.voted",
                format!(
                    "The risk committee has voted on this change as a material one (entry {}); who votes on it is not chosen after a vote.",
                    vote.entry
                ),
                Missing::from(
                    "committee.vote",
                    "The committee carries it, or the version changes.",
                    Role::RiskCommittee,
                ),
            ));
        }
        self.check_validator(version)
    }
}

/// A name for a list of accounts' roles, or nobody.
pub(super) fn named<'a>(names: &[&'a str]) -> Cow<'a, str> {
    match names {
        [] => Cow::Borrowed("nobody"),
        [only] => Cow::Borrowed(only),
        many => Cow::Owned(many.join(", ")),
    }
}
