//! Who is let in: tokens, sessions, disabled accounts, requests from foreign pages, guessed passwords.

use std::sync::Arc;

use countersign::{
    accounts::SignInError,
    clock::{Clock as _, ManualClock},
};
use domain::account::{Role, Scope};
use ledger::Timestamp;
use serde_json::json;

use crate::{
    assert_problem,
    common::{Engine, PASSWORD, Setup, TestServer, model, start},
};

#[tokio::test]
async fn a_token_counts_only_while_it_is_good_for_what_is_asked() {
    let clock = Arc::new(ManualClock::new("2026-11-02T09:00:00.000000Z".parse::<Timestamp>().unwrap()));
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(Engine::Sqlite) }).await;
    let ana = server.account(Role::DataScientist).await;
    let register = |token: &str, name: &str| server.post("/api/v1/models").json(&model(name)).bearer(token);

    let short = server.issue(&ana, &Scope::ALL, clock.now().plus_hours(1)).await.token;
    register(&short, "in-time").send().await.expect(201);
    clock.set(clock.now().plus_hours(2));
    let late = register(&short, "too-late").send().await;
    let detail = assert_problem(&late, 401, "token.active");
    assert!(detail.contains("expired on 2026-11-02"), "{detail}");
    let challenge = &late.headers["www-authenticate"];
    assert!(challenge.starts_with("Bearer error=\"invalid_token\"") && challenge.contains("expired"), "{challenge}");
    for path in ["/api/v1/models", "/api/v1/events", "/api/v1/routing/credit/US?after=0&wait=1"] {
        assert_problem(&server.get(path).bearer(&short).send().await, 401, "token.active");
    }

    let revoked = server.issue(&ana, &Scope::ALL, clock.now().plus_days(1)).await;
    register(&revoked.token, "before").send().await.expect(201);
    let path = format!("/api/v1/accounts/{ana}/tokens/{}", revoked.id);
    server.delete(&path).bearer(&revoked.token).send().await.expect(200);
    let after = register(&revoked.token, "after").send().await;
    assert!(assert_problem(&after, 401, "token.active").contains("revoked"));
    assert!(after.headers["www-authenticate"].contains("revoked"), "{:?}", after.headers);

    let reading = server.issue(&ana, &[Scope::Read], clock.now().plus_days(1)).await.token;
    server.get("/api/v1/models").bearer(&reading).send().await.expect(200);
    let detail = assert_problem(&register(&reading, "by-a-reader").send().await, 403, "access.scope");
    assert!(detail.contains("\"register\""), "{detail}");
    let mine = json!({ "label": "more", "scopes": ["register"], "expires_at": clock.now().plus_days(1) });
    let call = server.post(&format!("/api/v1/accounts/{ana}/tokens")).json(&mine).bearer(&reading);
    assert_problem(&call.send().await, 403, "access.scope");

    let (id, _) = reading.rsplit_once('_').unwrap();
    let guessed = format!("{id}_{}", "A".repeat(43));
    for token in [guessed.as_str(), "cs_unknown_secret", "nonsense", "", &"x".repeat(4_000)] {
        let answer = register(token, "by-a-stranger").send().await;
        assert_problem(&answer, 401, "access.authenticated");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    assert_problem(&server.get("/api/v1/models").send().await, 401, "access.authenticated");
    let basic = server.get("/api/v1/models").header("authorization", "Basic YTpi").send().await;
    assert_problem(&basic, 401, "access.authenticated");
    // The name of the scheme is written in any case (RFC 9110, section 11.1).
    let lower = server.get("/api/v1/models").header("authorization", &format!("bearer {reading}")).send().await;
    lower.expect(200);

    let total = server.get("/api/v1/models").bearer(&reading).send().await.json()["total"].clone();
    assert_eq!(total, 2, "only what was allowed was registered");
}

#[tokio::test]
async fn a_disabled_account_is_out_at_once_by_every_door() {
    let server = start().await;
    let ana = server.account(Role::DataScientist).await;
    let token = server.token(Role::DataScientist).await;
    let (_, session) = server.app.sign_in(&TestServer::email(Role::DataScientist), PASSWORD, "test").await.unwrap();
    let cookie = format!("countersign_session={session}");
    server.get("/api/v1/me").bearer(&token).send().await.expect(200);
    server.get("/api/v1/me").header("cookie", &cookie).send().await.expect(200);

    let call = server.post(&format!("/api/v1/accounts/{ana}/disable")).as_role(Role::Administrator).await;
    call.send().await.expect(200);
    assert_problem(&server.get("/api/v1/me").bearer(&token).send().await, 403, "account.enabled");
    let call = server.post("/api/v1/models").json(&model("late")).bearer(&token);
    assert_problem(&call.send().await, 403, "account.enabled");
    let answer = server.get("/api/v1/me").header("cookie", &cookie).send().await;
    assert_problem(&answer, 401, "access.authenticated");
    let again = server.app.sign_in(&TestServer::email(Role::DataScientist), PASSWORD, "test").await;
    assert!(matches!(again, Err(SignInError::Disabled)));

    let call = server.post(&format!("/api/v1/accounts/{ana}/enable")).as_role(Role::Administrator).await;
    call.send().await.expect(200);
    server.get("/api/v1/me").bearer(&token).send().await.expect(200);
    let answer = server.get("/api/v1/me").header("cookie", &cookie).send().await;
    assert_problem(&answer, 401, "access.authenticated");
}

