//! An examiner comes seven years later. Time has done its work meanwhile: champions were replaced, policies adopted,
//! waivers, tokens and assessments ran out, people left and had their data erased. What was true then can still be told,
//! and shown to be what was sealed then.

use std::{process::Output, time::Instant};

use countersign::{
    clock::{Clock as _, ManualClock},
    clockwork,
    reports::worker,
};
use domain::{account::Role, policy::DEFAULT_POLICY};
use ledger::{
    Checkpoint, Digest, SigningKey, Timestamp, TlogProof, VerifierKey, merkle::leaf_hash, verify_consistency,
    verify_inclusion,
};
use serde_json::{Value, json};

use crate::{
    common::{Engine, PASSWORD, TestServer, digest, lineage, model},
    on_each_engine,
    scene::{
        at, attach_results, champion, countersign, export, latest_request, post, put, read, refused, said,
        the_committee_approves, verify, wait_days,
    },
    steps,
};

on_each_engine!(an_examiner_visits_seven_years_later);

const START: &str = "2026-03-02T09:00:00.000000Z";
const YEARS: i64 = 7;
const FIRST: &str = "/api/v1/models/credit/versions/1";
const SECOND: &str = "/api/v1/models/credit/versions/2";
const APPROVED: &str = "I advised on this assessment, consider the remaining risk acceptable, and approve the processing that it describes.";

async fn an_examiner_visits_seven_years_later(engine: Engine) {
    let (server, clock) = at(engine, START).await;
    server.account(Role::RiskCommittee).await;
    server.colleague(Role::RiskCommittee).await;
    a_regulated_model_is_registered(&server).await;
    a_version_walks_the_whole_way(&server, &clock, FIRST).await;
    what_will_run_out_is_put_in_place(&server, &clock).await;
    let then = clock.now();
    let kept = what_a_careful_auditor_keeps(&server).await;
    let old_token = server.token(Role::Auditor).await;

    years_pass(&server, &clock, 1).await;
    another_policy_is_adopted_and_another_version_serves(&server, &clock).await;
    let between = clock.now();
    somebody_asked_for_a_person_and_is_erased(&server, &clock).await;
    the_validator_leaves_and_is_erased(&server).await;
    years_pass(&server, &clock, YEARS - 1).await;

    what_ran_out_is_shut(&server, &old_token).await;
    the_examiner_asks_as_of_then(&server, then, between).await;
    the_examiner_takes_an_extract(&server, then).await;
    what_was_kept_proves_that_nothing_was_rewritten(&server, &kept).await;
    a_tampered_export_is_found(&server).await;
}

async fn a_regulated_model_is_registered(server: &TestServer) {
    let mut body = model("credit");
    body["profile"] = json!("sr-11-7");
    body["tier"] = json!("1");
    post(server, Role::DataScientist, "/models", &body).await.expect(201);
    let weekly = json!({ "schedule": "0 2 * * 1" });
    put(server, Role::DataScientist, "/models/credit/triggers", &weekly).await.expect(200);
}

/// From registration to champion of the US, with validation, signature, committee and rollout.
async fn a_version_walks_the_whole_way(server: &TestServer, clock: &ManualClock, version: &str) {
    let number: u32 = version.rsplit('/').next().unwrap().parse().unwrap();
    let mut made_from = lineage();
    // Another architecture each time, so that each is a material change.
    made_from["model"]["architecture"] = json!(format!("gradient-boosted trees, kind {number}"));
    let registered = steps::register_version(server, "credit", &made_from).await;
    assert_eq!(registered, version);
    steps::attach_all(server, version).await;
    steps::request(server, version, "staging", None).await.expect(201);
    steps::validate(server, version).await.expect(200);
    let request = latest_request(server, version).await;
    steps::sign(server, version, request, Role::MrmValidator, steps::MEANING).await.expect(200);
    steps::request(server, version, "shadow", Some("US")).await.expect(201);
    for (path, to, days) in [("shadow", "canary", 7), ("canary", "production", 3)] {
        wait_days(server, clock, days).await;
        attach_results(server, version, path, "US").await;
        steps::request(server, version, to, Some("US")).await.expect(201);
    }
    let request = latest_request(server, version).await;
    the_committee_approves(server, version, request).await;
    for _ in 0..4 {
        wait_days(server, clock, 1).await;
        steps::observe(server, clock, "credit/US", number, 0.001).await.expect(200);
    }
    assert_eq!(champion(server, "credit", "US").await, Some(number.into()));
}

