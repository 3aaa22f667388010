//! How fast an export is verified, against hashing the same bytes once. Run with
//! `cargo test -p ledger --release --test throughput -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measurement")]

mod common;

use std::time::Instant;

use ledger::{
    Digest,
    export::{ExportOptions, FolderSource, verify_export},
};

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Baseline: SHA-256 over all entry bytes in one buffer, one thread, from memory. Verification reads from disk (the
/// page cache) and hashes each entry twice, for the chain and for the tree, and the tree's nodes besides.
#[test]
#[ignore = "takes a while, and means something in a release build only"]
fn verification_against_raw_sha_256() {
    let size = 300_000;
    let entries = common::entries(size);
    let folder = tempfile::tempdir().unwrap();
    let mut files = common::export_of(&entries);
    let evidence = [1, 5, 9].map(|i| Digest::of(&common::evidence_file(i)));
    files.insert("evidence-omitted".into(), ledger::export::omitted_text(evidence).into_bytes());
    for (path, bytes) in &files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let all = entries.concat();
    let mega = all.len() as f64 / 1e6;
    println!("{size} entries, {:.0} bytes each, {mega:.0} MB", all.len() as f64 / size as f64);

    let time = |work: &dyn Fn()| {
        median(
            (0..7)
                .map(|_| {
                    let start = Instant::now();
                    work();
                    start.elapsed().as_secs_f64()
                })
                .collect(),
        )
    };
    let raw = time(&|| {
        std::hint::black_box(Digest::of(&all));
    });
    println!("raw SHA-256, one thread: {:.0} MB/s", mega / raw);
    let twice = time(&|| {
        for entry in &entries {
            std::hint::black_box((Digest::of(entry), ledger::merkle::leaf_hash(entry)));
        }
    });
    println!("the hashing alone (chain and leaf), one thread: {:.0} MB/s, {:.0} %", mega / twice, 100.0 * raw / twice);
    let both = time(&|| {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| std::hint::black_box(Digest::of(&all)));
            }
        });
    });
    println!("what a second thread brings: raw SHA-256 on two at once, {:.0} MB/s together", 2.0 * mega / both);
    for threads in [1, 2] {
        let options = ExportOptions { threads: Some(threads), ..ExportOptions::default() };
        let source = FolderSource(folder.path().into());
        let verify = time(&|| {
            verify_export(&source, &options).unwrap();
        });
        println!("verify_export, {threads} threads: {:.0} MB/s, {:.0} % of raw", mega / verify, 100.0 * raw / verify);
    }
}
