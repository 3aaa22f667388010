//! Input that is malformed before any rule looks at it.

use domain::account::Role;
use serde_json::{Value, json};

use crate::{
    assert_problem,
    browser::Browser,
    common::{Engine, TestServer, lineage, model, start},
    steps,
};

#[tokio::test]
async fn truncated_json_says_where_it_breaks_off() {
    let server = start().await;
    let whole = serde_json::to_string_pretty(&model("credit")).unwrap();
    let cut = &whole[..whole.find("tier").unwrap() + 2];
    let post =
        |body: &[u8]| server.post("/api/v1/models").header("content-type", "application/json").bytes(body.to_vec());
    let answer = post(cut.as_bytes()).as_role(Role::DataScientist).await.send().await;
    let detail = assert_problem(&answer, 400, "request.readable");
    let line = cut.lines().count();
    assert!(detail.contains(&format!("breaks off at line {line}, column")), "{detail}");
    let answer = post(b"").as_role(Role::DataScientist).await.send().await;
    assert_problem(&answer, 400, "request.readable");
    let answer = post(b"{\"name\": \"\xff\"}").as_role(Role::DataScientist).await.send().await;
    assert_problem(&answer, 400, "request.readable");
    // What a tag decides how to read has lost its place; then none is told, rather than a wrong one.
    let answer = server.post("/api/v1/reports").json(&json!({"report": "as_of", "at": 5})).as_role(Role::Auditor).await;
    let detail = assert_problem(&answer.send().await, 400, "request.readable");
    assert!(detail.contains("is not right: ") && !detail.contains("line 0"), "{detail}");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = post(deep.as_bytes()).as_role(Role::DataScientist).await.send().await;
    assert_problem(&answer, 400, "request.readable");
    // Far more than what lies in the sockets' buffers: the answer is heard all the same.
    let large = format!("{{\"name\": \"{}\"}}", "a".repeat(30 << 20));
    let answer = post(large.as_bytes()).as_role(Role::DataScientist).await.send().await;
    assert_problem(&answer, 413, "request.readable");
}

