//! Judging a window of traffic against the market's guardrails: by interval, not by point.

use serde::{Deserialize, Serialize};

use super::{event::Figure, rules::Guardrail};

/// What a guardrail, or all of them together, says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = WindowVerdict))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval is within the bound.
    Green,
    /// The bound lies within the interval, or the figure is not stated: no step forward, and no strike.
    Undecided,
    /// The whole interval is beyond the bound.
    Red,
}

impl Verdict {
    /// The verdict in a word.
    pub fn title(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Undecided => "undecided",
            Self::Red => "red",
        }
    }
}

/// What one guardrail said, with its bound as it was in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Judged {
    /// The guardrail.
    pub guardrail: Guardrail,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub sentence: String,
}

/// Guardrails that ask for an interval and find a figure without both of its ends.
pub fn without_interval<'g>(figures: &[Figure], guardrails: &'g [Guardrail]) -> Vec<&'g Guardrail> {
    let bare = |guardrail: &&Guardrail| {
        let figure = figures.iter().find(|figure| figure.metric == guardrail.metric);
        guardrail.interval && figure.is_some_and(|figure| figure.lower.is_none() || figure.upper.is_none())
    };
    guardrails.iter().filter(bare).collect()
}

/// Figures that cannot have been measured, a sentence each.
pub fn impossible(figures: &[Figure], guardrails: &[Guardrail]) -> Vec<String> {
    let outside = |figure: &Figure| {
        let guardrail = guardrails.iter().find(|guardrail| guardrail.metric == figure.metric)?;
        let (lowest, highest) = (guardrail.lowest.unwrap_or(f64::MIN), guardrail.highest.unwrap_or(f64::MAX));
        let ends = [Some(figure.value), figure.lower, figure.upper];
        let is_possible = ends.iter().flatten().all(|value| (lowest..=highest).contains(value));
        let range = match (guardrail.lowest, guardrail.highest) {
            (Some(lowest), Some(highest)) => format!("from {lowest} to {highest}"),
            (Some(lowest), None) => format!("at least {lowest}"),
            (_, highest) => format!("at most {}", highest.unwrap_or(f64::MAX)),
        };
        (!is_possible).then(|| format!("{} and its interval can only be {range}.", guardrail.title))
    };
    figures.iter().filter_map(outside).collect()
}

/// Judges figures by guardrails. The whole is as bad as the worst.
pub fn judge(figures: &[Figure], guardrails: &[Guardrail]) -> (Verdict, Vec<Judged>) {
    let judged: Vec<Judged> = guardrails
        .iter()
        .filter_map(|guardrail| {
            let figure = figures.iter().find(|figure| figure.metric == guardrail.metric);
            (figure.is_some() || guardrail.required).then(|| one(figure, guardrail))
        })
        .collect();
    let verdict = judged.iter().map(|judged| judged.verdict).max().unwrap_or(Verdict::Green);
    (verdict, judged)
}

fn one(figure: Option<&Figure>, guardrail: &Guardrail) -> Judged {
    let Some(figure) = figure else {
        let sentence = format!("{} was not reported.", guardrail.title);
        return Judged { guardrail: guardrail.clone(), verdict: Verdict::Undecided, sentence };
    };
    let (lower, upper) = (figure.lower.unwrap_or(figure.value), figure.upper.unwrap_or(figure.value));
    let verdict = match (guardrail.at_most, guardrail.at_least) {
        (Some(bound), _) if lower > bound => Verdict::Red,
        (Some(bound), _) if upper > bound => Verdict::Undecided,
        (_, Some(bound)) if upper < bound => Verdict::Red,
        (_, Some(bound)) if lower < bound => Verdict::Undecided,
        _ => Verdict::Green,
    };
    let bound = match (guardrail.at_most, guardrail.at_least) {
        (Some(bound), _) => format!("at most {bound}"),
        (_, Some(bound)) => format!("at least {bound}"),
        _ => "unbounded".to_owned(),
    };
    let interval = if lower < upper { format!(" ({lower} to {upper})") } else { String::new() };
    let sentence = format!("{} is {}{interval}; the guardrail is {bound}.", guardrail.title, figure.value);
    Judged { guardrail: guardrail.clone(), verdict, sentence }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(metric: &str, value: f64, interval: Option<(f64, f64)>) -> Figure {
        Figure { metric: metric.into(), value, lower: interval.map(|i| i.0), upper: interval.map(|i| i.1) }
    }

    fn rail(metric: &str, at_most: Option<f64>, at_least: Option<f64>, required: bool) -> Guardrail {
        let (lowest, highest) = (None, None);
        Guardrail {
            metric: metric.into(),
            title: metric.into(),
            at_most,
            at_least,
            lowest,
            highest,
            required,
            interval: false,
        }
    }

    #[test]
    fn an_interval_across_the_bound_is_neither_a_strike_nor_a_step() {
        let most = [rail("error_rate", Some(0.01), None, true)];
        let verdict = |value, interval| judge(&[figure("error_rate", value, interval)], &most).0;
        assert_eq!(verdict(0.004, Some((0.002, 0.01))), Verdict::Green);
        assert_eq!(verdict(0.009, Some((0.006, 0.012))), Verdict::Undecided);
        assert_eq!(verdict(0.012, Some((0.009, 0.015))), Verdict::Undecided);
        assert_eq!(verdict(0.02, Some((0.011, 0.03))), Verdict::Red);
        assert_eq!(verdict(0.01, None), Verdict::Green, "the bound itself is allowed");
        assert_eq!(verdict(0.0101, None), Verdict::Red);
        let least = [rail("ctr", None, Some(-0.02), true)];
        let verdict = |value, interval| judge(&[figure("ctr", value, interval)], &least).0;
        assert_eq!(verdict(-0.01, Some((-0.02, 0.0))), Verdict::Green);
        assert_eq!(verdict(-0.02, Some((-0.03, -0.01))), Verdict::Undecided);
        assert_eq!(verdict(-0.05, Some((-0.07, -0.021))), Verdict::Red);
    }

    #[test]
    fn what_is_not_reported_is_undecided_where_it_is_asked_for() {
        let rails = [rail("error_rate", Some(0.01), None, true), rail("ctr", None, Some(0.0), false)];
        let (verdict, judged) = judge(&[], &rails);
        assert_eq!((verdict, judged.len()), (Verdict::Undecided, 1));
        assert_eq!(judged[0].sentence, "error_rate was not reported.");
        let (verdict, judged) = judge(&[figure("error_rate", 0.0, None), figure("ctr", -1.0, None)], &rails);
        assert_eq!((verdict, judged.len()), (Verdict::Red, 2), "the whole is as bad as the worst");
        assert_eq!(judge(&[], &[]).0, Verdict::Green);
    }
}
