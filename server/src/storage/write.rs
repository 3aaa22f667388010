//! Writing within a transaction: many rows with few statements, so that a group of commands costs one round trip a
//! table.

use domain::{
    Aggregate, AggregateId, ModelName, VersionId, VersionNumber, account::Role, campaign::Listed,
    inventory::ModelStatus,
};
use ledger::{Digest, Timestamp, tiles::TileId};

use super::{
    StoreError, Value, Write,
    log::{HEAD, Head, head, tile_hashes},
    registry::{aggregate, placeholders},
};
use crate::views::{About, ViewRow};

/// An entry about to be stored.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// Its number.
    pub seq: u64,
    /// When it was sealed.
    pub time: Timestamp,
    /// Whose command it was.
    pub actor: String,
    /// Its event type.
    pub event: &'static str,
    /// The model it concerns, if any.
    pub model: Option<String>,
    /// The version it concerns, if any.
    pub version: Option<u32>,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their SHA-256.
    pub hash: Digest,
}

/// An answer kept for a request that may be repeated.
#[derive(Debug, Clone)]
pub struct KeptAnswer {
    /// Who asked.
    pub account: String,
    /// The idempotency key.
    pub key: String,
    /// Digest of what was asked.
    pub request: Digest,
    /// The receipt as JSON.
    pub receipt: String,
}

/// The most rows of one INSERT. With more, SQLite's driver spends longer on finding the parameters' names, which takes
/// the square of their number, than another statement costs.
const MAX_ROWS: usize = 32;
/// Up to so many rows, every number has a statement of its own.
const EXACT_ROWS: usize = 16;

/// How many of the rows `left` go into the next INSERT: powers of two beyond [`EXACT_ROWS`], so that the statements
/// of a table stay few enough for the engine to keep them prepared, and a group of commands needs two or three.
fn rows_at_once(left: usize) -> usize {
    if left <= EXACT_ROWS { left } else { MAX_ROWS.min(1 << left.ilog2()) }
}

/// `($1, $2), ($3, $4)` for `rows` × `columns` parameters.
fn value_list(rows: usize, columns: usize) -> String {
    let mut list = String::with_capacity(rows * columns * 6);
    for at in 0..rows * columns {
        let lead = match (at, at % columns) {
            (0, _) => "($",
            (_, 0) => "), ($",
            _ => ", $",
        };
        list.push_str(lead);
        list.push_str(&(at + 1).to_string());
    }
    list.push(')');
    list
}

impl Write {
    /// The end of the chain, as of this transaction.
    pub async fn head(&mut self) -> Result<Head, StoreError> {
        head(self.fetch(HEAD, Vec::new()).await?.first())
    }

    /// Moves the end of the chain.
    pub async fn put_head(&mut self, head: &Head) -> Result<(), StoreError> {
        let sql = "UPDATE head SET size = $1, last = $2, time = $3, checkpoint = $4 WHERE id = 1";
        let args = vec![head.size.into(), head.last.into(), head.time.into(), head.checkpoint.as_str().into()];
        self.fetch(sql, args).await.map(drop)
    }

    /// One tile as it is now.
    pub async fn tile(&mut self, id: TileId) -> Result<Vec<Digest>, StoreError> {
        let sql = "SELECT hashes FROM tile WHERE level = $1 AND number = $2";
        let rows = self.fetch(sql, vec![u32::from(id.level).into(), id.index.into()]).await?;
        rows.first().map_or_else(|| Ok(Vec::new()), |row| Ok(tile_hashes(row.bytes(0)?)))
    }

    /// The states asked for, those that exist.
    pub async fn aggregates(&mut self, ids: &[AggregateId]) -> Result<Vec<(AggregateId, Aggregate)>, StoreError> {
        let mut found = Vec::new();
        for chunk in ids.chunks(200) {
            let sql = format!("SELECT id, state FROM aggregate WHERE id IN {}", placeholders(chunk.len()));
            let args = chunk.iter().map(|id| Value::from(id.to_string())).collect();
            for row in self.fetch(sql, args).await? {
                found.push(aggregate(&row)?);
            }
        }
        Ok(found)
    }

