//! Sample-ratio mismatch: do the arms have the sizes that the split intends?

use super::{StatisticsError, check_count, special::chi_square_sf};

/// The test's outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitRatio {
    /// Pearson's statistic.
    pub chi_square: f64,
    /// Degrees of freedom, one less than the arms.
    pub degrees_of_freedom: usize,
    /// How likely so uneven a split is if assignment is right.
    pub p_value: f64,
    /// The expected counts, by arm.
    pub expected: Vec<f64>,
}

/// Pearson's chi-square of arm counts against the intended shares, given as weights.
///
/// # Errors
/// Fewer than two arms, nobody in any, weights that are not positive.
pub fn sample_ratio_mismatch(counts: &[u64], weights: &[f64]) -> Result<SplitRatio, StatisticsError> {
    const FIGURE: &str = "the sample-ratio test";
    if counts.len() != weights.len() {
        return Err(StatisticsError::Unpaired { figure: FIGURE, first: counts.len(), second: weights.len() });
    }
    check_count(FIGURE, "arms", 2, counts.len())?;
    if let Some(&found) = weights.iter().find(|weight| !(weight.is_finite() && **weight > 0.0)) {
        return Err(StatisticsError::Setting { name: "an arm's weight", found, expected: "positive" });
    }
    let total = super::sum(counts.iter().map(|&count| count as f64));
    if total <= 0.0 {
        return Err(StatisticsError::TooFew { figure: FIGURE, unit: "assignments", needed: 1, found: 0 });
    }
    let all = super::sum(weights.iter().copied());
    let expected: Vec<f64> = weights.iter().map(|weight| total * weight / all).collect();
    let chi_square = super::sum(counts.iter().zip(&expected).map(|(&count, &expected)| {
        let off = count as f64 - expected;
        off * off / expected
    }));
    let degrees_of_freedom = counts.len() - 1;
    Ok(SplitRatio { chi_square, degrees_of_freedom, p_value: chi_square_sf(chi_square, degrees_of_freedom), expected })
}
