//! What was measured, as a table for people and JSON for comparison.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    kill::Killing,
    machine::{Machine, load},
    mlflow::Mlflow,
    pages::Pages,
    seal::Sealing,
    statistics::Statistics,
    verify::Verifying,
};

const METHOD: &str = "Medians over the runs of each figure. Server, database and clients share this machine; clients hold one \
    connection each and wait for every answer (closed loop). The program is the release build with its defaults; every commit is \
    on stable storage before it is answered (SQLite: WAL, synchronous=FULL; PostgreSQL: as shipped, fsync and synchronous_commit \
    on).";

/// Everything.
#[derive(Debug, Serialize)]
pub struct Report {
    method: &'static str,
    /// Small numbers, for trying the tool.
    quick: bool,
    machine: Machine,
    /// Sealed commands.
    pub seal: Vec<Sealing>,
    /// Verification.
    pub verify: Option<Verifying>,
    /// Pages, with fewer and with more versions.
    pub pages: Vec<Pages>,
    /// The baseline for registry calls.
    pub mlflow: Option<Mlflow>,
    /// The gates' statistics.
    pub statistics: Option<Statistics>,
    /// The kill switch.
    pub kill: Option<Killing>,
    aims: Vec<Aim>,
}

/// A figure beside what it should be.
#[derive(Debug, Serialize)]
struct Aim {
    figure: String,
    wanted: String,
    got: String,
    met: bool,
}

impl Report {
    /// An empty report.
    pub fn new(quick: bool, machine: Machine) -> Self {
        Self {
            method: METHOD,
            quick,
            machine,
            seal: Vec::new(),
            verify: None,
            pages: Vec::new(),
            mlflow: None,
            statistics: None,
            kill: None,
            aims: Vec::new(),
        }
    }

