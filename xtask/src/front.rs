//! The browser half: the `app` crate as WebAssembly, with the JavaScript that loads it, in `target/site/pkg`.
//!
//! The wasm32 library comes from rustup where its servers can be reached, else Debian's own Rust builds it from source together with
//! the app. The build has a target folder of its own and so never waits for, or disturbs, the server's build. Steps repeat only when
//! what they read has changed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use crate::{
    process::{Failure, answer, open, open_limited, quiet_limited, which},
    tools::{self, Tool},
    workspace::{self, cargo, root, target},
};

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "wasm-release";
const RUSTUP_LIMIT: Duration = Duration::from_mins(1);
const WASM_OPT_LIMIT: Duration = Duration::from_mins(5);
const A_DAY: Duration = Duration::from_hours(24);
/// Oldest minor version of Rust 1 that builds this workspace, as in its `rust-version`.
const OLDEST_RUST: (u32, u32) = (1, 95);
/// WebAssembly features that Rust's compiler uses by itself and every browser of the last years knows; `wasm-opt` must not go further.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// How much work goes into making the module small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// As the compiler leaves it.
    Compiled,
    /// After `wasm-opt`, about a quarter of that.
    Smallest,
}

impl Size {
    /// The smallest for release builds.
    pub fn wanted(release: bool) -> Self {
        if release { Self::Smallest } else { Self::Compiled }
    }
}

/// A Rust that can build for the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The one in use, with its wasm32 library installed.
    Rustup,
    /// Debian's, with the library's sources.
    Debian,
}

/// The toolchain that is ready to use, if any.
pub fn toolchain() -> Option<Toolchain> {
    let sysroot = answer(Command::new("rustc").current_dir(root()).args(["--print", "sysroot"]))?;
    if Path::new(&sysroot).join("lib/rustlib").join(TARGET).join("lib").is_dir() {
        return Some(Toolchain::Rustup);
    }
    let debian_sysroot = answer(debian_path(Command::new("/usr/bin/rustc").args(["--print", "sysroot"])))?;
    let sources = Path::new(&debian_sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml");
    let complete = tools::version(debian_path(&mut Command::new("/usr/bin/rustc"))) >= Some(OLDEST_RUST)
        && Path::new("/usr/bin/cargo").is_file()
        && Path::new("/usr/bin/rust-lld").is_file()
        && sources.is_file();
    complete.then_some(Toolchain::Debian)
}

/// Tries the ordinary way to the wasm32 library, once a day and not for long: behind a company's wall the download may just hang.
pub fn add_rustup_target() -> bool {
    let Ok(marker) = workspace::notes().map(|notes| notes.join("rustup-target-failed")) else {
        return false;
    };
    let failed_today = fs::metadata(&marker)
        .and_then(|metadata| metadata.modified())
        .is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age < A_DAY));
    if failed_today || which("rustup").is_none() {
        return false;
    }
    let added = quiet_limited(
        "rustup target add wasm32-unknown-unknown",
        Command::new("rustup").current_dir(root()).args(["target", "add", TARGET]),
        "rustup-target",
        RUSTUP_LIMIT,
    );
    if added.is_err() {
        println!("   rustup's servers are out of reach; using Debian's Rust for the browser half");
        // Without the marker the next run tries again, which costs a minute and nothing else.
        let _ = fs::write(&marker, "");
    }
    added.is_ok()
}

/// Builds the browser half into `target/site/pkg` unless that is up to date.
pub fn build(size: Size) -> Result<(), Failure> {
    let pkg = workspace::site_pkg();
    fs::create_dir_all(&pkg).map_err(|error| Failure::io("create", &pkg, error))?;
    let sources = workspace::fingerprint(&sources());
    if is_current(&format!("{sources:x}"), size) {
        println!("browser half: unchanged");
        return Ok(());
    }
    let module = compile()?;

    let compiled = format!("{:x}", workspace::content_digest(&module)?);
    if !noted_with("front-module", &compiled, size) {
        let made = package(&module, size)?;
        workspace::note("front-module", &stamp(&compiled, made))?;
    }
    let made = if noted_with("front-module", &compiled, Size::Smallest) { Size::Smallest } else { Size::Compiled };
    workspace::note("front-sources", &stamp(&format!("{sources:x}"), made))?;
    let bytes = fs::metadata(pkg.join("app_bg.wasm")).map_or(0, |metadata| metadata.len());
    println!("browser half: target/site/pkg/app_bg.wasm, {} KiB", bytes.div_ceil(1024));
    Ok(())
}

