//! Great Expectations results, 0.x and 1.x: a validation result (`results` with `expectation_config`), a described one
//! (`expectations`), or a checkpoint result that wraps several (`run_results`, `validation_results`).
//!
//! What counts are the expectations one by one. A word or a number over them that says otherwise (`success`, `statistics`),
//! or an expectation that is called met although it raised an exception or its own counts say no, is a contradiction.
//!
//! 1.x says `type` where 0.x says `expectation_type`. `exception_info` is one object, or, where a metric could not be
//! computed, an object of such objects by metric id.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ParseError, Parsed, bounded, node::Node};
use crate::evidence::{EvidenceKind, Facts, Figure, MAX_FAILURES, Verdict};

const KIND: &str = "Great Expectations result";

/// Whether the document is of this format.
pub(super) fn is_like(value: &Value) -> bool {
    let has = |key: &str| value.get(key).is_some();
    has("success")
        && (value.get("results").is_some_and(Value::is_array)
            || has("run_results")
            || has("validation_results")
            || (has("expectations") && has("statistics")))
}

#[derive(Default)]
struct Tally {
    validations: u64,
    bad_validations: u64,
    total: u64,
    failed: u64,
    failures: Vec<String>,
    columns: BTreeSet<String>,
}

/// Notes the columns that an expectation looks at.
fn note_columns(config: &Node<'_>, columns: &mut BTreeSet<String>) {
    let Some(kwargs) = config.get("kwargs") else { return };
    for key in ["column", "column_A", "column_B"] {
        columns.extend(kwargs.value.get(key).and_then(Value::as_str).map(bounded));
    }
    for key in ["column_list", "column_set", "columns"] {
        let list = kwargs.value.get(key).and_then(Value::as_array);
        columns.extend(list.into_iter().flatten().filter_map(Value::as_str).map(bounded));
    }
}

/// Reads a result.
pub(super) fn read(value: &Value) -> Result<Parsed, ParseError> {
    let root = Node::root(KIND, value);
    let mut tally = Tally::default();
    if let Some(runs) = root.get("run_results") {
        for (_, run) in runs.entries()? {
            // 0.x keeps the result beside what its actions did; 1.x keeps the result itself.
            validation(&run.get("validation_result").unwrap_or(run), &mut tally)?;
        }
        check_success(&root, tally.failed)?;
        check_statistics(&root, VALIDATIONS, tally.validations, tally.bad_validations)?;
    } else if let Some(results) = root.get("validation_results") {
        for result in results.items()? {
            validation(&result, &mut tally)?;
        }
        check_success(&root, tally.failed)?;
        check_statistics(&root, VALIDATIONS, tally.validations, tally.bad_validations)?;
    } else {
        validation(&root, &mut tally)?;
    }
    if tally.total == 0 {
        return Err(root.fault("it holds no expectation, so it proves nothing"));
    }
    let met = tally.total - tally.failed;
    let several = if tally.validations > 1 { format!(" in {} validations", tally.validations) } else { String::new() };
    #[expect(clippy::cast_precision_loss, reason = "counts of expectations stay far below 2^52")]
    let figures = vec![Figure::new("expectations", tally.total as f64), Figure::new("met", met as f64)];
    let verdict = if tally.failed == 0 { Verdict::Green } else { Verdict::Red };
    let summary = format!("{met} of {} expectations met{several}.", tally.total);
    let facts = Facts::new(EvidenceKind::GreatExpectations, verdict, summary).with(figures, tally.failures);
    Ok(Parsed::of(facts.looking_at(tally.columns)))
}

/// Counts one validation result, and compares its word with what its expectations say.
fn validation(node: &Node<'_>, tally: &mut Tally) -> Result<(), ParseError> {
    let before = (tally.total, tally.failed);
    tally.validations += 1;
    let expectations = match node.get("results") {
        Some(results) => results.items()?,
        None => node.need("expectations")?.items()?,
    };
    for expectation in expectations {
        tally.total += 1;
        // The description names the type and the kwargs beside `success`; the result keeps them in its configuration.
        let config = expectation.get("expectation_config").unwrap_or_else(|| expectation.clone());
        let name = match config.text_of("type")? {
            Some(name) => name,
            None => config.need("expectation_type")?.text()?,
        };
        note_columns(&config, &mut tally.columns);
        if expectation.need("success")?.truth()? {
            check_met(&expectation, &config, name)?;
            continue;
        }
        tally.failed += 1;
        if tally.failures.len() < MAX_FAILURES {
            let kwargs = config.get("kwargs");
            let column = match &kwargs {
                Some(kwargs) => kwargs.text_of("column")?,
                None => None,
            };
            tally.failures.push(bounded(&format!(
                "{name}{}{}",
                column.map(|column| format!(" on {column}")).unwrap_or_default(),
                if raised(expectation.get("exception_info").as_ref()) { " (raised an exception)" } else { "" }
            )));
        }
    }
    let (total, failed) = (tally.total - before.0, tally.failed - before.1);
    tally.bad_validations += u64::from(failed > 0);
    check_success(node, failed)?;
    check_statistics(node, EXPECTATIONS, total, failed)
}

