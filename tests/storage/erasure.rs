//! Erasure takes value and salt out of the vault in the transaction that seals its entry, and fsck can tell what was
//! erased from what was lost.

use countersign::{
    accounts::SignInError,
    privacy::{NewReview, answering, receiving},
    reports::{self, Asked, JobState, worker},
    seal::Caller,
};
use domain::{
    AccountId, AggregateId, Command,
    account::Role,
    privacy::{
        command::{Erase, HoldReason, PrivacyCommand},
        erasure::ErasureBasis,
        review::{ReviewId, ReviewOutcome},
        safeguards::Safeguard,
    },
};

use crate::{
    common::{Engine, PASSWORD, TestServer},
    on_each_engine,
    raw::{assert_clean, assert_found, execute, faults, model, seal, tamper},
};

on_each_engine!(
    an_erased_account_leaves_nothing_but_commitments,
    an_erased_request_leaves_nothing_but_commitments,
    reports_that_could_name_somebody_go_with_the_name,
);

fn erase(target: AggregateId) -> Command {
    let body = Erase { basis: ErasureBasis::NoLongerNecessary, note: String::new() };
    Command::Privacy(PrivacyCommand::Erase(target, body))
}

async fn rows(server: &TestServer, condition: &str) -> u64 {
    // An update that changes nothing counts what it hits.
    execute(&server.app, &format!("UPDATE vault SET field = field WHERE {condition}"), None).await
}

async fn an_erased_account_leaves_nothing_but_commitments(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    let app = &server.app;
    let (officer, gone) = (server.account(Role::PrivacyOfficer).await, server.account(Role::DataScientist).await);
    let administrator = server.account(Role::Administrator).await;
    server.token(Role::DataScientist).await;
    let target = AggregateId::Account(gone.clone());
    seal(app, &administrator, Command::DisableAccount(gone.clone(), true)).await.unwrap();

    let hold = HoldReason { reason: "Case 7 O 12/26".into() };
    let place = PrivacyCommand::PlaceHold(target.clone(), hold.clone());
    seal(app, &officer, Command::Privacy(place)).await.unwrap();
    let refused = seal(app, &officer, erase(target.clone())).await.unwrap();
    assert_eq!(refused.entries[0].event, "erasure.refused");
    assert_eq!(rows(&server, &format!("account = '{gone}'")).await, 2, "a hold keeps both values");
    let release = PrivacyCommand::ReleaseHold(target.clone(), 1, hold);
    seal(app, &officer, Command::Privacy(release)).await.unwrap();

    seal(app, &officer, erase(target.clone())).await.unwrap();
    assert_eq!(rows(&server, &format!("account = '{gone}'")).await, 0);
    assert!(app.store.login_of(gone.as_str()).await.unwrap().is_none());
    assert!(app.store.login_by_email(&TestServer::email(Role::DataScientist)).await.unwrap().is_none());
    assert_clean(&faults(app).await);
    let entered = app.sign_in(&TestServer::email(Role::DataScientist), PASSWORD, "here").await;
    assert!(matches!(entered, Err(SignInError::Wrong)));
    assert!(seal(app, &administrator, Command::DisableAccount(gone.clone(), false)).await.is_err());
    // The address is free again, and what is lost without an entry is still told.
    let again: AccountId =
        server.add_account(Role::DataScientist, "Somebody", &TestServer::email(Role::DataScientist), "ds").await;
    assert_clean(&faults(app).await);
    tamper(app, &format!("DELETE FROM vault WHERE account = '{again}' AND field = 'name'")).await;
    assert_found(&faults(app).await, &format!("the personal value name of {again} and its salt are not in the vault"));
}

/// Whether the bytes stand anywhere in the files of the embedded database.
fn in_the_files(server: &TestServer, words: &str) -> bool {
    ["countersign.db", "countersign.db-wal"].iter().any(|name| {
        let bytes = std::fs::read(server.app.config.data.join(name)).unwrap_or_default();
        bytes.windows(words.len()).any(|window| window == words.as_bytes())
    })
}

