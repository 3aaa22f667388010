//! Checks of a data contract: the JSON test results of the Data Contract CLI (`datacontract test --output-format json`),
//! which tests contracts of the Open Data Contract Standard; or `countersign/contract@1` for any other tool:
//! `{"schema": "countersign/contract@1", "contract": "orders", "version": "1.2.0", "data_version": "2026-10-01",
//!   "checks": [{"name": "order_id is unique", "result": "passed", "reason": "…"}]}`.

use serde_json::Value;

use super::{ParseError, Parsed, bounded, node::Node};
use crate::evidence::{Artifact, EvidenceKind, Facts, Figure, MAX_FAILURES, Verdict};

/// Name of the format of our own.
pub(super) const SCHEMA: &str = "countersign/contract@1";
const CLI: &str = "data contract test result";

/// Whether the document is of the Data Contract CLI.
pub(super) fn is_like(value: &Value) -> bool {
    value.get("checks").is_some_and(Value::is_array)
        && (value.get("runId").is_some() || value.get("dataContractId").is_some())
}

/// Reads the results of either format.
pub(super) fn read(value: &Value) -> Result<Parsed, ParseError> {
    let is_own = value.get("schema").is_some_and(|schema| schema == SCHEMA);
    let root = Node::root(if is_own { SCHEMA } else { CLI }, value);
    let (contract, version) = if is_own {
        root.only(&["schema", "contract", "version", "data_version", "checks"])?;
        (root.need("contract")?.text()?, root.text_of("version")?)
    } else {
        (root.text_of("dataContractId")?.unwrap_or("a contract without id"), root.text_of("dataContractVersion")?)
    };
    let data_version = if is_own { root.text_of("data_version")? } else { None };
    let (mut passed, mut warned, mut failed, mut errors, mut others) = (0_u64, 0_u64, 0_u64, 0_u64, 0_u64);
    let mut failures = Vec::new();
    let list = root.need("checks")?;
    for check in list.items()? {
        if is_own {
            check.only(&["name", "type", "model", "field", "result", "reason"])?;
        }
        let result = check.get("result");
        match result.as_ref().map(Node::text).transpose()?.unwrap_or("unknown") {
            "passed" => passed += 1,
            "warning" => warned += 1,
            "failed" => failed += 1,
            "error" => errors += 1,
            "info" | "skipped" | "unknown" => others += 1,
            other => {
                let fault =
                    format!("{:?} is no result; passed, warning, failed, error, info, skipped are", bounded(other));
                return Err(check.fault(fault));
            }
        }
        let is_bad = result.is_some_and(|result| result.value == "failed" || result.value == "error");
        if is_bad && failures.len() < MAX_FAILURES {
            failures.push(failure(&check)?);
        }
    }
    let (bad, total) = (failed + errors, passed + warned + failed + errors + others);
    if total == 0 {
        return Err(list.fault("it holds no check, so it proves nothing"));
    }
    let mut run_error = false;
    if let Some(word) = root.get("result").filter(|_| !is_own) {
        let said = word.text()?;
        if matches!(said, "passed" | "warning") && bad > 0 {
            return Err(word.fault(format!("it says {said} while {bad} checks failed")));
        }
        if said == "failed" && bad == 0 {
            return Err(word.fault("it says failed while no check did".to_owned()));
        }
        // A run can meet an error that is none of a check's.
        run_error = said == "error" && bad == 0;
        if run_error {
            failures.push("the run itself met an error".to_owned());
        }
    }
    let verdict = if bad == 0 && !run_error && passed > 0 { Verdict::Green } else { Verdict::Red };
    #[expect(clippy::cast_precision_loss, reason = "counts of checks stay far below 2^52")]
    let figure = |name: &str, count: u64| Figure::new(name, count as f64);
    let figures = vec![
        figure("checks", total),
        figure("passed", passed),
        figure("warnings", warned),
        figure("failed", failed),
        figure("errors", errors),
        figure("not run", others),
    ];
    let contract = bounded(&format!("{contract}{}", version.map(|v| format!(" {v}")).unwrap_or_default()));
    let summary = format!("Contract {contract}: {passed} of {total} checks passed, {bad} failed, {warned} warn.");
    Ok(Parsed {
        names: data_version.map(|version| (Artifact::DataVersion, version.to_owned())),
        ..Parsed::of(Facts::new(EvidenceKind::Contract, verdict, summary).with(figures, failures))
    })
}

