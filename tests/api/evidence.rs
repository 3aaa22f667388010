//! Evidence of every format: found from the file, bound to its artifact, judged by policy, and judged again by anyone.

use std::fmt::Write as _;

use domain::account::Role;
use serde_json::{Value, json};

use crate::{
    assert_problem,
    common::{Answer, COMMIT, DATA_VERSION, TestServer, digest, lineage, start},
    steps,
};

async fn version(server: &TestServer) -> String {
    steps::register_model(server, "credit", "unregulated").await.expect(201);
    steps::register_version(server, "credit", &lineage()).await
}

/// Uploads a file and leaves it to the file to say on which path it belongs.
async fn upload(server: &TestServer, version: &str, bound_to: &str, file: &str) -> Answer {
    let address = format!("{version}/evidence?bound_to={bound_to}&file_name=result&producer=ci%20run%20812");
    server.post(&address).bytes(file.into()).as_role(Role::DataScientist).await.send().await
}

async fn attached(server: &TestServer, version: &str) -> Vec<Value> {
    let call = server.get(version).as_role(Role::DataScientist).await.send().await.expect(200);
    call.json()["evidence"].as_array().unwrap().clone()
}

async fn recompute(server: &TestServer, entry: u64) -> Answer {
    server.get(&format!("/api/v1/ledger/entries/{entry}/recompute")).as_role(Role::Auditor).await.send().await
}

fn inspected(image: &str) -> String {
    let id = digest('d');
    json!([{"Id": id, "RepoDigests": [format!("registry.example/credit@{image}")], "Os": "linux", "Architecture": "amd64",
        "RootFS": {"Layers": [digest('e')]}, "Size": 5, "Config": {"Labels": {"org.opencontainers.image.revision": COMMIT}}}])
    .to_string()
}

/// Enough rows for policy, with or without a shift of the feature.
fn columns(shift: f64) -> String {
    let mut file = format!("# data_version: {DATA_VERSION}\ndataset,income\n");
    for row in 0..300 {
        let value = f64::from(row * 37 % 300);
        let _ = writeln!(file, "reference,{value}\ncurrent,{}", value + shift);
    }
    file
}

const LINT: &str = r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "ruff"}}, "results": [{"ruleId": "E501", "level": "warning"}]}]}"#;
const BEHAVIOUR: &str = r#"{"schema": "countersign/behaviour@1", "tests": [{"capability": "fairness", "name": "names do not matter", "type": "INV", "n": 100, "failures": 40}]}"#;
const CONTRACT: &str = r#"{"runId": "a", "dataContractId": "orders", "result": "passed", "checks": [{"type": "field_unique", "result": "passed"}]}"#;
const DRIFT: &str = r#"{"metrics": [{"id": "a", "metric_name": "ValueDrift(column=income)", "config": {"type": "evidently:metric_v2:ValueDrift",
    "column": "income", "method": "psi", "threshold": 0.1}, "value": 0.2}], "tests": []}"#;

#[tokio::test]
async fn each_format_is_found_judged_and_bound() {
    let server = start().await;
    let version = version(&server).await;
    let files = [
        (COMMIT.to_owned(), steps::JUNIT.to_owned(), "junit", "code", "green"),
        (COMMIT.to_owned(), LINT.to_owned(), "lint", "code", "green"),
        // Whoever names the commit means the image that the lineage says was built from it.
        (COMMIT.to_owned(), inspected(&digest('a')), "image", "code", "green"),
        (DATA_VERSION.to_owned(), steps::DATA_CHECK.to_owned(), "great_expectations", "data", "green"),
        (DATA_VERSION.to_owned(), columns(0.0), "columns", "data", "green"),
        (DATA_VERSION.to_owned(), columns(200.0), "columns", "data", "red"),
        // Over the report's own threshold, under policy's.
        (DATA_VERSION.to_owned(), DRIFT.to_owned(), "evidently", "data", "green"),
        (DATA_VERSION.to_owned(), CONTRACT.to_owned(), "contract", "data", "green"),
        (digest('c'), steps::EVALUATION.to_owned(), "evaluation", "model", "green"),
        (digest('c'), BEHAVIOUR.to_owned(), "behaviour", "model", "red"),
    ];
    for (bound_to, file, ..) in &files {
        upload(&server, &version, bound_to, file).await.expect(201);
    }
    let all = attached(&server, &version).await;
    assert_eq!(all.len(), files.len());
    for (evidence, (_, _, kind, path, verdict)) in all.iter().zip(&files) {
        let facts = &evidence["facts"];
        assert_eq!(
            (&facts["kind"], &evidence["path"], &facts["verdict"]),
            (&json!(kind), &json!(path), &json!(verdict))
        );
        let answer = recompute(&server, evidence["entry"].as_u64().unwrap()).await.expect(200).json();
        assert_eq!((&answer["equal"], &answer["differences"]), (&json!(true), &json!([])), "{answer}");
    }
    assert_eq!(all[2]["bound_to"], json!(digest('a')));
    assert_eq!(all[4]["facts"]["criteria"]["max_psi"], json!(0.25), "{}", all[4]);
}

