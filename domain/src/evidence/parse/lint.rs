//! Lint and type-check results: SARIF 2.1.0 (OASIS), which ruff, clippy-sarif, mypy's converters and many more write;
//! and the JSON of ruff and of `ESLint` as it is.

use serde_json::Value;

use super::{ParseError, Parsed, bounded, node::Node};
use crate::evidence::{Artifact, Criteria, EvidenceKind, Facts, Figure, MAX_FAILURES, Thresholds, Verdict};

const SARIF: &str = "SARIF log";
const RUFF: &str = "ruff result";
const ESLINT: &str = "ESLint result";

/// Whether the document is a SARIF log.
pub(super) fn is_sarif(value: &Value) -> bool {
    value.get("runs").is_some_and(Value::is_array) && value.get("version").is_some()
}

/// Whether an array's first element is a finding of ruff.
pub(super) fn is_ruff(first: &Value) -> bool {
    first.get("filename").is_some() && first.get("location").is_some() && first.get("message").is_some()
}

/// Whether an array's first element is a file looked at by `ESLint`.
pub(super) fn is_eslint(first: &Value) -> bool {
    first.get("filePath").is_some() && first.get("messages").is_some_and(Value::is_array)
}

#[derive(Default)]
struct Findings {
    tools: Vec<String>,
    errors: u64,
    warnings: u64,
    notes: u64,
    suppressed: u64,
    /// Errors first when they are told.
    error_names: Vec<String>,
    warning_names: Vec<String>,
    /// The tool's own word that it did not get through.
    aborted: Option<String>,
    commit: Option<String>,
}

impl Findings {
    fn error(&mut self, name: &str) {
        self.errors += 1;
        if self.error_names.len() < MAX_FAILURES {
            self.error_names.push(bounded(name));
        }
    }

    fn warning(&mut self, name: &str) {
        self.warnings += 1;
        if self.warning_names.len() < MAX_FAILURES {
            self.warning_names.push(bounded(name));
        }
    }

    fn judge(self, asked: &Thresholds) -> Parsed {
        let limits = asked.lint;
        let max_errors = limits.map_or(0, |limits| limits.max_errors);
        let max_warnings = limits.and_then(|limits| limits.max_warnings);
        let few_errors = self.errors <= max_errors;
        let few_warnings = max_warnings.is_none_or(|max| self.warnings <= max);
        let mut failures = Vec::new();
        failures.extend(self.aborted.clone());
        if !few_errors {
            failures.extend(self.error_names);
        }
        if !few_warnings {
            failures.extend(self.warning_names);
        }
        failures.truncate(MAX_FAILURES);
        #[expect(clippy::cast_precision_loss, reason = "counts of findings stay far below 2^52")]
        let figure = |name: &str, count: u64| Figure::new(name, count as f64);
        let warnings = figure("warnings", self.warnings);
        let figures = vec![
            figure("errors", self.errors).asked(format!("<= {max_errors}"), few_errors),
            match max_warnings {
                Some(max) => warnings.asked(format!("<= {max}"), few_warnings),
                None => warnings,
            },
            figure("notes", self.notes),
            figure("suppressed", self.suppressed),
        ];
        let green = few_errors && few_warnings && self.aborted.is_none();
        let summary = format!(
            "{}: {} errors, {} warnings, {} notes{}.",
            self.tools.join(", "),
            self.errors,
            self.warnings,
            self.notes,
            if self.aborted.is_some() { "; the run failed" } else { "" }
        );
        let verdict = if green { Verdict::Green } else { Verdict::Red };
        let facts = Facts::new(EvidenceKind::Lint, verdict, summary).with(figures, failures);
        Parsed {
            names: self.commit.map(|commit| (Artifact::GitCommit, commit)),
            ..Parsed::of(facts.judged_by(limits.map(Criteria::Lint)))
        }
    }
}

/// Reads a SARIF log.
pub(super) fn read_sarif(value: &Value, asked: &Thresholds) -> Result<Parsed, ParseError> {
    let root = Node::root(SARIF, value);
    let version = root.need("version")?;
    if version.text()? != "2.1.0" {
        return Err(version.fault(format!("{:?} is not read here; 2.1.0 is", bounded(version.text()?))));
    }
    let runs = root.need("runs")?;
    let mut findings = Findings::default();
    for run in runs.items()? {
        sarif_run(&run, &mut findings)?;
    }
    if findings.tools.is_empty() {
        return Err(runs.fault("it holds no run, so it proves nothing"));
    }
    Ok(findings.judge(asked))
}