#[tokio::test]
async fn a_foreign_page_cannot_act_with_the_readers_cookie() {
    let server = start().await;
    server.account(Role::DataScientist).await;
    let (_, session) = server.app.sign_in(&TestServer::email(Role::DataScientist), PASSWORD, "test").await.unwrap();
    let cookie = format!("countersign_session={session}");
    let register = |name: &str| server.post("/api/v1/models").json(&model(name)).header("cookie", &cookie);
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let answer = register("forged").header(name, value).send().await;
        assert_problem(&answer, 403, "request.same_site");
    }
    register("own").header("sec-fetch-site", "same-origin").send().await.expect(201);
    register("same").header("origin", &server.url).send().await.expect(201);
    server
        .get("/api/v1/models")
        .header("cookie", &cookie)
        .header("sec-fetch-site", "cross-site")
        .send()
        .await
        .expect(200);
    let listed = server.get("/api/v1/models").header("cookie", &cookie).send().await.json();
    assert_eq!(listed["total"], 2, "only what came from its own pages was done");
}

#[tokio::test]
async fn passwords_cannot_be_guessed_for_long() {
    let server = start().await;
    server.account(Role::Auditor).await;
    let email = TestServer::email(Role::Auditor);
    let mut outcomes = Vec::new();
    for attempt in 0..12 {
        outcomes
            .push(server.app.sign_in(&email, &format!("guess number {attempt}"), &format!("10.0.0.{attempt}")).await);
    }
    assert!(matches!(outcomes[0], Err(SignInError::Wrong)));
    assert!(matches!(outcomes[11], Err(SignInError::TooMany)), "one address, many origins");
    let right = server.app.sign_in(&email, PASSWORD, "10.0.1.1").await;
    assert!(matches!(right, Err(SignInError::TooMany)), "the limit tells nothing about the password");
    // One origin, many addresses, in whatever spelling.
    for attempt in 0..80 {
        outcomes.push(server.app.sign_in(&format!("somebody{attempt}@bank.example"), "a guess", "10.9.9.9").await);
    }
    assert!(matches!(outcomes.last(), Some(Err(SignInError::TooMany))));
    server.account(Role::MrmValidator).await;
    let upper = TestServer::email(Role::MrmValidator).to_uppercase();
    server.app.sign_in(&format!("  {upper} "), PASSWORD, "10.0.2.2").await.unwrap();
}

#[tokio::test]
async fn rights_end_where_the_role_ends() {
    let server = start().await;
    let body = model("credit");
    for role in [Role::Auditor, Role::Administrator, Role::MrmValidator, Role::Service] {
        let answer = server.post("/api/v1/models").json(&body).as_role(role).await.send().await;
        let detail = assert_problem(&answer, 403, "access.role");
        assert!(detail.contains("Data scientist"), "{detail}");
    }
    for role in [Role::DataScientist, Role::MrmValidator, Role::Service] {
        let answer = server.get("/api/v1/accounts").as_role(role).await.send().await;
        assert_problem(&answer, 403, "access.role");
    }
    let accounts = server.get("/api/v1/accounts").as_role(Role::Auditor).await.send().await.expect(200);
    let text = String::from_utf8(accounts.body).unwrap();
    assert!(!text.contains("bank.example") && !text.contains("argon2"), "neither addresses nor password hashes");
    let new = json!({ "name": "Eve", "kind": "human", "email": "eve@bank.example", "password": PASSWORD, "roles": ["administrator"], "own_password": PASSWORD });
    let answer = server.post("/api/v1/accounts").json(&new).as_role(Role::DataScientist).await.send().await;
    assert_problem(&answer, 403, "access.role");
    server.post("/api/v1/accounts").json(&new).as_role(Role::Administrator).await.send().await.expect(201);
    let twice = server.post("/api/v1/accounts").json(&new).as_role(Role::Administrator).await.send().await;
    assert_problem(&twice, 409, "input.valid");
    let mut weak = new.clone();
    weak["email"] = json!("eve\u{0}2@bank.example");
    weak["password"] = json!("short");
    let answer = server.post("/api/v1/accounts").json(&weak).as_role(Role::Administrator).await.send().await;
    assert_problem(&answer, 422, "input.valid");
    let fields: Vec<_> = answer.json()["missing"].as_array().unwrap().iter().map(|f| f["what"].clone()).collect();
    assert_eq!(fields, ["email", "password"]);
}
