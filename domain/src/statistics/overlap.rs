//! How alike two ranked lists are.

use std::{collections::HashSet, hash::Hash};

use super::{StatisticsError, check_count, check_level};

/// Rank-biased overlap, extrapolated from what both lists show (Webber, Moffat and Zobel 2010, equation 32). `p` is the
/// chance that a reader goes on to the next rank. Lists may differ in length; within a list nothing stands twice.
///
/// # Errors
/// An empty list, an item that stands twice in one list, or `p` outside of (0, 1).
pub fn rank_biased_overlap<T: Eq + Hash>(first: &[T], second: &[T], p: f64) -> Result<f64, StatisticsError> {
    const FIGURE: &str = "rank-biased overlap";
    check_level("p", p)?;
    let (short, long) = if first.len() <= second.len() { (first, second) } else { (second, first) };
    check_count(FIGURE, "items in each list", 1, short.len())?;
    let mut in_short = HashSet::with_capacity(short.len());
    let mut in_long = HashSet::with_capacity(long.len());
    let twice = StatisticsError::Undefined { figure: FIGURE, reason: "an item stands twice in one list" };
    let (s, l) = (short.len() as f64, long.len() as f64);
    let (mut shared, mut shared_at_s) = (0.0, 0.0);
    let (mut weight, mut total) = (1.0, 0.0);
    for (index, item) in long.iter().enumerate() {
        let depth = index as f64 + 1.0;
        weight *= p;
        if !in_long.insert(item) {
            return Err(twice);
        }
        if in_short.contains(item) {
            shared += 1.0;
        }
        if let Some(item) = short.get(index) {
            if !in_short.insert(item) {
                return Err(twice);
            }
            if in_long.contains(item) {
                shared += 1.0;
            }
            shared_at_s = shared;
        }
        total += shared / depth * weight;
        if depth > s {
            total += shared_at_s * (depth - s) / (s * depth) * weight;
        }
    }
    Ok((1.0 - p) / p * total + ((shared - shared_at_s) / l + shared_at_s / s) * weight)
}

/// The share of the first `k` of one list that is also among the first `k` of the other.
///
/// # Errors
/// `k` is nothing.
pub fn top_k_overlap<T: Eq + Hash>(first: &[T], second: &[T], k: usize) -> Result<f64, StatisticsError> {
    check_count("top-k overlap", "ranks", 1, k)?;
    let top: HashSet<&T> = first.iter().take(k).collect();
    let shared: HashSet<&T> = second.iter().take(k).filter(|item| top.contains(item)).collect();
    Ok(shared.len() as f64 / k as f64)
}
