//! Erasure takes value and salt out of the vault in the transaction that seals its entry, and fsck can tell what was
//! erased from what was lost.

use countersign::{
    accounts::SignInError,
    privacy::{NewReview, answering, receiving},
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

on_each_engine!(an_erased_account_leaves_nothing_but_commitments, an_erased_request_leaves_nothing_but_commitments);

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
