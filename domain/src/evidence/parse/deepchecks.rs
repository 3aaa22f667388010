//! Deepchecks results: a suite `{name, results[]}` or one check. A check that ran holds `conditions_results`; one that
//! raised an exception holds only `check` and `header`, with or without the exception's text.

use serde_json::Value;

use super::{ParseError, Parsed, bounded, node::Node};
use crate::evidence::{EvidenceKind, Facts, Figure, MAX_FAILURES, Verdict};

const KIND: &str = "Deepchecks result";

/// Whether the document is of this format.
pub(super) fn is_like(value: &Value) -> bool {
    let is_check = |value: &Value| {
        value.get("conditions_results").is_some() || (value.get("check").is_some() && value.get("header").is_some())
    };
    let first = value.get("results").and_then(Value::as_array).and_then(|results| results.first());
    is_check(value) || (value.get("name").is_some() && first.is_some_and(is_check))
}

#[derive(Default)]
struct Tally {
    checks: u64,
    broken: u64,
    passed: u64,
    warned: u64,
    failed: u64,
    failures: Vec<String>,
}

impl Tally {
    fn failure(&mut self, text: &str) {
        if self.failures.len() < MAX_FAILURES {
            self.failures.push(bounded(text));
        }
    }
}

/// Reads a suite or a check.
pub(super) fn read(value: &Value) -> Result<Parsed, ParseError> {
    let root = Node::root(KIND, value);
    let mut tally = Tally::default();
    let name = root.text_of("name")?.map_or_else(|| "One check".to_owned(), bounded);
    match root.get("results") {
        Some(results) => results.items()?.iter().try_for_each(|result| check(result, &mut tally))?,
        None => check(&root, &mut tally)?,
    }
    let judged = tally.passed + tally.warned + tally.failed;
    if judged == 0 && tally.broken == 0 {
        return Err(root.fault("no check has a condition, so nothing is judged"));
    }
    let verdict = if tally.failed == 0 && tally.broken == 0 { Verdict::Green } else { Verdict::Red };
    #[expect(clippy::cast_precision_loss, reason = "counts of checks stay far below 2^52")]
    let figure = |name: &str, count: u64| Figure::new(name, count as f64);
    let figures = vec![
        figure("checks", tally.checks),
        figure("checks that did not run", tally.broken),
        figure("conditions", judged),
        figure("passed", tally.passed),
        figure("warnings", tally.warned),
        figure("failed", tally.failed),
    ];
    let summary = format!(
        "{name}: {} of {judged} conditions passed, {} failed, {} warn; {} checks did not run.",
        tally.passed, tally.failed, tally.warned, tally.broken
    );
    Ok(Parsed::of(Facts::new(EvidenceKind::Deepchecks, verdict, summary).with(figures, tally.failures)))
}

fn check(node: &Node<'_>, tally: &mut Tally) -> Result<(), ParseError> {
    tally.checks += 1;
    let header = match node.text_of("header")? {
        Some(header) => header,
        None => node.need("check")?.text_of("name")?.unwrap_or("a check without name"),
    };
    let Some(conditions) = node.get("conditions_results") else {
        tally.broken += 1;
        let why = node.get("exception").and_then(|why| why.value.as_str()).map(|why| format!(": {why}"));
        tally.failure(&format!("{header} did not run{}", why.unwrap_or_default()));
        return Ok(());
    };
    for condition in conditions.items()? {
        let status = condition.need("Status")?;
        match status.text()?.to_ascii_uppercase().as_str() {
            "PASS" => tally.passed += 1,
            "WARN" => tally.warned += 1,
            "FAIL" | "ERROR" => {
                tally.failed += 1;
                let asked = condition.text_of("Condition")?.unwrap_or("a condition without text");
                let more = condition.text_of("More Info")?.map(|more| format!(" ({more})")).unwrap_or_default();
                tally.failure(&format!("{header}: {asked}{more}"));
            }
            other => return Err(status.fault(format!("{:?} is none of PASS, WARN, FAIL, ERROR", bounded(other)))),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Thresholds, parse};

    const PASSED: &str = r#"{"check": {"name": "IsSingleValue", "params": {}, "summary": "…"}, "header": "Single Value in Column", "value": {},
        "conditions_results": [{"Status": "PASS", "Condition": "Does not contain only a single value", "More Info": "Passed for 6 columns"}], "display": []}"#;
    const FAILED: &str = r#"{"check": {"name": "FeatureDrift"}, "header": "Feature Drift", "value": {}, "display": [],
        "conditions_results": [{"Status": "FAIL", "Condition": "categorical drift score < 0.2", "More Info": "Failed for 1 column: city"}]}"#;
    const BROKEN: &str = r#"{"check": {"name": "LabelDrift"}, "header": "Label Drift"}"#;

    fn suite(results: &str) -> String {
        format!(r#"{{"name": "Data Integrity Suite", "results": [{results}]}}"#)
    }

    #[test]
    fn conditions_are_counted_and_a_check_that_did_not_run_fails() {
        let facts_of = |file: &str| parse(file.as_bytes(), &Thresholds::default()).unwrap().facts;
        assert_eq!(facts_of(&suite(PASSED)).verdict, Verdict::Green);
        assert_eq!(facts_of(PASSED).verdict, Verdict::Green, "one check by itself");
        let failed = facts_of(&suite(&[PASSED, FAILED, BROKEN].join(",")));
        assert_eq!(failed.verdict, Verdict::Red);
        let said =
            ["Feature Drift: categorical drift score < 0.2 (Failed for 1 column: city)", "Label Drift did not run"];
        assert_eq!(failed.failures, said);
        assert_eq!(facts_of(&suite(&[PASSED, BROKEN].join(","))).verdict, Verdict::Red);
    }

    #[test]
    fn nothing_judged_and_odd_words_are_refused() {
        let fault = |file: &str| parse(file.as_bytes(), &Thresholds::default()).unwrap_err().to_string();
        let none = PASSED.replace("{\"Status\": \"PASS\", \"Condition\": \"Does not contain only a single value\", \"More Info\": \"Passed for 6 columns\"}", "");
        assert!(fault(&suite(&none)).contains("nothing is judged"));
        assert!(
            fault(&suite(&FAILED.replace("FAIL\"", "PERHAPS\""))).contains("/results/0/conditions_results/0/Status")
        );
    }
}
