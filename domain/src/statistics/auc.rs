//! The area under the ROC curve, and two of them on the same cases.

use super::{
    FIRST, Interval, SECOND, StatisticsError, check_column, check_count, check_level,
    ranks::Ranks,
    special::{normal_critical, normal_sf},
};

/// Two scores of the same cases compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AucComparison {
    /// The first score's area.
    pub first: f64,
    /// The second's.
    pub second: f64,
    /// The first less the second.
    pub difference: f64,
    /// Of the difference.
    pub standard_error: f64,
    /// Of the difference.
    pub interval: Interval,
    /// Two-sided, for no difference.
    pub p_value: f64,
}

/// The chance that a positive case scores above a negative one, ties counted half.
///
/// # Errors
/// Not pairs, not finite, or only one class.
pub fn auc(labels: &[bool], scores: &[f64]) -> Result<f64, StatisticsError> {
    Ok(Placements::of(FIRST, labels, scores)?.auc)
}

/// The difference of two correlated areas (`DeLong`, `DeLong` and Clarke-Pearson 1988), in O(n log n) by mid-ranks
/// (Sun and Xu 2014).
///
/// # Errors
/// Not pairs, not finite, fewer than two of a class, or a level outside of (0, 1).
pub fn compare_aucs(
    labels: &[bool],
    first: &[f64],
    second: &[f64],
    confidence: f64,
) -> Result<AucComparison, StatisticsError> {
    check_level("confidence", confidence)?;
    let a = Placements::of(FIRST, labels, first)?;
    let b = Placements::of(SECOND, labels, second)?;
    check_count(FIGURE, "cases of each class", 2, a.positive.len().min(a.negative.len()))?;
    let difference = a.auc - b.auc;
    let variance = spread_of_difference(&a.positive, &b.positive) + spread_of_difference(&a.negative, &b.negative);
    let standard_error = variance.sqrt();
    let p_value = if standard_error > 0.0 {
        (2.0 * normal_sf(difference.abs() / standard_error)).min(1.0)
    } else if difference == 0.0 {
        1.0
    } else {
        0.0
    };
    let interval = Interval::around(difference, normal_critical(confidence) * standard_error);
    Ok(AucComparison { first: a.auc, second: b.auc, difference, standard_error, interval, p_value })
}

const FIGURE: &str = "the area under the ROC curve";

/// For each case the share of the other class that it beats.
struct Placements {
    auc: f64,
    positive: Vec<f64>,
    negative: Vec<f64>,
}

impl Placements {
    fn of(column: &'static str, labels: &[bool], scores: &[f64]) -> Result<Self, StatisticsError> {
        if labels.len() != scores.len() {
            return Err(StatisticsError::Unpaired { figure: FIGURE, first: labels.len(), second: scores.len() });
        }
        check_column(column, scores)?;
        let of_class = |class: bool| -> Vec<f64> {
            scores.iter().zip(labels).filter(|(_, label)| **label == class).map(|(&score, _)| score).collect()
        };
        let (positive, negative) = (of_class(true), of_class(false));
        check_count(FIGURE, "cases of each class", 1, positive.len().min(negative.len()))?;
        let (m, n) = (positive.len() as f64, negative.len() as f64);
        let all = Ranks::of(scores);
        let (among_positive, among_negative) = (Ranks::of(&positive), Ranks::of(&negative));
        let (mut in_positive, mut in_negative) = (among_positive.doubled().iter(), among_negative.doubled().iter());
        let (mut above, mut below) = (Vec::with_capacity(positive.len()), Vec::with_capacity(negative.len()));
        // Twice the pairs that are won; an integer, so the order of the rows does not matter.
        let mut won = 0_u64;
        for (&rank, &label) in all.doubled().iter().zip(labels) {
            let own = if label { in_positive.next() } else { in_negative.next() };
            let others = rank - own.copied().unwrap_or_default();
            if label {
                won += u64::from(others);
                above.push(f64::from(others) / 2.0 / n);
            } else {
                below.push(1.0 - f64::from(others) / 2.0 / m);
            }
        }
        Ok(Self { auc: won as f64 / 2.0 / (m * n), positive: above, negative: below })
    }
}

/// The variance of the mean of the paired differences: S₁₁ + S₂₂ − 2·S₁₂, over the number of cases.
fn spread_of_difference(first: &[f64], second: &[f64]) -> f64 {
    let n = first.len() as f64;
    let mean = super::sum(first.iter().zip(second).map(|(a, b)| a - b)) / n;
    super::sum(first.iter().zip(second).map(|(a, b)| (a - b - mean).powi(2))) / (n - 1.0) / n
}
