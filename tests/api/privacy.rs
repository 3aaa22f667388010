//! Privacy over the API: an assessment from file to approval, the register without names, holds and erasure.

use domain::account::Role;
use serde_json::{Value, json};

use crate::{
    assert_problem,
    common::{self, PASSWORD, TestServer},
    steps,
};

pub(crate) const MEANING: &str = "I advised on this assessment, consider the remaining risk acceptable, and approve the processing that it describes.";
const PIA: &str = r#"{"pia": {"name": "Loans", "author_name": "Jane Roe", "concerned_people_searched_opinion": false,
    "concerned_people_searched_content": "A panel would learn the scorecard."},
  "answers": [{"pia_id": 1, "reference_to": 111, "data": {"text": "<p>Scores loans.</p>", "gauge": null, "list": []}}],
  "measures": [], "evaluations": [], "comments": []}"#;

pub(crate) async fn call(server: &TestServer, role: Role, path: &str, body: &Value) -> common::Answer {
    server.post(path).json(body).as_role(role).await.send().await
}

#[tokio::test]
async fn an_assessment_goes_from_a_cnil_file_to_approval_and_out_again() {
    let server = common::start().await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let path = "/api/v1/models/credit/dpia";
    let get = || server.get(path);
    assert_problem(&get().as_role(Role::Auditor).await.send().await, 404, "subject.exists");
    let import = server.post(&format!("{path}/cnil")).bytes(b"{}".to_vec()).as_role(Role::DataScientist).await;
    let detail = assert_problem(&import.send().await, 422, "input.valid");
    assert!(detail.contains("\"pia\" is missing"), "{detail}");
    let import = server.post(&format!("{path}/cnil")).bytes(PIA.into()).as_role(Role::DataScientist).await;
    let answer = import.send().await.expect(201).json();
    assert_eq!(answer["unplaced"][0]["place"], "pia.author_name");
    assert!(!answer.to_string().contains("Jane Roe"));

    let file = get().as_role(Role::Auditor).await.send().await.expect(200).json();
    assert_eq!(file["draft"]["content"]["parts"]["processing"], "Scores loans.");
    let advice = json!({"content": file["draft"]["digest"], "advice": "Read.", "favourable": true});
    let refused = call(&server, Role::PrivacyOfficer, &format!("{path}/advice"), &advice).await;
    assert_problem(&refused, 422, "dpia.complete");
    assert!(refused.json()["missing"].as_array().unwrap().len() > 10);

    let owner = server.account(Role::DataScientist).await;
    let draft = server.put(path).json(&steps::assessment(owner.as_str())).as_role(Role::DataScientist).await;
    draft.send().await.expect(200);
    let file = get().as_role(Role::Auditor).await.send().await.json();
    let digest = file["draft"]["digest"].clone();
    let advice = json!({"content": digest, "advice": "Read.", "favourable": true});
    assert_problem(&call(&server, Role::DataScientist, &format!("{path}/advice"), &advice).await, 403, "access.role");
    call(&server, Role::PrivacyOfficer, &format!("{path}/advice"), &advice).await.expect(200);
    let mut approval = json!({"content": digest, "meaning": MEANING, "password": "not the one"});
    let approve = format!("{path}/approve");
    assert_problem(&call(&server, Role::PrivacyOfficer, &approve, &approval).await, 403, "signing.reauthentication");
    approval["password"] = json!(PASSWORD);
    call(&server, Role::PrivacyOfficer, &approve, &approval).await.expect(200);

    let list = server.get("/api/v1/dpias").as_role(Role::Auditor).await.send().await.expect(200).json();
    assert_eq!((&list["assessments"][0]["in_force"], &list["total"]), (&json!(true), &json!(1)));
    let out = server.get(&format!("{path}/cnil")).as_role(Role::Auditor).await.send().await.expect(200);
    assert!(out.headers["content-disposition"].contains("dpia-credit.json"));
    assert_eq!(out.json()["pia"]["status"], 2);
    let kept = server.get("/api/v1/models/credit/retention").as_role(Role::Auditor).await.send().await.json();
    assert_eq!(kept["years"], 10);

    let reopened = call(&server, Role::DataScientist, &format!("{path}/reopen"), &json!({"reason": "A breach."})).await;
    reopened.expect(200);
    let list = server.get("/api/v1/dpias").as_role(Role::Auditor).await.send().await.json();
    assert_eq!(
        (&list["assessments"][0]["in_force"], &list["assessments"][0]["step"]),
        (&json!(false), &json!("advise"))
    );
}

