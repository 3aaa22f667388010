//! Model risk management through the API: a committee's vote, waivers, the inventory, attestations, and a market that
//! a policy file alone adds.

use std::sync::Arc;

use countersign::clock::{Clock as _, ManualClock};
use domain::{account::Role, policy::DEFAULT_POLICY};
use ledger::Timestamp;
use serde_json::{Value, json};

use crate::{
    assert_problem,
    common::{Engine, PASSWORD, Setup, TestServer, digest, lineage, start},
    steps,
};

pub fn monday() -> Arc<ManualClock> {
    Arc::new(ManualClock::new("2026-11-02T09:00:00.000000Z".parse::<Timestamp>().unwrap()))
}

async fn with_clock(engine: Engine) -> (TestServer, Arc<ManualClock>) {
    let clock = monday();
    (TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(engine) }).await, clock)
}

async fn adopt(server: &TestServer, toml: &str) -> crate::common::Answer {
    server
        .post("/api/v1/policy")
        .json(&json!({ "toml": toml, "password": PASSWORD }))
        .as_role(Role::Administrator)
        .await
        .send()
        .await
}

async fn get(server: &TestServer, path: &str) -> Value {
    server.get(path).as_role(Role::Auditor).await.send().await.expect(200).json()
}

async fn fsck_is_clean(server: &TestServer) {
    let app = &server.app;
    let outcome = countersign::fsck::check(&app.store, &app.blobs, app.key.verifier(), None).await.unwrap();
    assert_eq!(outcome.faults, [], "the views say what the entries say");
}

/// Two members of the committee, one more than the role's own account.
async fn seat_the_committee(server: &TestServer) {
    server.account(Role::RiskCommittee).await;
    server.colleague(Role::RiskCommittee).await;
}

const JAPAN: &str = r#"
[markets.JP]
title = "Japan"
min_shadow_days = 10
min_canary_days = 5
standby_days = 21
[[markets.JP.sign_offs.canary]]
role = "privacy_officer"
meaning = "I reviewed the handling of personal information under the APPI and approve it."
[[markets.JP.sign_offs.production]]
role = "mrm_validator"
meaning = "I reviewed the canary results in Japan and approve full service."
"#;

