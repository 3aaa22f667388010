//! Webhooks out against a real receiver: signed, sent again until taken, given up and sent again by hand, once even with
//! several servers, and not lost while none runs.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use countersign::{clock::ManualClock, config::WebhookSettings, webhooks};
use domain::account::Role;
use ledger::Timestamp;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    common::{Engine, Setup, TestServer, lineage},
    on_each_engine,
    raw::{another_at, assert_clean, faults, tamper},
    steps,
};

on_each_engine!(
    a_message_is_signed_and_sent_again_until_it_is_taken,
    what_is_given_up_can_be_sent_again,
    two_servers_send_once,
    what_is_sealed_while_nobody_sends_is_sent_later,
    a_removed_endpoint_hears_nothing_more,
    a_new_secret_signs_beside_the_old_one_until_the_overlap_ends,
    secrets_of_an_earlier_release_are_sealed_and_still_sign,
    an_endpoint_is_registered_by_an_administrator_and_its_secret_shown_once,
);

/// What the receiver heard.
#[derive(Debug, Clone)]
struct Heard {
    headers: HeaderMap,
    body: Bytes,
}

/// A receiver that answers as its script says, then always 200.
struct Receiver {
    url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    script: Arc<Mutex<VecDeque<u16>>>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Shared = (Arc<Mutex<Vec<Heard>>>, Arc<Mutex<VecDeque<u16>>>);

async fn take(
    State((heard, script)): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, &'static str); 1]) {
    heard.lock().unwrap().push(Heard { headers, body });
    let status = script.lock().unwrap().pop_front().unwrap_or(200);
    (StatusCode::from_u16(status).unwrap(), [("location", "http://127.0.0.1:1/elsewhere")])
}

impl Receiver {
    async fn start(script: &[u16]) -> Self {
        let (heard, script) = (Arc::default(), Arc::new(Mutex::new(script.iter().copied().collect())));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let router = Router::new().route("/hooks", post(take)).with_state((Arc::clone(&heard), Arc::clone(&script)));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, heard, script, task }
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

fn start_time() -> Timestamp {
    "2026-03-02T09:00:00.000000Z".parse().unwrap()
}

async fn server(engine: Engine) -> (TestServer, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(start_time()));
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(engine) }).await;
    server.token(Role::Administrator).await;
    server.token(Role::DataScientist).await;
    (server, clock)
}

/// Registers the receiver and answers its id and secret.
async fn register(server: &TestServer, url: &str, events: &[&str]) -> (String, String) {
    let body = json!({ "label": "pipeline", "url": url, "events": events });
    let call = server.post("/api/v1/webhooks").json(&body).as_role(Role::Administrator).await;
    let answer = call.send().await.expect(201).json();
    (answer["id"].as_str().unwrap().to_owned(), answer["secret"].as_str().unwrap().to_owned())
}

async fn deliveries(server: &TestServer, id: &str, state: &str) -> Vec<Value> {
    let call = server.get(&format!("/api/v1/webhooks/{id}/deliveries?state={state}"));
    let answer = call.as_role(Role::Administrator).await.send().await.expect(200);
    answer.json().as_array().unwrap().clone()
}

fn header<'h>(heard: &'h Heard, name: &str) -> &'h str {
    heard.headers.get(name).unwrap().to_str().unwrap()
}

