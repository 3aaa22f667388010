//! Reading the registry: states and the views that pages list.

use std::{collections::BTreeMap, sync::Arc};

use domain::{Aggregate, AggregateId, ModelName, VersionNumber, trigger::Triggers};
use ledger::Timestamp;

use super::{Filter, Row, Store, StoreError, Value, like_literal};

/// One line of the model inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRow {
    /// Registry name.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Tier, 1 to 3.
    pub tier: String,
    /// Policy profile.
    pub profile: String,
    /// Owner's account.
    pub owner: String,
    /// Number of versions.
    pub versions: u64,
    /// Markets.
    pub markets: Vec<String>,
    /// Version that serves each market.
    pub champions: BTreeMap<String, u32>,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// Open findings on any version.
    pub open_findings: u64,
    /// How many of them are critical or high.
    pub severe_findings: u64,
    /// The earliest date by which something waits, if anything does.
    pub next_due: Option<Timestamp>,
    /// `in_development`, `in_use` or `retired`.
    pub status: String,
    /// When it was validated in full last.
    pub validated_at: Option<Timestamp>,
    /// When it is to be validated again, if it is.
    pub next_validation: Option<Timestamp>,
    /// Waivers in force on any version.
    pub exceptions: u64,
}

/// How the inventory is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ModelOrder {
    /// By name.
    #[default]
    Name,
    /// By tier, heaviest first.
    Tier,
    /// Newest first.
    Registered,
    /// What waits longest first.
    Due,
}

/// Which models to list.
#[derive(Debug, Clone, Default)]
pub struct ModelFilter {
    /// Name or title contains this, whatever the case.
    pub search: Option<String>,
    /// Of this tier.
    pub tier: Option<String>,
    /// Of this profile.
    pub profile: Option<String>,
    /// In this market.
    pub market: Option<String>,
    /// `overdue`, or `soon`: something waits and is due within 30 days; `revalidation`: its next validation is overdue.
    pub due: Option<String>,
    /// Of this owner.
    pub owner: Option<String>,
    /// Of this status.
    pub status: Option<String>,
    /// With a waiver in force.
    pub has_exceptions: bool,
    /// Order.
    pub order: ModelOrder,
    /// Skip so many.
    pub offset: u64,
    /// At most so many.
    pub limit: u64,
}

/// One line of a model's versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// Number.
    pub number: u32,
    /// Furthest stage.
    pub stage: String,
    /// Stage by market.
    pub tracks: BTreeMap<String, String>,
    /// What is new.
    pub note: String,
    /// Who registered it.
    pub registered_by: String,
    /// When.
    pub registered_at: Timestamp,
    /// Latest change.
    pub updated_at: Timestamp,
}

/// Something that waits for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkItem {
    /// Model.
    pub model: String,
    /// Version.
    pub version: u32,
    /// `sign`, `vote`, `validate`, `remediate`, `verify`, `waiver`, `requested`; on a model itself (version 0)
    /// `revalidate` and `attest`; on a market of it (version 0) `step`, `kill` and `drill`.
    pub kind: String,
    /// Number of the request, finding, waiver or campaign; of a `step`, the version.
    pub number: u32,
    /// The market, where it is one market's; else empty.
    pub market: String,
    /// Role or account that it waits for, or `owner`.
    pub slot: String,
    /// What it is.
    pub title: String,
    /// Severity of a finding.
    pub severity: Option<String>,
    /// Since when it waits.
    pub since: Timestamp,
    /// By when it should be done, where a rule says so.
    pub due_at: Option<Timestamp>,
}

fn json<T: serde::de::DeserializeOwned>(row: &Row, column: usize) -> Result<T, StoreError> {
    serde_json::from_str(row.text(column)?)
        .map_err(|error| StoreError::Inconsistent(format!("column {column} of a view is not JSON: {error}")))
}

fn small(number: u64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| StoreError::Inconsistent(format!("{number} is no version number")))
}

fn not_a_version() -> StoreError {
    StoreError::Inconsistent("a waiver stands on no version".into())
}

