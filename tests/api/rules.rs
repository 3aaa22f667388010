//! The registry's rules, refused through the API with their stable problem types.

use domain::account::Role;
use serde_json::json;

use crate::{
    assert_problem,
    common::{self, COMMIT, digest, lineage, start},
    steps,
};

#[tokio::test]
async fn a_stage_that_is_not_known_names_the_known_ones() {
    let server = start().await;
    let version = steps::prepared(&server, "credit", "unregulated").await;
    let answer = steps::request(&server, &version, "prod", None).await;
    let detail = assert_problem(&answer, 400, "request.readable");
    assert!(detail.contains("production") && detail.contains("line 1, column"), "{detail}");
    for path in [format!("{version}/requirements?to=prod"), "/api/v1/models/credit/versions?stage=prod".to_owned()] {
        let answer = server.get(&path).as_role(Role::Auditor).await.send().await;
        let detail = assert_problem(&answer, 400, "request.readable");
        assert!(detail.contains("production"), "{detail}");
    }
}

#[tokio::test]
async fn no_stage_is_skipped_and_no_market_left_open() {
    let server = start().await;
    let version = steps::prepared(&server, "credit", "unregulated").await;
    let detail = assert_problem(&steps::request(&server, &version, "canary", Some("US")).await, 422, "stage.order");
    assert!(detail.contains("Still to walk: Staging, Shadow, Canary"), "{detail}");
    assert_problem(&steps::request(&server, &version, "shadow", None).await, 422, "market.needed");
    assert_problem(&steps::request(&server, &version, "shadow", Some("JP")).await, 422, "market.known");
    assert_problem(&steps::request(&server, &version, "staging", Some("US")).await, 422, "market.shared");
    steps::request(&server, &version, "staging", None).await.expect(201);
    assert_problem(&steps::request(&server, &version, "staging", None).await, 422, "stage.order");
    assert_problem(&steps::request(&server, &version, "none", None).await, 422, "stage.order");
    let ended = server.get(&format!("{version}/requirements?to=archived")).as_role(Role::Auditor).await.send().await;
    assert_problem(&ended, 422, "stage.order");
}

#[tokio::test]
async fn a_malformed_digest_or_commit_in_the_lineage_is_named() {
    let server = start().await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let path = "/api/v1/models/credit/versions";
    for wrong in ["sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "", &"x".repeat(10_000)] {
        let mut lineage = lineage();
        lineage["model"]["weights_digest"] = json!(wrong);
        let call = server.post(path).json(&json!({ "lineage": lineage })).as_role(Role::DataScientist).await;
        let detail = assert_problem(&call.send().await, 400, "request.readable");
        assert!(detail.to_lowercase().contains("sha") && detail.contains("column"), "{detail}");
    }
    let mut short = lineage();
    short["code"]["git_commit"] = json!("0123abc");
    let call = server.post(path).json(&json!({ "lineage": short })).as_role(Role::DataScientist).await;
    let answer = call.send().await;
    assert_problem(&answer, 422, "input.valid");
    assert_eq!(answer.json()["missing"][0]["what"], "lineage.code.git_commit");
    let versions = server.get(path).as_role(Role::Auditor).await.send().await.json();
    assert_eq!(versions["versions"], json!([]), "nothing was registered");
}

#[tokio::test]
async fn evidence_for_another_artifact_is_refused() {
    let server = start().await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let version = steps::register_version(&server, "credit", &lineage()).await;
    let other = "f".repeat(40);
    let detail =
        assert_problem(&steps::attach(&server, &version, "code", &other, steps::JUNIT).await, 422, "evidence.binding");
    assert!(detail.contains(&other) && detail.contains(COMMIT), "{detail}");
    // The file's own word counts too: bound to this commit, made from another.
    let named = steps::JUNIT.replacen(
        "<testcase",
        &format!("<properties><property name=\"git_commit\" value=\"{other}\"/></properties><testcase"),
        1,
    );
    assert_problem(&steps::attach(&server, &version, "code", COMMIT, &named).await, 422, "evidence.binding");
    assert_problem(
        &steps::attach(&server, &version, "model", &digest('d'), steps::EVALUATION).await,
        422,
        "evidence.binding",
    );
    assert_problem(&steps::attach(&server, &version, "data", COMMIT, steps::JUNIT).await, 422, "input.valid");
    let cut = &steps::JUNIT[..steps::JUNIT.len() - "</testsuite>".len()];
    let detail = assert_problem(&steps::attach(&server, &version, "code", COMMIT, cut).await, 422, "input.valid");
    assert!(detail.contains("cut off") && detail.contains("line 1"), "{detail}");
    let shown = server.get(&version).as_role(Role::Auditor).await.send().await.json();
    assert_eq!(shown["evidence"], json!([]));
    steps::attach(&server, &version, "code", COMMIT, steps::JUNIT).await.expect(201);
    let again = steps::attach(&server, &version, "code", COMMIT, steps::JUNIT).await;
    assert_problem(&again, 409, "evidence.unique");
}

#[tokio::test]
async fn a_stale_revision_is_refused_and_its_etag_tells_the_present_one() {
    let server = start().await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let version = steps::register_version(&server, "credit", &json!({})).await;
    let shown = server.get(&version).as_role(Role::Auditor).await.send().await;
    let etag = shown.headers["etag"].clone();
    assert_eq!(etag, "\"1\"");
    let amend = |etag: String, dataset: &str| {
        let body = json!({ "lineage": { "data": { "dataset": dataset } }, "reason": "correction" });
        server.put(&format!("{version}/lineage")).json(&body).header("if-match", &etag)
    };
    amend(etag.clone(), "loans").as_role(Role::DataScientist).await.send().await.expect(200);
    let lost = amend(etag, "mortgages").as_role(Role::DataScientist).await.send().await;
    let detail = assert_problem(&lost, 409, "version.unchanged");
    assert!(detail.contains("Nothing was written"), "{detail}");
    let shown = server.get(&version).as_role(Role::Auditor).await.send().await;
    assert_eq!(shown.headers["etag"], "\"2\"");
    assert_eq!(shown.json()["lineage"]["data"]["dataset"], "loans");
    amend("\"2\"".into(), "mortgages").as_role(Role::DataScientist).await.send().await.expect(200);
    let odd = amend("\"two\"".into(), "cards").as_role(Role::DataScientist).await.send().await;
    assert_problem(&odd, 400, "request.readable");
}

#[tokio::test]
async fn an_equal_request_is_answered_with_the_first_receipt() {
    let server = start().await;
    let post =
        |body: &serde_json::Value, key: &str| server.post("/api/v1/models").json(body).header("idempotency-key", key);
    let body = common::model("credit");
    let first = post(&body, "key").as_role(Role::DataScientist).await.send().await.expect(201).json();
    let again = post(&body, "key").as_role(Role::DataScientist).await.send().await.expect(201).json();
    assert_eq!(first["repeated"], false);
    assert_eq!(again["repeated"], true);
    assert_eq!(first["entries"], again["entries"]);
    let other = post(&common::model("debit"), "key").as_role(Role::DataScientist).await.send().await;
    assert_problem(&other, 409, "idempotency.same_request");
    let empty = post(&body, "").as_role(Role::DataScientist).await.send().await;
    assert_problem(&empty, 400, "request.readable");
    let long = post(&body, &"k".repeat(201)).as_role(Role::DataScientist).await.send().await;
    assert_problem(&long, 400, "request.readable");
    // Without a key the second one is a conflict.
    let twice = server.post("/api/v1/models").json(&body).as_role(Role::DataScientist).await.send().await;
    assert_problem(&twice, 409, "model.unique");
}
