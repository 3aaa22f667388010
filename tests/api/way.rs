//! The whole way of a version, taken as a pipeline and people take it.

use std::sync::Arc;

use countersign::clock::ManualClock;
use domain::account::Role;
use ledger::Timestamp;
use serde_json::{Value, json};

use crate::{
    assert_problem,
    common::{Engine, PASSWORD, Setup, TestServer, lineage},
    steps,
};

#[tokio::test]
async fn from_registration_to_a_signed_transition_on_sqlite() {
    from_registration_to_a_signed_transition(Engine::Sqlite).await;
}

#[tokio::test]
async fn from_registration_to_a_signed_transition_on_postgres() {
    if Engine::available().contains(&Engine::Postgres) {
        from_registration_to_a_signed_transition(Engine::Postgres).await;
    }
}

async fn unmet(server: &TestServer, version: &str) -> Vec<String> {
    let call = server.get(&format!("{version}/requirements"));
    let answer = call.as_role(Role::DataScientist).await.send().await.expect(200).json();
    let unmet: Vec<String> = answer["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|requirement| requirement["met"] == false)
        .map(|requirement| requirement["rule"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(answer["ready"], unmet.is_empty());
    unmet
}

async fn from_registration_to_a_signed_transition(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    steps::register_model(&server, "credit", "sr-11-7").await.expect(201);
    let mut incomplete = lineage();
    incomplete["training"] = json!({});
    incomplete["data"].as_object_mut().unwrap().remove("schema_digest");
    let version = steps::register_version(&server, "credit", &incomplete).await;

    // Exactly what is missing, and who can supply it.
    let answer = steps::request(&server, &version, "staging", None).await;
    assert_problem(&answer, 422, "promotion.ready");
    let missing = answer.json()["missing"].as_array().unwrap().clone();
    let texts: Vec<&str> = missing.iter().map(|item| item["message"].as_str().unwrap()).collect();
    for expected in ["data.schema_digest", "training.id", "training.random_seed", "No code-path evidence"] {
        assert!(texts.iter().any(|text| text.contains(expected)), "{expected} in {texts:?}");
    }
    assert!(missing.iter().all(|item| item["supplier"] == "data_scientist"), "{missing:?}");
    let all = [
        "lineage.complete",
        "evidence.code",
        "evidence.data",
        "evidence.model",
        "validation.report",
        "sign_off.mrm_validator",
    ];
    assert_eq!(unmet(&server, &version).await, all);

    let amended = json!({ "lineage": lineage(), "reason": "the run's id was not known yet" });
    let call = server.put(&format!("{version}/lineage")).json(&amended);
    call.as_role(Role::DataScientist).await.send().await.expect(200);
    steps::attach_all(&server, &version).await;
    assert_eq!(unmet(&server, &version).await, all[4..]);

    let receipt = steps::request(&server, &version, "staging", None).await.expect(201).json();
    assert_eq!(receipt["entries"].as_array().unwrap().len(), 1, "nothing moves before the signature");
    steps::validate(&server, &version).await.expect(200);
    assert_eq!(unmet(&server, &version).await, all[5..]);

    let package = steps::package(&server, &version, 1).await;
    let call = server.post(&format!("{version}/promotions/1/sign")).json(&steps::signature(&package, PASSWORD));
    let receipt = call.as_role(Role::MrmValidator).await.send().await.expect(200).json();
    let events: Vec<&str> =
        receipt["entries"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["promotion.signed", "stage.transitioned"]);

    let shown = server.get(&version).as_role(Role::Auditor).await.send().await.expect(200).json();
    assert_eq!(shown["stage"], "staging");
    assert_eq!(shown["sign_offs"][0]["package"], package);
    assert_eq!(shown["requests"][0]["state"]["state"], "granted");
    let manifest = server.get(&format!("{version}/manifest")).as_role(Role::Auditor).await.send().await.expect(200);
    assert_eq!(manifest.json()["lineage"], shown["lineage"]);
    let evidence = server.get(&format!("{version}/evidence/1")).as_role(Role::Auditor).await.send().await.expect(200);
    assert_eq!(evidence.body, steps::JUNIT.as_bytes(), "the file comes back as it was");
    assert_eq!(evidence.headers["content-disposition"], "attachment; filename=\"code.txt\"");

    let mut later = lineage();
    later["features"]["names"] = json!(["age_of_account", "income", "postcode"]);
    steps::register_version(&server, "credit", &later).await;
    let call = server.get("/api/v1/models/credit/compare?a=1&b=2").as_role(Role::Auditor).await;
    let comparison = call.send().await.expect(200).json();
    assert_eq!(comparison["changes"].as_array().unwrap().len(), 1);
    assert_eq!(comparison["assessment"]["reasons"][0], "Feature postcode was added.");
}

/// Time, evidence of the market and the gate before it: no version serves a market any other way.
pub(crate) async fn walk_to_production(server: &TestServer, clock: &ManualClock, version: &str) {
    steps::request(server, version, "staging", None).await.expect(201);
    steps::request(server, version, "shadow", Some("US")).await.expect(201);
    for (stage, before, days) in [("canary", "shadow", 7), ("production", "canary", 3)] {
        // The last of the days is almost over.
        clock.set(countersign::clock::Clock::now(clock).plus_hours(days * 24 - 1));
        steps::attach_for(server, version, before, "US").await.expect(201);
        let asked = steps::request(server, version, stage, Some("US")).await.expect(201);
        assert_eq!(asked.json()["entries"].as_array().unwrap().len(), 1, "an hour too early is too early");
        clock.set(countersign::clock::Clock::now(clock).plus_hours(1));
        assert_eq!(countersign::clockwork::turn(&server.app).await.unwrap(), 1, "the request waited for its time");
    }
    steps::first_step(server, clock, version).await;
}

#[tokio::test]
async fn a_champion_is_made_by_promotion_alone() {
    let clock = Arc::new(ManualClock::new("2026-11-02T09:00:00.000000Z".parse::<Timestamp>().unwrap()));
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(Engine::Sqlite) }).await;
    let first = steps::prepared(&server, "recommender", "unregulated").await;
    walk_to_production(&server, &clock, &first).await;
    steps::roll_out(&server, &clock, "recommender", 1).await;
    let second = steps::register_version(&server, "recommender", &lineage()).await;
    steps::attach_all(&server, &second).await;
    let champions = || async {
        let call = server.get("/api/v1/models/recommender").as_role(Role::Auditor).await;
        call.send().await.expect(200).json()["champions"].clone()
    };
    assert_eq!(champions().await["US"]["version"], 1);

    // By force: straight to Production, over the head of the order.
    let answer = steps::request(&server, &second, "production", Some("US")).await;
    let detail = assert_problem(&answer, 422, "stage.order");
    assert!(detail.contains("Still to walk: Staging, Shadow, Canary, Production"), "{detail}");
    // By writing it down: neither when a version is registered nor on the model.
    let forced = json!({ "lineage": lineage(), "stage": "production", "champion": true });
    let call = server.post("/api/v1/models/recommender/versions").json(&forced).as_role(Role::DataScientist).await;
    assert_problem(&call.send().await, 400, "request.readable");
    for method in ["put", "delete"] {
        let path = "/api/v1/models/recommender";
        let call = if method == "put" { server.put(path) } else { server.delete(path) };
        let answer = call.json(&json!({ "champions": { "US": 2 } })).as_role(Role::Administrator).await.send().await;
        assert_problem(&answer, 405, "request.method");
    }
    // By taking the first one away.
    let call = server.post(&format!("{first}/archive")).json(&json!({ "reason": "make room" }));
    assert_problem(&call.as_role(Role::DataScientist).await.send().await, 422, "champion.kept");
    assert_eq!(champions().await["US"]["version"], 1);

    walk_to_production(&server, &clock, &second).await;
    assert_eq!(champions().await["US"]["version"], 1, "it is let in step by step");
    steps::roll_out(&server, &clock, "recommender", 2).await;
    assert_eq!(champions().await["US"]["version"], 2, "there is one champion a market");
    let model: Value = server.get("/api/v1/models/recommender").as_role(Role::Auditor).await.send().await.json();
    assert_eq!(model["standbys"]["US"]["version"], 1, "the former one is kept ready");
    let call = server.post(&format!("{first}/archive")).json(&json!({ "reason": "not needed" }));
    assert_problem(&call.as_role(Role::DataScientist).await.send().await, 422, "standby.kept");
}
