//! What is sealed agrees with itself: entries, chain, tree, checkpoint, states and views, also when many commands
//! arrive at once.

use std::collections::BTreeSet;

use countersign::{
    seal::{Caller, Order, SealError},
    service::Service,
};
use domain::{
    AggregateId, Command, RefusalKind, Stage,
    account::Role,
    command::{RecordReport, RegisterVersion},
    validation::{Outcome, Section},
};
use futures_util::future::join_all;
use ledger::{ChainHead, Checkpoint, Digest, Entry, TilePath, TreeHead, merkle::leaf_hash};

use crate::{
    common::{Engine, TestServer},
    on_each_engine,
    raw::{assert_clean, faults, model, seal},
    steps,
};

on_each_engine!(
    what_is_sealed_agrees_with_itself,
    two_hundred_at_once_make_one_valid_chain,
    a_refused_command_leaves_the_others_of_its_group_alone,
    what_does_not_fit_an_entry_is_refused_and_the_others_stand,
    colliding_origins_of_one_group_are_told_apart,
);

/// Follows chain and tree from the stored bytes alone, without any of the server's own checks.
async fn follow(app: &Service) -> (ChainHead, TreeHead) {
    let (mut chain, mut tree) = (ChainHead::genesis(), TreeHead::new());
    let head = app.store.head().await.unwrap();
    for stored in app.store.entries_from(0, 10_000).await.unwrap() {
        let entry = Entry::from_bytes(&stored.bytes).unwrap();
        assert_eq!(stored.hash, Digest::of(&stored.bytes));
        chain = chain.check_next(&entry, &stored.bytes).unwrap();
        tree.append(leaf_hash(&stored.bytes));
    }
    assert_eq!((chain.size, chain.last), (head.size, head.last));
    let opened = Checkpoint::open(&head.checkpoint, &[app.key.verifier().clone()]).unwrap().checkpoint;
    assert_eq!((opened.size, opened.root), (chain.size, tree.root()));
    (chain, tree)
}

async fn what_is_sealed_agrees_with_itself(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    let version = steps::signable(&server, "credit").await;
    let package = steps::package(&server, &version, 1).await;
    let sign = steps::signature(&package, crate::common::PASSWORD);
    let call = server.post(&format!("{version}/promotions/1/sign")).json(&sign);
    let receipt = call.as_role(Role::MrmValidator).await.send().await.expect(200).json();

    let (chain, tree) = follow(&server.app).await;
    let last = receipt["entries"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["event"], "stage.transitioned");
    assert_eq!(last["seq"].as_u64(), Some(chain.size - 1));
    assert_eq!(last["hash"], chain.last.to_string());

    let id = "version/credit/1".parse().unwrap();
    let AggregateId::Version(id) = id else { unreachable!() };
    let shelf = server.app.version(&id).await.unwrap().unwrap();
    assert_eq!(shelf.version.stage, Stage::Staging);
    assert_eq!(shelf.version.stage_entry, chain.size - 1);
    let rows = server.app.store.versions("credit", Some("staging"), None, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [1]);
    assert!(server.app.store.work_on("credit", 1).await.unwrap().is_empty(), "nothing waits any more");

    let wanted: Vec<_> = TilePath::all(chain.size)
        .filter_map(|path| match path {
            TilePath::Hashes { id, .. } => Some(id),
            TilePath::Entries { .. } => None,
        })
        .collect();
    let tiles = server.app.store.tiles(&wanted).await.unwrap();
    assert_eq!(ledger::tiles::root_at(chain.size, &tiles).unwrap(), tree.root());
    assert_clean(&faults(&server.app).await);
}

async fn two_hundred_at_once_make_one_valid_chain(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    let ana = server.account(Role::DataScientist).await;
    seal(&server.app, &ana, model("shared")).await.unwrap();
    let before = server.app.store.head().await.unwrap().size;
    let commands = (0..200).map(|n| match n % 2 {
        0 => model(&format!("model-{n}")),
        _ => Command::RegisterVersion(
            "shared".parse().unwrap(),
            RegisterVersion {
                lineage: domain::lineage::Lineage::default(),
                note: String::new(),
                origin: None,
                trigger: None,
            },
        ),
    });
    let receipts = join_all(commands.map(|command| seal(&server.app, &ana, command))).await;

    let receipts: Vec<_> = receipts.into_iter().map(Result::unwrap).collect();
    let numbers: BTreeSet<u64> = receipts.iter().map(countersign::seal::Receipt::last_seq).collect();
    assert_eq!(numbers, (before..before + 200).collect(), "every command has an entry of its own");
    let versions: BTreeSet<u32> = receipts.iter().filter_map(countersign::seal::Receipt::version).collect();
    assert_eq!(versions, (1..=100).collect(), "every version has a number of its own");
    let (chain, _) = follow(&server.app).await;
    assert_eq!(chain.size, before + 200);
    for receipt in &receipts {
        let entry = &receipt.entries[0];
        assert_eq!(server.app.store.entry(entry.seq).await.unwrap().unwrap().hash, entry.hash);
    }
    assert_clean(&faults(&server.app).await);
}

