//! The story that every part tells: unregulated models, versions with a complete lineage and three green pieces of evidence, which
//! then move to Staging.

use std::ops::Range;

use serde_json::{Value, json};

use crate::{Failure, drive::drive, http::Call, server::Server};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const DATA_VERSION: &str = "2026-10-01";
const WEIGHTS: &str = "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";
/// Clients that prepare; their speed is not a figure.
const PREPARERS: usize = 32;

/// Entries that one version becomes: registered, three pieces of evidence, requested, transitioned.
pub const ENTRIES_PER_VERSION: usize = 6;

/// The name of a model.
pub fn model(number: usize) -> String {
    format!("recommender-{number:04}")
}

/// Registers a model.
pub fn register_model(server: &Server, name: &str) -> Call {
    let body = json!({
        "name": name, "title": format!("Recommender for {name}"),
        "purpose": "Ranks the titles on the start page for signed-in subscribers.",
        "tier": "3", "profile": "unregulated", "markets": ["US", "EU"],
    });
    Call::json("/api/v1/models", &body).bearer(&server.token)
}

fn lineage() -> Value {
    let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
    json!({
        "code": {
            "git_commit": COMMIT, "repository": "https://git.bank.example/recommender", "image_digest": digest("a"),
        },
        "data": { "dataset": "views", "version": DATA_VERSION, "schema_digest": digest("b") },
        "model": { "weights_digest": WEIGHTS, "architecture": "two-tower network", "framework": "PyTorch 2.9" },
        "features": { "set_version": "7", "names": ["age_of_account", "hours_last_week", "genre_affinity"] },
        "hyperparameters": { "learning_rate": 0.001, "embedding": 128, "epochs": 12 },
        "training": { "system": "mlflow", "id": "0f6a1c2b3d4e", "random_seed": 42 },
        "metrics": { "ndcg": 0.412, "recall_at_20": 0.327 },
    })
}

/// Registers the next version of a model.
pub fn register_version(server: &Server, model: &str) -> Call {
    let body = json!({ "lineage": lineage(), "note": "Retrained on the last quarter." });
    Call::json(format!("/api/v1/models/{model}/versions"), &body).bearer(&server.token)
}

fn evidence(server: &Server, model: &str, version: usize) -> [Call; 3] {
    let tests = format!(
        "<testsuites><testsuite name=\"pytest\" tests=\"2\" errors=\"0\" failures=\"0\" skipped=\"0\"><properties>\
         <property name=\"git_commit\" value=\"{COMMIT}\"/></properties>\
         <testcase classname=\"ranking\" name=\"test_ties\" time=\"0.11\"/>\
         <testcase classname=\"ranking\" name=\"test_cold_start\" time=\"0.25\"/></testsuite></testsuites>"
    );
    let checks = json!({
        "success": true,
        "statistics": {
            "evaluated_expectations": 1, "successful_expectations": 1, "unsuccessful_expectations": 0,
        },
        "results": [{
            "success": true,
            "expectation_config": {
                "type": "expect_column_values_to_not_be_null", "kwargs": { "column": "title_id" },
            },
            "result": { "element_count": 1_200_000, "unexpected_count": 0 },
        }],
        "meta": { "great_expectations_version": "1.5.8" },
    });
    let evaluation = json!({
        "schema": "countersign/evaluation@1", "weights_digest": WEIGHTS,
        "figures": [
            { "name": "ndcg_at_10", "value": 0.412, "at_least": 0.4 },
            { "name": "recall_at_20", "value": 0.327, "at_least": 0.3 },
        ],
    });
    let files = [
        ("junit.xml", "code", COMMIT, "pytest", tests),
        ("checks.json", "data", DATA_VERSION, "great_expectations", checks.to_string()),
        ("evaluation.json", "model", WEIGHTS, "evaluate", evaluation.to_string()),
    ];
    files.map(|(name, path, bound_to, producer, file)| {
        let address = format!(
            "/api/v1/models/{model}/versions/{version}/evidence?file_name={name}&path={path}&bound_to={bound_to}&producer={producer}"
        );
        Call::post(address, file).bearer(&server.token)
    })
}

/// Asks for Staging; with everything there, the version moves at once.
pub fn promote(server: &Server, model: &str, version: usize) -> Call {
    let address = format!("/api/v1/models/{model}/versions/{version}/promotions");
    Call::json(address, &json!({ "to": "staging" })).bearer(&server.token)
}

/// Registers models.
pub async fn prepare_models(server: &Server, models: Range<usize>) -> Result<(), Failure> {
    let calls = models.map(|number| register_model(server, &model(number))).collect();
    drive(server.address, PREPARERS, calls).await.map(drop)
}

/// Registers versions of `models` models in turn, `from..to` of each, and brings each to where only the request is missing.
pub async fn prepare_versions(server: &Server, models: usize, versions: Range<usize>) -> Result<(), Failure> {
    let each = || versions.clone().flat_map(move |version| (0..models).map(move |number| (model(number), version)));
    let calls = each().map(|(model, _)| register_version(server, &model)).collect();
    drive(server.address, PREPARERS, calls).await?;
    let calls = each().flat_map(|(model, version)| evidence(server, &model, version)).collect();
    drive(server.address, PREPARERS, calls).await.map(drop)
}

/// The requests that move the versions which [`prepare_versions`] prepared.
pub fn promotions(server: &Server, models: usize, versions: Range<usize>) -> Vec<Call> {
    versions
        .flat_map(move |version| (0..models).map(move |number| (model(number), version)))
        .map(|(model, version)| promote(server, &model, version))
        .collect()
}
