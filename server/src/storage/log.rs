//! Reading the ledger: entries, tiles, the head.

use std::collections::HashMap;

use ledger::{
    Digest, Timestamp,
    tiles::{TileId, TileMap},
};

use super::{Filter, Row, Store, StoreError, Value};

/// The end of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of entries.
    pub size: u64,
    /// Hash of the last entry.
    pub last: Digest,
    /// Time of the last entry.
    pub time: Timestamp,
    /// The signed checkpoint of this size; empty before the first entry.
    pub checkpoint: String,
}

/// A sealed entry with what it is found by.
#[derive(Debug, Clone)]
pub struct StoredEntry {
    /// Its number.
    pub seq: u64,
    /// When it was sealed.
    pub time: Timestamp,
    /// Whose command it was.
    pub actor: String,
    /// Its event type.
    pub event: String,
    /// The model it concerns, if any.
    pub model: Option<String>,
    /// The version it concerns, if any.
    pub version: Option<u64>,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their SHA-256.
    pub hash: Digest,
}

/// Which entries to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// Of this model.
    pub model: Option<String>,
    /// Of this version of it, and of its markets' deployments what concerns the version.
    pub version: Option<u32>,
    /// By this actor.
    pub actor: Option<String>,
    /// Of this event type.
    pub event: Option<String>,
    /// Of one of these event types; of any, if empty.
    pub events: Vec<&'static str>,
    /// Sealed at this time or later.
    pub from: Option<Timestamp>,
    /// Sealed before this time.
    pub until: Option<Timestamp>,
    /// With a smaller number than this.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: u64,
}

impl EntryFilter {
    /// What every entry must meet, whichever way it concerns a version.
    fn conditions(&self) -> Filter {
        let mut sql = Filter::default();
        if let Some(model) = &self.model {
            sql.and("model = ?", model.as_str());
        }
        if let Some(actor) = &self.actor {
            sql.and("actor = ?", actor.as_str());
        }
        if let Some(event) = &self.event {
            sql.and("event = ?", event.as_str());
        }
        sql.among("event", &self.events);
        if let Some(from) = self.from {
            sql.and("time >= ?", from);
        }
        if let Some(until) = self.until {
            sql.and("time < ?", until);
        }
        if let Some(before) = self.before {
            sql.and("seq < ?", before);
        }
        sql
    }
}

const ENTRY_COLUMNS: &str = "SELECT seq, time, actor, event, bytes, hash, model, version FROM entry";

fn entry(row: &Row) -> Result<StoredEntry, StoreError> {
    Ok(StoredEntry {
        seq: row.count(0)?,
        time: row.time(1)?,
        actor: row.text(2)?.to_owned(),
        event: row.text(3)?.to_owned(),
        bytes: row.bytes(4)?.to_vec(),
        hash: row.digest(5)?,
        model: row.opt_text(6)?.map(str::to_owned),
        version: row.opt_int(7)?.map(|_| row.count(7)).transpose()?,
    })
}

pub(super) fn head(row: Option<&Row>) -> Result<Head, StoreError> {
    let row = row.ok_or_else(|| StoreError::Inconsistent("table head has no row".into()))?;
    Ok(Head { size: row.count(0)?, last: row.digest(1)?, time: row.time(2)?, checkpoint: row.text(3)?.to_owned() })
}

pub(super) const HEAD: &str = "SELECT size, last, time, checkpoint FROM head WHERE id = 1";

pub(super) fn tile_hashes(bytes: &[u8]) -> Vec<Digest> {
    bytes
        .chunks_exact(32)
        .map(|chunk| {
            let mut hash = [0; 32];
            hash.copy_from_slice(chunk);
            Digest::from_bytes(hash)
        })
        .collect()
}

impl Store {
    /// The end of the chain.
    pub async fn head(&self) -> Result<Head, StoreError> {
        head(self.fetch_one(HEAD, Vec::new()).await?.as_ref())
    }

    /// One entry.
    pub async fn entry(&self, seq: u64) -> Result<Option<StoredEntry>, StoreError> {
        let row = self.fetch_one(format!("{ENTRY_COLUMNS} WHERE seq = $1"), vec![seq.into()]).await?;
        row.as_ref().map(entry).transpose()
    }

    /// Up to `limit` entries from `from` on, oldest first.
    pub async fn entries_from(&self, from: u64, limit: u64) -> Result<Vec<StoredEntry>, StoreError> {
        let sql = format!("{ENTRY_COLUMNS} WHERE seq >= $1 ORDER BY seq LIMIT $2");
        self.fetch(sql, vec![from.into(), limit.into()]).await?.iter().map(entry).collect()
    }

    /// Up to `limit` entries from `from` on, oldest first; of one model, or of one version of it, if they are named.
    pub async fn entries_since(
        &self,
        from: u64,
        model: Option<&str>,
        version: Option<u32>,
        limit: u64,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let mut sql = Filter::default();
        sql.and("seq >= ?", from);
        if let Some(model) = model {
            sql.and("model = ?", model);
        }
        if let Some(version) = version {
            sql.and("version = ?", version);
        }
        let limit = sql.arg(limit);
        let text = format!("{ENTRY_COLUMNS}{} ORDER BY seq LIMIT {limit}", sql.sql());
        self.fetch(text, sql.args).await?.iter().map(entry).collect()
    }

    /// How many entries were sealed by `time`, that instant included.
    pub async fn size_at(&self, time: Timestamp) -> Result<u64, StoreError> {
        let sql = "SELECT seq + 1 FROM entry WHERE time <= $1 ORDER BY time DESC, seq DESC LIMIT 1";
        self.fetch_one(sql, vec![time.into()]).await?.map_or(Ok(0), |row| row.count(0))
    }

