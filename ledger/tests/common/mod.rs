//! Logs made up for tests.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part of this")]

use std::collections::BTreeMap;

use ledger::{
    Actor, ActorKind, Checkpoint, Digest, Entry, SCHEMA, SigningKey, Timestamp,
    export::{self, ExportWriter, MemorySource},
};
use serde_json::json;

pub const ORIGIN: &str = "countersign.example/log";

pub fn log_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[7; 32]).unwrap()
}

pub fn evidence_file(i: u64) -> Vec<u8> {
    format!("evidence number {i}\n").into_bytes()
}

/// An entry of about 600 bytes, as a validation would leave it.
pub fn entry(seq: u64, prev: Digest, evidence: Vec<Digest>) -> Entry {
    Entry {
        schema: SCHEMA,
        seq,
        time: Timestamp::from_seconds(1_795_431_755).plus_micros(i64::try_from(seq).unwrap() * 1_001),
        actor: Actor { id: format!("usr_{:08}", seq % 97), kind: ActorKind::Human },
        event: "validation.recorded".into(),
        subject: BTreeMap::from([
            ("model".into(), "credit-scoring-eu".into()),
            ("version".into(), (seq % 40).to_string()),
        ]),
        payload: json!({
            "dataset": "holdout-2026-q3",
            "decision": "passed",
            "metrics": {"auc": 0.8731, "brier": 0.0921, "ks": 0.4417, "n": 48_211 + seq, "psi": 0.0312},
            "note": "Challenger beats champion on every segment; drift within limits \u{2264} 0.1",
            "thresholds": [0.85, 0.1, 0.4],
            "validator": {"commitment": Digest::of(&seq.to_be_bytes()), "independent": true, "team": "model-risk"}
        }),
        evidence,
        prev,
    }
}

/// Bytes of the first `size` entries of a log; every fourth of them refers to an evidence file.
pub fn entries(size: u64) -> Vec<Vec<u8>> {
    let mut prev = Digest::of(b"");
    (0..size)
        .map(|seq| {
            let evidence = if seq % 4 == 1 { vec![Digest::of(&evidence_file(seq % 12))] } else { vec![] };
            let bytes = entry(seq, prev, evidence).to_bytes().unwrap();
            prev = Digest::of(&bytes);
            bytes
        })
        .collect()
}

/// The files of an export of these entries, without evidence.
pub fn export_of<'a>(entries: impl IntoIterator<Item = &'a Vec<u8>>) -> MemorySource {
    let (mut writer, mut files) = (ExportWriter::new(), MemorySource::new());
    for entry in entries {
        files.extend(writer.push(entry).unwrap());
    }
    let checkpoint = Checkpoint { origin: ORIGIN.into(), size: writer.size(), root: writer.root() };
    files.extend(writer.finish());
    files.insert(export::CHECKPOINT.into(), checkpoint.sign(&[&log_key()]).unwrap().into_bytes());
    files.insert(export::VERIFIER_KEY.into(), format!("{}\n", log_key().verifier()).into_bytes());
    files.insert(export::README_PATH.into(), export::README.into());
    files
}

/// A whole export: two evidence files in three are there, the third is listed as left out.
pub fn export(size: u64) -> MemorySource {
    let mut files = export_of(&entries(size));
    let referenced: Vec<_> = (0..size).filter(|seq| seq % 4 == 1).map(|seq| seq % 12).collect();
    for i in referenced.iter().filter(|i| **i != 9) {
        files.insert(export::evidence_path(&Digest::of(&evidence_file(*i))), evidence_file(*i));
    }
    if referenced.contains(&9) {
        let text = export::omitted_text([Digest::of(&evidence_file(9))]);
        files.insert(export::EVIDENCE_OMITTED.into(), text.into_bytes());
    }
    files
}
