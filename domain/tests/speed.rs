//! Time of the figures over five million pairs: `cargo test -p domain --release --test speed -- --ignored --nocapture`.
//! `cargo xtask bench` measures them beside scipy.

#![allow(clippy::cast_precision_loss, clippy::print_stdout, reason = "a measurement")]

use std::time::Instant;

use domain::statistics::{PsiBins, kendall, kolmogorov_smirnov, psi, quantile, spearman};

#[test]
#[ignore = "a measurement, of a release build"]
fn five_million_pairs() {
    let mut state = 1_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let x: Vec<f64> = (0..5_000_000).map(|_| next()).collect();
    let y: Vec<f64> = x.iter().map(|x| 0.8 * x + 0.2 * next()).collect();
    let timed = |name: &str, work: &dyn Fn() -> f64| {
        let begun = Instant::now();
        let value = work();
        println!("{name}: {:.3} s ({value})", begun.elapsed().as_secs_f64());
    };
    timed("Spearman", &|| spearman(&x, &y).map_or(f64::NAN, |found| found.coefficient));
    timed("KS", &|| kolmogorov_smirnov(&x, &y).map_or(f64::NAN, |found| found.statistic));
    timed("PSI", &|| psi(&x, &y, PsiBins::default()).map_or(f64::NAN, |found| found.value));
    timed("p99", &|| quantile(&mut x.clone(), 0.99).unwrap_or(f64::NAN));
    timed("Kendall", &|| kendall(&x, &y).map_or(f64::NAN, |found| found.coefficient));
}
