//! Any past instant: told from what was sealed by then.

use std::sync::Arc;

use countersign::clock::{Clock as _, ManualClock};
use domain::account::Role;
use ledger::Timestamp;
use serde_json::{Value, json};

use crate::{
    assert_problem,
    common::{Engine, Setup, TestServer, digest, lineage},
    steps,
    way::walk_to_production,
};

async fn ask(server: &TestServer, query: &str) -> crate::common::Answer {
    server.get(&format!("/api/v1/as-of?{query}")).as_role(Role::Auditor).await.send().await
}

/// Two versions that served the US one after the other; answers when each began.
async fn two_champions(engine: Engine) -> (TestServer, [Timestamp; 2]) {
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
    (server, [since_first, since_second])
}

fn champion(past: &Value) -> &Value {
    &past["models"][0]["serving"][0]
}

#[tokio::test]
async fn any_past_instant_is_told_from_what_was_sealed_by_then() {
    for engine in Engine::available() {
        let (server, [first, second]) = two_champions(engine).await;
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
    let (server, [first, _]) = two_champions(Engine::Sqlite).await;
    let detail = assert_problem(&ask(&server, "at=yesterday").await, 400, "request.readable");
    assert!(detail.contains("2026-05-01T12:30"), "{detail}");
    let detail = assert_problem(&ask(&server, "at=2099-01-01").await, 400, "request.readable");
    assert!(detail.contains("lies in the future"), "{detail}");
    assert_problem(&ask(&server, "at=1999-01-01").await, 404, "subject.exists");
    let detail = assert_problem(&ask(&server, &format!("at={first}&model=unheard-of")).await, 404, "subject.exists");
    assert!(detail.contains("was not registered yet"), "{detail}");
    assert_eq!(server.get(&format!("/api/v1/as-of?at={first}")).send().await.status, 401);
}
