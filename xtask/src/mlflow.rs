//! A Python environment with a real `MLflow` server, in `target/mlflow-venv`, for the test of `countersign import mlflow`.
//!
//! Versions are pinned in `xtask/mlflow-requirements.txt`. Made once; it takes a few minutes and about a gigabyte.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use crate::{
    process::{Failure, answer, quiet_limited, which},
    tools, workspace,
};

/// Oldest Python that the pinned `MLflow` runs on.
const OLDEST_PYTHON: (u32, u32) = (3, 11);
const VENV_LIMIT: Duration = Duration::from_mins(2);
const PIP_LIMIT: Duration = Duration::from_mins(15);
const NOTE: &str = "mlflow.stamp";

/// A Python that is new enough and can make virtual environments with pip in them.
pub fn python() -> Option<PathBuf> {
    ["python3", "python3.13", "python3.12", "python3.11"]
        .into_iter()
        .filter_map(which)
        .chain([PathBuf::from("/usr/bin/python3")])
        .find(|python| {
            answer(Command::new(python).args(["-c", "import venv, ensurepip"])).is_some()
                && tools::version(&mut Command::new(python)) >= Some(OLDEST_PYTHON)
        })
}

/// The environment's Python, after making the environment if it is absent or its versions changed.
pub fn prepare() -> Result<PathBuf, Failure> {
    let requirements = workspace::root().join("xtask/mlflow-requirements.txt");
    let wanted = fs::read_to_string(&requirements).map_err(|error| Failure::io("read", &requirements, error))?;
    let folder = workspace::target().join("mlflow-venv");
    let python = folder.join("bin/python");
    if python.is_file() && workspace::noted(NOTE, &wanted) {
        return Ok(python);
    }
    let system = self::python().ok_or_else(|| {
        Failure::Missing("please install Python 3.11 or newer with venv (Debian: apt-get install --no-install-recommends python3 python3-venv)".to_owned())
    })?;
    quiet_limited(
        "making a Python environment for MLflow",
        Command::new(system).args(["-m", "venv", "--clear"]).arg(&folder),
        "mlflow-venv",
        VENV_LIMIT,
    )?;
    quiet_limited(
        "installing MLflow for the import's test",
        Command::new(&python)
            .args(["-m", "pip", "install", "--prefer-binary", "--no-input"])
            .args(["--disable-pip-version-check", "--progress-bar", "off", "-r"])
            .arg(&requirements),
        "mlflow-pip",
        PIP_LIMIT,
    )?;
    workspace::note(NOTE, &wanted)?;
    Ok(python)
}
