//! The programs that building and testing need besides Rust, and how to get them.
//!
//! As root on Debian (a container, a build machine) what is missing is installed in one go; otherwise one line says what to install.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    front, mlflow, postgres,
    process::{Failure, answer, quiet_limited, which},
};

const APT_LIMIT: Duration = Duration::from_mins(9);

/// Something that comes from the system rather than from cargo or npm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// A Rust that can build for the browser.
    WasmRust,
    /// Node.js with npm.
    Node,
    /// A Chromium that Playwright can drive.
    Chromium,
    /// The server programs of `PostgreSQL`.
    Postgres,
    /// A Python that can make virtual environments.
    Python,
}

impl Tool {
    fn is_here(self) -> bool {
        match self {
            Self::WasmRust => front::toolchain().is_some(),
            Self::Node => which("node").is_some() && which("npm").is_some(),
            Self::Chromium => chromium().is_some(),
            Self::Postgres => postgres::programs().is_some(),
            Self::Python => mlflow::python().is_some(),
        }
    }

    /// Debian's packages that bring it.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::WasmRust => &["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-22"],
            Self::Node => &["nodejs", "npm"],
            Self::Chromium => &["chromium"],
            Self::Postgres => &["postgresql"],
            Self::Python => &["python3", "python3-venv"],
        }
    }
}

/// Sees to it that all of `tools` are here, installing what is missing where we may.
pub fn ensure(tools: &[Tool]) -> Result<(), Failure> {
    let mut missing: Vec<Tool> = tools.iter().copied().filter(|tool| !tool.is_here()).collect();
    if missing.contains(&Tool::WasmRust) && front::add_rustup_target() {
        missing.retain(|tool| *tool != Tool::WasmRust);
    }
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().flat_map(|tool| tool.packages()).copied().collect();
    let by_hand = format!(
        "please install (as root, on Debian): apt-get update && apt-get install --no-install-recommends {}",
        packages.join(" ")
    );
    if !is_root() || which("apt-get").is_none() {
        return Err(Failure::Missing(by_hand));
    }
    if apt_install(&packages).is_err() {
        // The usual reason on a fresh machine: package lists that are absent or too old.
        quiet_limited("reading Debian's package lists", apt().arg("update"), "apt-update", APT_LIMIT)
            .and_then(|()| apt_install(&packages))
            .map_err(|error| Failure::Missing(format!("{error}; {by_hand}")))?;
    }
    match tools.iter().find(|tool| !tool.is_here()) {
        None => Ok(()),
        Some(tool) => Err(Failure::Missing(format!("{tool:?} is still not usable after the installation; {by_hand}"))),
    }
}

fn apt_install(packages: &[&str]) -> Result<(), Failure> {
    quiet_limited(
        &format!("installing {}", packages.join(" ")),
        apt().args(["install", "-y", "--no-install-recommends"]).args(packages),
        "apt-install",
        APT_LIMIT,
    )
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-o", "DPkg::Lock::Timeout=120"]);
    command
}

/// Whether we run as root, read from the owner of our own process.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// The Chromium to test with: `CHROMIUM` if set, else the system's.
pub fn chromium() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Some(PathBuf::from(path)).filter(|path| path.is_file());
    }
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(which)
}

/// `npm ci` in `folder` unless its lock file is installed already. `log_name` names the log and the note about it.
pub fn npm_ci(folder: &Path, log_name: &str) -> Result<(), Failure> {
    let lock = crate::workspace::content_digest(&folder.join("package-lock.json"))?.to_string();
    let note = format!("{log_name}.stamp");
    if folder.join("node_modules").is_dir() && crate::workspace::noted(&note, &lock) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress"]);
    let shown = folder.file_name().unwrap_or(OsStr::new("npm"));
    quiet_limited(&format!("npm ci for {}", shown.to_string_lossy()), &mut npm, log_name, Duration::from_mins(5))?;
    crate::workspace::note(&note, &lock)
}

/// The numbers of a version such as "rustc 1.96.0 (…)" or "v18.13.0": major and minor.
pub fn version(command: &mut Command) -> Option<(u32, u32)> {
    let text = answer(command.arg("--version"))?;
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let mut numbers = text[start..].split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_say() {
        // `echo` repeats its arguments, the last of them our own "--version".
        let said = |text: &str| version(Command::new("echo").arg(text));
        assert_eq!(said("rustc 1.96.0 (30a34c682 2026-05-25)"), Some((1, 96)));
        assert_eq!(said("v18.13.0"), Some((18, 13)));
        assert_eq!(said("Python 3.11"), Some((3, 11)));
        assert_eq!(said("no number"), None);
    }
}