/// All that can change the outcome.
fn sources() -> Vec<PathBuf> {
    [
        ".cargo/config.toml",
        "Cargo.toml",
        "Cargo.lock",
        "app/Cargo.toml",
        "app/src",
        "domain/Cargo.toml",
        "domain/src",
        "ledger/Cargo.toml",
        "ledger/src",
        "xtask/bindgen",
        "xtask/src/front.rs",
        "xtask/wasm-opt/package-lock.json",
    ]
    .into_iter()
    .map(|path| root().join(path))
    .collect()
}

fn is_current(sources: &str, size: Size) -> bool {
    let pkg = workspace::site_pkg();
    pkg.join("app.js").is_file() && pkg.join("app_bg.wasm").is_file() && noted_with("front-sources", sources, size)
}

/// Whether the note holds this digest at the wanted size; a smaller module than wanted serves as well.
fn noted_with(name: &str, digest: &str, size: Size) -> bool {
    let pkg = workspace::site_pkg();
    pkg.join("app_bg.wasm").is_file()
        && (workspace::noted(name, &stamp(digest, size)) || workspace::noted(name, &stamp(digest, Size::Smallest)))
}

fn stamp(digest: &str, size: Size) -> String {
    format!("{digest} {size:?}")
}

/// Compiles `app` and returns the module's path.
fn compile() -> Result<PathBuf, Failure> {
    tools::ensure(&[Tool::WasmRust])?;
    let target_dir = target().join("front");
    let mut command = match toolchain() {
        Some(Toolchain::Rustup) => cargo(),
        _ => debian_cargo(),
    };
    command
        .args(["build", "--package", "app", "--no-default-features"])
        .args(["--features", "hydrate", "--target", TARGET])
        .args(["--profile", PROFILE, "--target-dir"])
        .arg(&target_dir);
    if toolchain() == Some(Toolchain::Debian) {
        command.args(["-Z", "build-std=std,panic_abort"]);
    }
    println!("browser half: compiling (from nothing this takes some minutes)");
    open("compiling the browser half", &mut command)?;
    Ok(target_dir.join(TARGET).join(PROFILE).join("app.wasm"))
}

/// Debian's cargo, blind to rustup's; `RUSTC_BOOTSTRAP` permits building the library from its sources.
fn debian_cargo() -> Command {
    let mut command = Command::new("/usr/bin/cargo");
    command.current_dir(root()).env("RUSTC_BOOTSTRAP", "1");
    workspace::forget_cargo_run(&mut command);
    debian_path(&mut command);
    command
}

fn debian_path(command: &mut Command) -> &mut Command {
    command
        .env("PATH", "/usr/bin:/bin")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO")
        .env_remove("RUSTC")
        .env_remove("LD_LIBRARY_PATH")
}

/// Writes the loader and the module for the browser, made small if wanted and possible, and says which it became.
fn package(module: &Path, size: Size) -> Result<Size, Failure> {
    let folder = target().join("front/pkg");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| Failure::io("remove", &folder, error))?;
    }
    open("wasm-bindgen", cargo().args(["run", "--quiet", "--package", "bindgen", "--"]).arg(module).arg(&folder))?;
    let made = match size {
        Size::Compiled => Size::Compiled,
        Size::Smallest => match shrink(&folder.join("app_bg.wasm")) {
            Ok(()) => Size::Smallest,
            Err(reason) => {
                println!("   wasm-opt skipped, the module stays larger: {reason}");
                Size::Compiled
            }
        },
    };
    replace_folder(&folder, &workspace::site_pkg())?;
    Ok(made)
}

/// Shrinks the module in place with `wasm-opt` from npm.
fn shrink(module: &Path) -> Result<(), Failure> {
    if which("npm").is_none() || which("node").is_none() {
        return Err(Failure::Missing("npm is not installed (Debian: nodejs npm)".to_owned()));
    }
    let project = root().join("xtask/wasm-opt");
    tools::npm_ci(&project, "npm-wasm-opt")?;
    let small = module.with_extension("small.wasm");
    println!("   wasm-opt -Oz");
    open_limited(
        "wasm-opt",
        Command::new("node")
            .arg(project.join("node_modules/binaryen/bin/wasm-opt"))
            .arg("-Oz")
            .args(WASM_FEATURES)
            .arg(module)
            .arg("-o")
            .arg(&small),
        WASM_OPT_LIMIT,
    )?;
    fs::rename(&small, module).map_err(|error| Failure::io("replace", module, error))
}

/// Puts `new` in the place of `old`; both lie under `target`.
fn replace_folder(new: &Path, old: &Path) -> Result<(), Failure> {
    if old.exists() {
        fs::remove_dir_all(old).map_err(|error| Failure::io("remove", old, error))?;
    }
    if fs::rename(new, old).is_ok() {
        return Ok(());
    }
    // CARGO_TARGET_DIR may lie on another file system.
    open("copying the browser half", Command::new("cp").arg("-R").arg(new).arg(old))
}
