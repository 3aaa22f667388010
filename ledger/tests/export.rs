//! Exports: whatever is changed in one is found.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeSet;

use common::{entries, evidence_file, export, export_of, log_key};
use ledger::{
    Digest, Entry, SigningKey, TilePath, Timestamp, bundle,
    export::{
        CHECKPOINT, EVIDENCE_OMITTED, ExportFault, ExportOptions, FolderSource, MemorySource, README_PATH,
        VERIFIER_KEY, Verified, evidence_path, verify_export,
    },
    note,
};

fn check(files: &MemorySource) -> Result<Verified, ExportFault> {
    verify_export(files, &ExportOptions { threads: Some(1), ..ExportOptions::default() })
}

fn changed(files: &MemorySource, path: &str, change: impl FnOnce(&mut Vec<u8>)) -> MemorySource {
    let mut files = files.clone();
    change(files.get_mut(path).unwrap());
    files
}

#[test]
fn whole_exports_pass_at_any_size() {
    for size in [0, 1, 2, 5, 255, 256, 257, 300, 511, 512, 513] {
        let files = export(size);
        let verified = check(&files).unwrap();
        assert_eq!((verified.size, verified.entries), (size, size));
        let bytes: usize = entries(size).iter().map(Vec::len).sum();
        assert_eq!(verified.entry_bytes, bytes as u64);
        assert_eq!(verified.evidence_files, size.min(12).saturating_add(2) / 4 - u64::from(size >= 10));
        assert_eq!(verified.evidence_omitted, u64::from(size >= 10));
        for threads in [None, Some(2), Some(5)] {
            let options = ExportOptions { threads, ..ExportOptions::default() };
            assert_eq!(verify_export(&files, &options).unwrap(), verified);
        }
        let tiles: BTreeSet<_> = files.keys().filter(|path| path.starts_with("tile")).cloned().collect();
        assert_eq!(tiles, TilePath::all(size).map(|path| path.to_string()).collect());
    }
}

#[test]
fn levels_above_the_first_are_checked() {
    let entries = entries(66_000);
    let files = export_of(&entries);
    assert!(files.contains_key("tile/2/000.p/1"));
    // The evidence is neither there nor listed as left out, which is found last of all.
    assert_eq!(check(&files).unwrap_err().entry, Some(1));
    for path in ["tile/2/000.p/1", "tile/1/000", "tile/1/001.p/1", "tile/0/257.p/208", "tile/0/100"] {
        let fault = check(&changed(&files, path, |bytes| bytes[31] ^= 4)).unwrap_err();
        assert!(fault.to_string().contains(path), "{fault}");
    }
    let path = TilePath::entries(200, 256).to_string();
    let fault = check(&changed(&files, &path, |bytes| bytes[1000] ^= 1)).unwrap_err();
    assert_eq!(fault.entry.unwrap() / 256, 200, "{fault}");
}

#[test]
fn every_flipped_bit_is_found() {
    // Of the larger one, which leaves a file out, one bit of each byte.
    for (size, bits) in [(5, 8), (10, 1)] {
        let files = export(size);
        check(&files).unwrap();
        for (path, i) in files.iter().flat_map(|(path, bytes)| (0..bytes.len()).map(move |i| (path, i))) {
            for bit in (0..bits).map(|bit| (bit + i) % 8) {
                let fault = check(&changed(&files, path, |bytes| bytes[i] ^= 1 << bit));
                assert!(fault.is_err(), "{path}: byte {i}, bit {bit}");
            }
        }
    }
}

#[test]
fn every_seventh_byte_of_a_larger_export_too() {
    let files = export(300);
    for (path, bytes) in &files {
        // Of large files the ends, and a sample between.
        let step = if bytes.len() > 4000 { 997 } else { 7 };
        for i in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
            let fault = check(&changed(&files, path, |bytes| bytes[i] ^= 0x20));
            assert!(fault.is_err(), "{path}: byte {i}");
        }
    }
}

#[test]
fn dropped_added_cut_and_swapped_files_are_found() {
    let files = export(300);
    for path in files.keys().filter(|path| *path != README_PATH) {
        let mut dropped = files.clone();
        dropped.remove(path);
        assert!(check(&dropped).is_err(), "{path} dropped");
    }
    for (path, bytes) in &files {
        for length in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            assert!(check(&changed(&files, path, |bytes| bytes.truncate(length))).is_err(), "{path} cut to {length}");
        }
        for byte in *b"\n\0 x" {
            assert!(check(&changed(&files, path, |bytes| bytes.push(byte))).is_err(), "{path} made longer");
            assert!(
                check(&changed(&files, path, |bytes| bytes.insert(0, byte))).is_err(),
                "{path} made longer in front"
            );
        }
        assert!(check(&changed(&files, path, |bytes| bytes.extend(bytes.clone()))).is_err(), "{path} doubled");
    }
    for (a, b) in files.keys().zip(files.keys().skip(1)) {
        let mut swapped = files.clone();
        swapped.insert(a.clone(), files[b].clone());
        swapped.insert(b.clone(), files[a].clone());
        assert!(check(&swapped).is_err(), "{a} and {b} swapped");
    }
    for extra in [
        "x",
        "README",
        "tile/x",
        "tile/0/002",
        "tile/0/001.p/45",
        "tile/0/001",
        "tile/2/000.p/1",
        "tile/entries/001",
        "tile/entries/001.p/43",
        "tiles/0/000",
        "evidence/x",
        "evidence/x/y",
        "checkpoint.old",
        "tile/0/000.p/1",
        "evidence/0000000000000000000000000000000000000000000000000000000000000000",
        "tile/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p",
    ] {
        let mut added = files.clone();
        added.insert(extra.into(), vec![]);
        let fault = check(&added).unwrap_err();
        assert!(fault.path.is_some_and(|path| extra.starts_with(&path)), "{extra}");
    }
}

