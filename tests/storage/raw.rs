//! Behind the program's back: statements straight on the database, and the checks that must notice them.

use std::sync::Arc;

use countersign::{
    clock::{Clock, SystemClock},
    config::Config,
    fsck,
    seal::{Caller, Order, Receipt, SealError},
    service::{Service, StartError},
};
use domain::{AccountId, Command, command::RegisterModel, registry::Tier};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::common::TestServer;

/// Runs a statement with `bytes`, if there are any, as its one parameter, and answers how many rows it changed.
pub async fn execute(app: &Service, sql: &str, bytes: Option<Vec<u8>>) -> u64 {
    let sql = AssertSqlSafe(sql.to_owned());
    if let Some(url) = &app.config.database_url {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let query = sqlx::query(sql);
        let query = if let Some(bytes) = bytes { query.bind(bytes) } else { query };
        query.execute(&mut connection).await.unwrap().rows_affected()
    } else {
        let file = app.config.data.join("countersign.db");
        let mut connection = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
        let query = sqlx::query(sql);
        let query = if let Some(bytes) = bytes { query.bind(bytes) } else { query };
        query.execute(&mut connection).await.unwrap().rows_affected()
    }
}

/// Changes exactly what the statement names; it must hit something.
pub async fn tamper(app: &Service, sql: &str) {
    assert!(execute(app, sql, None).await > 0, "this changed nothing: {sql}");
}

/// The same with bytes as the statement's parameter.
pub async fn tamper_with(app: &Service, sql: &str, bytes: Vec<u8>) {
    assert!(execute(app, sql, Some(bytes)).await > 0, "this changed nothing: {sql}");
}

/// What fsck finds, against a checkpoint from outside if one is given.
pub async fn faults_against(app: &Service, outside: Option<&str>) -> Vec<String> {
    let outcome = fsck::check(&app.store, &app.blobs, app.key.verifier(), outside).await.unwrap();
    outcome.faults.iter().map(ToString::to_string).collect()
}

/// What fsck finds.
pub async fn faults(app: &Service) -> Vec<String> {
    faults_against(app, None).await
}

/// Panics if fsck finds anything.
#[track_caller]
pub fn assert_clean(faults: &[String]) {
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Panics unless one of the faults holds this.
#[track_caller]
pub fn assert_found(faults: &[String], expected: &str) {
    assert!(faults.iter().any(|fault| fault.contains(expected)), "nothing on {expected:?} in {faults:#?}");
}

/// One more server over the same data.
pub async fn another(server: &TestServer) -> Result<Arc<Service>, StartError> {
    open(server.app.config.clone()).await
}

/// One more server over the same data, by this clock.
pub async fn another_at(server: &TestServer, clock: Arc<dyn Clock>) -> Result<Arc<Service>, StartError> {
    Service::open(server.app.config.clone(), clock).await
}

/// A server over the data that a configuration names.
pub async fn open(config: Config) -> Result<Arc<Service>, StartError> {
    Service::open(config, Arc::new(SystemClock)).await
}

/// The command to register a model of this name.
pub fn model(name: &str) -> Command {
    Command::RegisterModel(RegisterModel {
        name: name.parse().unwrap(),
        title: format!("The model {name}"),
        purpose: "To be tested.".into(),
        tier: Tier::Three,
        profile: "unregulated".parse().unwrap(),
        markets: vec!["US".parse().unwrap()],
    })
}

/// Seals a command of an account.
pub async fn seal(app: &Service, account: &AccountId, command: Command) -> Result<Receipt, SealError> {
    app.sealer.seal(Order::new(Caller::Account(account.clone()), command)).await
}
