use super::*;
use crate::evidence::{EvidenceKind, Verdict};

const JUNIT: &str = r#"<?xml version="1.0"?>
<testsuites><testsuite name="unit"><properties><property name="git_commit" value="abc"/></properties>
<testcase classname="a" name="one" time="0.5"/><testcase classname="a" name="two"><failure message="no"/><failure/></testcase>
<testcase classname="a" name="three"><skipped/></testcase></testsuite></testsuites>"#;

fn read(file: &[u8]) -> Result<Parsed, ParseError> {
    parse(file, &Thresholds::default())
}

#[test]
fn junit_counts_each_case_once_and_reads_the_commit() {
    let parsed = read(JUNIT.as_bytes()).unwrap();
    assert_eq!(parsed.facts.verdict, Verdict::Red);
    assert_eq!(parsed.facts.summary, "1 of 3 tests passed, 1 failed, 1 skipped.");
    assert_eq!(parsed.facts.failures, ["a.two"]);
    assert_eq!(parsed.names, Some((Artifact::GitCommit, "abc".into())));
}

#[test]
fn a_truncated_junit_file_says_where_it_breaks_off() {
    let cut = &JUNIT.as_bytes()[..JUNIT.len() - 30];
    let error = read(cut).unwrap_err().to_string();
    assert!(error.contains("line 4"), "{error}");
    let empty = read(b"<testsuite/>").unwrap_err().to_string();
    assert!(empty.contains("no test case"), "{empty}");
}

#[test]
fn an_evaluation_is_judged_here_and_needs_a_threshold() {
    let parsed = read(br#"{"schema":"countersign/evaluation@1","figures":[{"name":"auc","value":0.7,"at_least":0.75},{"name":"n","value":3}]}"#).unwrap();
    assert_eq!(parsed.facts.verdict, Verdict::Red);
    assert_eq!(parsed.facts.failures, ["auc is 0.7, asked >= 0.75"]);
    let none = read(br#"{"schema":"countersign/evaluation@1","figures":[{"name":"n","value":3}]}"#);
    assert!(none.unwrap_err().to_string().contains("no figure has a threshold"));
    let odd = read(br#"{"schema":"countersign/evaluation@1","figures":[{"name":"n","value":3,"at_lest":1}]}"#);
    let odd = odd.unwrap_err().to_string();
    assert!(odd.contains("/figures/0/at_lest"), "a misspelt threshold does not pass unseen: {odd}");
}

#[test]
fn unknown_and_truncated_files_name_the_fault() {
    for unknown in [
        b"  ".as_slice(),
        b"<html></html>",
        br#"{"a":1}"#,
        b"[1]",
        b"a,b\n1,2\n",
        b"\x00\xff",
        br#"{"schema":"countersign/evaluation@7"}"#,
    ] {
        assert!(matches!(read(unknown), Err(ParseError::Unknown(_))), "{unknown:?}");
    }
    let cut = read(br#"{"success": true, "results": [{"#).unwrap_err().to_string();
    assert!(cut.contains("line 1, column"), "{cut}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_file() {
    let marked = |text: &str| [b"\xef\xbb\xbf", text.as_bytes()].concat();
    assert!(read(&marked("<testsuite><testcase name='a'/></testsuite>")).is_ok());
    let evaluation = r#"{"schema":"countersign/evaluation@1","figures":[{"name":"auc","value":1,"at_least":0}]}"#;
    assert!(read(&marked(evaluation)).is_ok());
}

#[test]
fn a_test_report_in_another_encoding_is_read_or_its_encoding_named() {
    let xml = |encoding: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"{encoding}\"?><testsuite><testcase name='größe'><failure/></testcase></testsuite>"
        )
    };
    let expected = read(xml("utf-8").as_bytes()).unwrap();
    assert_eq!(expected.facts.failures, ["größe"]);
    let little: Vec<u8> = xml("UTF-16").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = xml("utf-16").encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(read(&[b"\xff\xfe", &little[..]].concat()).unwrap(), expected);
    assert_eq!(read(&[b"\xfe\xff", &big[..]].concat()).unwrap(), expected);
    let latin: Vec<u8> = xml("ISO-8859-1").chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert_eq!(read(&latin).unwrap(), expected);
    let other = String::from_utf8_lossy(&latin).replace("ISO-8859-1", "windows-1250");
    let said = read(other.as_bytes()).unwrap_err().to_string();
    assert!(said.contains("it is in \"windows-1250\"") && said.contains("Save it as UTF-8"), "{said}");
    let half = read(&[b"\xff\xfe", &little[..little.len() - 1]].concat()).unwrap_err().to_string();
    assert!(half.contains("half a character"), "{half}");
}

#[test]
fn one_member_twice_is_refused_in_every_json_format() {
    for file in [
        r#"{"success": false, "success": true, "results": [{"success": true, "expectation_config": {"type": "t"}}]}"#,
        r#"{"schema": "countersign/columns@1", "features": {"a": {"reference": [1], "current": [9]}, "a": {"reference": [1], "current": [1]}}}"#,
        r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "ruff"}}, "results": [{"ruleId": "E"}], "results": []}]}"#,
        r#"[{"filename": "a", "location": {"row": 1}, "message": "m", "filename": "b"}]"#,
    ] {
        let said = read(file.as_bytes()).unwrap_err().to_string();
        assert!(said.contains("line 1, column") && said.contains("stands there twice"), "{said}");
    }
}

