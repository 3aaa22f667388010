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
    browser::Browser,
    common::{Engine, TestServer},
    on_each_engine,
    raw::{another, assert_clean, execute, faults, tamper},
    steps,
};

on_each_engine!(
    it_works_with_every_row_beside_it_broken,
    it_works_without_the_tables_beside_the_ledger,
    its_page_is_shown_and_works_without_the_tables_beside_the_ledger,
    it_works_on_the_machine_without_the_settings,
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

async fn its_page_is_shown_and_works_without_the_tables_beside_the_ledger(engine: Engine) {
    let server = furnished(engine).await;
    let browser = Browser::of(&server, Role::MrmValidator).await;
    for table in
        ["model_view", "version_view", "deployment_view", "work_item", "entry_about", "lineage_input", "exposure"]
    {
        execute(&server.app, &format!("DROP TABLE {table}"), None).await;
    }
    execute(&server.app, "DROP TABLE due", None).await;
    execute(&server.app, "ALTER TABLE vault RENAME TO vault_lost", None).await;
    let page = browser.get("/rollouts/streamrec/US/kill").await;
    assert!(page.contains("Switch off now") && page.contains("Only in US"), "{page}");
    assert!(!page.contains("> waiting<"), "what cannot be counted has no badge");
    let answer = browser.post("/rollouts/streamrec/US/kill", &[("to", "fallback"), ("scope", "market")]).await;
    assert_eq!(answer.status, 422, "a reason is asked for all the same");
    let fields = [("to", "fallback"), ("scope", "market"), ("reason", "A regulator called.")];
    let answer = browser.post("/rollouts/streamrec/US/kill", &fields).await;
    assert_eq!(answer.status, 303, "{}", String::from_utf8_lossy(&answer.body));
    assert!(off(&server.app).await);
}

/// `countersign kill --local` on this server's data.
async fn kill_on_the_machine(server: &TestServer) -> std::process::Output {
    let config = &server.app.config;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(["kill", "streamrec", "--market", "US", "--reason", "Harm.", "--local"]);
    command.env("COUNTERSIGN_DATA", &config.data).env("COUNTERSIGN_SIGNING_KEY", &config.signing_key);
    command.env_remove("COUNTERSIGN_CONFIG");
    if let Some(url) = &config.database_url {
        command.env("COUNTERSIGN_DATABASE_URL", url);
    }
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn it_works_on_the_machine_without_the_settings(engine: Engine) {
    let server = furnished(engine).await;
    let other = TestServer::start_on(Engine::Sqlite).await;
    execute(&server.app, "ALTER TABLE setting RENAME TO setting_lost", None).await;
    let key = server.app.config.signing_key.clone();
    let own = std::fs::read(&key).unwrap();
    std::fs::write(&key, std::fs::read(&other.app.config.signing_key).unwrap()).unwrap();
    let refused = kill_on_the_machine(&server).await;
    assert!(!refused.status.success(), "another ledger's key signs nothing here");
    assert!(!off(&server.app).await);
    std::fs::write(&key, own).unwrap();
    let done = kill_on_the_machine(&server).await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(off(&server.app).await);
    execute(&server.app, "ALTER TABLE setting_lost RENAME TO setting", None).await;
    assert_clean(&faults(&server.app).await);
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