    /// Up to `limit` entries of these types, about a model or whatever they are about, with numbers from `from` to `until`,
    /// that one left out, oldest first.
    pub async fn entries_of_types(
        &self,
        types: &[&str],
        model: Option<&str>,
        (from, until): (u64, u64),
        limit: u64,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let mut sql = Filter::default();
        sql.and("seq >= ?", from).and("seq < ?", until).among("event", types);
        if let Some(model) = model {
            sql.and("model = ?", model);
        }
        let limit = sql.arg(limit);
        let text = format!("{ENTRY_COLUMNS}{} ORDER BY seq LIMIT {limit}", sql.sql());
        self.fetch(text, sql.args).await?.iter().map(entry).collect()
    }

    /// Entries that match, newest first.
    pub async fn find_entries(&self, filter: &EntryFilter) -> Result<Vec<StoredEntry>, StoreError> {
        let mut sql = filter.conditions();
        if let Some(version) = filter.version {
            sql.and("version = ?", version);
        }
        let limit = sql.arg(filter.limit);
        let text = format!("{ENTRY_COLUMNS}{} ORDER BY seq DESC LIMIT {limit}", sql.sql());
        let mut found: Vec<StoredEntry> =
            self.fetch(text, sql.args).await?.iter().map(entry).collect::<Result<_, _>>()?;
        if let (Some(model), Some(version)) = (&filter.model, filter.version) {
            let beside = self.entries_beside(filter, model, version).await?;
            if !beside.is_empty() {
                // No entry is in both: those beside have a deployment as their subject.
                found.extend(beside);
                found.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.seq));
                found.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
            }
        }
        Ok(found)
    }

    /// Entries that match and concern the version though its market's deployment is their subject, newest first.
    async fn entries_beside(
        &self,
        filter: &EntryFilter,
        model: &str,
        version: u32,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let mut sql = EntryFilter { model: None, before: None, ..filter.clone() }.conditions();
        sql.and("a.model = ?", model).and("a.version = ?", version);
        if let Some(before) = filter.before {
            sql.and("a.seq < ?", before);
        }
        let limit = sql.arg(filter.limit);
        let columns = "SELECT e.seq, e.time, e.actor, e.event, e.bytes, e.hash, e.model, e.version \
                       FROM entry_about a JOIN entry e ON e.seq = a.seq";
        let text = format!("{columns}{} ORDER BY a.seq DESC LIMIT {limit}", sql.sql());
        self.fetch(text, sql.args).await?.iter().map(entry).collect()
    }

    /// Up to `limit` entries of these types from `from` on that concern a version, as their subject or beside it, oldest
    /// first.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn entries_concerning(
        &self,
        model: &str,
        version: u32,
        types: &[&str],
        from: u64,
        limit: u64,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let mut sql = Filter::default();
        let (model, version, from) = (sql.arg(model), sql.arg(version), sql.arg(from));
        let types: Vec<String> = types.iter().map(|event| sql.arg(*event)).collect();
        let (types, limit) = (types.join(", "), sql.arg(limit));
        // Each side is bounded by its own index, and by the limit.
        let text = format!(
            "SELECT * FROM (SELECT * FROM (SELECT seq, time, actor, event, bytes, hash, model, version FROM entry \
               WHERE model = {model} AND version = {version} AND seq >= {from} AND event IN ({types}) \
               ORDER BY seq LIMIT {limit}) AS own \
             UNION ALL SELECT * FROM (SELECT e.seq, e.time, e.actor, e.event, e.bytes, e.hash, e.model, e.version \
               FROM entry_about a JOIN entry e ON e.seq = a.seq \
               WHERE a.model = {model} AND a.version = {version} AND a.seq >= {from} AND e.event IN ({types}) \
               ORDER BY a.seq LIMIT {limit}) AS beside) AS found ORDER BY seq LIMIT {limit}"
        );
        self.fetch(text, sql.args).await?.iter().map(entry).collect()
    }

    /// Up to `limit` entries of these types about a model with numbers below `before`, newest first.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn entries_before(
        &self,
        model: &str,
        types: &[&str],
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let mut sql = Filter::default();
        sql.and("model = ?", model);
        if let Some(before) = before {
            sql.and("seq < ?", before);
        }
        let types: Vec<String> = types.iter().map(|event| sql.arg(*event)).collect();
        let (types, limit) = (types.join(", "), sql.arg(limit));
        let text = format!("{ENTRY_COLUMNS}{} AND event IN ({types}) ORDER BY seq DESC LIMIT {limit}", sql.sql());
        self.fetch(text, sql.args).await?.iter().map(entry).collect()
    }

    /// The tiles asked for, as they are now: possibly wider than at an earlier size of the tree.
    pub async fn tiles(&self, ids: &[TileId]) -> Result<TileMap, StoreError> {
        let mut found = HashMap::new();
        for chunk in ids.chunks(100) {
            let mut args: Vec<Value> = Vec::new();
            let mut conditions = Vec::new();
            for id in chunk {
                args.push(Value::from(u32::from(id.level)));
                args.push(id.index.into());
                conditions.push(format!("(level = ${} AND number = ${})", args.len() - 1, args.len()));
            }
            if conditions.is_empty() {
                continue;
            }
            let sql = format!("SELECT level, number, hashes FROM tile WHERE {}", conditions.join(" OR "));
            for row in self.fetch(sql, args).await? {
                let level = u8::try_from(row.int(0)?)
                    .map_err(|_| StoreError::Inconsistent("a tile has no such level".into()))?;
                found.insert(TileId { level, index: row.count(1)? }, tile_hashes(row.bytes(2)?));
            }
        }
        Ok(found)
    }
}