async fn a_message_is_signed_and_sent_again_until_it_is_taken(engine: Engine) {
    let (server, clock) = server(engine).await;
    steps::register_model(&server, "earlier", "unregulated").await.expect(201);
    let receiver = Receiver::start(&[500, 302]).await;
    let (id, secret) = register(&server, &receiver.url, &["model.*"]).await;
    let size = server.app.store.head().await.unwrap().size;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    steps::register_version(&server, "credit", &lineage()).await;

    assert_eq!(webhooks::turn(&server.app).await.unwrap(), 1, "the version is no news, nor what came earlier");
    assert_eq!(webhooks::turn(&server.app).await.unwrap(), 0, "not again at once");
    let waiting = deliveries(&server, &id, "pending").await;
    assert_eq!((waiting[0]["seq"].as_u64(), waiting[0]["status"].as_u64()), (Some(size), Some(500)));
    clock.set(start_time().plus_seconds(3));
    assert_eq!(webhooks::turn(&server.app).await.unwrap(), 0, "the first pause is at least four seconds");
    clock.set(start_time().plus_seconds(7));
    assert_eq!(webhooks::turn(&server.app).await.unwrap(), 1);
    assert!(deliveries(&server, &id, "pending").await[0]["error"].as_str().unwrap().contains("not followed"));
    clock.set(start_time().plus_seconds(30));
    assert_eq!(webhooks::turn(&server.app).await.unwrap(), 1);
    clock.set(start_time().plus_days(1));
    assert_eq!(webhooks::turn(&server.app).await.unwrap(), 0, "delivered is delivered");
    let delivered = deliveries(&server, &id, "delivered").await;
    assert_eq!((delivered.len(), delivered[0]["attempts"].as_u64()), (1, Some(3)));

    let heard = receiver.heard();
    assert_eq!(heard.len(), 3);
    for one in &heard {
        assert_eq!(header(one, "content-type"), "application/cloudevents+json");
        assert_eq!(header(one, "webhook-id"), format!("msg_{id}_{size}"), "every attempt has the message's id");
        let timestamp: i64 = header(one, "webhook-timestamp").parse().unwrap();
        let expected = webhooks::signature(&secret, header(one, "webhook-id"), timestamp, &one.body);
        assert_eq!(header(one, "webhook-signature"), expected);
    }
    assert_ne!(header(&heard[0], "webhook-timestamp"), header(&heard[2], "webhook-timestamp"));
    let event: Value = serde_json::from_slice(&heard[0].body).unwrap();
    assert_eq!((&event["specversion"], &event["type"]), (&json!("1.0"), &json!("countersign.model.registered")));
    assert_eq!((&event["data"]["seq"], &event["data"]["subject"]["model"]), (&json!(size), &json!("credit")));
    let proof = event["data"]["proof_url"].as_str().unwrap().strip_prefix(&server.url).unwrap();
    server.get(proof).as_role(Role::Auditor).await.send().await.expect(200);
    assert_clean(&faults(&server.app).await);
}

/// Lets attempts fail until the delivery is given up.
async fn until_given_up(server: &TestServer, clock: &ManualClock) -> u32 {
    let (mut at, mut attempts) = (countersign::clock::Clock::now(clock), 0);
    for _ in 0..40 {
        attempts += u32::try_from(webhooks::turn(&server.app).await.unwrap()).unwrap();
        at = at.plus_hours(8);
        clock.set(at);
    }
    attempts
}

async fn what_is_given_up_can_be_sent_again(engine: Engine) {
    let (server, clock) = server(engine).await;
    let receiver = Receiver::start(&[503; 11]).await;
    let (id, _) = register(&server, &receiver.url, &["model.registered"]).await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    assert_eq!(until_given_up(&server, &clock).await, webhooks::MAX_ATTEMPTS);
    let dead = deliveries(&server, &id, "dead").await;
    assert_eq!((dead.len(), dead[0]["status"].as_u64()), (1, Some(503)));
    let seq = dead[0]["seq"].as_u64().unwrap();

    // Tokens live thirty days here; the clock has moved on by thirteen.
    let replay = |query: String| server.post(&format!("/api/v1/webhooks/{id}/replay{query}"));
    let none = replay(format!("?seq={}", seq + 1)).as_role(Role::Administrator).await.send().await.expect(200);
    assert_eq!(none.json()["replayed"], 0);
    let one = replay(format!("?seq={seq}")).as_role(Role::Administrator).await.send().await.expect(200);
    assert_eq!(one.json()["replayed"], 1);
    assert_eq!(webhooks::turn(&server.app).await.unwrap(), 1);
    assert_eq!(deliveries(&server, &id, "delivered").await.len(), 1);

    // Nobody listens there any more: that is told at once and not tried eleven times.
    receiver.script.lock().unwrap().push_back(410);
    steps::register_model(&server, "debit", "unregulated").await.expect(201);
    assert_eq!(until_given_up(&server, &clock).await, 1);
    assert!(deliveries(&server, &id, "dead").await[0]["error"].as_str().unwrap().contains("nobody listens"));
}

