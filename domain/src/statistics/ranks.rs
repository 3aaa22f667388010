//! Mid-ranks: tied values share the mean of the ranks that they would have had.

use super::{FIRST, StatisticsError, check_column, sort::sorted_with_index};

/// The mid-ranks of a sample. They are multiples of one half, kept doubled and therefore exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranks {
    doubled: Vec<u32>,
    ties: Vec<u32>,
}

impl Ranks {
    /// Of values that are known to be finite and few enough.
    pub(super) fn of(values: &[f64]) -> Self {
        let (keys, index) = sorted_with_index(values);
        let mut doubled = vec![0; keys.len()];
        let mut ties = Vec::new();
        let mut begin = 0_u32;
        let mut indices = index.iter();
        for run in keys.chunk_by(|a, b| a == b) {
            let size = u32::try_from(run.len()).unwrap_or(u32::MAX);
            // Ranks begin + 1 to begin + size: twice their mean.
            let rank = 2 * begin + size + 1;
            for &at in indices.by_ref().take(run.len()) {
                doubled[at as usize] = rank;
            }
            if size > 1 {
                ties.push(size);
            }
            begin += size;
        }
        Self { doubled, ties }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.doubled.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.doubled.is_empty()
    }

    /// The rank of the value at `index`, from 1.
    pub fn get(&self, index: usize) -> Option<f64> {
        self.doubled.get(index).map(|&rank| f64::from(rank) / 2.0)
    }

    /// Twice the ranks, in the values' order.
    pub(super) fn doubled(&self) -> &[u32] {
        &self.doubled
    }

    /// The sizes of the groups of tied values, larger than one each.
    pub(super) fn ties(&self) -> impl Iterator<Item = u128> {
        self.ties.iter().map(|&size| u128::from(size))
    }

    /// Σ(t³ − t) over the groups of ties.
    pub(super) fn tie_term(&self) -> u128 {
        self.ties().map(|t| t * t * t - t).sum()
    }
}

/// The mid-ranks of a sample, from 1.
///
/// # Errors
/// A value is not finite, or there are too many.
pub fn mid_ranks(values: &[f64]) -> Result<Ranks, StatisticsError> {
    check_column(FIRST, values)?;
    Ok(Ranks::of(values))
}
