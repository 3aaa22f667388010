//! Reads facts from evidence files. The kind is found from the content; an unknown or broken file is refused with
//! the place of the fault.

use std::collections::BTreeMap;

use quick_xml::{
    Reader,
    events::{BytesStart, Event as Xml},
};
use serde::Deserialize;

use super::{Artifact, EvidenceKind, EvidencePath, Facts, Figure, MAX_FAILURES, MAX_FIGURES, Verdict};

/// Why a file is not evidence that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Neither of the known formats.
    #[error(
        "the file is none of the known kinds (JUnit XML, Great Expectations result, countersign/evaluation@1): {0}. \
         To keep it without facts, attach it on the path \"other\""
    )]
    Unknown(String),
    /// A known format, broken.
    #[error("the {kind} is broken at {place}: {reason}")]
    Broken {
        /// The format.
        kind: &'static str,
        /// Line and column, byte offset or field.
        place: String,
        /// What is wrong there.
        reason: String,
    },
}

fn broken(kind: &'static str, place: impl Into<String>, reason: impl Into<String>) -> ParseError {
    ParseError::Broken { kind, place: place.into(), reason: reason.into() }
}

/// What a file says.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// Its facts.
    pub facts: Facts,
    /// The path that this kind of file belongs to, where the kind alone tells.
    pub path: Option<EvidencePath>,
    /// The artifact that the file itself names, which must then be the one it is attached for.
    pub names: Option<(Artifact, String)>,
}

/// Reads a file's facts.
///
/// # Errors
/// The file's kind is unknown, or it breaks off or contradicts itself, with the place.
pub fn parse(bytes: &[u8]) -> Result<Parsed, ParseError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace()).map(|at| &bytes[at..]);
    match start {
        None => Err(ParseError::Unknown("it is empty".into())),
        Some([b'<', ..]) => junit(bytes),
        Some([b'{', ..]) => json(bytes),
        Some(_) => Err(ParseError::Unknown("it begins neither like XML nor like a JSON object".into())),
    }
}

/// The text's first 200 characters, control characters replaced: it comes from a file and goes into an entry.
pub(super) fn bounded(text: &str) -> String {
    let mut short: String =
        text.chars().take(200).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    if text.chars().nth(200).is_some() {
        short.push('…');
    }
    short
}

// --- JUnit XML ------------------------------------------------------------------------------------------------

/// A test run is never longer than this, a hundred years; what a file adds up to beyond it is not believed.
const MAX_SECONDS: f64 = 3.2e9;

#[derive(Default)]
struct Cases {
    total: u64,
    failed: u64,
    errors: u64,
    skipped: u64,
    seconds: f64,
    failures: Vec<String>,
    commit: Option<String>,
}

