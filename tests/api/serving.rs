//! What serving systems see: routing as it changes, the way back, the kill switch and how fast it is heard, the gates of
//! rollout controllers.

use std::{
    io::{BufRead as _, BufReader},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use countersign::clock::{Clock as _, ManualClock};
use domain::account::{Role, Scope};
use ledger::Timestamp;
use serde_json::{Value, json};

use crate::{
    assert_problem,
    common::{Engine, PASSWORD, Setup, TestServer, lineage},
    steps,
};

async fn server() -> (TestServer, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new("2026-11-02T09:00:00.000000Z".parse::<Timestamp>().unwrap()));
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(Engine::Sqlite) }).await;
    (server, clock)
}

/// Version 1 is champion of the US, version 2 in its canary.
pub(crate) async fn canary() -> (TestServer, Arc<ManualClock>) {
    let (server, clock) = server().await;
    let first = steps::prepared(&server, "streamrec", "unregulated").await;
    steps::walk_to_canary(&server, &clock, &first).await;
    steps::promote(&server, &clock, &first).await;
    steps::roll_out(&server, &clock, "streamrec", 1).await;
    let second = steps::register_version(&server, "streamrec", &lineage()).await;
    steps::attach_all(&server, &second).await;
    steps::walk_to_canary(&server, &clock, &second).await;
    (server, clock)
}

async fn routing(server: &TestServer) -> Value {
    let call = server.get("/api/v1/routing/streamrec/US").as_role(Role::Service).await;
    call.send().await.expect(200).json()
}

fn weights(routing: &Value) -> Vec<(u64, u64)> {
    let pair = |target: &Value| (target["version"].as_u64().unwrap(), target["weight"].as_u64().unwrap());
    routing["targets"].as_array().unwrap().iter().map(pair).collect()
}

pub(crate) async fn post(server: &TestServer, role: Role, path: &str, body: &Value) -> crate::common::Answer {
    server.post(&format!("/api/v1{path}")).json(body).as_role(role).await.send().await
}