/// A waiver, an assessment with a review date.
async fn what_will_run_out_is_put_in_place(server: &TestServer, clock: &ManualClock) {
    let finding = json!({
        "severity": "high", "title": "Few thin files", "description": "The sample holds few of them.",
        "due_at": clock.now().plus_days(80),
    });
    server.post(&format!("{FIRST}/findings")).json(&finding).as_role(Role::MrmValidator).await.send().await.expect(201);
    let (asker, _) = server.colleague(Role::DataScientist).await;
    let waiver = json!({
        "covers": { "finding": 1 }, "control": "Thin files are read by a person.", "reason": "More are gathered.",
        "requested_by": asker, "expires_at": clock.now().plus_days(60), "password": crate::common::PASSWORD,
    });
    let call = server.post(&format!("{FIRST}/waivers")).json(&waiver).as_role(Role::RiskCommittee).await;
    call.send().await.expect(201);
    assert_eq!(read(server, "/models?exceptions=true").await["total"], 1);
    an_assessment_is_approved(server).await;
    assert_eq!(read(server, "/dpias").await["assessments"][0]["in_force"], true);
}

async fn an_assessment_is_approved(server: &TestServer) {
    let owner = server.account(Role::DataScientist).await;
    put(server, Role::DataScientist, "/models/credit/dpia", &steps::assessment(owner.as_str())).await.expect(200);
    let digest = read(server, "/models/credit/dpia").await["draft"]["digest"].clone();
    let advice = json!({ "content": digest, "advice": "Sound.", "favourable": true });
    post(server, Role::PrivacyOfficer, "/models/credit/dpia/advice", &advice).await.expect(200);
    let approval = json!({ "content": digest, "meaning": APPROVED, "password": PASSWORD });
    post(server, Role::PrivacyOfficer, "/models/credit/dpia/approve", &approval).await.expect(200);
}

/// What somebody keeps outside, on the day.
struct Kept {
    key: VerifierKey,
    checkpoint: Checkpoint,
    note: String,
    signature: Vec<u8>,
    signature_seq: u64,
}

async fn text(server: &TestServer, path: &str) -> String {
    let call = server.get(&format!("/api/v1/ledger/{path}")).as_role(Role::Auditor).await;
    String::from_utf8(call.send().await.expect(200).body).unwrap()
}

async fn what_a_careful_auditor_keeps(server: &TestServer) -> Kept {
    let found = read(server, "/ledger/entries?event=promotion.signed").await;
    let signature_seq = found["entries"][0]["seq"].as_u64().unwrap();
    let signature = text(server, &format!("entries/{signature_seq}")).await.into_bytes();
    let key: VerifierKey = text(server, "verifier-key").await.trim().parse().unwrap();
    let note = text(server, "checkpoint").await;
    let checkpoint = Checkpoint::open(&note, std::slice::from_ref(&key)).unwrap().checkpoint;
    Kept { key, checkpoint, note, signature, signature_seq }
}

/// Day after day, with the clockwork turning.
async fn years_pass(server: &TestServer, clock: &ManualClock, years: i64) {
    let begun = Instant::now();
    for _ in 0..years * 365 {
        clock.set(clock.now().plus_days(1));
        clockwork::turn(&server.app).await.unwrap();
    }
    let a_year = begun.elapsed() / u32::try_from(years).unwrap();
    println!("a year passed in {a_year:?}");
    assert!(a_year.as_secs() < 15, "a year passed in {a_year:?}; about a second is meant");
}

async fn another_policy_is_adopted_and_another_version_serves(server: &TestServer, clock: &ManualClock) {
    let stricter = DEFAULT_POLICY
        .replace("title = \"Countersign default policy\"", "title = \"Policy of the second year\"")
        .replace("evidence_days = 90", "evidence_days = 60");
    post(server, Role::Administrator, "/policy", &json!({ "toml": stricter, "password": crate::common::PASSWORD }))
        .await
        .expect(200);
    a_version_walks_the_whole_way(server, clock, SECOND).await;
    assert_eq!(read(server, "/models/credit").await["standbys"]["US"]["version"], 1, "the former one is kept ready");
    wait_days(server, clock, 15).await;
    assert_eq!(read(server, "/models/credit").await["standbys"]["US"], Value::Null, "for two weeks");
    assert_eq!(read(server, "/models/credit/versions/1").await["tracks"]["US"]["stage"], "archived");
}

