//! Evidence files of the demo beyond tests, data checks and evaluations: lint results, image facts, raw columns,
//! behavioural tests, and the comparison with the champion.

use std::fmt::Write as _;

use domain::id::VersionNumber;
use ledger::Digest;
use serde_json::{Value, json};

use super::files::made_up;

/// A behavioural test: capability, name, type, cases, failures.
pub(super) type Behaviour = (&'static str, &'static str, &'static str, u32, u32);

/// A share between 0 and 1 that looks drawn at random and is always the same for `text`.
fn drawn(text: &str) -> f64 {
    f64::from(made_up(text, 1 << 20)) / f64::from(1_u32 << 20)
}

/// A SARIF log of ruff with one warning.
pub(super) fn lint(commit: &str) -> String {
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "ruff", "version": "0.14.5", "rules": [{"id": "PLR0913"}]}},
            "versionControlProvenance": [{"repositoryUri": "https://git.example/risk/models", "revisionId": commit}],
            "results": [{
                "ruleId": "PLR0913",
                "level": "warning",
                "message": {"text": "Too many arguments in function definition (7 > 6)"},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": "src/features/window.py"}, "region": {"startLine": 88},
                }}],
            }],
        }],
    });
    format!("{document:#}\n")
}

/// What `docker image inspect` prints of an image.
pub(super) fn image(digest: &str) -> String {
    let layer = |index: u32| Digest::of(format!("{digest} layer {index}").as_bytes()).to_string();
    let document = json!([{
        "Id": Digest::of(format!("{digest} configuration").as_bytes()).to_string(),
        "RepoTags": [],
        "RepoDigests": [format!("registry.example/models/training@{digest}")],
        "Architecture": "amd64",
        "Os": "linux",
        "Size": 1_842_000_000_u64 + u64::from(made_up(digest, 90_000_000)),
        "RootFS": {"Type": "layers", "Layers": (0..11).map(layer).collect::<Vec<_>>()},
        "Config": {"User": "10001", "Labels": {}},
    }]);
    format!("{document:#}\n")
}

/// Raw columns of reference and current data in which nothing has moved far.
pub(super) fn columns(features: &[&str], partition: &str) -> String {
    const ROWS: u32 = 400;
    let mut file = format!("# data_version: {partition}\ndataset,{}\n", features.join(","));
    for side in ["reference", "current"] {
        for row in 0..ROWS {
            file.push_str(side);
            for feature in features {
                let value = drawn(&format!("{partition}{side}{feature}{row}")) + drawn(&format!("{row}{feature}"));
                // Writing to a String cannot fail.
                let _ = write!(file, ",{value:.4}");
            }
            file.push('\n');
        }
    }
    file
}

/// Results of the checks of a data contract, all passed.
pub(super) fn contract(name: &str, checks: &[&str], partition: &str) -> String {
    let checks: Vec<Value> = checks.iter().map(|check| json!({"name": check, "result": "passed"})).collect();
    let document = json!({
        "schema": "countersign/contract@1", "contract": name, "version": "3.1.0", "data_version": partition,
        "checks": checks,
    });
    format!("{document:#}\n")
}

/// A behavioural suite.
pub(super) fn behaviour(tests: &[Behaviour], weights: &str) -> String {
    let tests: Vec<Value> = tests
        .iter()
        .map(|(capability, name, kind, n, failures)| {
            json!({"capability": capability, "name": name, "type": kind, "n": n, "failures": failures})
        })
        .collect();
    format!("{:#}\n", json!({"schema": "countersign/behaviour@1", "weights_digest": weights, "tests": tests}))
}

/// Scores of champion and challenger on the same cases; the challenger is a little better.
pub(super) fn pairs(champion: VersionNumber, champion_weights: &Digest, weights: &str) -> String {
    const CASES: u32 = 1_500;
    let mut file = format!(
        "# metric: auc\n# champion-version: {champion}\n# champion: {champion_weights}\n# challenger: {weights}\n\
         label,champion,challenger,segment\n"
    );
    for case in 0..CASES {
        let of = |what: &str| drawn(&format!("{weights}{what}{case}"));
        let label = f64::from(u8::from(of("label") < 0.3));
        let segment = if of("segment") < 0.35 { "new customers" } else { "known customers" };
        let shared = 0.5 * of("case");
        let (old, new) = (shared + 0.3 * label + 0.03 * of("old"), shared + 0.31 * label + 0.03 * of("new"));
        let _ = writeln!(file, "{label},{old:.5},{new:.5},{segment}");
    }
    file
}