fn sarif_run(run: &Node<'_>, findings: &mut Findings) -> Result<(), ParseError> {
    let driver = run.need("tool")?.need("driver")?;
    findings.tools.push(bounded(driver.need("name")?.text()?));
    for invocation in run.list("invocations")? {
        if let Some(done) = invocation.get("executionSuccessful")
            && !done.truth()?
        {
            findings.aborted = Some(format!("{} says that its run failed", bounded(driver.need("name")?.text()?)));
        }
        // The tool could not look at everything, whatever it found (SARIF 2.1.0, 3.20.21 and 3.58.6).
        for notification in invocation.list("toolExecutionNotifications")? {
            if notification.text_of("level")? == Some("error") {
                findings.aborted =
                    Some(format!("{} says that its run met an error", bounded(driver.need("name")?.text()?)));
            }
        }
        if invocation.get("processStartFailureMessage").is_some() || invocation.get("exitSignalName").is_some() {
            findings.aborted = Some(format!("{} did not run to its end", bounded(driver.need("name")?.text()?)));
        }
    }
    for provenance in run.list("versionControlProvenance")? {
        if let Some(revision) = provenance.text_of("revisionId")? {
            findings.commit = Some(revision.to_owned());
        }
    }
    let rules = driver.list("rules")?;
    // Results are left out when a scan did not take place (SARIF 2.1.0, 3.14.23); an empty array is a clean one.
    for result in run.need("results")?.items()? {
        sarif_result(&result, &rules, findings)?;
    }
    Ok(())
}

fn sarif_result(result: &Node<'_>, rules: &[Node<'_>], findings: &mut Findings) -> Result<(), ParseError> {
    if result.text_of("baselineState")? == Some("absent") {
        return Ok(());
    }
    let accepted = |suppression: &Node<'_>| {
        suppression.text_of("status").map(|status| status.is_none_or(|status| status == "accepted"))
    };
    let suppressions = result.list("suppressions")?.iter().map(accepted).collect::<Result<Vec<_>, _>>()?;
    // Suppressed only if none of its suppressions is under review or rejected (3.27.23).
    if !suppressions.is_empty() && suppressions.iter().all(|accepted| *accepted) {
        findings.suppressed += 1;
        return Ok(());
    }
    let rule_id = match result.text_of("ruleId")? {
        Some(id) => Some(id),
        None => match result.get("rule") {
            Some(rule) => rule.text_of("id")?,
            None => None,
        },
    };
    let rule = match (result.get("ruleIndex").map(|index| index.count()).transpose(), rule_id) {
        (Ok(Some(index)), _) => usize::try_from(index).ok().and_then(|index| rules.get(index)),
        (_, Some(id)) => rules.iter().find(|rule| rule.value.get("id").is_some_and(|known| known == id)),
        _ => None,
    };
    let rule_level = match rule.and_then(|rule| rule.get("defaultConfiguration")) {
        Some(configuration) => configuration.text_of("level")?,
        None => None,
    };
    if let (Some(kind), Some(level)) = (result.text_of("kind")?, result.text_of("level")?)
        && kind != "fail"
        && level != "none"
    {
        // SARIF 2.1.0, 3.27.10.
        return Err(result.fault(format!("it is of kind {:?} and of level {:?}", bounded(kind), bounded(level))));
    }
    let level = match (result.text_of("kind")?, result.text_of("level")?) {
        (Some(kind), _) if kind != "fail" => "none",
        (_, Some(level)) => level,
        (_, None) => rule_level.unwrap_or("warning"),
    };
    let name = || -> Result<String, ParseError> {
        let rule = match (rule_id, rule) {
            (Some(id), _) => id,
            (None, Some(rule)) => rule.text_of("id")?.unwrap_or("a rule without id"),
            (None, None) => "a rule without id",
        };
        let place = result.list("locations")?.first().and_then(|location| location.get("physicalLocation"));
        let Some(place) = place else { return Ok(rule.to_owned()) };
        let file = place.get("artifactLocation").map(|at| at.text_of("uri")).transpose()?.flatten().unwrap_or("?");
        let line =
            place.get("region").and_then(|region| region.get("startLine")).map(|line| line.count()).transpose()?;
        Ok(line.map_or_else(|| format!("{rule} in {file}"), |line| format!("{rule} in {file}, line {line}")))
    };
    match level {
        "error" => findings.error(&name()?),
        "warning" => findings.warning(&name()?),
        "note" => findings.notes += 1,
        "none" => {}
        other => {
            return Err(result.fault(format!("its level {:?} is none of error, warning, note, none", bounded(other))));
        }
    }
    Ok(())
}