fn model_row(row: &Row) -> Result<ModelRow, StoreError> {
    Ok(ModelRow {
        name: row.text(0)?.to_owned(),
        title: row.text(1)?.to_owned(),
        tier: row.text(2)?.to_owned(),
        profile: row.text(3)?.to_owned(),
        owner: row.text(4)?.to_owned(),
        versions: row.count(5)?,
        markets: json(row, 6)?,
        champions: json(row, 7)?,
        registered_at: row.time(8)?,
        open_findings: row.count(9)?,
        severe_findings: row.count(10)?,
        next_due: row.opt_int(11)?.map(Timestamp::from_micros),
        status: row.text(12)?.to_owned(),
        validated_at: Some(row.time(13)?).filter(|at| *at != Timestamp::EPOCH),
        next_validation: row.opt_int(14)?.map(Timestamp::from_micros),
        exceptions: row.count(15)?,
    })
}

fn version_row(row: &Row) -> Result<VersionRow, StoreError> {
    Ok(VersionRow {
        number: small(row.count(0)?)?,
        stage: row.text(1)?.to_owned(),
        tracks: json(row, 2)?,
        note: row.text(3)?.to_owned(),
        registered_by: row.text(4)?.to_owned(),
        registered_at: row.time(5)?,
        updated_at: row.time(6)?,
    })
}

fn work_item(row: &Row) -> Result<WorkItem, StoreError> {
    Ok(WorkItem {
        model: row.text(0)?.to_owned(),
        version: small(row.count(1)?)?,
        kind: row.text(2)?.to_owned(),
        number: small(row.count(3)?)?,
        slot: row.text(4)?.to_owned(),
        title: row.text(5)?.to_owned(),
        severity: row.opt_text(6)?.map(str::to_owned),
        since: row.time(7)?,
        due_at: row.opt_int(8)?.map(Timestamp::from_micros),
        market: row.text(9)?.to_owned(),
    })
}

pub(super) fn aggregate(row: &Row) -> Result<(AggregateId, Aggregate), StoreError> {
    let id: AggregateId = row.parsed(0)?;
    let state = Aggregate::from_json(&id, row.text(1)?)
        .map_err(|error| StoreError::Inconsistent(format!("the state of {id} cannot be read: {error}")))?;
    Ok((id, state))
}

/// `($1, $2, …)` for `count` parameters.
pub(super) fn placeholders(count: usize) -> String {
    let marks: Vec<String> = (1..=count).map(|at| format!("${at}")).collect();
    format!("({})", marks.join(", "))
}

/// The columns of the inventory; `:now` stands for the present instant.
const MODEL_COLUMNS: &str = "SELECT m.name, m.title, m.tier, m.profile, m.owner, m.versions, m.markets, m.champions, \
    m.registered_at, \
    (SELECT COUNT(*) FROM work_item w WHERE w.model = m.name AND w.kind IN ('remediate', 'verify')) AS findings, \
    (SELECT COUNT(*) FROM work_item w WHERE w.model = m.name AND w.severity IN ('critical', 'high')) AS severe, \
    (SELECT MIN(w.due_at) FROM work_item w WHERE w.model = m.name AND w.kind NOT IN ('requested', 'waiver') \
        AND w.since <= :now) AS next_due, \
    m.status, m.validated_at, \
    (SELECT MIN(w.due_at) FROM work_item w WHERE w.model = m.name AND w.kind = 'revalidate') AS next_validation, \
    (SELECT COUNT(*) FROM work_item w WHERE w.model = m.name AND w.kind = 'waiver' AND w.slot = 'mrm_validator' \
        AND w.due_at > :now) AS exceptions \
    FROM model_view m";

/// What a reader's inbox holds: in one of the slots, or, slot `owner`, on a model that one of them owns; begun to wait;
/// no waiver that has expired, which says so at its gate; and nothing that is another's to do.
fn waits_for(slots: &[String], now: Timestamp) -> (String, Vec<Value>) {
    let mut args: Vec<Value> = slots.iter().map(|slot| Value::from(slot.as_str())).collect();
    let marks = placeholders(args.len());
    args.push(now.into());
    let now = format!("${}", args.len());
    let condition = format!(
        "(slot IN {marks} OR (slot = 'owner' AND model IN (SELECT name FROM model_view WHERE owner IN {marks}))) \
         AND since <= {now} AND (kind <> 'waiver' OR due_at > {now}) AND (not_for IS NULL OR not_for NOT IN {marks})"
    );
    (condition, args)
}