fn junit(bytes: &[u8]) -> Result<Parsed, ParseError> {
    const KIND: &str = "JUnit XML";
    let text = std::str::from_utf8(bytes)
        .map_err(|error| broken(KIND, format!("byte {}", error.valid_up_to()), "it is not UTF-8"))?;
    let place = |offset: u64| {
        let before = &bytes[..usize::try_from(offset).unwrap_or(bytes.len()).min(bytes.len())];
        let line = before.split(|&b| b == b'\n').count();
        let column = before.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
        format!("line {line}, column {column}")
    };
    let mut reader = Reader::from_str(text);
    let mut cases = Cases::default();
    let mut current: Option<String> = None;
    let mut depth = 0_usize;
    let mut root_seen = false;
    loop {
        let event =
            reader.read_event().map_err(|error| broken(KIND, place(reader.error_position()), error.to_string()))?;
        match event {
            Xml::Start(ref element) | Xml::Empty(ref element) => {
                let name = element.local_name();
                if !root_seen {
                    root_seen = true;
                    if !matches!(name.as_ref(), "testsuites" | "testsuite") {
                        return Err(ParseError::Unknown(format!(
                            "its XML root is {:?}, not testsuites or testsuite",
                            bounded(name.as_ref())
                        )));
                    }
                }
                let at = reader.buffer_position();
                note_element(element, &mut cases, &mut current).map_err(|reason| broken(KIND, place(at), reason))?;
                if matches!(event, Xml::Start(_)) {
                    depth += 1;
                } else if name.as_ref() == "testcase" {
                    current = None;
                }
            }
            Xml::End(element) => {
                depth = depth.saturating_sub(1);
                if element.local_name().as_ref() == "testcase" {
                    current = None;
                }
            }
            Xml::Eof if depth > 0 => {
                return Err(broken(
                    KIND,
                    place(bytes.len() as u64),
                    format!("{depth} elements are not closed; the file is cut off"),
                ));
            }
            Xml::Eof => break,
            _ => {}
        }
    }
    if cases.total == 0 {
        return Err(broken(KIND, "testsuite", "it holds no test case, so it proves nothing"));
    }
    let bad = cases.failed + cases.errors;
    let passed = cases.total - bad - cases.skipped;
    let figure = |name: &str, value: f64| Figure::new(name, value);
    #[expect(clippy::cast_precision_loss, reason = "counts of test cases stay far below 2^52")]
    let figures = vec![
        figure("tests", cases.total as f64),
        figure("passed", passed as f64),
        figure("failures", cases.failed as f64),
        figure("errors", cases.errors as f64),
        figure("skipped", cases.skipped as f64),
        figure("seconds", cases.seconds),
    ];
    Ok(Parsed {
        facts: Facts {
            kind: EvidenceKind::Junit,
            verdict: if bad == 0 && passed > 0 { Verdict::Green } else { Verdict::Red },
            summary: format!("{passed} of {} tests passed, {bad} failed, {} skipped.", cases.total, cases.skipped),
            figures,
            failures: cases.failures,
            criteria: None,
        },
        path: Some(EvidencePath::Code),
        names: cases.commit.map(|commit| (Artifact::GitCommit, commit)),
    })
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    let found = element.try_get_attribute(name).map_err(|error| error.to_string())?;
    found
        .map(|value| {
            quick_xml::escape::unescape(&value.value)
                .map(std::borrow::Cow::into_owned)
                .map_err(|error| error.to_string())
        })
        .transpose()
}

fn note_element(element: &BytesStart<'_>, cases: &mut Cases, current: &mut Option<String>) -> Result<(), String> {
    match element.local_name().as_ref() {
        "testcase" => {
            cases.total += 1;
            let class = attribute(element, "classname")?;
            let name = attribute(element, "name")?.ok_or("a testcase has no name")?;
            if let Some(time) = attribute(element, "time")? {
                let seconds: f64 =
                    time.replace(',', "").parse().map_err(|_| format!("time {time:?} is not a number"))?;
                cases.seconds =
                    (cases.seconds + if seconds.is_finite() { seconds } else { 0.0 }).clamp(0.0, MAX_SECONDS);
            }
            *current = Some(class.map_or(name.clone(), |class| format!("{class}.{name}")));
        }
        kind @ ("failure" | "error" | "skipped") => {
            // One case may carry several children of a kind; it counts once.
            if let Some(case) = current.take() {
                match kind {
                    "failure" => cases.failed += 1,
                    "error" => cases.errors += 1,
                    _ => cases.skipped += 1,
                }
                if kind != "skipped" && cases.failures.len() < MAX_FAILURES {
                    cases.failures.push(bounded(&case));
                }
            }
        }
        "property" => {
            if let Some("git_commit" | "git.commit" | "commit") = attribute(element, "name")?.as_deref() {
                cases.commit = attribute(element, "value")?;
            }
        }
        _ => {}
    }
    Ok(())
}

// --- JSON -----------------------------------------------------------------------------------------------------

