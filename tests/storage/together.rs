//! People and servers acting at once: nobody overwrites anybody silently.

use countersign::{
    config::Config,
    keys::KeyFileError,
    seal::{Caller, Order, Receipt, SealError},
    service::{Service, StartError},
};
use domain::{
    AccountId, AggregateId, Command, RefusalKind, VersionId,
    account::Role,
    command::{AmendLineage, RegisterVersion},
    lineage::Lineage,
};
use futures_util::future::join_all;

use crate::{
    common::{Database, Engine, TestServer},
    on_each_engine,
    raw::{another, assert_clean, faults, model, open, seal},
};

on_each_engine!(of_two_people_on_one_revision_exactly_one_wins, two_servers_over_one_database_keep_one_valid_chain,);

fn credit() -> VersionId {
    let AggregateId::Version(id) = "version/credit/1".parse().unwrap() else { unreachable!() };
    id
}

async fn with_version(server: &TestServer) -> AccountId {
    let ana = server.account(Role::DataScientist).await;
    seal(&server.app, &ana, model("credit")).await.unwrap();
    let body = RegisterVersion { lineage: Lineage::default(), note: String::new(), origin: None, trigger: None };
    seal(&server.app, &ana, Command::RegisterVersion("credit".parse().unwrap(), body)).await.unwrap();
    ana
}

async fn amend(app: &Service, account: &AccountId, dataset: &str, seen: u64) -> Result<Receipt, SealError> {
    let mut lineage = Lineage::default();
    lineage.data.dataset = Some(dataset.to_owned());
    let command = Command::AmendLineage(credit(), AmendLineage { lineage, reason: "correction".into() });
    let order = Order { expected_revision: Some(seen), ..Order::new(Caller::Account(account.clone()), command) };
    app.sealer.seal(order).await
}

async fn of_two_people_on_one_revision_exactly_one_wins(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    let ana = with_version(&server).await;
    let other = another(&server).await.unwrap();
    // On one server, then on two, each of which may remember the state as it was.
    for (round, second) in [&server.app, &other, &server.app, &other].into_iter().enumerate() {
        let seen = other.version(&credit()).await.unwrap().unwrap().version.revision;
        let names = [format!("first-{round}"), format!("second-{round}")];
        let answers = tokio::join!(amend(&server.app, &ana, &names[0], seen), amend(second, &ana, &names[1], seen));
        let (won, lost) = match answers {
            (Ok(_), Err(lost)) => (&names[0], lost),
            (Err(lost), Ok(_)) => (&names[1], lost),
            other => panic!("round {round}: {other:?}"),
        };
        let SealError::Refused(refusal) = lost else { panic!("{lost:?}") };
        assert_eq!((refusal.rule.as_str(), refusal.kind), ("version.unchanged", RefusalKind::Conflict));
        let version = server.app.version(&credit()).await.unwrap().unwrap().version;
        assert_eq!(version.revision, seen + 1);
        assert_eq!(version.lineage.data.dataset.as_ref(), Some(won));
    }
    assert_clean(&faults(&server.app).await);
}

async fn two_servers_over_one_database_keep_one_valid_chain(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    let ana = with_version(&server).await;
    let other = another(&server).await.unwrap();
    let before = server.app.store.head().await.unwrap().size;
    let sealed = join_all((0..60).map(|n| {
        let (app, ana) = (if n % 2 == 0 { server.app.clone() } else { other.clone() }, ana.clone());
        tokio::spawn(async move {
            let body =
                RegisterVersion { lineage: Lineage::default(), note: format!("{n}"), origin: None, trigger: None };
            seal(&app, &ana, Command::RegisterVersion("credit".parse().unwrap(), body)).await.unwrap()
        })
    }))
    .await;
    let mut numbers: Vec<u64> = sealed.iter().map(|receipt| receipt.as_ref().unwrap().last_seq()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (before..before + 60).collect::<Vec<_>>());
    let mut versions: Vec<u32> = sealed.iter().filter_map(|receipt| receipt.as_ref().unwrap().version()).collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..62).collect::<Vec<_>>(), "no number is given twice");

    // Each decides on what the other left: a name taken there is taken here.
    seal(&server.app, &ana, model("here")).await.unwrap();
    let taken = seal(&other, &ana, model("here")).await;
    assert!(matches!(taken, Err(SealError::Refused(refusal)) if refusal.rule == "model.unique"));
    seal(&other, &ana, model("there")).await.unwrap();
    let taken = seal(&server.app, &ana, model("there")).await;
    assert!(matches!(taken, Err(SealError::Refused(refusal)) if refusal.rule == "model.unique"));
    assert_clean(&faults(&other).await);
}

/// Several servers over one database are what PostgreSQL is for; SQLite's folder belongs to one.
#[tokio::test]
async fn two_servers_may_start_on_an_empty_database_at_once() {
    if !Engine::available().contains(&Engine::Postgres) {
        return;
    }
    // They share the key, as servers over one database must, and nothing else is there yet.
    let server = TestServer::start_on(Engine::Sqlite).await;
    let database = Database::create().await;
    let config = Config { database_url: Some(database.url.clone()), ..server.app.config.clone() };
    let (one, two) = tokio::join!(open(config.clone()), open(config.clone()));
    let (one, two) = (one.map_err(|error| error.to_string()).unwrap(), two.map_err(|error| error.to_string()).unwrap());
    assert_eq!(one.store.head().await.unwrap().size, 1, "the policy is adopted once");
    assert_clean(&faults(&two).await);
    // With a key of its own a server is turned away.
    let folder = tempfile::tempdir().unwrap();
    let stranger = Config { signing_key: folder.path().join("signing-key"), ..config };
    let error = open(stranger).await.err().unwrap();
    assert!(matches!(error, StartError::Key(KeyFileError::Gone(_))), "{error}");
}
