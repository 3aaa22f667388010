//! Published check values, faults, and properties. Random comparison with scipy and statsmodels is in
//! `domain/tests/reference_statistics.rs`.

use proptest::prelude::*;

use super::{
    sort::{key, sorted_keys, sorted_with_index, value},
    *,
};

#[track_caller]
fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
}

#[test]
fn spearman_of_five_pairs() {
    let found = spearman(&[1.0, 2.0, 3.0, 4.0, 5.0], &[5.0, 6.0, 7.0, 8.0, 7.0]).unwrap();
    close(found.coefficient, 0.820_782_681_668_123_3, 1e-15);
    close(found.p_value, 0.088_587, 5e-7);
    assert_eq!(found.n, 5);
}

#[test]
fn correlation_is_exactly_one_for_the_same_order() {
    let x: Vec<f64> = (0..5_000).map(|i| f64::from(i * 7_919 % 5_003)).collect();
    let y: Vec<f64> = x.iter().map(|x| x.powi(3) - 10.0).collect();
    let down: Vec<f64> = x.iter().map(|x| -x).collect();
    for figure in [spearman, kendall] {
        assert_eq!(figure(&x, &y).unwrap().coefficient.to_bits(), 1.0_f64.to_bits());
        assert_eq!(figure(&x, &down).unwrap().coefficient.to_bits(), (-1.0_f64).to_bits());
    }
    close(spearman(&x, &y).unwrap().p_value, 0.0, 0.0);
}

#[test]
fn kendall_with_ties() {
    let found = kendall(&[12.0, 2.0, 1.0, 12.0, 2.0], &[1.0, 4.0, 7.0, 1.0, 0.0]).unwrap();
    close(found.coefficient, -0.471_404_520_791_031_7, 1e-15);
}

#[test]
fn mann_whitney_of_nine_values() {
    let found = mann_whitney(&[19.0, 22.0, 16.0, 29.0, 24.0], &[20.0, 11.0, 17.0, 12.0]).unwrap();
    close(found.u1, 17.0, 0.0);
    close(found.u2, 3.0, 0.0);
    let same = mann_whitney(&[1.0, 1.0], &[1.0]).unwrap();
    close(same.p_value, 1.0, 0.0);
}

#[test]
fn overlap_of_rankings() {
    close(rank_biased_overlap(&[1, 2, 3, 4, 5], &[2, 3, 4, 1, 5], 0.9).unwrap(), 0.828, 1e-12);
    close(rank_biased_overlap(&["a", "b"], &["a", "b"], 0.9).unwrap(), 1.0, 1e-15);
    close(rank_biased_overlap(&["a", "b"], &["c", "d"], 0.9).unwrap(), 0.0, 0.0);
    assert!(rank_biased_overlap(&[1, 1], &[1, 2], 0.9).is_err(), "an item stands twice");
    close(top_k_overlap(&[1, 2, 3, 9], &[3, 4, 1, 9], 3).unwrap(), 2.0 / 3.0, 1e-15);
    close(top_k_overlap(&[1], &[1], 5).unwrap(), 0.2, 1e-15);
}

#[test]
fn stability_index_of_two_histograms() {
    let found = psi_of_shares(&[0.25; 4], &[0.2, 0.3, 0.2, 0.3], 1e-6).unwrap();
    close(found, 0.040_546_510_810_816_42, 1e-16);
    assert!(psi_of_shares(&[0.5, 0.6], &[0.5, 0.5], 1e-6).is_err(), "shares that add up to 1.1");
}

#[test]
fn stability_index_states_its_bins() {
    let reference: Vec<f64> = (1..=100).map(f64::from).collect();
    let shifted: Vec<f64> = reference.iter().map(|x| x + 30.0).collect();
    let same = psi(&reference, &reference, PsiBins::default()).unwrap();
    close(same.value, 0.0, 0.0);
    assert_eq!(same.edges.len(), 9);
    close(same.edges[0], 10.9, 1e-12);
    let moved = psi(&reference, &shifted, PsiBins::default()).unwrap();
    assert!(moved.value > 0.25, "{moved:?}");
    close(moved.actual.iter().sum(), 1.0, 1e-12);
}

