//! Any past instant: told from what was sealed by then.

use std::sync::Arc;

use countersign::clock::{Clock as _, ManualClock};
use domain::account::Role;
use ledger::Timestamp;
use serde_json::{Value, json};

use crate::{
    assert_problem,
    browser::Browser,
    common::{Engine, Setup, TestServer, digest, lineage},
    steps,
    way::walk_to_production,
};

async fn ask(server: &TestServer, query: &str) -> crate::common::Answer {
    server.get(&format!("/api/v1/as-of?{query}")).as_role(Role::Auditor).await.send().await
}

/// Two versions that served the US one after the other; answers when each began.
async fn two_champions(engine: Engine) -> (TestServer, Arc<ManualClock>, [Timestamp; 2]) {
    let start: Timestamp = "2026-03-02T09:00:00.000000Z".parse().unwrap();
    let clock = Arc::new(ManualClock::new(start));
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(engine) }).await;
    let first = steps::prepared(&server, "recommender", "unregulated").await;
    walk_to_production(&server, &clock, &first).await;
    steps::roll_out(&server, &clock, "recommender", 1).await;
    let since_first = clock.now();
    clock.set(since_first.plus_days(3));
    let mut other = lineage();
    other["model"]["weights_digest"] = json!(digest('c'));
    let second = steps::register_version(&server, "recommender", &other).await;
    steps::attach_all(&server, &second).await;
    walk_to_production(&server, &clock, &second).await;
    steps::roll_out(&server, &clock, "recommender", 2).await;
    let since_second = clock.now();
    clock.set(since_second.plus_days(3));
    (server, clock, [since_first, since_second])
}

fn champion(past: &Value) -> &Value {
    &past["models"][0]["serving"][0]
}

/// The list of all models tells who approved a version, and they are those of the version's grounds.
fn assert_same_approvals(listed: &Value, with_grounds: &Value) {
    let grounds = &with_grounds["grounds"];
    let steps = grounds["steps"].as_array().into_iter().chain(grounds["shares"].as_array()).flatten();
    let mut all: Vec<&Value> = steps.flat_map(|step| step["approvals"].as_array().unwrap()).collect();
    all.sort_by_key(|approval| approval["entry"].as_u64());
    let told: Vec<&Value> = listed["approvals"].as_array().into_iter().flatten().collect();
    assert_eq!(told, all);
}

#[tokio::test]
async fn any_past_instant_is_told_from_what_was_sealed_by_then() {
    for engine in Engine::available() {
        let (server, _, [first, second]) = two_champions(engine).await;
        // The very instant counts, the microsecond before it does not.
        for (at, version) in [
            (first.plus_micros(-1), None),
            (first, Some(1)),
            (second.plus_micros(-1), Some(1)),
            (second, Some(2)),
            (second.plus_days(2), Some(2)),
        ] {
            let past = ask(&server, &format!("at={at}&model=recommender")).await.expect(200).json();
            assert_eq!(champion(&past)["version"].as_u64(), version, "{at}");
            let portfolio = ask(&server, &format!("at={at}")).await.expect(200).json();
            assert_eq!(champion(&portfolio)["version"].as_u64(), version, "{at}, of all models");
            assert!(champion(&portfolio)["grounds"].is_null(), "a list of all models stays short");
            assert_same_approvals(champion(&portfolio), champion(&past));
        }

        let past = ask(&server, &format!("at={first}&model=recommender")).await.expect(200).json();
        let serving = champion(&past);
        assert_eq!(serving["since"], first.to_string());
        assert!(serving["standby"].is_null(), "the second version had not come yet");
        let steps: Vec<&str> =
            serving["grounds"]["steps"].as_array().unwrap().iter().map(|step| step["to"].as_str().unwrap()).collect();
        assert_eq!(steps, ["staging", "shadow", "canary", "production"]);
        assert_eq!(past["policy"]["entry"], 0);

        // The root named is that of exactly the entries sealed by then.
        let size = past["size"].as_u64().unwrap();
        let mut tree = ledger::TreeHead::new();
        let sealed = server.app.store.entries_from(0, size).await.unwrap();
        assert!(sealed.iter().all(|entry| entry.time <= first) && sealed.last().unwrap().time == first);
        for entry in sealed {
            tree.append(ledger::merkle::leaf_hash(&entry.bytes));
        }
        assert_eq!(past["root"], tree.root().to_string());
    }
}

