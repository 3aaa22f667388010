//! Reports: asked for, made in the background, fetched; by nobody else, and not lost with a server.

use std::sync::Arc;

use countersign::{
    clock::{Clock as _, ManualClock},
    reports::worker,
};
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
async fn nobody_queues_so_many_that_others_wait() {
    let server = TestServer::start_with(Setup::on(Engine::Sqlite)).await;
    for _ in 0..10 {
        ask(&server, &json!({"report": "model_inventory"})).await;
    }
    let more = server.post("/api/v1/reports").json(&json!({"report": "model_inventory"}));
    let told = assert_problem(&more.as_role(Role::Auditor).await.send().await, 409, "report.queue");
    assert!(told.contains("wait for one"), "{told}");
    work(&server).await;
    ask(&server, &json!({"report": "model_inventory"})).await;
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
            (json!({"report": "market_timeline", "model": "credit", "market": "US"}), "signed request 1 as MRM"),
            (json!({"report": "market_timeline", "model": "credit", "market": "US"}), "recorded the validation"),
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
            // Words and facts are in it too, not the tables alone.
            for part in data["parts"].as_array().unwrap() {
                for words in part["text"].as_array().unwrap() {
                    let words = words.as_str().unwrap().replace('"', "\"\"");
                    assert!(csv.contains(&words), "{asked}: {words:?} is not in {csv}");
                }
                for fact in part["facts"].as_array().unwrap() {
                    assert!(csv.contains(fact["name"].as_str().unwrap()), "{asked}: {fact} is not in {csv}");
                }
            }
            if asked["report"] == "validation" {
                assert!(csv.contains("On conceptual_soundness: sound."), "{csv}");
            }
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
    let turned = json!({"report": "audit_extract", "from": "2026-05-01T10:00:00Z", "until": "2026-05-01T09:00:00.5Z"});
    let refused = server.post("/api/v1/reports").json(&turned).as_role(Role::Auditor).await.send().await;
    assert_problem(&refused, 422, "input.valid");
    assert_eq!(refused.json()["missing"][0]["what"], "from");
    let fields =
        [("report", "audit_extract"), ("audit_extract-from", "2026-05-02"), ("audit_extract-until", "2026-05-01")];
    let page = crate::browser::Browser::of(&server, Role::Auditor).await.post("/reports", &fields).await;
    assert_eq!(page.status, 422);
    let call = server.post("/api/v1/reports").json(&json!({"report": "model_inventory"})).as_role(Role::Service).await;
    assert_problem(&call.send().await, 403, "access.role");
    let listed = server.get("/api/v1/reports").as_role(Role::Auditor).await.send().await.expect(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 3);
}

/// The data of a report that was asked for, made and fetched.
async fn data(server: &TestServer, asked: &Value) -> Value {
    let id = ask(server, asked).await;
    work(server).await;
    let job = get(server, &id).await.expect(200).json();
    assert_eq!((&job["state"], &job["problem"]), (&json!("done"), &Value::Null), "{asked}");
    get(server, &format!("{id}/json")).await.expect(200).json()
}

/// The rows under a part's heading.
fn rows<'d>(data: &'d Value, part: &str) -> Vec<Vec<&'d str>> {
    let parts = data["parts"].as_array().unwrap();
    let part = parts.iter().find(|found| found["title"].as_str().unwrap().contains(part)).unwrap_or_else(|| {
        let titles: Vec<&str> = parts.iter().map(|part| part["title"].as_str().unwrap()).collect();
        panic!("no part {part} in {titles:?}")
    });
    let text = |cell: &'d Value| cell["plain"].as_str().or(cell["id"].as_str()).unwrap();
    let rows = part["table"]["rows"].as_array().unwrap();
    rows.iter().map(|row| row.as_array().unwrap().iter().map(text).collect()).collect()
}