#[test]
fn stability_index_sees_a_constant_move_either_way() {
    for moved in [1.0, 3.0] {
        let found = psi(&[2.0; 50], &[moved; 50], PsiBins::default()).unwrap();
        assert!(found.value > 10.0, "{found:?}");
    }
    close(psi(&[2.0; 50], &[2.0; 9], PsiBins::default()).unwrap().value, 0.0, 0.0);
    // The smallest value there is has nothing below it.
    let least = psi(&[f64::MIN; 5], &[f64::MIN; 5], PsiBins::default()).unwrap();
    assert!(least.value.is_finite() && least.edges.iter().all(|edge| edge.is_finite()), "{least:?}");
}

#[test]
fn distance_of_distributions() {
    let found = kolmogorov_smirnov(&[1.0, 2.0, 3.0, 4.0], &[3.0, 4.0, 5.0, 6.0]).unwrap();
    close(found.statistic, 0.5, 0.0);
    close(found.at, 2.0, 0.0);
    close(kolmogorov_smirnov(&[1.0, 2.0], &[1.0, 2.0, 2.0, 1.0]).unwrap().statistic, 0.0, 0.0);
}

#[test]
fn the_distribution_of_kolmogorov_is_one_curve() {
    for x in [0.999_999, 1.0, 1.000_001] {
        close(special::kolmogorov_sf(x), 0.269_999_671_677, 2e-6);
    }
    close(special::kolmogorov_sf(1.36), 0.049_485_8, 1e-6);
    close(special::kolmogorov_sf(0.01), 1.0, 0.0);
}

/// Values of scipy 1.17: `2 * stats.t.sf(t, df)`, `stats.t.ppf`, `stats.norm.isf`.
#[test]
fn tails_hold_for_few_and_for_millions() {
    let tails = [
        (10, 0.3, 0.343_438_571_054_687_45),
        (998, 0.01, 0.752_123_840_974_831_1),
        (998, 0.3, 3.037_483_380_351_101_2e-22),
        (99_998, 0.01, 0.001_565_189_745_278_315_7),
        (4_999_998, 0.0002, 0.654_720_923_507_017_4),
        (4_999_998, 0.001, 0.025_347_318_677_461_147),
        (4_999_998, 0.01, 9.388_254_088_186_466e-111),
    ];
    for (df, r, expected) in tails {
        close(special::t_two_sided(r, df) / expected, 1.0, 1e-10);
    }
    for (df, expected) in
        [(1, 63.656_741_162_871_526), (30, 2.749_995_653_567_225_4), (4_999_999, 2.575_830_286_858_97)]
    {
        close(special::t_critical(0.99, df) / expected, 1.0, 1e-9);
    }
    close(special::normal_critical(0.95), 1.959_963_984_540_054, 1e-14);
    close(special::normal_critical(0.999), 3.290_526_731_491_894_5, 1e-13);
}

#[test]
fn proportions() {
    // Newcombe 1998, table II, case (a): 56/70 against 48/80, method 10.
    let (a, b) = (Proportion { successes: 56, trials: 70 }, Proportion { successes: 48, trials: 80 });
    let found = compare_proportions(a, b, 0.95).unwrap();
    close(found.difference, 0.2, 1e-15);
    close(found.interval.low, 0.0524, 5e-5);
    close(found.interval.high, 0.3339, 5e-5);
    let none = Proportion { successes: 0, trials: 10 }.wilson(0.95).unwrap();
    close(none.low, 0.0, 0.0);
    close(none.high, 0.277_53, 1e-5);
    assert!(Proportion { successes: 3, trials: 2 }.share().is_err());
    assert!(Proportion { successes: 0, trials: 0 }.wilson(0.95).is_err());
}

#[test]
fn always_valid_uplift_as_published() {
    let a = Moments { n: 3_000, sum: 1_396.87, sum_of_squares: 52_377.976_7 };
    let b = Moments { n: 3_461, sum: 2_422.7, sum_of_squares: 134_698.29 };
    let found = always_valid_uplift(&a, &b, 0.05, 1_000.0).unwrap();
    close(found.estimate, 0.503_36, 5e-6);
    close(found.interval.low, -0.558_44, 5e-6);
    close(found.interval.high, 1.565_16, 5e-6);
    let difference = always_valid_difference(&a, &b, 0.05, 1_000.0).unwrap();
    close(difference.estimate, 2_422.7 / 3_461.0 - 1_396.87 / 3_000.0, 1e-15);
    assert!(difference.interval.contains(0.0));
    let contradiction = Moments { n: 10, sum: 10.0, sum_of_squares: 1.0 };
    assert!(always_valid_uplift(&contradiction, &b, 0.05, 1_000.0).is_err());
}