    /// Compares with the aims.
    pub fn finish(&mut self) {
        self.machine.load_after = load();
        let mut aims = Vec::new();
        let mut aim = |figure: String, wanted: &str, got: String, met: bool| {
            aims.push(Aim { figure, wanted: wanted.to_owned(), got, met });
        };
        for sealing in &self.seal {
            let transition =
                sealing.figures.iter().find(|f| f.clients == 16 && f.entries_per_second > f.median.per_second);
            if let Some(figure) = transition {
                let median = &figure.median;
                aim(
                    format!("sealed transitions, 16 clients, {}", sealing.engine),
                    "≥ 2,300/s at p99 ≤ 25 ms",
                    format!("{:.0}/s at {:.1} ms", median.per_second, median.p99_ms),
                    median.per_second >= 2_300.0 && median.p99_ms <= 25.0,
                );
            }
            let peak = sealing.memory.peak_mb;
            aim(format!("memory while sealing, {}", sealing.engine), "≤ 150 MB", format!("{peak} MB"), peak <= 150);
        }
        if let Some(verify) = &self.verify {
            let share = verify.share_of_raw * 100.0;
            aim("verification against raw SHA-256".into(), "≥ 60 %", format!("{share:.0} %"), share >= 60.0);
        }
        for pages in &self.pages {
            let versions = pages.versions;
            for figure in &pages.figures {
                let p95 = figure.median.p95_ms;
                aim(
                    format!("page {}, {versions} versions", figure.page),
                    "p95 ≤ 20 ms",
                    format!("{p95:.1} ms"),
                    p95 <= 20.0,
                );
            }
            let peak = pages.memory.peak_mb;
            aim(
                format!("memory while serving pages, {versions} versions"),
                "≤ 150 MB",
                format!("{peak} MB"),
                peak <= 150,
            );
            for first in &pages.first_page {
                let kb = first.bytes.div_ceil(1_000);
                aim(format!("first page, {}", first.page), "≤ 200 KB", format!("{kb} KB"), kb <= 200);
            }
        }
        if let Some(statistics) = &self.statistics {
            for figure in &statistics.figures {
                aim(
                    format!("{}, {} pairs", figure.name, statistics.pairs),
                    "≤ 1 s",
                    format!("{:.2} s (scipy {:.2} s)", figure.seconds, figure.scipy_seconds),
                    figure.seconds <= 1.0,
                );
            }
        }
        if let Some(kill) = &self.kill {
            for figure in &kill.figures {
                let times = &figure.times;
                aim(
                    format!("kill switch to subscriber, {}, {} beside", figure.how, figure.busy_clients),
                    "p50 ≤ 1 s",
                    format!("{:.1} ms, p99 {:.1} ms", times.p50_ms, times.p99_ms),
                    times.p50_ms <= 1_000.0,
                );
            }
        }
        self.aims = aims;
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n{:#?}", self.machine)?;
        if self.quick {
            writeln!(out, "quick run: these figures mean nothing")?;
        }
        if !self.seal.is_empty() {
            writeln!(
                out,
                "\n{:<12}{:<24}{:>8}{:>12}{:>12}{:>9}{:>9}{:>9}{:>9}",
                "sealing", "command", "clients", "commands/s", "entries/s", "p50 ms", "p95 ms", "p99 ms", "CPU µs"
            )?;
        }
        for sealing in &self.seal {
            for figure in &sealing.figures {
                let m = &figure.median;
                writeln!(
                    out,
                    "{:<12}{:<24}{:>8}{:>12.0}{:>12.0}{:>9.2}{:>9.2}{:>9.2}{:>9.0}",
                    sealing.engine,
                    figure.command,
                    figure.clients,
                    m.per_second,
                    figure.entries_per_second,
                    m.p50_ms,
                    m.p95_ms,
                    m.p99_ms,
                    figure.server_cpu_us
                )?;
            }
            writeln!(out, "{:<12}memory {:?}", sealing.engine, sealing.memory)?;
        }
        if let Some(mlflow) = &self.mlflow {
            let m = &mlflow.median;
            writeln!(
                out,
                "{:<12}{:<24}{:>8}{:>12.0}{:>12}{:>9.2}{:>9.2}{:>9.2}",
                format!("MLflow {}", mlflow.version),
                " transition-stage",
                mlflow.clients,
                m.per_second,
                "-",
                m.p50_ms,
                m.p95_ms,
                m.p99_ms
            )?;
            writeln!(out, "{:<12}memory {:?}", "MLflow", mlflow.memory)?;
        }
        if let Some(verify) = &self.verify {
            writeln!(
                out,
                "\nverify      {} entries of {:.0} bytes: {:.3} s, {:.0}/s\nSHA-256     each once: {:.3} s, {:.0}/s; as one stream: {:.3} s; with reading the files: {:.3} s\n\
                 share       {:.0} % of each once, {:.0} % of one stream, {:.0} % of reading and hashing",
                verify.entries,
                verify.entry_bytes,
                verify.verify_s,
                verify.verified_per_second,
                verify.each_s,
                verify.hashed_per_second,
                verify.stream_s,
                verify.files_s,
                verify.share_of_raw * 100.0,
                verify.share_of_stream * 100.0,
                verify.share_of_files * 100.0
            )?;
        }
        for pages in &self.pages {
            writeln!(out, "\n{} models, {} versions of one", pages.models, pages.versions)?;
            writeln!(out, "{:<24}{:>9}{:>9}{:>9}", "page", "p50 ms", "p95 ms", "p99 ms")?;
            for figure in &pages.figures {
                let m = &figure.median;
                writeln!(out, "{:<24}{:>9.2}{:>9.2}{:>9.2}", figure.page, m.p50_ms, m.p95_ms, m.p99_ms)?;
            }
            writeln!(out, "memory      {:?}", pages.memory)?;
            for first in &pages.first_page {
                writeln!(out, "first page  {}: {} bytes", first.page, first.bytes)?;
                for (address, bytes) in &first.parts {
                    writeln!(out, "              {bytes:>8} {address}")?;
                }
            }
        }
        if let Some(statistics) = &self.statistics {
            statistics.write(out)?;
        }
        if let Some(kill) = &self.kill {
            kill.write(out)?;
        }
        writeln!(out)?;
        for aim in &self.aims {
            let word = if aim.met { "met" } else { "MISSED" };
            writeln!(out, "{:<60}{:<26}{:<24}{word}", aim.figure, aim.wanted, aim.got)?;
        }
        Ok(())
    }
}
