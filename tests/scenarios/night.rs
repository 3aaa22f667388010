//! Nobody is awake. A version on its way in breaks its guardrails twice and is taken out; the next night a champion turns
//! bad and the standby takes its place again. In the morning people find out from their inboxes.

use std::sync::Arc;

use countersign::{
    clock::{Clock as _, ManualClock},
    clockwork,
};
use domain::account::{Role, Scope};
use ledger::Timestamp;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    common::{Answer, Engine, TestServer, lineage},
    on_each_engine,
    scene::{at, champion, events, post, read, refused, shares, stage_in, wait_days},
    steps,
};

on_each_engine!(a_rollback_at_night_without_people);

const PLACE: &str = "streamrec/US";

async fn a_rollback_at_night_without_people(engine: Engine) {
    let (server, clock) = at(engine, "2026-11-02T09:00:00.000000Z").await;
    let server = Arc::new(server);
    let first = steps::prepared(&server, "streamrec", "unregulated").await;
    everybody_is_given_to(&server, &clock, &first, 1).await;
    let second = another(&server).await;
    it_is_let_in_at(&server, &clock, &second, 25).await;

    let night = until(&server, &clock, "02:00").await;
    two_strikes_take_the_second_version_out(&server, &clock).await;
    nobody_was_there(&server, night).await;
    in_the_morning_it_stands_in_the_inbox(&server, &clock).await;

    let third = another(&server).await;
    everybody_is_given_to(&server, &clock, &third, 3).await;
    assert_eq!(read(&server, "/models/streamrec").await["standbys"]["US"]["version"], 1);
    let night = until(&server, &clock, "02:00").await;
    the_standby_is_not_used_while_nobody_knows_how_it_is(&server, &clock).await;
    the_standby_takes_the_place_of_a_bad_champion(&server, &clock).await;
    nobody_was_there(&server, night).await;

    somebody_uses_the_kill_switch_and_its_review_falls_due(&server, &clock).await;
}

async fn another(server: &TestServer) -> String {
    let version = steps::register_version(server, "streamrec", &lineage()).await;
    steps::attach_all(server, &version).await;
    version
}

async fn it_is_let_in_at(server: &TestServer, clock: &ManualClock, version: &str, share: u64) {
    steps::walk_to_canary(server, clock, version).await;
    steps::promote(server, clock, version).await;
    assert_eq!(shares(server, PLACE).await[0].1, share);
}

async fn everybody_is_given_to(server: &TestServer, clock: &ManualClock, version: &str, number: u32) {
    it_is_let_in_at(server, clock, version, 25).await;
    steps::roll_out(server, clock, "streamrec", number).await;
    assert_eq!(champion(server, "streamrec", "US").await, Some(number.into()));
}

/// Waits until this hour of the next night, or morning; answers the instant.
async fn until(server: &TestServer, clock: &ManualClock, hour: &str) -> Timestamp {
    let day = clock.now().plus_days(1).to_string();
    let then: Timestamp = format!("{}T{hour}:00.000000Z", &day[..10]).parse().unwrap();
    // Whoever looked on went home; from here on only machines ask for anything.
    server.token(Role::Service).await;
    server.token(Role::Auditor).await;
    clock.set(then);
    clockwork::turn(&server.app).await.unwrap();
    then
}

/// What a serving system does: waits until the routing changes.
async fn wait_for_change(server: &Arc<TestServer>) -> tokio::task::JoinHandle<Answer> {
    let call = server.get(&format!("/api/v1/routing/{PLACE}")).as_role(Role::Service).await;
    let revision = call.send().await.expect(200).json()["revision"].as_u64().unwrap();
    let server = server.clone();
    tokio::spawn(async move {
        let path = format!("/api/v1/routing/{PLACE}?after={revision}&wait=20");
        server.get(&path).as_role(Role::Service).await.send().await
    })
}

