//! From an input to every version made of it and whom it reached: page, API, and the lineage page that leads there.

use std::sync::Arc;

use countersign::{
    clock::{Clock as _, ManualClock},
    fsck,
};
use domain::account::Role;
use ledger::Timestamp;
use serde_json::{Value, json};

use crate::{
    assert_problem,
    browser::Browser,
    common::{Answer, COMMIT, DATA_VERSION, Engine, Setup, TestServer, digest, lineage},
    steps,
};

async fn ask(server: &TestServer, query: &str) -> Answer {
    server.get(&format!("/api/v1/lineage?{query}")).as_role(Role::Auditor).await.send().await
}

async fn found(server: &TestServer, query: &str) -> Vec<u64> {
    let answer = ask(server, query).await.expect(200).json();
    let versions = answer["versions"].as_array().unwrap();
    assert_eq!(answer["total"].as_u64().unwrap(), versions.len() as u64);
    versions.iter().map(|version| version["version"].as_u64().unwrap()).collect()
}

/// Version 1 gave the US to version 2, which was made from it; version 3 was made from 2, of another partition, and serves nobody.
async fn three_versions(engine: Engine) -> (TestServer, Arc<ManualClock>) {
    let start: Timestamp = "2026-03-02T09:00:00.000000Z".parse().unwrap();
    let clock = Arc::new(ManualClock::new(start));
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(engine) }).await;
    let first = steps::prepared(&server, "streamrec", "unregulated").await;
    steps::walk_to_canary(&server, &clock, &first).await;
    steps::promote(&server, &clock, &first).await;
    steps::roll_out(&server, &clock, "streamrec", 1).await;
    clock.set(clock.now().plus_days(1));
    let mut child = lineage();
    child["parents"] = json!([1]);
    let second = steps::register_version(&server, "streamrec", &child).await;
    steps::attach_all(&server, &second).await;
    steps::walk_to_canary(&server, &clock, &second).await;
    steps::promote(&server, &clock, &second).await;
    steps::roll_out(&server, &clock, "streamrec", 2).await;
    child["parents"] = json!([2]);
    child["data"]["version"] = json!("2030-01-01");
    child["features"]["names"] = json!(["income", "brand_new"]);
    steps::register_version(&server, "streamrec", &child).await;
    (server, clock)
}

async fn assert_agrees(server: &TestServer) {
    let checked = fsck::check(&server.app.store, &server.app.blobs, server.app.key.verifier(), None).await.unwrap();
    assert_eq!(checked.faults, []);
}

#[tokio::test]
async fn a_partition_leads_to_the_versions_made_of_it_and_to_the_users_whom_they_answer() {
    for engine in Engine::available() {
        let (server, _) = three_versions(engine).await;
        let dataset = lineage()["data"]["dataset"].as_str().unwrap().to_owned();
        let partition = format!("what=partition&value={dataset}&part={DATA_VERSION}");
        assert_eq!(found(&server, &partition).await, [2, 1]);
        assert_eq!(found(&server, &format!("what=dataset&value={dataset}")).await, [3, 2, 1]);
        assert_eq!(found(&server, &format!("{partition}&served=now")).await, [2], "1 gave its place to 2");
        assert_eq!(found(&server, &format!("{partition}&served=ever")).await, [2, 1]);
        assert_eq!(found(&server, &format!("what=dataset&value={dataset}&served=ever")).await, [2, 1]);
        assert_eq!(found(&server, "what=feature&value=brand_new").await, [3]);
        assert_eq!(found(&server, &format!("what=commit&value={}", &COMMIT[..7])).await, [3, 2, 1]);
        assert_eq!(found(&server, &format!("what=weights&value={}", digest('c'))).await, [3, 2, 1]);
        assert_eq!(found(&server, "what=parent&value=1&part=streamrec").await, [2]);
        assert_eq!(found(&server, "what=parent&value=1&part=other").await, Vec::<u64>::new());
        assert_eq!(found(&server, "what=feature&value=BRAND_NEW").await, Vec::<u64>::new());

        let answer = ask(&server, &partition).await.expect(200).json();
        let (two, one) = (&answer["versions"][0], &answer["versions"][1]);
        assert_eq!((&two["serves"][0]["market"], &two["serves"][0]["percent"]), (&json!("US"), &json!(100)));
        assert_eq!(two["served"], json!([]));
        let past = &one["served"][0];
        assert_eq!((&past["percent"], &past["peak"], &past["market"]), (&json!(0), &json!(100), &json!("US")));
        let began = two["serves"][0]["entry"].as_u64().unwrap();
        assert!(past["entry"].as_u64().unwrap() < began && past["until_entry"].as_u64().unwrap() > began, "{past}");

        // The kill switch takes everybody away, and that is told at once.
        let kill = json!({ "to": "fallback", "reason": "A regulator called." });
        let call = server.post("/api/v1/rollouts/streamrec/US/kill").json(&kill).as_role(Role::Administrator).await;
        call.send().await.expect(200);
        assert_eq!(found(&server, &format!("{partition}&served=now")).await, Vec::<u64>::new());
        assert_agrees(&server).await;
        fsck::rebuild(&server.app.store).await.unwrap();
        assert_eq!(found(&server, &format!("{partition}&served=ever")).await, [2, 1]);
        assert_agrees(&server).await;
    }
}

