//! The inventory: tier, card, owner, retirement.

use std::sync::Arc;

use crate::{
    access,
    account::{AccountKind, Role},
    event::Event,
    inventory::{
        AddMarket, AmendInventory, Amended, Card, ChangeOwner, MarketAdded, ModelRetired, OwnerChanged, ReassessTier,
        RetireModel, TierAssessed,
    },
    refusal::{InputCheck, Missing, Refusal},
    registry::{Model, Version},
};

use super::Case;

impl Case<'_> {
    /// The model, if it is still kept.
    pub(super) fn living_model(&self) -> Result<&Arc<Model>, Refusal> {
        let model = self.model()?;
        match &model.retired {
            None => Ok(model),
            Some(end) => Err(Refusal::rule(
                "model.retired",
                format!(
                    "{} was retired on {} (entry {}); register a new model instead.",
                    model.name,
                    end.at.date(),
                    end.entry
                ),
                Missing::from("model", "Register a new model.", Role::DataScientist),
            )),
        }
    }

    /// Whether the actor belongs to a model's own side: its owner, or a member of its team.
    fn is_of_model(&self, model: &Model) -> bool {
        let mine = self.context.principal.team.trim();
        model.owner == *self.actor() || (!mine.is_empty() && mine == model.team.trim())
    }

    /// Refuses whoever is not of a version's own side: its developers, their team, the model's owner, or whoever asked.
    pub(super) fn check_own_side(
        &self,
        version: &Version,
        requester: Option<&crate::id::AccountId>,
        what: &str,
    ) -> Result<(), Refusal> {
        if access::is_own_side(&self.context.principal, self.model()?, version, requester) {
            return Ok(());
        }
        let asker = if requester.is_some() { "whoever asked for it, " } else { "" };
        let team = match version.team.trim() {
            "" => String::new(),
            team => format!(", or somebody of the team {team}"),
        };
        Err(Refusal::forbidden(
            "version.own_side",
            format!("Only its own side may {what}: {asker}a developer of {}, the model's owner{team}.", version.id),
            Missing::from("developer", "Somebody of the version\u{2019}s own side does it.", Role::DataScientist),
        ))
    }

    /// Data scientists keep the inventory of their own models, validators that of all.
    fn check_keeper(&self, model: &Model) -> Result<(), Refusal> {
        if self.context.principal.is(Role::MrmValidator) || self.is_of_model(model) {
            return Ok(());
        }
        Err(Refusal::forbidden(
            "inventory.own_side",
            format!(
                "The inventory of {} is kept by its owner, the team {} and MRM.",
                model.name,
                if model.team.trim().is_empty() { "that owns it" } else { model.team.trim() }
            ),
            Missing::from("owner", "The model\u{2019}s owner, its team or MRM does it.", Role::MrmValidator),
        ))
    }

    pub(super) fn reassess_tier(&self, body: &ReassessTier) -> Result<Vec<Event>, Refusal> {
        let model = self.living_model()?;
        let Some(tiering) = &self.policy()?.policy.tiering else {
            return Err(Refusal::rule(
                "tiering.matrix",
                "The policy in force has no tiering matrix; an administrator adopts one that does.",
                Missing::from("policy.tiering", "Adopt a policy with a tiering matrix.", Role::Administrator),
            ));
        };
        let tier = tiering.tier(&body.exposure, &body.purpose);
        InputCheck::default()
            .text("reason", &body.reason, 2_000)
            .holds(
                "exposure",
                tiering.exposures.contains(&body.exposure),
                format!("The policy's classes of exposure are: {}.", tiering.exposures.join(", ")),
            )
            .holds(
                "purpose",
                tiering.purposes.contains(&body.purpose),
                format!("The policy's classes of purpose are: {}.", tiering.purposes.join(", ")),
            )
            .finish()?;
        let tier = tier.ok_or_else(|| {
            Refusal::rule(
                "tiering.matrix",
                "The matrix has no tier for this pair.",
                Missing::from(
                    "policy.tiering.matrix",
                    "Adopt a policy whose matrix has a tier for every exposure and purpose.",
                    Role::Administrator,
                ),
            )
        })?;
        if self.is_of_model(model) {
            return Err(Refusal::forbidden(
                "validation.independent",
                "You own this model or belong to its team; somebody independent of it judges its tier.",
                Missing::from(
                    "assessor",
                    "Somebody who neither owns the model nor belongs to its team.",
                    Role::MrmValidator,
                ),
            ));
        }
        let same = model.tier_basis.as_ref().is_some_and(|b| b.exposure == body.exposure && b.purpose == body.purpose);
        if same && model.tier == tier {
            return Err(Refusal::conflict(
                "tier.changed",
                "The tier rests on these two classes already.",
                Missing::field("exposure", "Another exposure or purpose."),
            ));
        }
        Ok(vec![Event::TierAssessed(TierAssessed {
            exposure: body.exposure.clone(),
            purpose: body.purpose.clone(),
            from: model.tier,
            to: tier,
            reason: body.reason.trim().to_owned(),
        })])
    }

    pub(super) fn amend_inventory(&self, body: &AmendInventory) -> Result<Vec<Event>, Refusal> {
        let model = self.living_model()?;
        let mut check = InputCheck::default();
        check.text("reason", &body.reason, 2_000);
        if let Some(purpose) = &body.purpose {
            check.text("purpose", purpose, 4_000);
        }
        for (name, text) in [
            ("products", &body.products),
            ("restrictions", &body.restrictions),
            ("inputs", &body.inputs),
            ("outputs", &body.outputs),
        ] {
            check.optional_text(name, text.as_deref().unwrap_or(""), 2_000);
        }
        check.finish()?;
        self.check_keeper(model)?;
        let or = |new: &Option<String>, old: &str| new.as_deref().map_or(old, str::trim).to_owned();
        let amended = Amended {
            purpose: or(&body.purpose, &model.purpose),
            card: Card {
                products: or(&body.products, &model.card.products),
                restrictions: or(&body.restrictions, &model.card.restrictions),
                inputs: or(&body.inputs, &model.card.inputs),
                outputs: or(&body.outputs, &model.card.outputs),
            },
            reason: body.reason.trim().to_owned(),
        };
        if amended.purpose == model.purpose && amended.card == model.card {
            return Err(Refusal::conflict(
                "inventory.changed",
                "The inventory says this already.",
                Missing::field("inventory", "Something that differs from what the inventory says."),
            ));
        }
        Ok(vec![Event::InventoryAmended(amended)])
    }

    /// Opens a market. Nothing of the model answers there by that: each version walks the market's own gates.
    pub(super) fn add_market(&self, body: &AddMarket) -> Result<Vec<Event>, Refusal> {
        let model = self.living_model()?;
        let markets = &self.policy()?.policy.markets;
        let known = markets.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        InputCheck::default()
            .text("reason", &body.reason, 2_000)
            .holds(
                "market",
                markets.contains_key(&body.market),
                format!("The policy in force has no market {}; it has {known}.", body.market),
            )
            .finish()?;
        self.check_keeper(model)?;
        if model.markets.contains(&body.market) {
            return Err(Refusal::conflict(
                "market.added",
                format!("{} is registered for {} already.", model.name, body.market),
                Missing::field("market", "A market that the model does not have yet."),
            ));
        }
        Ok(vec![Event::MarketAdded(MarketAdded { market: body.market.clone(), reason: body.reason.trim().to_owned() })])
    }

    pub(super) fn change_owner(&self, body: &ChangeOwner) -> Result<Vec<Event>, Refusal> {
        let model = self.living_model()?;
        let owner =
            self.world.account.as_ref().filter(|account| !account.disabled && account.kind == AccountKind::Human);
        InputCheck::default()
            .text("reason", &body.reason, 2_000)
            .holds("owner", owner.is_some(), "The owner must be an active person's account.")
            .finish()?;
        self.check_keeper(model)?;
        if model.owner == body.owner {
            return Err(Refusal::conflict(
                "owner.changed",
                "The model belongs to this person already.",
                Missing::field("owner", "Another person."),
            ));
        }
        Ok(vec![Event::OwnerChanged(OwnerChanged {
            from: model.owner.clone(),
            to: body.owner.clone(),
            team: owner.map(|owner| owner.team.trim().to_owned()).unwrap_or_default(),
            reason: body.reason.trim().to_owned(),
        })])
    }

    pub(super) fn retire_model(&self, body: &RetireModel) -> Result<Vec<Event>, Refusal> {
        let model = self.living_model()?;
        InputCheck::default().text("reason", &body.reason, 2_000).finish()?;
        self.check_keeper(model)?;
        if let Some((market, version)) = model.rolling_out.iter().next() {
            return Err(Refusal::rule(
                "rollout.ended",
                format!("Version {version} answers users of {market} on its way in. Roll it back there first."),
                Missing::from(
                    "rollback",
                    format!("Roll version {version} back in {market} first."),
                    Role::DataScientist,
                ),
            ));
        }
        let markets = self.world.deployments.keys().cloned().collect();
        Ok(vec![Event::ModelRetired(ModelRetired { reason: body.reason.trim().to_owned(), markets })])
    }
}