/// The serving system heard the change, applies it two seconds later and says so; answers the shares that it heard.
async fn heard_and_applied(
    server: &TestServer,
    clock: &ManualClock,
    change: tokio::task::JoinHandle<Answer>,
) -> Vec<(u64, u64)> {
    let routing = change.await.unwrap().expect(200).json();
    let decided: Timestamp = routing["decided_at"].as_str().unwrap().parse().unwrap();
    clock.set(clock.now().plus_seconds(2));
    let body = json!({ "revision": routing["revision"], "subscriber": "gateway" });
    post(server, Role::Service, &format!("/routing/{PLACE}/applied"), &body).await.expect(200);
    let shown = read(server, &format!("/rollouts/{PLACE}")).await;
    let revisions = shown["deployment"]["revisions"].as_array().unwrap();
    let revision = revisions.iter().find(|revision| revision["number"] == routing["revision"]).unwrap();
    let millis = clock.now().micros_since(decided) / 1_000;
    assert_eq!(revision["applied"]["gateway"], millis, "from the decision to the change of routing: {revision:#}");
    let pair = |target: &Value| (target["version"].as_u64().unwrap(), target["weight"].as_u64().unwrap());
    routing["targets"].as_array().unwrap().iter().map(pair).collect()
}

async fn two_strikes_take_the_second_version_out(server: &Arc<TestServer>, clock: &ManualClock) {
    let change = wait_for_change(server).await;
    let struck = steps::observe(server, clock, PLACE, 2, 0.05).await.expect(200);
    assert_eq!(events(&struck), ["rollout.observed", "rollout.struck"]);
    assert_eq!(heard_and_applied(server, clock, change).await, [(2, 10), (1, 90)], "one step back");

    let change = wait_for_change(server).await;
    let out = steps::observe(server, clock, PLACE, 2, 0.05).await.expect(200);
    assert_eq!(events(&out), ["rollout.observed", "rollout.struck", "rollout.rolled_back"]);
    assert_eq!(heard_and_applied(server, clock, change).await, [(1, 100)], "the champion answers everybody");

    // It does not come back: neither by asking on, nor by asking again.
    let version = "/api/v1/models/streamrec/versions/2";
    assert_eq!(stage_in(server, version, "US").await, "archived");
    let again = steps_as_a_machine(server, version, "production").await;
    refused(&again, 422, "stage.archived");
}

async fn steps_as_a_machine(server: &TestServer, version: &str, to: &str) -> Answer {
    let body = json!({ "to": to, "market": "US" });
    server.post(&format!("{version}/promotions")).json(&body).as_role(Role::Service).await.send().await
}

/// No entry since then was made by a person.
async fn nobody_was_there(server: &TestServer, since: Timestamp) {
    let machine = server.account(Role::Service).await.to_string();
    let found = read(server, &format!("/ledger/entries?from={since}&limit=200")).await;
    let entries = found["entries"].as_array().unwrap();
    assert!(entries.len() > 3, "{found:#}");
    for entry in entries {
        let actor = entry["actor"].as_str().unwrap();
        assert!(actor == "system" || actor == machine, "{entry:#}");
    }
}

async fn in_the_morning_it_stands_in_the_inbox(server: &Arc<TestServer>, clock: &ManualClock) {
    clock.set(clock.now().plus_hours(6));
    for role in [Role::DataScientist, Role::MrmValidator] {
        let inbox = Browser::of(server, role).await.get("/inbox").await;
        for part in ["Rolled back without a person", "Version 2 was taken out at 10 % of users", "Error rate"] {
            assert!(inbox.contains(part), "{part} is not in the inbox of {role}: {inbox}");
        }
    }
    let stranger = Browser::of(server, Role::PrivacyOfficer).await.get("/inbox").await;
    assert!(!stranger.contains("Version 2 was taken out"), "it is no business of others");
    let page = Browser::of(server, Role::DataScientist).await.get(&format!("/rollouts/{PLACE}")).await;
    assert!(page.contains("Second strike") || page.contains("second strike") || page.contains("rolled back"), "{page}");
    wait_days(server, clock, 7).await;
    let later = Browser::of(server, Role::DataScientist).await.get("/inbox").await;
    assert!(!later.contains("Version 2 was taken out"), "after a week it is no news");
}

