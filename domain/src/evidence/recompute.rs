//! Judges a file again by the thresholds recorded with its facts, and says whether the same comes out.

use serde::Serialize;

use super::{Facts, Figure, ParseError, Parsed, Thresholds, parse::reread};
use crate::recompute::close;

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Recomputed {
    /// Figures that were compared.
    pub figures: usize,
    /// What differs, one by one; empty if all is equal.
    pub differences: Vec<String>,
}

impl Recomputed {
    /// Whether the file says what the entry says.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }

    /// Compares what an entry recorded with what was computed again.
    pub fn compare(recorded: &Facts, again: &Facts) -> Self {
        let mut differences = Vec::new();
        let mut differs = |what: &str, was: String, now: String| {
            if was != now {
                differences.push(format!("{what}: the entry says {was}, the file gives {now}"));
            }
        };
        differs("kind", recorded.kind.title().to_owned(), again.kind.title().to_owned());
        differs("verdict", recorded.verdict.title().to_owned(), again.verdict.title().to_owned());
        differs("figures", recorded.figures.len().to_string(), again.figures.len().to_string());
        differs("failures", format!("{:?}", recorded.failures), format!("{:?}", again.failures));
        differs("champion", format!("{:?}", recorded.compared), format!("{:?}", again.compared));
        // Entries of before do not tell which columns were looked at.
        if !recorded.features.is_empty() {
            differs("columns", format!("{:?}", recorded.features), format!("{:?}", again.features));
        }
        differs("summary", format!("{:?}", recorded.summary), format!("{:?}", again.summary));
        for (was, now) in recorded.figures.iter().zip(&again.figures) {
            if !same(was, now) {
                let name = was.segment.as_ref().map_or_else(|| was.name.clone(), |s| format!("{} in {s}", was.name));
                differences.push(format!("{name}: the entry says {}, the file gives {}", told(was), told(now)));
            }
        }
        Self { figures: recorded.figures.len(), differences }
    }
}

fn same(a: &Figure, b: &Figure) -> bool {
    let ends = |figure: &Figure| figure.interval.map(|interval| (interval.low, interval.high));
    let intervals = match (ends(a), ends(b)) {
        (None, None) => true,
        (Some(a), Some(b)) => close(a.0, b.0) && close(a.1, b.1),
        _ => false,
    };
    let words =
        (&a.name, &a.threshold, a.passed, &a.segment, a.n) == (&b.name, &b.threshold, b.passed, &b.segment, b.n);
    words && intervals && close(a.value, b.value)
}

fn told(figure: &Figure) -> String {
    let interval = figure.interval.map(|interval| format!(" ({} to {})", interval.low, interval.high));
    let threshold = figure.threshold.as_ref().map(|threshold| format!(", asked {threshold}"));
    let passed = figure.passed.map(|passed| if passed { ", met" } else { ", not met" });
    format!("{}{}{}{}", figure.value, interval.unwrap_or_default(), threshold.unwrap_or_default(), passed.unwrap_or(""))
}

/// Reads the file again, by the thresholds recorded in `recorded`.
///
/// # Errors
/// The file can no longer be read.
pub fn recompute(recorded: &Facts, bytes: &[u8]) -> Result<Recomputed, ParseError> {
    let asked = recorded.criteria.as_ref().map_or_else(Thresholds::default, super::Criteria::thresholds);
    let Parsed { facts, .. } = reread(bytes, &asked)?;
    Ok(Recomputed::compare(recorded, &facts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{parse, thresholds::LintLimits};

    const LINT: &[u8] = br#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "ruff"}},
        "results": [{"ruleId": "E1", "level": "error"}, {"ruleId": "W1"}]}]}"#;

    #[test]
    fn the_recorded_thresholds_are_used_and_not_others() {
        let asked =
            Thresholds { lint: Some(LintLimits { max_errors: 1, max_warnings: None }), ..Thresholds::default() };
        let recorded = parse(LINT, &asked).unwrap().facts;
        let again = recompute(&recorded, LINT).unwrap();
        assert!(again.is_equal(), "{again:?}");
        assert_eq!(again.figures, 4);
    }

    /// What is refused now was attached once, and its entry still comes out again.
    #[test]
    fn what_is_refused_today_is_judged_again_as_it_was() {
        for file in [
            &br#"{"schema": "countersign/evaluation@1", "figures": [{"name": "auc", "value": 2.5, "at_least": 0.5}]}"#[..],
            br#"{"schema": "countersign/evaluation@1", "figures": [{"name": "x", "value": 1, "value": 0, "at_least": 0}]}"#,
            br#"{"schema": "countersign/columns@1", "features": {"x": {"reference": [null], "current": [null]}}}"#,
        ] {
            assert!(parse(file, &Thresholds::default()).is_err());
            let recorded = reread(file, &Thresholds::default()).unwrap().facts;
            assert!(recompute(&recorded, file).unwrap().is_equal());
        }
    }

    #[test]
    fn a_changed_figure_is_named() {
        let mut recorded = parse(LINT, &Thresholds::default()).unwrap().facts;
        recorded.figures[1].value = 7.0;
        let again = recompute(&recorded, LINT).unwrap();
        assert_eq!(again.differences, ["warnings: the entry says 7, the file gives 1"]);
        recorded.figures[1].value = 1.0 + 1e-12;
        assert!(recompute(&recorded, LINT).unwrap().is_equal(), "the last bit of a logarithm is no difference");
        assert!(recompute(&recorded, b"").is_err());
    }
}