#[tokio::test]
async fn the_register_shows_the_person_to_the_officer_and_the_assignee_only() {
    let server = common::start().await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let body = json!({
        "asks": "contest", "decision": "loan/118", "name": "Jane Roe", "contact": "jane@roe.example",
        "text": "My income was read wrong.", "market": "EU",
    });
    let receipt = call(&server, Role::Service, "/api/v1/models/credit/reviews", &body).await.expect(201).json();
    assert_eq!(receipt["subject"], "review/credit/1");
    let one = "/api/v1/models/credit/reviews/1";
    let show = async |role: Role| server.get(one).as_role(role).await.send().await.expect(200).json();
    for role in [Role::Auditor, Role::MrmValidator, Role::DataScientist] {
        let seen = show(role).await;
        assert_eq!(seen["person"], Value::Null, "{role}");
        assert!(!seen.to_string().contains("Roe"), "{role}");
    }
    assert_eq!(show(Role::PrivacyOfficer).await["person"]["contact"], "jane@roe.example");
    let validator = server.account(Role::MrmValidator).await;
    let answer = json!({"outcome": "overturned", "answer": "We read it again; you were right."});
    let refused = call(&server, Role::MrmValidator, &format!("{one}/answer"), &answer).await;
    assert_problem(&refused, 403, "review.assigned");
    let assign = json!({"assignee": validator});
    call(&server, Role::PrivacyOfficer, &format!("{one}/assign"), &assign).await.expect(200);
    assert_eq!(show(Role::MrmValidator).await["person"]["name"], "Jane Roe");
    call(&server, Role::MrmValidator, &format!("{one}/answer"), &answer).await.expect(200);
    assert_eq!(show(Role::PrivacyOfficer).await["person"]["answer"], "We read it again; you were right.");

    let list = server.get("/api/v1/reviews?state=answered").as_role(Role::Auditor).await.send().await.json();
    assert_eq!((&list["total"], &list["reviews"][0]["outcome"]), (&json!(1), &json!("overturned")));
    let odd = server.get("/api/v1/reviews?state=lost").as_role(Role::Auditor).await.send().await;
    assert_problem(&odd, 400, "request.readable");

    // No entry holds a word of it.
    let size = server.app.store.head().await.unwrap().size;
    for entry in server.app.store.entries_from(0, size).await.unwrap() {
        let text = String::from_utf8(entry.bytes).unwrap();
        assert!(!text.contains("Roe") && !text.contains("income was") && !text.contains("you were right"), "{text}");
    }
}

#[tokio::test]
async fn a_hold_refuses_an_erasure_and_the_refusal_is_an_entry() {
    let server = common::start().await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let body = json!({"asks": "own_view", "decision": "loan/1", "name": "Jane Roe", "contact": "by letter"});
    call(&server, Role::DataScientist, "/api/v1/models/credit/reviews", &body).await.expect(201);
    let erase = json!({"target": "review/credit/1", "basis": "no_longer_necessary"});
    assert_problem(&call(&server, Role::PrivacyOfficer, "/api/v1/erasures", &erase).await, 422, "erasure.answered");
    let answer = json!({"outcome": "withdrawn", "answer": "As you wish."});
    call(&server, Role::PrivacyOfficer, "/api/v1/models/credit/reviews/1/answer", &answer).await.expect(200);
    let hold = json!({"target": "dpia/credit", "reason": "Case 7 O 12/26"});
    call(&server, Role::PrivacyOfficer, "/api/v1/holds", &hold).await.expect(201);
    let refused = call(&server, Role::PrivacyOfficer, "/api/v1/erasures", &erase).await;
    let detail = assert_problem(&refused, 409, "erasure.held");
    let last = server.app.store.head().await.unwrap().size - 1;
    assert!(detail.contains(&format!("is entry {last}")), "{detail}");
    assert_eq!(server.app.store.entry(last).await.unwrap().unwrap().event, "erasure.refused");
    let release = json!({"target": "dpia/credit", "hold": 1, "reason": "Settled."});
    call(&server, Role::PrivacyOfficer, "/api/v1/holds/release", &release).await.expect(200);
    assert_problem(&call(&server, Role::Administrator, "/api/v1/erasures", &erase).await, 403, "access.role");
    call(&server, Role::PrivacyOfficer, "/api/v1/erasures", &erase).await.expect(200);
    let seen = server.get("/api/v1/models/credit/reviews/1").as_role(Role::PrivacyOfficer).await.send().await.json();
    assert_eq!(seen["person"], json!({"name": null, "contact": null, "text": null, "answer": null}));
    let nobody = json!({"target": "model/credit", "basis": "objection"});
    assert_problem(&call(&server, Role::PrivacyOfficer, "/api/v1/erasures", &nobody).await, 422, "input.valid");
}