async fn somebody_asked_for_a_person_and_is_erased(server: &TestServer, clock: &ManualClock) {
    let body = json!({
        "asks": "contest", "decision": "loan/118", "name": "Jane Roe", "contact": "jane@roe.example",
        "text": "My income was read wrong.", "market": "US",
    });
    post(server, Role::Service, "/models/credit/reviews", &body).await.expect(201);
    let answer = json!({ "outcome": "overturned", "answer": "You were right." });
    post(server, Role::PrivacyOfficer, "/models/credit/reviews/1/answer", &answer).await.expect(200);
    wait_days(server, clock, 30).await;
    let erase = json!({ "target": "review/credit/1", "basis": "no_longer_necessary" });
    post(server, Role::PrivacyOfficer, "/erasures", &erase).await.expect(200);
    let seen = server.get("/api/v1/models/credit/reviews/1").as_role(Role::PrivacyOfficer).await.send().await.json();
    assert_eq!(seen["person"], json!({ "name": null, "contact": null, "text": null, "answer": null }));
}

async fn the_validator_leaves_and_is_erased(server: &TestServer) {
    let validator = server.account(Role::MrmValidator).await;
    let path = format!("/accounts/{validator}/disable");
    server.post(&format!("/api/v1{path}")).as_role(Role::Administrator).await.send().await.expect(200);
    let erase = json!({ "target": format!("account/{validator}"), "basis": "no_longer_necessary" });
    post(server, Role::PrivacyOfficer, "/erasures", &erase).await.expect(200);
}

async fn what_ran_out_is_shut(server: &TestServer, old_token: &str) {
    refused(&server.get("/api/v1/models").bearer(old_token).send().await, 401, "token.active");
    assert_eq!(read(server, "/models?exceptions=true").await["total"], 0, "the waiver is over");
    let assessments = read(server, "/dpias").await;
    assert_eq!(assessments["assessments"][0]["in_force"], false, "its review date came: {assessments}");
    assert_eq!(read(server, "/models?due=revalidation").await["total"], 1, "the last validation is six years old");
    let kept = read(server, "/models/credit/retention").await;
    assert!(kept["years"].as_u64().unwrap() >= 7, "{kept}");
    let fired = read(server, "/models/credit/triggers").await["triggers"]["fired"].as_u64().unwrap();
    let hours = server.app.clock.now().micros_since(START.parse().unwrap()) / 3_600_000_000;
    // The story began on a Monday, seven hours after the slot.
    assert_eq!(i64::try_from(fired).unwrap(), (hours + 7) / (7 * 24), "once a week, each week");
    let shown = read(server, "/rollouts/credit/US").await;
    let due: Timestamp = shown["drill_due"].as_str().unwrap().parse().unwrap();
    assert!(due < server.app.clock.now(), "a drill is long overdue, and shown to be");
}

async fn the_examiner_asks_as_of_then(server: &TestServer, then: Timestamp, between: Timestamp) {
    let validator = server.account(Role::MrmValidator).await;
    for (at, version, policy) in [(then, 1, "Countersign default policy"), (between, 2, "Policy of the second year")] {
        let past = read(server, &format!("/as-of?at={at}&model=credit")).await;
        let serving = &past["models"][0]["serving"][0];
        assert_eq!((&serving["market"], &serving["version"]), (&json!("US"), &json!(version)), "{past:#}");
        assert_eq!(past["policy"]["title"], policy);
        let grounds = &serving["grounds"];
        assert_eq!(grounds["weights_digest"], digest('c'));
        assert_eq!(grounds["validation"]["author"], validator.as_str(), "a pseudonym outlives the person's data");
        let steps = grounds["steps"].as_array().unwrap();
        let to: Vec<&str> = steps.iter().map(|step| step["to"].as_str().unwrap()).collect();
        assert_eq!(to, ["staging", "shadow", "canary", "production"]);
        assert_eq!(steps[0]["approvals"][0]["signer"], validator.as_str());
        assert_eq!(steps[0]["approvals"][0]["meaning"], steps::MEANING);
        let approvals = steps[3]["approvals"].as_array().unwrap();
        let signers: Vec<&str> = approvals.iter().map(|one| one["role"].as_str().unwrap()).collect();
        assert!(!signers.is_empty() && signers.iter().all(|role| *role == "risk_committee"), "{grounds:#}");
    }
    let before = read(server, &format!("/as-of?at={}&model=credit", then.plus_days(-10))).await;
    assert_eq!(before["models"][0]["serving"], json!([]), "ten days before nobody was served");
}

