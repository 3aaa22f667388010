//! The scanner against the canonicaliser: it accepts exactly what that writes.

use std::collections::BTreeMap;

use proptest::{collection, prelude::*};
use serde_json::{Value, json};

use super::{entry, value};
use crate::{Actor, ActorKind, Digest, Entry, EntryError, MAX_ENTRY_BYTES, Timestamp, canonical_json};

fn sample() -> Entry {
    let mut evidence = vec![Digest::of(b"a"), Digest::of(b"b")];
    evidence.sort_unstable();
    Entry {
        schema: 1,
        seq: 12,
        time: Timestamp::from_micros(1_795_431_755_123_456),
        actor: Actor { id: "usr_1".into(), kind: ActorKind::Service },
        event: "version.registered".into(),
        subject: BTreeMap::from([("model".into(), "churn \"A\"".into()), ("version".into(), "3".into())]),
        payload: json!({"a": [1, -2.5, 1e-7, 1e21, null, true, false], "é\n": {"z": "\u{7f}\u{1}", "": []}, "😂": {}, "\u{fb33}": 0}),
        evidence,
        prev: Digest::of(b"before"),
    }
}

/// What canonical means, at full length: parsed and written again, the bytes are the same.
fn canonical_by_definition(bytes: &[u8]) -> bool {
    let value: Option<Value> = serde_json::from_slice(bytes).ok();
    // Two keys alike collapse when parsed, so that the bytes differ.
    value.and_then(|value| canonical_json(&value).ok()).is_some_and(|canonical| canonical == bytes)
}

#[test]
fn entries_round_trip() {
    let bytes = sample().to_bytes().unwrap();
    assert_eq!(Entry::from_bytes(&bytes).unwrap(), sample());
    let links = entry(&bytes).unwrap();
    assert_eq!(
        (links.seq, links.prev, links.time, links.evidence),
        (12, sample().prev, sample().time, sample().evidence)
    );
    for kind in [ActorKind::Human, ActorKind::System] {
        let entry = Entry { actor: Actor { id: "x".into(), kind }, ..sample() };
        assert_eq!(Entry::from_bytes(&entry.to_bytes().unwrap()).unwrap(), entry);
    }
}

#[test]
fn entries_that_break_a_rule_are_not_written() {
    let sample = sample();
    let reversed = sample.evidence.iter().rev().copied().collect();
    let doubled = vec![sample.evidence[0]; 2];
    for bad in [
        Entry { evidence: reversed, ..sample.clone() },
        Entry { evidence: doubled, ..sample.clone() },
        Entry { schema: 2, ..sample.clone() },
        Entry { event: String::new(), ..sample.clone() },
        Entry { actor: Actor { id: String::new(), kind: ActorKind::Human }, ..sample.clone() },
    ] {
        assert!(matches!(bad.to_bytes(), Err(EntryError::Scan(_))), "{bad:?}");
    }
    for number in [9_007_199_254_740_993_u64, u64::MAX, 1_152_921_504_606_846_976] {
        let bad = Entry { payload: json!({"deep": [number]}), ..sample.clone() };
        assert!(matches!(bad.to_bytes(), Err(EntryError::Rounded(_))), "{number}");
    }
    let seq = Entry { seq: (1 << 53) + 1, ..sample.clone() };
    assert!(matches!(seq.to_bytes(), Err(EntryError::Rounded(_))));
    let exact = Entry { payload: json!([1_u64 << 53, -(1_i64 << 53), 10_000_000_000_000_000_u64]), ..sample };
    assert!(Entry::from_bytes(&exact.to_bytes().unwrap()).is_ok());
}

#[test]
fn an_entry_has_at_most_65_535_bytes() {
    let base = Entry { payload: json!(""), ..sample() }.to_bytes().unwrap().len();
    let fitting = Entry { payload: json!("x".repeat(MAX_ENTRY_BYTES - base)), ..sample() };
    let bytes = fitting.to_bytes().unwrap();
    assert_eq!(bytes.len(), MAX_ENTRY_BYTES);
    assert!(Entry::from_bytes(&bytes).is_ok());
    let larger = Entry { payload: json!("x".repeat(MAX_ENTRY_BYTES - base + 1)), ..sample() };
    assert!(matches!(larger.to_bytes(), Err(EntryError::TooLarge { found: 65_536 })));
}

#[test]
fn nesting_ends_at_64() {
    let nested = |depth: usize| (1..depth).fold(json!(0), |inner, _| json!([inner]));
    assert!(Entry { payload: nested(63), ..sample() }.to_bytes().is_ok());
    assert!(Entry { payload: nested(65), ..sample() }.to_bytes().is_err());
    // Bytes that nest endlessly must not exhaust the stack.
    assert!(value("[".repeat(60_000).as_bytes()).is_err());
}