#[tokio::test]
async fn an_impact_assessment_is_reported_with_what_was_decided_and_which_entries_prove_it() {
    for engine in Engine::available() {
        let clock = Arc::new(ManualClock::new("2026-03-02T09:00:00.000000Z".parse().unwrap()));
        let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(engine) }).await;
        steps::register_model(&server, "credit", "unregulated").await.expect(201);
        let mut lineage = crate::common::lineage();
        lineage["features"]["names"] = json!(["income", "postcode"]);
        steps::register_version(&server, "credit", &lineage).await;
        let asked = json!({ "report": "dpia", "model": "credit" });
        let path = "/api/v1/models/credit/dpia";
        let post = async |role: Role, what: &str, body: &Value| {
            server.post(&format!("{path}{what}")).json(body).as_role(role).await.send().await.expect(200);
            clock.set(clock.now().plus_days(1));
        };
        let owner = server.account(Role::DataScientist).await;
        let mut content = steps::assessment(owner.as_str());
        content["scope"] = json!({ "markets": ["EU"], "reopened_by": ["features"], "version": 1 });
        content["parts"]["processing"] = json!("Scores applications.\n\nTwice a day.");
        content["justified_features"] = json!({ "postcode": "Needed, watched monthly." });
        content["measures"][0]["treats"] = json!(["other"]);
        let draft = server.put(path).json(&content).as_role(Role::DataScientist).await;
        draft.send().await.expect(200);
        let unapproved = data(&server, &asked).await.to_string();
        assert!(unapproved.contains("Not approved. What was written last waits for advice"), "{unapproved}");

        let file = server.get(path).as_role(Role::Auditor).await.send().await.expect(200).json();
        let digest = file["draft"]["digest"].clone();
        let advice = json!({ "content": digest, "advice": "Watch the refusals by group.", "favourable": true });
        post(Role::PrivacyOfficer, "/advice", &advice).await;
        let approval = json!({
            "content": digest, "meaning": crate::privacy::MEANING, "password": crate::common::PASSWORD,
            "comment": "For one year.",
        });
        post(Role::PrivacyOfficer, "/approve", &approval).await;
        let review = json!({
            "asks": "contest", "decision": "loan/118", "name": "Jane Roe", "contact": "jane@roe.example",
            "text": "My income was read wrong.", "market": "EU",
        });
        let call = server.post("/api/v1/models/credit/reviews").json(&review).as_role(Role::Service).await;
        call.send().await.expect(201);

        let report = data(&server, &asked).await;
        let text = report.to_string();
        for part in [
            "Approved and in force until 2027-0",
            "Scores applications.",
            "Twice a day.",
            "Unfair refusals",
            "limited, limited",
            "Monthly review by group",
            "They want to be told.",
            "Watch the refusals by group.",
            "For one year.",
            "Needed, watched monthly.",
            "Test Privacy officer",
            digest.as_str().unwrap(),
            "Requests for human review",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        for personal in ["Jane", "roe.example", "My income"] {
            assert!(!text.contains(personal), "{personal} lies in the vault");
        }
        assert_eq!(rows(&report, "Risks")[0][2], "Monthly review by group");
        let hits = rows(&report, "Prohibited features");
        assert_eq!(hits[0][..3], ["EU", "v1", "postcode"]);
        assert_eq!(hits[0][4], "Needed, watched monthly.");
        assert_eq!(rows(&report, "Reopened"), Vec::<Vec<&str>>::new());
        let covered = rows(&report, "checked against");
        assert_eq!((covered[0][0], covered[0][1], covered[0][2]), ("v1", "assessed", "yes"));
        // Each entry by number and hash, as the ledger has it; the checkpoint covers all of them.
        let entries = rows(&report, "Ledger entries");
        let told: Vec<&str> = entries.iter().map(|row| row[3]).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        for row in &entries {
            let stored = server.app.store.entry(row[0].parse().unwrap()).await.unwrap().unwrap();
            assert_eq!((row[4], stored.model.as_deref()), (&*stored.hash.to_string(), Some("credit")));
        }
        let head = server.app.store.head().await.unwrap();
        assert_eq!(report["checkpoint"]["size"], head.size);

        // Reopened and approved again: the history keeps both rounds.
        post(Role::DataScientist, "/reopen", &json!({ "reason": "A breach elsewhere." })).await;
        let reopened = data(&server, &asked).await;
        assert!(reopened.to_string().contains("Reopened on 2026-03-0"), "{reopened}");
        post(Role::PrivacyOfficer, "/advice", &advice).await;
        post(Role::PrivacyOfficer, "/approve", &approval).await;
        let again = data(&server, &asked).await;
        assert!(again.to_string().contains("Approved and in force until"));
        assert_eq!(rows(&again, "Reopened")[0][2], "The risk changed: A breach elsewhere.");
        assert_eq!(rows(&again, "Advice and decision").len(), 4);
        assert_eq!(rows(&again, "Ledger entries").len(), 6);
        let page = crate::browser::Browser::of(&server, Role::Auditor).await.get("/privacy/models/credit").await;
        assert!(page.contains("Make the report"), "{page}");
    }
}

