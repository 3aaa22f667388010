//! Reports: asked for, made in the background, fetched; by nobody else, and not lost with a server.

use std::sync::Arc;

use countersign::{clock::ManualClock, reports::worker};
use domain::account::Role;
use ledger::Timestamp;
use serde_json::{Value, json};

use crate::{
    assert_problem,
    common::{Engine, Setup, TestServer},
    steps,
};

async fn ask(server: &TestServer, body: &Value) -> String {
    let call = server.post("/api/v1/reports").json(body).as_role(Role::Auditor).await;
    let job = call.send().await.expect(202).json();
    assert_eq!(job["state"], "waiting");
    job["id"].as_str().unwrap().to_owned()
}

async fn get(server: &TestServer, path: &str) -> crate::common::Answer {
    server.get(&format!("/api/v1/reports/{path}")).as_role(Role::Auditor).await.send().await
}

async fn work(server: &TestServer) {
    while worker::turn(&server.app).await.unwrap() {}
}

#[tokio::test]
async fn every_report_comes_as_pdf_json_and_csv_of_the_same_data() {
    for engine in Engine::available() {
        let start: Timestamp = "2026-03-02T09:00:00.000000Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(engine) }).await;
        let version = steps::signable(&server, "credit").await;
        let package = steps::package(&server, &version, 1).await;
        let signature = steps::signature(&package, crate::common::PASSWORD);
        let call = server.post(&format!("{version}/promotions/1/sign")).json(&signature);
        call.as_role(Role::MrmValidator).await.send().await.expect(200);
        clock.set(start.plus_days(1));
        for (asked, holds) in [
            (json!({"report": "model_inventory"}), "credit"),
            (json!({"report": "as_of", "at": start.to_string()}), "No version served"),
            (json!({"report": "as_of", "at": start.to_string(), "model": "credit"}), "Root of the tree"),
            (
                json!({"report": "market_timeline", "model": "credit", "market": "US"}),
                "moved the version from None to Staging",
            ),
            (json!({"report": "audit_extract"}), "promotion.signed"),
            (json!({"report": "audit_extract", "model": "credit", "event": "promotion.signed"}), "signed request 1"),
            (json!({"report": "validation", "model": "credit", "version": 1}), "I validated this model independently"),
        ] {
            let id = ask(&server, &asked).await;
            assert_problem(&get(&server, &format!("{id}/pdf")).await, 404, "subject.exists");
            work(&server).await;
            let job = get(&server, &id).await.expect(200).json();
            assert_eq!((&job["state"], &job["problem"]), (&json!("done"), &Value::Null), "{asked}");
            assert_eq!(job["asked"], asked);
            let pdf = get(&server, &format!("{id}/pdf")).await.expect(200);
            assert!(pdf.body.starts_with(b"%PDF-"), "{asked}");
            assert!(pdf.headers["content-disposition"].contains(".pdf\""));
            let text = String::from_utf8(get(&server, &format!("{id}/json")).await.expect(200).body).unwrap();
            assert!(text.contains(holds), "{asked}: {text}");
            let data: Value = serde_json::from_str(&text).unwrap();
            let rows: usize = data["parts"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|part| part["table"]["rows"].as_array().map(Vec::len))
                .sum();
            let csv = String::from_utf8(get(&server, &format!("{id}/csv")).await.expect(200).body).unwrap();
            let heads = data["parts"].as_array().unwrap().iter().filter(|part| !part["table"].is_null()).count();
            let lines = csv.lines().filter(|line| !line.is_empty()).count();
            assert!(lines >= rows + heads, "{asked}: {lines} lines for {rows} rows\n{csv}");
        }
    }
}

#[tokio::test]
async fn a_report_outlives_the_server_that_began_it() {
    for engine in Engine::available() {
        let start: Timestamp = "2026-03-02T09:00:00.000000Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(engine) }).await;
        let id = ask(&server, &json!({"report": "model_inventory"})).await;
        // A server takes it and dies.
        let lease = start.plus_seconds(30);
        assert_eq!(server.app.store.claim_report(start, lease).await.unwrap().unwrap().id, id);
        assert!(!worker::turn(&server.app).await.unwrap(), "while it may live, nobody else begins");
        assert_eq!(get(&server, &id).await.expect(200).json()["state"], "running");
        clock.set(start.plus_seconds(31));
        assert!(worker::turn(&server.app).await.unwrap());
        assert_eq!(get(&server, &id).await.expect(200).json()["state"], "done");
    }
}

#[tokio::test]
async fn what_cannot_be_reported_is_said_and_nothing_of_others_is_shown() {
    let server = crate::common::start().await;
    for (asked, part) in [
        (json!({"report": "validation", "model": "credit", "version": 1}), "credit"),
        (json!({"report": "market_timeline", "model": "credit", "market": "US"}), "There is no model credit"),
        (json!({"report": "as_of", "at": "2099-01-01T00:00:00.000000Z"}), "lies in the future"),
    ] {
        let id = ask(&server, &asked).await;
        work(&server).await;
        let job = get(&server, &id).await.expect(200).json();
        assert_eq!(job["state"], "failed");
        assert!(job["problem"].as_str().unwrap().contains(part), "{job}");
        let detail = assert_problem(&get(&server, &format!("{id}/pdf")).await, 404, "subject.exists");
        assert!(detail.contains(part), "{detail}");
        let other = server.get(&format!("/api/v1/reports/{id}")).as_role(Role::DataScientist).await;
        assert_problem(&other.send().await, 404, "subject.exists");
    }
    assert_eq!(get(&server, "").await.status, 404);
    let call = server.post("/api/v1/reports").json(&json!({"report": "everything"})).as_role(Role::Auditor).await;
    assert_problem(&call.send().await, 400, "request.readable");
    let call = server.post("/api/v1/reports").json(&json!({"report": "model_inventory"})).as_role(Role::Service).await;
    assert_problem(&call.send().await, 403, "access.role");
    let listed = server.get("/api/v1/reports").as_role(Role::Auditor).await.send().await.expect(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 3);
}
