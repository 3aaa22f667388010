//! Evidently reports. Up to 0.4: `metrics[]{metric, result}` with `drift_by_columns`, and test suites
//! (`tests[]{status}` with a `summary`). From 0.7: `metrics[]{id, metric_name, config{type}, value}`, which hold no
//! verdict: it follows from the value and the threshold in `config`, and from the method which side of it is drift.
//!
//! What the report says about drift is never believed, only recomputed; policy's limits come before the report's own. A
//! report that tells the share of drifted columns and not every column (`DatasetDriftMetric`, `DriftedColumnsCount`) is
//! judged by that share, too. A share that its own counts contradict, and a summary that its tests contradict, is refused.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ParseError, Parsed, bounded, node::Node};
use crate::evidence::{
    Criteria, EvidenceKind, Facts, Figure, MAX_FAILURES, MAX_FIGURES, Thresholds, Verdict,
    thresholds::{Drift, DriftLimits, STATISTICS},
};

const KIND: &str = "Evidently report";
/// Shares are written with so many digits at least.
const ROUNDING: f64 = 1e-4;
const TYPE_PREFIX: &str = "evidently:metric_v2:";

/// Whether the document is of this format.
pub(super) fn is_like(value: &Value) -> bool {
    let first = |key: &str| value.get(key).and_then(Value::as_array).map(|items| items.first());
    match (first("metrics"), first("tests")) {
        (Some(Some(metric)), _) => {
            metric.get("metric").is_some_and(Value::is_string) && metric.get("result").is_some()
                || metric.get("value").is_some()
                    && (metric.get("config").is_some()
                        || metric.get("metric_name").is_some()
                        || metric.get("metric_id").is_some())
        }
        (_, Some(Some(test))) => test.get("status").is_some() && value.get("summary").is_some(),
        _ => false,
    }
}

fn side_of(method: &str) -> Option<Drift> {
    match statistic(method) {
        Some((_, side)) => Some(side),
        None if method.to_lowercase().ends_with("p_value") => Some(Drift::Low),
        None => None,
    }
}

/// Evidently's name of a method and the side of drift, by this or by the name that it displays.
fn statistic(method: &str) -> Option<(&'static str, Drift)> {
    let method = method.to_lowercase();
    STATISTICS
        .iter()
        .find(|(id, shown, _)| *id == method || shown.contains(&method.as_str()))
        .map(|(id, _, side)| (*id, *side))
}

struct Column {
    name: String,
    method: String,
    score: f64,
    threshold: Option<String>,
    drifted: bool,
    /// Whether policy states no bound of the method, so that the score shows nothing.
    unbounded: bool,
}

/// What a metric over all columns tells.
#[derive(Debug, Clone, Copy)]
struct Overall {
    drifted: u64,
    share: f64,
    /// How many columns there are, as far as it can be told.
    total: Option<u64>,
}

#[derive(Default)]
struct Report<'a> {
    limits: Option<&'a DriftLimits>,
    columns: BTreeMap<(String, String), Column>,
    /// The share of drifted columns that the report itself allows.
    own_share: Option<f64>,
    /// The largest share of drifted columns that a metric over all columns tells.
    overall: Option<Overall>,
    tests: u64,
    failed_tests: Vec<String>,
}

/// Reads a report.
pub(super) fn read(value: &Value, asked: &Thresholds) -> Result<Parsed, ParseError> {
    let root = Node::root(KIND, value);
    let mut report = Report { limits: asked.drift.as_ref(), ..Report::default() };
    let tests = root.list("tests")?;
    let statuses = statuses(&tests)?;
    let mut judged_ids = Vec::new();
    for metric in root.list("metrics")? {
        if metric.get("result").is_some() {
            report.old_metric(&metric)?;
        } else if let Some(id) = report.new_metric(&metric, &statuses)? {
            judged_ids.push(id);
        }
    }
    for test in &tests {
        let own = test.get("metric_config").map(|config| config.text_of("metric_id")).transpose()?.flatten();
        // Drift is judged above from the figures themselves.
        if own.is_none_or(|id| !judged_ids.contains(&id)) {
            report.test(test)?;
        }
    }
    if let Some(summary) = root.get("summary") {
        report.check_summary(&summary)?;
    }
    if report.columns.is_empty() && report.tests == 0 && report.overall.is_none() {
        return Err(root.fault("it holds neither a drift metric nor a test, so it proves nothing"));
    }
    Ok(Parsed::of(report.facts()))
}

