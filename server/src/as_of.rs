//! Any past instant: the registry folded from the entries that were sealed by then, and from none that came later.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use domain::{
    AccountId, Aggregate, AggregateId, Event, Market, ModelName, VersionId, VersionNumber,
    as_of::{self, Approval, Approvals, Grounds, OF_APPROVALS, OF_SHARES, Serving, Shares, Traffic, grounds, serving},
    registry::{Model, Version},
};
use ledger::{Digest, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    narrate,
    service::Service,
    storage::{Store, StoreError, log::EntryFilter},
};

/// Entries read at a time.
const PAGE: u64 = 1_000;
/// Models looked up at a time.
const TOGETHER: u64 = 200;

/// What held at an instant.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Past {
    /// The instant.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// How many entries the ledger had: all that is told here follows from them.
    pub size: u64,
    /// Root of the Merkle tree over them, to be held against a checkpoint of that time.
    pub root: Digest,
    /// The policy in force.
    pub policy: Option<PolicyInForce>,
    /// The models, by name.
    pub models: Vec<ModelThen>,
}

/// The policy that was in force.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PolicyInForce {
    /// Its title.
    pub title: String,
    /// Digest of its text.
    pub digest: Digest,
    /// Since when.
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// A model as it was.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ModelThen {
    /// Registry name.
    pub name: ModelName,
    /// What people called it.
    pub title: String,
    /// The profile that it stood under.
    pub profile: domain::ProfileName,
    /// Who served its markets; a market without a champion is left out.
    pub serving: Vec<Serving>,
    /// How the users of its markets were shared: champion, challenger, mirror, kill switch, standby. Markets of which
    /// nothing of the kind was recorded are left out.
    pub traffic: Vec<Traffic>,
}

impl ModelThen {
    /// Its markets of which there is anything to tell, each with its champion and its traffic.
    pub fn markets(&self) -> impl Iterator<Item = (&Market, Option<&Serving>, Option<&Traffic>)> {
        let markets: BTreeSet<&Market> = self.serving.iter().map(|serving| &serving.market).collect();
        let markets: BTreeSet<&Market> = self.traffic.iter().map(|traffic| &traffic.market).chain(markets).collect();
        markets.into_iter().map(|market| {
            let serving = self.serving.iter().find(|serving| serving.market == *market);
            (market, serving, self.traffic.iter().find(|traffic| traffic.market == *market))
        })
    }

    /// Whoever served or was on its way in, with why it could: the market, the version, whether it was the champion.
    pub fn grounds(&self) -> impl Iterator<Item = (&Market, VersionNumber, Place, &Grounds)> {
        let champions = self
            .serving
            .iter()
            .filter_map(|serving| Some((&serving.market, serving.version, Place::Champion, serving.grounds.as_ref()?)));
        let challengers = self.traffic.iter().filter_map(|traffic| {
            let challenger = traffic.challenger.as_ref()?;
            Some((&traffic.market, challenger.version, Place::Challenger, challenger.grounds.as_ref()?))
        });
        champions.chain(challengers)
    }

    /// Everybody named.
    pub fn people(&self) -> impl Iterator<Item = &AccountId> {
        let kills = self.traffic.iter().filter_map(|traffic| Some(&traffic.kill_switch.as_ref()?.by));
        let approvals = self.serving.iter().flat_map(|serving| &serving.approvals);
        let challengers = self.traffic.iter().filter_map(|traffic| traffic.challenger.as_ref());
        let approvals = approvals.chain(challengers.flat_map(|challenger| &challenger.approvals));
        let approvers = approvals.map(|approval: &Approval| &approval.signer);
        self.grounds().flat_map(|(_, _, _, grounds)| people_of(grounds)).chain(kills).chain(approvers)
    }
}

/// The place that a version had in a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It served whoever was not in a rollout.
    Champion,
    /// It was on its way in.
    Challenger,
}

fn people_of(grounds: &Grounds) -> impl Iterator<Item = &AccountId> {
    let steps = grounds.steps.iter().flat_map(|step| {
        [&step.requested_by].into_iter().chain(step.approvals.iter().map(|approval| &approval.signer))
    });
    let shares = grounds.shares.iter().flat_map(|share| share.approvals.iter().map(|approval| &approval.signer));
    steps.chain(shares).chain(grounds.validation.iter().map(|validation| &validation.author))
}

/// Why the past cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// The instant has not come.
    #[error("{0} lies in the future; ask for an instant up to now")]
    Future(Timestamp),
    /// The ledger's first entry is later, or the model's.
    #[error("{0}")]
    Unknown(String),
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads an instant: RFC 3339, `2026-05-01T12:30` in UTC as browsers send it, or a date, which means the end of that day in
/// UTC.
///
/// # Errors
/// What is accepted.
pub fn read_instant(text: &str) -> Result<Timestamp, String> {
    use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.with_timezone(&Utc).into());
    }
    for form in ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, form) {
            return Ok(time.and_utc().into());
        }
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        && let Some(end) = date.and_hms_micro_opt(23, 59, 59, 999_999)
    {
        return Ok(end.and_utc().into());
    }
    let shown: String = text.chars().take(40).collect();
    Err(format!("{shown:?} is no instant; write 2026-05-01, 2026-05-01T12:30 (UTC) or 2026-05-01T12:30:00Z"))
}

