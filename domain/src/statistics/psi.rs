//! The population stability index.

use serde::{Deserialize, Serialize};

use super::{
    FIRST, SECOND, StatisticsError, check_column, check_count,
    quantile::{between, position},
    sort::{key, sorted_keys, value},
};

const FIGURE: &str = "the population stability index";

/// How a population is cut up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PsiBins {
    /// Bins, each with an equal share of the reference where ties allow.
    pub count: usize,
    /// A share below this counts as this, so that an empty bin does not make the index infinite.
    pub floor: f64,
}

impl Default for PsiBins {
    fn default() -> Self {
        Self { count: 10, floor: 1e-6 }
    }
}

/// The index and all that it was computed from.
#[derive(Debug, Clone, PartialEq)]
pub struct Psi {
    /// Below 0.1 stable, to 0.25 moderate, above significant, by the convention of the field.
    pub value: f64,
    /// The edges between the bins, ascending: the first bin reaches up to and including the first edge, the last one
    /// begins above the last edge.
    pub edges: Vec<f64>,
    /// Each bin's share of the reference, before the floor.
    pub reference: Vec<f64>,
    /// Each bin's share of the compared sample, before the floor.
    pub actual: Vec<f64>,
    /// How it was cut up.
    pub bins: PsiBins,
}

/// Σ (aᵢ − eᵢ)·ln(aᵢ/eᵢ) over bins that are quantiles of the reference. Edges that fall together are one; where the
/// whole reference is one value, the bins are below, at and above it.
///
/// # Errors
/// Not finite, an empty sample, fewer than two bins, or a floor that is no small share.
pub fn psi(reference: &[f64], actual: &[f64], bins: PsiBins) -> Result<Psi, StatisticsError> {
    check_column(FIRST, reference)?;
    check_column(SECOND, actual)?;
    check_count(FIGURE, "values in each sample", 1, reference.len().min(actual.len()))?;
    check_count(FIGURE, "bins", 2, bins.count)?;
    check_floor(bins)?;
    let sorted = sorted_keys(reference);
    let mut edges = Vec::with_capacity(bins.count - 1);
    for bin in 1..bins.count {
        let (below, share) = position(sorted.len(), bin as f64 / bins.count as f64)?;
        let (low, high) = (value(sorted[below]), value(sorted[(below + 1).min(sorted.len() - 1)]));
        edges.push(between(low, high, share));
    }
    if sorted.first() == sorted.last() {
        edges.insert(0, reference[0].next_down().max(f64::MIN));
    }
    let mut edge_keys: Vec<u64> = edges.iter().copied().map(key).collect();
    edge_keys.dedup();
    let edges: Vec<f64> = edge_keys.iter().copied().map(value).collect();

    let mut expected_counts = Vec::with_capacity(edges.len() + 1);
    let mut counted = 0;
    for edge in &edge_keys {
        let up_to = sorted.partition_point(|key| key <= edge);
        expected_counts.push((up_to - counted) as u64);
        counted = up_to;
    }
    expected_counts.push((sorted.len() - counted) as u64);
    let mut actual_counts = vec![0_u64; edges.len() + 1];
    for &found in actual {
        let found = key(found);
        actual_counts[edge_keys.iter().map(|&edge| usize::from(found > edge)).sum::<usize>()] += 1;
    }
    let shares = |counts: &[u64], total: usize| counts.iter().map(|&count| count as f64 / total as f64).collect();
    let (reference, actual): (Vec<f64>, Vec<f64>) =
        (shares(&expected_counts, reference.len()), shares(&actual_counts, actual.len()));
    Ok(Psi { value: index(&reference, &actual, bins.floor), edges, reference, actual, bins })
}

/// The index of two histograms over the same bins, given as shares.
///
/// # Errors
/// Not pairs, empty, not finite, negative, or shares that do not add up to one.
pub fn psi_of_shares(reference: &[f64], actual: &[f64], floor: f64) -> Result<f64, StatisticsError> {
    super::check_pairs(FIGURE, reference, actual)?;
    check_count(FIGURE, "bins", 2, reference.len())?;
    check_floor(PsiBins { count: reference.len(), floor })?;
    for shares in [reference, actual] {
        if shares.iter().any(|&share| share < 0.0) || (super::sum(shares.iter().copied()) - 1.0).abs() > 1e-6 {
            return Err(StatisticsError::Undefined {
                figure: FIGURE,
                reason: "shares must not be negative and add up to one",
            });
        }
    }
    Ok(index(reference, actual, floor))
}

/// The index of two histograms over the same bins, given as counts.
///
/// # Errors
/// Not pairs, fewer than two bins, a histogram without rows, or a floor that is no small share.
pub fn psi_of_counts(reference: &[u64], actual: &[u64], floor: f64) -> Result<f64, StatisticsError> {
    let shares = |counts: &[u64]| {
        let total = super::sum(counts.iter().map(|&count| count as f64));
        counts.iter().map(|&count| count as f64 / total).collect::<Vec<f64>>()
    };
    psi_of_shares(&shares(reference), &shares(actual), floor)
}

fn check_floor(bins: PsiBins) -> Result<(), StatisticsError> {
    if bins.floor > 0.0 && bins.floor < 1.0 / bins.count as f64 {
        Ok(())
    } else {
        Err(StatisticsError::Setting {
            name: "floor",
            found: bins.floor,
            expected: "above 0 and below an equal share of a bin",
        })
    }
}

fn index(reference: &[f64], actual: &[f64], floor: f64) -> f64 {
    super::sum(reference.iter().zip(actual).map(|(&expected, &found)| {
        let (expected, found) = (expected.max(floor), found.max(floor));
        (found - expected) * libm::log(found / expected)
    }))
}
