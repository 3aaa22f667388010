//! Retraining triggers through the API: configured, told of, fired, answered, approved, and laid out in the calendar.

use std::sync::Arc;

use countersign::{clock::ManualClock, clockwork};
use domain::account::Role;
use ledger::Timestamp;
use serde_json::{Value, json};

use crate::{
    assert_problem,
    browser::Browser,
    common::{Answer, Engine, PASSWORD, Setup, TestServer, lineage},
    steps,
};

fn start_time() -> Timestamp {
    "2026-03-02T09:00:00.000000Z".parse().unwrap()
}

async fn server() -> (TestServer, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(start_time()));
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(Engine::Sqlite) }).await;
    steps::register_model(&server, "streamrec", "unregulated").await.expect(201);
    let body = json!({ "schedule": "0 2 * * 1", "drift": {}, "performance": [{ "metric": "ctr", "floor": 0.05, "window_days": 1 }] });
    let call = server.put("/api/v1/models/streamrec/triggers").json(&body).as_role(Role::DataScientist).await;
    call.send().await.expect(200);
    (server, clock)
}

async fn drift(server: &TestServer, until: Timestamp, psi: &Value) -> Answer {
    let body = json!({ "from": until.plus_days(-1), "until": until, "source": "nightly", "features": { "age": psi } });
    let call = server.post("/api/v1/models/streamrec/observations/drift").json(&body);
    call.as_role(Role::Service).await.send().await
}

