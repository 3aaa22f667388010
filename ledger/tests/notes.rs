//! Signed notes, checkpoints and proof files: published examples, and every way to spoil them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use ledger::{
    Checkpoint, Digest, SigningKey, TileMap, TlogProof, TreeHead, VerifierKey,
    checkpoint::CheckpointError,
    merkle::leaf_hash,
    note::{self, KeyKind, NoteError},
    tiles::inclusion_proof,
    tlog_proof::TlogProofError,
};

// The example keys and note of Go's package golang.org/x/mod/sumdb/note.
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER_LINE: &str =
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH_LINE: &str =
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

fn key(text: &str) -> VerifierKey {
    text.parse().unwrap()
}

#[test]
fn published_keys_and_note() {
    let secret: SigningKey = PETER_SECRET.parse().unwrap();
    assert_eq!(secret.to_secret_text(), PETER_SECRET);
    assert_eq!(secret.verifier().to_string(), PETER);
    assert_eq!(key(PETER).to_string(), PETER);
    assert_eq!(note::sign(TEXT, &[&secret]).unwrap(), format!("{TEXT}\n{PETER_LINE}"));
    assert!(!format!("{secret:?}").contains("PRIVATE"));
}

#[test]
fn mangled_keys_are_refused() {
    for (text, parses) in [
        (PETER, (|text| text.parse::<VerifierKey>().is_ok()) as fn(&str) -> bool),
        (PETER_SECRET, |text| text.parse::<SigningKey>().is_ok()),
    ] {
        for from in 0..=text.len() {
            for to in from..=text.len() {
                assert_eq!(parses(&text[from..to]), to - from == text.len(), "{}", &text[from..to]);
            }
        }
        for i in 0..text.len() {
            for bit in 0..7 {
                let mut bytes = text.as_bytes().to_vec();
                bytes[i] ^= 1 << bit;
                assert!(!parses(std::str::from_utf8(&bytes).unwrap()), "{i} {bit}");
            }
        }
    }
    // Wrong length and unknown algorithm, with hashes to match.
    assert!(
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==".parse::<VerifierKey>().is_err()
    );
    assert!("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse::<VerifierKey>().is_err());
    assert!(SigningKey::from_seed("a b", &[0; 32]).is_err());
    assert!(SigningKey::from_seed("a+b", &[0; 32]).is_err());
    assert!(SigningKey::from_seed("a\u{2003}b", &[0; 32]).is_err());
}

#[test]
fn known_keys_count_and_others_are_ignored() {
    let both = format!("{TEXT}\n{PETER_LINE}{ENOCH_LINE}");
    let names = |keys: &[VerifierKey]| {
        note::open(&both, keys)
            .map(|note| (note.verified.into_iter().map(|by| by.name).collect::<Vec<_>>(), note.ignored))
    };
    assert_eq!(names(&[key(PETER)]), Ok((vec!["PeterNeumann".into()], 1)));
    assert_eq!(names(&[key(ENOCH), key(PETER)]), Ok((vec!["PeterNeumann".into(), "EnochRoot".into()], 0)));
    assert_eq!(names(&[]), Err(NoteError::Unverified));
    assert_eq!(note::text_unverified(&both).unwrap(), TEXT);

    let twice = format!("{TEXT}\n{PETER_LINE}{PETER_LINE}");
    assert_eq!(note::open(&twice, &[key(PETER)]).unwrap().verified.len(), 1);
    // A good signature does not make up for a known key's bad one.
    let bad = format!("{TEXT}\n{PETER_LINE}{}", ENOCH_LINE.replace("5n2t", "5n3t"));
    assert_eq!(note::open(&bad, &[key(PETER), key(ENOCH)]), Err(NoteError::Invalid { name: "EnochRoot".into() }));
    assert!(note::open(&bad, &[key(PETER)]).is_ok());
}

#[test]
fn malformed_notes_are_refused() {
    let good = format!("{TEXT}\n{PETER_LINE}");
    for bad in [
        String::new(),
        TEXT.into(),
        format!("{TEXT}\n"),
        good[..good.len() - 1].into(),
        format!("\u{1}{good}"),
        format!("{good}Unexpected line.\n"),
        format!("{good}\n"),
        good.replace("PeterNeumann ", "Peter Neumann "),
        good.replace("— Peter", "- Peter"),
        good.replace('\n', "\r\n"),
        format!("\n{PETER_LINE}"),
        format!("{TEXT}\n{}", PETER_LINE.repeat(101)),
    ] {
        assert!(matches!(note::open(&bad, &[key(PETER)]), Err(NoteError::Malformed(_) | NoteError::Text)), "{bad}");
    }
    assert!(note::open(&format!("{TEXT}\n{}", PETER_LINE.repeat(16)), &[key(PETER)]).is_ok());
    // The text may have empty lines of its own.
    let secret: SigningKey = PETER_SECRET.parse().unwrap();
    let signed = note::sign("a\n\nb\n", &[&secret]).unwrap();
    assert_eq!(note::open(&signed, &[key(PETER)]).unwrap().text, "a\n\nb\n");
    for bad in ["", "a", "a\tb\n", "a\r\n"] {
        assert!(note::sign(bad, &[&secret]).is_err(), "{bad:?}");
    }
    assert!(note::sign("a\n", &[]).is_err());
}

#[test]
fn every_flipped_bit_of_a_note_is_found() {
    let good = format!("{TEXT}\n{PETER_LINE}");
    for i in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone().into_bytes();
            bytes[i] ^= 1 << bit;
            if let Ok(bad) = String::from_utf8(bytes) {
                assert!(note::open(&bad, &[key(PETER)]).is_err(), "byte {i}, bit {bit}");
            }
        }
    }
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: common::ORIGIN.into(), size: 42, root: Digest::of(b"root") }
}