/// The promise itself: over many experiments without an effect, looked at after every observation, the interval
/// leaves zero out in at most α of them.
#[test]
fn always_valid_intervals_hold_at_every_look() {
    let mut state = 42_u64;
    let mut coin = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u8::from(state >> 33 & 1 == 1))
    };
    let (experiments, looks, mut wrong) = (400, 1_000, 0);
    for _ in 0..experiments {
        let (mut a, mut b) = (Moments::default(), Moments::default());
        let misses = (0..looks)
            .map(|_| {
                a.add(coin());
                b.add(coin());
                // The sequence is asymptotic: it begins where a normal approximation does.
                a.n >= 30 && !always_valid_difference(&a, &b, 0.05, 1_000.0).unwrap().interval.contains(0.0)
            })
            .filter(|missed| *missed)
            .count();
        wrong += u32::from(misses > 0);
    }
    assert!(wrong <= 20, "{wrong} of {experiments} experiments were misled");
}

#[test]
fn uneven_arms() {
    // By hand: (50)²/1000 twice.
    let found = sample_ratio_mismatch(&[950, 1_050], &[1.0, 1.0]).unwrap();
    close(found.chi_square, 5.0, 1e-12);
    close(found.p_value, 0.025_347_3, 1e-6);
    close(sample_ratio_mismatch(&[900, 100], &[0.9, 0.1]).unwrap().p_value, 1.0, 1e-12);
    assert!(sample_ratio_mismatch(&[0, 0], &[1.0, 1.0]).is_err());
    assert!(sample_ratio_mismatch(&[1, 2], &[1.0, 0.0]).is_err());
}

#[test]
fn areas_under_curves() {
    let labels = [false, false, true, true];
    close(auc(&labels, &[0.1, 0.4, 0.35, 0.8]).unwrap(), 0.75, 0.0);
    let same = compare_aucs(&labels, &[0.1, 0.4, 0.35, 0.8], &[1.0, 4.0, 3.5, 8.0], 0.95).unwrap();
    close(same.difference, 0.0, 0.0);
    close(same.p_value, 1.0, 0.0);
    // Perfectly right against perfectly wrong: there is no doubt, and no division by its absence.
    let apart = compare_aucs(&labels, &[1.0, 2.0, 3.0, 4.0], &[4.0, 3.0, 2.0, 1.0], 0.95).unwrap();
    close(apart.difference, 1.0, 0.0);
    close(apart.p_value, 0.0, 0.0);
    assert!(auc(&[true, true], &[1.0, 2.0]).is_err());
}

#[test]
fn quantiles_interpolate() {
    let mut values = [5.0, 1.0, 4.0, 2.0, 3.0];
    close(quantile(&mut values, 0.5).unwrap(), 3.0, 0.0);
    close(quantile(&mut values, 0.99).unwrap(), 4.96, 1e-12);
    close(quantile(&mut values, 1.0).unwrap(), 5.0, 0.0);
    close(quantile_of_sorted(&[1.0, 2.0], 0.25).unwrap(), 1.25, 1e-15);
    close(quantile(&mut [f64::MIN, f64::MAX], 0.5).unwrap(), 0.0, 0.0);
    assert!(quantile(&mut values, 1.5).is_err());
    assert!(quantile(&mut [], 0.5).is_err());
}

#[test]
fn a_mean_with_its_interval() {
    let found = mean_estimate(&[1.0, 2.0, 3.0, 4.0], 0.95).unwrap();
    close(found.mean, 2.5, 0.0);
    // t with 3 degrees of freedom is 3.182446.
    close(found.interval.high - found.mean, 3.182_446_305 * 1.290_994_449 / 2.0, 1e-8);
    let paired = paired_difference(&[2.0, 4.0, 6.0], &[1.0, 2.0, 3.0], 0.9).unwrap();
    close(paired.mean, 2.0, 0.0);
    assert!(mean_estimate(&[1.0], 0.95).is_err());
}