/// What the report's tests say of each metric, by the metric's id.
fn statuses<'a>(tests: &[Node<'a>]) -> Result<BTreeMap<&'a str, &'a str>, ParseError> {
    let mut found = BTreeMap::new();
    for test in tests {
        if let Some(id) = test.get("metric_config").map(|config| config.text_of("metric_id")).transpose()?.flatten() {
            found.insert(id, test.need("status")?.text()?);
        }
    }
    Ok(found)
}

impl Report<'_> {
    fn old_metric(&mut self, metric: &Node<'_>) -> Result<(), ParseError> {
        let result = metric.need("result")?;
        if let Some(share) = result.number_of("drift_share")? {
            self.own_share = Some(share);
        }
        self.old_overall(&result)?;
        if let Some(columns) = result.get("drift_by_columns") {
            let mut said = 0;
            let entries = columns.entries()?;
            for (name, column) in &entries {
                self.old_column(name, column)?;
                said += u64::from(column.need("drift_detected")?.truth()?);
            }
            for (name, found) in [("number_of_columns", entries.len() as u64), ("number_of_drifted_columns", said)] {
                if let Some(word) = result.get(name)
                    && word.count()? != found
                {
                    return Err(word.fault(format!("it says {} while the columns below it say {found}", word.count()?)));
                }
            }
        } else if result.get("drift_score").is_some() {
            self.old_column(result.need("column_name")?.text()?, &result)?;
        }
        Ok(())
    }

    /// The share of drifted columns as reports up to 0.4 tell it.
    fn old_overall(&mut self, result: &Node<'_>) -> Result<(), ParseError> {
        let Some(word) = result.get("share_of_drifted_columns") else { return Ok(()) };
        let share = word.number()?;
        let drifted = result.need("number_of_drifted_columns")?.count()?;
        let total = result.need("number_of_columns")?.count()?;
        #[expect(clippy::cast_precision_loss, reason = "counts of columns stay far below 2^52")]
        let found = if total == 0 { 0.0 } else { drifted as f64 / total as f64 };
        if drifted > total || (found - share).abs() > ROUNDING {
            return Err(
                word.fault(format!("it says {share} while {drifted} of {total} columns are said to have drifted"))
            );
        }
        if let (Some(said), Some(allowed)) = (result.get("dataset_drift"), result.number_of("drift_share")?)
            && said.truth()? != (share >= allowed)
            // On the limit itself rounding decides.
            && (share - allowed).abs() > ROUNDING
        {
            return Err(
                said.fault(format!("it says {} while the share is {share} and its limit {allowed}", said.truth()?))
            );
        }
        self.tell(Overall { drifted, share, total: Some(total) });
        Ok(())
    }

    /// The same as reports from 0.7 on tell it: a count and a share, from which the number of columns follows.
    fn new_overall(&mut self, value: &Node<'_>) -> Result<(), ParseError> {
        let (drifted, word) = (value.need("count")?.number()?, value.need("share")?);
        let share = word.number()?;
        let columns = if share > 0.0 { drifted / share } else { 0.0 };
        let is_whole = (columns - columns.round()).abs() <= ROUNDING * columns.max(1.0);
        if drifted < 0.0
            || drifted.fract() != 0.0
            || !(0.0..=1.0).contains(&share)
            || (drifted > 0.0) != (share > 0.0)
            || !is_whole
        {
            return Err(word.fault(format!("a share of {share} is not that of {drifted} drifted columns")));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, not negative, counts of columns"
        )]
        let (drifted, total) = (drifted as u64, (share > 0.0).then_some(columns.round() as u64));
        self.tell(Overall { drifted, share, total });
        Ok(())
    }

    fn tell(&mut self, overall: Overall) {
        if self.overall.is_none_or(|known| known.share < overall.share) {
            self.overall = Some(overall);
        }
    }

    /// Refuses a summary that the tests contradict.
    fn check_summary(&self, summary: &Node<'_>) -> Result<(), ParseError> {
        let failed = self.failed_tests.len() as u64;
        if let Some(word) = summary.get("all_passed")
            && word.truth()?
            && failed > 0
        {
            return Err(word.fault(format!("it says true while {failed} tests failed")));
        }
        if let Some(word) = summary.get("failed_tests")
            && self.columns.is_empty()
            && word.count()? > failed
        {
            return Err(word.fault(format!("it says {} while {failed} tests failed", word.count()?)));
        }
        Ok(())
    }

    fn old_column(&mut self, name: &str, column: &Node<'_>) -> Result<(), ParseError> {
        let method = column.need("stattest_name")?.text()?;
        let score = column.need("drift_score")?;
        let threshold = column.number_of("stattest_threshold")?;
        let word = column.need("drift_detected")?;
        let said = word.truth()?;
        if let (Some(side), Some(threshold)) = (side_of(method), threshold) {
            let at = score.number()?;
            let beyond = match side {
                Drift::High => at > threshold,
                Drift::Low => at < threshold,
            };
            // On the threshold itself the methods differ.
            if beyond != said && at.to_bits() != threshold.to_bits() {
                return Err(word.fault(format!("it says {said} while {method} is {at} and its threshold {threshold}")));
            }
        }
        self.column(name, method, &score, threshold, Some(said))
    }

    /// Judges a metric of the 0.7 shape; answers its id if it was one of drift.
    fn new_metric<'a>(
        &mut self,
        metric: &Node<'a>,
        statuses: &BTreeMap<&str, &str>,
    ) -> Result<Option<&'a str>, ParseError> {
        let id = metric.text_of("id")?.unwrap_or_default();
        let Some(config) = metric.get("config") else { return Ok(None) };
        let kind = config.need("type")?.text()?;
        match kind.strip_prefix(TYPE_PREFIX).unwrap_or(kind) {
            "DriftedColumnsCount" => {
                self.own_share = config.number_of("drift_share")?;
                self.new_overall(&metric.need("value")?)?;
                Ok(Some(id))
            }
            "ValueDrift" => {
                let name = config.need("column")?.text()?;
                let method = config.text_of("method")?.unwrap_or("its default method");
                let said = statuses.get(id).map(|status| *status != "SUCCESS");
                self.column(name, method, &metric.need("value")?, config.number_of("threshold")?, said)?;
                Ok(Some(id))
            }
            _ => Ok(None),
        }
    }

    fn column(
        &mut self,
        name: &str,
        method: &str,
        score: &Node<'_>,
        own: Option<f64>,
        said: Option<bool>,
    ) -> Result<(), ParseError> {
        let at = score.number()?;
        let limit = self.limits.filter(|_| method.eq_ignore_ascii_case("psi")).map(|limits| limits.max_psi);
        let bounds = self.limits.map(|limits| &limits.bounds).filter(|bounds| !bounds.is_empty() && limit.is_none());
        let known = statistic(method);
        let bound = bounds.and_then(|bounds| known.and_then(|(id, side)| Some((*bounds.get(id)?, side))));
        let unbounded = bounds.is_some() && bound.is_none();
        let (threshold, drifted) = match (limit, side_of(method), own, said) {
            _ if unbounded => (None, false),
            _ if let Some((bound, side)) = bound => match side {
                Drift::High => (Some(format!("< {bound}")), at >= bound),
                Drift::Low => (Some(format!(">= {bound}")), at < bound),
            },
            (Some(limit), ..) => (Some(format!("<= {limit}")), at > limit),
            (None, Some(Drift::High), Some(own), _) => (Some(format!("< {own}")), at >= own),
            (None, Some(Drift::Low), Some(own), _) => (Some(format!(">= {own}")), at < own),
            (None, _, _, Some(said)) => (None, said),
            _ => {
                return Err(score.fault(format!(
                    "whether this is drift cannot be told: {} with {}, and no test says it",
                    bounded(method),
                    own.map_or_else(|| "no threshold".to_owned(), |own| format!("threshold {own}")),
                )));
            }
        };
        let (name, method) = (bounded(name), bounded(method));
        let key = (name.clone(), method.clone());
        self.columns.entry(key).or_insert(Column { name, method, score: at, threshold, drifted, unbounded });
        Ok(())
    }

    fn test(&mut self, test: &Node<'_>) -> Result<(), ParseError> {
        let status = test.need("status")?;
        match status.text()? {
            "SUCCESS" | "WARNING" => self.tests += 1,
            "FAIL" | "ERROR" => {
                self.tests += 1;
                let said = match test.text_of("description")? {
                    Some(said) => said,
                    None => test.text_of("name")?.unwrap_or("a test without a name"),
                };
                self.failed_tests.push(bounded(said));
            }
            "SKIPPED" => {}
            other => return Err(status.fault(format!("{:?} is no status of a test", bounded(other)))),
        }
        Ok(())
    }

    /// The share over all columns, where the columns one by one do not tell it.
    fn untold(&self) -> Option<Overall> {
        let told = self.columns.len() as u64;
        self.overall
            .filter(|overall| told == 0 || (overall.share > 0.0 && overall.total.is_none_or(|total| told < total)))
    }

    /// What a share of drifted columns is held against, and whether it keeps to it.
    fn allowed(&self, share: f64) -> (String, bool) {
        match (self.limits, self.own_share) {
            (Some(limits), _) => (format!("<= {}", limits.max_drifted_share), share <= limits.max_drifted_share),
            (None, Some(own)) => (format!("< {own}"), share < own),
            (None, None) => ("<= 0".to_owned(), share <= 0.0),
        }
    }

    fn facts(self) -> Facts {
        let total = self.columns.len();
        let drifted = self.columns.values().filter(|column| column.drifted).count();
        #[expect(clippy::cast_precision_loss, reason = "counts of columns stay far below 2^52")]
        let (total_figure, drifted_figure, share) =
            (total as f64, drifted as f64, if total == 0 { 0.0 } else { drifted as f64 / total as f64 });
        let (asked, within) = self.allowed(share);
        let untold = self.untold().map(|overall| (overall, self.allowed(overall.share)));
        let mut failures = self.failed_tests;
        let failed_tests = failures.len();
        let mut columns: Vec<Column> = self.columns.into_values().collect();
        columns.sort_by_key(|column| !column.drifted);
        if !within {
            failures.extend(columns.iter().filter(|column| column.drifted).map(|column| {
                let asked = column.threshold.as_ref().map(|asked| format!(", asked {asked}")).unwrap_or_default();
                format!("{} drifted: {} is {}{asked}", column.name, column.method, column.score)
            }));
        }
        failures.extend(columns.iter().filter(|column| column.unbounded).map(|column| {
            format!(
                "{} is not shown: policy states no bound of {} (thresholds.drift.bounds)",
                column.name, column.method
            )
        }));
        // Which columns drifted the report counts by thresholds of its own.
        let by_itself = self.limits.is_some_and(|limits| !limits.bounds.is_empty()) && total == 0 && untold.is_some();
        if by_itself {
            failures.push(
                "no column is told by itself, and how many drifted is counted by the report's own thresholds".into(),
            );
        }
        let shown = !by_itself && columns.iter().all(|column| !column.unbounded);
        if let Some((overall, (asked, false))) = &untold {
            failures.push(format!(
                "a share of {} of all columns drifted, as the report says, asked {asked}",
                overall.share
            ));
        }
        let all_within = untold.as_ref().is_none_or(|(_, (_, within))| *within);
        let verdict = if within && all_within && shown && failed_tests == 0 { Verdict::Green } else { Verdict::Red };
        let mut said = Vec::new();
        if total > 0 {
            said.push(format!("{drifted} of {total} columns drifted, asked a share {asked}"));
        }
        if let Some((overall, (asked, _))) = &untold {
            let of = overall.total.map(|total| format!(" of {total}")).unwrap_or_default();
            said.push(format!("{}{of} columns drifted, as the report says, asked a share {asked}", overall.drifted));
        }
        if self.tests > 0 {
            said.push(format!("{failed_tests} of {} tests failed", self.tests));
        }
        let mut figures = Vec::new();
        if total > 0 {
            figures.push(Figure::new("columns", total_figure));
            figures.push(Figure::new("drifted columns", drifted_figure));
            figures.push(Figure::new("drifted share", share).asked(asked, within));
        }
        if let Some((overall, (asked, within))) = untold {
            figures.push(
                Figure::new("drifted share over all columns, as the report says", overall.share).asked(asked, within),
            );
        }
        let names: Vec<String> =
            columns.iter().filter(|column| !column.unbounded).map(|column| column.name.clone()).collect();
        figures.extend(columns.into_iter().map(|column| {
            let figure = Figure::new(format!("{}: {}", column.name, column.method), column.score);
            match column.threshold {
                Some(threshold) => figure.asked(threshold, !column.drifted),
                None if column.unbounded => figure,
                None => Figure { passed: Some(!column.drifted), ..figure },
            }
        }));
        figures.truncate(MAX_FIGURES);
        failures.truncate(MAX_FAILURES);
        let facts =
            Facts::new(EvidenceKind::Evidently, verdict, format!("{}.", said.join("; "))).with(figures, failures);
        facts.looking_at(names).judged_by(self.limits.cloned().map(Criteria::Drift))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::parse;

    const LIMITS: DriftLimits = DriftLimits {
        max_psi: 0.25,
        max_drifted_share: 0.0,
        bins: 10,
        floor: 1e-6,
        min_rows: 100,
        every_feature: false,
        bounds: BTreeMap::new(),
    };

    fn asked(limits: Option<DriftLimits>) -> Thresholds {
        Thresholds { drift: limits, ..Thresholds::default() }
    }

    fn new_report(income: f64, age: f64) -> String {
        format!(
            r#"{{"metrics": [
            {{"id": "a1", "metric_name": "DriftedColumnsCount(drift_share=0.5)",
              "config": {{"type": "evidently:metric_v2:DriftedColumnsCount", "drift_share": 0.5}}, "value": {{"count": 0.0, "share": 0.0}}}},
            {{"id": "b2", "metric_name": "ValueDrift(column=income,method=PSI,threshold=0.1)",
              "config": {{"type": "evidently:metric_v2:ValueDrift", "column": "income", "method": "PSI", "threshold": 0.1}}, "value": {income}}},
            {{"id": "c3", "metric_name": "ValueDrift(column=age,method=K-S p_value,threshold=0.05)",
              "config": {{"type": "evidently:metric_v2:ValueDrift", "column": "age", "method": "K-S p_value", "threshold": 0.05}}, "value": {age}}},
            {{"id": "d4", "metric_name": "RowCount()", "config": {{"type": "evidently:metric_v2:RowCount"}}, "value": 1200.0}}],
            "tests": []}}"#
        )
    }

    #[test]
    fn the_verdict_of_0_7_follows_from_value_threshold_and_side() {
        let read = |income, age| parse(new_report(income, age).as_bytes(), &asked(None)).unwrap().facts;
        let calm = read(0.02, 0.4);
        assert_eq!(
            (calm.verdict, calm.summary.as_str()),
            (Verdict::Green, "0 of 2 columns drifted, asked a share < 0.5.")
        );
        // One of two columns is a share of 0.5, which the report's own 0.5 does not allow.
        let high = read(0.3, 0.4);
        assert_eq!(high.verdict, Verdict::Red);
        assert_eq!(high.failures, ["income drifted: PSI is 0.3, asked < 0.1"]);
        let low = read(0.02, 0.001);
        assert_eq!(low.failures, ["age drifted: K-S p_value is 0.001, asked >= 0.05"]);
    }

    #[test]
    fn policys_limit_on_psi_comes_before_the_reports_own() {
        let facts = parse(new_report(0.2, 0.4).as_bytes(), &asked(Some(LIMITS))).unwrap().facts;
        assert_eq!(facts.verdict, Verdict::Green, "0.2 is over the report's 0.1 and under policy's 0.25");
        assert_eq!(facts.criteria, Some(Criteria::Drift(LIMITS)));
        let facts = parse(new_report(0.26, 0.4).as_bytes(), &asked(Some(LIMITS))).unwrap().facts;
        assert_eq!(facts.failures, ["income drifted: PSI is 0.26, asked <= 0.25"]);
    }

    #[test]
    fn an_unknown_method_without_a_test_is_refused_with_its_place() {
        let odd = new_report(0.02, 0.4).replace("K-S p_value", "my own test");
        let error = parse(odd.as_bytes(), &asked(None)).unwrap_err().to_string();
        assert!(error.contains("/metrics/2/value") && error.contains("my own test"), "{error}");
        let test = r#""tests": [{"id": "t", "name": "Value Drift", "description": "drift", "metric_config": {"metric_id": "c3", "params": {}}, "status": "FAIL"}]"#;
        let facts = parse(odd.replace(r#""tests": []"#, test).as_bytes(), &asked(None)).unwrap().facts;
        assert_eq!(facts.failures, ["age drifted: my own test is 0.4"]);
    }

    fn old_report(detected: bool) -> String {
        format!(
            r#"{{"version": "0.4.40", "metrics": [
            {{"metric": "DatasetDriftMetric", "result": {{"drift_share": 0.5, "number_of_columns": 2, "number_of_drifted_columns": 1, "share_of_drifted_columns": 0.5, "dataset_drift": true}}}},
            {{"metric": "DataDriftTable", "result": {{"drift_by_columns": {{
                "age": {{"column_name": "age", "column_type": "num", "stattest_name": "Wasserstein distance (normed)", "stattest_threshold": 0.1, "drift_score": 0.42, "drift_detected": {detected}}},
                "city": {{"column_name": "city", "column_type": "cat", "stattest_name": "chi-square p_value", "stattest_threshold": 0.05, "drift_score": 0.6, "drift_detected": false}}}}}}}}]}}"#
        )
    }

    #[test]
    fn reports_up_to_0_4_are_read_and_a_false_word_is_refused() {
        let facts = parse(old_report(true).as_bytes(), &asked(None)).unwrap().facts;
        assert_eq!((facts.verdict, facts.failures.len()), (Verdict::Red, 1));
        assert_eq!(facts.figures[2].value.to_string(), "0.5");
        let error = parse(old_report(false).as_bytes(), &asked(None)).unwrap_err().to_string();
        assert!(error.contains("/metrics/1/result/drift_by_columns/age/drift_detected"), "{error}");
    }

    #[test]
    fn a_test_suite_is_judged_by_its_tests() {
        let suite = |status: &str| {
            format!(
                r#"{{"tests": [{{"name": "Share of missing", "description": "The share is 0.3.", "status": "{status}", "group": "data", "parameters": {{}}}}], "summary": {{"all_passed": {}}}}}"#,
                status != "FAIL"
            )
        };
        assert_eq!(parse(suite("SUCCESS").as_bytes(), &asked(None)).unwrap().facts.verdict, Verdict::Green);
        let red = parse(suite("FAIL").as_bytes(), &asked(None)).unwrap().facts;
        assert_eq!((red.verdict, red.failures), (Verdict::Red, vec!["The share is 0.3.".to_owned()]));
        let lie = parse(suite("FAIL").replace("false", "true").as_bytes(), &asked(None)).unwrap_err().to_string();
        assert!(lie.contains("/summary/all_passed: it says true while 1 tests failed"), "{lie}");
        assert!(parse(suite("PERHAPS").as_bytes(), &asked(None)).unwrap_err().to_string().contains("/tests/0/status"));
        let nothing = parse(suite("SKIPPED").as_bytes(), &asked(None)).unwrap_err().to_string();
        assert!(nothing.contains("proves nothing"), "{nothing}");
    }

    fn alone_0_4(drifted: u64, share: &str, detected: bool) -> String {
        format!(
            r#"{{"version": "0.4.40", "metrics": [{{"metric": "DatasetDriftMetric", "result": {{"drift_share": 0.5,
            "number_of_columns": 10, "number_of_drifted_columns": {drifted}, "share_of_drifted_columns": {share}, "dataset_drift": {detected}}}}}]}}"#
        )
    }

    fn alone_0_7(count: &str, share: &str) -> String {
        format!(
            r#"{{"metrics": [{{"id": "a1", "metric_name": "DriftedColumnsCount(drift_share=0.5)",
            "config": {{"type": "evidently:metric_v2:DriftedColumnsCount", "drift_share": 0.5}}, "value": {{"count": {count}, "share": {share}}}}}], "tests": []}}"#
        )
    }

    #[test]
    fn a_report_of_the_share_alone_is_judged_by_policys_share() {
        let some = DriftLimits { max_drifted_share: 0.2, ..LIMITS };
        for (file, verdict) in [
            (alone_0_4(2, "0.2", false), Verdict::Green),
            (alone_0_4(3, "0.3", false), Verdict::Red),
            (alone_0_7("2.0", "0.2"), Verdict::Green),
            (alone_0_7("3.0", "0.3"), Verdict::Red),
            (alone_0_7("0", "0"), Verdict::Green),
        ] {
            let facts = parse(file.as_bytes(), &asked(Some(some.clone()))).unwrap().facts;
            assert_eq!((facts.verdict, facts.criteria), (verdict, Some(Criteria::Drift(some.clone()))), "{file}");
            assert_eq!(facts.figures[0].threshold.as_deref(), Some("<= 0.2"));
        }
        let facts = parse(alone_0_4(3, "0.3", false).as_bytes(), &asked(Some(some.clone()))).unwrap().facts;
        assert_eq!(facts.failures, ["a share of 0.3 of all columns drifted, as the report says, asked <= 0.2"]);
        assert_eq!(facts.summary, "3 of 10 columns drifted, as the report says, asked a share <= 0.2.");
        // Without a policy the report's own share counts, as it does for columns.
        assert_eq!(parse(alone_0_4(3, "0.3", false).as_bytes(), &asked(None)).unwrap().facts.verdict, Verdict::Green);
    }

    /// The file's own threshold never makes green what policy's would not.
    #[test]
    fn policys_bounds_come_before_the_reports_own() {
        let bounds = [("ks", 0.05), ("wasserstein", 0.1)].map(|(name, bound)| (name.to_owned(), bound)).into();
        let limits = DriftLimits { bounds, ..LIMITS };
        let column = |method: &str, threshold: &str, score: &str| {
            format!(
                r#"{{"version": "0.4.40", "metrics": [{{"metric": "DataDriftTable", "result": {{"drift_by_columns": {{"income": {{"column_name": "income",
                "column_type": "num", "stattest_name": "{method}", "stattest_threshold": {threshold}, "drift_score": {score}, "drift_detected": false}}}}}}}}]}}"#
            )
        };
        let read =
            |file: &str, limits: &DriftLimits| parse(file.as_bytes(), &asked(Some(limits.clone()))).unwrap().facts;
        for (method, own, score, failure) in [
            ("K-S p_value", "1e-99", "1e-50", "asked >= 0.05"),
            ("Wasserstein distance (normed)", "100", "5", "asked < 0.1"),
            (
                "Jensen-Shannon distance",
                "0.99",
                "0.9",
                "policy states no bound of Jensen-Shannon distance (thresholds.drift.bounds)",
            ),
            ("my_test", "5", "1", "policy states no bound of my_test"),
        ] {
            let file = column(method, own, score);
            assert_eq!(read(&file, &LIMITS).verdict, Verdict::Green, "so it was");
            let facts = read(&file, &limits);
            assert_eq!(facts.verdict, Verdict::Red, "{method}");
            assert!(facts.failures[0].contains(failure), "{facts:#?}");
        }
        let calm = read(&column("K-S p_value", "0.05", "0.4"), &limits);
        assert_eq!((calm.verdict, calm.features), (Verdict::Green, ["income".to_owned()].into()));
        let counted = read(&alone_0_4(0, "0.0", false), &limits);
        assert_eq!(counted.verdict, Verdict::Red);
        assert!(counted.failures[0].contains("the report's own thresholds"), "{counted:#?}");
        let newer = new_report(0.02, 1e-50).replace("threshold\": 0.05", "threshold\": 1e-99");
        assert_eq!(read(&newer, &LIMITS).verdict, Verdict::Green, "so it was");
        assert_eq!(
            read(&newer, &limits).failures,
            ["age drifted: K-S p_value is 0.00000000000000000000000000000000000000000000000001, asked >= 0.05"]
        );
    }

    #[test]
    fn a_share_that_its_counts_contradict_is_refused() {
        for (file, part) in [
            (alone_0_4(3, "0.1", false), "share_of_drifted_columns: it says 0.1 while 3 of 10"),
            (alone_0_4(6, "0.6", false), "dataset_drift: it says false while the share is 0.6 and its limit 0.5"),
            (alone_0_7("3", "0"), "/metrics/0/value/share: a share of 0 is not that of 3"),
            (alone_0_7("3", "1.5"), "a share of 1.5"),
            (
                old_report(true)
                    .replace(r#""drift_by_columns""#, r#""number_of_drifted_columns": 0, "drift_by_columns""#),
                "/metrics/1/result/number_of_drifted_columns: it says 0 while the columns below it say 1",
            ),
        ] {
            let said = parse(file.as_bytes(), &asked(Some(LIMITS))).unwrap_err().to_string();
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn one_calm_column_does_not_hide_that_most_of_them_drifted() {
        let file = new_report(0.02, 0.4).replace(r#"{"count": 0.0, "share": 0.0}"#, r#"{"count": 9.0, "share": 0.9}"#);
        let facts = parse(file.as_bytes(), &asked(Some(LIMITS))).unwrap().facts;
        assert_eq!((facts.verdict, facts.failures.len()), (Verdict::Red, 1), "{facts:#?}");
        // Two of two: each is told by itself, and policy's own limit says which drifted.
        let file = new_report(0.2, 0.4).replace(r#"{"count": 0.0, "share": 0.0}"#, r#"{"count": 1.0, "share": 0.5}"#);
        assert_eq!(parse(file.as_bytes(), &asked(Some(LIMITS))).unwrap().facts.verdict, Verdict::Green);
    }
}