async fn a_refused_command_leaves_the_others_of_its_group_alone(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    let (ana, auditor) = (server.account(Role::DataScientist).await, server.account(Role::Auditor).await);
    let before = server.app.store.head().await.unwrap().size;
    let answers = tokio::join!(
        seal(&server.app, &ana, model("first")),
        seal(&server.app, &auditor, model("of-the-auditor")),
        seal(&server.app, &ana, model("first")),
        seal(&server.app, &ana, model("last")),
    );
    assert_eq!(answers.0.unwrap().last_seq(), before);
    assert!(matches!(answers.1, Err(SealError::Refused(refusal)) if refusal.rule == "access.role"));
    assert!(matches!(answers.2, Err(SealError::Refused(refusal)) if refusal.rule == "model.unique"));
    assert_eq!(answers.3.unwrap().last_seq(), before + 1, "the refused ones left no gap");
    assert_clean(&faults(&server.app).await);
}

async fn what_does_not_fit_an_entry_is_refused_and_the_others_stand(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    let version = steps::prepared(&server, "credit", "sr-11-7").await;
    assert!(version.ends_with("/1"));
    let (ana, mo) = (server.account(Role::DataScientist).await, server.account(Role::MrmValidator).await);
    // 5,000 characters a section are allowed, but not all of them with four bytes each.
    let sections = Section::ALL.into_iter().map(|section| (section, "𝔸".repeat(5_000))).collect();
    let AggregateId::Version(id) = "version/credit/1".parse().unwrap() else { unreachable!() };
    let report = Command::RecordReport(id, RecordReport { sections, outcome: Outcome::Approved });
    let answers = tokio::join!(
        seal(&server.app, &ana, model("before")),
        seal(&server.app, &mo, report),
        seal(&server.app, &ana, model("after")),
    );
    assert!(answers.0.is_ok() && answers.2.is_ok());
    let Err(SealError::Refused(refusal)) = answers.1 else { panic!("{:?}", answers.1) };
    assert_eq!(refusal.kind, RefusalKind::Invalid);
    assert!(refusal.message.contains("attach the long part as a file"), "{}", refusal.message);
    assert_clean(&faults(&server.app).await);
}

/// Origins that are stored under one key must not fail the whole group by it.
async fn colliding_origins_of_one_group_are_told_apart(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    let ana = server.account(Role::DataScientist).await;
    seal(&server.app, &ana, model("imported")).await.unwrap();
    let import = |system: &str, reference: &str| {
        let origin = domain::registry::Origin { system: system.into(), reference: reference.into() };
        let body = RegisterVersion {
            lineage: domain::lineage::Lineage::default(),
            note: String::new(),
            origin: Some(origin),
            trigger: None,
        };
        Order::new(Caller::Account(ana.clone()), Command::RegisterVersion("imported".parse().unwrap(), body))
    };
    let answers = tokio::join!(
        server.app.sealer.seal(import("mlflow", "models:/credit/3")),
        server.app.sealer.seal(import("mlflow", "models:/credit/3")),
        server.app.sealer.seal(import("ml flow", "credit")),
        server.app.sealer.seal(import("ml", "flow credit")),
        seal(&server.app, &ana, model("bystander")),
    );
    assert!(answers.0.is_ok());
    assert!(matches!(&answers.1, Err(SealError::Refused(refusal)) if refusal.rule == "version.origin_unique"));
    assert!(answers.2.is_ok());
    assert!(!matches!(answers.3, Err(SealError::Store(_))), "{:?}", answers.3);
    assert!(answers.4.is_ok(), "{:?}", answers.4);
    let again = server.app.sealer.seal(import("mlflow", "models:/credit/3")).await;
    assert!(matches!(again, Err(SealError::Refused(refusal)) if refusal.rule == "version.origin_unique"));
    assert_clean(&faults(&server.app).await);
}
