//! The port to a database engine: run one SQL statement, or several in a write transaction. Statements are written
//! once, for both engines; only this port and its two adapters know which engine answers.

use std::borrow::Cow;

use async_trait::async_trait;
use ledger::{Digest, Timestamp};

/// An SQL text: constant, or built from constants.
pub type Sql = Cow<'static, str>;

/// A parameter of a statement, or a column of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// BIGINT.
    Int(Option<i64>),
    /// TEXT.
    Text(Option<String>),
    /// BLOB or BYTEA.
    Bytes(Option<Vec<u8>>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<u64> for Value {
    /// Sequence numbers and sizes stay far below 2^63.
    fn from(value: u64) -> Self {
        Self::Int(Some(i64::try_from(value).unwrap_or(i64::MAX)))
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Int(Some(value.micros()))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(Some(value))
    }
}

impl From<Digest> for Value {
    fn from(value: Digest) -> Self {
        Self::Bytes(Some(value.as_bytes().to_vec()))
    }
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk or the database's quota is full.
    #[error("the storage is full; nothing was written. Free space and try again")]
    Full,
    /// The database cannot be reached.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// The database was written by a later release.
    #[error(
        "the database has migration {0}, which this program does not know: it is newer than the program. Use the release that wrote it, or a later one"
    )]
    Newer(i64),
    /// What is stored cannot be what was written.
    #[error("the stored data are inconsistent: {0}. Run `countersign fsck`")]
    Inconsistent(String),
    /// Anything else the engine says.
    #[error("the database failed: {0}")]
    Engine(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether the cause may lie in one of several commands that were written together.
    pub fn may_be_of_one_command(&self) -> bool {
        matches!(self, Self::Engine(_) | Self::Inconsistent(_))
    }
}

/// One row of an answer.
#[derive(Debug, Clone)]
pub struct Row(pub Vec<Value>);

impl Row {
    fn fault(&self, column: usize, expected: &str) -> StoreError {
        StoreError::Inconsistent(format!("column {column} is {:?}, not {expected}", self.0.get(column)))
    }

    /// A BIGINT that may be null.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(column) {
            Some(Value::Int(value)) => Ok(*value),
            Some(Value::Text(None) | Value::Bytes(None)) => Ok(None),
            _ => Err(self.fault(column, "a number")),
        }
    }

    /// A BIGINT.
    pub fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.opt_int(column)?.ok_or_else(|| self.fault(column, "a number"))
    }

    /// A BIGINT that counts something.
    pub fn count(&self, column: usize) -> Result<u64, StoreError> {
        u64::try_from(self.int(column)?).map_err(|_| self.fault(column, "a count"))
    }

    /// A point in time.
    pub fn time(&self, column: usize) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::from_micros(self.int(column)?))
    }

    /// A TEXT that may be null.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(value.as_deref()),
            Some(Value::Int(None) | Value::Bytes(None)) => Ok(None),
            _ => Err(self.fault(column, "a text")),
        }
    }

    /// A TEXT.
    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.opt_text(column)?.ok_or_else(|| self.fault(column, "a text"))
    }

    /// A TEXT that is parsed.
    pub fn parsed<T: std::str::FromStr>(&self, column: usize) -> Result<T, StoreError> {
        self.text(column)?.parse().map_err(|_| self.fault(column, std::any::type_name::<T>()))
    }

    /// A BLOB or BYTEA.
    pub fn bytes(&self, column: usize) -> Result<&[u8], StoreError> {
        match self.0.get(column) {
            Some(Value::Bytes(Some(value))) => Ok(value),
            _ => Err(self.fault(column, "bytes")),
        }
    }

    /// A digest.
    pub fn digest(&self, column: usize) -> Result<Digest, StoreError> {
        let bytes: [u8; 32] = self.bytes(column)?.try_into().map_err(|_| self.fault(column, "32 bytes"))?;
        Ok(Digest::from_bytes(bytes))
    }
}

/// A database engine.
#[async_trait]
pub trait Engine: Send + Sync {
    /// The engine's name, for people.
    fn name(&self) -> &'static str;

    /// Creates or upgrades the tables.
    async fn migrate(&self) -> Result<(), StoreError>;

    /// Runs one statement outside a transaction.
    async fn fetch(&self, sql: Sql, args: Vec<Value>) -> Result<Vec<Row>, StoreError>;

    /// Rids the files of what replaced and deleted rows left in them. An engine whose files belong to another program
    /// leaves that to it.
    async fn scrub(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Rids the write-ahead log of what was erased a moment ago, where the log is the engine's own.
    async fn cut_log(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Begins a transaction that will write: no other one writes until it ends.
    async fn begin(&self) -> Result<Box<dyn WriteTx>, StoreError>;
}

/// A transaction that holds the write lock. Dropped without [`WriteTx::commit`], it is rolled back.
#[async_trait]
pub trait WriteTx: Send {
    /// Runs one statement.
    async fn fetch(&mut self, sql: Sql, args: Vec<Value>) -> Result<Vec<Row>, StoreError>;

    /// Makes everything durable.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}
