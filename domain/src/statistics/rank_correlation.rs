//! Correlation of two rankings: Spearman's ρ and Kendall's τ-b.

use libm::{atanh, tanh};

use super::{
    Interval, StatisticsError, check_count, check_level, check_pairs,
    ranks::Ranks,
    sort::sorted_with_index,
    special::{normal_critical, normal_sf, t_two_sided},
};

/// A correlation and how likely one as strong is if there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlation {
    /// From −1 to 1.
    pub coefficient: f64,
    /// Two-sided.
    pub p_value: f64,
    /// Pairs.
    pub n: usize,
}

/// Spearman's ρ: Pearson's correlation of the mid-ranks (Spearman 1904). The sums are taken over integers, so the
/// order of the rows does not matter to the last digit. p follows from t = ρ·√((n − 2)/(1 − ρ²)) with n − 2 degrees
/// of freedom.
///
/// # Errors
/// Not pairs, not finite, fewer than three, or a column that is constant.
pub fn spearman(x: &[f64], y: &[f64]) -> Result<Correlation, StatisticsError> {
    const FIGURE: &str = "Spearman's correlation";
    check_pairs(FIGURE, x, y)?;
    check_count(FIGURE, "pairs", 3, x.len())?;
    let (x, y) = (Ranks::of(x), Ranks::of(y));
    let n = x.len();
    // Ranks are doubled, so their mean n/2 + 1/2 is n + 1.
    let mean = i64::try_from(n).unwrap_or(i64::MAX - 1) + 1;
    let (mut xx, mut yy, mut xy) = (0_i128, 0_i128, 0_i128);
    for (&x, &y) in x.doubled().iter().zip(y.doubled()) {
        let (x, y) = (i64::from(x) - mean, i64::from(y) - mean);
        xx += i128::from(x * x);
        yy += i128::from(y * y);
        xy += i128::from(x * y);
    }
    if xx == 0 || yy == 0 {
        return Err(StatisticsError::Undefined { figure: FIGURE, reason: "a column is constant" });
    }
    let coefficient = (xy as f64 / (xx as f64 * yy as f64).sqrt()).clamp(-1.0, 1.0);
    Ok(Correlation { coefficient, p_value: t_two_sided(coefficient, n - 2), n })
}

/// The interval of a Spearman's correlation by Fisher's z with the variance of Bonett and Wright (2000):
/// atanh ρ ± z·√((1 + ρ²/2)/(n − 3)).
///
/// # Errors
/// Fewer than four pairs, or a level outside of (0, 1).
pub fn spearman_interval(found: &Correlation, confidence: f64) -> Result<Interval, StatisticsError> {
    check_level("confidence", confidence)?;
    check_count("the interval of Spearman's correlation", "pairs", 4, found.n)?;
    let rho = found.coefficient;
    let centre = atanh(rho);
    let half = normal_critical(confidence) * ((1.0 + rho * rho / 2.0) / (found.n as f64 - 3.0)).sqrt();
    // At ±1 the centre is infinite and the interval a point.
    let ends = if centre.is_finite() { [tanh(centre - half), tanh(centre + half)] } else { [rho, rho] };
    Ok(Interval { low: ends[0], high: ends[1] })
}

/// Kendall's τ-b, corrected for ties (Kendall 1945), by Knight's algorithm in O(n log n). p follows from the normal
/// approximation with the variance corrected for ties (Kendall, Rank Correlation Methods, 1970, ch. 4).
///
/// # Errors
/// Not pairs, not finite, fewer than three, or a column that is constant.
pub fn kendall(x: &[f64], y: &[f64]) -> Result<Correlation, StatisticsError> {
    const FIGURE: &str = "Kendall's correlation";
    check_pairs(FIGURE, x, y)?;
    check_count(FIGURE, "pairs", 3, x.len())?;
    let n = x.len();
    let y_ranks = Ranks::of(y);
    let (x_keys, order) = sorted_with_index(x);
    // The ranks of y in ascending order of x, and of y where x is tied: what is out of order now is discordant.
    let mut sequence: Vec<u32> = order.iter().map(|&at| y_ranks.doubled()[at as usize]).collect();
    let mut x_ties = TieSums::default();
    let mut both_tied = 0_u128;
    let mut begin = 0;
    for run in x_keys.chunk_by(|a, b| a == b) {
        let run_of_y = &mut sequence[begin..begin + run.len()];
        begin += run.len();
        if run.len() > 1 {
            x_ties.add(run.len() as u128);
            run_of_y.sort_unstable();
            both_tied += run_of_y.chunk_by(|a, b| a == b).map(|tied| choose_two(tied.len() as u128)).sum::<u128>();
        }
    }
    let mut y_ties = TieSums::default();
    y_ranks.ties().for_each(|size| y_ties.add(size));
    let discordant = inversions(&mut sequence);
    let all = choose_two(n as u128);
    if x_ties.pairs == all || y_ties.pairs == all {
        return Err(StatisticsError::Undefined { figure: FIGURE, reason: "a column is constant" });
    }
    let untied = (all + both_tied) - x_ties.pairs - y_ties.pairs;
    let difference = untied.cast_signed() - 2 * discordant.cast_signed();
    let spread = ((all - x_ties.pairs) as f64 * (all - y_ties.pairs) as f64).sqrt();
    let coefficient = (difference as f64 / spread).clamp(-1.0, 1.0);
    let size = n as f64;
    let m = size * (size - 1.0);
    let variance = (m * (2.0 * size + 5.0) - x_ties.spread as f64 - y_ties.spread as f64) / 18.0
        + 2.0 * x_ties.pairs as f64 * y_ties.pairs as f64 / m
        + x_ties.triples as f64 * y_ties.triples as f64 / (9.0 * m * (size - 2.0));
    let p_value = (2.0 * normal_sf(difference.unsigned_abs() as f64 / variance.sqrt())).min(1.0);
    Ok(Correlation { coefficient, p_value, n })
}

fn choose_two(n: u128) -> u128 {
    n * n.saturating_sub(1) / 2
}

/// Sums over groups of t tied values.
#[derive(Default)]
struct TieSums {
    /// Σ t(t − 1)/2.
    pairs: u128,
    /// Σ t(t − 1)(t − 2).
    triples: u128,
    /// Σ t(t − 1)(2t + 5).
    spread: u128,
}

impl TieSums {
    fn add(&mut self, t: u128) {
        self.pairs += choose_two(t);
        self.triples += t * (t - 1) * (t - 2);
        self.spread += t * (t - 1) * (2 * t + 5);
    }
}

/// How many pairs stand in the wrong order, counted while merging; sorts.
fn inversions(values: &mut Vec<u32>) -> u128 {
    let mut spare = vec![0; values.len()];
    let mut count = 0_u128;
    let mut width = 1;
    while width < values.len() {
        for (from, to) in values.chunks(2 * width).zip(spare.chunks_mut(2 * width)) {
            let (left, right) = from.split_at(width.min(from.len()));
            let (mut l, mut r) = (0, 0);
            for slot in to {
                if r == right.len() || (l < left.len() && left[l] <= right[r]) {
                    *slot = left[l];
                    l += 1;
                } else {
                    // It overtakes all that is left of the left half.
                    count += (left.len() - l) as u128;
                    *slot = right[r];
                    r += 1;
                }
            }
        }
        std::mem::swap(values, &mut spare);
        width *= 2;
    }
    count
}