/// The instant meant by one that [`read_instant`] read: today has not ended, so its date means now.
pub fn settled(at: Timestamp, now: Timestamp) -> Timestamp {
    let is_today = read_instant(&now.date()).is_ok_and(|end| end == at);
    if is_today { now } else { at }
}

/// What held at `at`: of one model with the grounds of each champion, or of all models with their approvals only.
///
/// # Errors
/// See [`PastError`].
pub async fn past(app: &Service, at: Timestamp, model: Option<&ModelName>) -> Result<Past, PastError> {
    let size = size_at(app, at).await?;
    let mut then = Vec::new();
    if let Some(name) = model {
        then = models_at(&app.store, std::slice::from_ref(name), size).await?;
        if then.is_empty() {
            return Err(PastError::Unknown(format!("{name} was not registered yet on {at}.")));
        }
        for one in &mut then {
            add_grounds(&app.store, one, size).await?;
        }
    } else {
        loop {
            let (names, _) = app.store.models_by(at, then.len() as u64, TOGETHER).await?;
            if names.is_empty() {
                break;
            }
            then.extend(models_at(&app.store, &names, size).await?);
        }
    }
    told(app, at, size, then).await
}

/// What held at `at` of the models from the `offset`-th on by name, at most `limit`, without grounds; and how many
/// there were.
///
/// # Errors
/// See [`PastError`].
pub async fn past_page(app: &Service, at: Timestamp, (offset, limit): (u64, u64)) -> Result<(Past, u64), PastError> {
    let size = size_at(app, at).await?;
    let (names, total) = app.store.models_by(at, offset, limit).await?;
    let then = models_at(&app.store, &names, size).await?;
    Ok((told(app, at, size, then).await?, total))
}

async fn size_at(app: &Service, at: Timestamp) -> Result<u64, PastError> {
    if at > app.clock.now() {
        return Err(PastError::Future(at));
    }
    match app.store.size_at(at).await? {
        0 => Err(PastError::Unknown(format!("The ledger had no entry yet on {at}."))),
        size => Ok(size),
    }
}

async fn told(app: &Service, at: Timestamp, size: u64, models: Vec<ModelThen>) -> Result<Past, PastError> {
    let tiles = app.store.tiles(&ledger::tiles::tiles_for_root(size)).await?;
    let root = ledger::tiles::root_at(size, &tiles)
        .map_err(|error| StoreError::Inconsistent(format!("the tree cannot be read: {error}")))?;
    Ok(Past { at, size, root, policy: policy_at(&app.store, size).await?, models })
}

/// These models after the first `size` entries, as far as their service goes, with the traffic of their markets; by
/// name. Only the states of a few are in memory at a time, however many there are.
async fn models_at(store: &Store, names: &[ModelName], size: u64) -> Result<Vec<ModelThen>, StoreError> {
    let mut then = Vec::with_capacity(names.len());
    for name in names {
        let (states, approvals) = states_at(store, name, size).await?;
        let (mut model, mut traffic): (Option<Arc<Model>>, Vec<Traffic>) = (None, Vec::new());
        for state in states.into_values() {
            match state {
                Aggregate::Model(found) => model = Some(found),
                Aggregate::Deployment(deployment) => traffic.extend(as_of::traffic(&deployment)),
                _ => {}
            }
        }
        let Some(model) = model else { continue };
        let mut serving = serving(&model);
        for one in &mut serving {
            one.approvals = approvals.of(&one.market, one.version);
        }
        for traffic in &mut traffic {
            if let Some(challenger) = &mut traffic.challenger {
                challenger.approvals = approvals.of(&traffic.market, challenger.version);
            }
        }
        then.push(ModelThen {
            name: model.name.clone(),
            title: model.title.clone(),
            profile: model.profile.clone(),
            serving,
            traffic,
        });
    }
    Ok(then)
}

/// A model and its deployments after the first `size` entries, with who approved what its versions did.
async fn states_at(
    store: &Store,
    name: &ModelName,
    size: u64,
) -> Result<(BTreeMap<AggregateId, Aggregate>, Approvals), StoreError> {
    let (mut states, mut approvals) = (BTreeMap::new(), Approvals::default());
    let types: BTreeSet<&str> = Event::OF_SERVICE.into_iter().chain(OF_APPROVALS).collect();
    let types: Vec<&str> = types.into_iter().collect();
    let mut from = 0;
    loop {
        let page = store.entries_of_types(&types, Some(name.as_str()), (from, size), PAGE).await?;
        let Some(last) = page.last() else { return Ok((states, approvals)) };
        from = last.seq + 1;
        let is_last = (page.len() as u64) < PAGE;
        for stored in &page {
            let recorded = narrate::read(&stored.bytes).map_err(StoreError::Inconsistent)?;
            approvals.take(&recorded);
            if !Event::OF_SERVICE.contains(&recorded.event.kind()) {
                continue;
            }
            for id in recorded.touches() {
                if !matches!(id, AggregateId::Model(_) | AggregateId::Deployment(..)) {
                    continue;
                }
                let after = Aggregate::fold(states.get(&id), &id, &recorded)
                    .map_err(|error| StoreError::Inconsistent(error.to_string()))?;
                states.insert(id, after);
            }
        }
        if is_last {
            return Ok((states, approvals));
        }
    }
}