async fn two_servers_send_once(engine: Engine) {
    let (server, clock) = server(engine).await;
    let other = another_at(&server, clock.clone()).await.unwrap();
    let receiver = Receiver::start(&[]).await;
    register(&server, &receiver.url, &[]).await;
    for n in 0..20 {
        steps::register_model(&server, &format!("m{n}"), "unregulated").await.expect(201);
    }
    let (here, there) = tokio::join!(webhooks::turn(&server.app), webhooks::turn(&other));
    assert_eq!(here.unwrap() + there.unwrap(), 20);
    let mut ids: Vec<String> = receiver.heard().iter().map(|heard| header(heard, "webhook-id").to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), receiver.heard().len()), (20, 20));
}

async fn what_is_sealed_while_nobody_sends_is_sent_later(engine: Engine) {
    let (server, clock) = server(engine).await;
    let receiver = Receiver::start(&[]).await;
    let (id, _) = register(&server, &receiver.url, &["model.registered"]).await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    // One server took the delivery on and died in the middle.
    webhooks::post(&server.app).await.unwrap();
    let now = start_time();
    assert_eq!(server.app.store.claim_deliveries(now, now.plus_seconds(60), 10).await.unwrap().len(), 1);
    let later = another_at(&server, clock.clone()).await.unwrap();
    assert_eq!(webhooks::turn(&later).await.unwrap(), 0, "it is taken on still");
    clock.set(now.plus_seconds(61));
    assert_eq!(webhooks::turn(&later).await.unwrap(), 1);
    assert_eq!(deliveries(&server, &id, "delivered").await.len(), 1);
}

async fn a_removed_endpoint_hears_nothing_more(engine: Engine) {
    let (server, clock) = server(engine).await;
    let receiver = Receiver::start(&[500]).await;
    let (id, _) = register(&server, &receiver.url, &["model.registered"]).await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    assert_eq!(webhooks::turn(&server.app).await.unwrap(), 1);
    server.delete(&format!("/api/v1/webhooks/{id}")).as_role(Role::Administrator).await.send().await.expect(200);
    server.delete(&format!("/api/v1/webhooks/{id}")).as_role(Role::Administrator).await.send().await.expect(404);
    steps::register_model(&server, "debit", "unregulated").await.expect(201);
    clock.set(start_time().plus_days(1));
    assert_eq!(webhooks::turn(&server.app).await.unwrap(), 0);
    assert!(server.app.store.webhook_addresses().await.unwrap().is_empty(), "the secret is gone");
    assert_clean(&faults(&server.app).await);
}

