//! `JUnit` XML: `testsuites/testsuite/testcase` with `failure`, `error` and `skipped` children.
//!
//! What counts are the cases. What a suite says of itself (`tests`, `failures`, `errors`, `skipped`) is compared with
//! them: a file that contradicts itself is refused. A failure is one wherever it stands: in a case that was also skipped,
//! beside the cases of a suite, or in a case's `status` alone.

use quick_xml::{
    Reader,
    events::{BytesStart, Event as Xml},
};

use super::{ParseError, Parsed, bounded, broken, line_and_column};
use crate::evidence::{Artifact, EvidenceKind, Facts, Figure, MAX_FAILURES, Verdict};

const KIND: &str = "JUnit XML";

/// A test run is never longer than this, a hundred years; what a file adds up to beyond it is not believed.
const MAX_SECONDS: f64 = 3.2e9;

/// How a case ended; the worst that is said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Passed,
    Skipped,
    Failed,
    Error,
}

/// Words that tools write into `status` or `result` of a case, in lower case.
fn end_of(word: &str) -> End {
    match word.trim().to_ascii_lowercase().as_str() {
        "failed" | "failure" | "fail" | "timeout" | "timedout" | "aborted" => End::Failed,
        "error" | "errored" | "broken" | "crashed" => End::Error,
        "skipped" | "skip" | "disabled" | "ignored" | "notrun" | "pending" | "suppressed" => End::Skipped,
        _ => End::Passed,
    }
}

/// How many cases, and how they ended.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    total: u64,
    failed: u64,
    errors: u64,
    skipped: u64,
    /// Failures and errors beside the cases.
    loose: u64,
    /// Cases with a failure and an error, which tools count as either or as both.
    both: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.total += other.total;
        self.failed += other.failed;
        self.errors += other.errors;
        self.skipped += other.skipped;
        self.loose += other.loose;
        self.both += other.both;
    }

    fn count(&mut self, end: End) {
        self.total += 1;
        match end {
            End::Passed => {}
            End::Skipped => self.skipped += 1,
            End::Failed => self.failed += 1,
            End::Error => self.errors += 1,
        }
    }

    fn bad(&self) -> u64 {
        self.failed + self.errors + self.loose
    }

    /// Whether so many failures and errors may be said of this. Some tools count those beside the cases, some do not.
    fn allows(&self, said: u64) -> bool {
        (self.failed + self.errors..=self.bad() + self.both).contains(&said)
    }
}

/// What a suite says of itself.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    tests: Option<u64>,
    failures: Option<u64>,
    errors: Option<u64>,
    skipped: Option<u64>,
}

impl Said {
    fn of(element: &BytesStart<'_>) -> Result<Self, String> {
        let count = |name: &str| -> Result<Option<u64>, String> {
            let Some(text) = attribute(element, name)?.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
            text.trim().parse().map(Some).map_err(|_| format!("{name} is {:?}, not a count", bounded(&text)))
        };
        Ok(Self {
            tests: count("tests")?,
            failures: count("failures")?,
            errors: count("errors")?,
            skipped: count("skipped")?,
        })
    }

    /// Compares with what the suite holds: with its own cases, or with those of the suites within it as well.
    fn check(self, own: Counts, all: Counts) -> Result<(), String> {
        let differs = |name: &str, said: u64, found: u64, what: &str| {
            Err(format!("it says {name}={said:?} while {found} {what}"))
        };
        if let Some(said) = self.tests
            && ![own.total, all.total].contains(&said)
            // Where a case failed twice, in the test and in its teardown, pytest writes it twice and counts it once.
            && (said > all.total || all.bad() == 0)
        {
            return differs("tests", said, all.total, "cases stand in it");
        }
        let said = self.failures.unwrap_or(0) + self.errors.unwrap_or(0);
        let is_whole = self.failures.is_some() && self.errors.is_some();
        if !own.allows(said) && !all.allows(said) && (is_whole || said > all.bad() + all.both) {
            return differs("failures and errors", said, all.bad(), "failed");
        }
        match self.skipped {
            Some(said) if said > all.skipped => differs("skipped", said, all.skipped, "were skipped"),
            _ => Ok(()),
        }
    }
}

struct Suite {
    name: String,
    said: Said,
    own: Counts,
    within: Counts,
}

struct Case {
    name: String,
    end: End,
    /// Whether it holds a failure, and whether an error.
    holds: [bool; 2],
}