#[tokio::test]
async fn a_rollout_is_seen_reported_and_steered_through_the_api() {
    let (server, clock) = canary().await;
    let now = routing(&server).await;
    assert_eq!(weights(&now), [(2, 10), (1, 90)]);
    assert!(now["targets"][0]["weights_digest"].is_string(), "{now}");
    assert_eq!(
        now["split"],
        json!({ "function": now["split"]["function"], "salt": "streamrec/2/US:", "buckets": 10_000 })
    );

    steps::promote(&server, &clock, "/api/v1/models/streamrec/versions/2").await;
    assert_eq!(weights(&routing(&server).await), [(2, 25), (1, 75)]);
    let list = server.get("/api/v1/rollouts?state=rolling_out").as_role(Role::Auditor).await.send().await.json();
    assert_eq!((&list["total"], &list["items"][0]["percent"]), (&json!(1), &json!(25)));
    let shown = server.get("/api/v1/rollouts/streamrec/US").as_role(Role::Auditor).await.send().await.json();
    let missing: Vec<&str> = shown["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| r["met"] == false)
        .map(|r| r["rule"].as_str().unwrap())
        .collect();
    assert_eq!(missing, ["rollout.dwell", "rollout.sample", "rollout.green"]);

    let held = post(&server, Role::DataScientist, "/rollouts/streamrec/US/hold", &json!({ "reason": "Sale." })).await;
    held.expect(200);
    let struck = steps::observe(&server, &clock, "streamrec/US", 2, 0.05).await.expect(200).json();
    let events: Vec<&str> =
        struck["entries"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["rollout.observed", "rollout.struck"]);
    assert_eq!(weights(&routing(&server).await), [(2, 10), (1, 90)]);
    let back = json!({ "version": 2, "reason": "Enough." });
    assert_problem(&post(&server, Role::Auditor, "/rollouts/streamrec/US/rollback", &back).await, 403, "access.role");
    post(&server, Role::Service, "/rollouts/streamrec/US/rollback", &back).await.expect(200);
    assert_eq!(weights(&routing(&server).await), [(1, 100)]);
    let again = post(&server, Role::Service, "/rollouts/streamrec/US/rollback", &back).await;
    assert_problem(&again, 409, "rollback.version");
    let nowhere = server.get("/api/v1/routing/streamrec/EU").as_role(Role::Service).await.send().await;
    assert_problem(&nowhere, 404, "subject.exists");
    let approve =
        json!({ "password": PASSWORD, "version": 2, "meaning": "x", "package": format!("sha256:{}", "0".repeat(64)) });
    let answer = post(&server, Role::MrmValidator, "/rollouts/streamrec/US/approve", &approve).await;
    assert_problem(&answer, 409, "rollout.version");
}

#[tokio::test]
async fn a_serving_system_waits_for_changes_and_says_what_it_applied() {
    let (server, _) = canary().await;
    let revision = routing(&server).await["revision"].as_u64().unwrap();
    let call = server.get("/api/v1/routing/streamrec/US").header("if-none-match", &format!("\"{revision}\""));
    call.as_role(Role::Service).await.send().await.expect(304);
    let call =
        server.get(&format!("/api/v1/routing/streamrec/US?after={revision}&wait=1")).as_role(Role::Service).await;
    call.send().await.expect(304);

    let applied = |revision: u64| json!({ "revision": revision, "subscriber": "gateway" });
    let first = post(&server, Role::Service, "/routing/streamrec/US/applied", &applied(revision)).await.expect(200);
    assert_eq!(first.json()["entries"][0]["event"], "routing.applied");
    let again = post(&server, Role::Service, "/routing/streamrec/US/applied", &applied(revision)).await.expect(200);
    assert_eq!(again.json()["entries"], json!([]), "said once is said");
    let never = post(&server, Role::Service, "/routing/streamrec/US/applied", &applied(99_999)).await;
    assert_problem(&never, 409, "routing.revision");

    post(&server, Role::DataScientist, "/rollouts/streamrec/US/drills", &json!({ "note": "Q4" })).await.expect(200);
    let drilled = routing(&server).await;
    assert_eq!((&drilled["drill"], weights(&drilled)), (&json!(1), vec![(2, 10), (1, 90)]));
    let revision = drilled["revision"].as_u64().unwrap();
    let done = post(&server, Role::Service, "/routing/streamrec/US/applied", &applied(revision)).await.expect(200);
    assert_eq!(done.json()["entries"][1]["event"], "drill.finished");
}

#[tokio::test]
async fn istio_and_the_document_say_the_same() {
    let (server, _) = canary().await;
    let call = server.get("/api/v1/routing/streamrec/US/istio.yaml?host=recs").as_role(Role::Service).await;
    let answer = call.send().await.expect(200);
    assert_eq!(answer.headers["content-type"], "application/yaml");
    let text = String::from_utf8(answer.body).unwrap();
    let mut documents = serde_norway::Deserializer::from_str(&text)
        .map(|document| <Value as serde::Deserialize>::deserialize(document).unwrap());
    let service = documents.next().unwrap();
    let routes = service["spec"]["http"].as_array().unwrap();
    let by_weight = routes.iter().find(|route| route["name"] == "by-weight").unwrap();
    assert_eq!(by_weight["route"][0], json!({ "destination": { "host": "recs", "subset": "v2" }, "weight": 10 }));
    assert_eq!(by_weight["route"][1]["weight"], 90);
    let rule = documents.next().unwrap();
    assert_eq!(rule["spec"]["trafficPolicy"]["loadBalancer"]["consistentHash"]["httpHeaderName"], "x-user-id");
}

async fn size(server: &TestServer) -> u64 {
    let call = server.get("/api/v1/ledger/entries?limit=1").as_role(Role::Auditor).await;
    call.send().await.expect(200).json()["entries"][0]["seq"].as_u64().unwrap()
}

#[tokio::test]
async fn flagger_and_argo_are_answered_from_what_stands() {
    let (server, clock) = canary().await;
    let hook = |name: &'static str| {
        let server = &server;
        async move {
            let body = json!({
                "name": "streamrec", "namespace": "recs", "phase": "Progressing", "checksum": "85d557f47b",
                "metadata": { "version": "v2", "eventMessage": "New revision detected", "eventType": "Normal" },
            });
            let answer = post(server, Role::Service, &format!("/rollouts/streamrec/US/flagger/{name}"), &body).await;
            (answer.status, answer.json())
        }
    };
    assert_eq!(hook("confirm-rollout").await.0, 200);
    let (status, told) = hook("confirm-promotion").await;
    assert_eq!((status, &told["yes"]), (409, &json!(false)), "anything but 2xx halts");
    assert!(told["reason"].as_str().unwrap().contains("gate to Production"), "{told}");
    assert_eq!(hook("rollback").await.0, 409, "2xx would mean: roll back");
    let (entry, sealed) = (hook("rollback").await.1["entry"].clone(), size(&server).await);
    assert!(entry.is_u64());
    assert_eq!(hook("rollback").await.1["entry"], entry, "a poll with the same answer names the entry that it repeats");
    assert_eq!(size(&server).await, sealed, "and leaves none of its own");
    assert_eq!(hook("event").await.0, 200);
    assert_eq!(hook("confirm-everything").await.0, 404);
    let argo = || async {
        let call = server.get("/api/v1/rollouts/streamrec/US/argo?version=2").as_role(Role::Service).await;
        call.send().await.expect(200).json()
    };
    assert_eq!((&argo().await["ok"], &argo().await["weight"]), (&json!(true), &json!(10)));
    for (place, said) in [("US/argo?version=9", "has not entered Canary"), ("EU/argo", "")] {
        let call = server.get(&format!("/api/v1/rollouts/streamrec/{place}")).as_role(Role::Service).await;
        let told = call.send().await.json();
        assert_ne!(told["ok"], json!(true), "{place}: {told}");
        assert!(told["reason"].as_str().unwrap_or_default().contains(said), "{told}");
    }
    for _ in 0..2 {
        steps::observe(&server, &clock, "streamrec/US", 2, 0.05).await.expect(200);
    }
    assert_eq!(hook("rollback").await.0, 200, "two strikes: roll back");
    assert_eq!(hook("confirm-rollout").await.0, 409);
    let told = argo().await;
    assert_eq!((&told["ok"], &told["value"], &told["rollback"]), (&json!(false), &json!(0), &json!(true)));
    let person = server.post("/api/v1/rollouts/streamrec/US/flagger/rollback").json(&json!({}));
    assert_problem(&person.as_role(Role::DataScientist).await.send().await, 403, "access.role");
    let service = server.account(Role::Service).await;
    let narrow = server.issue(&service, &[Scope::Read], clock.now().plus_days(1)).await.token;
    let answer = server.post("/api/v1/rollouts/streamrec/US/flagger/rollback").json(&json!({})).bearer(&narrow).send();
    assert_problem(&answer.await, 403, "access.scope");
}