    /// The states asked for, those that exist and can be read. A deployment whose row cannot be read is folded again
    /// from its model's entries; of others nothing is known.
    pub async fn readable(&mut self, ids: &[AggregateId]) -> Result<Vec<(AggregateId, Aggregate)>, StoreError> {
        let mut found = Vec::new();
        for id in ids {
            let sql = "SELECT id, state FROM aggregate WHERE id = $1";
            let rows = self.fetch(sql, vec![id.to_string().into()]).await?;
            let Some(row) = rows.first() else { continue };
            match (aggregate(row), id) {
                (Ok(state), _) => found.push(state),
                (Err(error), AggregateId::Deployment(model, _)) => {
                    tracing::error!(%error, "the state of {id} cannot be read and is folded again");
                    found.extend(self.fold_again(id, model).await?.map(|state| (id.clone(), state)));
                }
                (Err(error), _) => tracing::error!(%error, "the state of {id} cannot be read"),
            }
        }
        Ok(found)
    }

    /// The state of an aggregate folded from the entries of its model, as far as they can be read.
    async fn fold_again(&mut self, id: &AggregateId, model: &ModelName) -> Result<Option<Aggregate>, StoreError> {
        let sql = "SELECT bytes FROM entry WHERE model = $1 ORDER BY seq";
        let mut state = None;
        for row in self.fetch(sql, vec![model.to_string().into()]).await? {
            let Ok(recorded) = crate::narrate::read(row.bytes(0)?) else { continue };
            if recorded.touches().contains(id) {
                state = Aggregate::fold(state.as_ref(), id, &recorded).ok().or(state);
            }
        }
        Ok(state)
    }

    /// The version imported from an origin.
    pub async fn version_by_origin(&mut self, origin: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT model || '/' || number FROM version_view WHERE origin = $1";
        let rows = self.fetch(sql, vec![origin.into()]).await?;
        rows.first().map(|row| Ok(format!("version/{}", row.text(0)?))).transpose()
    }

    /// Versions for which something waits.
    pub async fn versions_with_work(&mut self) -> Result<Vec<VersionId>, StoreError> {
        // Version 0 stands for the model itself.
        let sql = "SELECT DISTINCT model, version FROM work_item WHERE version > 0";
        let rows = self.fetch(sql, Vec::new()).await?;
        rows.iter()
            .map(|row| {
                let number = u32::try_from(row.int(1)?).ok().and_then(|number| VersionNumber::try_from(number).ok());
                let number = number.ok_or_else(|| StoreError::Inconsistent("a work item has no version".into()))?;
                Ok(VersionId { model: row.parsed(0)?, number })
            })
            .collect()
    }

    /// Every model's name.
    pub async fn model_names(&mut self) -> Result<Vec<ModelName>, StoreError> {
        let rows = self.fetch("SELECT name FROM model_view ORDER BY name", Vec::new()).await?;
        rows.iter().map(|row| row.parsed(0)).collect()
    }

    /// Removes what waits for periodic validations, of all models, before it is written anew.
    pub async fn drop_revalidations(&mut self) -> Result<(), StoreError> {
        self.fetch("DELETE FROM work_item WHERE kind = 'revalidate'", Vec::new()).await.map(drop)
    }

    /// Deployments on which something may wait: something serves or is rolled out, or the kill switch is in use.
    pub async fn living_deployments(&mut self) -> Result<Vec<AggregateId>, StoreError> {
        let sql = "SELECT model, market FROM deployment_view \
                   WHERE state <> 'idle' ORDER BY model, market";
        let rows = self.fetch(sql, Vec::new()).await?;
        rows.iter().map(|row| Ok(AggregateId::Deployment(row.parsed(0)?, row.parsed(1)?))).collect()
    }

