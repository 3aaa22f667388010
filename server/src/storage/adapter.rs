//! What both adapters share: binding parameters, reading rows, naming errors. A macro, because sqlx's traits make a
//! generic function over engines longer than its body.

use super::engine::StoreError;

/// Defines `run`, which executes one statement on an executor of the engine, for the engine's type names.
macro_rules! define_run {
    ($database:ty, $int:literal, $text:literal, $bytes:literal) => {
        async fn run<'e>(
            executor: impl sqlx::Executor<'e, Database = $database>,
            sql: $crate::storage::engine::Sql,
            args: Vec<$crate::storage::engine::Value>,
        ) -> Result<Vec<$crate::storage::engine::Row>, $crate::storage::engine::StoreError> {
            use sqlx::{Column as _, Row as _, TypeInfo as _};
            use $crate::storage::engine::{Row, StoreError, Value};
            let mut query = sqlx::query::<$database>(sqlx::AssertSqlSafe(sql));
            for arg in args {
                query = match arg {
                    Value::Int(value) => query.bind(value),
                    Value::Text(value) => query.bind(value),
                    Value::Bytes(value) => query.bind(value),
                };
            }
            let rows = query.fetch_all(executor).await.map_err($crate::storage::adapter::name_error)?;
            rows.iter()
                .map(|row| {
                    row.columns()
                        .iter()
                        .map(|column| {
                            let at = column.ordinal();
                            let raw = row.try_get_raw(at).map_err(StoreError::Engine)?;
                            let info = sqlx::ValueRef::type_info(&raw);
                            match info.name() {
                                $int => row.try_get(at).map(Value::Int),
                                $text => row.try_get(at).map(Value::Text),
                                $bytes => row.try_get(at).map(Value::Bytes),
                                "NULL" => Ok(Value::Text(None)),
                                other => {
                                    return Err(StoreError::Inconsistent(format!("column {at} has the type {other}")));
                                }
                            }
                            .map_err(StoreError::Engine)
                        })
                        .collect::<Result<Vec<Value>, StoreError>>()
                        .map(Row)
                })
                .collect()
        }
    };
}
pub(super) use define_run;

/// Sorts an engine's error into what a caller can act upon.
pub(super) fn name_error(error: sqlx::Error) -> StoreError {
    let full = error.as_database_error().is_some_and(|error| {
        // SQLite: SQLITE_FULL, and the input/output errors of a write that found no room. PostgreSQL: class 53.
        matches!(error.code().as_deref(), Some("13" | "53100" | "53000"))
            || error.message().contains("database or disk is full")
            || error.message().contains("No space left on device")
    });
    match error {
        _ if full => StoreError::Full,
        sqlx::Error::Io(error) => StoreError::Unreachable(error.to_string()),
        sqlx::Error::PoolTimedOut => StoreError::Unreachable("no connection became free in time".into()),
        other => StoreError::Engine(other),
    }
}

/// Sorts a migration's error.
pub(super) fn name_migrate_error(error: sqlx::migrate::MigrateError) -> StoreError {
    use sqlx::migrate::MigrateError;
    match error {
        MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => StoreError::Newer(version),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => name_error(error),
        other => StoreError::Inconsistent(other.to_string()),
    }
}
