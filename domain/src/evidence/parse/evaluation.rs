//! Countersign's own evaluation result:
//! `{"schema": "countersign/evaluation@1", "path": "model", "weights_digest": "sha256:…",
//!   "figures": [{"name": "auc", "value": 0.81, "at_least": 0.75}]}`.
//!
//! On the model path policy's bounds (`thresholds.evaluation`) come first: a bound of the file's own counts where it is the
//! stricter one, or where policy has none. A metric that policy asks for and the file does not hold is a failure.

use serde_json::Value;

use super::{ParseError, Parsed, Reading, bounded, node::Node, ranges};
use crate::evidence::{
    Artifact, Criteria, EvidenceKind, EvidencePath, Facts, Figure, MAX_FAILURES, MAX_FIGURES, Thresholds, Verdict,
    thresholds::{EvaluationLimits, MetricBound, is_metric},
};

/// Name of the format.
pub(super) const SCHEMA: &str = "countersign/evaluation@1";

/// Reads an evaluation; each figure is held against its bounds here.
pub(super) fn read(value: &Value, asked: &Thresholds, reading: Reading) -> Result<Parsed, ParseError> {
    let root = Node::root(SCHEMA, value);
    root.only(&["schema", "path", "weights_digest", "figures"])?;
    let path = match root.get("path") {
        None => EvidencePath::Model,
        Some(path) => path.text()?.parse().map_err(|error| path.fault(format!("{error}")))?,
    };
    let weights = root.get("weights_digest").map(|digest| digest.digest()).transpose()?;
    let list = root.need("figures")?;
    let items = list.items()?;
    if items.len() > MAX_FIGURES {
        return Err(list.fault(format!("{} figures are given; at most {MAX_FIGURES} are kept", items.len())));
    }
    let limits = asked.evaluation.as_ref().filter(|_| path == EvidencePath::Model);
    if reading == Reading::New {
        for item in &items {
            ranges::check(item.need("name")?.text()?, &item.need("value")?)?;
        }
    }
    let figures = items.iter().map(|item| judge(item, limits)).collect::<Result<Vec<_>, _>>()?;
    let judged = figures.iter().filter(|figure| figure.passed.is_some()).count();
    let absent = limits.map(|limits| absent(limits, &figures)).unwrap_or_default();
    if judged == 0 && absent.is_empty() {
        return Err(list.fault("no figure has a threshold (at_least, at_most), so nothing is judged"));
    }
    let kept = figures.iter().filter(|figure| figure.passed == Some(false)).map(|figure| {
        format!("{} is {}, asked {}", figure.name, figure.value, figure.threshold.as_deref().unwrap_or(""))
    });
    let (judged, missing) = (judged + absent.len(), absent.len());
    let failures: Vec<String> = absent.into_iter().chain(kept).take(MAX_FAILURES).collect();
    let failed = missing + figures.iter().filter(|figure| figure.passed == Some(false)).count();
    let verdict = if failed == 0 { Verdict::Green } else { Verdict::Red };
    let summary = format!("{} of {judged} thresholds met.", judged - failed);
    Ok(Parsed {
        path: Some(path),
        names: weights.map(|digest| (Artifact::Weights, digest.to_string())),
        ..Parsed::of(
            Facts::new(EvidenceKind::Evaluation, verdict, summary)
                .with(figures, failures)
                .judged_by(limits.cloned().map(Criteria::Evaluation)),
        )
    })
}

/// What policy asks for and no figure is of.
fn absent(limits: &EvaluationLimits, figures: &[Figure]) -> Vec<String> {
    let holds = |name: &String| figures.iter().any(|figure| is_metric(&figure.name, name));
    let mut absent: Vec<String> = limits
        .required
        .iter()
        .filter(|name| !holds(name))
        .map(|name| format!("{name} is missing, which policy asks for"))
        .collect();
    if !limits.one_of.is_empty() && !limits.one_of.iter().any(holds) {
        let names = limits.one_of.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        absent.push(format!("none of the metrics is there of which policy asks for one: {names}"));
    }
    absent
}

