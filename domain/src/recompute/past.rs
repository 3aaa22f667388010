//! The states that an entry was decided on, folded from the entries before it.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    aggregate::{Aggregate, AggregateId, FoldError, World},
    event::{Event, Recorded},
    id::{ModelName, VersionId},
    materiality,
};

const POLICIES: &[&str] = &["policy.adopted"];
const POLICIES_AND_PEOPLE: &[&str] =
    &["account.created", "account.disabled", "account.enabled", "account.roles_changed", "policy.adopted"];

/// What was known before an entry.
#[derive(Debug, Clone)]
pub struct Past {
    seq: u64,
    model: Option<ModelName>,
    needs_accounts: bool,
    needs_following: bool,
    subject: AggregateId,
    states: BTreeMap<AggregateId, Aggregate>,
    following: Vec<Recorded>,
}

impl Past {
    /// Nothing known yet of the past of this entry.
    pub fn of(recorded: &Recorded) -> Self {
        let model = match &recorded.subject {
            AggregateId::Model(model)
            | AggregateId::Deployment(model, _)
            | AggregateId::Triggers(model)
            | AggregateId::Dpia(model) => Some(model.clone()),
            AggregateId::Version(id) => Some(id.model.clone()),
            AggregateId::ReviewRequest(id) => Some(id.model.clone()),
            AggregateId::Account(_) | AggregateId::Campaign(_) | AggregateId::Policy | AggregateId::Webhooks => None,
        };
        Self {
            seq: recorded.seq,
            model,
            needs_accounts: matches!(recorded.event, Event::PromotionRequested { committee: Some(_), .. }),
            needs_following: matches!(recorded.event, Event::CampaignOpened(_)),
            subject: recorded.subject.clone(),
            states: BTreeMap::new(),
            following: Vec::new(),
        }
    }

    /// The model whose entries count.
    pub fn model(&self) -> Option<&ModelName> {
        self.model.as_ref()
    }

    /// Types of the entries that count whatever they concern: the policy in force, and who could sit on a committee.
    pub fn shared_events(&self) -> &'static [&'static str] {
        if self.needs_accounts { POLICIES_AND_PEOPLE } else { POLICIES }
    }

    /// Takes the next entry, in the order of the ledger. Entries that say nothing here may be given, and left out.
    ///
    /// # Errors
    /// It does not fit what was given before.
    pub fn take(&mut self, recorded: &Recorded) -> Result<(), FoldError> {
        if recorded.seq > self.seq {
            if self.wants_following() && recorded.subject == self.subject {
                match recorded.event {
                    Event::CampaignCalled(_) => self.following.push(recorded.clone()),
                    _ => self.needs_following = false,
                }
            }
            return Ok(());
        }
        if recorded.seq == self.seq {
            return Ok(());
        }
        let mut touched = recorded.touches();
        touched.retain(|id| self.wants(id));
        for id in touched {
            let after = Aggregate::fold(self.states.get(&id), &id, recorded)?;
            self.states.insert(id, after);
        }
        Ok(())
    }

    /// Whether entries after it belong to it as well.
    pub fn wants_following(&self) -> bool {
        self.needs_following
    }

    fn wants(&self, id: &AggregateId) -> bool {
        match id {
            AggregateId::Policy => true,
            AggregateId::Account(_) => self.needs_accounts,
            AggregateId::Model(model)
            | AggregateId::Deployment(model, _)
            | AggregateId::Triggers(model)
            | AggregateId::Dpia(model) => self.model.as_ref() == Some(model),
            AggregateId::Version(id) => self.model.as_ref() == Some(&id.model),
            AggregateId::ReviewRequest(_) => *id == self.subject,
            AggregateId::Campaign(_) | AggregateId::Webhooks => false,
        }
    }

    pub(super) fn following(&self) -> &[Recorded] {
        &self.following
    }

    /// The states as a decision would have seen them.
    pub(super) fn world(&self, recorded: &Recorded) -> World {
        let mut world = World::default();
        for state in self.states.values() {
            match state {
                Aggregate::Version(_) => {}
                Aggregate::Account(account) => world.roster.push(Arc::clone(account)),
                other => world.put(other),
            }
        }
        let (version, market) = match (&recorded.subject, &recorded.event) {
            (AggregateId::Version(id), Event::PromotionRequested { market, .. }) => (Some(id.clone()), market.as_ref()),
            (AggregateId::Version(id), Event::MaterialitySet(body)) => (Some(id.clone()), body.market.as_ref()),
            (AggregateId::Version(id), _) => (Some(id.clone()), None),
            (AggregateId::Dpia(model), Event::DpiaDrafted(body)) => {
                let number = body.content.scope.version;
                (number.map(|number| VersionId { model: model.clone(), number }), None)
            }
            _ => (None, None),
        };
        world.version = version.and_then(|id| self.version(&id));
        let baseline = world.model.as_ref().and_then(|model| {
            let number = materiality::measured_from(model, market)?;
            self.version(&VersionId { model: model.name.clone(), number })
        });
        world.baseline = baseline;
        if let AggregateId::Deployment(model, market) = &recorded.subject {
            let rollout = world.deployments.get(market).and_then(|deployment| deployment.rollout.as_ref());
            let number = rollout.map(|rollout| rollout.artifact.version);
            world.entering = number.and_then(|number| self.version(&VersionId { model: model.clone(), number }));
        }
        world
    }

    fn version(&self, id: &VersionId) -> Option<Arc<crate::registry::Version>> {
        match self.states.get(&AggregateId::Version(id.clone())) {
            Some(Aggregate::Version(version)) => Some(Arc::clone(version)),
            _ => None,
        }
    }
}