fn json(bytes: &[u8]) -> Result<Parsed, ParseError> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| {
        broken("JSON", format!("line {}, column {}", error.line(), error.column()), error.to_string())
    })?;
    if value.get("schema").and_then(|schema| schema.as_str()) == Some(EVALUATION) {
        return evaluation(value);
    }
    if value.get("results").is_some_and(serde_json::Value::is_array) && value.get("success").is_some() {
        return great_expectations(value);
    }
    Err(ParseError::Unknown(format!(
        "its JSON has neither \"schema\": \"{EVALUATION}\" nor Great Expectations' success and results"
    )))
}

#[derive(Deserialize)]
struct GxResult {
    success: bool,
    results: Vec<GxExpectation>,
}

#[derive(Deserialize)]
struct GxExpectation {
    success: bool,
    expectation_config: GxConfig,
    #[serde(default)]
    exception_info: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct GxConfig {
    #[serde(alias = "expectation_type")]
    r#type: String,
    #[serde(default)]
    kwargs: BTreeMap<String, serde_json::Value>,
}

fn great_expectations(value: serde_json::Value) -> Result<Parsed, ParseError> {
    const KIND: &str = "Great Expectations result";
    let result: GxResult =
        serde_json::from_value(value).map_err(|error| broken(KIND, "its fields", error.to_string()))?;
    if result.results.is_empty() {
        return Err(broken(KIND, "results", "it holds no expectation, so it proves nothing"));
    }
    let failed: Vec<&GxExpectation> = result.results.iter().filter(|expectation| !expectation.success).collect();
    if result.success != failed.is_empty() {
        return Err(broken(
            KIND,
            "success",
            format!("it says {} while {} expectations failed", result.success, failed.len()),
        ));
    }
    let failures = failed
        .iter()
        .take(MAX_FAILURES)
        .map(|expectation| {
            let column = expectation.expectation_config.kwargs.get("column").and_then(|column| column.as_str());
            let raised = expectation
                .exception_info
                .as_ref()
                .and_then(|info| info.get("raised_exception"))
                .is_some_and(|raised| raised == true);
            bounded(&format!(
                "{}{}{}",
                expectation.expectation_config.r#type,
                column.map(|column| format!(" on {column}")).unwrap_or_default(),
                if raised { " (raised an exception)" } else { "" }
            ))
        })
        .collect();
    let total = result.results.len();
    let passed = total - failed.len();
    #[expect(clippy::cast_precision_loss, reason = "counts of expectations stay far below 2^52")]
    let figures = vec![Figure::new("expectations", total as f64), Figure::new("met", passed as f64)];
    Ok(Parsed {
        facts: Facts {
            kind: EvidenceKind::GreatExpectations,
            verdict: if failed.is_empty() { Verdict::Green } else { Verdict::Red },
            summary: format!("{passed} of {total} expectations met."),
            figures,
            failures,
            criteria: None,
        },
        path: Some(EvidencePath::Data),
        names: None,
    })
}

/// Name of Countersign's own evaluation format.
pub(super) const EVALUATION: &str = "countersign/evaluation@1";

/// `{"schema": "countersign/evaluation@1", "path": "model", "weights_digest": "sha256:…",
///   "figures": [{"name": "auc", "value": 0.81, "at_least": 0.75}]}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Evaluation {
    #[serde(rename = "schema")]
    _schema: String,
    #[serde(default)]
    path: Option<EvidencePath>,
    #[serde(default)]
    weights_digest: Option<ledger::Digest>,
    figures: Vec<EvaluationFigure>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EvaluationFigure {
    name: String,
    value: f64,
    #[serde(default)]
    at_least: Option<f64>,
    #[serde(default)]
    at_most: Option<f64>,
}

impl EvaluationFigure {
    fn judge(&self) -> Figure {
        let threshold = match (self.at_least, self.at_most) {
            (None, None) => None,
            (Some(low), None) => Some(format!(">= {low}")),
            (None, Some(high)) => Some(format!("<= {high}")),
            (Some(low), Some(high)) => Some(format!(">= {low} and <= {high}")),
        };
        let passed =
            self.at_least.is_none_or(|low| self.value >= low) && self.at_most.is_none_or(|high| self.value <= high);
        Figure {
            name: bounded(&self.name),
            value: self.value + 0.0,
            passed: threshold.is_some().then_some(passed),
            threshold,
            segment: None,
            interval: None,
            n: None,
        }
    }
}

fn evaluation(value: serde_json::Value) -> Result<Parsed, ParseError> {
    let evaluation: Evaluation =
        serde_json::from_value(value).map_err(|error| broken(EVALUATION, "its fields", error.to_string()))?;
    if evaluation.figures.len() > MAX_FIGURES {
        return Err(broken(
            EVALUATION,
            "figures",
            format!("{} figures are given; at most {MAX_FIGURES} are kept", evaluation.figures.len()),
        ));
    }
    let figures: Vec<Figure> = evaluation.figures.iter().map(EvaluationFigure::judge).collect();
    let judged = figures.iter().filter(|figure| figure.passed.is_some()).count();
    if judged == 0 {
        return Err(broken(
            EVALUATION,
            "figures",
            "no figure has a threshold (at_least, at_most), so nothing is judged",
        ));
    }
    let failures: Vec<String> = figures
        .iter()
        .filter(|figure| figure.passed == Some(false))
        .map(|figure| {
            format!("{} is {}, asked {}", figure.name, figure.value, figure.threshold.as_deref().unwrap_or(""))
        })
        .collect();
    Ok(Parsed {
        facts: Facts {
            kind: EvidenceKind::Evaluation,
            verdict: if failures.is_empty() { Verdict::Green } else { Verdict::Red },
            summary: format!("{} of {judged} thresholds met.", judged - failures.len()),
            figures,
            failures,
            criteria: None,
        },
        path: evaluation.path.or(Some(EvidencePath::Model)),
        names: evaluation.weights_digest.map(|digest| (Artifact::Weights, digest.to_string())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUNIT: &str = r#"<?xml version="1.0"?>
<testsuites><testsuite name="unit"><properties><property name="git_commit" value="abc"/></properties>
<testcase classname="a" name="one" time="0.5"/><testcase classname="a" name="two"><failure message="no"/><failure/></testcase>
<testcase classname="a" name="three"><skipped/></testcase></testsuite></testsuites>"#;

    #[test]
    fn junit_counts_each_case_once_and_reads_the_commit() {
        let parsed = parse(JUNIT.as_bytes()).unwrap();
        assert_eq!(parsed.facts.verdict, Verdict::Red);
        assert_eq!(parsed.facts.summary, "1 of 3 tests passed, 1 failed, 1 skipped.");
        assert_eq!(parsed.facts.failures, ["a.two"]);
        assert_eq!(parsed.names, Some((Artifact::GitCommit, "abc".into())));
    }

    #[test]
    fn a_truncated_junit_file_says_where_it_breaks_off() {
        let cut = &JUNIT.as_bytes()[..JUNIT.len() - 30];
        let error = parse(cut).unwrap_err().to_string();
        assert!(error.contains("line 4"), "{error}");
        let empty = parse(b"<testsuite/>").unwrap_err().to_string();
        assert!(empty.contains("no test case"), "{empty}");
    }

    #[test]
    fn great_expectations_of_both_generations_are_read_and_not_believed() {
        let file = |key: &str, overall: bool| {
            format!(
                r#"{{"success": {overall}, "statistics": {{}}, "results": [
                {{"success": true, "result": {{}}, "expectation_config": {{"{key}": "expect_column_to_exist", "kwargs": {{"column": "age"}}}}}},
                {{"success": false, "result": {{}}, "expectation_config": {{"{key}": "expect_unique", "kwargs": {{"column": "id"}}}}}}]}}"#
            )
        };
        for key in ["type", "expectation_type"] {
            let parsed = parse(file(key, false).as_bytes()).unwrap();
            assert_eq!(parsed.facts.verdict, Verdict::Red);
            assert_eq!(parsed.facts.failures, ["expect_unique on id"]);
            assert!(parse(file(key, true).as_bytes()).unwrap_err().to_string().contains("1 expectations failed"));
        }
    }

    #[test]
    fn an_evaluation_is_judged_here_and_needs_a_threshold() {
        let parsed = parse(br#"{"schema":"countersign/evaluation@1","figures":[{"name":"auc","value":0.7,"at_least":0.75},{"name":"n","value":3}]}"#).unwrap();
        assert_eq!(parsed.facts.verdict, Verdict::Red);
        assert_eq!(parsed.facts.failures, ["auc is 0.7, asked >= 0.75"]);
        let none = parse(br#"{"schema":"countersign/evaluation@1","figures":[{"name":"n","value":3}]}"#);
        assert!(none.unwrap_err().to_string().contains("no figure has a threshold"));
    }

    #[test]
    fn unknown_and_truncated_files_name_the_fault() {
        assert!(matches!(parse(b"  "), Err(ParseError::Unknown(_))));
        assert!(matches!(parse(b"<html></html>"), Err(ParseError::Unknown(_))));
        assert!(matches!(parse(br#"{"a":1}"#), Err(ParseError::Unknown(_))));
        let cut = parse(br#"{"success": true, "results": [{"#).unwrap_err().to_string();
        assert!(cut.contains("line 1, column"), "{cut}");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_file() {
        let marked = |text: &str| [b"\xef\xbb\xbf", text.as_bytes()].concat();
        assert!(parse(&marked("<testsuite><testcase name='a'/></testsuite>")).is_ok());
        let evaluation = r#"{"schema":"countersign/evaluation@1","figures":[{"name":"auc","value":1,"at_least":0}]}"#;
        assert!(parse(&marked(evaluation)).is_ok());
    }

    #[test]
    fn names_from_files_are_short_and_hold_no_control_characters() {
        let name = format!("a\\u0000b\\u001b{}", "x".repeat(10_000));
        let file = format!(
            r#"{{"schema":"countersign/evaluation@1","figures":[{{"name":"{name}","value":-0.0,"at_least":1}}]}}"#
        );
        let figure = &parse(file.as_bytes()).unwrap().facts.figures[0];
        assert!(
            figure.name.starts_with("a\u{fffd}b\u{fffd}x") && figure.name.chars().count() == 201,
            "{}",
            figure.name
        );
        assert!(figure.value.is_sign_positive(), "canonical JSON knows no -0, and facts are read back from it");
        assert_eq!(bounded(&"é".repeat(200)), "é".repeat(200), "what fits is not marked as cut");
    }

    #[test]
    fn absurd_durations_stay_finite() {
        let file = "<testsuite><testcase name='a' time='1.7e308'/><testcase name='b' time='1.7e308'/>\
                    <testcase name='c' time='nan'/></testsuite>";
        let facts = parse(file.as_bytes()).unwrap().facts;
        assert!(facts.figures.iter().all(|figure| figure.value.is_finite()), "{facts:?}");
    }

    #[test]
    fn tests_that_were_all_skipped_prove_nothing() {
        let parsed = parse(b"<testsuite><testcase name='a'><skipped/></testcase></testsuite>").unwrap();
        assert_eq!(parsed.facts.verdict, Verdict::Red);
    }

    #[test]
    fn no_file_makes_the_reader_panic() {
        for file in [JUNIT.as_bytes(), br#"{"success": true, "results": []}"#, b"<?xml <", b"<a b='", b"\xff\xfe<\0"] {
            for end in 0..=file.len() {
                let _ = parse(&file[..end]);
            }
        }
        let deep = "<testsuite>".repeat(100_000);
        assert!(parse(deep.as_bytes()).is_err());
        assert!(parse("{\"a\":".repeat(100_000).as_bytes()).is_err());
    }
}