#[tokio::test]
async fn there_is_no_report_of_an_assessment_that_nobody_wrote() {
    let server = crate::common::start().await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    for (model, part) in [
        (
            "credit",
            "No impact assessment of credit is written yet. A data scientist begins it on /privacy/models/credit",
        ),
        ("unheard-of", "There is no model unheard-of."),
    ] {
        let id = ask(&server, &json!({ "report": "dpia", "model": model })).await;
        work(&server).await;
        let job = get(&server, &id).await.expect(200).json();
        assert_eq!(job["state"], "failed");
        assert!(job["problem"].as_str().unwrap().contains(part), "{job}");
    }
    for wrong in [json!({ "report": "dpia" }), json!({ "report": "dpia", "model": "No Name" })] {
        let call = server.post("/api/v1/reports").json(&wrong).as_role(Role::Auditor).await;
        assert_problem(&call.send().await, 400, "request.readable");
    }
    let rosa = crate::browser::Browser::of(&server, Role::Auditor).await;
    assert!(!rosa.get("/privacy/models/credit").await.contains("Make the report"), "nothing is there to report");
    let refused = rosa.post("/reports", &[("report", "dpia"), ("dpia-model", "credit")]).await;
    assert_eq!(refused.status, 422, "what cannot be made is not taken on");
    let refused = rosa.post("/reports", &[("report", "dpia"), ("dpia-model", "")]).await;
    assert_eq!(refused.status, 422);
}

