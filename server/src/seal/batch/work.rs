//! What waits on whom after a batch: rows of the inbox for the states that it changed.

use std::collections::HashSet;

use domain::{Aggregate, AggregateId, VersionId, World};

use super::Batch;
use crate::{
    storage::{StoreError, Write},
    views::{self, ViewRow},
};

impl Batch<'_> {
    /// What versions are made of, of those whose lineage this batch changed.
    pub(super) fn input_rows(&self) -> Vec<ViewRow> {
        let changed = self.states.iter().filter_map(|(id, after)| {
            let Aggregate::Version(after) = after else { return None };
            let before = match self.cache.states.get(id) {
                Some(Aggregate::Version(before)) => Some(&**before),
                _ => None,
            };
            views::impact::inputs_row(before, after)
        });
        changed.collect()
    }

    /// Work items of every version that this batch changed.
    pub(super) fn work_rows(&self) -> Vec<ViewRow> {
        self.states
            .values()
            .filter_map(|after| {
                let Aggregate::Version(version) = after else { return None };
                let items = self.work_of(version);
                let before = match self.cache.states.get(&AggregateId::Version(version.id.clone())) {
                    Some(Aggregate::Version(before)) => had_work(before),
                    _ => false,
                };
                (before || !items.is_empty()).then(|| work_row(&version.id, items, before))
            })
            .collect()
    }

    /// What waits on the models, deployments and campaigns that this batch changed.
    pub(super) fn rows_beside_versions(&self) -> Vec<ViewRow> {
        let Some(Aggregate::Policy(policy)) = self.state(&AggregateId::Policy) else { return Vec::new() };
        let mut rows = Vec::new();
        for (id, after) in &self.states {
            match (after, self.cache.states.get(id)) {
                (Aggregate::Model(after), before) => {
                    let had = match before {
                        Some(Aggregate::Model(before)) => views::model_work(before, policy),
                        _ => Vec::new(),
                    };
                    if had != views::model_work(after, policy) {
                        rows.push(views::model_work_rows(after, policy));
                    }
                }
                (Aggregate::Deployment(after), before) => {
                    let had = match before {
                        Some(Aggregate::Deployment(before)) => views::deployment_work(before, policy),
                        _ => Vec::new(),
                    };
                    if had != views::deployment_work(after, policy) {
                        rows.push(views::deployment_work_rows(after, policy));
                    }
                }
                (Aggregate::Campaign(after), before) => {
                    let before = match before {
                        Some(Aggregate::Campaign(before)) => Some(&**before),
                        _ => None,
                    };
                    rows.push(views::campaign_rows(before, after));
                }
                _ => {}
            }
        }
        rows
    }

    fn work_of(&self, version: &domain::registry::Version) -> Vec<Vec<crate::storage::Value>> {
        match (self.state(&AggregateId::Model(version.id.model.clone())), self.state(&AggregateId::Policy)) {
            (Some(Aggregate::Model(model)), Some(Aggregate::Policy(policy))) => {
                let privacy = match self.state(&AggregateId::Dpia(version.id.model.clone())) {
                    Some(Aggregate::Dpia(file)) => Some(&**file),
                    _ => None,
                };
                views::work_items(model, version, policy, privacy)
            }
            _ => Vec::new(),
        }
    }

    /// After a change of policy every open request may wait for something else.
    pub(super) async fn refresh_all_work(&self, write: &mut Write) -> Result<(), StoreError> {
        let mut subjects: HashSet<VersionId> = write.versions_with_work().await?.into_iter().collect();
        for state in self.states.values() {
            if let Aggregate::Version(version) = state {
                subjects.insert(version.id.clone());
            }
        }
        let Some(Aggregate::Policy(policy)) = self.state(&AggregateId::Policy) else { return Ok(()) };
        write.drop_revalidations().await?;
        for names in write.model_names().await?.chunks(200) {
            let ids: Vec<AggregateId> = names.iter().cloned().map(AggregateId::Model).collect();
            let rows = write.aggregates(&ids).await?.into_iter().filter_map(|(_, state)| match state {
                Aggregate::Model(model) => Some(views::model_work_rows(&model, policy)),
                _ => None,
            });
            write.put_views(rows.collect()).await?;
        }
        for ids in write.living_deployments().await?.chunks(200) {
            let rows = write.aggregates(ids).await?.into_iter().filter_map(|(_, state)| match state {
                Aggregate::Deployment(deployment) => Some(views::deployment_work_rows(&deployment, policy)),
                _ => None,
            });
            write.put_views(rows.collect()).await?;
        }
        let files = write.privacy_files().await?;
        write.put_views(files.iter().flat_map(|file| views::privacy::rows(file, policy)).collect()).await?;
        self.refresh_work(write, subjects).await
    }

    /// After a change of a model's privacy file, the requests on its versions may wait for something else.
    pub(super) async fn refresh_work_of_files(&self, write: &mut Write) -> Result<(), StoreError> {
        let files: Vec<_> = self.states.keys().filter(|id| matches!(id, AggregateId::Dpia(_))).collect();
        if files.is_empty() {
            return Ok(());
        }
        let mut subjects: HashSet<VersionId> = write.versions_with_work().await?.into_iter().collect();
        subjects.retain(|id| files.contains(&&AggregateId::Dpia(id.model.clone())));
        let now = subjects.iter().map(|id| (AggregateId::Version(id.clone()), Some(self.now))).collect();
        write.put_due(now).await?;
        self.refresh_work(write, subjects).await
    }

    async fn refresh_work(&self, write: &mut Write, subjects: HashSet<VersionId>) -> Result<(), StoreError> {
        let Some(Aggregate::Policy(policy)) = self.state(&AggregateId::Policy) else { return Ok(()) };
        for id in subjects {
            let wanted = AggregateId::Version(id.clone()).with_context();
            let mut world = World::default();
            for (_, state) in write.aggregates(&wanted).await? {
                world.put(&state);
            }
            if let (Some(model), Some(version)) = (&world.model, &world.version) {
                let items = views::work_items(model, version, policy, world.privacy.as_deref());
                write.put_views(vec![work_row(&id, items, true)]).await?;
            }
        }
        Ok(())
    }
}

/// Whether [`views::work_items`] had anything to say of a version, told without asking every rule again.
fn had_work(version: &domain::registry::Version) -> bool {
    version.requests.iter().any(domain::promotion::Request::is_open)
        || version.findings.iter().any(domain::validation::Finding::is_open)
        || !version.waivers.is_empty()
        || version.drift_to_approve().next().is_some()
}

fn work_row(id: &VersionId, items: Vec<Vec<crate::storage::Value>>, replaces: bool) -> ViewRow {
    ViewRow::Work { model: id.model.to_string(), version: id.number.get(), items, replaces }
}