#[tokio::test]
async fn an_instant_of_which_nothing_can_be_told_is_refused() {
    let (server, _, [first, _]) = two_champions(Engine::Sqlite).await;
    let detail = assert_problem(&ask(&server, "at=yesterday").await, 400, "request.readable");
    assert!(detail.contains("2026-05-01T12:30"), "{detail}");
    let detail = assert_problem(&ask(&server, "at=2099-01-01").await, 400, "request.readable");
    assert!(detail.contains("lies in the future"), "{detail}");
    assert_problem(&ask(&server, "at=1999-01-01").await, 404, "subject.exists");
    let detail = assert_problem(&ask(&server, &format!("at={first}&model=unheard-of")).await, 404, "subject.exists");
    assert!(detail.contains("was not registered yet"), "{detail}");
    assert_eq!(server.get(&format!("/api/v1/as-of?at={first}")).send().await.status, 401);
}

#[tokio::test]
async fn a_rollout_a_mirror_and_the_kill_switch_are_told_as_they_were_at_each_instant() {
    for engine in Engine::available() {
        let start: Timestamp = "2026-03-02T09:00:00.000000Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(engine) }).await;
        let first = steps::prepared(&server, "recommender", "unregulated").await;
        steps::walk_to_canary(&server, &clock, &first).await;
        let alone = clock.now();
        steps::promote(&server, &clock, &first).await;
        steps::roll_out(&server, &clock, "recommender", 1).await;
        let crowned = clock.now();
        // A second version: shadow, canary, promoted, a strike; then everything is switched off and on again.
        clock.set(clock.now().plus_minutes(5));
        let second = steps::register_version(&server, "recommender", &lineage()).await;
        steps::attach_all(&server, &second).await;
        steps::request(&server, &second, "staging", None).await.expect(201);
        steps::request(&server, &second, "shadow", Some("US")).await.expect(201);
        let shadow = clock.now();
        clock.set(clock.now().plus_days(7));
        steps::attach_for(&server, &second, "shadow", "US").await.expect(201);
        steps::request(&server, &second, "canary", Some("US")).await.expect(201);
        let canary = clock.now();
        steps::promote(&server, &clock, &second).await;
        let promoted = clock.now();
        steps::observe(&server, &clock, "recommender/US", 2, 0.05).await.expect(200);
        let struck = clock.now();
        clock.set(clock.now().plus_minutes(5));
        let kill = json!({ "to": "fallback", "reason": "A regulator called." });
        let call = server.post("/api/v1/rollouts/recommender/US/kill").json(&kill).as_role(Role::Administrator).await;
        call.send().await.expect(200);
        let killed = clock.now();
        clock.set(clock.now().plus_minutes(5));
        let review = json!({ "password": crate::common::PASSWORD, "text": "Looked at.", "may_lift": true });
        let call = server.post("/api/v1/rollouts/recommender/US/kill/review").json(&review);
        call.as_role(Role::MrmValidator).await.send().await.expect(200);
        let reviewed = clock.now();
        clock.set(clock.now().plus_minutes(5));
        let lift = json!({ "reason": "Mended." });
        let call = server.post("/api/v1/rollouts/recommender/US/kill/lift").json(&lift);
        call.as_role(Role::DataScientist).await.send().await.expect(200);
        let lifted = clock.now();
        steps::roll_out(&server, &clock, "recommender", 2).await;
        clock.set(clock.now().plus_days(1));
        steps::observe(&server, &clock, "recommender/US", 2, 0.001).await.expect(200);
        let taken_over = clock.now();

        let none: Vec<(u64, u64)> = Vec::new();
        let before = |at: Timestamp| at.plus_micros(-1);
        // Instant, champion, shares, mirror, standby, and what the fallback answered.
        for (at, seat, expected, mirror, standby, fallback) in [
            (alone, None, vec![(1, 10)], json!([]), None, 90),
            (before(crowned), None, vec![(1, 100)], json!([]), None, 0),
            (crowned, Some(1), vec![(1, 100)], json!([]), None, 0),
            (before(shadow), Some(1), vec![(1, 100)], json!([]), None, 0),
            (shadow, Some(1), vec![(1, 100)], json!([2]), None, 0),
            (before(canary), Some(1), vec![(1, 100)], json!([2]), None, 0),
            (canary, Some(1), vec![(2, 10), (1, 90)], json!([]), None, 0),
            (promoted, Some(1), vec![(2, 25), (1, 75)], json!([]), None, 0),
            (before(struck), Some(1), vec![(2, 25), (1, 75)], json!([]), None, 0),
            (struck, Some(1), vec![(2, 10), (1, 90)], json!([]), None, 0),
            (before(killed), Some(1), vec![(2, 10), (1, 90)], json!([]), None, 0),
            (killed, Some(1), none.clone(), json!([]), None, 100),
            (before(lifted), Some(1), none.clone(), json!([]), None, 100),
            (lifted, Some(1), vec![(2, 10), (1, 90)], json!([]), None, 0),
            (before(taken_over), Some(1), vec![(2, 100)], json!([]), None, 0),
            (taken_over, Some(2), vec![(2, 100)], json!([]), Some(1), 0),
        ] {
            for query in ["", "&model=recommender"] {
                let past = ask(&server, &format!("at={at}{query}")).await.expect(200).json();
                let traffic = &past["models"][0]["traffic"][0];
                let pair = |share: &Value| (share["version"].as_u64().unwrap(), share["percent"].as_u64().unwrap());
                let shares: Vec<(u64, u64)> = traffic["shares"].as_array().unwrap().iter().map(pair).collect();
                assert_eq!((shares, &traffic["mirror"]), (expected.clone(), &mirror), "{at}: {traffic}");
                assert_eq!(traffic["kill_switch"].is_object(), fallback == 100, "{at}: {traffic}");
                assert_eq!(traffic["fallback"], json!({ "name": "rules", "weight": fallback }), "{at}");
                assert_eq!(champion(&past)["version"].as_u64(), seat, "the kill switch takes no seat: {at}");
                assert_eq!(traffic["standby"]["version"].as_u64(), standby, "{at}");
            }
        }
        let past = ask(&server, &format!("at={struck}&model=recommender")).await.expect(200).json();
        let challenger = &past["models"][0]["traffic"][0]["challenger"];
        assert_eq!((&challenger["strikes"], &challenger["since"]), (&json!(1), &json!(struck.to_string())));
        assert_eq!(challenger["promoted"], true);
        assert_eq!(challenger["grounds"]["steps"].as_array().unwrap().len(), 4, "{challenger}");
        let portfolio = ask(&server, &format!("at={struck}")).await.expect(200).json();
        assert_same_approvals(&portfolio["models"][0]["traffic"][0]["challenger"], challenger);
        assert_same_approvals(champion(&portfolio), champion(&past));
        let past = ask(&server, &format!("at={killed}&model=recommender")).await.expect(200).json();
        let kill = past["models"][0]["traffic"][0]["kill_switch"].clone();
        let by = server.account(Role::Administrator).await.to_string();
        assert_eq!(
            (&kill["since"], &kill["by"], &kill["to"]),
            (&json!(killed.to_string()), &json!(by), &json!("fallback"))
        );
        assert!(kill["reviewed_at"].is_null(), "its review came later: {kill}");
        let past = ask(&server, &format!("at={reviewed}")).await.expect(200).json();
        assert_eq!(past["models"][0]["traffic"][0]["kill_switch"]["reviewed_at"], reviewed.to_string());

        page_and_report_say_so(&server, killed).await;
    }
}

