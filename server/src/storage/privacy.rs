//! Reading and writing the views of privacy.

use domain::Aggregate;
use ledger::Timestamp;

use super::{Filter, Row, Store, StoreError, Value, Write, registry::aggregate};

/// One line of the list of assessments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DpiaRow {
    /// The model.
    pub model: String,
    /// What the assessment as written waits for: `write`, `advise`, `consult`, `approve` or `done`.
    pub step: String,
    /// Whether an approved assessment stands.
    pub in_force: bool,
    /// When the approved one must be looked at again.
    pub review_at: Option<Timestamp>,
    /// `none`, `incomplete`, `stated` or `confirmed`.
    pub safeguards: String,
    /// Latest change.
    pub updated_at: Timestamp,
}

/// One line of the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewRow {
    /// The model.
    pub model: String,
    /// Number within the model.
    pub number: u32,
    /// What is asked for.
    pub asks: String,
    /// The market.
    pub market: Option<String>,
    /// `unassigned`, `assigned` or `answered`.
    pub state: String,
    /// Who looks at it.
    pub assignee: Option<String>,
    /// When the person asked.
    pub received_at: Timestamp,
    /// By when it is answered.
    pub due_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// What became of it.
    pub outcome: Option<String>,
    /// Whether its personal data are erased.
    pub erased: bool,
}

/// Which requests to list.
#[derive(Debug, Clone, Default)]
pub struct ReviewFilter {
    /// On this model.
    pub model: Option<String>,
    /// `open`, `overdue` or `answered`; all, if left out.
    pub state: Option<String>,
    /// Skip so many.
    pub offset: u64,
    /// At most so many.
    pub limit: u64,
}

fn dpia(row: &Row) -> Result<DpiaRow, StoreError> {
    Ok(DpiaRow {
        model: row.text(0)?.to_owned(),
        step: row.text(1)?.to_owned(),
        in_force: row.int(2)? == 1,
        review_at: row.opt_int(3)?.map(Timestamp::from_micros),
        safeguards: row.text(4)?.to_owned(),
        updated_at: row.time(5)?,
    })
}

fn review(row: &Row) -> Result<ReviewRow, StoreError> {
    Ok(ReviewRow {
        model: row.text(0)?.to_owned(),
        number: u32::try_from(row.int(1)?)
            .map_err(|_| StoreError::Inconsistent("a review request has no such number".into()))?,
        asks: row.text(2)?.to_owned(),
        market: row.opt_text(3)?.map(str::to_owned),
        state: row.text(4)?.to_owned(),
        assignee: row.opt_text(5)?.map(str::to_owned),
        received_at: row.time(6)?,
        due_at: row.time(7)?,
        answered_at: row.opt_int(8)?.map(Timestamp::from_micros),
        outcome: row.opt_text(9)?.map(str::to_owned),
        erased: row.int(10)? == 1,
    })
}

impl Store {
    /// Assessments, by model, and how many there are in all.
    pub async fn dpias(&self, offset: u64, limit: u64) -> Result<(Vec<DpiaRow>, u64), StoreError> {
        let total = self.fetch_one("SELECT COUNT(*) FROM dpia_view", Vec::new()).await?;
        let total = total.map_or(Ok(0), |row| row.count(0))?;
        let sql = "SELECT model, step, in_force, review_at, safeguards, updated_at FROM dpia_view \
                   ORDER BY model LIMIT $1 OFFSET $2";
        let rows = self.fetch(sql, vec![limit.into(), offset.into()]).await?;
        Ok((rows.iter().map(dpia).collect::<Result<_, _>>()?, total))
    }

    /// Requests for human review, what is due first, and how many match in all.
    pub async fn reviews(&self, filter: &ReviewFilter, now: Timestamp) -> Result<(Vec<ReviewRow>, u64), StoreError> {
        let mut sql = Filter::default();
        if let Some(model) = &filter.model {
            sql.and("model = ?", model.as_str());
        }
        match filter.state.as_deref() {
            Some("open") => drop(sql.and("state <> ?", "answered")),
            Some("overdue") => drop(sql.and("state <> ?", "answered").and("due_at < ?", now)),
            Some("answered") => drop(sql.and("state = ?", "answered")),
            _ => {}
        }
        let count = format!("SELECT COUNT(*) FROM review_view{}", sql.sql());
        let total = self.fetch_one(count, sql.args.clone()).await?.map_or(Ok(0), |row| row.count(0))?;
        let condition = sql.sql();
        let (limit, offset) = (sql.arg(filter.limit), sql.arg(filter.offset));
        let text = format!(
            "SELECT model, number, asks, market, state, assignee, received_at, due_at, answered_at, outcome, erased \
             FROM review_view{condition} ORDER BY (CASE WHEN state = 'answered' THEN 1 ELSE 0 END), due_at, model, \
             number LIMIT {limit} OFFSET {offset}"
        );
        let rows = self.fetch(text, sql.args).await?;
        Ok((rows.iter().map(review).collect::<Result<_, _>>()?, total))
    }
}

impl Write {
    /// Every privacy file.
    pub async fn privacy_files(&mut self) -> Result<Vec<Aggregate>, StoreError> {
        let sql = "SELECT id, state FROM aggregate WHERE id >= 'dpia/' AND id < 'dpia0' ORDER BY id";
        let rows = self.fetch(sql, Vec::new()).await?;
        rows.iter().map(|row| Ok(aggregate(row)?.1)).collect()
    }

    /// Stores rows of assessments and requests.
    pub(super) async fn put_privacy_views(
        &mut self,
        dpias: Vec<Vec<Value>>,
        reviews: Vec<Vec<Value>>,
    ) -> Result<(), StoreError> {
        let tail = " ON CONFLICT (model) DO UPDATE SET step = excluded.step, in_force = excluded.in_force, \
                    review_at = excluded.review_at, safeguards = excluded.safeguards, updated_at = excluded.updated_at";
        let columns = "dpia_view (model, step, in_force, review_at, safeguards, updated_at)";
        self.insert(columns, 6, tail, dpias).await?;
        let tail = " ON CONFLICT (model, number) DO UPDATE SET state = excluded.state, assignee = excluded.assignee, \
                    due_at = excluded.due_at, \
                    answered_at = excluded.answered_at, outcome = excluded.outcome, erased = excluded.erased";
        let columns = "review_view (model, number, asks, market, state, assignee, received_at, due_at, answered_at, \
                       outcome, erased)";
        self.insert(columns, 11, tail, reviews).await
    }
}
