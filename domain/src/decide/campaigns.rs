//! Attestation campaigns.

use std::collections::BTreeMap;

use crate::{
    account::Role,
    campaign::{Attest, Called, Given, Listed, MODELS_PER_ENTRY, OpenCampaign, Opened},
    event::Event,
    inventory::ModelStatus,
    refusal::{InputCheck, Missing, Refusal},
};

use super::Case;

impl Case<'_> {
    pub(super) fn open_campaign(&self, number: u32, body: &OpenCampaign) -> Result<Vec<Event>, Refusal> {
        let now = self.context.now;
        InputCheck::default()
            .text("title", &body.title, 200)
            .text("statement", &body.statement, 1_000)
            .holds("due_at", body.due_at > now, "due_at must lie in the future.")
            .holds("number", number > 0, "Campaigns are counted from 1.")
            .finish()?;
        if self.world.campaign.is_some() {
            return Err(Refusal::conflict(
                "campaign.unique",
                format!("Campaign {number} is open already."),
                Missing::field("campaign", "Another number, or an answer in the open campaign."),
            ));
        }
        let called: Vec<&Listed> = self
            .world
            .inventory
            .iter()
            .filter(|listed| listed.status != ModelStatus::Retired)
            .filter(|listed| body.tiers.is_empty() || body.tiers.contains(&listed.tier))
            .filter(|listed| body.owners.is_empty() || body.owners.contains(&listed.owner))
            .collect();
        if called.is_empty() {
            return Err(Refusal::rule(
                "campaign.models",
                "No model of these tiers and owners is in the inventory.",
                Missing::field("tiers", "Tiers and owners that at least one model of the inventory has."),
            ));
        }
        let opened = Event::CampaignOpened(Opened {
            title: body.title.trim().to_owned(),
            statement: body.statement.trim().to_owned(),
            tiers: body.tiers.clone(),
            owners: body.owners.clone(),
            due_at: body.due_at,
            models: u32::try_from(called.len()).unwrap_or(u32::MAX),
        });
        let calls = called.chunks(MODELS_PER_ENTRY).map(|chunk| {
            let models: BTreeMap<_, _> =
                chunk.iter().map(|listed| (listed.model.clone(), listed.owner.clone())).collect();
            Event::CampaignCalled(Called { models })
        });
        Ok(std::iter::once(opened).chain(calls).collect())
    }

    pub(super) fn attest(&self, number: u32, body: &Attest) -> Result<Vec<Event>, Refusal> {
        self.check_in_person("attest", "An attestation")?;
        let campaign = self.world.campaign.as_ref().ok_or_else(|| {
            Refusal::not_found(
                format!("There is no campaign {number}."),
                Missing::from("campaign", "Open the campaign, or name one that was opened.", Role::MrmValidator),
            )
        })?;
        let mut check = InputCheck::default();
        check.optional_text("comment", &body.comment, 2_000);
        if !body.holds {
            check.text("comment", &body.comment, 2_000);
        }
        check.finish()?;
        let Some(called) = campaign.models.get(&body.model) else {
            return Err(Refusal::not_found(
                format!("Campaign {number} does not call {}.", body.model),
                Missing::field("model", "Name a model that this campaign calls."),
            ));
        };
        // Who owns the model now answers for it, whoever owned it when the campaign was opened.
        let owner = self.world.model.as_ref().map_or(called, |model| &model.owner);
        if owner != self.actor() {
            return Err(Refusal::forbidden(
                "attestation.owner",
                format!("Only the owner of {} attests for it; hand the model over first if that is you.", body.model),
                Missing::field("owner", "The model\u{2019}s owner signs in and attests."),
            ));
        }
        if let Some(given) = campaign.given.get(&body.model) {
            return Err(Refusal::conflict(
                "attestation.once",
                format!("This was answered already, by entry {}.", given.entry),
                Missing::field("attestation", "Nothing need be done: the answer is recorded."),
            ));
        }
        Ok(vec![Event::AttestationGiven(Given {
            model: body.model.clone(),
            holds: body.holds,
            comment: body.comment.trim().to_owned(),
        })])
    }
}
