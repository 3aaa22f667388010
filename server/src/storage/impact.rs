//! From an input to the versions made of it, and to the users whom they answer or answered.

use std::collections::BTreeMap;

use domain::{
    VersionId,
    impact::{Input, InputKind},
};
use ledger::Timestamp;

use super::{Filter, Row, Store, StoreError, Value, Write, registry::placeholders};

/// Versions counted at most: whoever finds more narrows the search.
pub const MOST_COUNTED: u64 = 10_000;

/// Whose users a version must answer to be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Nobody's: every version.
    #[default]
    Any,
    /// Some user's, now.
    Now,
    /// Some user's, now or before.
    Ever,
}

impl Reach {
    /// Every reach, widest first.
    pub const ALL: [Self; 3] = [Self::Any, Self::Ever, Self::Now];

    /// The reach's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Now => "now",
            Self::Ever => "ever",
        }
    }
}

/// A version made of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeOf {
    /// The model.
    pub model: String,
    /// The version's number.
    pub version: u32,
    /// The furthest stage in any market.
    pub stage: String,
    /// The stage by market.
    pub tracks: BTreeMap<String, String>,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// The users whom it answers and answered, by market.
    pub reach: Vec<Reached>,
}

/// The users of one market whom a version answers or answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The market.
    pub market: String,
    /// The share that it answers now, in percent.
    pub percent: u32,
    /// The largest share that it ever answered.
    pub peak: u32,
    /// Since when it answered any, and the entry.
    pub first: (Timestamp, u64),
    /// Since when it answers the share of now, and the entry.
    pub changed: (Timestamp, u64),
}

fn small(row: &Row, column: usize) -> Result<u32, StoreError> {
    let number = row.int(column)?;
    u32::try_from(number).map_err(|_| StoreError::Inconsistent(format!("{number} is out of range")))
}

impl Write {
    /// Removes what a version was made of, before it is written anew.
    pub(super) async fn drop_inputs(&mut self, model: &str, version: u32) -> Result<(), StoreError> {
        let sql = "DELETE FROM lineage_input WHERE model = $1 AND version = $2";
        self.fetch(sql, vec![model.into(), version.into()]).await.map(drop)
    }

    /// Stores what versions were made of.
    pub(super) async fn put_inputs(&mut self, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
        self.insert("lineage_input (model, version, kind, value, part)", 5, "", rows).await
    }

    /// Stores whom versions answer, over what is known: the first instant stays, the largest share grows.
    pub async fn put_exposures(&mut self, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
        let columns =
            "exposure (model, version, market, percent, peak, first_at, first_entry, changed_at, changed_entry)";
        let tail = " ON CONFLICT (model, version, market) DO UPDATE SET percent = excluded.percent, \
                    peak = CASE WHEN excluded.peak > exposure.peak THEN excluded.peak ELSE exposure.peak END, \
                    changed_at = excluded.changed_at, changed_entry = excluded.changed_entry";
        self.insert(columns, 9, tail, rows).await
    }
}

/// The conditions for an input; a commit or digest is found by its beginning too.
fn of_input(input: &Input) -> Filter {
    let mut sql = Filter::default();
    sql.and("i.kind = ?", input.kind.id());
    if input.kind.is_hex() {
        // 'g' comes after every digit.
        sql.and("i.value >= ?", input.value.as_str()).and("i.value < ?", format!("{}g", input.value));
    } else {
        sql.and("i.value = ?", input.value.as_str());
        if input.kind != InputKind::Run || !input.part.is_empty() {
            sql.and("i.part = ?", input.part.as_str());
        }
    }
    sql
}