async fn reports_that_could_name_somebody_go_with_the_name(engine: Engine) {
    const NAME: &str = "Wilhelmina Gantzhorn-Ketelaar";
    let server = TestServer::start_on(engine).await;
    let app = &server.app;
    let (officer, auditor) = (server.account(Role::PrivacyOfficer).await, server.account(Role::Auditor).await);
    let administrator = server.account(Role::Administrator).await;
    let gone = server.add_account(Role::DataScientist, NAME, "w@example.org", "ds").await;
    let asked = Asked::ModelInventory {};
    for index in 0..40 {
        seal(app, &gone, model(&format!("credit-{index}"))).await.unwrap();
    }
    let job = reports::ask(app, &auditor, &asked).await.unwrap();
    assert!(worker::turn(app).await.unwrap());
    let told = app.store.report_file(&job.id, "csv").await.unwrap().unwrap();
    assert!(String::from_utf8(told).unwrap().contains(NAME));
    if app.config.database_url.is_none() {
        assert!(in_the_files(&server, NAME));
    }
    let earlier = app.store.head().await.unwrap().size;

    seal(app, &administrator, Command::DisableAccount(gone.clone(), true)).await.unwrap();
    seal(app, &officer, erase(AggregateId::Account(gone.clone()))).await.unwrap();
    for format in ["pdf", "json", "csv"] {
        assert!(app.store.report_file(&job.id, format).await.unwrap().is_none());
    }
    let after = reports::find(app, &auditor, &job.id).await.unwrap().unwrap();
    assert_eq!(after.state, JobState::Withdrawn);
    assert!(after.problem.unwrap().contains("erased after this report was made"));
    if app.config.database_url.is_none() {
        assert!(!in_the_files(&server, NAME), "the name is still in a file of the database");
    }

    // A report that was in the making meanwhile is made again, without the name.
    let job = reports::ask(app, &auditor, &asked).await.unwrap();
    app.store.claim_report(app.clock.now(), app.clock.now().plus_days(1)).await.unwrap().unwrap();
    app.store.end_report(&job.id, earlier, Ok(vec![("csv", NAME.as_bytes().to_vec())])).await.unwrap();
    assert!(app.store.report_file(&job.id, "csv").await.unwrap().is_none());
    assert!(worker::turn(app).await.unwrap());
    let told = String::from_utf8(app.store.report_file(&job.id, "csv").await.unwrap().unwrap()).unwrap();
    assert!(told.contains("credit-7") && !told.contains(NAME), "{told}");
    assert_clean(&faults(app).await);
}

async fn an_erased_request_leaves_nothing_but_commitments(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    let app = &server.app;
    let (ana, officer) = (server.account(Role::DataScientist).await, server.account(Role::PrivacyOfficer).await);
    seal(app, &ana, model("credit")).await.unwrap();
    let new = |name: &str| NewReview {
        asks: Safeguard::HumanIntervention,
        version: None,
        market: None,
        decision: "loan/1".into(),
        received_at: None,
        name: name.into(),
        contact: "by letter".into(),
        text: String::new(),
    };
    let name: domain::ModelName = "credit".parse().unwrap();
    for person in ["Jane Roe", "John Doe"] {
        let order = receiving(Caller::Account(ana.clone()), name.clone(), new(person)).unwrap();
        app.sealer.seal(order).await.unwrap();
    }
    assert_eq!(rows(&server, "account = 'review/credit/1'").await, 2);
    assert_eq!(rows(&server, "account = 'review/credit/2'").await, 2);
    let id = ReviewId { model: name, number: 1 };
    let order = answering(Caller::Account(officer.clone()), id.clone(), ReviewOutcome::Upheld, "It stands.").unwrap();
    app.sealer.seal(order).await.unwrap();
    assert_eq!(rows(&server, "account = 'review/credit/1'").await, 3);
    assert_clean(&faults(app).await);
    tamper(app, "UPDATE vault SET value = 'Another' WHERE account = 'review/credit/1' AND field = 'answer'").await;
    assert_found(&faults(app).await, "the personal value answer of review/credit/1 is not the one");

    seal(app, &officer, erase(AggregateId::ReviewRequest(id))).await.unwrap();
    assert_eq!(rows(&server, "account = 'review/credit/1'").await, 0);
    assert_eq!(rows(&server, "account = 'review/credit/2'").await, 2, "nobody else's data go with it");
    assert_clean(&faults(app).await);
    let outcome = countersign::fsck::rebuild(&app.store).await.unwrap();
    assert!(outcome.states > 4);
    assert_clean(&faults(app).await);
    tamper(app, "UPDATE review_view SET erased = 0 WHERE number = 1").await;
    assert_found(&faults(app).await, "review_view");
}
