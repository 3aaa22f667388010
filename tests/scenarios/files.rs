//! Evidence as pipelines hand it over: test results, data checks, drift, scores, requests row by row.

use std::fmt::Write as _;

use domain::split::{Arm, Split};
use ledger::Timestamp;

use crate::common::{COMMIT, digest};

/// Test results of the commit, all green.
pub fn tests() -> String {
    format!(
        r#"<?xml version="1.0"?><testsuites><testsuite name="pytest" tests="3" failures="0" errors="0" skipped="0">
        <properties><property name="git_commit" value="{COMMIT}"/></properties>
        <testcase classname="tests.unit" name="score_lies_between_0_and_1" time="0.02"/>
        <testcase classname="tests.unit" name="missing_income_is_referred" time="0.01"/>
        <testcase classname="tests.integration" name="service_equals_batch" time="3.4"/></testsuite></testsuites>"#
    )
}

/// What a linter says of clean code.
pub const LINT: &str = r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "ruff"}}, "results": []}]}"#;

/// A Great Expectations result in which everything was met.
pub fn expectations() -> String {
    let of = |kind: &str, column: &str| {
        format!(
            r#"{{"success": true, "expectation_config": {{"type": "{kind}", "kwargs": {{"column": "{column}"}}}}, "result": {{}}}}"#
        )
    };
    let results = [
        of("expect_column_values_to_not_be_null", "income"),
        of("expect_column_values_to_be_between", "age_of_account"),
    ];
    format!(
        r#"{{"success": true, "statistics": {{"evaluated_expectations": 2, "successful_expectations": 2}}, "results": [{}]}}"#,
        results.join(",")
    )
}

/// An Evidently report of columns that hardly moved.
pub const EVIDENTLY: &str = r#"{"metrics": [{"id": "b", "metric_name": "ValueDrift(column=age_of_account)", "config":
    {"type": "evidently:metric_v2:ValueDrift", "column": "age_of_account", "method": "Wasserstein distance (normed)", "threshold": 0.1}, "value": 0.02},
    {"id": "a", "metric_name": "ValueDrift(column=income)", "config":
    {"type": "evidently:metric_v2:ValueDrift", "column": "income", "method": "psi", "threshold": 0.1}, "value": 0.04}], "tests": []}"#;

/// An offline evaluation above its floor.
pub fn evaluation() -> String {
    format!(
        r#"{{"schema": "countersign/evaluation@1", "weights_digest": "{}", "figures": [
            {{"name": "auc", "value": 0.81, "at_least": 0.75}}, {{"name": "brier", "value": 0.058, "at_most": 0.07}}]}}"#,
        digest('c')
    )
}

/// Behavioural tests within their rates.
pub fn behaviour() -> String {
    format!(
        r#"{{"schema": "countersign/behaviour@1", "suite": "credit", "weights_digest": "{}", "tests": [
            {{"capability": "income", "name": "more income never lowers the score", "type": "DIR", "n": 500, "failures": 3}},
            {{"capability": "fairness", "name": "names do not matter", "type": "INV", "n": 500, "failures": 0}}]}}"#,
        digest('c')
    )
}

/// The challenger's scores beside those of the scorecard that it is to replace, on the same cases.
pub fn paired_scores() -> String {
    let mut file = format!("# metric: auc\n# champion: {}\nlabel,champion,challenger,segment\n", digest('9'));
    for case in 0..1_200_u32 {
        let (label, score) = (u32::from(case % 3 == 0), case * 37 % 100 + case % 3 * 20);
        let segment = ["new customers", "known customers"][usize::from(case % 2 == 0)];
        let _ = writeln!(file, "{label},{score},{},{segment}", score + u32::from(label == 1));
    }
    file
}

/// A request to both models every two minutes from `from` on, for eight days.
pub fn shadow(from: Timestamp) -> String {
    let mut file = "request_id,time,served_by,champion_score,challenger_score,champion_latency_ms,\
                    challenger_latency_ms,champion_features,challenger_features,segment\n"
        .to_owned();
    for row in 0..6_000_u32 {
        let champion = f64::from(row * 7_919 % 6_007) / 6_007.0;
        let challenger = champion + 0.001 * champion.sin();
        let time = from.seconds() + i64::from(row) * 120;
        let segment = ["salaried", "self-employed"][usize::from(row % 4 == 0)];
        let _ = writeln!(file, "r{row},{time},champion,{champion},{challenger},20,21,ab{row},ab{row},{segment}");
    }
    file
}

/// The log of a canary over `days` from `from` on: users in the arm of the published split, six requests each, on three
/// or four of which they clicked, whoever answered.
pub fn canary(split: &Split, from: Timestamp, users: u32, days: i64) -> String {
    let mut file = "user_id,time,arm,latency_ms,error,complaint,clicked\n".to_owned();
    let rows = i64::from(users) * 6;
    for user in 0..users {
        let name = format!("user-{user}");
        let arm = match split.arm(&name) {
            Arm::Champion => "champion",
            Arm::Challenger => "challenger",
        };
        for request in 0..6_u32 {
            let time = from.seconds() + (i64::from(user * 6 + request) * (days * 86_400)) / rows;
            let clicked = u8::from(request < 3 + user % 2);
            let _ = writeln!(file, "{name},{time},{arm},20,0,0,{clicked}");
        }
    }
    file
}
