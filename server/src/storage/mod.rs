//! Storage: the ledger, the states and views folded from it, and the secrets beside it. All SQL of the program is in
//! this module and its children, written once for both engines; the tables are in `migrations/`.

pub mod accounts;
mod adapter;
pub mod deployments;
pub mod engine;
pub mod impact;
pub mod log;
mod postgres;
pub mod privacy;
pub mod registry;
pub mod reports;
mod sqlite;
pub mod webhooks;
pub mod write;

use std::{path::Path, sync::Arc};

use engine::{Engine, Sql, WriteTx};
pub use engine::{Row, StoreError, Value};

/// The database, whichever engine answers.
#[derive(Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
}

impl Store {
    /// Opens a database and brings its tables up to date. `url` is `postgres://…`; without it, SQLite in `data`.
    ///
    /// # Errors
    /// The database cannot be reached, or was written by a later release.
    pub async fn open(url: Option<&str>, data: &Path) -> Result<Self, StoreError> {
        let engine: Arc<dyn Engine> = match url {
            Some(url) => Arc::new(postgres::PostgresEngine::connect(url).await?),
            None => Arc::new(sqlite::SqliteEngine::open(&data.join("countersign.db")).await?),
        };
        engine.migrate().await?;
        Ok(Self { engine })
    }

    /// The engine's name.
    pub fn engine_name(&self) -> &'static str {
        self.engine.name()
    }

    async fn fetch(&self, sql: impl Into<Sql> + Send, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.engine.fetch(sql.into(), args).await
    }

    async fn fetch_one(&self, sql: impl Into<Sql> + Send, args: Vec<Value>) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(sql, args).await?.into_iter().next())
    }

    /// One writing statement in a transaction of its own.
    async fn change(&self, sql: &'static str, args: Vec<Value>) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        write.fetch(sql, args).await?;
        write.commit().await
    }

    /// Rids the database's files of what replaced and deleted rows left in them, as far as the engine can.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn scrub(&self) -> Result<(), StoreError> {
        self.engine.scrub().await
    }

    /// Rids the engine's own write-ahead log of what was erased a moment ago.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn cut_log(&self) -> Result<(), StoreError> {
        self.engine.cut_log().await
    }

    /// Begins a transaction that holds the write lock.
    pub async fn begin(&self) -> Result<Write, StoreError> {
        Ok(Write { tx: self.engine.begin().await? })
    }
}

/// A transaction that holds the write lock; its methods are in [`write`] and [`accounts`].
pub struct Write {
    tx: Box<dyn WriteTx>,
}

impl Write {
    async fn fetch(&mut self, sql: impl Into<Sql> + Send, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.tx.fetch(sql.into(), args).await
    }

    /// Makes everything durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.tx.commit().await
    }
}

/// A statement whose conditions are put together at run time, from constants; values go in as parameters only.
#[derive(Default)]
struct Filter {
    conditions: Vec<String>,
    args: Vec<Value>,
}

impl Filter {
    /// Adds a condition in which `?` stands for `value`.
    fn and(&mut self, condition: &'static str, value: impl Into<Value>) -> &mut Self {
        self.args.push(value.into());
        self.conditions.push(condition.replace('?', &format!("${}", self.args.len())));
        self
    }

    /// Adds that a column has one of `values`; nothing, if there are none.
    fn among(&mut self, column: &str, values: &[&str]) -> &mut Self {
        if !values.is_empty() {
            let marks: Vec<String> = values.iter().map(|value| self.arg(*value)).collect();
            self.conditions.push(format!("{column} IN ({})", marks.join(", ")));
        }
        self
    }

    /// ` WHERE …`, or nothing.
    fn sql(&self) -> String {
        if self.conditions.is_empty() { String::new() } else { format!(" WHERE {}", self.conditions.join(" AND ")) }
    }

    /// Adds a value and answers the placeholder for it.
    fn arg(&mut self, value: impl Into<Value>) -> String {
        self.args.push(value.into());
        format!("${}", self.args.len())
    }
}

/// A text for LIKE in which `%`, `_` and `\` stand for themselves.
fn like_literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
