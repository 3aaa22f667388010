//! The badge beside the inbox counts what the inbox shows, whatever it is that waits.

use countersign::{
    clock::Clock as _,
    seal::{Caller, Order},
};
use domain::{Command, account::Role, policy::DEFAULT_POLICY};
use serde_json::json;

use crate::{
    browser::Browser,
    common::{PASSWORD, TestServer},
    serving::{canary, post},
    steps,
};

/// How many the badge says wait, and how many items the inbox shows that wait for the reader, who signs in anew.
async fn badge_and_items(server: &TestServer, email: &str) -> (usize, usize) {
    let page = Browser::of_account(server, email).await.get("/inbox").await;
    let badge = page.split(r#"class="count""#).nth(1).map_or(0, |rest| {
        let digits: String = rest.chars().skip_while(|c| *c != '>').skip(1).take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    });
    let mine = page.split(r#"id="waiting""#).next().unwrap();
    (badge, mine.matches(r#"class="what""#).count())
}

async fn adopt(server: &TestServer, toml: String) {
    server.app.sealer.seal(Order::new(Caller::System, Command::AdoptPolicy(toml))).await.unwrap();
}

#[tokio::test]
async fn a_step_that_waits_for_a_signature_counts_from_the_moment_on_when_it_can_be_signed() {
    let (server, clock) = canary().await;
    server.account(Role::MrmValidator).await;
    let vera = TestServer::email(Role::MrmValidator);
    let before = badge_and_items(&server, &vera).await;
    assert_eq!(before.0, before.1);
    steps::promote(&server, &clock, "/api/v1/models/streamrec/versions/2").await;
    let now = clock.now();
    steps::observe(&server, &clock, "streamrec/US", 2, 0.001).await.expect(200);
    assert_eq!(badge_and_items(&server, &vera).await, before, "no person is asked in the US");

    // A policy that asks for one makes the rollout under way wait for it; but not before its day is over.
    let approval = "[markets.US.rollout.approval]\nrole = \"mrm_validator\"\nmeaning = \"I approve.\"\n\n";
    let mark = "[[markets.US.rollout.guardrails]]";
    adopt(&server, DEFAULT_POLICY.replacen(mark, &format!("{approval}{mark}"), 1)).await;
    assert_eq!(badge_and_items(&server, &vera).await, before);
    clock.set(now.plus_days(1));
    assert_eq!(badge_and_items(&server, &vera).await, (before.0 + 1, before.1 + 1));
    let page = Browser::of_account(&server, &vera).await.get("/inbox").await;
    assert!(page.contains("Approve the next step of streamrec in US"));
    server.account(Role::Auditor).await;
    assert_eq!(
        badge_and_items(&server, &TestServer::email(Role::Auditor)).await,
        (0, 0),
        "it waits for the role, not for everybody"
    );

    // On hold there is nothing to sign; let go, there is; signed, there is not.
    let hold = json!({ "reason": "A sale." });
    post(&server, Role::DataScientist, "/rollouts/streamrec/US/hold", &hold).await.expect(200);
    assert_eq!(badge_and_items(&server, &vera).await, before);
    post(&server, Role::DataScientist, "/rollouts/streamrec/US/resume", &hold).await.expect(200);
    assert_eq!(badge_and_items(&server, &vera).await, (before.0 + 1, before.1 + 1));
    let shown = server.get("/api/v1/rollouts/streamrec/US").as_role(Role::MrmValidator).await.send().await.json();
    let approve = json!({
        "password": PASSWORD, "version": 2, "meaning": "I approve.", "package": shown["step_digest"],
    });
    post(&server, Role::MrmValidator, "/rollouts/streamrec/US/approve", &approve).await.expect(200);
    assert_eq!(badge_and_items(&server, &vera).await, before);
    let outcome = countersign::fsck::check(&server.app.store, &server.app.blobs, server.app.key.verifier(), None);
    assert_eq!(outcome.await.unwrap().faults, []);
}

#[tokio::test]
async fn a_use_of_the_kill_switch_waits_for_its_review_but_not_by_whoever_used_it() {
    let (server, _) = canary().await;
    server.add_account(Role::MrmValidator, "Vic Other", "vic@example.org", "MRM").await;
    let who = TestServer::email(Role::MrmValidator);
    server.account(Role::MrmValidator).await;
    let before = badge_and_items(&server, &who).await;
    let kill = json!({ "to": "fallback", "reason": "A regulator called." });
    post(&server, Role::MrmValidator, "/models/streamrec/kill", &kill).await.expect(200);
    assert_eq!(badge_and_items(&server, &who).await, before, "nobody reviews what they did");
    let (badge, items) = badge_and_items(&server, "vic@example.org").await;
    assert_eq!((badge, items), (before.0 + 2, before.1 + 2), "one for each market");
    let page = Browser::of_account(&server, "vic@example.org").await.get("/inbox").await;
    for part in ["Review the kill switch of streamrec in US", "/rollouts/streamrec/EU#kill", "A regulator called."] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let review = json!({ "password": crate::common::PASSWORD, "text": "Looked at.", "may_lift": true });
    let own = post(&server, Role::MrmValidator, "/rollouts/streamrec/US/kill/review", &review).await;
    assert!(own.status == 403 || own.status == 422, "{}", own.status);
    let lift = json!({ "reason": "Mended." });
    assert_eq!(post(&server, Role::DataScientist, "/rollouts/streamrec/US/kill/lift", &lift).await.status, 422);
    assert_eq!(badge_and_items(&server, "vic@example.org").await, (badge, items), "a refusal changes nothing");
    let outcome = countersign::fsck::check(&server.app.store, &server.app.blobs, server.app.key.verifier(), None);
    assert_eq!(outcome.await.unwrap().faults, []);
}