fn events(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    json["entries"].as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn drift_fires_is_answered_and_approved_by_a_person_before_canary() {
    let (server, clock) = server().await;
    let counts = json!({ "reference": [500, 500], "actual": [900, 100] });
    let told = drift(&server, start_time(), &counts).await.expect(201);
    assert_eq!(events(&told), ["drift.observed", "trigger.fired"]);
    let again = drift(&server, start_time(), &steps::moved(0.3)).await.expect(201);
    assert_eq!(events(&again), ["drift.observed", "trigger.suppressed"]);

    let shown = server.get("/api/v1/models/streamrec/triggers").as_role(Role::Auditor).await.send().await.expect(200);
    let shown = shown.json();
    assert_eq!((&shown["triggers"]["fired"], &shown["triggers"]["suppressed"]), (&json!(1), &json!(1)));
    assert_eq!(shown["triggers"]["firings"][0]["about"]["priority"], "emergency", "a PSI of 0.88");
    assert_eq!(shown["next_slot"], "2026-03-09T02:00:00.000000Z");
    assert_eq!(shown["thresholds"]["psi_threshold"], 0.25);

    let body = json!({ "lineage": lineage(), "note": "after the drift", "trigger": 1 });
    let call = server.post("/api/v1/models/streamrec/versions").json(&body).as_role(Role::DataScientist).await;
    call.send().await.expect(201);
    let version = "/api/v1/models/streamrec/versions/1";
    steps::attach_all(&server, version).await;
    steps::request(&server, version, "staging", None).await.expect(201);
    steps::request(&server, version, "shadow", Some("US")).await.expect(201);
    clock.set(start_time().plus_days(7));
    let call = server.get(&format!("{version}/requirements?to=canary&market=US"));
    let answer = call.as_role(Role::Auditor).await.send().await.expect(200).json();
    let drift = answer["requirements"].as_array().unwrap().iter().find(|r| r["rule"] == "drift.approved").unwrap();
    assert_eq!((&drift["met"], &drift["topic"]), (&json!(false), &json!("approval")));

    let approve = |market: &str, password: &str| {
        let body = json!({ "market": market, "statement": "A holiday week.", "password": password });
        server.post(&format!("{version}/drift-approvals")).json(&body)
    };
    assert_problem(&approve("US", PASSWORD).as_role(Role::DataScientist).await.send().await, 403, "drift.four_eyes");
    let wrong = approve("US", "wrong").as_role(Role::MrmValidator).await.send().await;
    assert_eq!(wrong.status, 403, "{}", String::from_utf8_lossy(&wrong.body));
    assert_problem(&approve("US", PASSWORD).as_role(Role::RiskCommittee).await.send().await, 403, "drift.approver");
    approve("US", PASSWORD).as_role(Role::MrmValidator).await.send().await.expect(201);
    let again = approve("US", PASSWORD).as_role(Role::MrmValidator).await.send().await;
    assert_problem(&again, 409, "drift.once");
}

#[tokio::test]
async fn the_clock_fires_the_schedule_and_the_timeline_tells_of_it() {
    let (server, clock) = server().await;
    assert_eq!(clockwork::turn(&server.app).await.unwrap(), 0);
    clock.set(start_time().plus_days(20));
    assert_eq!(clockwork::turn(&server.app).await.unwrap(), 1, "three Mondays were missed, one fires");
    assert_eq!(clockwork::turn(&server.app).await.unwrap(), 0);
    let call = server.get("/api/v1/ledger/entries?event=trigger.fired").as_role(Role::Auditor).await;
    let entries = call.send().await.expect(200).json();
    assert!(entries.to_string().contains("2026-03-16T02:00:00.000000Z"), "{entries}");
}

#[tokio::test]
async fn the_calendar_counts_validations_and_not_what_else_validators_do() {
    let (server, _) = server().await;
    let version = steps::prepared(&server, "credit", "sr-11-7").await;
    let waiting = async || {
        let call = server.get("/api/v1/models/credit/calendar").as_role(Role::Auditor).await;
        let text = String::from_utf8(call.send().await.expect(200).body).unwrap();
        let before = text.find(" wait.").unwrap_or_else(|| panic!("no queue in {text}"));
        text[..before].rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(waiting().await, "0");
    steps::request(&server, &version, "staging", None).await.expect(201);
    assert_eq!(waiting().await, "1", "a report is to be written");
    steps::validate(&server, &version).await.expect(200);
    assert_eq!(waiting().await, "0", "a signature waits, which takes no review");
}

#[tokio::test]
async fn the_calendar_says_when_each_market_could_be_served_and_why() {
    let (server, _) = server().await;
    let call = server.get("/api/v1/models/streamrec/calendar?drift=true").as_role(Role::Auditor).await;
    let routes = call.send().await.expect(200).json();
    let markets: Vec<&str> = routes.as_array().unwrap().iter().map(|r| r["market"].as_str().unwrap()).collect();
    assert_eq!(markets, ["US", "EU"]);
    assert!(routes[0]["days"].as_u64() < routes[1]["days"].as_u64(), "the EU takes longer");
    assert!(routes[0]["legs"].as_array().unwrap().iter().any(|leg| leg["phase"] == "canary_approval"));
    server.get("/api/v1/models/nothing/calendar").as_role(Role::Auditor).await.send().await.expect(404);
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_field() {
    let (server, _) = server().await;
    let put = |body: Value| server.put("/api/v1/models/streamrec/triggers").json(&body);
    let cron = put(json!({ "schedule": "every monday" })).as_role(Role::DataScientist).await.send().await;
    let detail = assert_problem(&cron, 400, "request.readable");
    assert!(detail.contains("five cron fields"), "{detail}");
    let bounds = put(json!({ "drift": { "psi_threshold": 0.9 } })).as_role(Role::DataScientist).await.send().await;
    assert_problem(&bounds, 422, "input.valid");
    assert_eq!(bounds.json()["missing"][0]["what"], "drift.psi_threshold");
    let unknown = put(json!({ "shedule": "0 2 * * 1" })).as_role(Role::DataScientist).await.send().await;
    assert_problem(&unknown, 400, "request.readable");
    let body = json!({ "drift": {} });
    assert_problem(&put(body).as_role(Role::Service).await.send().await, 403, "access.role");
    let reason = json!({ "reason": "new labels" });
    let retrain = || server.post("/api/v1/models/streamrec/retrain").json(&reason);
    retrain().as_role(Role::DataScientist).await.send().await.expect(201);
    let again = retrain().as_role(Role::DataScientist).await.send().await;
    let detail = assert_problem(&again, 422, "trigger.interval");
    assert!(detail.contains("is entry "), "{detail}");
    assert_eq!(again.json()["missing"][1]["supplier"], "service");
    let known = server.get("/api/v1/models/streamrec/triggers").as_role(Role::Auditor).await.send().await.expect(200);
    assert_eq!(known.json()["triggers"]["suppressed"], 1, "that it was asked for is an entry");
}

#[tokio::test]
async fn maturity_is_told_of_a_model_and_of_all() {
    let (server, _) = server().await;
    steps::register_model(&server, "other", "unregulated").await.expect(201);
    drift(&server, start_time(), &steps::moved(0.3)).await.expect(201);
    let path = "/api/v1/models/streamrec/maturity";
    let found = server.get(path).as_role(Role::Auditor).await.send().await.expect(200).json();
    assert_eq!((&found["level"], &found["title"]), (&json!(0), &json!("Manual")));
    let body = json!({ "lineage": lineage(), "trigger": 1 });
    let call = server.post("/api/v1/models/streamrec/versions").json(&body).as_role(Role::Service).await;
    call.send().await.expect(201);
    let found = server.get(path).as_role(Role::Auditor).await.send().await.expect(200).json();
    assert_eq!(found["level"], 1, "{found}");
    assert!(!found["criteria"][0]["evidence"].as_array().unwrap().is_empty());
    let all = server.get("/api/v1/maturity").as_role(Role::Auditor).await.send().await.expect(200).json();
    assert_eq!(all, json!({ "levels": [1, 1, 0, 0], "models": [{ "model": "streamrec", "level": 1 }] }));
}

#[tokio::test]
async fn the_pages_show_what_fired_and_take_what_is_typed() {
    let (server, _) = server().await;
    drift(&server, start_time(), &steps::moved(0.3)).await.expect(201);
    drift(&server, start_time(), &steps::moved(0.3)).await.expect(201);
    let ana = Browser::of(&server, Role::DataScientist).await;
    let page = ana.get("/models/streamrec/triggers").await;
    for part in [
        "Firing 1: drift of age (PSI 0.300)",
        "The same window of data has fired already, as firing 1",
        "Calendar to Production",
        "everybody by",
        "Level 0 of 3",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(ana.get("/triggers").await.contains("/models/streamrec/triggers"));
    let refused = ana.post("/models/streamrec/triggers", &[("schedule", "0 * * * *"), ("drift", "on")]).await;
    let refused = String::from_utf8(refused.expect(422).body).unwrap();
    assert!(refused.contains("hours apart") && refused.contains("0 * * * *"), "{refused}");
    let broken = ana.post("/models/streamrec/triggers", &[("performance", "auc high")]).await.expect(422);
    assert!(String::from_utf8(broken.body).unwrap().contains("such as: auc 0.75 7"));
    let shown = server.get("/api/v1/models/streamrec/triggers").as_role(Role::Auditor).await.send().await.json();
    assert_eq!(shown["triggers"]["configuration"]["schedule"], "0 2 * * 1", "nothing was changed");
    let good = [("schedule", ""), ("drift", "on"), ("performance", "auc 0.75 7")];
    ana.post("/models/streamrec/triggers", &good).await.expect(303);
    let shown = server.get("/api/v1/models/streamrec/triggers").as_role(Role::Auditor).await.send().await.json();
    assert_eq!(
        shown["triggers"]["configuration"],
        json!({ "drift": {}, "performance": [{ "metric": "auc", "floor": 0.75, "window_days": 7 }] })
    );

    // What drifted, before the person who approves it.
    let body = json!({ "lineage": lineage(), "trigger": 1 });
    let call = server.post("/api/v1/models/streamrec/versions").json(&body).as_role(Role::Service).await;
    call.send().await.expect(201);
    let version = "/api/v1/models/streamrec/versions/1";
    steps::attach_all(&server, version).await;
    steps::request(&server, version, "staging", None).await.expect(201);
    steps::request(&server, version, "shadow", Some("US")).await.expect(201);
    let vera = Browser::of(&server, Role::MrmValidator).await;
    let place = "/models/streamrec/versions/1/drift";
    assert!(!vera.get("/inbox").await.contains(place), "there is nothing yet to judge it by");
    steps::attach_for(&server, version, "shadow", "US").await.expect(201);
    assert!(vera.get("/inbox").await.contains(place), "it waits in the inbox");
    let page = vera.get(place).await;
    for part in ["age: 0.300, significant", "Approve the drift", "0.5 extreme"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let approve = |password: &'static str| [("market", "US"), ("statement", "A holiday week."), ("password", password)];
    let wrong = vera.post(place, &approve("wrong")).await;
    assert!(String::from_utf8(wrong.expect(403).body).unwrap().contains("A holiday week."), "what was typed stays");
    vera.post(place, &approve(PASSWORD)).await.expect(303);
    assert!(vera.get(place).await.contains("A holiday week."));
    assert!(!vera.get("/inbox").await.contains(place));
}

#[tokio::test]
async fn an_administrator_registers_a_webhook_on_its_page() {
    let server = TestServer::start_with(Setup::on(Engine::Sqlite)).await;
    let adam = Browser::of(&server, Role::Administrator).await;
    assert!(adam.get("/webhooks").await.contains("No webhooks"));
    let fields = [
        ("label", "ci"),
        ("url", "https://ci.example/h?key=open-sesame"),
        ("events", "trigger.fired, drift.*"),
        ("model", ""),
    ];
    let page = String::from_utf8(adam.post("/webhooks", &fields).await.expect(200).body).unwrap();
    assert!(page.contains("whsec_") && page.contains("trigger.fired, drift.*"));
    let page = adam.get("/webhooks").await;
    assert!(!page.contains("whsec_") && !page.contains("open-sesame"), "shown once, and kept out of sight");
    let wrong = [("label", "ci"), ("url", "ftp://ci.example"), ("events", ""), ("model", "")];
    adam.post("/webhooks", &wrong).await.expect(422);
    let id = server.app.webhooks().await.unwrap().endpoints.keys().next().unwrap().clone();
    adam.post(&format!("/webhooks/{id}/remove"), &[]).await.expect(303);
    assert!(adam.get("/webhooks").await.contains("No webhooks"));
}