/// Signs whatever entries are given, as a forger with the log's key would.
fn forged(change: impl FnOnce(&mut Vec<Vec<u8>>)) -> ExportFault {
    let mut all = entries(600);
    change(&mut all);
    check(&export_of(&all)).unwrap_err()
}

fn rewrite(bytes: &mut Vec<u8>, change: impl FnOnce(&mut Entry)) {
    let mut entry = Entry::from_bytes(bytes).unwrap();
    change(&mut entry);
    *bytes = entry.to_bytes().unwrap();
}

#[test]
fn the_first_entry_that_breaks_the_chain_is_named() {
    // The tree is whole in all of these; only the chain tells.
    for at in [0, 1, 100, 254, 255, 256, 257, 511, 512, 598] {
        let fault = forged(|all| rewrite(&mut all[at], |entry| entry.event = "approval.granted".into()));
        assert_eq!(fault.entry, Some(at as u64 + 1), "{fault}");
        assert!(fault.reason.contains("follows sha256:"), "{fault}");
        let fault = forged(|all| {
            all.remove(at);
        });
        assert_eq!(fault.entry, Some(at as u64), "{fault}");
        let fault = forged(|all| all.swap(at, at + 1));
        assert_eq!(fault.entry, Some(at as u64), "{fault}");
        let fault = forged(|all| all.insert(at, all[at].clone()));
        assert_eq!(fault.entry, Some(at as u64 + 1), "{fault}");
        let fault = forged(|all| all[at].push(b' '));
        assert_eq!(fault.entry, Some(at as u64), "{fault}");
        let fault = forged(|all| rewrite(&mut all[at], |entry| entry.prev = Digest::of(b"x")));
        assert_eq!(fault.entry, Some(at as u64), "{fault}");
    }
    // Time runs backwards, with everything else made to fit, within a bundle and across two.
    for at in [100, 255, 256] {
        let fault = forged(|all| {
            let mut prev = Digest::of(b"");
            for (i, bytes) in all.iter_mut().enumerate() {
                rewrite(bytes, |entry| {
                    entry.prev = prev;
                    if i == at {
                        entry.time = Timestamp::EPOCH;
                    }
                });
                prev = Digest::of(bytes);
            }
        });
        assert_eq!(fault.entry, Some(at as u64), "{fault}");
        assert!(fault.reason.contains("time"), "{fault}");
    }
}

#[test]
fn a_rewritten_tail_does_not_fit_the_checkpoint() {
    let all = entries(600);
    let mut other = all.clone();
    rewrite(&mut other[599], |entry| entry.event = "approval.granted".into());
    let mut files = export_of(&other);
    files.insert(CHECKPOINT.into(), export_of(&all)[CHECKPOINT].clone());
    let fault = check(&files).unwrap_err();
    assert_eq!((fault.entry, fault.path.as_deref()), (None, Some(CHECKPOINT)), "{fault}");
    // Fewer entries than the checkpoint covers.
    let mut files = export_of(&all[..598]);
    files.insert(CHECKPOINT.into(), export_of(&all)[CHECKPOINT].clone());
    assert!(check(&files).is_err());
}

#[test]
fn a_bundle_that_lost_its_end_says_from_which_entry() {
    let files = export(300);
    for path in ["tile/entries/000", "tile/entries/001.p/44"] {
        let entries = bundle::decode(&files[path]).unwrap();
        let last = entries.last().unwrap().len() + 2;
        let fault = check(&changed(&files, path, |bytes| bytes.truncate(bytes.len() - last))).unwrap_err();
        assert_eq!(fault.entry, Some(if path.ends_with("44") { 299 } else { 255 }), "{fault}");
        let fault =
            check(&changed(&files, path, |bytes| bytes.extend(&bundle::encode(&[b"{}"]).unwrap()))).unwrap_err();
        assert_eq!(fault.entry, Some(if path.ends_with("44") { 300 } else { 256 }), "{fault}");
    }
}

