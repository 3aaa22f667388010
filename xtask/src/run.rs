//! `cargo xtask run`: from a fresh clone to a server that answers.

use std::{env, ffi::OsString, os::unix::process::CommandExt, path::PathBuf, process::Command};

use crate::{
    RunArgs, front,
    process::{Failure, open},
    workspace::{self, cargo, target},
};

/// Builds both halves and becomes the server, so that Ctrl-C and exit codes are the server's own.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    front::build(front::Size::wanted(args.release))?;
    let server = build_server(args.release)?;

    // The data folder is meant relative to where the person stands, as is the program's own working folder.
    let mut serve: Vec<OsString> = vec!["serve".into(), "--data".into(), args.data.clone().into()];
    if args.demo {
        serve.push("--demo".into());
    }
    serve.extend(args.serve_args.iter().cloned());
    let mut command = Command::new(&server);
    workspace::forget_cargo_run(&mut command);
    let error = command.args(serve).exec();
    Err(Failure::Start { program: server.display().to_string(), error })
}

/// Builds the program and returns its path.
pub fn build_server(release: bool) -> Result<PathBuf, Failure> {
    let mut build = cargo();
    build.args(["build", "--package", "countersign", "--bin", "countersign"]);
    if release {
        build.arg("--release");
    }
    open("building the server", &mut build)?;
    let profile = if release { "release" } else { "debug" };
    Ok(target().join(profile).join(format!("countersign{}", env::consts::EXE_SUFFIX)))
}
