//! A mean, or a mean of paired differences, with Student's interval.

use super::{
    FIRST, Interval, StatisticsError, check_column, check_count, check_level, check_pairs, special::t_critical,
};

/// A mean and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanEstimate {
    /// The mean.
    pub mean: f64,
    /// Of the values, with n − 1.
    pub standard_deviation: f64,
    /// Of the mean.
    pub standard_error: f64,
    /// Student's interval.
    pub interval: Interval,
    /// Values.
    pub n: usize,
}

/// The mean with Student's interval: mean ± t·s/√n with n − 1 degrees of freedom.
///
/// # Errors
/// Not finite, fewer than two, or a level outside of (0, 1).
pub fn mean_estimate(values: &[f64], confidence: f64) -> Result<MeanEstimate, StatisticsError> {
    check_column(FIRST, values)?;
    estimate("a mean", values.len(), || values.iter().copied(), confidence)
}

/// The mean of `first − second` over pairs, with Student's interval.
///
/// # Errors
/// Not pairs, not finite, fewer than two, or a level outside of (0, 1).
pub fn paired_difference(first: &[f64], second: &[f64], confidence: f64) -> Result<MeanEstimate, StatisticsError> {
    const FIGURE: &str = "a mean difference";
    check_pairs(FIGURE, first, second)?;
    estimate(FIGURE, first.len(), || first.iter().zip(second).map(|(a, b)| a - b), confidence)
}

fn estimate<I: Iterator<Item = f64>>(
    figure: &'static str,
    n: usize,
    values: impl Fn() -> I,
    confidence: f64,
) -> Result<MeanEstimate, StatisticsError> {
    check_level("confidence", confidence)?;
    check_count(figure, "values", 2, n)?;
    let size = n as f64;
    let mean = super::sum(values()) / size;
    let variance = super::sum(values().map(|value| (value - mean).powi(2))) / (size - 1.0);
    if !variance.is_finite() {
        return Err(StatisticsError::Undefined { figure, reason: "the values are too large for its arithmetic" });
    }
    let standard_deviation = variance.sqrt();
    let standard_error = standard_deviation / size.sqrt();
    let interval = Interval::around(mean, t_critical(confidence, n - 1) * standard_error);
    Ok(MeanEstimate { mean, standard_deviation, standard_error, interval, n })
}
