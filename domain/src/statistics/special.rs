//! Tail probabilities and quantiles of the distributions that the tests use.
//!
//! `libm` where it has the function: it gives the same digits on every platform.

use std::f64::consts::{PI, SQRT_2};

use libm::{erfc, exp, log1p};
use statrs::function::{
    beta::{beta_reg, inv_beta_reg},
    erf::erfc_inv,
    gamma::gamma_ur,
};

/// P(Z > z) for a standard normal Z.
pub(super) fn normal_sf(z: f64) -> f64 {
    0.5 * erfc(z / SQRT_2)
}

/// The z with P(|Z| ≤ z) = `confidence`.
pub(super) fn normal_critical(confidence: f64) -> f64 {
    SQRT_2 * erfc_inv(1.0 - confidence)
}

/// From so many degrees of freedom on Student's t is computed by its expansions about the normal distribution, which
/// are exact to the last digits there; the continued fraction of the incomplete beta function no longer converges.
const MANY: usize = 1_000;

/// P(|T| ≥ t) for Student's t, where t = r·√(df/(1 − r²)). In terms of r it is I₁₋ᵣ²(df/2, 1/2), and no digits are
/// lost; for many degrees of freedom, Hill's expansion (1970, algorithm 395).
pub(super) fn t_two_sided(r: f64, df: usize) -> f64 {
    let outside = (1.0 - r) * (1.0 + r);
    if outside <= 0.0 {
        return 0.0;
    }
    let size = df as f64;
    if df < MANY {
        return beta_reg(size / 2.0, 0.5, outside);
    }
    let a = size - 0.5;
    let b = 48.0 * a * a;
    let w2 = -a * log1p(-r * r);
    let w = w2.sqrt();
    let first = (w2 + 3.0) * w / b;
    let second = (((4.0 * w2 + 33.0) * w2 + 240.0) * w2 + 855.0) * w / (10.0 * b * (b + 0.8 * w2 * w2 + 100.0));
    2.0 * normal_sf(w + first - second)
}

/// The t with P(|T| ≤ t) = `confidence`; for many degrees of freedom, the expansion of Fisher and Cornish (1960).
pub(super) fn t_critical(confidence: f64, df: usize) -> f64 {
    let size = df as f64;
    if df < MANY {
        let inside = inv_beta_reg(0.5, size / 2.0, confidence);
        return (size * inside / (1.0 - inside)).sqrt();
    }
    let z = normal_critical(confidence);
    let z2 = z * z;
    let first = (z2 + 1.0) * z / 4.0;
    let second = ((5.0 * z2 + 16.0) * z2 + 3.0) * z / 96.0;
    let third = (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) * z / 384.0;
    z + (first + (second + third / size) / size) / size
}

/// P(X > x) for a chi-square of `df` degrees of freedom.
pub(super) fn chi_square_sf(x: f64, df: usize) -> f64 {
    if x <= 0.0 { 1.0 } else { gamma_ur(df as f64 / 2.0, x / 2.0) }
}

/// P(K > x) for Kolmogorov's distribution, by the series that converges faster on each side of 1.
pub(super) fn kolmogorov_sf(x: f64) -> f64 {
    /// Terms after which either series has passed the last digit of an `f64`.
    const TERMS: i32 = 8;
    if x <= 0.0 {
        return 1.0;
    }
    if x < 1.0 {
        let q = -PI * PI / (8.0 * x * x);
        let below: f64 = (0..TERMS).map(|k| exp(q * f64::from((2 * k + 1).pow(2)))).sum();
        return (1.0 - (2.0 * PI).sqrt() / x * below).clamp(0.0, 1.0);
    }
    let tail: f64 = (1..=TERMS)
        .map(|k| {
            let term = exp(-2.0 * f64::from(k * k) * x * x);
            if k % 2 == 1 { term } else { -term }
        })
        .sum();
    (2.0 * tail).clamp(0.0, 1.0)
}