#[test]
fn the_bootstrap_repeats_itself() {
    let values: Vec<f64> = (0..200).map(f64::from).collect();
    let mean = |rows: &[u32]| Some(rows.iter().map(|&row| values[row as usize]).sum::<f64>() / 200.0);
    let first = bootstrap_interval(200, 500, 7, 0.95, mean).unwrap();
    assert_eq!(first, bootstrap_interval(200, 500, 7, 0.95, mean).unwrap());
    assert_ne!(first, bootstrap_interval(200, 500, 8, 0.95, mean).unwrap());
    let student = mean_estimate(&values, 0.95).unwrap();
    close(first.low, student.interval.low, 1.5);
    close(first.high, student.interval.high, 1.5);
    assert!(bootstrap_interval(200, 500, 7, 0.95, |_| None).is_err());
}

#[test]
fn a_value_that_is_not_finite_is_refused_with_its_row() {
    let good = [1.0, 2.0, 3.0];
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let bad = [1.0, bad, 3.0];
        let faults = [
            spearman(&good, &bad).unwrap_err(),
            kendall(&good, &bad).unwrap_err(),
            mann_whitney(&good, &bad).unwrap_err(),
            kolmogorov_smirnov(&good, &bad).unwrap_err(),
            psi(&good, &bad, PsiBins::default()).unwrap_err(),
            paired_difference(&good, &bad, 0.95).unwrap_err(),
            compare_aucs(&[true, false, true], &good, &bad, 0.95).unwrap_err(),
        ];
        for fault in faults {
            assert_eq!(fault.to_string(), "second column, row 2: the value is not a finite number");
        }
        assert!(
            mid_ranks(&bad).is_err() && mean_estimate(&bad, 0.9).is_err() && quantile(&mut bad.clone(), 0.5).is_err()
        );
    }
}

#[test]
fn what_has_no_answer_is_refused() {
    assert!(matches!(spearman(&[1.0; 3], &[1.0, 2.0, 3.0]), Err(StatisticsError::Undefined { .. })));
    assert!(matches!(kendall(&[1.0, 2.0, 3.0], &[1.0; 3]), Err(StatisticsError::Undefined { .. })));
    assert!(matches!(spearman(&[1.0], &[1.0]), Err(StatisticsError::TooFew { .. })));
    assert!(matches!(spearman(&[1.0], &[]), Err(StatisticsError::Unpaired { .. })));
    assert!(psi(&[], &[1.0], PsiBins::default()).is_err());
    assert!(psi(&[1.0], &[1.0], PsiBins { count: 10, floor: 0.5 }).is_err());
    assert!(kolmogorov_smirnov(&[], &[1.0]).is_err());
    assert!(Proportion { successes: 1, trials: 2 }.wilson(1.0).is_err());
}

/// Finite values, many of them tied, of all magnitudes and both zeros.
fn sample(max: usize) -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        (-3_i8..4).prop_map(f64::from),
        Just(-0.0),
        any::<f64>().prop_filter("finite", |value| value.is_finite()),
        -1.0..1.0_f64,
    ];
    prop::collection::vec(value, 0..max)
}

