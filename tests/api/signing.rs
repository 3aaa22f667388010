//! Signing: who may not, and what is not signed any more.

use domain::account::Role;
use serde_json::json;

use crate::{
    assert_problem,
    common::{COMMIT, PASSWORD, TestServer, start},
    steps,
};

async fn nothing_is_signed(server: &TestServer, version: &str) {
    let shown = server.get(version).as_role(Role::Auditor).await.send().await.expect(200).json();
    assert_eq!((&shown["stage"], &shown["sign_offs"]), (&json!("none"), &json!([])));
}

#[tokio::test]
async fn nobody_signs_their_own_request() {
    let server = start().await;
    let version = steps::prepared(&server, "credit", "sr-11-7").await;
    // One person, both roles: the rule goes by the person.
    let both = server.add_account(Role::MrmValidator, "Both", "both@bank.example", "mrm").await;
    let roles = json!({ "roles": ["data_scientist", "mrm_validator"], "team": "mrm", "own_password": PASSWORD });
    let call = server.put(&format!("/api/v1/accounts/{both}/roles")).json(&roles);
    call.as_role(Role::Administrator).await.send().await.expect(200);
    let token = server.issue(&both, &domain::account::Scope::ALL, server.app.clock.now().plus_days(1)).await.token;

    let call = server.post(&format!("{version}/promotions")).json(&json!({ "to": "staging" })).bearer(&token);
    call.send().await.expect(201);
    steps::validate(&server, &version).await.expect(200);
    let package = steps::package(&server, &version, 1).await;
    let sign = steps::signature(&package, PASSWORD);
    let own = server.post(&format!("{version}/promotions/1/sign")).json(&sign).bearer(&token).send().await;
    let detail = assert_problem(&own, 403, "signing.four_eyes");
    assert!(detail.contains("asked for its promotion"), "{detail}");
    nothing_is_signed(&server, &version).await;
    let other = server.post(&format!("{version}/promotions/1/sign")).json(&sign);
    other.as_role(Role::MrmValidator).await.send().await.expect(200);
}

#[tokio::test]
async fn a_package_that_changed_is_not_signed() {
    let server = start().await;
    let version = steps::signable(&server, "credit").await;
    let read = steps::package(&server, &version, 1).await;
    let more = steps::JUNIT.replace("one", "two");
    steps::attach(&server, &version, "code", COMMIT, &more).await.expect(201);
    let call = server.post(&format!("{version}/promotions/1/sign")).json(&steps::signature(&read, PASSWORD));
    let answer = call.as_role(Role::MrmValidator).await.send().await;
    let detail = assert_problem(&answer, 409, "signing.stale_package");
    assert!(detail.contains("read it again"), "{detail}");
    nothing_is_signed(&server, &version).await;
    let now = steps::package(&server, &version, 1).await;
    assert_ne!(now, read);
    let call = server.post(&format!("{version}/promotions/1/sign")).json(&steps::signature(&now, PASSWORD));
    call.as_role(Role::MrmValidator).await.send().await.expect(200);
}

#[tokio::test]
async fn a_wrong_password_signs_nothing_and_cannot_be_guessed_for_long() {
    let server = start().await;
    let version = steps::signable(&server, "credit").await;
    let package = steps::package(&server, &version, 1).await;
    let size = server.app.store.head().await.unwrap().size;
    let mut told = Vec::new();
    for attempt in 0..32 {
        let sign = steps::signature(&package, &format!("a wrong password {attempt}"));
        let call = server.post(&format!("{version}/promotions/1/sign")).json(&sign);
        let answer = call.as_role(Role::MrmValidator).await.send().await;
        if attempt == 0 {
            assert_eq!(answer.json()["missing"][0]["what"], "password", "a form finds its input");
        }
        told.push(assert_problem(&answer, 403, "signing.reauthentication"));
    }
    assert!(told[0].contains("password is not right"), "{}", told[0]);
    assert!(told[31].contains("Too many attempts"), "{}", told[31]);
    assert!(told.iter().all(|detail| !detail.contains("a wrong password")), "a password is never repeated");
    assert_eq!(server.app.store.head().await.unwrap().size, size);
    nothing_is_signed(&server, &version).await;
}

#[tokio::test]
async fn a_signature_is_read_strictly() {
    let server = start().await;
    let version = steps::signable(&server, "credit").await;
    let package = steps::package(&server, &version, 1).await;
    let path = format!("{version}/promotions/1/sign");
    let sign = steps::signature(&package, PASSWORD);
    for (field, value, status, rule) in [
        ("role", json!("risk_committee"), 422, "signing.slot"),
        ("role", json!("root"), 400, "request.readable"),
        ("meaning", json!("I approve."), 422, "signing.meaning"),
        ("comment", json!("x".repeat(10_000)), 422, "input.valid"),
        ("on_behalf_of", json!("somebody else"), 400, "request.readable"),
    ] {
        let mut body = sign.clone();
        body[field] = value;
        let answer = server.post(&path).json(&body).as_role(Role::MrmValidator).await.send().await;
        assert_problem(&answer, status, rule);
    }
    let mut bare = sign.clone();
    bare.as_object_mut().unwrap().remove("password");
    let answer = server.post(&path).json(&bare).as_role(Role::MrmValidator).await.send().await;
    assert!(assert_problem(&answer, 403, "signing.reauthentication").contains("password"));
    let answer = server.post(&path).json(&sign).as_role(Role::DataScientist).await.send().await;
    assert_problem(&answer, 403, "access.role");
    let answer = server.post(&format!("{version}/promotions/7/sign")).json(&sign).as_role(Role::MrmValidator).await;
    assert_problem(&answer.send().await, 404, "subject.exists");
    nothing_is_signed(&server, &version).await;
}

#[tokio::test]
async fn a_declined_or_withdrawn_request_is_signed_no_more() {
    let server = start().await;
    let version = steps::signable(&server, "credit").await;
    let decline = json!({ "reason": "Income drifts; retrain." });
    let call = server.post(&format!("{version}/promotions/1/decline")).json(&decline);
    call.as_role(Role::MrmValidator).await.send().await.expect(200);
    steps::request(&server, &version, "staging", None).await.expect(201);
    let call = server.post(&format!("{version}/promotions/2/withdraw")).as_role(Role::DataScientist).await;
    call.send().await.expect(200);
    for request in [1, 2] {
        let package = steps::package(&server, &version, request).await;
        let call = server.post(&format!("{version}/promotions/{request}/sign"));
        let answer = call.json(&steps::signature(&package, PASSWORD)).as_role(Role::MrmValidator).await.send().await;
        assert_problem(&answer, 409, "promotion.open");
    }
    nothing_is_signed(&server, &version).await;
}
