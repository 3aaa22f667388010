//! Every figure of `domain::statistics` beside scipy, statsmodels, scikit-learn or its plain definition in numpy, on
//! random samples with ties and edge cases. `cargo xtask test` makes the Python environment that this needs.

#![allow(clippy::unwrap_used, reason = "a comparison that cannot be made fails")]

use std::{ffi::OsString, fs, path::Path, process::Command};

use domain::statistics::{
    Proportion, PsiBins, auc, compare_aucs, compare_proportions, kendall, kolmogorov_smirnov, mann_whitney,
    mean_estimate, mid_ranks, paired_difference, psi, quantile, rank_biased_overlap, sample_ratio_mismatch, spearman,
};
use serde_json::{Value, json};

/// Names the Python of an environment with scipy, statsmodels and scikit-learn; the MLflow tests share it.
const PYTHON: &str = "COUNTERSIGN_TEST_MLFLOW";
const SEED: u64 = 20_261_123;

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn size(&mut self, n: u64) -> usize {
        usize::try_from(self.below(n)).unwrap()
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal.
    fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// A sample of one of several characters: smooth, few distinct values, skewed over many magnitudes, clumped.
    fn sample(&mut self, n: usize) -> Vec<f64> {
        let kind = self.below(5);
        let shift = self.bell();
        (0..n)
            .map(|_| match kind {
                0 => self.bell() + shift,
                1 => [-1.0, -0.0, 0.0, 1.0, 2.0][self.size(5)],
                2 => (self.bell() * 20.0).exp() * if self.below(4) == 0 { -1.0 } else { 1.0 },
                3 if self.below(2) == 0 => 0.5,
                _ => (self.unit() * 40.0).round() / 40.0,
            })
            .collect()
    }
}

fn cases() -> Vec<Value> {
    let mut random = Random(SEED);
    let mut cases = Vec::new();
    for round in 0..120 {
        let n = [3, 4, 7, 20, 100, 1_500][round % 6];
        let x = random.sample(n);
        let noise = [0.0, 0.1, 1.0, 5.0][random.size(4)];
        let y = if random.below(3) == 0 {
            random.sample(n)
        } else {
            x.iter().map(|x| x.signum() * x.abs().ln_1p() + noise * random.bell()).collect()
        };
        cases.push(json!({ "kind": "pair", "x": x, "y": y }));

        let few = 1 + random.size(200);
        let y = random.sample(few);
        cases.push(json!({ "kind": "two_samples", "x": x, "y": y, "bins": 2 + random.below(18), "floor": 1e-6 }));
        cases.push(json!({ "kind": "two_samples", "x": [1.0, 1.0, 1.0], "y": y, "bins": 10, "floor": 1e-4 }));

        let trials = [1 + random.below(5_000), 1 + random.below(5_000)];
        let successes = match round % 10 {
            0 => [0, trials[1]],
            1 => [0, 1],
            _ => trials.map(|trials| random.below(trials + 1)),
        };
        let [first, second] = [0, 1].map(|at| [successes[at], trials[at]]);
        cases.push(json!({ "kind": "proportions", "first": first, "second": second }));

        let arms = 2 + random.size(4);
        let counts: Vec<u64> = (0..arms).map(|_| 900 + random.below(200)).collect();
        let weights: Vec<f64> = (0..arms).map(|_| 1.0 + f64::from(u8::from(random.below(9) == 0)) * 0.1).collect();
        cases.push(json!({ "kind": "split", "counts": counts, "weights": weights }));

        let n = 10 + random.size(300);
        let labels: Vec<bool> = (0..n).map(|at| at < 3 || (at > 6 && random.below(3) == 0)).collect();
        let scored = |random: &mut Random, noise: f64| -> Vec<f64> {
            let round = random.below(2) == 0;
            labels
                .iter()
                .map(|&label| {
                    let score = f64::from(u8::from(label)) + noise * random.bell();
                    if round { (score * 4.0).round() / 4.0 } else { score }
                })
                .collect()
        };
        let (x, y) = (scored(&mut random, 0.8), scored(&mut random, 1.5));
        cases.push(json!({ "kind": "areas", "labels": labels, "x": x, "y": y }));

        let list = |random: &mut Random| {
            let mut items: Vec<u64> = (0..12).collect();
            for at in (1..items.len()).rev() {
                items.swap(at, random.size(at as u64 + 1));
            }
            items.truncate(1 + random.size(12));
            items
        };
        let (x, y) = (list(&mut random), list(&mut random));
        let persistence = [0.5, 0.9, 0.98][random.size(3)];
        cases.push(json!({ "kind": "overlap", "x": x, "y": y, "p": persistence }));
    }
    cases
}

/// What Python says of the cases, or nothing where there is no Python for it.
fn ask_python(cases: &[Value]) -> Option<Vec<Value>> {
    let Some(python) = std::env::var_os(PYTHON) else {
        eprintln!("SKIPPED: {PYTHON} is not set; `cargo xtask test` makes an environment with scipy and sets it");
        return None;
    };
    Some(run(&python, cases))
}

fn run(python: &OsString, cases: &[Value]) -> Vec<Value> {
    let file = std::env::temp_dir().join(format!("countersign-statistics-{}.json", std::process::id()));
    fs::write(&file, serde_json::to_vec(cases).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference_statistics.py");
    let output = Command::new(python).arg(script).arg(&file).output().expect("Python runs");
    fs::remove_file(&file).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn bools(value: &Value) -> Vec<bool> {
    value.as_array().unwrap().iter().map(|value| value.as_bool().unwrap()).collect()
}

fn counts(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|value| value.as_u64().unwrap()).collect()
}

/// One case with Python's answer to it.
struct Compared<'a> {
    case: &'a Value,
    answer: &'a Value,
}