async fn add_grounds(store: &Store, model: &mut ModelThen, size: u64) -> Result<(), StoreError> {
    let challengers = model.traffic.iter().filter_map(|traffic| traffic.challenger.as_ref());
    let numbers: BTreeSet<VersionNumber> =
        model.serving.iter().map(|one| one.version).chain(challengers.map(|one| one.version)).collect();
    let mut versions: BTreeMap<VersionNumber, Version> = BTreeMap::new();
    for number in numbers {
        let id = VersionId { model: model.name.clone(), number };
        versions.extend(version_at(store, &id, size).await?.map(|version| (number, version)));
    }
    let shares = shares_at(store, &model.name, size).await?;
    let grounds = |version: &Version, market: &Market| Grounds {
        shares: shares.of(market, version.id.number),
        ..grounds(version, market)
    };
    for one in &mut model.serving {
        one.grounds = versions.get(&one.version).map(|version| grounds(version, &one.market));
    }
    for traffic in &mut model.traffic {
        if let Some(challenger) = &mut traffic.challenger {
            challenger.grounds = versions.get(&challenger.version).map(|version| grounds(version, &traffic.market));
        }
    }
    Ok(())
}

/// The steps of a model's rollouts among the first `size` entries, with who approved them.
async fn shares_at(store: &Store, model: &ModelName, size: u64) -> Result<Shares, StoreError> {
    let mut shares = Shares::default();
    let mut from = 0;
    loop {
        let page = store.entries_of_types(&OF_SHARES, Some(model.as_str()), (from, size), PAGE).await?;
        let Some(last) = page.last() else { return Ok(shares) };
        from = last.seq + 1;
        for stored in &page {
            shares.take(&narrate::read(&stored.bytes).map_err(StoreError::Inconsistent)?);
        }
    }
}

/// A version after the first `size` entries.
async fn version_at(store: &Store, id: &VersionId, size: u64) -> Result<Option<Version>, StoreError> {
    let aggregate = AggregateId::Version(id.clone());
    let mut state: Option<Aggregate> = None;
    let mut from = 0;
    loop {
        let page = store.entries_since(from, Some(id.model.as_str()), Some(id.number.get()), PAGE).await?;
        let Some(last) = page.last() else { break };
        from = last.seq + 1;
        for stored in page.iter().filter(|stored| stored.seq < size) {
            let recorded = narrate::read(&stored.bytes).map_err(StoreError::Inconsistent)?;
            if recorded.touches().contains(&aggregate) {
                let after = Aggregate::fold(state.as_ref(), &aggregate, &recorded);
                state = Some(after.map_err(|error| StoreError::Inconsistent(error.to_string()))?);
            }
        }
        if from >= size {
            break;
        }
    }
    Ok(match state {
        Some(Aggregate::Version(version)) => Some(Version::clone(&version)),
        _ => None,
    })
}

async fn policy_at(store: &Store, size: u64) -> Result<Option<PolicyInForce>, StoreError> {
    let filter =
        EntryFilter { event: Some("policy.adopted".into()), before: Some(size), limit: 1, ..EntryFilter::default() };
    let Some(stored) = store.find_entries(&filter).await?.pop() else { return Ok(None) };
    let recorded = narrate::read(&stored.bytes).map_err(StoreError::Inconsistent)?;
    let Event::PolicyAdopted { toml, digest } = recorded.event else { return Ok(None) };
    let policy = domain::policy::Policy::read(&toml).map_err(|error| StoreError::Inconsistent(error.to_string()))?;
    Ok(Some(PolicyInForce { title: policy.title, digest, since: stored.time, entry: stored.seq }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_as_people_and_browsers_write_them() {
        let read = |text| read_instant(text).unwrap().to_string();
        assert_eq!(read("2026-05-01"), "2026-05-01T23:59:59.999999Z");
        assert_eq!(read("9999-12-31"), "9999-12-31T23:59:59.999999Z");
        let now: Timestamp = "2026-05-01T12:00:00.000000Z".parse().unwrap();
        let by = |text| settled(read_instant(text).unwrap(), now).to_string();
        assert_eq!(by("2026-05-01"), now.to_string(), "today goes as far as now");
        assert_eq!(by("2026-04-30"), "2026-04-30T23:59:59.999999Z");
        assert_eq!(by("2026-05-02"), "2026-05-02T23:59:59.999999Z", "tomorrow is still to come");
        assert_eq!(read("2026-05-01T12:30"), "2026-05-01T12:30:00.000000Z");
        assert_eq!(read(" 2026-05-01T12:30:05+02:00 "), "2026-05-01T10:30:05.000000Z");
        for text in ["", "yesterday", "2026-02-30", "2026-05-01T25:00"] {
            assert!(read_instant(text).unwrap_err().contains("is no instant"), "{text}");
        }
    }
}