#[tokio::test]
async fn a_policy_file_adds_a_third_market_without_code() {
    let (server, clock) = with_clock(Engine::Sqlite).await;
    let mut model = crate::common::model("recommender");
    model["markets"] = json!(["US", "JP"]);
    let early = server.post("/api/v1/models").json(&model).as_role(Role::DataScientist).await.send().await;
    let detail = assert_problem(&early, 422, "input.valid");
    assert!(detail.contains("no market JP"), "{detail}");

    let toml = format!("{DEFAULT_POLICY}\n{JAPAN}");
    let call = server.post("/api/v1/policy/check").json(&json!({ "toml": toml })).as_role(Role::Auditor).await;
    let looked = call.send().await.expect(200).json();
    assert_eq!(looked["error"], Value::Null);
    assert_eq!(looked["changes"][0]["path"], "markets.JP.min_canary_days", "numbers first");
    adopt(&server, &toml).await.expect(200);
    server.post("/api/v1/models").json(&model).as_role(Role::DataScientist).await.send().await.expect(201);

    let version = steps::register_version(&server, "recommender", &lineage()).await;
    steps::attach_all(&server, &version).await;
    steps::request(&server, &version, "staging", None).await.expect(201);
    steps::request(&server, &version, "shadow", Some("JP")).await.expect(201);
    clock.set(clock.now().plus_hours(239));
    steps::attach_for(&server, &version, "shadow", "JP").await.expect(201);
    let asked = steps::request(&server, &version, "canary", Some("JP")).await.expect(201).json();
    assert_eq!(asked["entries"].as_array().unwrap().len(), 1, "an hour and a signature are missing");
    let missing = get(&server, &format!("{version}/requirements?to=canary&market=JP")).await;
    let unmet: Vec<&str> = missing["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|requirement| requirement["met"] == false)
        .map(|requirement| requirement["rule"].as_str().unwrap())
        .collect();
    assert_eq!(unmet, ["stage.minimum_time", "sign_off.privacy_officer"]);
    clock.set(clock.now().plus_hours(1));
    let meaning = "I reviewed the handling of personal information under the APPI and approve it.";
    let signed = steps::sign(&server, &version, 3, Role::PrivacyOfficer, meaning).await.expect(200).json();
    assert_eq!(signed["entries"][1]["event"], "stage.transitioned");

    clock.set(clock.now().plus_days(5));
    steps::attach_for(&server, &version, "canary", "JP").await.expect(201);
    steps::request(&server, &version, "production", Some("JP")).await.expect(201);
    let meaning = "I reviewed the canary results in Japan and approve full service.";
    steps::sign(&server, &version, 4, Role::MrmValidator, meaning).await.expect(200);
    let model = get(&server, "/api/v1/models/recommender").await;
    assert_eq!(model["champions"]["JP"]["version"], 1);
    assert_eq!(model["champions"].as_object().unwrap().len(), 1, "the US track has not begun");
    fsck_is_clean(&server).await;
}

#[tokio::test]
async fn versions_of_the_policy_are_listed_shown_and_compared() {
    let server = start().await;
    let changed = DEFAULT_POLICY
        .replace("evidence_days = 90", "evidence_days = 60")
        .replace("title = \"European Union\"", "title = \"EU and EEA\"");
    adopt(&server, &changed).await.expect(200);
    let versions = get(&server, "/api/v1/policy/versions").await;
    assert_eq!(versions.as_array().unwrap().len(), 2);
    assert_eq!((&versions[0]["version"], &versions[1]["version"]), (&json!(2), &json!(1)));
    let diff = get(&server, "/api/v1/policy/diff?a=1&b=2").await;
    assert_eq!(diff[0], json!({ "path": "limits.evidence_days", "before": "90", "after": "60", "is_number": true }));
    assert_eq!(diff[1]["path"], "markets.EU.title");
    assert_eq!(get(&server, "/api/v1/policy/versions/1").await["toml"], DEFAULT_POLICY);
    let none = server.get("/api/v1/policy/diff?a=1&b=9").as_role(Role::Auditor).await.send().await;
    assert_problem(&none, 404, "subject.exists");
    let broken = DEFAULT_POLICY.replacen("min_shadow_days = 7", "min_shadow_days = seven", 1);
    let answer = adopt(&server, &broken).await;
    let detail = assert_problem(&answer, 422, "input.valid");
    assert!(detail.contains("line "), "{detail}");
    let not_mine = server.post("/api/v1/policy").json(&json!({ "toml": DEFAULT_POLICY }));
    assert_problem(&not_mine.as_role(Role::MrmValidator).await.send().await, 403, "access.role");
}

/// A regulated version in Canary in the US whose request for Production waits for the committee alone.
pub async fn before_the_committee(server: &TestServer, clock: &ManualClock) -> String {
    seat_the_committee(server).await;
    let version = steps::signable(server, "credit").await;
    let package = steps::package(server, &version, 1).await;
    let call = server.post(&format!("{version}/promotions/1/sign")).json(&steps::signature(&package, PASSWORD));
    call.as_role(Role::MrmValidator).await.send().await.expect(200);
    steps::request(server, &version, "shadow", Some("US")).await.expect(201);
    clock.set(clock.now().plus_days(7));
    steps::attach_for(server, &version, "shadow", "US").await.expect(201);
    steps::request(server, &version, "canary", Some("US")).await.expect(201);
    clock.set(clock.now().plus_days(3));
    steps::attach_for(server, &version, "canary", "US").await.expect(201);
    steps::request(server, &version, "production", Some("US")).await.expect(201);
    version
}

async fn the_committee_votes(engine: Engine) {
    let (server, clock) = with_clock(engine).await;
    let version = before_the_committee(&server, &clock).await;
    let judged = get(&server, &format!("{version}/materiality?market=US")).await;
    assert_eq!((&judged["in_force"], &judged["basis"]), (&json!("material"), &json!("request")));
    let address = format!("{version}/promotions/4/committee");
    let committee = get(&server, &address).await;
    assert_eq!(committee["committee"]["members"].as_array().unwrap().len(), 2, "frozen with the request");
    let vote =
        |voice: &str, password: &str| json!({ "password": password, "voice": voice, "package": committee["package"] });
    let path = format!("{version}/promotions/4/vote");
    let wrong = server.post(&path).json(&vote("approve", "not the password")).as_role(Role::RiskCommittee).await;
    assert_problem(&wrong.send().await, 403, "signing.reauthentication");
    let other = server.post(&path).json(&vote("approve", PASSWORD)).as_role(Role::MrmValidator).await;
    assert_problem(&other.send().await, 403, "access.role");
    let first = server.post(&path).json(&vote("approve", PASSWORD)).as_role(Role::RiskCommittee).await;
    assert_eq!(first.send().await.expect(200).json()["entries"].as_array().unwrap().len(), 1);
    assert_eq!(get(&server, &address).await["tally"]["approve"], 1);
    let second = server.post(&path).json(&vote("approve", PASSWORD)).as_colleague(Role::RiskCommittee).await;
    let receipt = second.send().await.expect(200).json();
    assert_eq!(receipt["entries"][1]["event"], "stage.transitioned");
    let listed = get(&server, "/api/v1/models?status=in_use").await;
    assert_eq!((&listed["total"], &listed["models"][0]["status"]), (&json!(1), &json!("in_use")));
    assert!(listed["models"][0]["next_validation"].is_string(), "tier 3 is due in three years: {listed}");
    fsck_is_clean(&server).await;
}

#[tokio::test]
async fn a_committee_carries_a_promotion_on_sqlite() {
    the_committee_votes(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_committee_carries_a_promotion_on_postgres() {
    if Engine::available().contains(&Engine::Postgres) {
        the_committee_votes(Engine::Postgres).await;
    }
}

#[tokio::test]
async fn a_committee_of_one_is_refused_with_who_can_mend_it() {
    let (server, clock) = with_clock(Engine::Sqlite).await;
    let version = before_the_committee(&server, &clock).await;
    let call = server.post(&format!("{version}/promotions/4/withdraw"));
    call.as_colleague(Role::DataScientist).await.send().await.expect(200);
    let (second, _) = server.colleague(Role::RiskCommittee).await;
    let call = server.post(&format!("/api/v1/accounts/{second}/disable"));
    call.as_role(Role::Administrator).await.send().await.expect(200);
    let answer = steps::request(&server, &version, "production", Some("US")).await;
    assert_problem(&answer, 422, "committee.quorum");
    assert_eq!(answer.json()["missing"][0]["supplier"], "administrator");
}

#[tokio::test]
async fn a_waiver_covers_a_finding_until_it_expires() {
    let (server, clock) = with_clock(Engine::Sqlite).await;
    let version = steps::signable(&server, "credit").await;
    let (asker, _) = server.colleague(Role::DataScientist).await;
    let finding = json!({
        "severity": "critical", "title": "Leaks the label", "description": "A feature is computed later.",
        "due_at": clock.now().plus_days(30),
    });
    let call = server.post(&format!("{version}/findings")).json(&finding);
    call.as_role(Role::MrmValidator).await.send().await.expect(201);
    let waiver = |days: i64| {
        json!({
            "covers": { "finding": 1 }, "control": "Each decline is read by a person.", "reason": "Being mended.",
            "requested_by": asker, "expires_at": clock.now().plus_days(days), "password": PASSWORD,
        })
    };
    let path = format!("{version}/waivers");
    let low = server.post(&path).json(&waiver(10)).as_role(Role::MrmValidator).await.send().await;
    assert_problem(&low, 403, "waiver.approver");
    let long = server.post(&path).json(&waiver(91)).as_role(Role::RiskCommittee).await.send().await;
    assert_problem(&long, 422, "input.valid");
    server.post(&path).json(&waiver(10)).as_role(Role::RiskCommittee).await.send().await.expect(201);
    let findings = async || {
        let all = get(&server, &format!("{version}/requirements")).await;
        all["requirements"].as_array().unwrap().iter().find(|r| r["rule"] == "findings.closed").unwrap().clone()
    };
    let told = findings().await;
    assert_eq!(told["met"], true);
    assert!(told["details"][0].as_str().unwrap().contains("Waived until 2026-11-12"), "{told}");
    assert_eq!(get(&server, "/api/v1/models?exceptions=true").await["models"][0]["exceptions"], 1);
    clock.set(clock.now().plus_days(10));
    assert_eq!(findings().await["met"], false, "the gate shut by itself");
    assert_eq!(get(&server, "/api/v1/models?exceptions=true").await["total"], 0);
    fsck_is_clean(&server).await;
}

#[tokio::test]
async fn a_model_is_tiered_described_handed_over_and_retired() {
    let server = start().await;
    steps::register_model(&server, "credit", "sr-26-2").await.expect(201);
    let tier = json!({ "exposure": "large", "purpose": "regulatory", "reason": "Capital rests on it." });
    let put = |path: &str, body: &Value| server.put(&format!("/api/v1/models/credit/{path}")).json(body);
    put("tier", &tier).as_role(Role::MrmValidator).await.send().await.expect(200);
    let card = json!({ "restrictions": "Not for pricing.", "inputs": "Applications", "reason": "Review" });
    put("inventory", &card).as_role(Role::DataScientist).await.send().await.expect(200);
    let (owner, _) = server.colleague(Role::DataScientist).await;
    let hand = json!({ "owner": owner, "reason": "A new desk." });
    put("owner", &hand).as_role(Role::DataScientist).await.send().await.expect(200);
    let model = get(&server, "/api/v1/models/credit").await;
    assert_eq!((&model["tier"], &model["owner"]), (&json!("1"), &json!(owner)));
    assert_eq!(model["card"]["restrictions"], "Not for pricing.");
    let mine = get(&server, &format!("/api/v1/models?owner={owner}&tier=1")).await;
    assert_eq!(mine["total"], 1, "the list follows tier and owner");
    let retire = server.post("/api/v1/models/credit/retire").json(&json!({ "reason": "Gone." }));
    retire.as_role(Role::MrmValidator).await.send().await.expect(200);
    let body = json!({ "lineage": lineage() });
    let call = server.post("/api/v1/models/credit/versions").json(&body).as_role(Role::DataScientist).await;
    assert_problem(&call.send().await, 422, "model.retired");
    assert_eq!(get(&server, "/api/v1/models?status=retired").await["total"], 1);
    fsck_is_clean(&server).await;
}

#[tokio::test]
async fn owners_attest_or_object_and_their_inbox_follows_the_owner() {
    let server = start().await;
    for name in ["credit", "recommender"] {
        steps::register_model(&server, name, "unregulated").await.expect(201);
    }
    let campaign = json!({
        "title": "Inventory 2026", "statement": "What the inventory says is right.",
        "due_at": server.app.clock.now().plus_days(30),
    });
    let call = server.post("/api/v1/campaigns").json(&campaign).as_role(Role::MrmValidator).await;
    call.send().await.expect(201);
    let (second, _) = server.colleague(Role::DataScientist).await;
    let first = server.account(Role::DataScientist).await;
    let waiting = async |account: &domain::AccountId| {
        let now = server.app.clock.now();
        server.app.store.count_work(&[account.to_string()], now).await.unwrap()
    };
    assert_eq!((waiting(&first).await, waiting(&second).await), (2, 0));
    let hand = json!({ "owner": second, "reason": "A new desk." });
    let call = server.put("/api/v1/models/recommender/owner").json(&hand).as_role(Role::DataScientist).await;
    call.send().await.expect(200);
    assert_eq!((waiting(&first).await, waiting(&second).await), (1, 1), "the model's owner is asked");
    let attest = |model: &str, holds: bool, comment: &str| {
        let body = json!({ "password": PASSWORD, "model": model, "holds": holds, "comment": comment });
        server.post("/api/v1/campaigns/1/attest").json(&body)
    };
    let late = attest("recommender", true, "").as_role(Role::DataScientist).await.send().await;
    assert_problem(&late, 403, "attestation.owner");
    attest("recommender", false, "Its inputs changed.")
        .as_colleague(Role::DataScientist)
        .await
        .send()
        .await
        .expect(200);
    attest("credit", true, "").as_role(Role::DataScientist).await.send().await.expect(200);
    assert_eq!((waiting(&first).await, waiting(&second).await), (0, 0));
    let list = get(&server, "/api/v1/campaigns").await;
    assert_eq!((&list[0]["given"], &list[0]["objections"]), (&json!(2), &json!(1)));
    fsck_is_clean(&server).await;
}

#[tokio::test]
async fn a_change_of_policy_moves_what_is_due() {
    let (server, clock) = with_clock(Engine::Sqlite).await;
    let version = before_the_committee(&server, &clock).await;
    for member in [false, true] {
        let package = get(&server, &format!("{version}/promotions/4/committee")).await["package"].clone();
        let body = json!({ "password": PASSWORD, "voice": "approve", "package": package });
        let call = server.post(&format!("{version}/promotions/4/vote")).json(&body);
        let call =
            if member { call.as_colleague(Role::RiskCommittee).await } else { call.as_role(Role::RiskCommittee).await };
        call.send().await.expect(200);
    }
    let due = async || get(&server, "/api/v1/models/credit").await["last_validation"]["at"].clone();
    let listed = async || get(&server, "/api/v1/models").await["models"][0]["next_validation"].clone();
    let before = listed().await;
    assert!(due().await.is_string() && before.is_string());
    adopt(&server, &DEFAULT_POLICY.replace("3 = 1095", "3 = 15")).await.expect(200);
    assert_ne!(listed().await, before);
    clock.set(clock.now().plus_days(10));
    assert_eq!(get(&server, "/api/v1/models?due=revalidation").await["total"], 1, "it is overdue now");
    fsck_is_clean(&server).await;
}

#[tokio::test]
async fn a_stranger_neither_withdraws_nor_archives() {
    let server = start().await;
    let version = steps::signable(&server, "credit").await;
    let stranger = server.add_account(Role::DataScientist, "Sven", "sven@bank.example", "marketing").await;
    let scopes = domain::account::Scope::ALL;
    let token = server.issue(&stranger, &scopes, server.app.clock.now().plus_days(1)).await.token;
    let withdraw = server.post(&format!("{version}/promotions/1/withdraw")).bearer(&token).send().await;
    let detail = assert_problem(&withdraw, 403, "version.own_side");
    assert!(detail.contains("whoever asked for it"), "{detail}");
    let archive = server.post(&format!("{version}/archive")).json(&json!({ "reason": "Not mine." })).bearer(&token);
    assert_problem(&archive.send().await, 403, "version.own_side");
    let own = json!({ "to": "staging" });
    let other = steps::register_version(&server, "credit", &{
        let mut lineage = lineage();
        lineage["model"]["weights_digest"] = json!(digest('e'));
        lineage
    })
    .await;
    let call = server.post(&format!("{other}/promotions")).json(&own).as_role(Role::DataScientist).await;
    assert_problem(&call.send().await, 403, "promotion.four_eyes");
}

#[tokio::test]
async fn a_market_is_opened_to_a_registered_model_and_its_gates_stand_there() {
    let (server, _) = with_clock(Engine::Sqlite).await;
    let mut model = crate::common::model("recommender");
    model["markets"] = json!(["US"]);
    server.post("/api/v1/models").json(&model).as_role(Role::DataScientist).await.send().await.expect(201);
    let version = steps::register_version(&server, "recommender", &lineage()).await;
    steps::attach_all(&server, &version).await;
    steps::request(&server, &version, "staging", None).await.expect(201);
    let before = steps::request(&server, &version, "shadow", Some("EU")).await;
    assert!(assert_problem(&before, 422, "market.known").contains("its markets are US"));

    let path = "/api/v1/models/recommender/markets";
    let add = |market: &str, reason: &str| server.post(path).json(&json!({ "market": market, "reason": reason }));
    assert_problem(&add("EU", "Launch.").as_role(Role::Service).await.send().await, 403, "access.role");
    let stranger = server.add_account(Role::DataScientist, "Sven", "sven@bank.example", "marketing").await;
    let token = server.issue(&stranger, &domain::account::Scope::ALL, server.app.clock.now().plus_days(1)).await.token;
    assert_problem(&add("EU", "Launch.").bearer(&token).send().await, 403, "inventory.own_side");
    let unknown = add("MARS", "Launch.").as_role(Role::DataScientist).await.send().await;
    assert!(assert_problem(&unknown, 422, "input.valid").contains("no market MARS"));
    assert_problem(&add("EU", " ").as_role(Role::DataScientist).await.send().await, 422, "input.valid");

    let receipt = add("EU", "Launch in the autumn.").as_role(Role::DataScientist).await.send().await.expect(201);
    assert_eq!(receipt.json()["entries"][0]["event"], "model.market_added");
    assert_eq!(get(&server, "/api/v1/models/recommender").await["markets"], json!(["US", "EU"]));
    assert_eq!(get(&server, "/api/v1/models?market=EU").await["total"], 1, "the list follows");
    assert_problem(&add("EU", "Again.").as_role(Role::MrmValidator).await.send().await, 409, "market.added");
    steps::request(&server, &version, "shadow", Some("EU")).await.expect(201);
    let missing = get(&server, &format!("{version}/requirements?to=canary&market=EU")).await;
    let rules: Vec<&str> =
        missing["requirements"].as_array().unwrap().iter().map(|r| r["rule"].as_str().unwrap()).collect();
    for rule in ["privacy.dpia", "sign_off.mrm_validator", "sign_off.privacy_officer"] {
        assert!(rules.contains(&rule), "{rule} is asked in the EU: {rules:?}");
    }
    fsck_is_clean(&server).await;
}
