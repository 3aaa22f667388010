//! Spearman, Kolmogorov–Smirnov and PSI over five million pairs, beside scipy and numpy on the same numbers, by turns.

use std::{
    fmt::Write as _,
    fs,
    io::{BufWriter, Write as _},
    path::Path,
    process::Command,
    time::Instant,
};

use domain::statistics::{PsiBins, StatisticsError, kolmogorov_smirnov, psi, spearman};
use serde::{Deserialize, Serialize};

use crate::{Args, Failure, drive::median};

const PAIRS: usize = 5_000_000;
const QUICK_PAIRS: usize = 50_000;
const RUNS: usize = 3;

/// The same three figures by scipy and numpy; prints seconds and value of each.
const SCRIPT: &str = r#"
import json, sys, time
import numpy as np
from scipy import stats

x, y = (np.fromfile(path, dtype="<f8") for path in sys.argv[1:3])

def psi():
    edges = np.quantile(x, np.arange(1, 10) / 10)
    shares = [np.maximum(np.bincount(np.searchsorted(edges, v), minlength=10) / len(v), 1e-6) for v in (x, y)]
    return np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0]))

answers = {}
for name, work in {
    "spearman": lambda: stats.spearmanr(x, y).statistic,
    "ks": lambda: stats.ks_2samp(x, y, method="asymp").statistic,
    "psi": psi,
}.items():
    begun = time.perf_counter()
    value = work()
    answers[name] = [time.perf_counter() - begun, float(value)]
import scipy
print(json.dumps({"version": scipy.__version__, "answers": answers}))
"#;

/// Times of three figures.
#[derive(Debug, Serialize)]
pub struct Statistics {
    /// Pairs of scores.
    pub pairs: usize,
    /// The version of scipy.
    pub scipy: String,
    /// Each figure.
    pub figures: Vec<StatisticFigure>,
    /// Runs of each, by turns.
    pub runs: usize,
    /// The driver's largest memory so far in MB, both columns included.
    pub peak_mb: u64,
}

impl Statistics {
    /// As a table.
    pub fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n{:<24}{:>12}{:>12}{:>24}{:>24}", "statistic", "seconds", "scipy s", "value", "scipy's value")?;
        for figure in &self.figures {
            writeln!(
                out,
                "{:<24}{:>12.3}{:>12.3}{:>24}{:>24}",
                figure.name, figure.seconds, figure.scipy_seconds, figure.value, figure.scipy_value
            )?;
        }
        writeln!(
            out,
            "{} pairs, scipy {}; memory of the driver at most {} MB, both columns in it",
            self.pairs, self.scipy, self.peak_mb
        )
    }
}

/// One figure.
#[derive(Debug, Serialize)]
pub struct StatisticFigure {
    /// Its name.
    pub name: &'static str,
    /// Median seconds here, in one thread.
    pub seconds: f64,
    /// Median seconds of scipy or numpy.
    pub scipy_seconds: f64,
    /// The value here.
    pub value: f64,
    /// The value there.
    pub scipy_value: f64,
}

#[derive(Deserialize)]
struct Said {
    version: String,
    answers: std::collections::BTreeMap<String, (f64, f64)>,
}

type Work = fn(&[f64], &[f64]) -> Result<f64, StatisticsError>;

const FIGURES: [(&str, Work); 3] = [
    ("spearman", |x, y| spearman(x, y).map(|found| found.coefficient)),
    ("ks", |x, y| kolmogorov_smirnov(x, y).map(|found| found.statistic)),
    ("psi", |x, y| psi(x, y, PsiBins::default()).map(|found| found.value)),
];

/// Measures both by turns.
pub fn measure(args: &Args, python: &Path) -> Result<Statistics, Failure> {
    let pairs = if args.quick { QUICK_PAIRS } else { PAIRS };
    println!("statistics: {pairs} pairs");
    let (x, y) = columns(pairs);
    let folder = args.work.join("statistics");
    fs::create_dir_all(&folder).map_err(Failure::io(folder.display().to_string()))?;
    let files = [folder.join("x"), folder.join("y")];
    for (file, column) in files.iter().zip([&x, &y]) {
        write(file, column).map_err(Failure::io(file.display().to_string()))?;
    }
    let mut here = vec![Vec::new(); FIGURES.len()];
    let mut there = vec![Vec::new(); FIGURES.len()];
    let mut values = vec![(0.0, 0.0); FIGURES.len()];
    let mut version = String::new();
    for _ in 0..RUNS {
        let output = Command::new(python)
            .arg("-c")
            .arg(SCRIPT)
            .args(&files)
            .output()
            .map_err(Failure::io(python.display().to_string()))?;
        if !output.status.success() {
            return Err(Failure::Unexpected(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let said: Said =
            serde_json::from_slice(&output.stdout).map_err(|error| Failure::Unexpected(error.to_string()))?;
        version = said.version;
        for (index, (name, work)) in FIGURES.iter().enumerate() {
            let begun = Instant::now();
            let value = work(&x, &y).map_err(|error| Failure::Unexpected(error.to_string()))?;
            here[index].push(begun.elapsed().as_secs_f64());
            let (seconds, other) = said.answers.get(*name).copied().unwrap_or_default();
            there[index].push(seconds);
            values[index] = (value, other);
        }
    }
    let figures = FIGURES
        .iter()
        .enumerate()
        .map(|(index, (name, _))| StatisticFigure {
            name,
            seconds: median(here[index].clone()),
            scipy_seconds: median(there[index].clone()),
            value: values[index].0,
            scipy_value: values[index].1,
        })
        .collect();
    Ok(Statistics { pairs, scipy: version, figures, runs: RUNS, peak_mb: peak_mb() })
}

/// Two scores that nearly agree, without ties, the same in every run.
#[expect(clippy::cast_precision_loss, reason = "53 bits")]
fn columns(pairs: usize) -> (Vec<f64>, Vec<f64>) {
    let mut state = 1_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..pairs)
        .map(|_| {
            let score = next();
            (score, 0.9 * score + 0.1 * next())
        })
        .unzip()
}

fn write(file: &Path, column: &[f64]) -> std::io::Result<()> {
    let mut out = BufWriter::new(fs::File::create(file)?);
    for value in column {
        out.write_all(&value.to_le_bytes())?;
    }
    out.flush()
}

/// What the system says of this process.
fn peak_mb() -> u64 {
    fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes / 1_024)
}