#[tokio::test]
async fn the_kill_switch_takes_one_act_and_lifting_it_a_review() {
    let (server, _) = canary().await;
    let kill = json!({ "to": "fallback", "reason": "A regulator called." });
    assert_problem(&post(&server, Role::Service, "/models/streamrec/kill", &kill).await, 403, "access.role");
    let off = post(&server, Role::Administrator, "/models/streamrec/kill", &kill).await.expect(200).json();
    let markets: Vec<&str> = off.as_array().unwrap().iter().map(|o| o["market"].as_str().unwrap()).collect();
    assert_eq!(markets, ["EU", "US"], "the market that nothing serves yet is off too");
    let now = routing(&server).await;
    assert_eq!((weights(&now), &now["fallback"]), (vec![], &json!({ "name": "rules", "weight": 100 })));
    let found = server.get("/api/v1/rollouts?state=off").as_role(Role::Auditor).await.send().await.json();
    assert_eq!(found["total"], 2);
    assert!(found["items"][0]["review_due"].is_string(), "a review is due: {found}");
    let lift = json!({ "reason": "Mended." });
    let early = post(&server, Role::DataScientist, "/rollouts/streamrec/US/kill/lift", &lift).await;
    assert_problem(&early, 422, "kill_switch.reviewed");
    let review = json!({ "password": crate::common::PASSWORD, "text": "Looked at.", "may_lift": true });
    post(&server, Role::MrmValidator, "/rollouts/streamrec/US/kill/review", &review).await.expect(200);
    post(&server, Role::DataScientist, "/rollouts/streamrec/US/kill/lift", &lift).await.expect(200);
    assert_eq!(weights(&routing(&server).await), [(2, 10), (1, 90)]);
}

