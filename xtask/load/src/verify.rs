//! Entries that `countersign verify` checks a second, beside raw SHA-256 of the same bytes.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use ledger::{Digest, DigestBuilder, bundle};
use serde::Serialize;

use crate::{
    Args, Failure,
    drive::{count, drive, median},
    scenario::{ENTRIES_PER_VERSION, prepare_models, prepare_versions, promotions},
    server::Server,
};

/// Entries to verify.
const ENTRIES: usize = 200_000;
const QUICK_ENTRIES: usize = 1_000;
const RUNS: usize = 5;
const MODELS: usize = 50;

/// How fast an export is verified.
#[derive(Debug, Serialize)]
pub struct Verifying {
    /// Entries in the export.
    pub entries: usize,
    /// Mean length of an entry, in bytes.
    pub entry_bytes: f64,
    /// Median time of `countersign verify`, from start to exit, in seconds.
    pub verify_s: f64,
    /// Entries a second.
    pub verified_per_second: f64,
    /// Median time of SHA-256 over all entries' bytes as one stream, in one thread, from memory, in seconds.
    pub stream_s: f64,
    /// Median time of SHA-256 of each entry by itself, likewise.
    pub each_s: f64,
    /// Median time of reading the bundles' files and hashing them as they lie: `sha256sum`, in one thread.
    pub files_s: f64,
    /// Entries a second if each is hashed once by itself and nothing else is done.
    pub hashed_per_second: f64,
    /// Speed of verification as a share of hashing each entry once.
    pub share_of_raw: f64,
    /// As a share of hashing all entries' bytes as one stream.
    pub share_of_stream: f64,
    /// As a share of reading and hashing the files, which verification has to read as well.
    pub share_of_files: f64,
    /// Runs of each.
    pub runs: usize,
}

/// Fills a ledger through the API, exports it and verifies the export.
pub async fn measure(args: &Args) -> Result<Verifying, Failure> {
    let wanted = if args.quick { QUICK_ENTRIES } else { ENTRIES };
    println!("verifying: filling a ledger with {wanted} entries");
    let server = Server::start(&args.countersign, args.work.join("verify"), None).await?;
    let versions = wanted.div_ceil(MODELS * ENTRIES_PER_VERSION);
    prepare_models(&server, 0..MODELS).await?;
    prepare_versions(&server, MODELS, 1..1 + versions).await?;
    drive(server.address, 16, promotions(&server, MODELS, 1..1 + versions)).await?;
    let data = server.stop().await?;

    let export = args.work.join("export");
    program(args, &["export", "--data"], &[&data, &export])?;
    let entries = read_entries(&export).map_err(Failure::io(export.display().to_string()))?;
    let entries: Vec<&[u8]> = entries
        .iter()
        .flat_map(|bundle| bundle::iter(bundle))
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::Unexpected(format!("the export cannot be read: {error}")))?;
    let bytes: usize = entries.iter().map(|entry| entry.len()).sum();

    let (mut verify, mut stream, mut each, mut files) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // By turns, so that whatever else the machine does meets all alike.
    for _ in 0..RUNS {
        verify.push(timed(|| program(args, &["verify"], &[&export]))?);
        stream.push(timed(|| {
            let mut hash = DigestBuilder::new();
            for entry in &entries {
                hash.update(entry);
            }
            std::hint::black_box(hash.finish());
            Ok(())
        })?);
        each.push(timed(|| {
            for entry in &entries {
                std::hint::black_box(Digest::of(entry));
            }
            Ok(())
        })?);
        files.push(timed(|| {
            let bundles = read_entries(&export).map_err(Failure::io(export.display().to_string()))?;
            for bundle in &bundles {
                std::hint::black_box(Digest::of(bundle));
            }
            Ok(())
        })?);
    }
    let (verify_s, stream_s, each_s, files_s) = (median(verify), median(stream), median(each), median(files));
    Ok(Verifying {
        entries: entries.len(),
        entry_bytes: count(bytes) / count(entries.len()),
        verify_s,
        verified_per_second: count(entries.len()) / verify_s,
        stream_s,
        each_s,
        files_s,
        hashed_per_second: count(entries.len()) / each_s,
        share_of_raw: each_s / verify_s,
        share_of_stream: stream_s / verify_s,
        share_of_files: files_s / verify_s,
        runs: RUNS,
    })
}

fn timed(work: impl FnOnce() -> Result<(), Failure>) -> Result<f64, Failure> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed().as_secs_f64())
}

fn program(args: &Args, words: &[&str], paths: &[&Path]) -> Result<(), Failure> {
    let mut command = Command::new(&args.countersign);
    let output = command
        .args(words)
        .args(paths)
        .stdin(Stdio::null())
        .output()
        .map_err(Failure::io(args.countersign.display().to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::Unexpected(format!("countersign {} failed: {}", words[0], String::from_utf8_lossy(&output.stderr))))
}

/// The entry bundles of an export, in any order.
fn read_entries(export: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut waiting: Vec<PathBuf> = vec![export.join("tile/entries")];
    let mut bundles = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                waiting.push(entry?.path());
            }
        } else {
            bundles.push(fs::read(path)?);
        }
    }
    Ok(bundles)
}
