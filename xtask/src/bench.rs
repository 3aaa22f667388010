//! `cargo xtask bench`: builds the release, and lets the load driver in `xtask/load` measure it beside its baselines. The figures go
//! to `target/bench/figures.json`.

use std::{env, fs, process::Command};

use crate::{
    BenchArgs, front, mlflow, postgres,
    process::{Failure, open},
    run::build_server,
    workspace::{self, cargo, target},
};

/// What can be asked for with `--only`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Sealed commands per second, on both engines.
    Seal,
    /// Entries verified per second, beside raw SHA-256.
    Verify,
    /// Page times at 10,000 and at 100,000 versions, memory, bytes of the first page.
    Pages,
    /// Registry calls of `MLflow`, for comparison.
    Mlflow,
    /// The gates' statistics on five million pairs, beside scipy.
    Statistics,
    /// From the kill switch to who follows the routing.
    Kill,
}

/// Builds and measures.
pub fn run(args: &BenchArgs) -> Result<(), Failure> {
    let wants = |part: Part| args.only.is_empty() || args.only.contains(&part);
    if wants(Part::Pages) {
        // The server carries the browser half; the first page's bytes are those of the smallest one.
        front::build(front::Size::wanted(!args.quick))?;
    }
    let compares = wants(Part::Mlflow) || wants(Part::Statistics);
    let python = (compares && !args.skip_mlflow).then(mlflow::prepare).transpose()?;
    // A quick run shows that the tool works; its figures mean nothing, so it does not wait for an optimised build.
    let countersign = build_server(!args.quick)?;
    let mut build = cargo();
    build.args(["build", "--package", "load"]);
    if !args.quick {
        build.arg("--release");
    }
    open("building the load driver", &mut build)?;
    let load = countersign.with_file_name(format!("load{}", env::consts::EXE_SUFFIX));

    let folder = target().join("bench");
    let work = folder.join("work");
    if work.exists() {
        fs::remove_dir_all(&work).map_err(|error| Failure::io("remove", &work, error))?;
    }
    fs::create_dir_all(&work).map_err(|error| Failure::io("create", &work, error))?;
    let database = wants(Part::Seal).then(postgres::start).transpose()?;

    let mut command = Command::new(load);
    workspace::forget_cargo_run(&mut command);
    command.arg("--countersign").arg(countersign).arg("--work").arg(&work);
    command.arg("--out").arg(folder.join("figures.json"));
    if let Some(database) = &database {
        command.arg("--postgres").arg(&database.url);
    }
    if let Some(python) = python {
        command.arg("--mlflow-python").arg(python);
    }
    if args.quick {
        command.arg("--quick");
    }
    if !args.only.is_empty() {
        let names: Vec<String> = args.only.iter().map(|part| format!("{part:?}").to_lowercase()).collect();
        command.arg("--only").arg(names.join(","));
    }
    let measured = open("the measurement", &mut command);
    // Gigabytes of ledgers that nobody looks at; what a failed run leaves is kept for a look.
    if measured.is_ok() {
        fs::remove_dir_all(&work).map_err(|error| Failure::io("remove", &work, error))?;
    }
    measured
}