/// Refuses an expectation that is called met and was not.
fn check_met(expectation: &Node<'_>, config: &Node<'_>, name: &str) -> Result<(), ParseError> {
    let word = expectation.need("success")?;
    if raised(expectation.get("exception_info").as_ref()) {
        return Err(word.fault(format!("it says true while {} raised an exception", bounded(name))));
    }
    let Some(result) = expectation.get("result") else { return Ok(()) };
    let (Some(all), Some(unexpected)) = (result.number_of("element_count")?, result.number_of("unexpected_count")?)
    else {
        return Ok(());
    };
    // Missing values are passed over, but where they are what is asked about.
    let missing = if name.ends_with("_null") { 0.0 } else { result.number_of("missing_count")?.unwrap_or(0.0) };
    let mostly = config.get("kwargs").map(|kwargs| kwargs.number_of("mostly")).transpose()?.flatten().unwrap_or(1.0);
    let looked_at = all - missing;
    if unexpected > 0.0 && (looked_at - unexpected) < (mostly - SLACK) * looked_at {
        return Err(word.fault(format!(
            "it says true while {unexpected} of {looked_at} values are unexpected and at least a share of {mostly} is asked"
        )));
    }
    Ok(())
}

/// Rounding of shares.
const SLACK: f64 = 1e-9;