#[test]
fn checkpoint_text_has_one_spelling() {
    let text = checkpoint().to_text();
    assert_eq!(text, "countersign.example/log\n42\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n");
    assert_eq!(Checkpoint::from_text(&text), Ok(checkpoint()));
    for bad in [
        text.replace("42", "042"),
        text.replace("42", "+42"),
        text.replace("42", ""),
        text.replace("42", "-1"),
        text.replace("42", "18446744073709551616"),
        text.replace('=', ""),
        text.replace('=', "=="),
        format!("{text}extension\n"),
        text[..text.len() - 1].into(),
        text.replace(common::ORIGIN, ""),
        format!("{text}\n"),
    ] {
        assert!(Checkpoint::from_text(&bad).is_err(), "{bad}");
    }
}

#[test]
fn only_the_logs_own_key_makes_a_checkpoint() {
    let (log, other) = (common::log_key(), SigningKey::from_seed("other.example", &[9; 32]).unwrap());
    let witness = SigningKey::cosigner_from_seed("witness.example", &[3; 32]).unwrap();
    let not_by_log = CheckpointError::NotByLog { origin: common::ORIGIN.into() };
    assert_eq!(checkpoint().sign(&[&other]), Err(not_by_log.clone()));

    let signed = checkpoint().sign(&[&log]).unwrap();
    let line = note::cosign(&checkpoint().to_text(), 1_795_431_755, &witness).unwrap();
    let cosigned = note::with_signatures(&signed, &line).unwrap();
    let keys = [log.verifier().clone(), witness.verifier().clone()];
    let open = Checkpoint::open(&cosigned, &keys).unwrap();
    assert_eq!(open.checkpoint, checkpoint());
    assert_eq!(open.note.verified[1].time, Some(1_795_431_755));
    assert_eq!(open.note.verified[1].kind, KeyKind::Cosignature);
    assert_eq!(Checkpoint::open(&cosigned, &keys[1..]), Err(not_by_log.clone()));
    let by_other = note::sign(&checkpoint().to_text(), &[&other]).unwrap();
    assert_eq!(Checkpoint::open(&by_other, &[other.verifier().clone()]), Err(not_by_log));

    // The witness's time is signed too.
    let later = note::cosign(&checkpoint().to_text(), 1_795_431_756, &witness).unwrap();
    assert_ne!(line, later);
    assert!(note::with_signatures(&signed, "x\n\n— a b\n").is_err());
    assert!(note::sign("a\n", &[&witness]).is_err());
    assert!(note::cosign("a\n", 1, &log).is_err());
    let text: SigningKey = witness.to_secret_text().parse().unwrap();
    assert_eq!(text.verifier(), witness.verifier());
}

#[test]
fn proof_files() {
    let log = common::log_key();
    let entries = common::entries(50);
    let mut head = TreeHead::new();
    for entry in &entries {
        head.append(leaf_hash(entry));
    }
    let tiles: TileMap = head.changed_tiles().into_iter().collect();
    let signed = Checkpoint { origin: common::ORIGIN.into(), size: 50, root: head.root() }.sign(&[&log]).unwrap();
    let keys = [log.verifier().clone()];
    for index in 0..50 {
        let proof = TlogProof {
            extra: (index % 2 == 0).then(|| b"ledger.jsonl".to_vec()),
            index,
            hashes: inclusion_proof(index, 50, &tiles).unwrap(),
            checkpoint: signed.clone(),
        };
        let text = proof.to_text();
        assert_eq!(TlogProof::from_text(&text), Ok(proof.clone()));
        let entry = &entries[usize::try_from(index).unwrap()];
        assert_eq!(proof.verify(entry, &keys).unwrap().checkpoint.size, 50);
        assert!(proof.verify(&entries[usize::try_from((index + 1) % 50).unwrap()], &keys).is_err());
        assert!(matches!(proof.verify(entry, &[]), Err(TlogProofError::Checkpoint(_))));
    }
    let proof =
        TlogProof { extra: None, index: 3, hashes: inclusion_proof(3, 50, &tiles).unwrap(), checkpoint: signed };
    let text = proof.to_text();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 3\n"));
    for i in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[i] ^= 1 << bit;
            let bad = String::from_utf8(bytes).ok().and_then(|text| TlogProof::from_text(&text).ok());
            assert!(bad.is_none_or(|proof| proof.verify(&entries[3], &keys).is_err()), "byte {i}, bit {bit}");
        }
    }
    for (from, to) in [
        ("index 3", "index 03"),
        ("index 3\n", ""),
        ("index 3", "extra \nindex 3"),
        ("@v1", "@v2"),
        ("index", "extra !\nindex"),
    ] {
        assert!(TlogProof::from_text(&text.replacen(from, to, 1)).is_err(), "{to}");
    }
}