impl Compared<'_> {
    /// Both agree to nine digits, or to twelve places.
    #[track_caller]
    fn same(&self, figure: &str, index: usize, found: f64) {
        let Some(expected) = self.answer[figure][index].as_f64() else {
            panic!("Python has no {figure} {index}, but here it is {found}: {}", self.case);
        };
        let off = (found - expected).abs();
        assert!(
            off <= 1e-9 * expected.abs() || off <= 1e-12,
            "{figure} {index}: {found} is not {expected}, in {}",
            self.case
        );
    }

    fn column(&self, name: &str) -> Vec<f64> {
        numbers(&self.case[name])
    }

    fn check(&self) {
        match self.case["kind"].as_str().unwrap() {
            "pair" => self.check_pair(),
            "two_samples" => self.check_two_samples(),
            "proportions" => self.check_proportions(),
            "split" => {
                let found =
                    sample_ratio_mismatch(&counts(&self.case["counts"]), &numbers(&self.case["weights"])).unwrap();
                self.same("chi_square", 0, found.chi_square);
                self.same("chi_square", 1, found.p_value);
            }
            "areas" => {
                let (labels, x, y) = (bools(&self.case["labels"]), self.column("x"), self.column("y"));
                let found = compare_aucs(&labels, &x, &y, 0.95).unwrap();
                self.same("aucs", 0, found.first);
                self.same("aucs", 1, auc(&labels, &y).unwrap());
                self.same("delong", 0, found.standard_error);
                self.same("delong", 1, found.p_value);
            }
            "overlap" => {
                let (x, y) = (counts(&self.case["x"]), counts(&self.case["y"]));
                let found = rank_biased_overlap(&x, &y, self.case["p"].as_f64().unwrap()).unwrap();
                let expected = self.answer["rbo"].as_f64().unwrap();
                assert!((found - expected).abs() < 1e-12, "{found} is not {expected}: {}", self.case);
            }
            other => panic!("{other}"),
        }
    }

    fn check_pair(&self) {
        let (x, y) = (self.column("x"), self.column("y"));
        let ranks = mid_ranks(&x).unwrap();
        let found: Vec<f64> = (0..ranks.len()).map(|index| ranks.get(index).unwrap()).collect();
        assert_eq!(found, numbers(&self.answer["ranks"]));
        for (figure, found) in [("spearman", spearman(&x, &y)), ("kendall", kendall(&x, &y))] {
            match found {
                Ok(found) => {
                    self.same(figure, 0, found.coefficient);
                    // Perfect correlation: here p is zero, in scipy a rest of its rounding.
                    if found.coefficient.abs() < 1.0 - 1e-12 {
                        self.same(figure, 1, found.p_value);
                    }
                }
                Err(_) => assert!(self.answer[figure][0].is_null(), "{}", self.case),
            }
        }
        let found = paired_difference(&x, &y, 0.95).unwrap();
        self.same("paired", 0, found.mean);
        if found.standard_deviation > 0.0 {
            self.same("paired", 1, found.interval.low);
            self.same("paired", 2, found.interval.high);
        }
    }

    fn check_two_samples(&self) {
        let (mut x, y) = (self.column("x"), self.column("y"));
        let found = mann_whitney(&x, &y).unwrap();
        self.same("mann_whitney", 0, found.u1);
        if self.answer["mann_whitney"][1].is_null() {
            assert!((found.p_value - 1.0).abs() < f64::EPSILON, "all is tied: {}", self.case);
        } else {
            self.same("mann_whitney", 1, found.p_value);
        }
        let found = kolmogorov_smirnov(&x, &y).unwrap();
        self.same("ks", 0, found.statistic);
        self.same("ks", 1, found.p_value);
        let bins = PsiBins {
            count: usize::try_from(self.case["bins"].as_u64().unwrap()).unwrap(),
            floor: self.case["floor"].as_f64().unwrap(),
        };
        let found = psi(&x, &y, bins).unwrap();
        let expected = self.answer["psi"].as_f64().unwrap();
        assert!((found.value - expected).abs() <= 1e-9 * expected.max(1.0), "{found:?} {expected}: {}", self.case);
        for (index, q) in [0.0, 0.01, 0.5, 0.9, 0.99, 1.0].into_iter().enumerate() {
            self.same("quantiles", index, quantile(&mut x, q).unwrap());
        }
        let found = mean_estimate(&x, 0.95).unwrap();
        self.same("mean", 0, found.mean);
        if found.standard_deviation > 0.0 {
            self.same("mean", 1, found.interval.low);
            self.same("mean", 2, found.interval.high);
        }
    }

    fn check_proportions(&self) {
        let proportion = |name: &str| {
            let pair = counts(&self.case[name]);
            Proportion { successes: pair[0], trials: pair[1] }
        };
        let (first, second) = (proportion("first"), proportion("second"));
        let found = compare_proportions(first, second, 0.95).unwrap();
        // With all or nothing in both samples statsmodels divides by zero.
        if !self.answer["z"][0].is_null() {
            self.same("z", 0, found.z);
            self.same("z", 1, found.p_value);
        }
        self.same("newcombe", 0, found.interval.low);
        self.same("newcombe", 1, found.interval.high);
        let wilson = first.wilson(0.95).unwrap();
        self.same("wilson", 0, wilson.low);
        self.same("wilson", 1, wilson.high);
    }
}

#[test]
fn every_figure_agrees_with_its_reference() {
    let cases = cases();
    let Some(answers) = ask_python(&cases) else { return };
    assert_eq!(answers.len(), cases.len());
    for (case, answer) in cases.iter().zip(&answers) {
        Compared { case, answer }.check();
    }
}