impl Store {
    /// Versions made of an input, by model, the latest version first; and how many there are, [`MOST_COUNTED`] at most.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn made_of(
        &self,
        input: &Input,
        reach: Reach,
        (offset, limit): (u64, u64),
    ) -> Result<(Vec<MadeOf>, u64), StoreError> {
        let mut sql = of_input(input);
        let reached = match reach {
            Reach::Any => "",
            Reach::Ever => " AND EXISTS (SELECT 1 FROM exposure e WHERE e.model = i.model AND e.version = i.version)",
            Reach::Now => {
                " AND EXISTS (SELECT 1 FROM exposure e WHERE e.model = i.model AND e.version = i.version \
                 AND e.percent > 0)"
            }
        };
        let condition = format!("{}{reached}", sql.sql());
        let count = format!(
            "SELECT COUNT(*) FROM (SELECT 1 AS one FROM lineage_input i{condition} LIMIT {MOST_COUNTED}) AS found"
        );
        let total = self.fetch_one(count, sql.args.clone()).await?.map_or(Ok(0), |row| row.count(0))?;
        let (limit, offset) = (sql.arg(limit), sql.arg(offset));
        let text = format!(
            "SELECT f.model, f.version, v.stage, v.tracks, v.registered_at FROM \
             (SELECT i.model, i.version FROM lineage_input i{condition} ORDER BY i.model, i.version DESC \
             LIMIT {limit} OFFSET {offset}) AS f \
             JOIN version_view v ON v.model = f.model AND v.number = f.version ORDER BY f.model, f.version DESC"
        );
        let rows = self.fetch(text, sql.args).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            found.push(MadeOf {
                model: row.text(0)?.to_owned(),
                version: small(row, 1)?,
                stage: row.text(2)?.to_owned(),
                tracks: serde_json::from_str(row.text(3)?)
                    .map_err(|error| StoreError::Inconsistent(format!("a version's tracks are not JSON: {error}")))?,
                registered_at: row.time(4)?,
                reach: Vec::new(),
            });
        }
        self.add_reach(&mut found).await?;
        Ok((found, total))
    }

    /// The users whom these versions answer and answered, in one query.
    async fn add_reach(&self, versions: &mut [MadeOf]) -> Result<(), StoreError> {
        if versions.is_empty() {
            return Ok(());
        }
        // The models' names bound the rows that are looked at; which version each belongs to is told here.
        let mut models: Vec<&str> = versions.iter().map(|version| version.model.as_str()).collect();
        models.dedup();
        let mut args: Vec<Value> = models.iter().map(|model| Value::from(*model)).collect();
        let marks = placeholders(args.len());
        let numbers = versions.iter().map(|version| version.version);
        let (least, most) = (numbers.clone().min().unwrap_or(0), numbers.max().unwrap_or(0));
        args.extend([least.into(), most.into()]);
        let (least, most) = (args.len() - 1, args.len());
        let sql = format!(
            "SELECT model, version, market, percent, peak, first_at, first_entry, changed_at, changed_entry \
             FROM exposure WHERE model IN {marks} AND version BETWEEN ${least} AND ${most} \
             ORDER BY model, version, market"
        );
        let mut reached: BTreeMap<(String, u32), Vec<Reached>> = BTreeMap::new();
        for row in self.fetch(sql, args).await? {
            let place = (row.text(0)?.to_owned(), small(&row, 1)?);
            reached.entry(place).or_default().push(Reached {
                market: row.text(2)?.to_owned(),
                percent: small(&row, 3)?,
                peak: small(&row, 4)?,
                first: (row.time(5)?, row.count(6)?),
                changed: (row.time(7)?, row.count(8)?),
            });
        }
        for version in versions {
            version.reach = reached.remove(&(version.model.clone(), version.version)).unwrap_or_default();
        }
        Ok(())
    }

    /// The versions that name this one as a parent, the latest first, at most `limit`; and how many there are.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn children(&self, id: &VersionId, limit: u64) -> Result<(Vec<MadeOf>, u64), StoreError> {
        let input = Input { kind: InputKind::Parent, value: id.number.to_string(), part: id.model.to_string() };
        self.made_of(&input, Reach::Any, (0, limit)).await
    }

    /// Datasets that versions were made of, by name, at most `limit`.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn datasets(&self, limit: u64) -> Result<Vec<String>, StoreError> {
        // One step along the index for each name, however many versions there are of it.
        let sql = "WITH RECURSIVE name (value, nth) AS ( \
                     SELECT (SELECT MIN(value) FROM lineage_input WHERE kind = 'dataset'), 1 \
                     UNION ALL \
                     SELECT (SELECT MIN(i.value) FROM lineage_input i WHERE i.kind = 'dataset' AND i.value > name.value), \
                       name.nth + 1 \
                     FROM name WHERE name.value IS NOT NULL AND name.nth < $1) \
                   SELECT value FROM name WHERE value IS NOT NULL ORDER BY value";
        let rows = self.fetch(sql, vec![limit.into()]).await?;
        rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
    }
}
