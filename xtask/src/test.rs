//! `cargo xtask test`: every check there is, one after the other, and a summary at the end. A step that fails does not hide the rest.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use clap::ValueEnum;

use crate::{
    front, journeys, mlflow, postgres,
    process::{Failure, open, open_limited, which},
    run::build_server,
    tools::{self, Tool},
    workspace::{cargo, root},
};

/// Long enough for building everything and running it on a slow machine.
const RUST_LIMIT: Duration = Duration::from_mins(90);
const POSTGRES_URL: &str = "COUNTERSIGN_TEST_POSTGRES_URL";
const MLFLOW_PYTHON: &str = "COUNTERSIGN_TEST_MLFLOW";

/// What can be asked for with `--only`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// Formatting.
    Fmt,
    /// Lints, warnings as errors.
    Clippy,
    /// The browser half.
    Front,
    /// Unit, property, storage and API tests.
    Rust,
    /// The program in a real browser.
    Journeys,
}

impl Step {
    const ALL: [Self; 5] = [Self::Fmt, Self::Clippy, Self::Front, Self::Rust, Self::Journeys];

    fn tools(self) -> &'static [Tool] {
        match self {
            Self::Fmt | Self::Clippy => &[],
            // npm makes the module small, as it will be served.
            Self::Front => &[Tool::WasmRust, Tool::Node],
            Self::Rust => &[Tool::Postgres, Tool::Python],
            Self::Journeys => &[Tool::WasmRust, Tool::Node, Tool::Chromium],
        }
    }
}

/// Runs the steps and fails if any of them did.
pub fn run(filter: Option<&str>, only: &[Step]) -> Result<(), Failure> {
    let steps = chosen(filter, only);
    let needed: Vec<Tool> = steps.iter().flat_map(|step| step.tools()).fold(Vec::new(), |mut needed, tool| {
        if !needed.contains(tool) {
            needed.push(*tool);
        }
        needed
    });
    tools::ensure(&needed)?;

    // Its installation waits for the network while the compiler works.
    let mut python = steps.contains(&Step::Rust).then(|| thread::spawn(mlflow::prepare));
    let mut outcomes = Vec::new();
    for step in steps {
        let name = format!("{step:?}").to_lowercase();
        println!("\n==> {name}");
        let begun = Instant::now();
        let result = match step {
            Step::Fmt => open("cargo fmt --check", cargo().args(["fmt", "--all", "--check"])),
            Step::Clippy => clippy(),
            Step::Front => front::build(front::Size::Smallest),
            Step::Rust => {
                // Without MLflow the other tests still have something to say.
                let python = python.take().map_or_else(mlflow::prepare, |thread| {
                    thread.join().unwrap_or_else(|_| Err(Failure::Failed("preparing MLflow panicked".to_owned())))
                });
                rust(filter, python.as_deref().ok()).and(python.map(|_| ()))
            }
            Step::Journeys => front::build(front::Size::Smallest)
                .and_then(|()| build_server(false))
                .and_then(|server| journeys::run(server, filter)),
        };
        if let Err(failure) = &result {
            eprintln!("xtask: {failure}");
        }
        outcomes.push((name, begun.elapsed(), result.is_ok()));
    }
    summarise(&outcomes)
}

/// Formats, and applies what the lints can mend by themselves.
pub fn fix() -> Result<(), Failure> {
    open(
        "cargo clippy --fix",
        cargo().args(["clippy", "--fix", "--allow-dirty", "--allow-staged"]).args(["--workspace", "--all-targets"]),
    )?;
    open("cargo fmt", cargo().args(["fmt", "--all"]))
}

fn chosen(filter: Option<&str>, only: &[Step]) -> Vec<Step> {
    Step::ALL
        .into_iter()
        .filter(|step| {
            if only.is_empty() {
                filter.is_none() || !matches!(step, Step::Fmt | Step::Clippy)
            } else {
                only.contains(step)
            }
        })
        .collect()
}