async fn an_endpoint_is_registered_by_an_administrator_and_its_secret_shown_once(engine: Engine) {
    let (server, _) = server(engine).await;
    let body = |url: &str, events: Value| json!({ "label": "ci", "url": url, "events": events });
    let path = "/api/v1/webhooks";
    let good = body("https://ci.example/hooks?token=open-sesame", json!(["trigger.*"]));
    for role in [Role::DataScientist, Role::Auditor, Role::Service] {
        server.post(path).json(&good).as_role(role).await.send().await.expect(403);
        server.get(path).as_role(role).await.send().await.expect(403);
    }
    for (url, events, field) in [
        ("http://ci.example/", json!([]), "url"),
        ("https://u:p@ci.example/", json!([]), "url"),
        ("https://ci.example/", json!(["trigger.fird"]), "events"),
    ] {
        let call = server.post(path).json(&body(url, events)).as_role(Role::Administrator).await;
        let answer = call.send().await.expect(422).json();
        assert_eq!(answer["missing"][0]["what"], field, "{answer}");
    }
    let call = server.post(path).json(&good).as_role(Role::Administrator).await;
    let answer = call.send().await.expect(201).json();
    let secret = answer["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"));
    let seq = answer["receipt"]["entries"][0]["seq"].as_u64().unwrap();
    let entry = server.app.store.entry(seq).await.unwrap().unwrap();
    let text = String::from_utf8(entry.bytes).unwrap();
    assert!(text.contains("https://ci.example") && text.contains("trigger.*"), "{text}");
    for hidden in [secret, "open-sesame"] {
        assert!(!text.contains(hidden), "what opens doors is not in the ledger");
        let listed = server.get(path).as_role(Role::Administrator).await.send().await.expect(200);
        assert!(!String::from_utf8(listed.body).unwrap().contains(hidden));
    }
    assert!(WebhookSettings::default().allow_private, "pipelines stand within one's own walls");
}

/// The signatures of a message that fit a secret, out of how many.
fn fitting(heard: &Heard, secret: &str) -> (usize, usize) {
    let timestamp: i64 = header(heard, "webhook-timestamp").parse().unwrap();
    let expected = webhooks::signature(secret, header(heard, "webhook-id"), timestamp, &heard.body);
    let all: Vec<&str> = header(heard, "webhook-signature").split(' ').collect();
    (all.iter().filter(|one| **one == expected).count(), all.len())
}

async fn rotate(server: &TestServer, id: &str, body: Value) -> crate::common::Answer {
    server.post(&format!("/api/v1/webhooks/{id}/rotate")).json(&body).as_role(Role::Administrator).await.send().await
}

/// Registers one more model, delivers the news of it, and answers what was heard.
async fn news(server: &TestServer, receiver: &Receiver, name: &str) -> Heard {
    steps::register_model(server, name, "unregulated").await.expect(201);
    assert_eq!(webhooks::turn(&server.app).await.unwrap(), 1);
    receiver.heard().pop().unwrap()
}

async fn a_new_secret_signs_beside_the_old_one_until_the_overlap_ends(engine: Engine) {
    let (server, clock) = server(engine).await;
    let receiver = Receiver::start(&[]).await;
    let (id, first) = register(&server, &receiver.url, &["model.registered"]).await;
    assert_eq!(fitting(&news(&server, &receiver, "a").await, &first), (1, 1));

    for role in [Role::DataScientist, Role::Auditor, Role::Service] {
        let call = server.post(&format!("/api/v1/webhooks/{id}/rotate")).json(&json!({})).as_role(role).await;
        call.send().await.expect(403);
    }
    rotate(&server, "nothing", json!({})).await.expect(404);
    let long = rotate(&server, &id, json!({ "overlap_hours": 169 })).await.expect(422).json();
    assert!(long["missing"][0]["message"].as_str().unwrap().contains("168 hours at most"), "{long}");

    let answer = rotate(&server, &id, json!({})).await.expect(200).json();
    let second = answer["secret"].as_str().unwrap().to_owned();
    assert!(second.starts_with("whsec_") && second != first);
    let heard = news(&server, &receiver, "b").await;
    assert_eq!((fitting(&heard, &second), fitting(&heard, &first)), ((1, 2), (1, 2)));
    assert!(header(&heard, "webhook-signature").split(' ').all(|one| one.starts_with("v1,")));
    let third = rotate(&server, &id, json!({ "overlap_hours": 1 })).await;
    assert_eq!(third.expect(409).rule(), "webhook.overlap");

    clock.set(start_time().plus_hours(24).plus_micros(-1));
    assert_eq!(fitting(&news(&server, &receiver, "c").await, &first), (1, 2), "a moment before the overlap's end");
    clock.set(start_time().plus_hours(24));
    let heard = news(&server, &receiver, "d").await;
    assert_eq!((fitting(&heard, &second), fitting(&heard, &first)), ((1, 1), (0, 1)));
    assert!(server.app.store.webhook_addresses().await.unwrap()[0].old.is_none(), "the old one is deleted");

    rotate(&server, &id, json!({})).await.expect(200);
    let known = rotate(&server, &id, json!({ "overlap_hours": 0 })).await.expect(200).json();
    let heard = news(&server, &receiver, "e").await;
    assert_eq!(fitting(&heard, known["secret"].as_str().unwrap()), (1, 1), "both of before ended at once");

    let seq = known["receipt"]["entries"][0]["seq"].as_u64().unwrap();
    let told = String::from_utf8(server.app.store.entry(seq).await.unwrap().unwrap().bytes).unwrap();
    assert!(told.contains("webhook.rotated") && !told.contains("whsec_"), "{told}");
    let listed = server.get("/api/v1/webhooks").as_role(Role::Administrator).await.send().await.expect(200);
    assert!(!String::from_utf8(listed.body).unwrap().contains("whsec_"), "shown once, never listed");
    assert_clean(&faults(&server.app).await);
}