/// The page and the report tell of the kill switch what the API tells.
async fn page_and_report_say_so(server: &TestServer, killed: Timestamp) {
    let page = Browser::of(server, Role::Auditor).await.get(&format!("/as-of?at={killed}&model=recommender")).await;
    for part in ["Kill switch in use", "Test Administrator", "A regulator called.", "100 % the fallback", "1 strike"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let body = json!({ "report": "as_of", "at": killed.to_string(), "model": "recommender" });
    let call = server.post("/api/v1/reports").json(&body).as_role(Role::Auditor).await;
    let id = call.send().await.expect(202).json()["id"].as_str().unwrap().to_owned();
    while countersign::reports::worker::turn(&server.app).await.unwrap() {}
    let call = server.get(&format!("/api/v1/reports/{id}/json")).as_role(Role::Auditor).await;
    let text = String::from_utf8(call.send().await.expect(200).body).unwrap();
    for part in [
        "fallback “rules”: 100 %",
        "kill switch in use",
        "A regulator called. Not reviewed yet.",
        "version 2, on its way in",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    // Of all models, a row names who approved.
    let body = json!({ "report": "as_of", "at": killed.to_string() });
    let call = server.post("/api/v1/reports").json(&body).as_role(Role::Auditor).await;
    let id = call.send().await.expect(202).json()["id"].as_str().unwrap().to_owned();
    while countersign::reports::worker::turn(&server.app).await.unwrap() {}
    let call = server.get(&format!("/api/v1/reports/{id}/json")).as_role(Role::Auditor).await;
    let all: Value = serde_json::from_slice(&call.send().await.expect(200).body).unwrap();
    let by = all["parts"][0]["table"]["rows"][0].as_array().unwrap().last().unwrap()["plain"].as_str().unwrap();
    for part in ["v1: no signature was asked for", "v2: no signature was asked for"] {
        assert!(by.contains(part), "{part} is not in {by}");
    }
}