#[tokio::test]
async fn an_amended_lineage_is_found_by_what_it_says_now() {
    for engine in Engine::available() {
        let server = TestServer::start_on(engine).await;
        let version = steps::prepared(&server, "credit", "unregulated").await;
        let mut amended = lineage();
        amended["features"]["names"] = json!(["debt"]);
        let body = json!({ "lineage": amended, "reason": "A name was wrong." });
        let call = server.put(&format!("{version}/lineage")).json(&body).as_role(Role::DataScientist).await;
        call.send().await.expect(200);
        assert_eq!(found(&server, "what=feature&value=debt").await, [1]);
        let before = lineage()["features"]["names"][0].as_str().unwrap().to_owned();
        assert_eq!(found(&server, &format!("what=feature&value={before}")).await, Vec::<u64>::new());
        assert_agrees(&server).await;
    }
}

#[tokio::test]
async fn what_cannot_be_looked_for_is_refused_and_a_stranger_learns_nothing() {
    let server = TestServer::start_on(Engine::Sqlite).await;
    for (query, part) in [
        ("what=colour&value=red", "kind of input"),
        ("what=feature&value=", "State what to look for"),
        ("what=partition&value=loans", "State the partition too"),
        ("what=commit&value=abc", "at least 7 hexadecimal digits"),
        ("what=parent&value=one&part=credit", "parent's number"),
        ("what=feature&value=x&served=sometimes", "any, now or ever"),
    ] {
        let detail = assert_problem(&ask(&server, query).await, 400, "request.readable");
        assert!(detail.contains(part), "{query}: {detail}");
    }
    assert_eq!(server.get("/api/v1/lineage?what=feature&value=x").send().await.status, 401);
}

#[tokio::test]
async fn pages_lead_from_a_version_to_its_children_and_from_each_input_to_what_was_made_of_it() {
    let (server, _) = three_versions(Engine::Sqlite).await;
    let browser = Browser::of(&server, Role::Auditor).await;
    let page = browser.get("/models/streamrec/versions/2/lineage").await;
    for part in [
        "Versions made from it",
        "href=\"/models/streamrec/versions/3/lineage\"",
        "href=\"/models/streamrec/versions/1\"",
        "/lineage?what=partition&amp;value=",
        "/lineage?what=commit&amp;value=",
        "/lineage?what=feature&amp;value=",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let page = browser.get("/models/streamrec/versions/3/lineage").await;
    assert!(page.contains("No version names this one as a parent."));

    let dataset = lineage()["data"]["dataset"].as_str().unwrap().to_owned();
    let page = browser.get("/lineage").await;
    assert!(page.contains(&format!("/lineage?what=dataset&amp;value={dataset}")), "{page}");
    let page = browser.get(&format!("/lineage?what=partition&value={dataset}&part={DATA_VERSION}")).await;
    for part in [
        "2 versions made of it",
        "Dataset loans at 2026-10-01",
        "streamrec v2",
        "100 % of users",
        "up to 100 % of users",
        "1 answers users now",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let page = browser.get("/lineage?what=feature&value=unheard_of").await;
    assert!(page.contains("No version matches"));
    let refused = browser.post("/lineage", &[]).await;
    assert_eq!(refused.status, 405);
    let token = server.token(Role::Auditor).await;
    drop(token);
    let wrong = server.app.sign_in(&TestServer::email(Role::Auditor), crate::common::PASSWORD, "test").await.unwrap().1;
    let cookie = format!("countersign_session={wrong}");
    let answer = server.get("/lineage?what=partition&value=loans").header("cookie", &cookie).send().await;
    assert_eq!(answer.status, 422);
    assert!(String::from_utf8(answer.body).unwrap().contains("State the partition too"));
}

#[tokio::test]
async fn pages_of_versions_are_walked_without_a_gap() {
    let server = TestServer::start_on(Engine::Sqlite).await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    for _ in 0..7 {
        steps::register_version(&server, "credit", &lineage()).await;
    }
    let mut seen: Vec<u64> = Vec::new();
    loop {
        let query = format!("what=commit&value={COMMIT}&limit=3&after={}", seen.len());
        let page: Value = ask(&server, &query).await.expect(200).json();
        assert_eq!(page["total"], 7);
        let versions = page["versions"].as_array().unwrap();
        if versions.is_empty() {
            break;
        }
        seen.extend(versions.iter().map(|version| version["version"].as_u64().unwrap()));
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
}
