//! Proving that the tables say what the ledger says: every entry is folded again and the result compared with the
//! states, the views, the tree and the head. `rebuild` writes the folded result instead.

use std::collections::{BTreeMap, HashMap};

use domain::{Aggregate, AggregateId, World};
use ledger::{
    ChainHead, Checkpoint, Digest, Entry, Timestamp, TreeHead, VerifierKey, merkle::leaf_hash, tiles::TileId,
};

use crate::{
    blobs::{Blob, BlobError, Blobs},
    narrate,
    storage::{Store, StoreError, Value, Write},
    vault,
    views::{self, About, ViewRow, impact::Exposures},
};

/// Entries read at a time.
const PAGE: u64 = 1_000;

/// Something that is not as the ledger proves it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The entry at which it shows, if it shows at one.
    pub entry: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.entry {
            Some(entry) => write!(f, "entry {entry}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// What the check saw.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Entries read.
    pub entries: u64,
    /// States folded.
    pub states: u64,
    /// What is wrong; nothing if all is well.
    pub faults: Vec<Fault>,
    /// Evidence files that no entry names and that nobody can still be sending: of uploads that a crash cut short.
    pub strays: Vec<Blob>,
}

/// Why the check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FsckError {
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The evidence folder failed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The ledger itself is broken, so nothing can be rebuilt from it.
    #[error("nothing was rebuilt, because the ledger itself is broken: {0}")]
    Broken(Fault),
}

/// Everything folded from the entries.
struct Folded {
    chain: ChainHead,
    tree: TreeHead,
    tiles: BTreeMap<(u8, u64), Vec<Digest>>,
    states: HashMap<AggregateId, Aggregate>,
    evidence: BTreeMap<Digest, u64>,
    about: Vec<About>,
    exposures: Exposures,
    faults: Vec<Fault>,
}

async fn fold(store: &Store, size: u64) -> Result<Folded, StoreError> {
    let mut folded = Folded {
        chain: ChainHead::genesis(),
        tree: TreeHead::new(),
        tiles: BTreeMap::new(),
        states: HashMap::new(),
        evidence: BTreeMap::new(),
        about: Vec::new(),
        exposures: Exposures::default(),
        faults: Vec::new(),
    };
    let mut seq = 0;
    while seq < size {
        let page = store.entries_from(seq, PAGE.min(size - seq)).await?;
        if page.is_empty() {
            folded.faults.push(Fault { entry: Some(seq), what: "the entry is missing".into() });
            break;
        }
        for stored in page {
            let mut fault = |what: String| folded.faults.push(Fault { entry: Some(stored.seq), what });
            let entry = match Entry::from_bytes(&stored.bytes) {
                Ok(entry) => entry,
                Err(error) => {
                    fault(error.to_string());
                    return Ok(folded);
                }
            };
            if Digest::of(&stored.bytes) != stored.hash {
                fault("its stored hash is not that of its bytes".into());
            }
            let subject = (entry.subject.get("model").cloned(), entry.subject.get("version").cloned());
            if (stored.time, &stored.actor, &stored.event) != (entry.time, &entry.actor.id, &entry.event)
                || (&stored.model, stored.version.map(|version| version.to_string())) != (&subject.0, subject.1)
            {
                fault("its columns time, actor, event, model or version differ from its bytes".into());
            }
            match folded.chain.check_next(&entry, &stored.bytes) {
                Ok(next) => folded.chain = next,
                Err(error) => {
                    fault(error.to_string());
                    return Ok(folded);
                }
            }
            folded.tree.append(leaf_hash(&stored.bytes));
            if folded.tree.size().is_multiple_of(256) {
                keep_tiles(&mut folded.tree, &mut folded.tiles);
            }
            for digest in &entry.evidence {
                folded.evidence.entry(*digest).or_insert(stored.seq);
            }
            if let Err(what) = apply(&entry, &mut folded.states, (&mut folded.about, &mut folded.exposures)) {
                folded.faults.push(Fault { entry: Some(stored.seq), what });
            }
            seq = stored.seq + 1;
        }
    }
    keep_tiles(&mut folded.tree, &mut folded.tiles);
    Ok(folded)
}

fn keep_tiles(tree: &mut TreeHead, tiles: &mut BTreeMap<(u8, u64), Vec<Digest>>) {
    for (id, hashes) in tree.changed_tiles() {
        tiles.insert((id.level, id.index), hashes);
    }
}

/// Folds one entry into the states, and notes which versions it concerns beside its subject and whose users it moves.
fn apply(
    entry: &Entry,
    states: &mut HashMap<AggregateId, Aggregate>,
    (about, exposures): (&mut Vec<About>, &mut Exposures),
) -> Result<(), String> {
    let recorded = narrate::recorded(entry)?;
    about.extend(views::about(&recorded, |id| states.get(id)));
    for id in recorded.touches() {
        let after = Aggregate::fold(states.get(&id), &id, &recorded).map_err(|error| error.to_string())?;
        exposures.note(&recorded, states.get(&id), &after);
        states.insert(id, after);
    }
    Ok(())
}

