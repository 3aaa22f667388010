//! Collects figures and holds them against limits.

use crate::statistics::StatisticsError;

use super::{Criteria, EvidenceKind, Facts, Figure, MAX_FAILURES, MAX_FIGURES, Verdict};

/// What was computed from a file, and what of it failed.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    figures: Vec<Figure>,
    failures: Vec<String>,
    judged: usize,
    failed: usize,
}

impl Judge {
    /// A figure that nothing is asked of.
    pub(crate) fn note(&mut self, figure: Figure) {
        self.figures.push(tidy(figure));
    }

    /// A figure that must not be below `limit`.
    pub(crate) fn at_least(&mut self, figure: Figure, limit: f64) {
        let passed = figure.value >= limit;
        self.judge(figure.asked(format!(">= {limit}"), passed));
    }

    /// A figure that must not be above `limit`.
    pub(crate) fn at_most(&mut self, figure: Figure, limit: f64) {
        let passed = figure.value <= limit;
        self.judge(figure.asked(format!("<= {limit}"), passed));
    }

    fn judge(&mut self, figure: Figure) {
        let figure = tidy(figure);
        self.judged += 1;
        if figure.passed == Some(false) {
            let place = figure.segment.as_ref().map(|segment| format!(" in segment {segment}")).unwrap_or_default();
            let asked = figure.threshold.as_deref().unwrap_or_default();
            self.fail(format!("{}{place} is {}, asked {asked}", figure.name, rounded(figure.value)));
        }
        self.figures.push(figure);
    }

    /// A figure that should have been judged and does not exist.
    pub(crate) fn undefined(&mut self, error: &StatisticsError, segment: Option<&str>) {
        self.judged += 1;
        let place = segment.map(|segment| format!(" (segment {segment})")).unwrap_or_default();
        self.fail(format!("{error}{place}"));
    }

    /// Something that a file must hold and does not.
    pub(crate) fn lacking(&mut self, what: impl Into<String>) {
        self.judged += 1;
        self.fail(what.into());
    }

    fn fail(&mut self, sentence: String) {
        self.failed += 1;
        self.failures.push(sentence);
    }

    /// Figures that may still be kept.
    pub(crate) fn room(&self) -> usize {
        MAX_FIGURES.saturating_sub(self.figures.len())
    }

    /// The facts; `about` says in a few words what was looked at.
    pub(crate) fn facts(mut self, kind: EvidenceKind, about: &str, criteria: Criteria) -> Facts {
        let verdict = if self.failed == 0 && self.judged > 0 { Verdict::Green } else { Verdict::Red };
        let summary = format!("{about}: {} of {} thresholds met.", self.judged - self.failed, self.judged);
        self.figures.truncate(MAX_FIGURES);
        self.failures.truncate(MAX_FAILURES);
        Facts::new(kind, verdict, summary).with(self.figures, self.failures).judged_by(Some(criteria))
    }
}

/// Canonical JSON knows no −0.
fn tidy(figure: Figure) -> Figure {
    Figure { value: figure.value + 0.0, ..figure }
}

/// Six digits, for a sentence.
fn rounded(value: f64) -> String {
    if value.fract() == 0.0 || value == 0.0 {
        return value.to_string();
    }
    let digits = 5.0 - libm::floor(libm::log10(value.abs()));
    let scale = libm::pow(10.0, digits.clamp(0.0, 12.0));
    ((value * scale).round() / scale).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_round_and_entries_do_not() {
        assert_eq!(rounded(0.123_456_789), "0.123457");
        assert_eq!(rounded(1_234_567.8), "1234568");
        assert_eq!(rounded(-0.000_012_345_678_9), "-0.0000123457");
        assert_eq!(rounded(3.0), "3");
        let mut judge = Judge::default();
        judge.at_most(Figure::new("ratio", 1.234_567_89).in_segment("new"), 1.2);
        assert_eq!(judge.failures, ["ratio in segment new is 1.23457, asked <= 1.2"]);
        assert_eq!(judge.figures[0].value.to_bits(), 1.234_567_89_f64.to_bits());
    }
}