/// Writes, advises on and approves an assessment of this model.
pub async fn approve(server: &TestServer, model: &str) {
    let path = format!("/api/v1/models/{model}/dpia");
    let owner = server.account(Role::DataScientist).await;
    let draft = server.put(&path).json(&steps::assessment(owner.as_str())).as_role(Role::DataScientist).await;
    draft.send().await.expect(200);
    let file = server.get(&path).as_role(Role::Auditor).await.send().await.json();
    let digest = &file["draft"]["digest"];
    let advice = json!({"content": digest, "advice": "Read.", "favourable": true});
    call(server, Role::PrivacyOfficer, &format!("{path}/advice"), &advice).await.expect(200);
    let approval = json!({"content": digest, "meaning": MEANING, "password": PASSWORD});
    call(server, Role::PrivacyOfficer, &format!("{path}/approve"), &approval).await.expect(200);
}

#[tokio::test]
async fn a_deadline_is_extended_once_with_reasons_and_the_register_follows() {
    let clock = crate::mrm::monday();
    let server =
        TestServer::start_with(common::Setup { clock: clock.clone(), ..common::Setup::on(common::Engine::Sqlite) })
            .await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let body = json!({"asks": "contest", "decision": "loan/118", "market": "EU", "name": "Jane Roe", "contact": "jane@roe.example"});
    call(&server, Role::PrivacyOfficer, "/api/v1/models/credit/reviews", &body).await.expect(201);
    let path = "/api/v1/models/credit/reviews/1/extend";
    let due = async || {
        let list = server.get("/api/v1/reviews").as_role(Role::Auditor).await.send().await.json();
        list["reviews"][0]["due_at"].as_str().unwrap()[..10].to_owned()
    };
    assert_eq!(due().await, "2026-11-30");
    assert_problem(&call(&server, Role::PrivacyOfficer, path, &json!({"reason": " "})).await, 422, "input.valid");
    assert_problem(&call(&server, Role::PrivacyOfficer, path, &json!({})).await, 400, "request.readable");
    assert_problem(
        &call(&server, Role::DataScientist, path, &json!({"reason": "Complex."})).await,
        403,
        "review.assigned",
    );
    assert_problem(&call(&server, Role::Auditor, path, &json!({"reason": "Complex."})).await, 403, "access.role");
    let (_, session) = server.app.sign_in(&TestServer::email(Role::PrivacyOfficer), PASSWORD, "test").await.unwrap();
    let cookie = format!("countersign_session={session}");
    let page = async || {
        let call = server.get("/privacy/reviews/credit/1").header("cookie", &cookie);
        String::from_utf8(call.send().await.expect(200).body).unwrap()
    };
    assert!(page().await.contains("It can be extended until 30 Nov"), "the form says until when");
    let receipt = call(&server, Role::PrivacyOfficer, path, &json!({"reason": "Three systems decided."})).await;
    assert_eq!(receipt.expect(200).json()["entries"][0]["event"], "review.extended");
    assert_eq!(due().await, "2027-01-28", "59 days more");
    let shown = page().await;
    assert!(shown.contains("Three systems decided.") && !shown.contains("It can be extended until"), "once");
    let again = call(&server, Role::PrivacyOfficer, path, &json!({"reason": "More."})).await;
    assert_problem(&again, 409, "review.extension_once");
    let outcome = countersign::fsck::check(&server.app.store, &server.app.blobs, server.app.key.verifier(), None).await;
    assert_eq!(outcome.unwrap().faults, [], "the list says what the entries say");
}
