//! `cargo xtask …`: the one front door for chores.
//!
//! `run` and `test` are the two commands of the README. They install what they need where they can (as root, from Debian's packages)
//! and otherwise say in one line what to install. Nothing waits without a limit on the network, and a second run repeats only what
//! changed.

mod bench;
mod front;
mod journeys;
mod mlflow;
mod postgres;
mod process;
mod run;
mod test;
mod tools;
mod workspace;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

/// Countersign's chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Build both halves and start the server on this machine.
    Run(RunArgs),
    /// Check format and lints, run every test, on both database engines, and the browser journeys.
    Test(TestArgs),
    /// Build only the browser half, into `target/site/pkg`.
    Front(FrontArgs),
    /// Measure the release build: sealing, verification, pages, memory, beside their baselines.
    Bench(BenchArgs),
    /// Format the code and apply the lints' own suggestions.
    Fix,
    /// Start a throw-away database server for tests, print its URL and keep it until Ctrl-C.
    Postgres,
}

#[derive(Args)]
struct RunArgs {
    /// Fill an empty ledger with a story worth clicking through, and make demo accounts.
    #[arg(long)]
    demo: bool,
    /// Build both halves optimised.
    #[arg(long)]
    release: bool,
    /// Folder for the ledger, its key and its evidence.
    #[arg(long, value_name = "DIR", default_value = "./data")]
    data: PathBuf,
    /// Further arguments for `countersign serve`.
    #[arg(last = true)]
    serve_args: Vec<OsString>,
}

#[derive(Args)]
struct FrontArgs {
    /// Make it small as well: `wasm-opt`, where npm is there.
    #[arg(long)]
    release: bool,
}

#[derive(Args)]
struct BenchArgs {
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<bench::Part>,
    /// Small numbers and a debug build, to see in seconds that the tool works; the figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Leave out the comparisons with `MLflow` and scipy.
    #[arg(long)]
    skip_mlflow: bool,
}

#[derive(Args)]
struct TestArgs {
    /// Only tests whose name contains this; leaves out `fmt` and `clippy` unless `--only` names them.
    filter: Option<String>,
    /// Only these steps.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<test::Step>,
}

fn main() -> ExitCode {
    let result = match Cli::parse().chore {
        Chore::Run(args) => run::run(&args),
        Chore::Test(args) => test::run(args.filter.as_deref(), &args.only),
        Chore::Front(args) => front::build(front::Size::wanted(args.release)),
        Chore::Bench(args) => bench::run(&args),
        Chore::Fix => test::fix(),
        Chore::Postgres => postgres::keep_until_interrupted(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
