//! Evidence files of the demo, in the formats that real tools write.

use std::fmt::Write as _;

use domain::{
    evidence::{Artifact, EvidencePath},
    id::VersionNumber,
};
use ledger::{Digest, Timestamp};
use serde_json::{Value, json};

use super::{
    gates::{self, Behaviour},
    trials::{CanaryTrial, ShadowTrial},
};

/// A test suite: its class name and the names of its cases.
pub(super) type Suite = (&'static str, &'static [&'static str]);
/// An expectation: its type and the column that it is about.
pub(super) type Check = (&'static str, &'static str);

/// What a figure is held against.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    Free,
}

/// What a file says, before it is bound to an artifact.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    /// `JUnit` XML in which all cases pass.
    Tests(&'static [Suite]),
    /// A Great Expectations result, with the columns whose expectations fail.
    Checks(&'static [Check], &'static [&'static str]),
    /// `countersign/evaluation@1`.
    Evaluation(&'static [(&'static str, f64, Bound)]),
    /// A SARIF log without errors.
    Lint,
    /// What `docker image inspect` prints.
    Image,
    /// Raw columns of these features, with no drift.
    Columns(&'static [&'static str]),
    /// Checks of a data contract: its name, and what was checked.
    Contract(&'static str, &'static [&'static str]),
    /// A behavioural suite.
    Behaviour(&'static [Behaviour]),
    /// Scores beside those of the champion with these weights.
    Pairs(VersionNumber, Digest),
    /// Pairs of scores of a shadow evaluation.
    Shadow(&'static ShadowTrial),
    /// The assignment log of a canary.
    Canary(&'static CanaryTrial),
}

impl Content {
    /// What a file of this content is bound to on `path`.
    pub(super) fn artifact(self, path: EvidencePath) -> Artifact {
        if matches!(self, Self::Image) { Artifact::ImageDigest } else { path.artifact() }
    }

    /// The file, speaking of the artifact `bound_to`.
    pub(super) fn render(self, bound_to: &str, produced_at: Timestamp) -> String {
        match self {
            Self::Tests(suites) => junit(suites, bound_to, produced_at),
            Self::Checks(checks, failing) => great_expectations(checks, failing, bound_to, produced_at),
            Self::Evaluation(figures) => evaluation(figures, bound_to),
            Self::Lint => gates::lint(bound_to),
            Self::Image => gates::image(bound_to),
            Self::Columns(features) => gates::columns(features, bound_to),
            Self::Contract(name, checks) => gates::contract(name, checks, bound_to),
            Self::Behaviour(tests) => gates::behaviour(tests, bound_to),
            Self::Pairs(champion, weights) => gates::pairs(champion, &weights, bound_to),
            // Rows are of a stretch of time, which the file's maker knows: see `rows`.
            Self::Shadow(_) | Self::Canary(_) => String::new(),
        }
    }
}

/// A number below `limit` that looks drawn at random and is always the same for `text`.
pub(super) fn made_up(text: &str, limit: u32) -> u32 {
    let digest = Digest::of(text.as_bytes());
    let [a, b, c, d, ..] = *digest.as_bytes();
    u32::from_be_bytes([a, b, c, d]) % limit
}

fn junit(suites: &[Suite], commit: &str, produced_at: Timestamp) -> String {
    let mut cases = String::new();
    let mut total = 0;
    for (class, names) in suites {
        for name in *names {
            total += 1;
            let millis = made_up(&format!("{commit}{class}{name}"), 4_000) + 3;
            // Writing to a String cannot fail.
            let _ = writeln!(
                cases,
                "    <testcase classname=\"{class}\" name=\"{name}\" time=\"{}.{:03}\"/>",
                millis / 1_000,
                millis % 1_000
            );
        }
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<testsuites>\n  <testsuite name=\"pytest\" tests=\"{total}\" \
         errors=\"0\" failures=\"0\" skipped=\"0\" timestamp=\"{produced_at}\" hostname=\"ci-runner-04\">\n    \
         <properties><property name=\"git_commit\" value=\"{commit}\"/></properties>\n{cases}  </testsuite>\n</testsuites>\n"
    )
}

fn great_expectations(checks: &[Check], failing: &[&str], partition: &str, produced_at: Timestamp) -> String {
    let results: Vec<Value> = checks
        .iter()
        .map(|(kind, column)| {
            let rows = 1_200_000 + made_up(&format!("{partition} rows"), 400_000);
            let bad = failing.contains(column);
            let unexpected = if bad { rows / 37 } else { made_up(&format!("{partition}{column}"), 40) };
            json!({
                "success": !bad,
                "expectation_config": {"type": kind, "kwargs": {"column": column, "mostly": 0.999, "batch_id": partition}},
                "result": {"element_count": rows, "unexpected_count": unexpected},
                "exception_info": {"raised_exception": false, "exception_message": null},
            })
        })
        .collect();
    let met = results.iter().filter(|result| result["success"] == true).count();
    let document = json!({
        "success": met == results.len(),
        "statistics": {
            "evaluated_expectations": results.len(),
            "successful_expectations": met,
            "unsuccessful_expectations": results.len() - met,
        },
        "results": results,
        "meta": {"great_expectations_version": "1.5.8", "batch_id": partition, "validation_time": produced_at},
    });
    format!("{document:#}\n")
}

fn evaluation(figures: &[(&str, f64, Bound)], weights: &str) -> String {
    let figures: Vec<Value> = figures
        .iter()
        .map(|&(name, value, bound)| match bound {
            Bound::AtLeast(low) => json!({"name": name, "value": value, "at_least": low}),
            Bound::AtMost(high) => json!({"name": name, "value": value, "at_most": high}),
            Bound::Free => json!({"name": name, "value": value}),
        })
        .collect();
    format!("{:#}\n", json!({"schema": "countersign/evaluation@1", "weights_digest": weights, "figures": figures}))
}
