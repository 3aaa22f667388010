//! Forms: every fault at once, and what was written outlives the session that it was written in.

use domain::account::Role;
use serde_json::json;

use crate::{
    browser::Browser,
    common::{Answer, PASSWORD, TestServer, start},
    steps,
};

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// What the inputs of a page's only hidden-field form hold, by name.
fn hidden(page: &str) -> Vec<(String, String)> {
    let inputs = page.split("<input type=\"hidden\"").skip(1);
    let value = |tag: &str, name: &str| {
        let found = tag.split_once(&format!("{name}=\""))?.1.split('"').next()?;
        Some(found.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"))
    };
    inputs.filter_map(|tag| Some((value(tag, " name")?, value(tag, " value")?))).collect()
}

/// A form sent without a session, as a browser does whose session has ended.
async fn sent(server: &TestServer, path: &str, fields: &[(&str, &str)]) -> Answer {
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", countersign::http::escape(value))).collect();
    let call = server.post(path).header("content-type", "application/x-www-form-urlencoded");
    call.bytes(pairs.join("&").into_bytes()).send().await
}

#[tokio::test]
async fn a_form_outlives_its_session_and_nothing_is_sealed_before_it_is_sent_again() {
    let server = start().await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    server.account(Role::Administrator).await;
    let entries = || async { server.app.store.head().await.unwrap().size };
    let before = entries().await;
    let typed =
        [("name", "Ada <Lovelace>"), ("email", "ada@bank.example"), ("team", "Risk"), ("own_password", PASSWORD)];

    let answer = sent(&server, "/people", &typed).await;
    assert_eq!(answer.status, 401);
    let page = text(&answer);
    assert!(page.contains("Your session has ended") && !page.contains(PASSWORD), "{page}");

    let mut fields = hidden(&page);
    assert!(fields.contains(&("kept.name".to_owned(), "Ada <Lovelace>".to_owned())), "{fields:?}");
    fields.retain(|(name, _)| !matches!(name.as_str(), "back"));
    let email = TestServer::email(Role::Administrator);
    let mut sign_in: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    sign_in.extend([("email", email.as_str()), ("password", "wrong password, typed in haste")]);
    let again = text(&sent(&server, "/sign-in", &sign_in).await);
    assert!(hidden(&again).contains(&("kept.team".to_owned(), "Risk".to_owned())), "a slip loses nothing: {again}");
    sign_in.pop();
    sign_in.push(("password", PASSWORD));
    let back = sent(&server, "/sign-in", &sign_in).await;
    assert_eq!(back.status, 200);
    let page = text(&back);
    assert!(page.contains("action=\"/people?resumed\"") && page.contains("You are signed in again"), "{page}");

    let browser = Browser::of(&server, Role::Administrator).await;
    let fields = hidden(&page);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let form = text(&browser.post("/people?resumed", &fields).await);
    assert!(form.contains("You are signed in again") && form.contains("value=\"ada@bank.example\""), "{form}");
    // Even with everything in place, a form that comes back is shown and not acted upon.
    let whole: Vec<(&str, &str)> = typed.iter().copied().chain([("kind", "human"), ("roles", "auditor")]).collect();
    assert_eq!(browser.post("/people?resumed", &whole).await.status, 409);
    assert_eq!(entries().await, before, "nothing was sealed");
}

#[tokio::test]
async fn a_button_without_words_leads_back_to_its_page() {
    let server = start().await;
    let call = server.post("/webhooks/x/replay").header("content-type", "application/x-www-form-urlencoded");
    let answer = call.header("referer", "https://countersign.example/webhooks?all=1").send().await;
    assert_eq!((answer.status, answer.headers["location"].as_str()), (303, "/sign-in?next=/webhooks%3Fall%3D1"));
}

#[tokio::test]
async fn every_fault_of_a_form_is_told_at_once() {
    let server = start().await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let officer = Browser::of(&server, Role::PrivacyOfficer).await;
    let fields =
        [("model", "credit"), ("asks", ""), ("received", "soon"), ("name", ""), ("contact", ""), ("decision", "")];
    let page = text(&officer.post("/privacy/reviews", &fields).await);
    for said in
        ["what the person asks for", "such as 2026-11-24", "Say who asks", "how the person is reached", "reference of"]
    {
        assert!(page.contains(said), "{said}: {page}");
    }
    let body = json!({"asks": "human_intervention", "decision": "a name", "name": "", "contact": ""});
    let call = server.post("/api/v1/models/credit/reviews").json(&body).as_role(Role::PrivacyOfficer).await;
    let told = String::from_utf8_lossy(&call.send().await.body).into_owned();
    assert!(told.contains("Say who asks") && told.contains("A reference has letters"), "{told}");

    let auditor = Browser::of(&server, Role::Auditor).await;
    let reversed =
        [("report", "audit_extract"), ("audit_extract-from", "2026-11-20"), ("audit_extract-until", "2026-11-01")];
    assert!(text(&auditor.post("/reports", &reversed).await).contains("would begin after it ends"));
    let future = [("report", "as_of"), ("as_of-at", "2099-01-01T00:00"), ("as_of-model", "No Name")];
    let page = text(&auditor.post("/reports", &future).await);
    assert!(page.contains("lies in the future") && page.contains("as_of-model-error"), "{page}");
    let page = auditor.get("/reports").await;
    assert!(!page.contains("Impact assessment (DPIA)"), "there is none to report: {page}");
    assert!(page.contains("credit/US") || page.contains("credit/EU"), "a model stands with its own markets: {page}");
}