/// What a result counts, and what of that met and did not meet.
type Named = [&'static str; 3];
const EXPECTATIONS: Named = ["evaluated_expectations", "successful_expectations", "unsuccessful_expectations"];
const VALIDATIONS: Named = ["evaluated_validations", "successful_validations", "unsuccessful_validations"];

/// Compares the statistics over a result with what it holds. Where a result was told to keep failures alone, they count
/// more than it holds, none of which then is met.
fn check_statistics(node: &Node<'_>, names: Named, total: u64, failed: u64) -> Result<(), ParseError> {
    let Some(statistics) = node.get("statistics") else { return Ok(()) };
    let [all, met, unmet] = names;
    let only_failures = failed > 0 && failed == total;
    for (name, found) in [(all, total), (met, total - failed), (unmet, failed)] {
        let Some(said) = statistics.get(name) else { continue };
        let count = said.count()?;
        if count != found && !(only_failures && name != unmet && count > found) {
            return Err(said.fault(format!("it says {count} while the results say {found}")));
        }
    }
    Ok(())
}

fn raised(info: Option<&Node<'_>>) -> bool {
    let flag = |value: &Value| value.get("raised_exception").is_some_and(|raised| raised == true);
    info.is_some_and(|info| {
        flag(info.value) || info.value.as_object().is_some_and(|metrics| metrics.values().any(flag))
    })
}

fn check_success(node: &Node<'_>, failed: u64) -> Result<(), ParseError> {
    let word = node.need("success")?;
    let said = word.truth()?;
    if said == (failed == 0) {
        Ok(())
    } else {
        Err(word.fault(format!("it says {said} while {failed} expectations failed")))
    }
}

#[cfg(test)]
mod tests {
    use crate::evidence::{Thresholds, Verdict, parse};

    fn read(file: &str) -> crate::evidence::Parsed {
        parse(file.as_bytes(), &Thresholds::default()).unwrap()
    }

    fn fault(file: &str) -> String {
        parse(file.as_bytes(), &Thresholds::default()).unwrap_err().to_string()
    }

    #[test]
    fn both_generations_are_read_and_not_believed() {
        let file = |key: &str, overall: bool| {
            format!(
                r#"{{"success": {overall}, "statistics": {{}}, "results": [
                {{"success": true, "result": {{}}, "expectation_config": {{"{key}": "expect_column_to_exist", "kwargs": {{"column": "age"}}}}}},
                {{"success": false, "result": {{}}, "expectation_config": {{"{key}": "expect_unique", "kwargs": {{"column": "id"}}}}}}]}}"#
            )
        };
        for key in ["type", "expectation_type"] {
            let parsed = read(&file(key, false));
            assert_eq!(parsed.facts.verdict, Verdict::Red);
            assert_eq!(parsed.facts.failures, ["expect_unique on id"]);
            assert!(fault(&file(key, true)).contains("/success: it says true while 1 expectations failed"));
        }
    }

    #[test]
    fn an_exception_is_seen_in_both_shapes() {
        let file = |info: &str| {
            format!(
                r#"{{"success": false, "results": [{{"success": false, "exception_info": {info},
                "expectation_config": {{"type": "expect_not_null", "kwargs": {{"column": "gone"}}}}}}]}}"#
            )
        };
        let flat = r#"{"raised_exception": true, "exception_message": "no such column", "exception_traceback": "…"}"#;
        let nested = r#"{"('column_values.nonnull.condition', '242c', ())": {"raised_exception": true, "exception_message": "no such column"}}"#;
        for info in [flat, nested] {
            assert_eq!(read(&file(info)).facts.failures, ["expect_not_null on gone (raised an exception)"]);
        }
        let calm = r#"{"raised_exception": false, "exception_message": null}"#;
        assert_eq!(read(&file(calm)).facts.failures, ["expect_not_null on gone"]);
    }

    #[test]
    fn a_result_that_contradicts_itself_is_refused_with_the_place() {
        let file = |statistics: &str, more: &str| {
            format!(
                r#"{{"success": true, "statistics": {{{statistics}}}, "results": [{{"success": true{more},
                "expectation_config": {{"type": "expect_between", "kwargs": {{"column": "age", "mostly": 0.9}}}}}}]}}"#
            )
        };
        let exception = r#", "exception_info": {"raised_exception": true, "exception_message": "no such column"}"#;
        let said = fault(&file("", exception));
        assert!(said.contains("/results/0/success: it says true while expect_between raised an exception"), "{said}");
        for (statistics, place) in [
            (r#""evaluated_expectations": 7"#, "/statistics/evaluated_expectations: it says 7 while the results say 1"),
            (r#""unsuccessful_expectations": 1"#, "/statistics/unsuccessful_expectations: it says 1"),
            (r#""successful_expectations": 0"#, "/statistics/successful_expectations: it says 0"),
        ] {
            let said = fault(&file(statistics, ""));
            assert!(said.contains(place), "{said}");
        }
        let counts = |unexpected: u32| {
            file(
                "",
                &format!(
                    r#", "result": {{"element_count": 110, "missing_count": 10, "unexpected_count": {unexpected}}}"#
                ),
            )
        };
        assert_eq!(read(&counts(10)).facts.verdict, Verdict::Green, "a share on its limit is met");
        let said = fault(&counts(11));
        assert!(said.contains("11 of 100 values are unexpected"), "{said}");

        // A result that keeps its failures alone counts what it left out.
        let failures =
            file(r#""evaluated_expectations": 7, "successful_expectations": 6, "unsuccessful_expectations": 1"#, "");
        assert_eq!(read(&failures.replace("true", "false")).facts.verdict, Verdict::Red);
    }

    #[test]
    fn a_checkpoint_result_counts_every_validation_that_it_wraps() {
        let one = r#"{"success": true, "results": [{"success": true, "expectation_config": {"expectation_type": "a", "kwargs": {}}}]}"#;
        let two = r#"{"success": false, "results": [{"success": false, "expectation_config": {"expectation_type": "b", "kwargs": {}}}]}"#;
        let old = format!(
            r#"{{"success": false, "run_id": {{}}, "run_results": {{
            "ValidationResultIdentifier::x/y": {{"validation_result": {one}, "actions_results": {{}}}},
            "ValidationResultIdentifier::x/z": {{"validation_result": {two}, "actions_results": {{}}}}}}}}"#
        );
        let new =
            format!(r#"{{"success": false, "run_results": {{"x": {one}, "y": {two}}}, "checkpoint_config": {{}}}}"#);
        let described = r#"{"success": false, "statistics": {"evaluated_validations": 2}, "validation_results": [
            {"success": true, "statistics": {}, "expectations": [{"expectation_type": "a", "success": true, "kwargs": {}, "result": {}}]},
            {"success": false, "statistics": {}, "expectations": [{"expectation_type": "b", "success": false, "kwargs": {}, "result": {}}]}]}"#;
        for file in [old.as_str(), new.as_str(), described] {
            let facts = read(file).facts;
            assert_eq!(
                (facts.verdict, facts.summary.as_str()),
                (Verdict::Red, "1 of 2 expectations met in 2 validations.")
            );
            assert_eq!(facts.failures, ["b"]);
        }
        let lie = old.replacen("\"success\": false", "\"success\": true", 1);
        assert!(fault(&lie).contains("/success: it says true"), "{}", fault(&lie));
    }

    #[test]
    fn a_broken_result_names_the_place() {
        let cut = fault(r#"{"success": true, "results": [{"#);
        assert!(cut.contains("line 1, column"), "{cut}");
        let lacking = fault(r#"{"success": true, "results": [{"success": true, "expectation_config": {}}]}"#);
        assert!(lacking.contains("/results/0/expectation_config/expectation_type: it is missing"), "{lacking}");
        assert!(fault(r#"{"success": true, "results": []}"#).contains("proves nothing"));
    }
}