/// Reads ruff's JSON: an array of findings, each of them an error.
pub(super) fn read_ruff(value: &Value, asked: &Thresholds) -> Result<Parsed, ParseError> {
    let mut findings = Findings { tools: vec!["ruff".into()], ..Findings::default() };
    for finding in Node::root(RUFF, value).items()? {
        let file = finding.need("filename")?.text()?;
        let row = finding.need("location")?.need("row")?.count()?;
        // A syntax error has no code.
        let code = finding.text_of("code")?.unwrap_or("syntax error");
        findings.error(&format!("{code} in {file}, line {row}"));
    }
    Ok(findings.judge(asked))
}

/// Reads an empty array, which ruff and `ESLint` write where they find nothing.
pub(super) fn read_nothing(asked: &Thresholds) -> Parsed {
    Findings { tools: vec!["ruff or ESLint".into()], ..Findings::default() }.judge(asked)
}

/// Reads `ESLint`'s JSON: an array of files with their messages.
pub(super) fn read_eslint(value: &Value, asked: &Thresholds) -> Result<Parsed, ParseError> {
    let mut findings = Findings { tools: vec!["ESLint".into()], ..Findings::default() };
    for looked_at in Node::root(ESLINT, value).items()? {
        let file = looked_at.need("filePath")?.text()?;
        let before = (findings.errors, findings.warnings);
        for message in looked_at.need("messages")?.items()? {
            let rule = message.text_of("ruleId")?.unwrap_or("syntax error");
            let line = message.get("line").map(|line| line.count()).transpose()?.unwrap_or(0);
            let name = format!("{rule} in {file}, line {line}");
            let severity = message.need("severity")?;
            match severity.count()? {
                2 => findings.error(&name),
                1 => findings.warning(&name),
                _ => return Err(severity.fault("it is neither 1, a warning, nor 2, an error")),
            }
        }
        for (name, found) in
            [("errorCount", findings.errors - before.0), ("warningCount", findings.warnings - before.1)]
        {
            if let Some(said) = looked_at.get(name)
                && said.count()? != found
            {
                return Err(said.fault(format!("it says {} while {found} messages are of that kind", said.count()?)));
            }
        }
        findings.suppressed += looked_at.list("suppressedMessages")?.len() as u64;
    }
    Ok(findings.judge(asked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{parse, thresholds::LintLimits};

    const LOG: &str = r#"{"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "ruff", "rules": [
            {"id": "F401", "defaultConfiguration": {"level": "error"}}, {"id": "E501"}]}},
        "versionControlProvenance": [{"repositoryUri": "https://git.example/credit", "revisionId": "abc"}],
        "results": [
            {"ruleId": "F401", "message": {"text": "unused"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/a.py"}, "region": {"startLine": 3}}}]},
            {"ruleId": "E501", "ruleIndex": 1, "message": {"text": "long"}},
            {"ruleId": "X", "level": "note", "message": {"text": "hint"}},
            {"ruleId": "F401", "message": {"text": "accepted"}, "suppressions": [{"kind": "inSource"}]},
            {"ruleId": "F401", "level": "error", "message": {"text": "asked for"}, "suppressions": [{"kind": "external", "status": "rejected"}]},
            {"ruleId": "F401", "kind": "pass", "message": {"text": "fine"}},
            {"ruleId": "F401", "message": {"text": "gone"}, "baselineState": "absent"}]}]}"#;

    fn asked(lint: Option<LintLimits>) -> Thresholds {
        Thresholds { lint, ..Thresholds::default() }
    }

    #[test]
    fn sarif_levels_follow_result_then_rule_then_the_default() {
        let parsed = parse(LOG.as_bytes(), &asked(None)).unwrap();
        let counts: Vec<f64> = parsed.facts.figures.iter().map(|figure| figure.value).collect();
        assert_eq!(counts, [2.0, 1.0, 1.0, 1.0]);
        assert_eq!(parsed.facts.verdict, Verdict::Red);
        assert_eq!(parsed.facts.failures, ["F401 in src/a.py, line 3", "F401"]);
        assert_eq!(parsed.names, Some((Artifact::GitCommit, "abc".into())));
    }

    #[test]
    fn policy_says_how_much_is_too_much() {
        let lax = LintLimits { max_errors: 2, max_warnings: Some(1) };
        let facts = parse(LOG.as_bytes(), &asked(Some(lax))).unwrap().facts;
        assert_eq!((facts.verdict, facts.criteria), (Verdict::Green, Some(Criteria::Lint(lax))));
        let strict = LintLimits { max_errors: 2, max_warnings: Some(0) };
        assert_eq!(parse(LOG.as_bytes(), &asked(Some(strict))).unwrap().facts.failures, ["E501"]);
    }

    #[test]
    fn a_scan_that_did_not_take_place_proves_nothing() {
        let clean = r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "clippy"}}, "results": []}]}"#;
        assert_eq!(parse(clean.as_bytes(), &asked(None)).unwrap().facts.verdict, Verdict::Green);
        let none = clean.replace(r#", "results": []"#, "");
        assert!(
            parse(none.as_bytes(), &asked(None)).unwrap_err().to_string().contains("/runs/0/results: it is missing")
        );
        let empty = r#"{"version": "2.1.0", "runs": []}"#;
        assert!(parse(empty.as_bytes(), &asked(None)).unwrap_err().to_string().contains("proves nothing"));
        let aborted = clean.replace(r#""results""#, r#""invocations": [{"executionSuccessful": false}], "results""#);
        let facts = parse(aborted.as_bytes(), &asked(None)).unwrap().facts;
        assert_eq!((facts.verdict, facts.failures), (Verdict::Red, vec!["clippy says that its run failed".to_owned()]));
        let met = clean.replace(
            r#""results""#,
            r#""invocations": [{"executionSuccessful": true, "toolExecutionNotifications": [{"level": "error", "message": {"text": "out of memory"}}]}], "results""#,
        );
        let facts = parse(met.as_bytes(), &asked(None)).unwrap().facts;
        assert_eq!(
            (facts.verdict, facts.failures),
            (Verdict::Red, vec!["clippy says that its run met an error".to_owned()])
        );
        let both = LOG.replace(r#""kind": "pass","#, r#""kind": "pass", "level": "error","#);
        let said = parse(both.as_bytes(), &asked(None)).unwrap_err().to_string();
        assert!(said.contains("/runs/0/results/5") && said.contains("of kind \"pass\""), "{said}");
        let odd = LOG.replace(r#""note""#, r#""loud""#);
        assert!(parse(odd.as_bytes(), &asked(None)).unwrap_err().to_string().contains("/runs/0/results/2"));
    }

    #[test]
    fn ruff_and_eslint_are_read_as_they_are() {
        let ruff = r#"[{"cell": null, "code": "F401", "end_location": {"column": 10, "row": 1}, "filename": "/a.py", "fix": null,
            "location": {"column": 8, "row": 1}, "message": "`os` imported but unused", "noqa_row": 1, "url": null}]"#;
        let facts = parse(ruff.as_bytes(), &asked(None)).unwrap().facts;
        assert_eq!((facts.verdict, facts.failures), (Verdict::Red, vec!["F401 in /a.py, line 1".to_owned()]));
        let eslint = r#"[{"filePath": "/a.js", "messages": [{"ruleId": "semi", "severity": 1, "line": 4}], "suppressedMessages": [], "errorCount": 0}]"#;
        let facts = parse(eslint.as_bytes(), &asked(None)).unwrap().facts;
        assert_eq!((facts.verdict, facts.figures[1].value), (Verdict::Green, 1.0));
        let odd = eslint.replace(r#""severity": 1"#, r#""severity": 7"#);
        assert!(parse(odd.as_bytes(), &asked(None)).unwrap_err().to_string().contains("/0/messages/0/severity"));
        let lie = eslint.replace(r#""errorCount": 0"#, r#""errorCount": 3"#);
        let said = parse(lie.as_bytes(), &asked(None)).unwrap_err().to_string();
        assert!(said.contains("/0/errorCount: it says 3 while 0 messages"), "{said}");
    }
}