proptest! {
    #[test]
    fn keys_order_like_values(a in any::<f64>(), b in any::<f64>()) {
        prop_assume!(a.is_finite() && b.is_finite());
        prop_assert_eq!(Some(key(a).cmp(&key(b))), a.partial_cmp(&b));
        prop_assert_eq!(value(key(a)).to_bits(), (a + 0.0).to_bits());
    }

    #[test]
    fn sorting_by_radix_is_sorting(values in sample(4_000)) {
        let mut expected: Vec<u64> = values.iter().copied().map(key).collect();
        expected.sort_unstable();
        prop_assert_eq!(&sorted_keys(&values), &expected);
        let (keys, index) = sorted_with_index(&values);
        prop_assert_eq!(&keys, &expected);
        for (pair, at) in index.windows(2).zip(keys.windows(2)) {
            prop_assert!(at[0] < at[1] || pair[0] < pair[1], "equal values keep their order");
        }
        prop_assert!(index.iter().zip(&keys).all(|(&at, &found)| key(values[at as usize]) == found));
    }

    #[test]
    fn ranks_are_counted(values in sample(60)) {
        let ranks = mid_ranks(&values).unwrap();
        for (index, value) in values.iter().enumerate() {
            let below = values.iter().filter(|other| *other < value).count();
            let up_to = values.iter().filter(|other| *other <= value).count();
            prop_assert_eq!(ranks.get(index), Some((below + 1 + up_to) as f64 / 2.0));
        }
    }

    #[test]
    fn kendall_is_a_count_of_pairs(pairs in prop::collection::vec((0_i8..6, 0_i8..6), 3..40)) {
        let x: Vec<f64> = pairs.iter().map(|pair| f64::from(pair.0)).collect();
        let y: Vec<f64> = pairs.iter().map(|pair| f64::from(pair.1)).collect();
        let (mut difference, mut in_x, mut in_y) = (0_i32, 0_i32, 0_i32);
        for i in 0..pairs.len() {
            for j in 0..i {
                let (dx, dy) = ((pairs[i].0 - pairs[j].0).signum(), (pairs[i].1 - pairs[j].1).signum());
                difference += i32::from(dx * dy);
                in_x += i32::from(dx.abs());
                in_y += i32::from(dy.abs());
            }
        }
        match kendall(&x, &y) {
            Ok(found) => close(found.coefficient, f64::from(difference) / (f64::from(in_x) * f64::from(in_y)).sqrt(), 1e-12),
            Err(_) => prop_assert!(in_x == 0 || in_y == 0),
        }
    }

    #[test]
    fn no_figure_depends_on_the_order_of_rows(pairs in prop::collection::vec((-5.0..5.0_f64, 0_i8..9), 3..200), by in 1_usize..50) {
        let mut turned = pairs.clone();
        turned.rotate_left(by % pairs.len());
        turned.reverse();
        let columns = |pairs: &[(f64, i8)]| -> (Vec<f64>, Vec<f64>) {
            pairs.iter().map(|(x, y)| (*x, f64::from(*y))).unzip()
        };
        let ((x, y), (tx, ty)) = (columns(&pairs), columns(&turned));
        prop_assert_eq!(spearman(&x, &y), spearman(&tx, &ty));
        prop_assert_eq!(kendall(&x, &y), kendall(&tx, &ty));
        prop_assert_eq!(kolmogorov_smirnov(&x, &y), kolmogorov_smirnov(&tx, &ty));
        prop_assert_eq!(psi(&x, &y, PsiBins::default()), psi(&tx, &ty, PsiBins::default()));
        prop_assert_eq!(mann_whitney(&x, &y), mann_whitney(&tx, &ty));
    }
}

/// The index as releases before 0.2 computed it for observations of drift: another logarithm, summed as it comes.
fn psi_of_counts_before(reference: &[u64], actual: &[u64], floor: f64) -> f64 {
    let total = |counts: &[u64]| counts.iter().map(|count| *count as f64).sum::<f64>();
    let (of_reference, of_actual) = (total(reference), total(actual));
    let share = |count: u64, of: f64| (count as f64 / of).max(floor);
    let shares = reference.iter().zip(actual).map(|(e, a)| (share(*e, of_reference), share(*a, of_actual)));
    shares.map(|(e, a)| (a - e) * (a / e).ln()).sum()
}

#[test]
fn the_index_of_counts_has_its_published_value_and_refuses_what_has_none() {
    let value = psi_of_counts(&[25, 25, 25, 25], &[20, 30, 20, 30], 1e-6).unwrap();
    close(value, 0.040_546_510_810_816_42, 1e-15);
    close(psi_of_counts(&[10, 20, 30], &[10, 20, 30], 1e-6).unwrap(), 0.0, 0.0);
    let empty = psi_of_counts(&[50, 50, 0], &[0, 50, 50], 1e-6).unwrap();
    assert!(empty.is_finite() && empty > 0.5, "{empty}");
    let (zero, short): (&[u64], &[u64]) = (&[0, 0], &[1]);
    for (reference, actual) in [(zero, &[1, 1][..]), (&[1, 1], zero), (&[1, 1], short), (short, short)] {
        assert!(psi_of_counts(reference, actual, 1e-6).is_err(), "{reference:?} {actual:?}");
    }
}

proptest! {
    #[test]
    fn the_index_of_counts_is_what_earlier_entries_recorded(
        bins in prop::collection::vec((0_u64..50_000, 0_u64..50_000), 2..60),
    ) {
        let (mut reference, mut actual): (Vec<u64>, Vec<u64>) = bins.into_iter().unzip();
        reference[0] += 1;
        actual[0] += 1;
        let (before, now) = (psi_of_counts_before(&reference, &actual, 1e-6), psi_of_counts(&reference, &actual, 1e-6).unwrap());
        prop_assert!((before - now).abs() <= 1e-12 * before.abs().max(1.0), "{before} {now}");
    }
}