#[tokio::test]
async fn a_file_about_something_else_is_refused() {
    let server = start().await;
    let version = version(&server).await;
    let other = upload(&server, &version, COMMIT, &inspected(&digest('f'))).await;
    assert!(assert_problem(&other, 422, "evidence.binding").contains("image digest"));
    let elsewhere = columns(0.0).replace(DATA_VERSION, "1999-01-01");
    let other = upload(&server, &version, DATA_VERSION, &elsewhere).await;
    assert!(assert_problem(&other, 422, "evidence.binding").contains("1999-01-01"));
    let path = steps::attach(&server, &version, "data", DATA_VERSION, LINT).await;
    assert!(assert_problem(&path, 422, "input.valid").contains("belongs on the code path"));
}

#[tokio::test]
async fn an_unknown_or_broken_file_names_the_place() {
    let server = start().await;
    let version = version(&server).await;
    for (file, place) in [
        ("{\"a\": 1}", "members a"),
        ("<testsuite><testcase name='a'>", "line 1, column"),
        ("{\"success\": true, \"results\": [{\"success\": true}]}", "/results/0/expectation_type"),
        ("{\"version\": \"2.1.0\", \"runs\": [{\"tool\": {\"driver\": {\"name\": \"x\"}}}]}", "/runs/0/results"),
        ("dataset,income\nreference,1\nelsewhere,2\n", "line 3, column dataset"),
        ("label,champion,challenger\n1,0.5,?\n", "line 2, column challenger"),
        ("{\"schema\": \"countersign/behaviour@1\", \"tests\": [{}]}", "/tests/0/type"),
    ] {
        let answer = upload(&server, &version, COMMIT, file).await;
        let detail = assert_problem(&answer, 422, "input.valid");
        assert!(detail.contains(place), "{detail}");
    }
    assert!(attached(&server, &version).await.is_empty());
}

#[tokio::test]
async fn figures_follow_from_the_file_by_the_thresholds_recorded_then() {
    let server = start().await;
    let version = version(&server).await;
    upload(&server, &version, DATA_VERSION, &columns(40.0)).await.expect(201);
    let evidence = attached(&server, &version).await.remove(0);
    let entry = evidence["entry"].as_u64().unwrap();

    // Another policy changes nothing about what was judged by the one before.
    let strict = domain::policy::DEFAULT_POLICY.replace("max_psi = 0.25", "max_psi = 0.0001");
    let adopt = server.post("/api/v1/policy").json(&json!({ "toml": strict, "password": crate::common::PASSWORD }));
    adopt.as_role(Role::Administrator).await.send().await.expect(200);
    let answer = recompute(&server, entry).await.expect(200).json();
    assert_eq!(answer["equal"], json!(true), "{answer}");
    assert!(answer["figures"].as_u64().unwrap() >= 2);

    // A file that was changed on the disk does not give what the entry says.
    let name = evidence["file"].as_str().unwrap().trim_start_matches("sha256:");
    std::fs::write(server.dir().join("evidence").join(&name[..2]).join(name), columns(41.0)).unwrap();
    let answer = recompute(&server, entry).await.expect(200).json();
    assert_eq!(answer["equal"], json!(false));
    assert!(answer["differences"][0].as_str().unwrap().contains("altered"), "{answer}");

    // The policy's digest follows from its text; what a person registered was told and not computed.
    let answer = recompute(&server, 0).await.expect(200).json();
    assert_eq!((&answer["rests_on"], &answer["equal"]), (&json!("ledger"), &json!(true)), "{answer}");
    let registered = server.get("/api/v1/ledger/entries?event=model.registered").as_role(Role::Auditor).await;
    let registered = registered.send().await.expect(200).json()["entries"][0]["seq"].as_u64().unwrap();
    let answer = recompute(&server, registered).await.expect(200).json();
    assert_eq!((&answer["rests_on"], answer.get("equal")), (&json!("nothing"), None), "{answer}");
    assert_problem(&recompute(&server, 4_000_000).await, 404, "subject.exists");
}