fn failure(check: &Node<'_>) -> Result<String, ParseError> {
    let name = match check.text_of("name")? {
        Some(name) => name,
        None => check.text_of("type")?.unwrap_or("a check without name"),
    };
    let place = match (check.text_of("model")?, check.text_of("field")?) {
        (Some(model), Some(field)) => format!(" ({model}.{field})"),
        (Some(one), None) | (None, Some(one)) => format!(" ({one})"),
        (None, None) => String::new(),
    };
    let reason = check.text_of("reason")?.map(|reason| format!(": {reason}")).unwrap_or_default();
    Ok(bounded(&format!("{name}{place}{reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Thresholds, parse};

    fn cli(result: &str, second: &str) -> String {
        format!(
            r#"{{"runId": "5f0c9ad8-53a4-4a52-8b5a-6e9f1d4b2c11", "datacontractCliVersion": "0.11.0", "dataContractId": "orders",
            "dataContractVersion": "1.0.0", "server": "production", "timestampStart": "2026-10-01T06:00:00Z", "timestampEnd": "2026-10-01T06:00:09Z",
            "result": "{result}", "logs": [], "checks": [
            {{"category": "schema", "type": "field_is_present", "name": "Check that field order_id is present", "model": "orders", "field": "order_id", "engine": "ibis", "result": "passed"}},
            {{"category": "quality", "type": "field_unique", "name": "Check that field order_id is unique", "model": "orders", "field": "order_id", "engine": "ibis", "result": "{second}", "reason": "Value(s) not unique: 3"}}]}}"#
        )
    }

    #[test]
    fn the_data_contract_clis_results_are_counted_here() {
        let read = |file: &str| parse(file.as_bytes(), &Thresholds::default());
        let passed = read(&cli("passed", "passed")).unwrap().facts;
        assert_eq!((passed.verdict, passed.kind), (Verdict::Green, EvidenceKind::Contract));
        let failed = read(&cli("failed", "failed")).unwrap().facts;
        assert_eq!(failed.verdict, Verdict::Red);
        assert_eq!(failed.failures, ["Check that field order_id is unique (orders.order_id): Value(s) not unique: 3"]);
        assert_eq!(read(&cli("warning", "warning")).unwrap().facts.verdict, Verdict::Green);
        let lie = read(&cli("passed", "error")).unwrap_err().to_string();
        assert!(lie.contains("/result: it says passed while 1 checks failed"), "{lie}");
        let lie = read(&cli("failed", "passed")).unwrap_err().to_string();
        assert!(lie.contains("/result: it says failed while no check did"), "{lie}");
        let run = read(&cli("error", "passed")).unwrap().facts;
        assert_eq!((run.verdict, run.failures), (Verdict::Red, vec!["the run itself met an error".to_owned()]));
        let odd = read(&cli("passed", "perhaps")).unwrap_err().to_string();
        assert!(odd.contains("/checks/1") && odd.contains("perhaps"), "{odd}");
    }

    #[test]
    fn our_own_format_names_the_data_and_knows_no_other_fields() {
        let file = r#"{"schema": "countersign/contract@1", "contract": "orders", "data_version": "2026-10-01", "checks": [{"name": "unique", "result": "passed"}]}"#;
        let parsed = parse(file.as_bytes(), &Thresholds::default()).unwrap();
        assert_eq!(parsed.names, Some((Artifact::DataVersion, "2026-10-01".into())));
        let odd = file.replace("\"name\"", "\"nam\"");
        assert!(parse(odd.as_bytes(), &Thresholds::default()).unwrap_err().to_string().contains("/checks/0/nam"));
        let none = file.replace(r#"{"name": "unique", "result": "passed"}"#, "");
        assert!(parse(none.as_bytes(), &Thresholds::default()).unwrap_err().to_string().contains("proves nothing"));
        let skipped = file.replace(r#""passed""#, r#""skipped""#);
        assert_eq!(parse(skipped.as_bytes(), &Thresholds::default()).unwrap().facts.verdict, Verdict::Red);
    }
}
