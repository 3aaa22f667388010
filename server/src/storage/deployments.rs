//! Lists of what serves where.

use domain::{Market, ModelName};
use ledger::Timestamp;

use super::{Filter, Store, StoreError, Value, engine::Row, like_literal};

/// Which deployments, and how many.
#[derive(Debug, Clone, Default)]
pub struct DeploymentFilter {
    /// A part of the model's name.
    pub search: Option<String>,
    /// In this market.
    pub market: Option<String>,
    /// In this state; see [`crate::views::DEPLOYMENT_STATES`].
    pub state: Option<String>,
    /// Whose rollback drill was due before this instant.
    pub drill_overdue_at: Option<Timestamp>,
    /// Skip so many.
    pub offset: u64,
    /// At most so many.
    pub limit: u64,
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRow {
    /// The model.
    pub model: String,
    /// The market.
    pub market: String,
    /// Who serves.
    pub champion: Option<u32>,
    /// Who is on its way in.
    pub challenger: Option<u32>,
    /// The challenger's share of users, in percent.
    pub percent: u32,
    /// Strikes against it.
    pub strikes: u32,
    /// Who is kept ready.
    pub standby: Option<u32>,
    /// How it stands.
    pub state: String,
    /// By when the use of the kill switch is reviewed.
    pub review_due: Option<Timestamp>,
    /// Latest entry.
    pub updated_at: Timestamp,
    /// When the next rollback drill is due, if policy asks for one.
    pub drill_due: Option<Timestamp>,
}

fn number(row: &Row, column: usize) -> Result<Option<u32>, StoreError> {
    row.opt_int(column)?
        .map(|number| {
            u32::try_from(number).map_err(|_| StoreError::Inconsistent(format!("{number} is no version number")))
        })
        .transpose()
}

fn deployment_row(row: &Row) -> Result<DeploymentRow, StoreError> {
    Ok(DeploymentRow {
        model: row.text(0)?.to_owned(),
        market: row.text(1)?.to_owned(),
        champion: number(row, 2)?,
        challenger: number(row, 3)?,
        percent: number(row, 4)?.unwrap_or(0),
        strikes: number(row, 5)?.unwrap_or(0),
        standby: number(row, 6)?,
        state: row.text(7)?.to_owned(),
        review_due: row.opt_int(8)?.map(Timestamp::from_micros),
        updated_at: row.time(9)?,
        drill_due: row.opt_int(10)?.map(Timestamp::from_micros),
    })
}

impl Store {
    /// Deployments that match, those changed last first, and how many match in all.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn deployments(&self, filter: &DeploymentFilter) -> Result<(Vec<DeploymentRow>, u64), StoreError> {
        let mut sql = Filter::default();
        if let Some(search) = filter.search.as_deref().filter(|search| !search.is_empty()) {
            let pattern = format!("%{}%", like_literal(&search.to_ascii_lowercase()));
            sql.and("LOWER(d.model) LIKE ? ESCAPE '\\'", pattern);
        }
        if let Some(market) = &filter.market {
            sql.and("d.market = ?", market.as_str());
        }
        if let Some(state) = &filter.state {
            sql.and("d.state = ?", state.as_str());
        }
        if let Some(now) = filter.drill_overdue_at {
            let overdue = "EXISTS (SELECT 1 FROM work_item w WHERE w.model = d.model AND w.version = 0 \
                           AND w.kind = 'drill' AND w.market = d.market AND w.due_at < ?)";
            sql.and(overdue, now);
        }
        let count = format!("SELECT COUNT(*) FROM deployment_view d{}", sql.sql());
        let total = self.fetch_one(count, sql.args.clone()).await?.map_or(Ok(0), |row| row.count(0))?;
        let condition = sql.sql();
        let (limit, offset) = (sql.arg(filter.limit), sql.arg(filter.offset));
        let text = format!(
            "SELECT d.model, d.market, d.champion, d.challenger, d.percent, d.strikes, d.standby, d.state, d.review_due, \
             d.updated_at, (SELECT MIN(w.due_at) FROM work_item w WHERE w.model = d.model AND w.version = 0 \
             AND w.kind = 'drill' AND w.market = d.market) AS drill_due \
             FROM deployment_view d{condition} ORDER BY d.updated_at DESC, d.model, d.market \
             LIMIT {limit} OFFSET {offset}"
        );
        let rows = self.fetch(text, sql.args).await?;
        Ok((rows.iter().map(deployment_row).collect::<Result<_, _>>()?, total))
    }

    /// The markets in which anything of a model ever served, from the names of its states alone.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn deployed_markets(&self, model: &ModelName) -> Result<Vec<Market>, StoreError> {
        let prefix = format!("deployment/{model}/");
        // '0' follows '/', so this is the range of the names that begin so, which the primary key answers.
        let behind = format!("deployment/{model}0");
        let sql = "SELECT id FROM aggregate WHERE id >= $1 AND id < $2";
        let rows = self.fetch(sql, vec![Value::from(prefix.clone()), behind.into()]).await?;
        let market = |row: &Row| {
            let id = row.text(0)?;
            let name = id.strip_prefix(&prefix).unwrap_or(id);
            name.parse().map_err(|_| StoreError::Inconsistent(format!("a state is called {id:?}")))
        };
        rows.iter().map(market).collect()
    }
}
