//! Requests that may be repeated: an equal one is answered with the first receipt, another one under its key is not.

use countersign::seal::{Caller, Order, Receipt, SealError};
use domain::{AccountId, RefusalKind, account::Role};
use ledger::Digest;

use crate::{
    common::{Engine, TestServer},
    on_each_engine,
    raw::{another, assert_clean, faults, model},
};

on_each_engine!(a_request_is_sealed_once_however_often_it_is_sent, equal_requests_of_one_group_are_sealed_once);

fn order(account: &AccountId, name: &str, key: &str, request: &[u8]) -> Order {
    let caller = Caller::Account(account.clone());
    Order { idempotency: Some((key.to_owned(), Digest::of(request))), ..Order::new(caller, model(name)) }
}

#[track_caller]
fn assert_same(first: &Receipt, repeated: &Receipt) {
    assert!(!first.repeated && repeated.repeated);
    assert_eq!(&Receipt { repeated: false, ..repeated.clone() }, first);
}

#[track_caller]
fn assert_other_request(answer: &Result<Receipt, SealError>) {
    let Err(SealError::Refused(refusal)) = answer else { panic!("{answer:?}") };
    assert_eq!((refusal.rule.as_str(), refusal.kind), ("idempotency.same_request", RefusalKind::Conflict));
}

async fn a_request_is_sealed_once_however_often_it_is_sent(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    let (ana, ben) = (server.account(Role::DataScientist).await, {
        server.add_account(Role::DataScientist, "Ben", "ben@bank.example", "credit").await
    });
    let first = server.app.sealer.seal(order(&ana, "a", "key-1", b"a")).await.unwrap();
    let size = server.app.store.head().await.unwrap().size;
    assert_same(&first, &server.app.sealer.seal(order(&ana, "a", "key-1", b"a")).await.unwrap());
    // Another server answers the same, so a client may turn to it after a failure.
    let other = another(&server).await.unwrap();
    assert_same(&first, &other.sealer.seal(order(&ana, "a", "key-1", b"a")).await.unwrap());
    assert_other_request(&server.app.sealer.seal(order(&ana, "b", "key-1", b"b")).await);
    assert_eq!(server.app.store.head().await.unwrap().size, size);
    // The key belongs to whoever used it.
    let of_ben = server.app.sealer.seal(order(&ben, "c", "key-1", b"c")).await.unwrap();
    assert!(!of_ben.repeated);
    // A refusal is not kept: once its reason is gone, the same request goes through.
    assert!(server.app.sealer.seal(order(&ana, "c", "key-2", b"c")).await.is_err());
    assert!(server.app.sealer.seal(order(&ana, "d", "key-2", b"d")).await.is_ok());
    assert_clean(&faults(&server.app).await);
}

async fn equal_requests_of_one_group_are_sealed_once(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    let ana = server.account(Role::DataScientist).await;
    let size = server.app.store.head().await.unwrap().size;
    let sealer = &server.app.sealer;
    let (first, repeated, other) = tokio::join!(
        sealer.seal(order(&ana, "a", "key", b"a")),
        sealer.seal(order(&ana, "a", "key", b"a")),
        sealer.seal(order(&ana, "b", "key", b"b")),
    );
    assert_same(&first.unwrap(), &repeated.unwrap());
    assert_other_request(&other);
    assert_eq!(server.app.store.head().await.unwrap().size, size + 1);
    assert_clean(&faults(&server.app).await);
}