#[derive(Default)]
struct Reading {
    suites: Vec<Suite>,
    case: Option<Case>,
    all: Counts,
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
    let mut reading = Reading::default();
    let mut depth = 0_usize;
    let mut root_seen = false;
    loop {
        let event =
            reader.read_event().map_err(|error| broken(KIND, place(reader.error_position()), error.to_string()))?;
        let at = reader.buffer_position();
        let fault = |reason: String| broken(KIND, place(at), reason);
        match event {
            Xml::Start(ref element) | Xml::Empty(ref element) => {
                let name = element.local_name();
                if depth == 0 {
                    if root_seen {
                        return Err(fault("the document has ended, and another element follows".into()));
                    }
                    root_seen = true;
                    if !matches!(name.as_ref(), "testsuites" | "testsuite") {
                        return Err(ParseError::Unknown(format!(
                            "its XML root is {:?}, not testsuites or testsuite",
                            bounded(name.as_ref())
                        )));
                    }
                }
                reading.begin(element).map_err(fault)?;
                if matches!(event, Xml::Start(_)) {
                    depth += 1;
                } else {
                    reading.end(name.as_ref()).map_err(fault)?;
                }
            }
            Xml::End(element) => {
                depth = depth.saturating_sub(1);
                reading.end(element.local_name().as_ref()).map_err(fault)?;
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
    reading.judge()
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

impl Reading {
    fn begin(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        match element.local_name().as_ref() {
            "testsuites" | "testsuite" => {
                let name = attribute(element, "name")?.unwrap_or_else(|| "a suite without a name".to_owned());
                let said = Said::of(element)?;
                self.suites.push(Suite { name, said, own: Counts::default(), within: Counts::default() });
            }
            "testcase" => {
                let class = attribute(element, "classname")?;
                let name = attribute(element, "name")?.ok_or("a testcase has no name")?;
                if let Some(time) = attribute(element, "time")? {
                    let seconds: f64 =
                        time.replace(',', "").parse().map_err(|_| format!("time {time:?} is not a number"))?;
                    self.seconds =
                        (self.seconds + if seconds.is_finite() { seconds } else { 0.0 }).clamp(0.0, MAX_SECONDS);
                }
                let words = [attribute(element, "status")?, attribute(element, "result")?];
                let end = words.iter().flatten().map(|word| end_of(word)).max().unwrap_or(End::Passed);
                let name = class.map_or(name.clone(), |class| format!("{class}.{name}"));
                self.case = Some(Case { name, end, holds: [end == End::Failed, end == End::Error] });
            }
            "failure" => self.worse(End::Failed),
            "error" => self.worse(End::Error),
            "skipped" => self.worse(End::Skipped),
            "property" => {
                if let Some("git_commit" | "git.commit" | "commit") = attribute(element, "name")?.as_deref() {
                    let value = attribute(element, "value")?;
                    if let (Some(known), Some(value)) = (&self.commit, &value)
                        && known != value
                    {
                        return Err(format!("it names the commits {:?} and {:?}", bounded(known), bounded(value)));
                    }
                    self.commit = value.or_else(|| self.commit.take());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A failure, an error or a skip: of the case that it stands in, else of the suite.
    fn worse(&mut self, end: End) {
        if let Some(case) = &mut self.case {
            case.end = case.end.max(end);
            case.holds = [case.holds[0] || end == End::Failed, case.holds[1] || end == End::Error];
        } else if let Some(suite) = self.suites.last_mut().filter(|_| end != End::Skipped) {
            suite.own.loose += 1;
            let name = suite.name.clone();
            self.failure(&name);
        }
    }

    fn failure(&mut self, name: &str) {
        if self.failures.len() < MAX_FAILURES {
            self.failures.push(bounded(name));
        }
    }

    fn end(&mut self, element: &str) -> Result<(), String> {
        match element {
            "testcase" => {
                if let Some(Case { name, end, holds }) = self.case.take() {
                    if end >= End::Failed {
                        self.failure(&name);
                    }
                    if let Some(suite) = self.suites.last_mut() {
                        suite.own.count(end);
                        suite.own.both += u64::from(holds == [true, true]);
                    }
                }
            }
            "testsuites" | "testsuite" => {
                let Some(Suite { said, own, within, name }) = self.suites.pop() else { return Ok(()) };
                let mut all = own;
                all.add(within);
                said.check(own, all)
                    .map_err(|why| format!("the suite {:?} contradicts itself: {why}", bounded(&name)))?;
                match self.suites.last_mut() {
                    Some(outer) => outer.within.add(all),
                    None => self.all.add(all),
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn judge(self) -> Result<Parsed, ParseError> {
        let Counts { total, failed, errors, skipped, loose, .. } = self.all;
        if total == 0 && loose == 0 {
            return Err(broken(KIND, "testsuite", "it holds no test case, so it proves nothing"));
        }
        let passed = total - failed - errors - skipped;
        #[expect(clippy::cast_precision_loss, reason = "counts of test cases stay far below 2^52")]
        let figures = vec![
            Figure::new("tests", total as f64),
            Figure::new("passed", passed as f64),
            Figure::new("failures", failed as f64),
            Figure::new("errors", (errors + loose) as f64),
            Figure::new("skipped", skipped as f64),
            Figure::new("seconds", self.seconds),
        ];
        let bad = self.all.bad();
        let verdict = if bad == 0 && passed > 0 { Verdict::Green } else { Verdict::Red };
        let summary = format!("{passed} of {total} tests passed, {bad} failed, {skipped} skipped.");
        let facts = Facts::new(EvidenceKind::Junit, verdict, summary).with(figures, self.failures);
        let names = self.commit.map(|commit| (Artifact::GitCommit, commit));
        Ok(Parsed { names, ..Parsed::of(facts) })
    }
}

#[cfg(test)]
mod tests {
    use crate::evidence::{Facts, Thresholds, Verdict, parse};

    fn read(file: &str) -> Facts {
        parse(file.as_bytes(), &Thresholds::default()).unwrap().facts
    }

    fn fault(file: &str) -> String {
        parse(file.as_bytes(), &Thresholds::default()).unwrap_err().to_string()
    }

    #[test]
    fn a_failure_is_one_wherever_it_stands() {
        for (file, name) in [
            (
                "<testsuite name='s'><testcase name='a'/><testcase name='b'><skipped/><failure/></testcase></testsuite>",
                "b",
            ),
            ("<testsuite name='s'><testcase name='a'/><error message='the fixture broke'/></testsuite>", "s"),
            ("<testsuite name='s'><testcase name='a'/><testcase name='b' status='failed'/></testsuite>", "b"),
            ("<testsuite name='s'><testcase name='a'/><testcase name='b' result='error'/></testsuite>", "b"),
            (
                "<testsuites><testsuite name='s'><testsuite name='t'><failure/></testsuite><testcase name='a'/></testsuite></testsuites>",
                "t",
            ),
        ] {
            let facts = read(file);
            assert_eq!((facts.verdict, facts.failures), (Verdict::Red, vec![name.to_owned()]), "{file}");
        }
        let skipped = read("<testsuite><testcase name='a'/><testcase name='b' status='notrun'/></testsuite>");
        assert_eq!(
            (skipped.verdict, skipped.summary.as_str()),
            (Verdict::Green, "1 of 2 tests passed, 0 failed, 1 skipped.")
        );
        let quiet = read("<testsuite><testcase name='a' status='run' result='completed'/></testsuite>");
        assert_eq!(quiet.verdict, Verdict::Green);
    }

    #[test]
    fn a_suite_that_counts_otherwise_than_its_cases_is_refused_with_the_place() {
        for (attributes, part) in [
            ("failures='2'", "says failures and errors=2 while 0 failed"),
            ("errors='1' failures='0'", "says failures and errors=1 while 0 failed"),
            ("failures='1' errors='1'", "says failures and errors=2 while 0 failed"),
            ("tests='500'", "says tests=500 while 1 cases stand in it"),
            ("tests='0'", "says tests=0 while 1 cases"),
            ("skipped='1'", "says skipped=1 while 0 were skipped"),
            ("tests='many'", "tests is \"many\", not a count"),
        ] {
            let said = fault(&format!(
                "<testsuites>\n<testsuite name='unit' {attributes}>\n<testcase name='a'/>\n</testsuite></testsuites>"
            ));
            assert!(said.contains(part) && said.contains("line "), "{said}");
        }
        let hidden =
            fault("<testsuite tests='1' failures='0' errors='0'><testcase name='a'><failure/></testcase></testsuite>");
        assert!(hidden.contains("says failures and errors=0 while 1 failed"), "{hidden}");
        let outer = fault("<testsuites tests='3'><testsuite tests='1'><testcase name='a'/></testsuite></testsuites>");
        assert!(outer.contains("says tests=3"), "{outer}");
    }

    #[test]
    fn what_tools_write_is_no_contradiction() {
        // Outer suites count what stands in the inner ones, or only what is theirs.
        for outer in ["2", "0"] {
            let file = format!(
                "<testsuites tests='{outer}'><testsuite tests='2' failures='0' errors='0' skipped='1'>\
                <testcase name='a'/><testcase name='b'><skipped/></testcase></testsuite></testsuites>"
            );
            assert_eq!(read(&file).verdict, Verdict::Green, "{file}");
        }
        // pytest writes a case that failed and whose teardown failed twice, and counts it once.
        let twice = "<testsuite tests='1' failures='1' errors='1'><testcase name='a'><failure/></testcase>\
                     <testcase name='a'><error/></testcase></testsuite>";
        assert_eq!(read(twice).verdict, Verdict::Red);
    }

    #[test]
    fn one_document_names_one_commit() {
        let file = |second: &str| {
            format!(
                "<testsuite><properties><property name='commit' value='abc'/><property name='git_commit' value='{second}'/></properties><testcase name='a'/></testsuite>"
            )
        };
        assert_eq!(read(&file("abc")).verdict, Verdict::Green);
        assert!(fault(&file("def")).contains("the commits \"abc\" and \"def\""));
        assert!(fault("<testsuite><testcase name='a'/></testsuite><testsuite/>").contains("another element follows"));
    }
}