    /// Every model as an attestation campaign sees it, in the order of names.
    pub async fn inventory(&mut self) -> Result<Vec<Listed>, StoreError> {
        let sql = "SELECT name, tier, owner, status FROM model_view ORDER BY name";
        let rows = self.fetch(sql, Vec::new()).await?;
        rows.iter()
            .map(|row| {
                let status = ModelStatus::ALL.into_iter().find(|status| row.text(3).is_ok_and(|id| id == status.id()));
                let status = status.ok_or_else(|| StoreError::Inconsistent("a model has no such status".into()))?;
                Ok(Listed { model: row.parsed(0)?, tier: row.parsed(1)?, owner: row.parsed(2)?, status })
            })
            .collect()
    }

    /// The states of accounts that may hold a role, to be looked at more closely.
    pub async fn accounts_with(&mut self, role: Role) -> Result<Vec<(AggregateId, Aggregate)>, StoreError> {
        let sql =
            "SELECT id, state FROM aggregate WHERE id >= 'account/' AND id < 'account0' AND state LIKE $1 ORDER BY id";
        let rows = self.fetch(sql, vec![format!("%\"{}\"%", role.id()).into()]).await?;
        rows.iter().map(aggregate).collect()
    }

    /// The privacy files that may name an account, to be looked at more closely.
    pub async fn privacy_files_with(&mut self, account: &str) -> Result<Vec<(AggregateId, Aggregate)>, StoreError> {
        let sql = "SELECT id, state FROM aggregate WHERE id >= 'dpia/' AND id < 'dpia0' AND state LIKE $1 ORDER BY id";
        let rows = self.fetch(sql, vec![format!("%\"{account}\"%").into()]).await?;
        rows.iter().map(aggregate).collect()
    }

    /// The receipts kept for idempotency keys of an account.
    pub async fn kept_answer(&mut self, account: &str, key: &str) -> Result<Option<(Digest, String)>, StoreError> {
        let sql = "SELECT request, receipt FROM idempotency WHERE account = $1 AND key = $2";
        let rows = self.fetch(sql, vec![account.into(), key.into()]).await?;
        rows.first().map(|row| Ok((row.digest(0)?, row.text(1)?.to_owned()))).transpose()
    }

