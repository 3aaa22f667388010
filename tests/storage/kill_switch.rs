//! The kill switch works when what stands beside it is broken: policy, model, version, views, what is due, the record of
//! the market itself. What it leaves can be rebuilt from the entries.

use countersign::{
    fsck,
    seal::{Caller, Order, SealError},
    service::Service,
};
use domain::{
    Command, Market, ModelName,
    account::Role,
    deployment::{
        KillTarget, Routing, ServingCommand,
        command::{Kill, Reason},
    },
};

use crate::{
    common::{Engine, TestServer},
    on_each_engine,
    raw::{another, assert_clean, execute, faults, tamper},
    steps,
};

on_each_engine!(
    it_works_with_every_row_beside_it_broken,
    it_works_without_the_tables_beside_the_ledger,
    a_broken_record_of_the_market_is_folded_again,
    it_does_not_wait_for_a_broken_neighbour,
);

fn place() -> (ModelName, Market) {
    ("streamrec".parse().unwrap(), "US".parse().unwrap())
}

fn kill(to: KillTarget) -> Command {
    let (model, market) = place();
    Command::Serve(model, market, ServingCommand::Kill(Kill { to, reason: "Harm.".into() }))
}

/// A version in Shadow in the US: its deployment exists.
async fn furnished(engine: Engine) -> TestServer {
    let server = TestServer::start_on(engine).await;
    let version = steps::prepared(&server, "streamrec", "unregulated").await;
    steps::request(&server, &version, "staging", None).await.expect(201);
    steps::request(&server, &version, "shadow", Some("US")).await.expect(201);
    assert_clean(&faults(&server.app).await);
    server
}

async fn off(app: &Service) -> bool {
    let (model, market) = place();
    let deployment = app.deployment(&model, &market).await.unwrap().unwrap();
    let routing = Routing::of(&deployment);
    routing.kill_switch.is_some() && routing.fallback.weight == 100 && routing.mirror.is_empty()
}

async fn it_works_with_every_row_beside_it_broken(engine: Engine) {
    let server = furnished(engine).await;
    let person = server.account(Role::DataScientist).await;
    tamper(
        &server.app,
        "UPDATE aggregate SET state = '{broken' WHERE id = 'policy' OR id LIKE 'model/%' OR id LIKE 'version/%'",
    )
    .await;
    // A server that remembers nothing of what was before.
    let app = another(&server).await.unwrap();
    let (model, market) = place();
    let hold = Command::Serve(model.clone(), market, ServingCommand::Hold(Reason { reason: "x".into() }));
    let other = app.sealer.seal(Order::new(Caller::Account(person.clone()), hold)).await.unwrap_err();
    assert!(matches!(other, SealError::Store(_)), "everything else fails: {other}");
    let receipt =
        app.sealer.seal(Order::new(Caller::Account(person.clone()), kill(KillTarget::Previous))).await.unwrap();
    assert_eq!(receipt.entries[0].event, "kill_switch.engaged");
    assert!(off(&app).await);

    // Over all markets, told by whatever can be read, as the machine's own command does it.
    let body = Kill { to: KillTarget::Fallback, reason: "Everywhere.".into() };
    let killed = app.kill(&Caller::System, &model, None, &body).await.unwrap();
    assert_eq!(killed.len(), 1, "the registered markets cannot be read; those that anything served can");
    fsck::rebuild(&app.store).await.unwrap();
    assert_clean(&faults(&app).await);
    assert!(off(&app).await);
}

async fn it_works_without_the_tables_beside_the_ledger(engine: Engine) {
    let server = furnished(engine).await;
    let person = server.account(Role::MrmValidator).await;
    for table in ["model_view", "version_view", "deployment_view", "work_item", "entry_about", "due", "idempotency"] {
        execute(&server.app, &format!("ALTER TABLE {table} RENAME TO {table}_lost"), None).await;
    }
    let app = &server.app;
    let mut order = Order::new(Caller::Account(person), kill(KillTarget::Fallback));
    order.idempotency = Some(("a-key".into(), ledger::Digest::of(b"kill")));
    app.sealer.seal(order).await.unwrap();
    assert!(off(app).await);
    for table in ["model_view", "version_view", "deployment_view", "work_item", "entry_about", "due", "idempotency"] {
        execute(&server.app, &format!("ALTER TABLE {table}_lost RENAME TO {table}"), None).await;
    }
    fsck::rebuild(&app.store).await.unwrap();
    assert_clean(&faults(app).await);
}

async fn a_broken_record_of_the_market_is_folded_again(engine: Engine) {
    let server = furnished(engine).await;
    let person = server.account(Role::DataScientist).await;
    tamper(&server.app, "UPDATE aggregate SET state = 'nonsense' WHERE id = 'deployment/streamrec/US'").await;
    let app = another(&server).await.unwrap();
    app.sealer.seal(Order::new(Caller::Account(person), kill(KillTarget::Fallback))).await.unwrap();
    assert!(off(&app).await);
    let (model, market) = place();
    let deployment = app.deployment(&model, &market).await.unwrap().unwrap();
    assert_eq!(deployment.shadows.len(), 1, "what was there before is there again");
    assert_clean(&faults(&app).await);
}

async fn it_does_not_wait_for_a_broken_neighbour(engine: Engine) {
    let server = furnished(engine).await;
    let person = server.account(Role::DataScientist).await;
    tamper(&server.app, "UPDATE aggregate SET state = '' WHERE id = 'version/streamrec/1'").await;
    let app = another(&server).await.unwrap();
    let archive = Command::ArchiveVersion(
        domain::VersionId { model: place().0, number: 1.try_into().unwrap() },
        domain::command::ArchiveVersion { reason: "x".into() },
    );
    let caller = || Caller::Account(person.clone());
    // Both wait for the same transaction; the one must not fail the other.
    let (broken, killed) = tokio::join!(
        app.sealer.seal(Order::new(caller(), archive)),
        app.sealer.seal(Order::new(caller(), kill(KillTarget::Fallback))),
    );
    assert!(broken.is_err());
    killed.unwrap();
    assert!(off(&app).await);
}
