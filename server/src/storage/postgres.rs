//! PostgreSQL, for several servers over one database: the head of the chain is one locked row.

use std::{str::FromStr, time::Duration};

use async_trait::async_trait;
use sqlx::{
    PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    adapter::{define_run, name_error, name_migrate_error},
    engine::{Engine, Row, Sql, StoreError, Value, WriteTx},
};

define_run!(Postgres, "INT8", "TEXT", "BYTEA");

/// A pool of connections to one database.
pub struct PostgresEngine {
    pool: PgPool,
}

impl PostgresEngine {
    /// Connects; `url` is `postgres://user:password@host:port/database`.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url).map_err(name_error)?;
        let pool = PgPoolOptions::new()
            .max_connections(10)
            .acquire_timeout(Duration::from_secs(10))
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

    async fn fetch(&self, sql: Sql, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        run(&self.pool, sql, args).await
    }

    async fn begin(&self) -> Result<Box<dyn WriteTx>, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(name_error)?;
        // The one lock that orders all writers; released with the transaction.
        run(&mut *transaction, "SELECT id FROM head WHERE id = 1 FOR UPDATE".into(), Vec::new()).await?;
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