    /// Inserts rows of `columns` columns each; `tail` is what follows the values, such as ON CONFLICT.
    pub(super) async fn insert(
        &mut self,
        head: &str,
        columns: usize,
        tail: &str,
        rows: Vec<Vec<Value>>,
    ) -> Result<(), StoreError> {
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            let size = rows_at_once(rows.len());
            let args: Vec<Value> = rows.by_ref().take(size).flatten().collect();
            let sql = format!("INSERT INTO {head} VALUES {}{tail}", value_list(size, columns));
            self.fetch(sql, args).await?;
        }
        Ok(())
    }

    /// Which tiles are stored.
    pub async fn tile_ids(&mut self) -> Result<Vec<TileId>, StoreError> {
        let rows = self.fetch("SELECT level, number FROM tile ORDER BY level, number", Vec::new()).await?;
        rows.iter()
            .map(|row| {
                let level = u8::try_from(row.int(0)?)
                    .map_err(|_| StoreError::Inconsistent("a tile has no such level".into()))?;
                Ok(TileId { level, index: row.count(1)? })
            })
            .collect()
    }

    /// Stores entries.
    pub async fn add_entries(&mut self, entries: Vec<NewEntry>) -> Result<(), StoreError> {
        let rows = entries
            .into_iter()
            .map(|entry| {
                vec![
                    entry.seq.into(),
                    entry.time.into(),
                    entry.actor.into(),
                    entry.event.into(),
                    entry.model.into(),
                    Value::Int(entry.version.map(i64::from)),
                    entry.bytes.into(),
                    entry.hash.into(),
                ]
            })
            .collect();
        self.insert("entry (seq, time, actor, event, model, version, bytes, hash)", 8, "", rows).await
    }

    /// Stores which versions entries concern beside their subjects.
    pub async fn add_about(&mut self, rows: Vec<About>) -> Result<(), StoreError> {
        let rows = rows.into_iter().map(|row| vec![row.model.into(), row.version.into(), row.seq.into()]).collect();
        self.insert("entry_about (model, version, seq)", 3, "", rows).await
    }

    /// Stores tiles; the right-most ones grow.
    pub async fn put_tiles(&mut self, tiles: Vec<(TileId, Vec<Digest>)>) -> Result<(), StoreError> {
        let rows = tiles
            .into_iter()
            .map(|(id, hashes)| {
                let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
                vec![u32::from(id.level).into(), id.index.into(), bytes.into()]
            })
            .collect();
        let tail = " ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes";
        self.insert("tile (level, number, hashes)", 3, tail, rows).await
    }

    /// Stores states.
    pub async fn put_aggregates(&mut self, states: Vec<(String, String)>) -> Result<(), StoreError> {
        let rows = states.into_iter().map(|(id, state)| vec![id.into(), state.into()]).collect();
        self.insert("aggregate (id, state)", 2, " ON CONFLICT (id) DO UPDATE SET state = excluded.state", rows).await
    }

    /// Notes when to look at states again; `None` for those at which time changes nothing.
    pub async fn put_due(&mut self, moments: Vec<(AggregateId, Option<Timestamp>)>) -> Result<(), StoreError> {
        let mut rows = Vec::new();
        for (id, at) in moments {
            if let Some(at) = at {
                rows.push(vec![id.to_string().into(), at.into()]);
            } else {
                self.fetch("DELETE FROM due WHERE aggregate = $1", vec![id.to_string().into()]).await?;
            }
        }
        self.insert("due (aggregate, at)", 2, " ON CONFLICT (aggregate) DO UPDATE SET at = excluded.at", rows).await
    }

    /// Has every state that has rules of time looked at as soon as possible.
    pub async fn all_due(&mut self) -> Result<(), StoreError> {
        let sql = "INSERT INTO due (aggregate, at) SELECT id, 0 FROM aggregate \
                   WHERE id <> 'policy' AND id NOT LIKE 'account/%' AND id NOT LIKE 'review/%' \
                   ON CONFLICT (aggregate) DO UPDATE SET at = excluded.at";
        self.fetch(sql, Vec::new()).await.map(drop)
    }

    /// Keeps answers for repeated requests.
    pub async fn keep_answers(&mut self, answers: Vec<KeptAnswer>, now: Timestamp) -> Result<(), StoreError> {
        let rows = answers
            .into_iter()
            .map(|answer| {
                vec![answer.account.into(), answer.key.into(), answer.request.into(), answer.receipt.into(), now.into()]
            })
            .collect();
        self.insert("idempotency (account, key, request, receipt, at)", 5, "", rows).await
    }

    /// Stores view rows; those of work items replace all of their version's.
    pub async fn put_views(&mut self, views: Vec<ViewRow>) -> Result<(), StoreError> {
        let (mut models, mut versions, mut work, mut deployments) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut dpias, mut reviews, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
        for view in views {
            match view {
                ViewRow::Dpia(row) => dpias.push(row),
                ViewRow::Review(row) => reviews.push(row),
                ViewRow::Inputs { model, version, rows, replaces } => {
                    if replaces {
                        self.drop_inputs(&model, version).await?;
                    }
                    inputs.extend(rows);
                }
                ViewRow::ModelWork { model, kind, number, items } => {
                    let sql = "DELETE FROM work_item WHERE model = $1 AND version = 0 AND kind = $2 AND number = $3";
                    self.fetch(sql, vec![model.into(), kind.into(), number.into()]).await?;
                    work.extend(items);
                }
                ViewRow::DeploymentWork { model, market, items } => {
                    let sql = "DELETE FROM work_item WHERE model = $1 AND version = 0 AND kind IN ('kill', 'step', 'drill') \
                               AND market = $2";
                    self.fetch(sql, vec![model.into(), market.into()]).await?;
                    work.extend(items);
                }
                ViewRow::Model(row) => models.push(row),
                ViewRow::Version(row) => versions.push(row),
                ViewRow::Deployment(row) => deployments.push(row),
                ViewRow::Work { model, version, items, replaces } => {
                    if replaces {
                        let sql = "DELETE FROM work_item WHERE model = $1 AND version = $2";
                        self.fetch(sql, vec![model.into(), version.into()]).await?;
                    }
                    work.extend(items);
                }
                ViewRow::Attest { campaign, answered, items } => {
                    for model in answered {
                        let sql = "DELETE FROM work_item WHERE model = $1 AND version = 0 AND kind = 'attest' \
                                   AND number = $2";
                        self.fetch(sql, vec![model.into(), campaign.into()]).await?;
                    }
                    work.extend(items);
                }
            }
        }
        let tail = " ON CONFLICT (name) DO UPDATE SET tier = excluded.tier, owner = excluded.owner, \
                    markets = excluded.markets, \
                    versions = excluded.versions, champions = excluded.champions, status = excluded.status, \
                    validated_at = excluded.validated_at";
        let columns = "model_view (name, title, tier, profile, owner, versions, markets, champions, registered_at, \
                       status, validated_at)";
        self.insert(columns, 11, tail, models).await?;
        let tail = " ON CONFLICT (model, number) DO UPDATE SET stage = excluded.stage, tracks = excluded.tracks, \
                    updated_at = excluded.updated_at";
        let columns =
            "version_view (model, number, stage, tracks, note, origin, registered_by, registered_at, updated_at)";
        self.insert(columns, 9, tail, versions).await?;
        self.put_privacy_views(dpias, reviews).await?;
        self.put_inputs(inputs).await?;
        let tail = " ON CONFLICT (model, market) DO UPDATE SET champion = excluded.champion, challenger = excluded.challenger, \
                    percent = excluded.percent, strikes = excluded.strikes, standby = excluded.standby, \
                    state = excluded.state, review_due = excluded.review_due, updated_at = excluded.updated_at";
        let columns = "deployment_view (model, market, champion, challenger, percent, strikes, standby, state, review_due, \
                       updated_at)";
        self.insert(columns, 10, tail, deployments).await?;
        let columns = "work_item (model, version, kind, number, slot, title, severity, since, due_at, market, not_for)";
        self.insert(columns, 11, "", work).await
    }

    /// Empties states, views and tree, before they are folded anew.
    pub async fn drop_views(&mut self) -> Result<(), StoreError> {
        for table in [
            "aggregate",
            "model_view",
            "version_view",
            "deployment_view",
            "dpia_view",
            "review_view",
            "work_item",
            "entry_about",
            "lineage_input",
            "exposure",
            "tile",
        ] {
            self.fetch(format!("DELETE FROM {table}"), Vec::new()).await?;
        }
        Ok(())
    }

    /// Every row of a view as text, in a fixed order, for comparison by fsck.
    pub async fn dump_view(&mut self, view: &'static str) -> Result<Vec<String>, StoreError> {
        let sql = match view {
            "model_view" => "SELECT * FROM model_view ORDER BY name",
            "version_view" => "SELECT * FROM version_view ORDER BY model, number",
            "dpia_view" => "SELECT * FROM dpia_view ORDER BY model",
            "review_view" => "SELECT * FROM review_view ORDER BY model, number",
            "deployment_view" => "SELECT * FROM deployment_view ORDER BY model, market",
            "work_item" => "SELECT * FROM work_item ORDER BY model, version, kind, number, market, slot",
            "entry_about" => "SELECT * FROM entry_about ORDER BY model, version, seq",
            "lineage_input" => "SELECT * FROM lineage_input ORDER BY model, version, kind, value, part",
            "exposure" => "SELECT * FROM exposure ORDER BY model, version, market",
            _ => return Err(StoreError::Inconsistent(format!("there is no view {view}"))),
        };
        Ok(self.fetch(sql, Vec::new()).await?.into_iter().map(|row| format!("{:?}", row.0)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_gets_its_parameters_in_order() {
        assert_eq!(value_list(1, 1), "($1)");
        assert_eq!(value_list(2, 3), "($1, $2, $3), ($4, $5, $6)");
    }

    #[test]
    fn any_number_of_rows_goes_into_few_statements() {
        for rows in 1..=600_usize {
            let (mut left, mut statements) = (rows, 0);
            while left > 0 {
                left -= rows_at_once(left);
                statements += 1;
            }
            assert!(statements <= rows / MAX_ROWS + 4, "{rows} rows take {statements} statements");
        }
    }
}