fn clippy() -> Result<(), Failure> {
    // The server embeds this folder while it compiles; it may still be empty.
    let pkg = crate::workspace::site_pkg();
    fs::create_dir_all(&pkg).map_err(|error| Failure::io("create", &pkg, error))?;
    open("cargo clippy", cargo().args(["clippy", "--workspace", "--all-targets"]).args(["--", "--deny", "warnings"]))
}

/// The workspace's tests, over `SQLite` and a `PostgreSQL` that lives as long as this function, or the one that the environment names.
fn rust(filter: Option<&str>, python: Option<&Path>) -> Result<(), Failure> {
    let pkg = crate::workspace::site_pkg();
    fs::create_dir_all(&pkg).map_err(|error| Failure::io("create", &pkg, error))?;
    let given = std::env::var(POSTGRES_URL).ok();
    let own = if given.is_none() { Some(postgres::start()?) } else { None };
    let url = own.as_ref().map(|server| server.url.clone()).or(given).unwrap_or_default();

    let nextest = which("cargo-nextest").is_some();
    let mut tests = cargo();
    if nextest {
        tests.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
        if filter.is_some() {
            tests.arg("--no-tests=pass");
        }
    } else {
        println!("   cargo-nextest is not installed; using cargo test");
        tests.args(["test", "--workspace", "--no-fail-fast", "--all-targets"]);
    }
    tests.args(filter).env(POSTGRES_URL, &url);
    if let Some(python) = python {
        tests.env(MLFLOW_PYTHON, python);
    }
    open_limited("the Rust tests", &mut tests, RUST_LIMIT)?;

    let documented = packages_with_doc_tests();
    if filter.is_some() || documented.is_empty() {
        return Ok(());
    }
    let mut doc = cargo();
    doc.args(["test", "--doc"]);
    for package in documented {
        doc.args(["--package", package]);
    }
    open_limited("the documentation's examples", &mut doc, RUST_LIMIT)
}

/// Libraries whose documentation holds a code block that rustdoc would run.
fn packages_with_doc_tests() -> Vec<&'static str> {
    ["app", "domain", "ledger"]
        .into_iter()
        .filter(|package| {
            rust_files(&root().join(package).join("src"))
                .iter()
                .filter_map(|file| fs::read_to_string(file).ok())
                .any(|text| has_doc_test(&text))
        })
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn has_doc_test(source: &str) -> bool {
    let mut inside = false;
    for line in source.lines().map(str::trim_start) {
        let comment = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        let Some(language) = comment.and_then(|text| text.trim_start().strip_prefix("```")) else {
            continue;
        };
        let runs = language.split(',').all(|word| matches!(word.trim(), "" | "rust" | "no_run" | "should_panic"));
        if !inside && runs {
            return true;
        }
        inside = !inside;
    }
    false
}

fn summarise(outcomes: &[(String, Duration, bool)]) -> Result<(), Failure> {
    println!();
    for (name, took, passed) in outcomes {
        let word = if *passed { "passed" } else { "FAILED" };
        println!("{name:<10} {word}  {:>6.1} s", took.as_secs_f64());
    }
    let failed: Vec<&str> =
        outcomes.iter().filter(|(_, _, passed)| !passed).map(|(name, _, _)| name.as_str()).collect();
    if failed.is_empty() {
        println!("all {} steps passed", outcomes.len());
        Ok(())
    } else {
        Err(Failure::Failed(format!("{} of {} steps failed: {}", failed.len(), outcomes.len(), failed.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_leaves_out_the_checks_of_style() {
        assert_eq!(chosen(None, &[]), Step::ALL);
        assert_eq!(chosen(Some("merkle"), &[]), [Step::Front, Step::Rust, Step::Journeys]);
        assert_eq!(chosen(Some("merkle"), &[Step::Rust, Step::Fmt]), [Step::Fmt, Step::Rust]);
    }

    #[test]
    fn only_code_blocks_that_rustdoc_runs_count() {
        assert!(has_doc_test("/// ```\n/// let a = 1;\n/// ```"));
        assert!(has_doc_test("//! ```rust,no_run\n//! ```"));
        assert!(!has_doc_test("/// ```text\n/// words\n/// ```"));
        assert!(!has_doc_test("let text = \"```\";"));
    }
}