async fn the_standby_is_not_used_while_nobody_knows_how_it_is(server: &Arc<TestServer>, clock: &ManualClock) {
    assert_eq!(
        events(&steps::observe(server, clock, PLACE, 3, 0.05).await.expect(200)),
        ["rollout.observed"],
        "once is chance"
    );
    let blocked = steps::observe(server, clock, PLACE, 3, 0.05).await.expect(200);
    assert_eq!(events(&blocked), ["rollout.observed", "rollback.blocked"]);
    assert_eq!(shares(server, PLACE).await, [(3, 100)]);
}

async fn the_standby_takes_the_place_of_a_bad_champion(server: &Arc<TestServer>, clock: &ManualClock) {
    let change = wait_for_change(server).await;
    let health = json!({ "version": 1, "healthy": true, "detail": "loaded, answers in 12 ms" });
    post(server, Role::Service, &format!("/rollouts/{PLACE}/standby"), &health).await.expect(200);
    let back = steps::observe(server, clock, PLACE, 3, 0.05).await.expect(200);
    assert_eq!(events(&back), ["rollout.observed", "champion.rolled_back"]);
    assert_eq!(heard_and_applied(server, clock, change).await, [(1, 100)], "the standby serves");
    assert_eq!(champion(server, "streamrec", "US").await, Some(1));
    assert_eq!(stage_in(server, "/api/v1/models/streamrec/versions/3", "US").await, "archived");
    clock.set(clock.now().plus_hours(6));
    let inbox = Browser::of(server, Role::DataScientist).await.get("/inbox").await;
    for part in
        ["Version 3 gave its place back to version 1, which serves", "Version 3 broke its guardrails and serves still"]
    {
        assert!(inbox.contains(part), "{part} is not in {inbox}");
    }
}

async fn somebody_uses_the_kill_switch_and_its_review_falls_due(server: &Arc<TestServer>, clock: &ManualClock) {
    let kill = json!({ "to": "fallback", "reason": "Complaints of which no metric knows." });
    let path = format!("/rollouts/{PLACE}/kill");
    let machine = server.account(Role::Service).await;
    let token = server.issue(&machine, &Scope::ALL, clock.now().plus_days(1)).await.token;
    let call = server.post(&format!("/api/v1{path}")).json(&kill).bearer(&token);
    refused(&call.send().await, 403, "access.role");
    let change = wait_for_change(server).await;
    post(server, Role::MrmValidator, &path, &kill).await.expect(200);
    assert_eq!(heard_and_applied(server, clock, change).await, [], "the rules answer");

    // Who used it does not review it; who reviews it finds it in the inbox, overdue after five days.
    let review = json!({ "password": crate::common::PASSWORD, "text": "The complaints were about a page, not about the model.", "may_lift": true });
    refused(&post(server, Role::MrmValidator, &format!("{path}/review"), &review).await, 403, "kill_switch.four_eyes");
    let lift = json!({ "reason": "Reviewed." });
    refused(&post(server, Role::DataScientist, &format!("{path}/lift"), &lift).await, 422, "kill_switch.reviewed");
    wait_days(server, clock, 6).await;
    let (second, _) = server.colleague(Role::MrmValidator).await;
    let colleague = Browser::of_account(server, "second.mrm.validator@bank.example").await;
    let inbox = colleague.get("/inbox").await;
    assert!(inbox.contains("Overdue") && inbox.contains("Review the kill switch of streamrec in US"), "{inbox}");
    let call = server.post(&format!("/api/v1{path}/review")).json(&review).as_colleague(Role::MrmValidator).await;
    call.send().await.expect(200);
    post(server, Role::DataScientist, &format!("{path}/lift"), &lift).await.expect(200);
    assert_eq!(shares(server, PLACE).await, [(1, 100)]);
    let shown = read(server, "/ledger/entries?event=kill_switch.reviewed").await;
    assert_eq!(shown["entries"][0]["actor"], second.as_str());
}
