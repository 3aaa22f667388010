//! The browser journeys in `tests/journeys`: Node's own test runner, Playwright without browsers of its own, the system's Chromium.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use crate::{
    process::{Failure, open_limited},
    tools::{self, Tool},
    workspace::{root, target},
};

const LIMIT: Duration = Duration::from_mins(30);

/// Runs all journeys, or those whose name contains `filter`, against the program at `server`.
pub fn run(server: PathBuf, filter: Option<&str>) -> Result<(), Failure> {
    tools::ensure(&[Tool::Node, Tool::Chromium])?;
    let folder = root().join("tests/journeys");
    tools::npm_ci(&folder, "npm-journeys")?;
    let chromium = tools::chromium().ok_or_else(|| Failure::Missing("install Chromium".to_owned()))?;
    let mut node = Command::new("node");
    node.current_dir(&folder)
        .env("CHROMIUM", chromium)
        .env("COUNTERSIGN_BIN", server)
        .env("COUNTERSIGN_SCREENSHOTS", target().join("screenshots"))
        .arg("--test");
    // Older ones know only the format for machines.
    if tools::version(&mut Command::new("node")) >= Some((18, 15)) {
        node.arg("--test-reporter=spec");
    }
    if let Some(filter) = filter {
        node.arg(format!("--test-name-pattern={}", escape(filter)));
    }
    // Naming the files works with every version of Node; naming the folder does not.
    node.args(files(&folder)?);
    open_limited("the browser journeys", &mut node, LIMIT)
}

fn files(folder: &PathBuf) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| Failure::io("read", folder, error))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(".test.mjs"))
        .collect();
    files.sort();
    Ok(files)
}

/// The runner reads a regular expression; a person means the words.
fn escape(words: &str) -> String {
    let mut escaped = String::new();
    for letter in words.chars() {
        if r"\^$.|?*+()[]{}/".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}
