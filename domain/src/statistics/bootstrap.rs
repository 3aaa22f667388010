//! The percentile bootstrap, for figures without a formula for their error. The seed is part of the result, so anyone
//! can draw the same samples again.

use super::{Interval, MAX_VALUES, StatisticsError, check_count, check_level, quantile::quantile};

/// The interval between the quantiles (1 ∓ confidence)/2 of the figure over `resamples` samples of `n` rows, drawn with
/// replacement (Efron 1979). `figure` gets the rows drawn, as indices from 0, and answers none where it is undefined
/// for them; such samples are left out.
///
/// Rows are drawn by `SplitMix64` from `seed`: each output x gives the row ⌊x·n/2⁶⁴⌋.
///
/// # Errors
/// No rows, too many, fewer than a hundred samples for which the figure is defined, or a level outside of (0, 1).
pub fn bootstrap_interval(
    n: usize,
    resamples: usize,
    seed: u64,
    confidence: f64,
    mut figure: impl FnMut(&[u32]) -> Option<f64>,
) -> Result<Interval, StatisticsError> {
    check_level("confidence", confidence)?;
    check_count("the bootstrap", "rows", 1, n)?;
    if n > MAX_VALUES {
        return Err(StatisticsError::TooMany { found: n });
    }
    let mut random = SplitMix(seed);
    let mut rows = vec![0; n];
    let mut figures = Vec::with_capacity(resamples);
    for _ in 0..resamples {
        rows.fill_with(|| random.below(n as u64));
        figures.extend(figure(&rows).filter(|value| value.is_finite()));
    }
    check_count("the bootstrap", "samples", 100, figures.len())?;
    let tail = (1.0 - confidence) / 2.0;
    Ok(Interval { low: quantile(&mut figures, tail)?, high: quantile(&mut figures, 1.0 - tail)? })
}

/// `SplitMix64` (Steele, Lea and Flood 2014).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    #[expect(clippy::cast_possible_truncation, reason = "below n, which fits")]
    fn below(&mut self, n: u64) -> u32 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u32
    }
}
