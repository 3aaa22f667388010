//! The two-sample Kolmogorov–Smirnov test.

use super::{
    FIRST, SECOND, StatisticsError, check_column, check_count,
    sort::{sorted_keys, value},
    special::kolmogorov_sf,
};

/// How far two distributions are apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoSampleKs {
    /// The largest distance between both empirical distribution functions, from 0 to 1.
    pub statistic: f64,
    /// The smallest value at which they are that far apart.
    pub at: f64,
    /// By Kolmogorov's limiting distribution of D·√(n₁n₂/(n₁ + n₂)); good from some tens of values on.
    pub p_value: f64,
}

/// D = sup |F₁(x) − F₂(x)|, with ties counted on both sides at once (Smirnov 1939).
///
/// # Errors
/// Not finite, or an empty sample.
pub fn kolmogorov_smirnov(first: &[f64], second: &[f64]) -> Result<TwoSampleKs, StatisticsError> {
    check_column(FIRST, first)?;
    check_column(SECOND, second)?;
    check_count("the Kolmogorov\u{2013}Smirnov test", "values in each sample", 1, first.len().min(second.len()))?;
    let (first, second) = (sorted_keys(first), sorted_keys(second));
    let (n1, n2) = (first.len() as u64, second.len() as u64);
    let (mut i, mut j) = (0, 0);
    let (mut widest, mut at) = (0_u64, first[0].min(second[0]));
    while i < first.len() && j < second.len() {
        let x = first[i].min(second[j]);
        i += first[i..].iter().take_while(|&&key| key == x).count();
        j += second[j..].iter().take_while(|&&key| key == x).count();
        // Both steps over a common denominator, so that equal distances are equal.
        let distance = (i as u64 * n2).abs_diff(j as u64 * n1);
        if distance > widest {
            (widest, at) = (distance, x);
        }
    }
    let (n1, n2) = (n1 as f64, n2 as f64);
    let statistic = widest as f64 / (n1 * n2);
    let p_value = kolmogorov_sf((n1 * n2 / (n1 + n2)).sqrt() * statistic);
    Ok(TwoSampleKs { statistic, at: value(at), p_value })
}
