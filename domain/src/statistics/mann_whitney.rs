//! The Mann–Whitney U test.

use super::{FIRST, SECOND, StatisticsError, check_column, check_count, ranks::Ranks, special::normal_sf};

/// Whether values of the first sample tend to be larger than those of the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// Pairs in which the first sample's value is the larger, ties counted half.
    pub u1: f64,
    /// The same for the second; `u1 + u2` is the number of pairs.
    pub u2: f64,
    /// Two-sided, by the normal approximation with correction for ties and continuity.
    pub p_value: f64,
}

/// The rank-sum test of Mann and Whitney (1947): U₁ = R₁ − n₁(n₁ + 1)/2.
///
/// # Errors
/// Not finite, or an empty sample.
pub fn mann_whitney(first: &[f64], second: &[f64]) -> Result<MannWhitney, StatisticsError> {
    const FIGURE: &str = "the Mann\u{2013}Whitney test";
    check_column(FIRST, first)?;
    check_column(SECOND, second)?;
    check_count(FIGURE, "values in each sample", 1, first.len().min(second.len()))?;
    let pooled: Vec<f64> = first.iter().chain(second).copied().collect();
    if pooled.len() > super::MAX_VALUES {
        return Err(StatisticsError::TooMany { found: pooled.len() });
    }
    let ranks = Ranks::of(&pooled);
    let doubled_sum: u64 = ranks.doubled()[..first.len()].iter().map(|&rank| u64::from(rank)).sum();
    let (n1, n2, n) = (first.len() as f64, second.len() as f64, pooled.len() as f64);
    let smallest = first.len() as u64 * (first.len() as u64 + 1);
    let u1 = (doubled_sum - smallest) as f64 / 2.0;
    let u2 = n1 * n2 - u1;
    let ties = ranks.tie_term() as f64 / (n * (n - 1.0));
    let deviation = (n1 * n2 / 12.0 * (n + 1.0 - ties)).sqrt();
    let p_value =
        if deviation > 0.0 { (2.0 * normal_sf((u1.max(u2) - n1 * n2 / 2.0 - 0.5) / deviation)).min(1.0) } else { 1.0 };
    Ok(MannWhitney { u1, u2, p_value })
}