/// Every view row that the states call for.
fn view_rows(states: &HashMap<AggregateId, Aggregate>) -> Vec<ViewRow> {
    let mut rows: Vec<ViewRow> = states.values().filter_map(views::rows).collect();
    let Some(Aggregate::Policy(policy)) = states.get(&AggregateId::Policy) else { return rows };
    for (id, state) in states {
        rows.extend(views::privacy::rows(state, policy));
        let version = match state {
            Aggregate::Version(version) => {
                rows.extend(views::impact::inputs_row(None, version));
                version
            }
            Aggregate::Model(model) => {
                rows.push(views::model_work_rows(model, policy));
                continue;
            }
            Aggregate::Campaign(campaign) => {
                let items = views::campaign_work(campaign);
                rows.push(ViewRow::Attest { campaign: campaign.number, answered: Vec::new(), items });
                continue;
            }
            Aggregate::Deployment(deployment) => {
                rows.push(views::deployment_work_rows(deployment, policy));
                continue;
            }
            Aggregate::Policy(_)
            | Aggregate::Account(_)
            | Aggregate::Triggers(_)
            | Aggregate::Webhooks(_)
            | Aggregate::Dpia(_)
            | Aggregate::ReviewRequest(_) => continue,
        };
        let mut world = World::default();
        for id in id.with_context() {
            if let Some(state) = states.get(&id) {
                world.put(state);
            }
        }
        if let Some(model) = world.model {
            rows.push(ViewRow::Work {
                model: version.id.model.to_string(),
                version: version.id.number.get(),
                items: views::work_items(&model, version, policy, world.privacy.as_deref()),
                replaces: false,
            });
        }
    }
    rows
}

/// Compares what is stored with what the entries prove. `outside` is a checkpoint kept elsewhere, if there is one.
///
/// # Errors
/// The storage failed. What is wrong with the ledger is in the outcome, not an error.
pub async fn check(
    store: &Store,
    blobs: &Blobs,
    key: &VerifierKey,
    outside: Option<&str>,
) -> Result<Outcome, FsckError> {
    // The write lock keeps the ledger still while it is compared.
    let mut write = store.begin().await?;
    let head = write.head().await?;
    let mut folded = fold(store, head.size).await?;
    let mut faults = std::mem::take(&mut folded.faults);
    let mut fault = |what: String| faults.push(Fault { entry: None, what });
    if (folded.chain.size, folded.chain.last) != (head.size, head.last) {
        fault(format!(
            "the head names {} entries ending in {}, the chain has {} ending in {}",
            head.size,
            head.last.short(),
            folded.chain.size,
            folded.chain.last.short()
        ));
    }
    if folded.chain.time.unwrap_or(Timestamp::EPOCH) != head.time {
        fault("the head's time is not that of the last entry".into());
    }
    if head.size > 0 {
        match Checkpoint::open(&head.checkpoint, std::slice::from_ref(key)) {
            Err(error) => fault(format!("the checkpoint cannot be verified: {error}")),
            Ok(opened) => {
                let found = opened.checkpoint;
                if (found.size, found.root) != (head.size, folded.tree.root()) {
                    fault("the signed checkpoint is not that of these entries: the ledger was changed after it was signed".into());
                }
            }
        }
    }
    if let Some(note) = outside {
        check_outside(store, key, note, head.size, &mut fault).await?;
    }
    for (id, hashes) in &folded.tiles {
        if write.tile(TileId { level: id.0, index: id.1 }).await? != *hashes {
            fault(format!("tile {}/{} is not the tree's", id.0, id.1));
        }
    }
    for TileId { level, index } in write.tile_ids().await? {
        if !folded.tiles.contains_key(&(level, index)) {
            fault(format!("tile {level}/{index} belongs to no entry"));
        }
    }
    for stored in store.entries_from(head.size, 1).await? {
        fault(format!("entry {} lies beyond the head, which nobody signed", stored.seq));
    }
    compare_states(store, &folded.states, &mut fault).await?;
    compare_views(&mut write, &folded, &mut fault).await?;
    vault::compare(&mut write, &folded.states, &mut fault).await?;
    for (digest, seq) in &folded.evidence {
        match blobs.digest_of(digest).await? {
            None => fault(format!("the evidence file {digest} of entry {seq} is not in the folder")),
            Some(found) if found != *digest => {
                fault(format!("the evidence file {digest} of entry {seq} was changed: it is {found} now"));
            }
            Some(_) => {}
        }
    }
    // Nothing was written; this gives the lock back at once.
    write.commit().await?;
    let strays = blobs.strays(|digest| folded.evidence.contains_key(digest)).await?;
    Ok(Outcome { entries: folded.chain.size, states: folded.states.len() as u64, faults, strays })
}

