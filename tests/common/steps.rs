//! The steps of a version's way, taken through the API as a client takes them.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test binary uses a part of this, and a broken set-up must panic"
)]

use std::{collections::BTreeSet, fmt::Write as _};

use countersign::clock::{Clock as _, ManualClock};
use domain::account::Role;
use serde_json::{Value, json};

use crate::common::{Answer, COMMIT, DATA_VERSION, TestServer, digest, lineage, model};

/// Test results in which all is green.
pub const JUNIT: &str = r#"<testsuite name="unit"><testcase classname="score" name="one" time="0.1"/></testsuite>"#;
/// A data check in which all is green.
pub const DATA_CHECK: &str = r#"{"success":true,"results":[{"success":true,"expectation_config":{"type":"expect_column_to_exist","kwargs":{"column":"income"}}}]}"#;
/// An evaluation in which all is green.
pub const EVALUATION: &str =
    r#"{"schema":"countersign/evaluation@1","figures":[{"name":"auc","value":0.81,"at_least":0.75}]}"#;
/// The meaning of the validator's signature under the shipped policy.
pub const MEANING: &str = "I validated this model independently of its development and approve its promotion.";

/// Registers a model of tier 3 in US and EU under this policy profile.
pub async fn register_model(server: &TestServer, name: &str, profile: &str) -> Answer {
    let mut body = model(name);
    body["profile"] = json!(profile);
    server.post("/api/v1/models").json(&body).as_role(Role::DataScientist).await.send().await
}

/// Registers the next version of a model and answers its address.
pub async fn register_version(server: &TestServer, name: &str, lineage: &Value) -> String {
    let body = json!({ "lineage": lineage, "note": "weekly retraining" });
    let path = format!("/api/v1/models/{name}/versions");
    let answer = server.post(&path).json(&body).as_role(Role::DataScientist).await.send().await.expect(201);
    let subject = answer.json()["subject"].as_str().unwrap().to_owned();
    format!("{path}/{}", subject.rsplit('/').next().unwrap())
}

/// Uploads evidence on a path.
pub async fn attach(server: &TestServer, version: &str, path: &str, bound_to: &str, file: &str) -> Answer {
    let address =
        format!("{version}/evidence?path={path}&bound_to={bound_to}&file_name={path}.txt&producer=ci%20run%20812");
    server.post(&address).bytes(file.into()).as_role(Role::DataScientist).await.send().await
}

/// Uploads green evidence on the three paths that Staging asks for.
pub async fn attach_all(server: &TestServer, version: &str) {
    attach(server, version, "code", COMMIT, JUNIT).await.expect(201);
    attach(server, version, "data", DATA_VERSION, DATA_CHECK).await.expect(201);
    attach(server, version, "model", &digest('c'), EVALUATION).await.expect(201);
    compare_with_champions(server, version).await;
}

/// Uploads a comparison with each version that serves now, in which both models score alike.
pub async fn compare_with_champions(server: &TestServer, version: &str) {
    let (model, number) = version.split_once("/versions/").unwrap();
    let answer = server.get(model).as_role(Role::DataScientist).await.send().await.expect(200).json();
    let champions = answer["champions"].as_object().unwrap().values();
    let rivals: BTreeSet<(u64, &str)> = champions
        .map(|champion| (champion["version"].as_u64().unwrap(), champion["weights"].as_str().unwrap()))
        .filter(|(rival, _)| rival.to_string() != number)
        .collect();
    for (rival, weights) in rivals {
        let mut file = format!("# champion: {weights}\n# champion-version: {rival}\nlabel,champion,challenger\n");
        for case in 0..600_u32 {
            let (label, score) = (u32::from(case % 3 == 0), case * 37 % 100 + case % 3 * 20);
            let _ = writeln!(file, "{label},{score},{score}");
        }
        let address = format!("{version}/evidence?bound_to={}&file_name=against-v{rival}.csv&producer=ci", digest('c'));
        let call = server.post(&address).bytes(file.into()).as_role(Role::DataScientist).await;
        call.send().await.expect(201);
    }
}

/// A model with one version of complete lineage and green evidence; answers the version's address.
pub async fn prepared(server: &TestServer, name: &str, profile: &str) -> String {
    register_model(server, name, profile).await.expect(201);
    let version = register_version(server, name, &lineage()).await;
    attach_all(server, &version).await;
    version
}

/// Asks for promotion as a colleague of the data scientist who registered the version.
pub async fn request(server: &TestServer, version: &str, to: &str, market: Option<&str>) -> Answer {
    let body = market.map_or_else(|| json!({ "to": to }), |market| json!({ "to": to, "market": market }));
    server.post(&format!("{version}/promotions")).json(&body).as_colleague(Role::DataScientist).await.send().await
}

/// A validation report with every section and this outcome.
pub fn report(outcome: &str) -> Value {
    let sections = [
        "purpose_and_scope",
        "conceptual_soundness",
        "data_review",
        "outcomes_analysis",
        "ongoing_monitoring",
        "limitations",
        "conclusion",
    ];
    let sections: serde_json::Map<String, Value> =
        sections.into_iter().map(|section| (section.to_owned(), json!(format!("On {section}: sound.")))).collect();
    json!({ "sections": sections, "outcome": outcome })
}

