//! `JUnit` XML: `testsuites/testsuite/testcase` with `failure`, `error` and `skipped` children.

use quick_xml::{
    Reader,
    events::{BytesStart, Event as Xml},
};

use super::{ParseError, Parsed, bounded, broken, line_and_column};
use crate::evidence::{Artifact, EvidenceKind, Facts, Figure, MAX_FAILURES, Verdict};

const KIND: &str = "JUnit XML";

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

/// Reads test results.
pub(super) fn read(bytes: &[u8]) -> Result<Parsed, ParseError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| broken(KIND, format!("byte {}", error.valid_up_to()), "it is not UTF-8"))?;
    let place = |offset: u64| line_and_column(bytes, usize::try_from(offset).unwrap_or(bytes.len()));
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
    #[expect(clippy::cast_precision_loss, reason = "counts of test cases stay far below 2^52")]
    let figures = vec![
        Figure::new("tests", cases.total as f64),
        Figure::new("passed", passed as f64),
        Figure::new("failures", cases.failed as f64),
        Figure::new("errors", cases.errors as f64),
        Figure::new("skipped", cases.skipped as f64),
        Figure::new("seconds", cases.seconds),
    ];
    let verdict = if bad == 0 && passed > 0 { Verdict::Green } else { Verdict::Red };
    let summary = format!("{passed} of {} tests passed, {bad} failed, {} skipped.", cases.total, cases.skipped);
    let facts = Facts::new(EvidenceKind::Junit, verdict, summary).with(figures, cases.failures);
    let names = cases.commit.map(|commit| (Artifact::GitCommit, commit));
    Ok(Parsed { names, ..Parsed::of(facts) })
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