/// A checkpoint kept outside must be of a ledger that this one only grew from.
async fn check_outside(
    store: &Store,
    key: &VerifierKey,
    note: &str,
    size: u64,
    fault: &mut impl FnMut(String),
) -> Result<(), StoreError> {
    let opened = match Checkpoint::open(note, std::slice::from_ref(key)) {
        Ok(opened) => opened.checkpoint,
        Err(error) => {
            fault(format!("the checkpoint from outside cannot be verified with this ledger's key: {error}"));
            return Ok(());
        }
    };
    if opened.size > size {
        fault(format!(
            "the checkpoint from outside knows {} entries, this ledger has {size}: entries were lost, or an old backup was restored",
            opened.size
        ));
        return Ok(());
    }
    let tiles = store.tiles(&ledger::tiles::tiles_for_root(opened.size)).await?;
    match ledger::tiles::root_at(opened.size, &tiles) {
        Ok(root) if root == opened.root => {}
        _ => fault(
            "the ledger is not the one that the checkpoint from outside was made of: history was rewritten".into(),
        ),
    }
    Ok(())
}

async fn compare_states(
    store: &Store,
    states: &HashMap<AggregateId, Aggregate>,
    fault: &mut impl FnMut(String),
) -> Result<(), StoreError> {
    let mut after = String::new();
    let mut seen = 0;
    loop {
        let page = store.aggregates_after(&after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after.clone_from(last);
        for (id, stored) in page {
            seen += 1;
            let expected =
                id.parse().ok().and_then(|id: AggregateId| states.get(&id).and_then(|state| state.to_json().ok()));
            if expected.as_deref() != Some(&stored) {
                fault(format!("the state of {id} is not what its entries say"));
            }
        }
    }
    if seen != states.len() {
        fault(format!("{} states are stored, {} follow from the entries", seen, states.len()));
    }
    Ok(())
}

async fn compare_views(write: &mut Write, folded: &Folded, fault: &mut impl FnMut(String)) -> Result<(), StoreError> {
    let (mut models, mut versions, mut work, mut deployments) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut dpias, mut reviews, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
    for row in view_rows(&folded.states) {
        match row {
            ViewRow::Model(row) => models.push(format!("{row:?}")),
            ViewRow::Version(row) => versions.push(format!("{row:?}")),
            ViewRow::Deployment(row) => deployments.push(format!("{row:?}")),
            ViewRow::Dpia(row) => dpias.push(format!("{row:?}")),
            ViewRow::Review(row) => reviews.push(format!("{row:?}")),
            ViewRow::Inputs { rows, .. } => inputs.extend(rows.iter().map(|row| format!("{row:?}"))),
            ViewRow::Work { items, .. }
            | ViewRow::ModelWork { items, .. }
            | ViewRow::DeploymentWork { items, .. }
            | ViewRow::Attest { items, .. } => {
                work.extend(items.iter().map(|row| format!("{row:?}")));
            }
        }
    }
    let about = folded.about.iter().map(|row| {
        let row: [Value; 3] = [row.model.as_str().into(), row.version.into(), row.seq.into()];
        format!("{:?}", row.to_vec())
    });
    let exposures = folded.exposures.clone().rows().iter().map(|row| format!("{row:?}")).collect();
    let views = [
        ("model_view", models),
        ("version_view", versions),
        ("deployment_view", deployments),
        ("dpia_view", dpias),
        ("review_view", reviews),
        ("work_item", work),
        ("entry_about", about.collect()),
        ("lineage_input", inputs),
        ("exposure", exposures),
    ];
    for (view, mut expected) in views {
        let mut stored = write.dump_view(view).await?;
        expected.sort();
        stored.sort();
        if stored != expected {
            let wrong = expected
                .iter()
                .find(|row| !stored.contains(row))
                .or_else(|| stored.iter().find(|row| !expected.contains(row)));
            let shown: String = wrong.map(String::as_str).unwrap_or_default().chars().take(160).collect();
            fault(format!("{view} is not what the entries say, first at {shown}"));
        }
    }
    Ok(())
}

/// Drops states, views and tree and writes them anew from the entries, in one transaction.
///
/// # Errors
/// The storage failed, or the entries themselves are broken; nothing is changed then.
pub async fn rebuild(store: &Store) -> Result<Outcome, FsckError> {
    let mut write = store.begin().await?;
    let head = write.head().await?;
    let mut folded = fold(store, head.size).await?;
    if let Some(fault) = folded.faults.drain(..).next() {
        return Err(FsckError::Broken(fault));
    }
    write.drop_views().await?;
    let tiles = folded.tiles.into_iter().map(|((level, index), hashes)| (TileId { level, index }, hashes)).collect();
    write.put_tiles(tiles).await?;
    let mut rows = Vec::with_capacity(folded.states.len());
    for (id, state) in &folded.states {
        let json = state.to_json().map_err(|error| StoreError::Inconsistent(error.to_string()))?;
        rows.push((id.to_string(), json));
    }
    write.put_aggregates(rows).await?;
    write.put_views(view_rows(&folded.states)).await?;
    write.add_about(folded.about).await?;
    write.put_exposures(folded.exposures.rows()).await?;
    write.all_due().await?;
    write.commit().await?;
    Ok(Outcome { entries: folded.chain.size, states: folded.states.len() as u64, ..Outcome::default() })
}
