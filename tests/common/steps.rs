//! The steps of a version's way, taken through the API as a client takes them.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test binary uses a part of this, and a broken set-up must panic"
)]

use std::{collections::BTreeSet, fmt::Write as _};

use countersign::clock::{Clock as _, ManualClock};
use domain::{
    VersionId,
    account::Role,
    split::{Split, buckets_of_percent},
};
use ledger::Timestamp;
use serde_json::{Value, json};

use crate::common::{Answer, COMMIT, DATA_VERSION, TestServer, digest, lineage, model};

/// Test results in which all is green.
pub const JUNIT: &str = r#"<testsuite name="unit"><testcase classname="score" name="one" time="0.1"/></testsuite>"#;
/// A data check in which all is green.
pub const DATA_CHECK: &str = r#"{"success":true,"results":[{"success":true,"expectation_config":{"type":"expect_table_columns_to_match_set","kwargs":{"column_set":["age_of_account","income"]}}}]}"#;
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
    let (model, _) = version.split_once("/versions/").unwrap();
    let model = server.get(model).as_role(Role::DataScientist).await.send().await.expect(200).json();
    if model["profile"] != "unregulated" {
        for (name, path, bound_to, file) in further_checks() {
            let address = format!("{version}/evidence?path={path}&bound_to={bound_to}&file_name={name}&producer=ci");
            let call = server.post(&address).bytes(file.into()).as_role(Role::DataScientist).await;
            call.send().await.expect(201);
        }
    }
    compare_with_champions(server, version).await;
}

/// What a regulated model's gate to Staging asks for beyond tests, expectations and evaluation: a file's name, its path,
/// what it is bound to, and the file, all green.
pub fn further_checks() -> [(&'static str, &'static str, String, String); 5] {
    let lint = r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "ruff"}}, "results": []}]}"#.to_owned();
    let contract = format!(
        r#"{{"schema": "countersign/contract@1", "contract": "loans", "version": "3", "data_version": "{DATA_VERSION}",
            "checks": [{{"name": "income is there", "result": "passed"}}, {{"name": "loan ids are unique", "result": "passed"}}]}}"#
    );
    let behaviour = format!(
        r#"{{"schema": "countersign/behaviour@1", "suite": "credit", "weights_digest": "{}", "tests": [
            {{"capability": "income", "name": "more income never lowers the score", "type": "DIR", "n": 500, "failures": 3}}]}}"#,
        digest('c')
    );
    [
        ("ruff.sarif", "code", COMMIT.to_owned(), lint),
        ("image.json", "code", digest('a'), image()),
        ("columns.csv", "data", DATA_VERSION.to_owned(), columns()),
        ("contract.json", "data", DATA_VERSION.to_owned(), contract),
        ("behaviour.json", "model", digest('c'), behaviour),
    ]
}

/// What `docker image inspect` prints of the image that [`lineage`] names.
pub fn image() -> String {
    format!(
        r#"[{{"Id": "{}", "RepoDigests": ["registry.bank.example/credit@{}"], "Os": "linux", "Architecture": "amd64",
            "Size": 1000, "RootFS": {{"Type": "layers", "Layers": ["{}"]}}, "Config": {{"Labels": {{}}}}}}]"#,
        digest('1'),
        digest('a'),
        digest('2')
    )
}

