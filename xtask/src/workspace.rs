//! Where things lie in the working tree, and how to call the cargo that called us.

use std::{
    collections::hash_map::DefaultHasher,
    env, fs,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use crate::process::Failure;

/// The root of the repository.
pub fn root() -> PathBuf {
    let manifest =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map_or_else(|| manifest.clone(), Path::to_path_buf)
}

/// Cargo's target folder, `./target` unless `CARGO_TARGET_DIR` says otherwise.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The folder that the server embeds and serves; always under `./target`, because the server's source names it so.
pub fn site_pkg() -> PathBuf {
    root().join("target/site/pkg")
}

/// Our own notes between runs: stamps of finished work and logs of installers.
pub fn notes() -> Result<PathBuf, Failure> {
    let folder = target().join("xtask");
    fs::create_dir_all(&folder).map_err(|error| Failure::io("create", &folder, error))?;
    Ok(folder)
}

/// The cargo that runs this program, in the root of the repository, without the variables that it set for us alone.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    forget_cargo_run(&mut command);
    command
}

/// Removes what `cargo run` set for xtask, so that builds see the same environment as from a shell and stay fresh.
pub fn forget_cargo_run(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("CARGO_PKG_")
            || name_text.starts_with("CARGO_MANIFEST_")
            || name_text == "CARGO_PRIMARY_PACKAGE"
        {
            command.env_remove(&name);
        }
    }
}

/// A digest of names, sizes and times of files under `paths` (files or folders, absent ones too): equal means nobody touched them.
pub fn fingerprint(paths: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut waiting: Vec<PathBuf> = paths.to_vec();
    let mut seen = Vec::new();
    while let Some(path) = waiting.pop() {
        let Ok(metadata) = fs::metadata(&path) else {
            seen.push((path, 0, None));
            continue;
        };
        if metadata.is_dir() {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            waiting.extend(entries.map(|entry| entry.path()));
        } else {
            seen.push((path, metadata.len(), metadata.modified().ok()));
        }
    }
    seen.sort_unstable_by(|a: &(PathBuf, u64, Option<SystemTime>), b| a.0.cmp(&b.0));
    seen.hash(&mut hasher);
    hasher.finish()
}

/// A digest of a file's bytes, for noticing change only.
pub fn content_digest(path: &Path) -> Result<u64, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::io("read", path, error))?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    Ok(hasher.finish())
}

/// Whether the note `name` already says `value`.
pub fn noted(name: &str, value: &str) -> bool {
    fs::read_to_string(target().join("xtask").join(name)).is_ok_and(|old| old == value)
}

/// Writes `value` into the note `name`.
pub fn note(name: &str, value: &str) -> Result<(), Failure> {
    let path = notes()?.join(name);
    fs::write(&path, value).map_err(|error| Failure::io("write", &path, error))
}
