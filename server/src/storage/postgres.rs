//! PostgreSQL, for several servers over one database: the head of the chain is one locked row.

use std::{str::FromStr, time::Duration};

use async_trait::async_trait;
use sqlx::{
    Connection as _, PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    adapter::{define_run, name_error, name_migrate_error},
    engine::{Engine, Row, Sql, StoreError, Value, WriteTx},
};

define_run!(Postgres, "INT8", "TEXT", "BYTEA");

/// Begins a transaction with the one lock that orders all writers, in one round trip; it is released with the transaction.
const BEGIN: &str = "BEGIN; SELECT id FROM head WHERE id = 1 FOR UPDATE";
/// Statements that a connection keeps prepared: an INSERT for each table and usual number of rows, and the rest.
const PREPARED_STATEMENTS: usize = 256;
/// A connection unused for this long is asked whether it still lives before it is used again.
const RESTED: Duration = Duration::from_secs(1);

/// A pool of connections to one database.
pub struct PostgresEngine {
    pool: PgPool,
}

impl PostgresEngine {
    /// Connects; `url` is `postgres://user:password@host:port/database`.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let options =
            PgConnectOptions::from_str(url).map_err(name_error)?.statement_cache_capacity(PREPARED_STATEMENTS);
        let pool = PgPoolOptions::new()
            .max_connections(10)
            .acquire_timeout(Duration::from_secs(10))
            // A connection that answered a moment ago is asked for its health only when it rested.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move { Ok(meta.idle_for < RESTED || connection.ping().await.is_ok()) })
            })
            .connect_with(options)
            .await
            .map_err(name_error)?;
        Ok(Self { pool })
    }
}

#[async_trait]
impl Engine for PostgresEngine {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        sqlx::migrate!("../migrations/postgres").run(&self.pool).await.map_err(name_migrate_error)
    }

    async fn fetch(&self, sql: Sql, mut args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        // PostgreSQL's TEXT holds no NUL, so no row has one: asking for one finds nothing, as on SQLite, and is no error.
        for arg in &mut args {
            if let Value::Text(Some(text)) = arg
                && text.contains('\0')
            {
                *text = text.replace('\0', "\u{fffd}");
            }
        }
        run(&self.pool, sql, args).await
    }

    async fn begin(&self) -> Result<Box<dyn WriteTx>, StoreError> {
        let transaction = self.pool.begin_with(BEGIN).await.map_err(name_error)?;
        Ok(Box::new(PostgresTx(transaction)))
    }
}

struct PostgresTx(Transaction<'static, Postgres>);

#[async_trait]
impl WriteTx for PostgresTx {
    async fn fetch(&mut self, sql: Sql, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        run(&mut *self.0, sql, args).await
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.0.commit().await.map_err(name_error)
    }
}
