//! The states that a decision is made from.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    account::Account,
    aggregate::Aggregate,
    campaign::{Campaign, Listed},
    deployment::Deployment,
    id::{AccountId, Market, VersionId},
    policy::AdoptedPolicy,
    privacy::{PrivacyFile, review::Review},
    registry::{Model, Version},
    trigger::Triggers,
    webhook::Webhooks,
};

/// The states that a decision looks at.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The policy in force; absent only before the first entry.
    pub policy: Option<Arc<AdoptedPolicy>>,
    /// The model concerned.
    pub model: Option<Arc<Model>>,
    /// The version concerned.
    pub version: Option<Arc<Version>>,
    /// The version on its way into the market concerned.
    pub entering: Option<Arc<Version>>,
    /// The champion of the market concerned, where the command compares with it.
    pub champion: Option<Arc<Version>>,
    /// The account concerned.
    pub account: Option<Arc<Account>>,
    /// The triggers of the model concerned.
    pub triggers: Option<Arc<Triggers>>,
    /// Where news is sent.
    pub webhooks: Option<Arc<Webhooks>>,
    /// Every account that the command names.
    pub accounts: BTreeMap<AccountId, Arc<Account>>,
    /// The privacy file of the model concerned.
    pub privacy: Option<Arc<PrivacyFile>>,
    /// The request for human review concerned.
    pub review: Option<Arc<Review>>,
    /// What serves the model's markets, as far as the command concerns them.
    pub deployments: BTreeMap<Market, Arc<Deployment>>,
    /// The version that was imported from the same origin before, if any.
    pub same_origin: Option<VersionId>,
    /// The attestation campaign concerned.
    pub campaign: Option<Arc<Campaign>>,
    /// The version that a change is measured from, where [`crate::materiality::wanted_baseline`] names one.
    pub baseline: Option<Arc<Version>>,
    /// Who holds the risk committee's role, where [`crate::committee::needs_roster`] asks.
    pub roster: Vec<Arc<Account>>,
    /// Privacy files whose statement names the account that [`crate::privacy::safeguards::leaver`] tells.
    pub kept: Vec<Arc<PrivacyFile>>,
    /// Every model, where [`crate::campaign::needs_inventory`] asks.
    pub inventory: Vec<Listed>,
}

impl World {
    /// Puts a state in.
    pub fn put(&mut self, aggregate: &Aggregate) {
        match aggregate {
            Aggregate::Version(version) => self.version = Some(version.clone()),
            Aggregate::Model(model) => self.model = Some(model.clone()),
            Aggregate::Policy(policy) => self.policy = Some(policy.clone()),
            Aggregate::Account(account) => {
                self.accounts.insert(account.id.clone(), account.clone());
                self.account = Some(account.clone());
            }
            Aggregate::Campaign(campaign) => self.campaign = Some(campaign.clone()),
            Aggregate::Triggers(triggers) => self.triggers = Some(triggers.clone()),
            Aggregate::Webhooks(webhooks) => self.webhooks = Some(webhooks.clone()),
            Aggregate::Dpia(file) => self.privacy = Some(file.clone()),
            Aggregate::ReviewRequest(review) => self.review = Some(review.clone()),
            Aggregate::Deployment(deployment) => {
                self.deployments.insert(deployment.market.clone(), deployment.clone());
            }
        }
    }

    /// Puts a state of [`crate::Command::also_reads`] in. A version there is looked at only if it is champion or on its way
    /// into the market; the others are changed by what is decided, and the one that is decided on keeps its place.
    pub fn put_beside(&mut self, aggregate: &Aggregate) {
        match aggregate {
            Aggregate::Version(version) => {
                let mut rollouts = self.deployments.values().filter_map(|deployment| deployment.rollout.as_ref());
                if rollouts.any(|rollout| rollout.artifact.version == version.id.number) {
                    self.entering = Some(version.clone());
                }
                let mut seats = self.deployments.values().filter_map(|deployment| deployment.champion.as_ref());
                if seats.any(|seat| seat.artifact.version == version.id.number) {
                    self.champion = Some(version.clone());
                }
            }
            Aggregate::Deployment(_) | Aggregate::Dpia(_) => self.put(aggregate),
            Aggregate::Account(account) => drop(self.accounts.insert(account.id.clone(), account.clone())),
            _ => {}
        }
    }
}
