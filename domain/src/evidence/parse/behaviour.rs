//! Behavioural test suites in the manner of `CheckList`:
//! `{"schema": "countersign/behaviour@1", "suite": "credit behaviour", "weights_digest": "sha256:…",
//!   "tests": [{"capability": "income", "name": "more income never lowers the score", "type": "DIR", "n": 500, "failures": 3}]}`.
//! How often a test of each type may fail is policy's to say.

use serde_json::Value;

use super::{ParseError, Parsed, bounded, node::Node};
use crate::evidence::{
    Artifact, Criteria, EvidenceKind, Facts, Figure, MAX_FAILURES, MAX_FIGURES, Thresholds, Verdict,
    thresholds::{BehaviourLimits, TestType},
};

/// Name of the format.
pub(super) const SCHEMA: &str = "countersign/behaviour@1";

/// Tests in one file at most.
const MAX_TESTS: usize = 10_000;

struct Test {
    name: String,
    cases: u64,
    rate: f64,
    limit: Option<f64>,
    why: Option<String>,
}

/// Reads a suite.
pub(super) fn read(value: &Value, asked: &Thresholds) -> Result<Parsed, ParseError> {
    let root = Node::root(SCHEMA, value);
    root.only(&["schema", "suite", "weights_digest", "tests"])?;
    let weights = root.get("weights_digest").map(|digest| digest.digest()).transpose()?;
    let list = root.need("tests")?;
    let items = list.items()?;
    if items.is_empty() || items.len() > MAX_TESTS {
        return Err(list.fault(format!("it holds {} tests; between 1 and {MAX_TESTS} are read", items.len())));
    }
    let limits = asked.behaviour.as_ref();
    let mut tests = items.iter().map(|item| test(item, limits)).collect::<Result<Vec<_>, _>>()?;
    let total = tests.len();
    let failed = tests.iter().filter(|test| test.why.is_some()).count();
    let verdict = match limits {
        None => Verdict::Neutral,
        Some(_) if failed == 0 => Verdict::Green,
        Some(_) => Verdict::Red,
    };
    let suite = root.text_of("suite")?.map(|suite| format!("{}: ", bounded(suite))).unwrap_or_default();
    let summary = if limits.is_some() {
        format!("{suite}{} of {total} behavioural tests within policy's failure rates.", total - failed)
    } else {
        format!("{suite}{total} behavioural tests; the policy in force sets no failure rates to hold them against.")
    };
    // What failed is kept before what passed, should there be more than are kept.
    tests.sort_by_key(|test| test.why.is_none());
    let failures = tests.iter().filter_map(|test| test.why.clone()).take(MAX_FAILURES).collect();
    let figures = tests
        .into_iter()
        .take(MAX_FIGURES)
        .map(|test| {
            let figure = Figure::new(test.name, test.rate).counted(test.cases);
            match test.limit {
                Some(limit) => figure.asked(format!("<= {limit}"), test.why.is_none()),
                None => figure,
            }
        })
        .collect();
    let facts = Facts::new(EvidenceKind::Behaviour, verdict, summary).with(figures, failures);
    Ok(Parsed {
        names: weights.map(|digest| (Artifact::Weights, digest.to_string())),
        ..Parsed::of(facts.judged_by(limits.cloned().map(Criteria::Behaviour)))
    })
}