#[tokio::test]
async fn the_kill_switch_takes_no_name_that_nothing_stands_behind() {
    let (server, _) = canary().await;
    let kill = json!({ "to": "fallback", "reason": "A slip of the pen." });
    for (path, says) in
        [("/rollouts/streamrek/US/kill", "Check the name"), ("/rollouts/streamrec/XX/kill", "not registered for XX")]
    {
        let told = assert_problem(&post(&server, Role::DataScientist, path, &kill).await, 404, "subject.exists");
        assert!(told.contains(says), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_account_that_follows() {
    let (server, _) = canary().await;
    let heard = follow(&server).await;
    let first = tokio::task::block_in_place(|| heard.recv_timeout(Duration::from_secs(5)));
    assert!(first.is_ok(), "the document as it stands");
    let service = server.account(Role::Service).await;
    let disable = server.post(&format!("/api/v1/accounts/{service}/disable")).json(&json!({ "reason": "Gone." }));
    disable.as_role(Role::Administrator).await.send().await.expect(200);
    let kill = json!({ "to": "fallback", "reason": "A regulator called." });
    post(&server, Role::DataScientist, "/rollouts/streamrec/US/kill", &kill).await.expect(200);
    let after = tokio::task::block_in_place(|| heard.recv_timeout(Duration::from_secs(10)));
    assert_eq!(after.unwrap_err(), mpsc::RecvTimeoutError::Disconnected, "nothing more, and the end");
}

/// Follows the routing on a thread; each revision arrives with the instant at which it was heard.
async fn follow(server: &TestServer) -> mpsc::Receiver<(u64, Instant)> {
    let token = server.token(Role::Service).await;
    let url = format!("{}/api/v1/routing/streamrec/US/events", server.url);
    let (send, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let response = ureq::get(&url).header("authorization", &format!("Bearer {token}")).call().unwrap();
        for line in BufReader::new(response.into_body().into_reader()).lines() {
            let Ok(line) = line else { return };
            let Some(data) = line.strip_prefix("data:") else { continue };
            let document: Value = serde_json::from_str(data.trim()).unwrap();
            if send.send((document["revision"].as_u64().unwrap(), Instant::now())).is_err() {
                return;
            }
        }
    });
    heard
}

fn beyond(heard: &mpsc::Receiver<(u64, Instant)>, revision: u64) -> Instant {
    loop {
        let (number, at) = heard.recv_timeout(Duration::from_secs(5)).expect("a subscriber hears in time");
        if number > revision {
            return at;
        }
    }
}

/// From the request to the moment at which a subscriber over SSE and one that polls long have the new document.
/// `COUNTERSIGN_KILLS` says how often, for figures; the time allowed here is far above what they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_subscriber_hears_of_the_kill_switch_within_a_second() {
    let rounds: usize = std::env::var("COUNTERSIGN_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let (server, _) = canary().await;
    let server = Arc::new(server);
    let heard = follow(&server).await;
    server.token(Role::MrmValidator).await;
    let mut streamed = Vec::new();
    let mut polled = Vec::new();
    for _ in 0..rounds {
        let revision = routing(&server).await["revision"].as_u64().unwrap();
        let poll = {
            let server = server.clone();
            tokio::spawn(async move {
                let path = format!("/api/v1/routing/streamrec/US?after={revision}&wait=10");
                server.get(&path).as_role(Role::Service).await.send().await.expect(200);
                Instant::now()
            })
        };
        tokio::time::sleep(Duration::from_millis(30)).await;
        let begun = Instant::now();
        let kill = json!({ "to": "fallback", "reason": "Measured." });
        post(&server, Role::DataScientist, "/rollouts/streamrec/US/kill", &kill).await.expect(200);
        streamed.push(tokio::task::block_in_place(|| beyond(&heard, revision)).duration_since(begun));
        polled.push(poll.await.unwrap().duration_since(begun));
        let review = json!({ "password": crate::common::PASSWORD, "text": "Looked at.", "may_lift": true });
        post(&server, Role::MrmValidator, "/rollouts/streamrec/US/kill/review", &review).await.expect(200);
        let lift = json!({ "reason": "Measured." });
        post(&server, Role::DataScientist, "/rollouts/streamrec/US/kill/lift", &lift).await.expect(200);
    }
    for (how, times) in [("server-sent events", &mut streamed), ("long poll", &mut polled)] {
        times.sort();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        println!("kill switch to subscriber, {how}: p50 {:?}, p99 {:?} of {rounds}", at(50), at(99));
        assert!(at(50) < Duration::from_secs(1), "{how}: {times:?}");
    }
}
