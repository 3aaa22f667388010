//! SQLite, the embedded default: one file, write-ahead log, every commit on stable storage.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use sqlx::{
    Sqlite, SqlitePool,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    adapter::{define_run, name_error, name_migrate_error},
    engine::{Engine, Row, Sql, StoreError, Value, WriteTx},
};

define_run!(Sqlite, "INTEGER", "TEXT", "BLOB");

/// Statements that the writer keeps prepared: an INSERT for each table and usual number of rows, and the rest.
const WRITER_STATEMENTS: usize = 256;
/// Pages that the writer keeps in memory, as SQLite takes it: 16 MiB (negative: in KiB). Every entry touches the edge of
/// five indexes, and what fell out must be read again.
const WRITER_CACHE: &str = "-16384";
/// Pages after which the write-ahead log is copied into the database: 16 MiB rather than 4, so that a page which many
/// groups change is copied once.
const CHECKPOINT_PAGES: &str = "4000";

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
        // A file is always there: asking a connection whether it still lives would only cost time.
        let pool = |connections| SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false);
        let writer = options
            .clone()
            .statement_cache_capacity(WRITER_STATEMENTS)
            .pragma("cache_size", WRITER_CACHE)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            // What is deleted is overwritten: erased names must not stay in free pages of the file.
            .pragma("secure_delete", "ON");
        let writer = pool(1).connect_with(writer).await.map_err(name_error)?;
        let readers = pool(4).connect_with(options).await.map_err(name_error)?;
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

    async fn scrub(&self) -> Result<(), StoreError> {
        run(&self.writer, "VACUUM".into(), Vec::new()).await?;
        self.cut_log().await
    }

    async fn cut_log(&self) -> Result<(), StoreError> {
        // The log holds the old pages until it is cut off.
        run(&self.writer, "PRAGMA wal_checkpoint(TRUNCATE)".into(), Vec::new()).await.map(drop)
    }

    async fn begin(&self) -> Result<Box<dyn WriteTx>, StoreError> {
        let connection = self.writer.acquire().await.map_err(name_error)?;
        let mut transaction = SqliteTx { connection, committed: false };
        transaction.run("BEGIN IMMEDIATE").await?;
        Ok(Box::new(transaction))
    }
}

/// A transaction on the one writing connection. Unless it was committed, the connection is closed with it, which rolls
/// back whatever state it was left in: where a full disk failed a COMMIT, SQLite may have rolled back by itself, and
/// sqlx's own transaction would then wait for a rollback that can never succeed, on a connection that never writes again.
struct SqliteTx {
    connection: PoolConnection<Sqlite>,
    committed: bool,
}

impl SqliteTx {
    async fn run(&mut self, sql: &'static str) -> Result<(), StoreError> {
        run(&mut *self.connection, sql.into(), Vec::new()).await.map(drop)
    }
}

impl Drop for SqliteTx {
    fn drop(&mut self) {
        if !self.committed {
            self.connection.close_on_drop();
        }
    }
}

#[async_trait]
impl WriteTx for SqliteTx {
    async fn fetch(&mut self, sql: Sql, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        run(&mut *self.connection, sql, args).await
    }

    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        self.run("COMMIT").await?;
        self.committed = true;
        Ok(())
    }
}