fn test(node: &Node<'_>, limits: Option<&BehaviourLimits>) -> Result<Test, ParseError> {
    node.only(&["capability", "name", "type", "n", "failures"])?;
    let word = node.need("type")?;
    let said = word.text()?;
    let kind = TestType::ALL
        .into_iter()
        .find(|kind| kind.id() == said)
        .ok_or_else(|| word.fault(format!("{:?} is none of MFT, INV, DIR", bounded(said))))?;
    let cases = node.need("n")?.count()?;
    let failed = node.need("failures")?;
    let failures = failed.count()?;
    if cases == 0 {
        return Err(node.fault("n is 0; a test without cases proves nothing"));
    }
    if failures > cases {
        return Err(failed.fault(format!("{failures} failures of {cases} cases")));
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of cases stay far below 2^52")]
    let rate = failures as f64 / cases as f64;
    let capability = node.need("capability")?.text()?;
    let name = bounded(&format!("{} {capability}: {}", kind.id(), node.need("name")?.text()?));
    let limit = limits.and_then(|limits| limits.max_failure_rate.get(&kind).copied());
    let why = match (limits, limit) {
        (None, _) => None,
        (Some(_), None) => Some(format!("{name}: policy sets no failure rate for {} tests", kind.id())),
        (Some(limits), _) if cases < limits.min_cases => {
            Some(format!("{name}: {cases} cases, asked at least {}", limits.min_cases))
        }
        (_, Some(limit)) if rate > limit => {
            Some(format!("{name}: {failures} of {cases} failed ({rate:.4}), asked at most {limit}"))
        }
        _ => None,
    };
    Ok(Test { name, cases, rate, limit, why })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::parse;

    const SUITE: &str = r#"{"schema": "countersign/behaviour@1", "suite": "credit", "tests": [
        {"capability": "vocabulary", "name": "plain cases", "type": "MFT", "n": 500, "failures": 5},
        {"capability": "fairness", "name": "name does not matter", "type": "INV", "n": 200, "failures": 30}]}"#;

    fn asked(rates: &[(TestType, f64)], min_cases: u64) -> Thresholds {
        let limits = BehaviourLimits { max_failure_rate: rates.iter().copied().collect(), min_cases };
        Thresholds { behaviour: Some(limits), ..Thresholds::default() }
    }

    #[test]
    fn each_test_is_held_against_the_rate_of_its_type() {
        let lax = parse(SUITE.as_bytes(), &asked(&[(TestType::Mft, 0.01), (TestType::Inv, 0.15)], 100)).unwrap().facts;
        assert_eq!(lax.verdict, Verdict::Green, "a rate on its limit passes");
        let strict =
            parse(SUITE.as_bytes(), &asked(&[(TestType::Mft, 0.01), (TestType::Inv, 0.1)], 100)).unwrap().facts;
        assert_eq!(strict.verdict, Verdict::Red);
        assert_eq!(
            strict.failures,
            ["INV fairness: name does not matter: 30 of 200 failed (0.1500), asked at most 0.1"]
        );
        assert_eq!(strict.figures[0].passed, Some(false), "what failed comes first");
        let few = parse(SUITE.as_bytes(), &asked(&[(TestType::Mft, 0.5), (TestType::Inv, 0.5)], 300)).unwrap().facts;
        assert_eq!(few.failures, ["INV fairness: name does not matter: 200 cases, asked at least 300"]);
        let unasked = parse(SUITE.as_bytes(), &asked(&[(TestType::Mft, 0.5)], 1)).unwrap().facts;
        assert!(unasked.failures[0].contains("no failure rate for INV"), "{unasked:?}");
    }

    #[test]
    fn without_a_policy_nothing_is_judged() {
        let facts = parse(SUITE.as_bytes(), &Thresholds::default()).unwrap().facts;
        assert_eq!((facts.verdict, facts.criteria), (Verdict::Neutral, None));
    }

    #[test]
    fn impossible_counts_name_their_place() {
        let fault = |file: String| parse(file.as_bytes(), &Thresholds::default()).unwrap_err().to_string();
        assert!(fault(SUITE.replace("\"failures\": 5", "\"failures\": 501")).contains("/tests/0/failures"));
        assert!(fault(SUITE.replace("\"INV\"", "\"inv\"")).contains("/tests/1/type"));
        assert!(fault(SUITE.replace("\"n\": 200", "\"n\": 0")).contains("/tests/1"));
        assert!(fault(SUITE.replace("\"n\": 200", "\"size\": 200")).contains("/tests/1/size"));
    }
}
