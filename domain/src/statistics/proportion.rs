//! Proportions: one with Wilson's interval, two compared.

use serde::{Deserialize, Serialize};

use super::{
    Interval, StatisticsError, check_level,
    special::{normal_critical, normal_sf},
};

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proportion {
    /// Those that count.
    pub successes: u64,
    /// All.
    pub trials: u64,
}

impl Proportion {
    /// The share.
    ///
    /// # Errors
    /// No trials, or more successes than trials.
    pub fn share(self) -> Result<f64, StatisticsError> {
        const FIGURE: &str = "a proportion";
        if self.trials == 0 {
            return Err(StatisticsError::TooFew { figure: FIGURE, unit: "trials", needed: 1, found: 0 });
        }
        if self.successes > self.trials {
            return Err(StatisticsError::Undefined { figure: FIGURE, reason: "there are more successes than trials" });
        }
        Ok(self.successes as f64 / self.trials as f64)
    }

    /// The score interval of Wilson (1927), without continuity correction.
    ///
    /// # Errors
    /// As for [`Self::share`], or a level outside of (0, 1).
    pub fn wilson(self, confidence: f64) -> Result<Interval, StatisticsError> {
        check_level("confidence", confidence)?;
        let p = self.share()?;
        let z = normal_critical(confidence);
        let n = self.trials as f64;
        let denominator = 1.0 + z * z / n;
        let centre = (p + z * z / (2.0 * n)) / denominator;
        let half = z / denominator * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        // Exact at the ends, where rounding would leave a crumb.
        let low = if self.successes == 0 { 0.0 } else { (centre - half).max(0.0) };
        let high = if self.successes == self.trials { 1.0 } else { (centre + half).min(1.0) };
        Ok(Interval { low, high })
    }
}

/// Two proportions compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProportionDifference {
    /// The first share less the second.
    pub difference: f64,
    /// Newcombe's hybrid score interval.
    pub interval: Interval,
    /// With the pooled variance; zero where both samples are all or nothing alike.
    pub z: f64,
    /// Two-sided.
    pub p_value: f64,
}

/// The difference of two independent proportions: interval by method 10 of Newcombe (1998), from Wilson's limits; test
/// by the pooled z.
///
/// # Errors
/// As for [`Proportion::wilson`].
pub fn compare_proportions(
    first: Proportion,
    second: Proportion,
    confidence: f64,
) -> Result<ProportionDifference, StatisticsError> {
    let (p1, p2) = (first.share()?, second.share()?);
    let (w1, w2) = (first.wilson(confidence)?, second.wilson(confidence)?);
    let difference = p1 - p2;
    let interval = Interval {
        low: difference - (p1 - w1.low).hypot(w2.high - p2),
        high: difference + (w1.high - p1).hypot(p2 - w2.low),
    };
    let (n1, n2) = (first.trials as f64, second.trials as f64);
    let pooled = (first.successes as f64 + second.successes as f64) / (n1 + n2);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n2)).sqrt();
    let z = if deviation > 0.0 { difference / deviation } else { 0.0 };
    Ok(ProportionDifference { difference, interval, z, p_value: (2.0 * normal_sf(z.abs())).min(1.0) })
}