const WORK_COLUMNS: &str =
    "SELECT model, version, kind, number, slot, title, severity, since, due_at, market FROM work_item";

impl Store {
    /// States at which to look again by `now`, the longest waiting first, at most `limit`.
    ///
    /// # Errors
    /// The storage failed, or an aggregate has no such name.
    pub async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<AggregateId>, StoreError> {
        let sql = "SELECT aggregate FROM due WHERE at <= $1 ORDER BY at, aggregate LIMIT $2";
        let rows = self.fetch(sql, vec![now.into(), limit.into()]).await?;
        rows.iter().map(|row| row.text(0)?.parse().map_err(StoreError::Inconsistent)).collect()
    }

    /// The next instant at which something is due, if anything is.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let rows = self.fetch("SELECT at FROM due ORDER BY at LIMIT 1", vec![]).await?;
        rows.first().map(|row| row.time(0)).transpose()
    }

    /// The triggers of models that have any, by name, at most `limit`.
    ///
    /// # Errors
    /// The storage failed, or a state cannot be read.
    pub async fn all_triggers(&self, limit: u64) -> Result<Vec<Arc<Triggers>>, StoreError> {
        let sql = "SELECT id, state FROM aggregate WHERE id >= 'triggers/' AND id < 'triggers0' ORDER BY id LIMIT $1";
        let rows = self.fetch(sql, vec![limit.into()]).await?;
        let states = rows.iter().map(aggregate).collect::<Result<Vec<_>, _>>()?;
        Ok(states
            .into_iter()
            .filter_map(|(_, state)| match state {
                Aggregate::Triggers(triggers) => Some(triggers),
                _ => None,
            })
            .collect())
    }

    /// The states asked for, those that exist.
    pub async fn aggregates(&self, ids: &[AggregateId]) -> Result<Vec<(AggregateId, Aggregate)>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT id, state FROM aggregate WHERE id IN {}", placeholders(ids.len()));
        let args = ids.iter().map(|id| Value::from(id.to_string())).collect();
        self.fetch(sql, args).await?.iter().map(aggregate).collect()
    }

    /// One state.
    pub async fn aggregate(&self, id: &AggregateId) -> Result<Option<Aggregate>, StoreError> {
        Ok(self.aggregates(std::slice::from_ref(id)).await?.pop().map(|(_, state)| state))
    }

    /// Up to `limit` states with an id after `after`, in the order of ids.
    pub async fn aggregates_after(&self, after: &str, limit: u64) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT id, state FROM aggregate WHERE id > $1 ORDER BY id LIMIT $2";
        let rows = self.fetch(sql, vec![after.into(), limit.into()]).await?;
        rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()))).collect()
    }

    /// Models that match, and how many match in all.
    pub async fn models(&self, filter: &ModelFilter, now: Timestamp) -> Result<(Vec<ModelRow>, u64), StoreError> {
        let mut sql = Filter::default();
        if let Some(search) = filter.search.as_deref().filter(|search| !search.is_empty()) {
            // LOWER knows the letters of ASCII only, on both engines.
            let pattern = format!("%{}%", like_literal(&search.to_ascii_lowercase()));
            sql.and("LOWER(m.name || ' ' || m.title) LIKE ? ESCAPE '\\'", pattern);
        }
        if let Some(tier) = &filter.tier {
            sql.and("m.tier = ?", tier.as_str());
        }
        if let Some(profile) = &filter.profile {
            sql.and("m.profile = ?", profile.as_str());
        }
        if let Some(owner) = &filter.owner {
            sql.and("m.owner = ?", owner.as_str());
        }
        if let Some(status) = &filter.status {
            sql.and("m.status = ?", status.as_str());
        }
        if filter.has_exceptions {
            let waived =
                "EXISTS (SELECT 1 FROM work_item w WHERE w.model = m.name AND w.kind = 'waiver' AND w.due_at > ?)";
            sql.and(waived, now);
        }
        if filter.due.as_deref() == Some("revalidation") {
            let overdue =
                "EXISTS (SELECT 1 FROM work_item w WHERE w.model = m.name AND w.kind = 'revalidate' AND w.due_at < ?)";
            sql.and(overdue, now);
        }
        if let Some(market) = &filter.market {
            sql.and("m.markets LIKE ? ESCAPE '\\'", format!("%\"{}\"%", like_literal(market)));
        }
        let until = match filter.due.as_deref() {
            Some("overdue") => Some(now),
            Some("soon") => Some(now.plus_days(30)),
            _ => None,
        };
        if let Some(until) = until {
            let waits = "EXISTS (SELECT 1 FROM work_item w WHERE w.model = m.name AND w.kind NOT IN ('requested', 'waiver') AND w.due_at < ?)";
            sql.and(waits, until);
        }
        let count = format!("SELECT COUNT(*) FROM model_view m{}", sql.sql());
        let total = self.fetch_one(count, sql.args.clone()).await?.map_or(Ok(0), |row| row.count(0))?;
        let order = match filter.order {
            ModelOrder::Name => "m.name",
            ModelOrder::Tier => "m.tier, m.name",
            ModelOrder::Registered => "m.registered_at DESC, m.name",
            ModelOrder::Due => "next_due NULLS LAST, m.name",
        };
        let condition = sql.sql();
        let columns = MODEL_COLUMNS.replace(":now", &sql.arg(now));
        let (limit, offset) = (sql.arg(filter.limit), sql.arg(filter.offset));
        let text = format!("{columns}{condition} ORDER BY {order} LIMIT {limit} OFFSET {offset}");
        let rows = self.fetch(text, sql.args).await?;
        Ok((rows.iter().map(model_row).collect::<Result<_, _>>()?, total))
    }

    /// Versions of a model with a number below `before`, newest first; of one stage if it is named.
    pub async fn versions(
        &self,
        model: &str,
        stage: Option<&str>,
        before: Option<u32>,
        limit: u64,
    ) -> Result<Vec<VersionRow>, StoreError> {
        let mut sql = Filter::default();
        sql.and("model = ?", model);
        if let Some(stage) = stage {
            sql.and("stage = ?", stage);
        }
        if let Some(before) = before {
            sql.and("number < ?", before);
        }
        let condition = sql.sql();
        let limit = sql.arg(limit);
        let text = format!(
            "SELECT number, stage, tracks, note, registered_by, registered_at, updated_at FROM version_view{condition} \
             ORDER BY number DESC LIMIT {limit}"
        );
        self.fetch(text, sql.args).await?.iter().map(version_row).collect()
    }

    /// The newest version of each model.
    pub async fn latest_versions(&self, models: &[String]) -> Result<BTreeMap<String, VersionRow>, StoreError> {
        if models.is_empty() {
            return Ok(BTreeMap::new());
        }
        let sql = format!(
            "SELECT v.number, v.stage, v.tracks, v.note, v.registered_by, v.registered_at, v.updated_at, v.model \
             FROM model_view m JOIN version_view v ON v.model = m.name AND v.number = m.versions WHERE m.name IN {}",
            placeholders(models.len())
        );
        let args = models.iter().map(|model| Value::from(model.as_str())).collect();
        let rows = self.fetch(sql, args).await?;
        rows.iter().map(|row| Ok((row.text(7)?.to_owned(), version_row(row)?))).collect()
    }

    /// The names of the models that were registered by `time`, from the `offset`-th on by name, at most `limit`; and how
    /// many there were.
    pub async fn models_by(
        &self,
        time: Timestamp,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<ModelName>, u64), StoreError> {
        let sql = "SELECT name FROM model_view WHERE registered_at <= $1 ORDER BY name LIMIT $2 OFFSET $3";
        let rows = self.fetch(sql, vec![time.into(), limit.into(), offset.into()]).await?;
        let names = rows.iter().map(|row| row.parsed(0)).collect::<Result<_, _>>()?;
        let sql = "SELECT COUNT(*) FROM model_view WHERE registered_at <= $1";
        let total = self.fetch_one(sql, vec![time.into()]).await?.map_or(Ok(0), |row| row.count(0))?;
        Ok((names, total))
    }

    /// How much waits for any of `slots`, their own requests left out.
    pub async fn count_work(&self, slots: &[String], now: Timestamp) -> Result<u64, StoreError> {
        if slots.is_empty() {
            return Ok(0);
        }
        let (condition, args) = waits_for(slots, now);
        let sql = format!(
            "SELECT COUNT(*) FROM (SELECT DISTINCT model, version, kind, number, market FROM work_item \
             WHERE kind <> 'requested' AND {condition}) AS waiting"
        );
        self.fetch_one(sql, args).await?.map_or(Ok(0), |row| row.count(0))
    }

    /// How many validations wait, of a version or of a whole model: the queue that a validator works off.
    pub async fn count_validations(&self, now: Timestamp) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) FROM (SELECT DISTINCT model, version, kind, number, market FROM work_item \
                   WHERE kind IN ('validate', 'revalidate') AND since <= $1) AS waiting";
        self.fetch_one(sql, vec![now.into()]).await?.map_or(Ok(0), |row| row.count(0))
    }

    /// What waits for any of `slots` (roles and accounts), each thing once: what they are to do, most urgent first, then
    /// their own requests, which wait for others; from the `offset`-th on, at most `limit`.
    pub async fn work_for(
        &self,
        slots: &[String],
        now: Timestamp,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<WorkItem>, StoreError> {
        if slots.is_empty() {
            return Ok(Vec::new());
        }
        let (condition, mut args) = waits_for(slots, now);
        args.extend([limit.into(), offset.into()]);
        let sql = format!(
            "SELECT model, version, kind, number, MIN(slot), MIN(title), MIN(severity), MIN(since), MIN(due_at), market \
             FROM work_item WHERE {condition} GROUP BY model, version, kind, number, market \
             ORDER BY CASE WHEN kind = 'requested' THEN 1 ELSE 0 END, MIN(due_at) NULLS LAST, model, version, kind, \
             number, market LIMIT ${} OFFSET ${}",
            args.len() - 1,
            args.len()
        );
        self.fetch(sql, args).await?.iter().map(work_item).collect()
    }

    /// How many things wait for any of `slots`, by kind and by whether their date is past.
    pub async fn work_by_kind(&self, slots: &[String], now: Timestamp) -> Result<Vec<(String, bool, u64)>, StoreError> {
        if slots.is_empty() {
            return Ok(Vec::new());
        }
        let (condition, mut args) = waits_for(slots, now);
        args.push(now.into());
        let sql = format!(
            "SELECT kind, late, COUNT(*) FROM (SELECT kind, CAST(CASE WHEN MIN(due_at) < ${} THEN 1 ELSE 0 END AS BIGINT) AS late \
             FROM work_item WHERE {condition} GROUP BY model, version, kind, number, market) AS waiting \
             GROUP BY kind, late ORDER BY kind, late",
            args.len()
        );
        let rows = self.fetch(sql, args).await?;
        rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.int(1)? == 1, row.count(2)?))).collect()
    }

    /// The numbers of all attestation campaigns, newest first.
    pub async fn campaigns(&self) -> Result<Vec<u32>, StoreError> {
        let sql = "SELECT id FROM aggregate WHERE id >= 'campaign/' AND id < 'campaign0'";
        let rows = self.fetch(sql, Vec::new()).await?;
        let mut numbers: Vec<u32> =
            rows.iter().filter_map(|row| row.text(0).ok()?.strip_prefix("campaign/")?.parse().ok()).collect();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        Ok(numbers)
    }

    /// The versions of a model on which a waiver is in force.
    pub async fn waived_versions(&self, model: &str, now: Timestamp) -> Result<Vec<VersionNumber>, StoreError> {
        let sql = "SELECT DISTINCT version FROM work_item \
                   WHERE model = $1 AND kind = 'waiver' AND slot = 'mrm_validator' AND due_at > $2 ORDER BY version";
        let rows = self.fetch(sql, vec![model.into(), now.into()]).await?;
        let number = |row: &Row| VersionNumber::try_from(small(row.count(0)?)?).ok().ok_or_else(not_a_version);
        rows.iter().map(number).collect()
    }

    /// What waits on one version.
    pub async fn work_on(&self, model: &str, version: u32) -> Result<Vec<WorkItem>, StoreError> {
        let sql = format!("{WORK_COLUMNS} WHERE model = $1 AND version = $2 ORDER BY due_at NULLS LAST, kind, number");
        self.fetch(sql, vec![model.into(), version.into()]).await?.iter().map(work_item).collect()
    }
}
