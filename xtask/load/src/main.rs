//! The load driver behind `cargo xtask bench`: starts the released program on empty data, drives it over HTTP as its clients do,
//! and reports medians beside a baseline measured in the same run.
//!
//! Nothing of the program is linked or switched off: accounts are made through the one-time link and the sign-in form, every commit
//! reaches stable storage, and clients share the machine with the server, as the figures say.

mod drive;
mod http;
mod kill;
mod machine;
mod mlflow;
mod pages;
mod report;
mod scenario;
mod seal;
mod server;
mod statistics;
mod verify;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};

use report::Report;

/// Why a measurement was given up.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file or program.
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    /// The connection.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// Something answered otherwise than it should.
    #[error("{0}")]
    Unexpected(String),
}

impl Failure {
    /// What was tried, and what the system said.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        |error| Self::Io(what, error)
    }
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Sealed commands per second.
    Seal,
    /// Entries verified per second.
    Verify,
    /// Page times, memory, bytes of the first page.
    Pages,
    /// Registry calls of `MLflow`.
    Mlflow,
    /// The gates' statistics, beside scipy.
    Statistics,
    /// From the kill switch to who follows the routing.
    Kill,
}

/// Measures a released `countersign`.
#[derive(Parser)]
pub struct Args {
    /// The program to measure.
    #[arg(long)]
    countersign: PathBuf,
    /// Empty folder to work in; on the disk that is to be measured.
    #[arg(long)]
    work: PathBuf,
    /// File for the figures.
    #[arg(long)]
    out: PathBuf,
    /// An empty `PostgreSQL` database to seal into as well.
    #[arg(long)]
    postgres: Option<String>,
    /// A Python with `MLflow` and scipy to compare with.
    #[arg(long)]
    mlflow_python: Option<PathBuf>,
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Small numbers, for trying the tool: the figures mean nothing.
    #[arg(long)]
    quick: bool,
}

impl Args {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

fn main() -> ExitCode {
    // One thread: the driver is to leave the machine to the server.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("load: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(measure(&Args::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("load: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(args: &Args) -> Result<(), Failure> {
    let mut report = Report::new(args.quick, machine::describe(&args.work)?);
    if args.wants(Part::Seal) {
        report.seal = seal::measure(args).await?;
    }
    if args.wants(Part::Verify) {
        report.verify = Some(verify::measure(args).await?);
    }
    if args.wants(Part::Pages) {
        report.pages = pages::measure(args).await?;
    }
    if args.wants(Part::Kill) {
        report.kill = Some(kill::measure(args).await?);
    }
    if let Some(python) = args.mlflow_python.as_deref().filter(|_| args.wants(Part::Mlflow)) {
        report.mlflow = Some(mlflow::measure(args, python).await?);
    }
    if let Some(python) = args.mlflow_python.as_deref().filter(|_| args.wants(Part::Statistics)) {
        report.statistics = Some(statistics::measure(args, python)?);
    }
    report.finish();
    print!("{}", report.table());
    let text = serde_json::to_string_pretty(&report).map_err(|error| Failure::Unexpected(error.to_string()))?;
    std::fs::write(&args.out, text + "\n").map_err(Failure::io(args.out.display().to_string()))?;
    println!("written to {}", args.out.display());
    Ok(())
}
