//! The statistics of the gates, a module for each figure, pure and deterministic.
//!
//! Every figure that a gate shows is computed here from the raw evidence. All work is in `f64`, ties take mid-ranks,
//! and a value that is not finite is refused with the number of its row. Functions over samples need at most a few
//! arrays of the input's size and sort by radix, so that five million pairs take well under a second each.
//!
//! `docs/statistics.md` gives the formulas for readers who do not read Rust.
#![expect(clippy::cast_precision_loss, reason = "counts stay below 2^52, where f64 holds every integer")]

mod auc;
mod bootstrap;
mod ks;
mod mann_whitney;
mod mean;
mod overlap;
mod proportion;
mod psi;
mod quantile;
mod rank_correlation;
mod ranks;
mod sequence;
mod sort;
mod special;
mod split_ratio;

use serde::{Deserialize, Serialize};

pub use auc::{AucComparison, auc, compare_aucs};
pub use bootstrap::bootstrap_interval;
pub use ks::{TwoSampleKs, kolmogorov_smirnov};
pub use mann_whitney::{MannWhitney, mann_whitney};
pub use mean::{MeanEstimate, mean_estimate, paired_difference};
pub use overlap::{rank_biased_overlap, top_k_overlap};
pub use proportion::{Proportion, ProportionDifference, compare_proportions};
pub use psi::{Psi, PsiBins, psi, psi_of_counts, psi_of_shares};
pub use quantile::{quantile, quantile_of_sorted};
pub use rank_correlation::{Correlation, kendall, spearman, spearman_interval};
pub use ranks::{Ranks, mid_ranks};
pub use sequence::{AlwaysValid, Moments, always_valid_difference, always_valid_uplift};
pub use split_ratio::{SplitRatio, sample_ratio_mismatch};

/// The most values that one sample may hold: ranks are kept doubled in 32 bits.
pub const MAX_VALUES: usize = (u32::MAX / 2) as usize;

/// Why a figure cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StatisticsError {
    /// A value is NaN or infinite.
    #[error("{column}, row {row}: the value is not a finite number")]
    NotFinite {
        /// Which column.
        column: &'static str,
        /// Which row, from 1.
        row: usize,
    },
    /// There is too little to compute from.
    #[error("{figure} needs at least {needed} {unit}; there are {found}")]
    TooFew {
        /// The figure.
        figure: &'static str,
        /// What it counts.
        unit: &'static str,
        /// How many it needs.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// There is more than fits.
    #[error("{found} values are more than the {MAX_VALUES} that one sample may hold")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// Two columns that belong together differ in length.
    #[error("{figure} needs pairs, but the columns have {first} and {second} rows")]
    Unpaired {
        /// The figure.
        figure: &'static str,
        /// Rows of the first column.
        first: usize,
        /// Rows of the second.
        second: usize,
    },
    /// The figure does not exist for this input.
    #[error("{figure} is undefined here: {reason}")]
    Undefined {
        /// The figure.
        figure: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// A setting makes no sense.
    #[error("{name} is {found}; it must be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        found: f64,
        /// What it must be.
        expected: &'static str,
    },
}

/// A closed interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    fn around(centre: f64, half_width: f64) -> Self {
        Self { low: centre - half_width, high: centre + half_width }
    }

    /// Whether `value` lies in it.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Refuses a column with a value that is not finite, or with more values than fit.
fn check_column(column: &'static str, values: &[f64]) -> Result<(), StatisticsError> {
    if values.len() > MAX_VALUES {
        return Err(StatisticsError::TooMany { found: values.len() });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(StatisticsError::NotFinite { column, row: index + 1 }),
        None => Ok(()),
    }
}

/// Refuses two columns that are not pairs of finite values.
fn check_pairs(figure: &'static str, x: &[f64], y: &[f64]) -> Result<(), StatisticsError> {
    if x.len() != y.len() {
        return Err(StatisticsError::Unpaired { figure, first: x.len(), second: y.len() });
    }
    check_column(FIRST, x)?;
    check_column(SECOND, y)
}

fn check_count(figure: &'static str, unit: &'static str, needed: usize, found: usize) -> Result<(), StatisticsError> {
    if found < needed { Err(StatisticsError::TooFew { figure, unit, needed, found }) } else { Ok(()) }
}

/// Refuses a level of confidence or of error outside of (0, 1).
fn check_level(name: &'static str, level: f64) -> Result<(), StatisticsError> {
    if level > 0.0 && level < 1.0 {
        Ok(())
    } else {
        Err(StatisticsError::Setting { name, found: level, expected: "between 0 and 1, both excluded" })
    }
}

const FIRST: &str = "first column";
const SECOND: &str = "second column";

/// The sum, with Neumaier's compensation, so that it does not depend on luck with large and small terms.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = total + value;
        lost += if total.abs() >= value.abs() { (total - next) + value } else { (value - next) + total };
        total = next;
    }
    total + lost
}

#[cfg(test)]
mod tests;