/// Every file of the data folder but evidence, as one heap of bytes.
fn files_hold(folder: &std::path::Path, needle: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files
        .filter(|path| {
            let bytes = std::fs::read(path).unwrap();
            bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
        })
        .map(|path| path.display().to_string())
        .collect()
}

async fn secrets_of_an_earlier_release_are_sealed_and_still_sign(engine: Engine) {
    let (server, clock) = server(engine).await;
    let receiver = Receiver::start(&[]).await;
    let url = format!("{}?token=open-sesame", receiver.url);
    let (id, secret) = register(&server, &url, &["model.registered"]).await;
    let core = &secret["whsec_".len()..];
    for needle in [core, "open-sesame"] {
        assert_eq!(files_hold(server.dir(), needle), Vec::<String>::new(), "nothing plain is ever written");
    }
    // As an earlier release left it.
    let plain = format!("UPDATE webhook SET url = '{url}', secret = '{secret}' WHERE id = '{id}'");
    tamper(&server.app, &plain).await;
    if server.database_url().is_none() {
        assert!(!files_hold(server.dir(), core).is_empty() && !files_hold(server.dir(), "open-sesame").is_empty());
    }
    let after = another_at(&server, clock.clone()).await.unwrap();
    let stored = &after.store.webhook_addresses().await.unwrap()[0];
    assert!(stored.secret.starts_with("sealed:1:") && stored.url.starts_with("sealed:1:"));
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    assert_eq!(webhooks::turn(&after).await.unwrap(), 1);
    assert_eq!(fitting(&receiver.heard()[0], &secret), (1, 1), "the receiver's secret is the same");
    for needle in [core, "open-sesame"] {
        assert_eq!(files_hold(server.dir(), needle), Vec::<String>::new(), "nor is anything left in the files");
    }
    let again = another_at(&server, clock).await.unwrap();
    let kept = &again.store.webhook_addresses().await.unwrap()[0];
    assert_eq!((&kept.secret, &kept.url), (&stored.secret, &stored.url), "sealed once");

    // A sealed secret of another endpoint, or of another server, signs nothing: it is given up and said.
    let (other, _) = register(&server, &receiver.url, &["model.registered"]).await;
    tamper(&server.app, &format!("UPDATE webhook SET secret = '{}' WHERE id = '{other}'", kept.secret)).await;
    steps::register_model(&server, "debit", "unregulated").await.expect(201);
    webhooks::turn(&server.app).await.unwrap();
    let dead = deliveries(&server, &other, "dead").await;
    assert!(dead[0]["error"].as_str().unwrap().contains("cannot be opened with this server's key"), "{dead:?}");
    assert_eq!(receiver.heard().len(), 2, "only the other endpoint's message went out");
}