#[test]
fn other_spellings_of_an_entry_are_refused() {
    let bytes = sample().to_bytes().unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    for (from, to) in [
        (",", ", "),
        ("\"seq\":12", "\"seq\":12.0"),
        ("\"seq\":12", "\"seq\":012"),
        ("\"seq\":12", "\"seq\":-12"),
        ("\"seq\":12", "\"seq\":1.2e1"),
        ("\"schema\":1", "\"schema\":2"),
        ("\"schema\":1,", ""),
        ("\"service\"", "\"robot\""),
        ("usr_1", ""),
        ("usr_1", "\\u0075sr_1"),
        ("\"time\":\"2026", "\"time\":\"2026-"),
        ("123456Z", "123Z"),
        ("sha256:", "sha512:"),
        ("{\"actor\"", "{\"a\":1,\"actor\""),
        ("\"event\"", "\"events\""),
        ("\"model\":", "\"zebra\":"),
        ("\"3\"", "3"),
        ("1e+21", "1e21"),
        ("\\u0001", "\\u0001\\u0041"),
    ] {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text, "{from}");
        assert!(Entry::from_bytes(bad.as_bytes()).is_err(), "{to}");
    }
    for tail in ["\n", " ", "{}", "\0"] {
        assert!(Entry::from_bytes(format!("{text}{tail}").as_bytes()).is_err());
    }
    for end in 0..bytes.len() {
        assert!(Entry::from_bytes(&bytes[..end]).is_err());
    }
    assert!(Entry::from_bytes(&[&bytes[..20], b"\xff", &bytes[20..]].concat()).is_err());
}

#[test]
fn a_changed_byte_is_refused_or_gives_another_canonical_entry() {
    let bytes = sample().to_bytes().unwrap();
    for i in 0..bytes.len() {
        for bit in 0..8 {
            let mut bad = bytes.clone();
            bad[i] ^= 1 << bit;
            if let Ok(entry) = Entry::from_bytes(&bad) {
                assert_ne!(entry, sample());
                assert_eq!(entry.to_bytes().unwrap(), bad);
            }
        }
    }
}

#[test]
fn numbers_by_their_one_spelling() {
    for good in [
        "0",
        "1",
        "-1",
        "0.1",
        "-0.5",
        "0.000001",
        "1e-7",
        "1e+21",
        "100000000000000000000",
        "9007199254740992",
        "5e-324",
        "1.7976931348623157e+308",
        "0.1234567890123456",
        "123456789012345",
        "333333333.3333333",
    ] {
        assert_eq!(value(good.as_bytes()), Ok(()), "{good}");
    }
    for bad in [
        "",
        "-",
        "-0",
        "00",
        "01",
        "1.",
        ".5",
        "1.0",
        "0.10",
        "+1",
        "1e5",
        "1E5",
        "1e+5",
        "1e21",
        "0.0000001",
        "1e-07",
        "1e400",
        "9007199254740993",
        "0.0",
        "-0.0",
        "1e",
        "1e+",
        "NaN",
        "0x1",
        "1_0",
        "0.30000000000000001",
        "1000000000000000000000",
    ] {
        assert!(value(bad.as_bytes()).is_err(), "{bad}");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (any::<i32>(), 0..12_i32).prop_map(|(digits, shift)| Value::from(f64::from(digits) / 10_f64.powi(shift))),
        (-(1_i64 << 53)..=(1 << 53)).prop_map(Value::from),
    ];
    let text = prop_oneof![
        "[a-c]{0,3}",
        "\\PC{0,20}",
        any::<String>(),
        "[\u{0}-\u{20}\"\\\\/\u{7f}\u{d7ff}\u{e000}\u{ffff}\u{10000}]{0,12}"
    ];
    let leaf =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, text.clone().prop_map(Value::from)];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            collection::btree_map(text.clone(), inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn accepts_whatever_the_canonicaliser_writes(json in json_value()) {
        let bytes = canonical_json(&json).unwrap();
        prop_assert_eq!(value(&bytes), Ok(()), "{}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn agrees_on_near_misses(json in json_value(), at: prop::sample::Index, byte in prop::sample::select(b"0123456789.-+eE\"\\,:{}[] \n/abutfn\x01\x7f\xc3".to_vec()), insert: bool) {
        let mut bytes = canonical_json(&json).unwrap();
        let at = at.index(bytes.len());
        if insert { bytes.insert(at, byte) } else { bytes[at] = byte }
        prop_assert_eq!(value(&bytes).is_ok(), canonical_by_definition(&bytes), "{}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn agrees_on_numbers(text in "-?[0-9]{1,18}(\\.[0-9]{1,18})?(e[+-]?[0-9]{1,3})?") {
        prop_assert_eq!(value(text.as_bytes()).is_ok(), canonical_by_definition(text.as_bytes()), "{}", text);
    }

    #[test]
    fn agrees_on_few_digits(text in "-?(0|[1-9][0-9]{0,8})(\\.0{0,7}[0-9]{1,9})?") {
        prop_assert_eq!(value(text.as_bytes()).is_ok(), canonical_by_definition(text.as_bytes()), "{}", text);
    }

    #[test]
    fn agrees_on_pairs_of_keys(a in any::<String>(), b in "[a\"\u{e000}\u{ffff}\u{10000}\u{10ffff}\u{1}]{0,3}") {
        let (a, b) = (serde_json::to_string(&a).unwrap(), serde_json::to_string(&b).unwrap());
        let text = format!("{{{a}:0,{b}:0}}");
        prop_assert_eq!(value(text.as_bytes()).is_ok(), canonical_by_definition(text.as_bytes()), "{}", text);
    }
}
