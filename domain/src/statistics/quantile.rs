//! Quantiles by linear interpolation between order statistics (type 7 of Hyndman and Fan 1996, the default of numpy).

use super::{FIRST, StatisticsError, check_column, check_count};

const FIGURE: &str = "a quantile";

/// The quantile `q` of values in any order, which are rearranged: the value at `(n − 1)·q`, interpolated.
///
/// # Errors
/// Not finite, empty, or `q` outside of [0, 1].
pub fn quantile(values: &mut [f64], q: f64) -> Result<f64, StatisticsError> {
    check_column(FIRST, values)?;
    let (below, share) = position(values.len(), q)?;
    let (_, &mut low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let high = if share > 0.0 { above.iter().copied().reduce(f64::min).unwrap_or(low) } else { low };
    Ok(between(low, high, share))
}

/// The quantile `q` of values in ascending order.
///
/// # Errors
/// Empty, or `q` outside of [0, 1].
pub fn quantile_of_sorted(sorted: &[f64], q: f64) -> Result<f64, StatisticsError> {
    let (below, share) = position(sorted.len(), q)?;
    Ok(between(sorted[below], sorted[(below + 1).min(sorted.len() - 1)], share))
}

/// The index below the quantile and how far it lies towards the next.
pub(super) fn position(n: usize, q: f64) -> Result<(usize, f64), StatisticsError> {
    check_count(FIGURE, "values", 1, n)?;
    if !(0.0..=1.0).contains(&q) {
        return Err(StatisticsError::Setting { name: "q", found: q, expected: "from 0 to 1" });
    }
    let at = (n - 1) as f64 * q;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and n")]
    let below = at as usize;
    Ok((below, at - below as f64))
}

/// Between two order statistics; the weights sum to one, so that the widest pair does not overflow.
pub(super) fn between(low: f64, high: f64, share: f64) -> f64 {
    let step = high - low;
    if step.is_finite() { low + step * share } else { low * (1.0 - share) + high * share }
}
