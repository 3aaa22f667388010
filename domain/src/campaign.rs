//! Attestation campaigns: every owner of the models called attests by a date that what the inventory says is right,
//! or objects and says what is wrong.

use std::collections::{BTreeMap, BTreeSet};

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    aggregate::AggregateId,
    command::Command,
    event::{Event, Recorded},
    id::{AccountId, ModelName},
    inventory::ModelStatus,
    registry::Tier,
};

/// Models that one entry calls, so that it stays within an entry's size.
pub(crate) const MODELS_PER_ENTRY: usize = 200;

/// Calls owners to attest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenCampaign {
    /// What people call it, such as "Inventory 2026"; at most 200 characters.
    pub title: String,
    /// What is attested, as a sentence in the first person; at most 1,000 characters.
    pub statement: String,
    /// Of which tiers; all, if left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tiers: BTreeSet<Tier>,
    /// Of which owners; all, if left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub owners: BTreeSet<AccountId>,
    /// By when.
    pub due_at: Timestamp,
}

/// Answers a campaign for one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Attest {
    /// The model.
    pub model: ModelName,
    /// Whether the statement holds.
    pub holds: bool,
    /// What is wrong, where it does not hold; at most 2,000 characters.
    #[serde(default)]
    pub comment: String,
}

/// A campaign was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// What people call it.
    pub title: String,
    /// What is attested.
    pub statement: String,
    /// Of which tiers; empty for all.
    pub tiers: BTreeSet<Tier>,
    /// Of which owners; empty for all.
    pub owners: BTreeSet<AccountId>,
    /// By when.
    pub due_at: Timestamp,
    /// How many models it calls.
    pub models: u32,
}

/// Models that a campaign calls, with their owners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Called {
    /// Owner by model.
    pub models: BTreeMap<ModelName, AccountId>,
}

/// An owner answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The model.
    pub model: ModelName,
    /// Whether the statement holds.
    pub holds: bool,
    /// What is wrong, where it does not.
    pub comment: String,
}

/// An owner's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attestation {
    /// Whether the statement holds.
    pub holds: bool,
    /// What is wrong, where it does not.
    pub comment: String,
    /// Who answered.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// A campaign with its answers so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Campaign {
    /// Its number.
    pub number: u32,
    /// What people call it.
    pub title: String,
    /// What is attested.
    pub statement: String,
    /// Of which tiers; empty for all.
    pub tiers: BTreeSet<Tier>,
    /// Of which owners; empty for all.
    pub owners: BTreeSet<AccountId>,
    /// By when.
    pub due_at: Timestamp,
    /// Who opened it.
    pub opened_by: AccountId,
    /// When.
    pub opened_at: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// Owner by model, as of the opening.
    pub models: BTreeMap<ModelName, AccountId>,
    /// Answers by model.
    pub given: BTreeMap<ModelName, Attestation>,
}

impl Campaign {
    /// Models whose owners have not answered yet.
    pub fn outstanding(&self) -> impl Iterator<Item = (&ModelName, &AccountId)> {
        self.models.iter().filter(|(model, _)| !self.given.contains_key(*model))
    }

    /// Whether somebody is late.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        now > self.due_at && self.outstanding().next().is_some()
    }

    /// How many answers say that the statement does not hold.
    pub fn objections(&self) -> usize {
        self.given.values().filter(|answer| !answer.holds).count()
    }
}

/// A model of the inventory as a campaign sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The model.
    pub model: ModelName,
    /// Its tier.
    pub tier: Tier,
    /// Who answers for it.
    pub owner: AccountId,
    /// Whether it is used.
    pub status: ModelStatus,
}

/// Whether a decision needs the whole inventory.
pub fn needs_inventory(command: &Command) -> bool {
    matches!(command, Command::OpenCampaign(..))
}

/// Folds an entry into a campaign; `None` if it does not belong there.
pub(crate) fn fold(number: u32, before: Option<&Campaign>, recorded: &Recorded) -> Option<Campaign> {
    if recorded.subject != AggregateId::Campaign(number) {
        return None;
    }
    match (before, &recorded.event) {
        (None, Event::CampaignOpened(opened)) => Some(Campaign {
            number,
            title: opened.title.clone(),
            statement: opened.statement.clone(),
            tiers: opened.tiers.clone(),
            owners: opened.owners.clone(),
            due_at: opened.due_at,
            opened_by: recorded.actor.clone(),
            opened_at: recorded.time,
            entry: recorded.seq,
            models: BTreeMap::new(),
            given: BTreeMap::new(),
        }),
        (Some(before), Event::CampaignCalled(called)) => {
            let mut campaign = before.clone();
            campaign.models.extend(called.models.clone());
            Some(campaign)
        }
        (Some(before), Event::AttestationGiven(given)) => {
            let mut campaign = before.clone();
            let answer = Attestation {
                holds: given.holds,
                comment: given.comment.clone(),
                by: recorded.actor.clone(),
                at: recorded.time,
                entry: recorded.seq,
            };
            campaign.given.insert(given.model.clone(), answer);
            Some(campaign)
        }
        _ => None,
    }
}