fn judge(node: &Node<'_>, limits: Option<&EvaluationLimits>) -> Result<Figure, ParseError> {
    node.only(&["name", "value", "at_least", "at_most"])?;
    let figure = Figure::new(bounded(node.need("name")?.text()?), node.need("value")?.number()?);
    let policy = limits.and_then(|limits| limits.bound(&figure.name));
    let policy = policy.unwrap_or(MetricBound { at_least: None, at_most: None });
    // The stricter of both, the file's and policy's.
    let stricter = |own: Option<f64>, asked: Option<f64>, pick: fn(f64, f64) -> f64| match (own, asked) {
        (Some(own), Some(asked)) => Some(pick(own, asked)),
        (own, asked) => own.or(asked),
    };
    let low = stricter(node.number_of("at_least")?, policy.at_least, f64::max);
    let high = stricter(node.number_of("at_most")?, policy.at_most, f64::min);
    let threshold = match (low, high) {
        (None, None) => return Ok(figure),
        (Some(low), None) => format!(">= {low}"),
        (None, Some(high)) => format!("<= {high}"),
        (Some(low), Some(high)) => format!(">= {low} and <= {high}"),
    };
    let passed = low.is_none_or(|low| figure.value >= low) && high.is_none_or(|high| figure.value <= high);
    Ok(figure.asked(threshold, passed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{parse, recompute};

    fn asked(toml: &str) -> Thresholds {
        Thresholds { evaluation: Some(toml::from_str(toml).unwrap()), ..Thresholds::default() }
    }

    fn file(figures: &str) -> String {
        format!(r#"{{"schema": "{SCHEMA}", "figures": [{figures}]}}"#)
    }

    const POLICY: &str = "one_of = [\"auc\", \"r2\"]\n[metrics]\nauc = { at_least = 0.6 }\nbrier = { at_most = 0.25 }\nr2 = { at_least = 0.0 }";

    #[test]
    fn policys_bound_counts_where_the_files_own_is_weaker() {
        let read = |figures: &str| parse(file(figures).as_bytes(), &asked(POLICY)).unwrap().facts;
        let weak = read(r#"{"name": "AUC", "value": 0.5, "at_least": 0}"#);
        assert_eq!((weak.verdict, weak.failures), (Verdict::Red, vec!["AUC is 0.5, asked >= 0.6".to_owned()]));
        let strict = read(r#"{"name": "auc", "value": 0.7, "at_least": 0.75}"#);
        assert_eq!(strict.failures, ["auc is 0.7, asked >= 0.75"], "a stricter bound of the file's own counts");
        let unbounded = read(r#"{"name": "auc", "value": 0.7}"#);
        assert_eq!((unbounded.verdict, unbounded.figures[0].threshold.as_deref()), (Verdict::Green, Some(">= 0.6")));
        let two = read(r#"{"name": "auc", "value": 0.7}, {"name": "brier", "value": 0.3, "at_most": 1}"#);
        assert_eq!(two.failures, ["brier is 0.3, asked <= 0.25"]);
        assert!(matches!(two.criteria, Some(Criteria::Evaluation(_))), "what it was held against is kept");
        let twice = read(r#"{"name": "auc", "value": 0.7}, {"name": "auc", "value": 0.4}"#);
        assert_eq!(twice.verdict, Verdict::Red);
    }

    #[test]
    fn what_policy_asks_for_and_the_file_does_not_hold_is_red_by_its_name() {
        let other = file(r#"{"name": "I say so", "value": 1, "at_least": 0}"#);
        let facts = parse(other.as_bytes(), &asked(POLICY)).unwrap().facts;
        assert_eq!(facts.verdict, Verdict::Red);
        assert_eq!(facts.failures, ["none of the metrics is there of which policy asks for one: auc, r2"]);
        let required = POLICY.replace("one_of = [\"auc\", \"r2\"]", "required = [\"auc\", \"brier\"]");
        let facts = parse(file(r#"{"name": "auc", "value": 0.8}"#).as_bytes(), &asked(&required)).unwrap().facts;
        assert_eq!(facts.failures, ["brier is missing, which policy asks for"]);
        assert_eq!(facts.summary, "1 of 2 thresholds met.");
        let again = recompute(&facts, file(r#"{"name": "auc", "value": 0.8}"#).as_bytes()).unwrap();
        assert!(again.is_equal(), "{again:?}");
    }

    #[test]
    fn a_figure_that_cannot_be_is_refused_with_the_range() {
        let fault = |name: &str, value: &str| {
            let figure = format!(r#"{{"name": "{name}", "value": {value}, "at_least": -9}}"#);
            parse(file(&figure).as_bytes(), &asked(POLICY)).unwrap_err().to_string()
        };
        let said = fault("AUC", "2.5");
        assert!(said.contains("/figures/0/value: AUC is 2.5; by its definition it lies between 0 and 1"), "{said}");
        assert!(fault("accuracy", "-1").contains("between 0 and 1"));
        assert!(fault("ndcg_at_10", "93").contains("between 0 and 1"));
        assert!(fault("Spearman", "1.01").contains("between -1 and 1"));
        assert!(fault("log loss", "-0.1").contains("at 0 or above"));
        assert!(fault("r2", "1.5").contains("at 1 or below"));
        let own = file(r#"{"name": "auc", "value": 1}, {"name": "tons of steel", "value": -7e9}"#);
        assert!(parse(own.as_bytes(), &asked(POLICY)).is_ok());
    }

    #[test]
    fn without_policys_bounds_and_on_other_paths_it_is_as_it_was() {
        let weak = file(r#"{"name": "auc", "value": 0.5, "at_least": 0}"#);
        assert_eq!(parse(weak.as_bytes(), &Thresholds::default()).unwrap().facts.verdict, Verdict::Green);
        let shadow = weak.replace("\"figures\"", "\"path\": \"shadow\", \"figures\"");
        let facts = parse(shadow.as_bytes(), &asked(POLICY)).unwrap().facts;
        assert_eq!((facts.verdict, facts.criteria), (Verdict::Green, None));
    }
}