#[tokio::test]
async fn markup_is_no_name_and_only_text_elsewhere() {
    let server = start().await;
    let mut body = model("credit");
    body["name"] = json!("<script>alert(1)</script>");
    let answer = server.post("/api/v1/models").json(&body).as_role(Role::DataScientist).await.send().await;
    let detail = assert_problem(&answer, 400, "request.readable");
    assert!(detail.contains("letters, digits"), "{detail}");
    let call = server.get("/api/v1/models/%3Cscript%3E").as_role(Role::DataScientist).await;
    assert_problem(&call.send().await, 404, "subject.exists");
    let mut body = model("credit");
    body["title"] = json!("<script>alert(1)</script>");
    server.post("/api/v1/models").json(&body).as_role(Role::DataScientist).await.send().await.expect(201);
    let shown = server.get("/api/v1/models/credit").as_role(Role::Auditor).await.send().await.expect(200);
    assert_eq!(shown.json()["title"], body["title"]);
    assert_eq!(shown.headers["content-type"], "application/json");
    assert_eq!(shown.headers["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn ten_thousand_characters_are_refused_by_field_and_never_echoed() {
    let server = start().await;
    let long = "x".repeat(10_000);
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let version = steps::register_version(&server, "credit", &json!({})).await;
    let with = |mut body: Value, field: &str| {
        body[field] = json!(long);
        body
    };
    let mut dataset = lineage();
    dataset["data"]["dataset"] = json!(long);
    let mut parameter = lineage();
    parameter["hyperparameters"] = json!({ (long.as_str()): 1 });
    let cases = [
        ("POST", "/api/v1/models".to_owned(), with(model("debit"), "title"), 422, "input.valid"),
        ("POST", "/api/v1/models".to_owned(), with(model("debit"), "purpose"), 422, "input.valid"),
        ("POST", "/api/v1/models".to_owned(), with(model("debit"), "name"), 400, "request.readable"),
        ("POST", "/api/v1/models".to_owned(), with(model("debit"), "tier"), 400, "request.readable"),
        ("POST", "/api/v1/models".to_owned(), with(model("debit"), "profile"), 400, "request.readable"),
        ("POST", "/api/v1/models".to_owned(), json!({ (long.as_str()): 1 }), 400, "request.readable"),
        ("POST", "/api/v1/models/credit/versions".to_owned(), json!({ "note": long }), 422, "input.valid"),
        ("POST", "/api/v1/models/credit/versions".to_owned(), json!({ "lineage": dataset }), 422, "input.valid"),
        ("POST", "/api/v1/models/credit/versions".to_owned(), json!({ "lineage": parameter }), 422, "input.valid"),
        ("PUT", format!("{version}/lineage"), json!({ "lineage": lineage(), "reason": long }), 422, "input.valid"),
        ("POST", format!("{version}/promotions"), json!({ "to": "staging", "note": long }), 422, "input.valid"),
        ("POST", format!("{version}/promotions"), json!({ "to": long }), 400, "request.readable"),
        ("POST", format!("{version}/archive"), json!({ "reason": long }), 422, "input.valid"),
    ];
    for (method, path, body, status, rule) in cases {
        let call = if method == "PUT" { server.put(&path) } else { server.post(&path) };
        let answer = call.json(&body).as_role(Role::DataScientist).await.send().await;
        assert_problem(&answer, status, rule);
    }
    for path in [
        format!("/api/v1/models/{long}"),
        format!("/api/v1/models?sort={long}"),
        format!("/api/v1/models/credit/versions?stage={long}"),
    ] {
        let answer = server.get(&path).as_role(Role::DataScientist).await.send().await;
        assert!(matches!(answer.status, 400 | 404), "{}", answer.status);
        assert_problem(&answer, answer.status, &answer.rule());
    }
    let call = server.get(&format!("/api/v1/models?search={long}")).as_role(Role::DataScientist).await;
    assert_eq!(call.send().await.expect(200).json()["total"], 0);
    let shown = server.get(&version).as_role(Role::Auditor).await.send().await.json();
    assert_eq!(shown["revision"], 1, "nothing was written");
}

#[tokio::test]
async fn an_unknown_field_is_named_and_not_passed_over() {
    let server = start().await;
    let version = steps::signable(&server, "credit").await;
    let cases = [
        ("POST", "/api/v1/models".to_owned(), model("debit"), Role::DataScientist),
        ("POST", "/api/v1/models/credit/versions".to_owned(), json!({}), Role::DataScientist),
        ("PUT", format!("{version}/lineage"), json!({ "lineage": {}, "reason": "x" }), Role::DataScientist),
        ("POST", format!("{version}/promotions"), json!({ "to": "staging" }), Role::DataScientist),
        ("POST", format!("{version}/archive"), json!({ "reason": "x" }), Role::DataScientist),
        ("PUT", format!("{version}/validation"), steps::report("approved"), Role::MrmValidator),
        ("POST", format!("{version}/promotions/1/decline"), json!({ "reason": "x" }), Role::MrmValidator),
        ("POST", "/api/v1/policy".to_owned(), json!({ "toml": "" }), Role::Administrator),
    ];
    for (method, path, mut body, role) in cases {
        body["titel"] = json!("a slip of the pen");
        let call = if method == "PUT" { server.put(&path) } else { server.post(&path) };
        let answer = call.json(&body).as_role(role).await.send().await;
        let detail = assert_problem(&answer, 400, "request.readable");
        assert!(detail.contains("titel"), "{path}: {detail}");
    }
    let mut nested = lineage();
    nested["code"]["branch"] = json!("main");
    let call = server.post("/api/v1/models/credit/versions").json(&json!({ "lineage": nested }));
    let answer = call.as_role(Role::DataScientist).await.send().await;
    assert!(assert_problem(&answer, 400, "request.readable").contains("branch"));
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_a_problem_like_any_other() {
    let server = start().await;
    let version = steps::prepared(&server, "credit", "unregulated").await;
    let cases = [
        "/api/v1/nothing".to_owned(),
        "/api/v2/models".to_owned(),
        "/api/v1/models/unknown".to_owned(),
        "/api/v1/models/credit/versions/2".to_owned(),
        "/api/v1/models/credit/versions/0".to_owned(),
        "/api/v1/models/credit/versions/one".to_owned(),
        "/api/v1/models/credit/versions/99999999999".to_owned(),
        "/api/v1/models/%FF/versions".to_owned(),
        format!("{version}/evidence/9"),
        format!("{version}/evidence/nine"),
        format!("{version}/promotions/9/package"),
        format!("{version}/promotions/nine/package"),
        "/api/v1/ledger/entries/999999".to_owned(),
        "/api/v1/ledger/entries/last".to_owned(),
        "/api/v1/ledger/entries/18446744073709551615".to_owned(),
        "/api/v1/ledger/entries/18446744073709551616/proof".to_owned(),
        "/api/v1/ledger/tile/0/999".to_owned(),
        "/api/v1/ledger/tile/entries/000.p/300".to_owned(),
        "/api/v1/ledger/tile/../../signing-key".to_owned(),
    ];
    for path in cases {
        let answer = server.get(&path).as_role(Role::Auditor).await.send().await;
        assert_eq!(answer.status, 404, "{path}: {}", String::from_utf8_lossy(&answer.body));
        assert_problem(&answer, 404, "subject.exists");
    }
    let answer = server.put("/api/v1/models").as_role(Role::Auditor).await.send().await;
    assert_problem(&answer, 405, "request.method");
    assert!(answer.headers["allow"].contains("POST"), "{:?}", answer.headers);
}

/// What no row can hold must not fail the database, on neither engine.
#[tokio::test]
async fn odd_query_parameters_are_no_failure_of_the_server() {
    for engine in Engine::available() {
        let server = TestServer::start_on(engine).await;
        steps::prepared(&server, "credit", "unregulated").await;
        for (path, status) in [
            ("/api/v1/models?search=%00", 200),
            ("/api/v1/models?tier=%00&profile=%00&market=%00", 200),
            ("/api/v1/models?search=%25_%5C%27%22", 200),
            ("/api/v1/models?cursor=18446744073709551615", 200),
            ("/api/v1/models?limit=18446744073709551615", 200),
            ("/api/v1/models?limit=-1", 400),
            ("/api/v1/models?cursor=abc", 400),
            ("/api/v1/models/credit/versions?cursor=0", 200),
            ("/api/v1/models/credit/versions?cursor=4294967296", 400),
            ("/api/v1/ledger/entries?actor=%00&event=%00&model=%00", 200),
            ("/api/v1/ledger/entries?cursor=18446744073709551615&limit=0", 200),
            ("/api/v1/ledger/entries?from=yesterday", 400),
            ("/api/v1/ledger/entries?from=9999-12-31T23:59:59.999999Z", 200),
            ("/api/v1/ledger/consistency?from=18446744073709551615", 400),
            ("/api/v1/ledger/consistency?from=5&to=4", 400),
            ("/api/v1/ledger/consistency", 400),
        ] {
            let answer = server.get(path).as_role(Role::Auditor).await.send().await;
            assert_eq!(answer.status, status, "{engine:?} {path}: {}", String::from_utf8_lossy(&answer.body));
            if status != 200 {
                assert_problem(&answer, status, "request.readable");
            }
        }
    }
}

#[tokio::test]
async fn an_idempotency_key_is_refused_where_it_would_be_passed_over() {
    let server = start().await;
    let ask = json!({ "report": "model_inventory" });
    let call = server.post("/api/v1/reports").json(&ask).header("idempotency-key", "once");
    let answer = call.as_role(Role::Auditor).await.send().await;
    let detail = assert_problem(&answer, 400, "request.readable");
    assert!(detail.contains("takes no Idempotency-Key"), "{detail}");
}

#[tokio::test]
async fn a_page_of_a_list_beyond_every_end_is_an_empty_page() {
    let server = start().await;
    let vera = Browser::of(&server, Role::MrmValidator).await;
    for list in ["/models", "/privacy", "/privacy/reviews", "/rollouts"] {
        vera.get(&format!("{list}?after={}", u64::MAX)).await;
    }
}
