//! The data drift at the weekend. The schedule has just fired, so what drifts a little waits; what drifts a lot does not.
//! The pipeline hears of it, and a person looks at the drift before users meet what was learnt from it.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post as on_post};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use countersign::{
    clock::{Clock as _, ManualClock},
    webhooks,
};
use domain::account::{Role, Scope};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ledger::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    browser::Browser,
    common::{Answer, Engine, PASSWORD, TestServer, lineage},
    on_each_engine,
    scene::{at, attach_results, events, post, put, read, refused, shares, stage_in, wait_days, wait_hours, waits_for},
    steps,
};

on_each_engine!(a_drift_emergency_bypasses_dedupe);

const SCHEDULED: &str = "/api/v1/models/streamrec/versions/1";
const DRIFTED: &str = "/api/v1/models/streamrec/versions/2";

async fn a_drift_emergency_bypasses_dedupe(engine: Engine) {
    // Sunday evening.
    let (server, clock) = at(engine, "2026-03-01T20:00:00.000000Z").await;
    let pipeline = Pipeline::start().await;
    let secret = the_pipeline_asks_to_hear_of_firings(&server, &pipeline).await;
    a_model_is_trained_weekly_and_whenever_it_must_be(&server).await;

    wait_hours(&server, &clock, 6).await;
    assert_eq!(firings(&server).await, [("scheduled".into(), "normal".into())], "Monday at two");
    the_scheduled_version_needs_nobody_before_canary(&server, &clock).await;

    // Some days later the schedule fires again, and three hours after it the drift job looks.
    wait_hours(&server, &clock, hours_until(&clock, "2026-03-23T05:00:00.000000Z")).await;
    assert_eq!(firings(&server).await.len(), 4, "once a week");
    what_is_not_urgent_is_suppressed_and_recorded(&server, &clock).await;
    what_rests_on_too_little_data_is_suppressed_however_urgent(&server, &clock).await;
    an_emergency_passes(&server, &clock).await;
    the_pipeline_heard_of_it_and_can_tell_that_it_is_genuine(&server, &pipeline, &secret).await;

    a_person_looks_before_users_meet_it(&server, &clock).await;
}

/// A pipeline's own HTTP server.
struct Pipeline {
    url: String,
    heard: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    task: JoinHandle<()>,
}

