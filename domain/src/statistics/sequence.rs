//! Intervals that stay valid however often one looks: asymptotic confidence sequences.
//!
//! After n observations with estimated standard error s/√n the interval is
//!
//! ```text
//! estimate ± s · √( 2(nρ² + 1) / (n²ρ²) · ln( √(nρ² + 1) / α ) )
//! ρ² = ( −2 ln α + ln(1 − 2 ln α) ) / N
//! ```
//!
//! (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, arXiv 2103.06476, the two-sided sequence and the choice of ρ that
//! makes it tightest after N observations). The chance that it ever leaves the true value out is at most α.

use libm::log;
use serde::{Deserialize, Serialize};

use super::{Interval, StatisticsError, check_level};

/// Count, sum and sum of squares of one arm's outcomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Observations.
    pub n: u64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_of_squares: f64,
}

impl Moments {
    /// One observation more.
    pub fn add(&mut self, value: f64) {
        self.n += 1;
        self.sum += value;
        self.sum_of_squares += value * value;
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.sum / self.n as f64
    }

    /// The sample variance, with n − 1.
    pub fn variance(&self) -> f64 {
        let n = self.n as f64;
        ((self.sum_of_squares - self.sum * self.sum / n) / (n - 1.0)).max(0.0)
    }

    fn check(&self, column: &'static str) -> Result<(), StatisticsError> {
        const FIGURE: &str = "an always-valid interval";
        if !self.sum.is_finite() || !self.sum_of_squares.is_finite() {
            return Err(StatisticsError::NotFinite { column, row: 1 });
        }
        super::check_count(FIGURE, "observations in each arm", 2, usize::try_from(self.n).unwrap_or(usize::MAX))?;
        // Cauchy and Schwarz, with room for rounding.
        if self.sum * self.sum / self.n as f64 > self.sum_of_squares * (1.0 + 1e-9) {
            return Err(StatisticsError::Undefined {
                figure: FIGURE,
                reason: "the sum of squares is smaller than the sum allows",
            });
        }
        Ok(())
    }
}

/// An estimate with an interval that holds at every look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlwaysValid {
    /// The estimate.
    pub estimate: f64,
    /// Its interval.
    pub interval: Interval,
    /// Its standard error at this look.
    pub standard_error: f64,
}

/// The difference of means, treatment less control. `alpha` is the chance of error over all looks, `tuned_for` the
/// number of observations in both arms at which the interval is tightest.
///
/// # Errors
/// An arm with fewer than two observations or with sums that contradict each other, or a setting out of range.
pub fn always_valid_difference(
    control: &Moments,
    treatment: &Moments,
    alpha: f64,
    tuned_for: f64,
) -> Result<AlwaysValid, StatisticsError> {
    control.check("control")?;
    treatment.check("treatment")?;
    let variance = control.variance() / control.n as f64 + treatment.variance() / treatment.n as f64;
    let estimate = treatment.mean() - control.mean();
    around(estimate, variance, control.n + treatment.n, alpha, tuned_for)
}

/// The relative uplift: treatment's mean over control's, less one; its variance by the delta method.
///
/// # Errors
/// As for [`always_valid_difference`], or a control whose mean is zero.
pub fn always_valid_uplift(
    control: &Moments,
    treatment: &Moments,
    alpha: f64,
    tuned_for: f64,
) -> Result<AlwaysValid, StatisticsError> {
    control.check("control")?;
    treatment.check("treatment")?;
    let (base, mean) = (control.mean(), treatment.mean());
    if base == 0.0 {
        return Err(StatisticsError::Undefined { figure: "relative uplift", reason: "the control's mean is zero" });
    }
    let variance = treatment.variance() / (treatment.n as f64 * base.powi(2))
        + control.variance() * mean.powi(2) / (control.n as f64 * base.powi(4));
    around((mean - base) / base, variance, control.n + treatment.n, alpha, tuned_for)
}

/// `variance` is that of the estimate itself.
fn around(
    estimate: f64,
    variance: f64,
    observations: u64,
    alpha: f64,
    tuned_for: f64,
) -> Result<AlwaysValid, StatisticsError> {
    check_level("alpha", alpha)?;
    if !(tuned_for >= 1.0 && tuned_for.is_finite()) {
        return Err(StatisticsError::Setting { name: "tuned_for", found: tuned_for, expected: "at least 1" });
    }
    let n = observations as f64;
    let rho_squared = (-2.0 * log(alpha) + log(1.0 - 2.0 * log(alpha))) / tuned_for;
    let grown = n * rho_squared + 1.0;
    let width = (2.0 * grown / (n * n * rho_squared) * log(grown.sqrt() / alpha)).sqrt();
    let interval = Interval::around(estimate, (variance * n).sqrt() * width);
    if !interval.low.is_finite() || !interval.high.is_finite() {
        return Err(StatisticsError::Undefined {
            figure: "an always-valid interval",
            reason: "the sums are too large for its arithmetic",
        });
    }
    Ok(AlwaysValid { estimate, interval, standard_error: variance.sqrt() })
}