/// Raw values of both features, before and now, alike.
pub fn columns() -> String {
    let mut file = format!("# data_version: {DATA_VERSION}\ndataset,income,age_of_account\n");
    for row in 0..300 {
        let (income, age) = (row * 37 % 300, row * 7 % 300);
        let _ = writeln!(file, "reference,{income},{age}\ncurrent,{income},{age}");
    }
    file
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

/// The requests of a market since the version entered its stage there, row by row, in which all is green: of both models
/// on the path `shadow`, of the users of either arm on the path `canary`. Days without end count from midnight to midnight
/// UTC, so a trial that is to last `n` days is long enough after `n - 1` times 24 hours.
pub async fn attach_for(server: &TestServer, version: &str, path: &str, market: &str) -> Answer {
    let shown = server.get(version).as_role(Role::Auditor).await.send().await.expect(200).json();
    let since = shown["tracks"][market]["since"].as_str().map(|since| since.parse().unwrap());
    let (from, to) = (since.unwrap_or_else(|| server.app.clock.now()), server.app.clock.now());
    let file = if path == "shadow" {
        shadow_rows(from, to)
    } else {
        let (model, number) = version.trim_start_matches("/api/v1/models/").split_once("/versions/").unwrap();
        let id = VersionId { model: model.parse().unwrap(), number: number.parse().unwrap() };
        let percent = if market == "EU" { 5.0 } else { 10.0 };
        canary_rows(&Split::for_canary(&id, &market.parse().unwrap(), buckets_of_percent(percent)), from, to)
    };
    let address = format!(
        "{version}/evidence?path={path}&market={market}&bound_to={}&file_name={path}.csv&producer=serving",
        digest('c')
    );
    server.post(&address).bytes(file.into()).as_role(Role::DataScientist).await.send().await
}

/// The instant of row `row` of `rows`, evenly spread.
fn moment(from: Timestamp, to: Timestamp, row: u32, rows: u32) -> Timestamp {
    from.plus_seconds((to.seconds() - from.seconds()) * i64::from(row) / i64::from(rows - 1))
}

/// Requests that both models scored alike.
pub fn shadow_rows(from: Timestamp, to: Timestamp) -> String {
    const ROWS: u32 = 5_200;
    let mut file = "request_id,time,served_by,champion_score,challenger_score,champion_latency_ms,\
                    challenger_latency_ms,champion_features,challenger_features,segment\n"
        .to_owned();
    for row in 0..ROWS {
        let score = f64::from(row * 7_919 % 6_007) / 6_007.0;
        let segment = ["adults", "kids"][usize::from(row % 4 == 0)];
        let time = moment(from, to, row, ROWS);
        let _ = writeln!(file, "r{row},{time},champion,{score},{score},20,21,f{row},f{row},{segment}");
    }
    file
}

/// Two requests of each user, in the arm of the published split, one of which is clicked by almost everybody.
pub fn canary_rows(split: &Split, from: Timestamp, to: Timestamp) -> String {
    // As many users as leave 600 to the challenger.
    let users = 6_000_000 / u32::from(split.challenger_buckets);
    let mut file = "user_id,time,arm,latency_ms,error,complaint,clicked\n".to_owned();
    for user in 0..users {
        let name = format!("user-{user}");
        let (arm, often) = (split.arm(&name), u8::from(user % 50 == 0));
        for (request, clicked) in [(0, 1), (1, often)] {
            let time = moment(from, to, user * 2 + request, users * 2);
            let _ = writeln!(file, "{name},{time},{arm},20,0,0,{clicked}");
        }
    }
    file
}

/// From a version with green evidence to the US canary, on a clock that is moved.
pub async fn walk_to_canary(server: &TestServer, clock: &ManualClock, version: &str) {
    request(server, version, "staging", None).await.expect(201);
    request(server, version, "shadow", Some("US")).await.expect(201);
    clock.set(clock.now().plus_days(7));
    attach_for(server, version, "shadow", "US").await.expect(201);
    request(server, version, "canary", Some("US")).await.expect(201);
}

/// From the US canary to the first step after the promotion.
pub async fn promote(server: &TestServer, clock: &ManualClock, version: &str) {
    clock.set(clock.now().plus_days(3));
    attach_for(server, version, "canary", "US").await.expect(201);
    request(server, version, "production", Some("US")).await.expect(201);
    first_step(server, clock, version).await;
}

/// A green window at the canary's share, which takes a promoted version to the next.
pub async fn first_step(server: &TestServer, clock: &ManualClock, version: &str) {
    let mut parts = version.rsplit('/');
    let (number, model) = (parts.next().unwrap().parse().unwrap(), parts.nth(1).unwrap());
    let answer = observe(server, clock, &format!("{model}/US"), number, 0.001).await.expect(200).json();
    assert_eq!(answer["entries"][1]["event"], "rollout.advanced");
}

/// Counts of a feature whose index is this, to a part in a thousand, and never above it.
pub fn moved(psi: f64) -> Value {
    const HALF: u64 = 50_000;
    let counts = |by: u64| [vec![HALF, HALF], vec![HALF + by, HALF - by]];
    let index = |by: u64| {
        let [reference, actual] = counts(by);
        domain::statistics::psi_of_counts(&reference, &actual, 1e-6).unwrap()
    };
    let by = (0..HALF).take_while(|by| index(*by) <= psi).last().unwrap();
    let [reference, actual] = counts(by);
    json!({ "reference": reference, "actual": actual })
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