impl Pipeline {
    async fn start() -> Self {
        type Heard = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;
        async fn take(State(heard): State<Heard>, headers: HeaderMap, body: Bytes) {
            heard.lock().unwrap().push((headers, body));
        }
        let heard = Heard::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/train", listener.local_addr().unwrap());
        let router = Router::new().route("/train", on_post(take)).with_state(heard.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, heard, task }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn hours_until(clock: &ManualClock, time: &str) -> i64 {
    let until: Timestamp = time.parse().unwrap();
    until.micros_since(clock.now()) / 3_600_000_000
}

async fn the_pipeline_asks_to_hear_of_firings(server: &TestServer, pipeline: &Pipeline) -> String {
    let body = json!({ "label": "training", "url": pipeline.url, "events": ["trigger.fired"], "model": "streamrec" });
    let answer = post(server, Role::Administrator, "/webhooks", &body).await.expect(201).json();
    answer["secret"].as_str().unwrap().to_owned()
}

async fn a_model_is_trained_weekly_and_whenever_it_must_be(server: &TestServer) {
    steps::register_model(server, "streamrec", "unregulated").await.expect(201);
    let body = json!({
        "schedule": "0 2 * * 1", "drift": {},
        "performance": [{ "metric": "ctr", "floor": 0.05, "window_days": 1 }],
    });
    put(server, Role::DataScientist, "/models/streamrec/triggers", &body).await.expect(200);
}

/// Cause and priority of what fired, in order.
async fn firings(server: &TestServer) -> Vec<(String, String)> {
    let shown = read(server, "/models/streamrec/triggers").await;
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let all = shown["triggers"]["firings"].as_array().unwrap().iter();
    all.map(|firing| (word(&firing["about"]["cause"]), word(&firing["about"]["priority"]))).collect()
}

/// Tells what the drift job saw over the last hours.
async fn drift_job(server: &TestServer, clock: &ManualClock, hours: i64, features: &Value) -> Answer {
    let (from, until) = (clock.now().plus_hours(-hours), clock.now());
    let body = json!({ "from": from, "until": until, "source": "nightly", "features": features });
    post(server, Role::Service, "/models/streamrec/observations/drift", &body).await
}

async fn a_version_answers(server: &TestServer, firing: u32) {
    let body = json!({ "lineage": lineage(), "trigger": firing });
    post(server, Role::Service, "/models/streamrec/versions", &body).await.expect(201);
}

async fn the_scheduled_version_needs_nobody_before_canary(server: &TestServer, clock: &ManualClock) {
    a_version_answers(server, 1).await;
    steps::attach_all(server, SCHEDULED).await;
    steps::request(server, SCHEDULED, "staging", None).await.expect(201);
    steps::request(server, SCHEDULED, "shadow", Some("US")).await.expect(201);
    wait_hours(server, clock, 167).await;
    attach_results(server, SCHEDULED, "shadow", "US").await;
    assert_eq!(waits_for(server, SCHEDULED, "canary", "US").await, ["stage.minimum_time"], "nobody is asked");
    steps::request(server, SCHEDULED, "canary", Some("US")).await.expect(201);
    wait_days(server, clock, 1).await;
    assert_eq!(stage_in(server, SCHEDULED, "US").await, "canary");
    steps::promote(server, clock, SCHEDULED).await;
    for _ in 0..3 {
        wait_days(server, clock, 1).await;
        steps::observe(server, clock, "streamrec/US", 1, 0.001).await.expect(200);
    }
    assert_eq!(shares(server, "streamrec/US").await, [(1, 100)]);
}

async fn what_is_not_urgent_is_suppressed_and_recorded(server: &TestServer, clock: &ManualClock) {
    let before = read(server, "/models/streamrec/triggers").await["triggers"]["suppressed"].as_u64().unwrap();
    let told = drift_job(server, clock, 24, &json!({ "age": steps::moved(0.3) })).await.expect(201);
    assert_eq!(events(&told), ["drift.observed", "trigger.suppressed"]);
    let (from, until) = (clock.now().plus_hours(-24), clock.now());
    let body = json!({ "metric": "ctr", "value": 0.047, "from": from, "until": until, "source": "outcomes" });
    let told = post(server, Role::Service, "/models/streamrec/observations/performance", &body).await.expect(201);
    assert_eq!(events(&told), ["performance.observed", "trigger.suppressed"]);

    let shown = read(server, "/models/streamrec/triggers").await;
    assert_eq!(shown["triggers"]["suppressed"], before + 2);
    for suppressed in shown["triggers"]["suppressions"].as_array().unwrap().iter().rev().take(2) {
        let reason = &suppressed["reason"];
        assert!(reason.to_string().contains("interval"), "{suppressed:#}");
        assert!(suppressed["mark"]["entry"].is_u64(), "it is an entry like any other");
    }
}

async fn what_rests_on_too_little_data_is_suppressed_however_urgent(server: &TestServer, clock: &ManualClock) {
    let told = drift_job(server, clock, 2, &json!({ "age": steps::moved(3.0) })).await.expect(201);
    assert_eq!(events(&told), ["drift.observed", "trigger.suppressed"]);
}

async fn an_emergency_passes(server: &TestServer, clock: &ManualClock) {
    clock.set(clock.now().plus_minutes(30));
    let features = json!({
        "age_of_account": { "reference": [250, 250, 250, 250], "actual": [20, 80, 300, 600] },
        "income": steps::moved(0.31),
        "tenure": steps::moved(0.02),
    });
    let told = drift_job(server, clock, 24, &features).await.expect(201);
    assert_eq!(events(&told), ["drift.observed", "trigger.fired"]);
    assert_eq!(firings(server).await.last(), Some(&("drift".into(), "emergency".into())));
    let shown = read(server, "/models/streamrec/triggers").await;
    let firing = shown["triggers"]["firings"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(firing["bypassed"], 4, "the firing that it was too near to is named");
}

async fn the_pipeline_heard_of_it_and_can_tell_that_it_is_genuine(
    server: &TestServer,
    pipeline: &Pipeline,
    secret: &str,
) {
    while webhooks::turn(&server.app).await.unwrap() > 0 {}
    let heard = pipeline.heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 5, "four slots and the emergency; what was suppressed starts nothing");
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    for (headers, body) in &heard {
        let header = |name: &str| headers[name].to_str().unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes());
        mac.update(body);
        let expected = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(header("webhook-signature"), expected);
    }
    // They may arrive in any order; each says its place in the ledger.
    let mut told: Vec<Value> = heard.iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect();
    told.sort_by_key(|message| message["data"]["seq"].as_u64());
    let last = told.last().unwrap();
    assert_eq!(last["type"], "countersign.trigger.fired");
    assert_eq!((&last["data"]["payload"]["firing"], &last["data"]["payload"]["cause"]), (&json!(5), &json!("drift")));
}

async fn a_person_looks_before_users_meet_it(server: &TestServer, clock: &ManualClock) {
    a_version_answers(server, 5).await;
    steps::attach_all(server, DRIFTED).await;
    steps::request(server, DRIFTED, "staging", None).await.expect(201);
    steps::request(server, DRIFTED, "shadow", Some("US")).await.expect(201);
    wait_hours(server, clock, 167).await;
    attach_results(server, DRIFTED, "shadow", "US").await;
    steps::request(server, DRIFTED, "canary", Some("US")).await.expect(201);
    wait_days(server, clock, 2).await;
    assert_eq!(stage_in(server, DRIFTED, "US").await, "shadow", "time alone is not enough");
    assert_eq!(waits_for(server, DRIFTED, "canary", "US").await, ["drift.approved"]);

    let vera = Browser::of(server, Role::MrmValidator).await;
    assert!(vera.get("/inbox").await.contains("Look at the drift behind streamrec v2"));
    let page = vera.get("/models/streamrec/versions/2/drift").await;
    for part in ["age_of_account: 1.090", "income: 0.310, significant", "0.5 extreme"] {
        assert!(page.contains(part), "{part} is not on {page}");
    }

    let approve = |password: &str| json!({ "market": "US", "statement": "A school holiday.", "password": password });
    let path = "/models/streamrec/versions/2/drift-approvals";
    let machine = server.account(Role::Service).await;
    let token = server.issue(&machine, &Scope::ALL, clock.now().plus_days(1)).await.token;
    let call = server.post(&format!("/api/v1{path}")).json(&approve(PASSWORD)).bearer(&token);
    refused(&call.send().await, 403, "access.role");
    refused(&post(server, Role::MrmValidator, path, &approve("guessed")).await, 403, "signing.reauthentication");
    let approved = post(server, Role::MrmValidator, path, &approve(PASSWORD)).await.expect(201);
    assert_eq!(events(&approved), ["drift.approved", "stage.transitioned"], "it was all that was missing");
    assert_eq!(shares(server, "streamrec/US").await, [(2, 10), (1, 90)]);
}
