//! SQLite, the embedded default: one file, write-ahead log, every commit on stable storage.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use sqlx::{
    Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    adapter::{define_run, name_error, name_migrate_error},
    engine::{Engine, Row, Sql, StoreError, Value, WriteTx},
};

define_run!(Sqlite, "INTEGER", "TEXT", "BLOB");

/// One connection writes, a few read beside it.
pub struct SqliteEngine {
    readers: SqlitePool,
    writer: SqlitePool,
}

impl SqliteEngine {
    /// Opens the file, creating it if it is not there.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let writer =
            SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await.map_err(name_error)?;
        let readers = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.map_err(name_error)?;
        Ok(Self { readers, writer })
    }
}

#[async_trait]
impl Engine for SqliteEngine {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        sqlx::migrate!("../migrations/sqlite").run(&self.writer).await.map_err(name_migrate_error)
    }

    async fn fetch(&self, sql: Sql, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        run(&self.readers, sql, args).await
    }

    async fn begin(&self) -> Result<Box<dyn WriteTx>, StoreError> {
        let transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(name_error)?;
        Ok(Box::new(SqliteTx(transaction)))
    }
}

struct SqliteTx(Transaction<'static, Sqlite>);

#[async_trait]
impl WriteTx for SqliteTx {
    async fn fetch(&mut self, sql: Sql, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        run(&mut *self.0, sql, args).await
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.0.commit().await.map_err(name_error)
    }
}
