//! Maturity: the states that [`domain::maturity`] judges, gathered for one model and for all.

use std::collections::BTreeSet;

use domain::{
    Aggregate, AggregateId, VersionId, VersionNumber,
    account::AccountKind,
    maturity::{Maturity, Subject},
    registry::Model,
    trigger::Triggers,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    service::Service,
    storage::{StoreError, registry::ModelFilter},
};

/// Models judged for the portfolio; those without triggers are at level 0 without a look.
const JUDGED: u64 = 500;

/// The models of the inventory by level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Portfolio {
    /// Models at level 0, 1, 2 and 3.
    pub levels: Vec<u64>,
    /// Those above level 0, with their level.
    pub models: Vec<ModelLevel>,
}

/// One model's level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelLevel {
    /// The model.
    pub model: String,
    /// 1 to 3.
    pub level: u8,
}

/// A model's maturity; nothing where the policy says nothing of it.
///
/// # Errors
/// The storage failed.
pub async fn of(app: &Service, model: &Model, triggers: Option<&Triggers>) -> Result<Option<Maturity>, StoreError> {
    let Some(policy) = app.policy().await?.policy.maturity else { return Ok(None) };
    let ids: Vec<AggregateId> = looked_at(model, triggers)
        .into_iter()
        .map(|number| AggregateId::Version(VersionId { model: model.name.clone(), number }))
        .collect();
    let mut versions = Vec::with_capacity(ids.len());
    for (_, state) in app.store.aggregates(&ids).await? {
        if let Aggregate::Version(version) = state {
            versions.push(version);
        }
    }
    let mut people = BTreeSet::new();
    for version in &versions {
        people.insert(version.registered_by.clone());
        people.extend(version.requests.iter().map(|request| request.requested_by.clone()));
    }
    let ids: Vec<AggregateId> = people.into_iter().map(AggregateId::Account).collect();
    let mut services = BTreeSet::new();
    for (_, state) in app.store.aggregates(&ids).await? {
        match state {
            Aggregate::Account(account) if account.kind == AccountKind::Service => {
                services.insert(account.id.clone());
            }
            _ => {}
        }
    }
    let versions: Vec<_> = versions.iter().map(|version| &**version).collect();
    let now = app.clock.now();
    Ok(Some(Subject { versions: &versions, triggers, services: &services, policy, now }.assess()))
}

/// The versions on which a level can rest: those that answered a firing, and those that serve or served last.
fn looked_at(model: &Model, triggers: Option<&Triggers>) -> BTreeSet<VersionNumber> {
    let firings = triggers.map(|triggers| triggers.firings.as_slice()).unwrap_or_default();
    let answers = firings.iter().flat_map(|firing| firing.answers.iter().map(|answer| answer.version));
    let serving = model.champions.values().map(|champion| champion.version);
    answers.chain(serving).chain(model.standbys.values().map(|standby| standby.version)).collect()
}

/// The portfolio; nothing where the policy says nothing of maturity.
///
/// # Errors
/// The storage failed.
pub async fn portfolio(app: &Service) -> Result<Option<Portfolio>, StoreError> {
    if app.policy().await?.policy.maturity.is_none() {
        return Ok(None);
    }
    let (_, total) = app.store.models(&ModelFilter { limit: 1, ..ModelFilter::default() }, app.clock.now()).await?;
    let mut levels = vec![total, 0, 0, 0];
    let mut models = Vec::new();
    for triggers in app.store.all_triggers(JUDGED).await? {
        let Some(model) = app.model(&triggers.model).await? else { continue };
        let level = of(app, &model, Some(&triggers)).await?.map_or(0, |maturity| maturity.level);
        if level > 0 {
            levels[0] = levels[0].saturating_sub(1);
            levels[usize::from(level.min(3))] += 1;
            models.push(ModelLevel { model: model.name.to_string(), level });
        }
    }
    Ok(Some(Portfolio { levels, models }))
}