#[tokio::test]
async fn the_inventory_says_the_same_on_the_page_in_the_api_as_csv_and_in_the_report() {
    for engine in Engine::available() {
        let start: Timestamp = "2026-03-02T09:00:00.000000Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(engine) }).await;
        let credit = steps::signable(&server, "credit").await;
        let package = steps::package(&server, &credit, 1).await;
        let signed = server.post(&format!("{credit}/promotions/1/sign"));
        let signed = signed.json(&steps::signature(&package, crate::common::PASSWORD));
        signed.as_role(Role::MrmValidator).await.send().await.expect(200);
        let first = steps::prepared(&server, "recommender", "unregulated").await;
        steps::walk_to_canary(&server, &clock, &first).await;
        steps::promote(&server, &clock, &first).await;
        steps::roll_out(&server, &clock, "recommender", 1).await;
        steps::register_model(&server, "spare", "unregulated").await.expect(201);
        let tier = json!({ "exposure": "large", "purpose": "regulatory", "reason": "Capital rests on it." });
        let call = server.put("/api/v1/models/credit/tier").json(&tier).as_role(Role::MrmValidator).await;
        call.send().await.expect(200);
        let owner = server.account(Role::DataScientist).await;
        let finding = json!({
            "severity": "high", "title": "Drift by region", "description": "Not shown.", "owner": owner,
            "due_at": clock.now().plus_days(9),
        });
        let call = server.post(&format!("{credit}/findings")).json(&finding).as_role(Role::MrmValidator).await;
        call.send().await.expect(201);
        let (asker, _) = server.colleague(Role::DataScientist).await;
        let waiver = json!({
            "covers": { "finding": 1 }, "control": "Watched daily.", "reason": "Mended soon.",
            "requested_by": asker, "expires_at": clock.now().plus_days(8), "password": crate::common::PASSWORD,
        });
        let call = server.post(&format!("{credit}/waivers")).json(&waiver).as_role(Role::RiskCommittee).await;
        call.send().await.expect(201);
        let campaign = json!({
            "title": "Inventory 2026", "statement": "What the inventory says is right.",
            "due_at": clock.now().plus_days(2),
        });
        let call = server.post("/api/v1/campaigns").json(&campaign).as_role(Role::MrmValidator).await;
        call.send().await.expect(201);
        for (model, holds) in [("credit", true), ("recommender", false)] {
            let comment = if holds { "" } else { "Its inputs changed." };
            let body =
                json!({ "password": crate::common::PASSWORD, "model": model, "holds": holds, "comment": comment });
            let call = server.post("/api/v1/campaigns/1/attest").json(&body).as_role(Role::DataScientist).await;
            call.send().await.expect(200);
        }
        clock.set(clock.now().plus_days(3));

        let report = data(&server, &json!({ "report": "model_inventory" })).await;
        let api = server.get("/api/v1/models").as_role(Role::Auditor).await.send().await.expect(200).json();
        let rosa = crate::browser::Browser::of(&server, Role::Auditor).await;
        let csv = rosa.get("/models.csv").await;
        let mut lines = csv.lines();
        let heads: Vec<&str> = lines.next().unwrap().split(',').collect();
        let day = |at: &Value| at.as_str().map(|at| at[..10].to_owned());
        for (index, (model, line)) in api["models"].as_array().unwrap().iter().zip(lines).enumerate() {
            let cells: Vec<&str> = line.trim_matches('"').split("\",\"").collect();
            let at_head = |head: &str| cells[heads.iter().position(|known| *known == head).unwrap()];
            let (models, tiers) = (&rows(&report, "2  Models")[index], &rows(&report, "3  Tiers")[index]);
            let (validations, attested) =
                (&rows(&report, "4  Validations")[index], &rows(&report, "6  Attestation")[index]);
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let name = text(&model["name"]);
            assert_eq!([models[0], tiers[0], validations[0], attested[0], at_head("name")], [&*name; 5]);
            assert_eq!(
                (models[2].replace(' ', "_"), at_head("status")),
                (text(&model["status"]), &*text(&model["status"]))
            );
            assert_eq!((tiers[1], at_head("tier")), (&*text(&model["tier"]), &*text(&model["tier"])));
            let basis = &model["tier_basis"];
            assert_eq!((tiers[2], at_head("exposure")), (&*text(&basis["exposure"]), &*text(&basis["exposure"])));
            assert_eq!(at_head("tier_reason"), text(&basis["reason"]));
            assert_eq!(Some(validations[2].to_owned()), day(&model["validated_at"]).or(Some("never".into())));
            assert_eq!(
                Some(validations[3].to_owned()),
                day(&model["next_validation"]).or(Some("none asked for".into()))
            );
            assert_eq!(validations[4] == "overdue", model["validation_overdue"] == true);
            assert_eq!(
                (validations[5], at_head("open_findings")),
                (&*model["open_findings"].to_string(), validations[5])
            );
            assert_eq!((validations[7], at_head("exceptions")), (&*model["exceptions"].to_string(), validations[7]));
            let state = model["attestation"]["state"].as_str().unwrap();
            assert_eq!((attested[2], at_head("attestation")), (state, state));
            let page = rosa.get(&format!("/models/{name}/inventory")).await;
            assert!(page.contains(state), "{name}: {page}");
            assert_eq!(page.contains("Watched daily."), model["exceptions"] == 1, "{name}");
        }
        let states: Vec<&str> = rows(&report, "Attestation").iter().map(|row| row[2]).collect();
        assert_eq!(states, ["attested", "objected", "overdue"]);
        assert_eq!(rows(&report, "Tiers")[0][2..5], ["large", "regulatory", "Capital rests on it."]);
        assert_eq!(rows(&report, "2  Models")[1][5], "US v1");
        assert_eq!(rows(&report, "Exceptions in force")[0][..5], ["credit", "v1", "1", "finding 1", "Watched daily."]);
        assert!(report.to_string().contains("Its inputs changed."));
        // A waiver that ended is no exception any more, anywhere.
        clock.set(clock.now().plus_days(6));
        let report = data(&server, &json!({ "report": "model_inventory" })).await;
        assert_eq!(rows(&report, "Exceptions in force"), Vec::<Vec<&str>>::new());
        let api = server.get("/api/v1/models").as_role(Role::Auditor).await.send().await.expect(200).json();
        assert_eq!(api["models"][0]["exceptions"], 0);
    }
}

#[tokio::test]
async fn a_statement_takes_every_spelling_of_an_instant_that_the_page_takes() {
    let start: Timestamp = "2026-11-02T09:00:00.000000Z".parse().unwrap();
    let clock = Arc::new(ManualClock::new(start));
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(Engine::Sqlite) }).await;
    clock.set(start.plus_days(3));
    for (spelled, at) in [
        ("2026-11-02", "2026-11-02T23:59:59.999999Z"),
        ("2026-11-03T12:30", "2026-11-03T12:30:00.000000Z"),
        ("2026-11-05", "2026-11-05T09:00:00.000000Z"),
        ("2026-11-03T13:30:00+01:00", "2026-11-03T12:30:00.000000Z"),
    ] {
        let id = ask(&server, &json!({"report": "as_of", "at": spelled})).await;
        work(&server).await;
        let job = get(&server, &id).await.expect(200).json();
        assert_eq!((&job["state"], &job["asked"]["at"]), (&json!("done"), &json!(at)), "{job}");
    }
    let call = server.post("/api/v1/reports").json(&json!({"report": "as_of", "at": "last week"}));
    let told = assert_problem(&call.as_role(Role::Auditor).await.send().await, 400, "request.readable");
    assert!(told.contains("is no instant; write 2026-05-01"), "{told}");
}