#[test]
fn a_linter_that_finds_nothing_writes_an_empty_array() {
    let parsed = read(b"[]\n").unwrap();
    assert_eq!((parsed.facts.kind, parsed.facts.verdict), (EvidenceKind::Lint, Verdict::Green));
    assert_eq!(parsed.path, Some(EvidencePath::Code));
}

#[test]
fn a_file_with_rows_for_another_path_is_told_what_it_is() {
    let said = |file: &[u8]| read(file).unwrap_err().to_string();
    assert!(said(b"PAR1\x15\x04").contains("it is a Parquet file"));
    let headless = said(b"\0\0\0\0 rows PAR1");
    assert!(headless.contains("Parquet file is broken at its first bytes"), "{headless}");
    assert!(said(br#"[{"request_id": "r1", "time": 1}]"#).contains("JSON Lines"));
}

#[test]
fn names_from_files_are_short_and_hold_no_control_characters() {
    let name = format!("a\\u0000b\\u001b{}", "x".repeat(10_000));
    let file =
        format!(r#"{{"schema":"countersign/evaluation@1","figures":[{{"name":"{name}","value":-0.0,"at_least":1}}]}}"#);
    let figure = &read(file.as_bytes()).unwrap().facts.figures[0];
    assert!(figure.name.starts_with("a\u{fffd}b\u{fffd}x") && figure.name.chars().count() == 201, "{}", figure.name);
    assert!(figure.value.is_sign_positive(), "canonical JSON knows no -0, and facts are read back from it");
    assert_eq!(bounded(&"é".repeat(200)), "é".repeat(200), "what fits is not marked as cut");
}

#[test]
fn absurd_durations_stay_finite() {
    let file = "<testsuite><testcase name='a' time='1.7e308'/><testcase name='b' time='1.7e308'/>\
                <testcase name='c' time='nan'/></testsuite>";
    let facts = read(file.as_bytes()).unwrap().facts;
    assert!(facts.figures.iter().all(|figure| figure.value.is_finite()), "{facts:?}");
}

#[test]
fn tests_that_were_all_skipped_prove_nothing() {
    let parsed = read(b"<testsuite><testcase name='a'><skipped/></testcase></testsuite>").unwrap();
    assert_eq!(parsed.facts.verdict, Verdict::Red);
}

#[test]
fn no_file_makes_the_reader_panic() {
    let files: [&[u8]; 12] = [
        JUNIT.as_bytes(),
        br#"{"success": true, "results": []}"#,
        br#"{"success": true, "run_results": {"a": {"success": true, "results": [{"success": 1}]}}}"#,
        br#"{"metrics": [{"id": "a", "config": {"type": "evidently:metric_v2:ValueDrift", "column": 3}, "value": {}}], "tests": [{}]}"#,
        br#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [{"ruleIndex": 9, "locations": [{}]}]}]}"#,
        br#"[{"Id": "sha256:1", "RepoDigests": [1]}]"#,
        br#"{"schema": "countersign/columns@1", "features": {"a": {"reference": [[]], "current": {}}}}"#,
        br#"{"schema": "countersign/champion-challenger@1", "columns": {"label": [1], "champion": [], "challenger": [1]}}"#,
        b"label,champion,challenger\n1,\"2,3\n",
        b"<?xml <",
        b"<a b='",
        b"\xff\xfe<\0",
    ];
    for file in files {
        for end in 0..=file.len() {
            let _ = read(&file[..end]);
        }
    }
    let deep = "<testsuite>".repeat(100_000);
    assert!(read(deep.as_bytes()).is_err());
    assert!(read("{\"a\":".repeat(100_000).as_bytes()).is_err());
    assert!(read("[".repeat(100_000).as_bytes()).is_err());
}