async fn the_examiner_takes_an_extract(server: &TestServer, then: Timestamp) {
    for (asked, holds) in [
        (json!({ "report": "audit_extract", "model": "credit", "event": "promotion.signed" }), "signed request 1"),
        (json!({ "report": "as_of", "at": then.to_string(), "model": "credit" }), "Root of the tree"),
    ] {
        let call = server.post("/api/v1/reports").json(&asked).as_role(Role::Auditor).await;
        let id = call.send().await.expect(202).json()["id"].as_str().unwrap().to_owned();
        while worker::turn(&server.app).await.unwrap() {}
        let fetch = async |form: &str| {
            let call = server.get(&format!("/api/v1/reports/{id}/{form}")).as_role(Role::Auditor).await;
            call.send().await.expect(200).body
        };
        assert!(fetch("pdf").await.starts_with(b"%PDF-"));
        let data = String::from_utf8(fetch("json").await).unwrap();
        assert!(data.contains(holds), "{holds} is not in {data}");
        for gone in ["Jane", "Roe", "mrm.validator@bank.example", "Test MRM validator"] {
            assert!(!data.contains(gone), "{gone} was erased");
        }
    }
}

async fn what_was_kept_proves_that_nothing_was_rewritten(server: &TestServer, kept: &Kept) {
    let note = text(server, "checkpoint").await;
    let now = Checkpoint::open(&note, std::slice::from_ref(&kept.key)).unwrap().checkpoint;
    assert!(now.size > kept.checkpoint.size);

    // The ledger of today holds that of then, unchanged.
    let path = format!("/ledger/consistency?from={}&to={}", kept.checkpoint.size, now.size);
    let proof: Vec<Digest> = serde_json::from_value(read(server, &path).await["proof"].clone()).unwrap();
    verify_consistency(kept.checkpoint.size, now.size, kept.checkpoint.root, now.root, &proof).unwrap();

    // The signature of then is in it, byte for byte.
    let shown = read(server, &format!("/ledger/entries/{}/proof", kept.signature_seq)).await;
    let proof: Vec<Digest> = serde_json::from_value(shown["proof"].clone()).unwrap();
    verify_inclusion(kept.signature_seq, now.size, leaf_hash(&kept.signature), &proof, now.root).unwrap();
    let file = TlogProof::from_text(shown["tlog_proof"].as_str().unwrap()).unwrap();
    file.verify(&kept.signature, std::slice::from_ref(&kept.key)).unwrap();

    // What was erased left commitments that nobody can open and nothing contradicts.
    let checked = fsck_against(server, &kept.note);
    assert!(checked.status.success() && said(&checked).contains("agree"), "{}", said(&checked));
    let erased = read(server, "/ledger/entries?event=erasure.performed").await;
    assert_eq!(erased["entries"].as_array().unwrap().len(), 2);
}

/// `countersign fsck --against` the checkpoint that was kept, beside the running server.
fn fsck_against(server: &TestServer, note: &str) -> Output {
    let kept = server.dir().join("kept-checkpoint");
    std::fs::write(&kept, note).unwrap();
    let (kept, data) = (kept.to_str().unwrap(), server.dir().to_str().unwrap());
    let mut arguments = vec!["fsck", "--against", kept, "--data", data];
    arguments.extend(server.database_url().iter().flat_map(|url| ["--database-url", url]));
    countersign(&arguments)
}

async fn a_tampered_export_is_found(server: &TestServer) {
    let (folder, key) = export(server).await;
    let whole = verify(folder.path(), &key);
    assert!(whole.status.success(), "{}", said(&whole));

    // A signature is put into another's mouth, in the first bundle of entries.
    let bundle = folder.path().join("tile/entries/000");
    let bytes = std::fs::read(&bundle).unwrap();
    let (from, to) = ("\"approved\"", "\"rejected\"");
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    let mut spoiled = bytes.clone();
    spoiled[at..at + to.len()].copy_from_slice(to.as_bytes());
    std::fs::write(&bundle, &spoiled).unwrap();
    let found = verify(folder.path(), &key);
    assert_eq!(found.status.code(), Some(1), "{}", said(&found));
    std::fs::write(&bundle, &bytes).unwrap();

    // A file of evidence is put in the place of another.
    let evidence = folder.path().join("evidence").join(Digest::of(steps::JUNIT.as_bytes()).hex());
    std::fs::write(evidence, steps::JUNIT.replace("one", "two")).unwrap();
    assert_eq!(verify(folder.path(), &key).status.code(), Some(1));

    // And an export signed by somebody else is not this ledger's.
    let stranger = SigningKey::from_seed("test.example/countersign", &[7; 32]).unwrap();
    let (folder, _) = export(server).await;
    let found = verify(folder.path(), &stranger.verifier().to_string());
    assert_eq!(found.status.code(), Some(1), "{}", said(&found));
}