/// Records an approving validation report as the validator.
pub async fn validate(server: &TestServer, version: &str) -> Answer {
    let call = server.put(&format!("{version}/validation")).json(&report("approved"));
    call.as_role(Role::MrmValidator).await.send().await
}

/// Digest of the package of a request, as it stands.
pub async fn package(server: &TestServer, version: &str, request: u32) -> String {
    let call = server.get(&format!("{version}/promotions/{request}/package"));
    let answer = call.as_role(Role::MrmValidator).await.send().await.expect(200);
    answer.json()["digest"].as_str().unwrap().to_owned()
}

/// Signs a request in this role as its account, with the meaning that the package's gate states.
pub async fn sign(server: &TestServer, version: &str, request: u32, role: Role, meaning: &str) -> Answer {
    let package = package(server, version, request).await;
    let body =
        json!({ "role": role.id(), "meaning": meaning, "package": package, "password": crate::common::PASSWORD });
    server.post(&format!("{version}/promotions/{request}/sign")).json(&body).as_role(role).await.send().await
}

/// Uploads an evaluation on a market's path in which all is green.
pub async fn attach_for(server: &TestServer, version: &str, path: &str, market: &str) -> Answer {
    let address =
        format!("{version}/evidence?path={path}&market={market}&bound_to={}&file_name=e.json&producer=ci", digest('c'));
    server.post(&address).bytes(EVALUATION.into()).as_role(Role::DataScientist).await.send().await
}

/// A market's green results, attached.
async fn results(server: &TestServer, version: &str, path: &str, market: &str) {
    let address =
        format!("{version}/evidence?path={path}&market={market}&bound_to={}&file_name=e.json&producer=ci", digest('c'));
    server.post(&address).bytes(EVALUATION.into()).as_role(Role::DataScientist).await.send().await.expect(201);
}

/// From a version with green evidence to the US canary, on a clock that is moved.
pub async fn walk_to_canary(server: &TestServer, clock: &ManualClock, version: &str) {
    request(server, version, "staging", None).await.expect(201);
    request(server, version, "shadow", Some("US")).await.expect(201);
    results(server, version, "shadow", "US").await;
    clock.set(clock.now().plus_days(7));
    request(server, version, "canary", Some("US")).await.expect(201);
}

/// From the US canary to the first step after the promotion.
pub async fn promote(server: &TestServer, clock: &ManualClock, version: &str) {
    results(server, version, "canary", "US").await;
    clock.set(clock.now().plus_days(3));
    request(server, version, "production", Some("US")).await.expect(201);
}

/// Reports the last ten minutes of a version's traffic in a place such as `streamrec/US` with this error rate.
pub async fn observe(server: &TestServer, clock: &ManualClock, place: &str, version: u32, error_rate: f64) -> Answer {
    clock.set(clock.now().plus_minutes(10));
    let (from, to) = (clock.now().plus_minutes(-9).to_string(), clock.now().to_string());
    let body = json!({
        "version": version, "from": from, "to": to, "sample": 20_000,
        "figures": [
            { "metric": "error_rate", "value": error_rate, "lower": error_rate * 0.9, "upper": error_rate * 1.1 },
            { "metric": "p99_ratio", "value": 1.0, "lower": 0.97, "upper": 1.03 },
        ],
    });
    let call = server.post(&format!("/api/v1/rollouts/{place}/observations")).json(&body);
    call.as_role(Role::Service).await.send().await
}

/// From the first step after the promotion to champion, a day and a green window a step.
pub async fn roll_out(server: &TestServer, clock: &ManualClock, model: &str, version: u32) {
    for _ in 0..3 {
        clock.set(clock.now().plus_days(1));
        observe(server, clock, &format!("{model}/US"), version, 0.001).await.expect(200);
    }
}

/// The body of a signature as the validator.
pub fn signature(package: &str, password: &str) -> Value {
    json!({ "role": "mrm_validator", "meaning": MEANING, "package": package, "password": password })
}

/// A version of a regulated model that waits for nothing but the validator's signature; answers its address.
pub async fn signable(server: &TestServer, name: &str) -> String {
    let version = prepared(server, name, "sr-11-7").await;
    request(server, &version, "staging", None).await.expect(201);
    validate(server, &version).await.expect(200);
    version
}

/// A complete assessment as the API takes it, owned by this account.
pub fn assessment(owner: &str) -> Value {
    let parts = [
        "processing",
        "responsibilities",
        "data",
        "life_cycle",
        "purposes",
        "legal_basis",
        "minimisation",
        "accuracy",
        "storage_duration",
        "information",
        "access_and_portability",
        "rectification_and_erasure",
        "restriction_and_objection",
    ];
    let parts: serde_json::Map<String, Value> = parts.iter().map(|part| ((*part).to_owned(), json!("Said."))).collect();
    json!({
        "scope": {"markets": ["EU"]}, "parts": parts,
        "risks": [{"kind": "other", "title": "Unfair refusals",
            "initial": {"likelihood": "significant", "severity": "limited"},
            "residual": {"likelihood": "limited", "severity": "limited"}}],
        "measures": [{"title": "Monthly review by group", "owner": owner}],
        "views": {"sought": true, "text": "They want to be told."},
    })
}