#[test]
fn an_altered_entry_is_named_although_later_ones_are_altered_too() {
    let path = TilePath::entries(0, 256).to_string();
    let files = export_of(&entries(600));
    let entries = bundle::decode(&files[&path]).unwrap();
    let offset = |n: usize| entries[..n].iter().map(|entry| entry.len() + 2).sum::<usize>();
    let mut bad = files.clone();
    for n in [41, 42, 200] {
        bad.get_mut(&path).unwrap()[offset(n) + 40] ^= 1;
    }
    bad.get_mut("tile/entries/001").unwrap()[77] ^= 1;
    for threads in [1, 2, 4] {
        let fault =
            verify_export(&bad, &ExportOptions { threads: Some(threads), ..ExportOptions::default() }).unwrap_err();
        assert_eq!(fault.entry, Some(41), "{fault}");
    }
}

#[test]
fn evidence_is_there_or_listed_as_left_out() {
    let files = export(20);
    let there = evidence_path(&Digest::of(&evidence_file(5)));
    let fault = check(&changed(&files, &there, |bytes| bytes.push(b'!'))).unwrap_err();
    assert_eq!((fault.entry, fault.path), (Some(5), Some(there.clone())));

    let mut dropped = files.clone();
    dropped.remove(&there);
    let fault = check(&dropped).unwrap_err();
    assert_eq!((fault.entry, fault.path), (Some(5), Some(there)));

    let mut unlisted = files.clone();
    unlisted.remove(EVIDENCE_OMITTED);
    assert_eq!(check(&unlisted).unwrap_err().entry, Some(9));

    let mut listed_and_there = files.clone();
    listed_and_there.insert(evidence_path(&Digest::of(&evidence_file(9))), evidence_file(9));
    assert_eq!(check(&listed_and_there).unwrap_err().path.as_deref(), Some(EVIDENCE_OMITTED));

    let unknown = format!("{}\n", Digest::of(b"unknown"));
    assert!(check(&changed(&files, EVIDENCE_OMITTED, |bytes| *bytes = unknown.into_bytes())).is_err());
}

#[test]
fn a_key_known_from_elsewhere_must_be_the_one() {
    let files = export(5);
    let with = |key: &SigningKey| {
        verify_export(&files, &ExportOptions { trusted_key: Some(key.verifier().clone()), ..ExportOptions::default() })
    };
    assert!(with(&log_key()).unwrap().key_trusted);
    let other = SigningKey::from_seed(common::ORIGIN, &[8; 32]).unwrap();
    assert_eq!(with(&other).unwrap_err().path.as_deref(), Some(VERIFIER_KEY));
    assert!(!check(&files).unwrap().key_trusted);
}

#[test]
fn cosignatures_of_known_witnesses_count() {
    let witness = SigningKey::cosigner_from_seed("witness.example", &[3; 32]).unwrap();
    let mut files = export(5);
    let note = String::from_utf8(files[CHECKPOINT].clone()).unwrap();
    let line = note::cosign(note::text_unverified(&note).unwrap(), 1_795_431_755, &witness).unwrap();
    files.insert(CHECKPOINT.into(), format!("{note}{line}").into_bytes());
    assert!(check(&files).unwrap().cosigned_by.is_empty());
    let options = ExportOptions { witnesses: vec![witness.verifier().clone()], ..ExportOptions::default() };
    assert_eq!(verify_export(&files, &options).unwrap().cosigned_by[0].name, "witness.example");
    // With its key at hand, the witness's line is as tight as the rest.
    for i in note.len()..note.len() + line.len() {
        let bad = changed(&files, CHECKPOINT, |bytes| bytes[i] ^= 1);
        let verified = verify_export(&bad, &options);
        assert!(verified.is_err() || verified.unwrap().cosigned_by.is_empty(), "{i}");
    }
    let twice = format!("{note}{line}{line}");
    files.insert(CHECKPOINT.into(), twice.into_bytes());
    assert!(verify_export(&files, &options).is_err());
}

#[test]
fn folders_read_like_memory() {
    let folder = tempfile::tempdir().unwrap();
    let files = export(300);
    for (path, bytes) in &files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let source = FolderSource(folder.path().into());
    let options = ExportOptions::default();
    assert_eq!(verify_export(&source, &options), check(&files));

    std::fs::write(folder.path().join("tile/stray"), "x").unwrap();
    assert_eq!(verify_export(&source, &options).unwrap_err().path.as_deref(), Some("tile/stray"));
    std::fs::remove_file(folder.path().join("tile/stray")).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("checkpoint", folder.path().join("link")).unwrap();
        assert_eq!(verify_export(&source, &options).unwrap_err().path.as_deref(), Some("link"));
        std::fs::remove_file(folder.path().join("link")).unwrap();
    }
    std::fs::remove_file(folder.path().join("tile/0/000")).unwrap();
    assert_eq!(verify_export(&source, &options).unwrap_err().path.as_deref(), Some("tile/0/000"));
    assert!(verify_export(&FolderSource(folder.path().join("nowhere")), &options).is_err());
}
