//! The same rows in each format give the same facts, and each fault is told with its place.

use std::{io::Write as _, sync::Arc};

use domain::{
    Market, VersionId,
    evidence::{EvidencePath, Verdict},
    policy::{DEFAULT_POLICY, Policy},
};
use parquet::{
    basic::Compression,
    data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type},
    file::{properties::WriterProperties, reader::SerializedFileReader, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};
use tempfile::NamedTempFile;

use super::*;

fn criteria(path: EvidencePath) -> Criteria {
    let policy = Policy::from_toml(DEFAULT_POLICY).expect("the shipped policy");
    let profile = &policy.profiles[&"sr-11-7".parse().expect("a name")];
    let version = VersionId { model: "credit".parse().expect("a name"), number: "3".parse().expect("a number") };
    let market: Market = "US".parse().expect("a market");
    Criteria::of_market(&policy, profile, path, &version, &market).expect("fits").expect("is asked")
}

fn file(content: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(content).expect("room");
    file
}

const ROWS: i64 = 6_000;

/// Two scores that nearly agree.
fn scores(row: i64) -> (f64, f64) {
    let champion = f64::from(u16::try_from(row * 7_919 % 6_007).expect("small")) / 6_007.0;
    (champion, champion + 0.001 * champion.sin())
}

fn features(row: i64) -> String {
    format!("h{}", row % 300)
}

fn segment(row: i64) -> &'static str {
    ["adults, all", "kids"][usize::from(row % 2 == 0)]
}

const HEADER: &str = "request_id,time,served_by,champion_score,challenger_score,champion_latency_ms,\
                      challenger_latency_ms,champion_features,challenger_features,segment,comment";

fn csv_row(row: i64) -> String {
    let ((champion, challenger), features) = (scores(row), features(row));
    format!(
        "r{row},{},champion,{champion},{challenger},20,21.5,{features},{features},\"{}\",\"said \"\"fine\"\"\"",
        1_795_000_000 + row * 150,
        segment(row)
    )
}

fn csv() -> String {
    std::iter::once(HEADER.to_owned()).chain((0..ROWS).map(csv_row)).collect::<Vec<_>>().join("\r\n")
}

fn json_row(row: i64) -> String {
    let (champion, challenger) = scores(row);
    serde_json::json!({
        "request_id": format!("r{row}"), "time": 1_795_000_000 + row * 150, "served_by": "champion",
        "champion_score": champion, "challenger_score": challenger, "champion_latency_ms": 20,
        "challenger_latency_ms": 21.5, "champion_features": features(row), "challenger_features": features(row),
        "segment": segment(row), "challenger_error": false, "more": {"of": [1]},
    })
    .to_string()
}

fn json_lines() -> String {
    (0..ROWS).map(|row| json_row(row) + "\n").collect()
}

fn parquet_file(compression: Compression) -> Vec<u8> {
    const SCHEMA: &str = "message shadow {
        REQUIRED BYTE_ARRAY request_id (UTF8);
        OPTIONAL INT64 time (TIMESTAMP(NANOS,true));
        OPTIONAL BYTE_ARRAY served_by (UTF8);
        OPTIONAL DOUBLE champion_score;
        OPTIONAL DOUBLE challenger_score;
        REQUIRED DOUBLE champion_latency_ms;
        REQUIRED DOUBLE challenger_latency_ms;
        REQUIRED BYTE_ARRAY champion_features (UTF8);
        REQUIRED BYTE_ARRAY challenger_features (UTF8);
        OPTIONAL BOOLEAN challenger_error;
        OPTIONAL BYTE_ARRAY segment (UTF8);
        OPTIONAL DOUBLE unasked;
    }";
    let schema = Arc::new(parse_message_type(SCHEMA).expect("a schema"));
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).expect("a writer");
    for begin in [0, ROWS / 2] {
        let rows: Vec<i64> = (begin..begin + ROWS / 2).collect();
        let present = vec![1_i16; rows.len()];
        let texts = |of: &dyn Fn(i64) -> String| -> Vec<ByteArray> {
            rows.iter().map(|row| ByteArray::from(of(*row).into_bytes())).collect()
        };
        let mut group = writer.next_row_group().expect("a group");
        let mut column_number = 0;
        while let Some(mut column) = group.next_column().expect("a column") {
            let text = |of: &dyn Fn(i64) -> String| texts(of);
            match column_number {
                0 => drop(column.typed::<ByteArrayType>().write_batch(&text(&|row| format!("r{row}")), None, None)),
                1 => {
                    let times: Vec<i64> = rows.iter().map(|row| (1_795_000_000 + row * 150) * 1_000_000_000).collect();
                    drop(column.typed::<Int64Type>().write_batch(&times, Some(&present), None));
                }
                2 => drop(column.typed::<ByteArrayType>().write_batch(
                    &text(&|_| "champion".into()),
                    Some(&present),
                    None,
                )),
                3 | 4 => {
                    let values: Vec<f64> = rows
                        .iter()
                        .map(|row| if column_number == 3 { scores(*row).0 } else { scores(*row).1 })
                        .collect();
                    drop(column.typed::<DoubleType>().write_batch(&values, Some(&present), None));
                }
                5 => drop(column.typed::<DoubleType>().write_batch(&vec![20.0; rows.len()], None, None)),
                6 => drop(column.typed::<DoubleType>().write_batch(&vec![21.5; rows.len()], None, None)),
                7 | 8 => drop(column.typed::<ByteArrayType>().write_batch(&text(&features), None, None)),
                9 => drop(column.typed::<BoolType>().write_batch(&vec![false; rows.len()], Some(&present), None)),
                10 => drop(column.typed::<ByteArrayType>().write_batch(
                    &text(&|row| segment(row).into()),
                    Some(&present),
                    None,
                )),
                _ => drop(column.typed::<DoubleType>().write_batch(&[], Some(&vec![0; rows.len()]), None)),
            }
            column.close().expect("a column's end");
            column_number += 1;
        }
        group.close().expect("a group's end");
    }
    writer.close().expect("a file's end");
    bytes
}

#[test]
fn the_same_rows_give_the_same_facts_in_each_format() {
    let shadow = criteria(EvidencePath::Shadow);
    let expected = read_facts(file(csv().as_bytes()).path(), &shadow, None).expect("CSV");
    assert_eq!(expected.verdict, Verdict::Green, "{:?}", expected.failures);
    assert_eq!(expected.figures[0].value.to_bits(), 6_000.0_f64.to_bits());
    assert!(expected.figures.iter().any(|figure| figure.segment.as_deref() == Some("adults, all")));

    let tabs = csv().replace("adults, all", "adults@ all").replace(',', "\t").replace('@', ",");
    // What is left of the commas stands in quotes, behind a header without any.
    assert_eq!(read_facts(file(tabs.as_bytes()).path(), &shadow, None).expect("tabs"), expected);
    let semicolons = csv().replace(',', ";").replace("adults; all", "adults, all");
    assert_eq!(read_facts(file(semicolons.as_bytes()).path(), &shadow, None).expect("semicolons"), expected);
    let marked = [b"\xef\xbb\xbf", csv().as_bytes()].concat();
    assert_eq!(read_facts(file(&marked).path(), &shadow, None).expect("a byte order mark"), expected);
    assert_eq!(read_facts(file(json_lines().as_bytes()).path(), &shadow, None).expect("JSON Lines"), expected);
    for compression in
        [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(parquet::basic::ZstdLevel::default())]
    {
        assert_eq!(read_facts(file(&parquet_file(compression)).path(), &shadow, None).expect("Parquet"), expected);
    }
}

#[track_caller]
fn refused(content: &[u8], words: &[&str]) {
    let said =
        read_facts(file(content).path(), &criteria(EvidencePath::Shadow), None).expect_err("refused").to_string();
    for word in words {
        assert!(said.contains(word), "{said:?} does not say {word:?}");
    }
}

#[test]
fn a_row_from_the_future_is_refused_with_its_place_in_each_format() {
    let (shadow, last) = (criteria(EvidencePath::Shadow), 1_795_000_000 + (ROWS - 1) * 150);
    for (content, place) in [
        (csv().into_bytes(), format!("at line {}, column \"time\"", ROWS + 1)),
        (json_lines().into_bytes(), format!("at line {ROWS}, column \"time\"")),
        (parquet_file(Compression::SNAPPY), format!("at row {ROWS}, column \"time\"")),
    ] {
        let file = file(&content);
        let until = |seconds: i64| read_facts(file.path(), &shadow, Some(Timestamp::from_seconds(seconds)));
        let said = until(last - 1).expect_err("the last row is a second late").to_string();
        assert!(said.contains(&place) && said.contains("lies in the future"), "{said:?} does not say {place:?}");
        assert!(said.contains(&Timestamp::from_seconds(last - 1).to_string()), "the server's clock is told: {said}");
        assert_eq!(
            until(last).expect("no row is later").figures,
            read_facts(file.path(), &shadow, None).expect("read").figures
        );
    }
    let log = b"user_id,time,arm,latency_ms,error,complaint,clicked\nu1,1795000000,champion,20,0,0,1\nu2,1795000601,champion,20,0,0,1\n";
    let canary = criteria(EvidencePath::Canary);
    let said = read_facts(file(log).path(), &canary, Some(Timestamp::from_seconds(1_795_000_600))).expect_err("late");
    assert!(said.to_string().contains("at line 3, column \"time\""), "{said}");
}

#[test]
fn a_broken_csv_file_names_line_and_column() {
    let spoiled = |line: usize, from: &str, to: &str| {
        let mut lines: Vec<String> = csv().lines().map(str::to_owned).collect();
        assert!(lines[line - 1].contains(from), "{}", lines[line - 1]);
        lines[line - 1] = lines[line - 1].replacen(from, to, 1);
        lines.join("\n").into_bytes()
    };
    refused(
        &spoiled(3, ",20,", ",fast,"),
        &["CSV", "line 3", "\"champion_latency_ms\"", "\"fast\" is not a finite number"],
    );
    refused(&spoiled(3, ",20,", ",NaN,"), &["line 3", "is not a finite number"]);
    // Whatever ends the lines, and however many of them are empty or lie within a field.
    let text = String::from_utf8(spoiled(9, ",20,", ",fast,")).expect("text");
    refused(text.replace('\n', "\r\n").as_bytes(), &["line 9,"]);
    refused(text.replacen('\n', "\n\n\r\n", 1).as_bytes(), &["line 11,"]);
    refused(text.replacen("said", "said\n\n", 1).as_bytes(), &["line 11,"]);
    refused(&spoiled(9, ",20,", ",-20,"), &["line 9", "zero or more"]);
    refused(&spoiled(5, ",champion,", ",nobody,"), &["line 5", "\"served_by\"", "champion or challenger"]);
    refused(&spoiled(5, ",champion,", ",champion,champion,"), &["line 5", "12 fields, the header 11"]);
    refused(&spoiled(1, "challenger_score,", ""), &["header", "missing: challenger_score"]);
    refused(&spoiled(1, "segment,", "time,"), &["\"time\" stands there twice"]);
    let open = format!("{HEADER}\nr1,\"{}", "x".repeat(200_000));
    refused(open.as_bytes(), &["line 2", "a quotation mark may be left open"]);
    refused(&[HEADER.as_bytes(), b"\nr\xff,1,champion,1,1,1,1,a,a,s,c"].concat(), &["line 2", "not UTF-8"]);
}

#[test]
fn broken_json_lines_name_line_and_column() {
    let mut lines: Vec<String> = json_lines().lines().map(str::to_owned).collect();
    lines[6].truncate(40);
    refused(lines.join("\n").as_bytes(), &["JSON Lines", "line 7"]);
    let list = json_lines().replacen("\"champion_score\":0.0,", "\"champion_score\":[0],", 1);
    refused(list.as_bytes(), &["line 1", "champion_score", "a single value"]);
    let long = format!("{}\n{{\"request_id\":\"{}\"}}", json_row(0), "x".repeat(100_000));
    refused(long.as_bytes(), &["line 2", "longer than 65536 bytes"]);
    let twice = json_lines().replacen('{', "{\"served_by\":\"challenger\",", 1);
    refused(twice.as_bytes(), &["line 1", "\"served_by\" stands there twice"]);
    let shadow = criteria(EvidencePath::Shadow);
    assert!(reread_facts(file(twice.as_bytes()).path(), &shadow).is_ok(), "what was attached before is judged again");
    refused(b"{\"request_id\": 1}\n", &["missing: time, champion_score"]);
}

#[test]
fn a_broken_parquet_file_is_refused_wherever_it_breaks() {
    let whole = parquet_file(Compression::SNAPPY);
    refused(&whole[..whole.len() - 10], &["Parquet", "at its footer"]);
    let mut page = whole.clone();
    page[10..400].fill(0xff);
    refused(&page, &["Parquet", "at row group 1, column \"request_id\""]);
    refused(b"PAR1 and nothing else", &["Parquet"]);
    // Spoiled anywhere, it is refused or read, and never brings the reader down.
    let shadow = criteria(EvidencePath::Shadow);
    for at in (4..whole.len()).step_by(whole.len() / 150) {
        let mut spoiled = whole.clone();
        spoiled[at] ^= 0x55;
        let path = file(&spoiled);
        let shadow = shadow.clone();
        drop(std::thread::spawn(move || drop(read_facts(path.path(), &shadow, None))).join());
    }
}

#[test]
fn a_parquet_file_that_unpacks_to_more_than_fits_is_refused_before_it_is_read() {
    let kept = file(&parquet_file(Compression::SNAPPY));
    let reader = SerializedFileReader::new(std::fs::File::open(kept.path()).expect("it opens")).expect("a reader");
    let column = |name: &'static str| Column { name, required: true };
    let columns = [column("request_id"), column("champion_score")];
    columnar::check_size(&reader, &columns, 1 << 20).expect("it fits");
    let refused = columnar::check_size(&reader, &columns, 1_000).expect_err("it does not").to_string();
    assert!(refused.contains("at row group 1") && refused.contains("at most 1000"), "{refused}");
    columnar::check_size(&reader, &[column("nothing")], 1_000).expect("what is not read costs nothing");
}

#[test]
fn what_has_no_rows_is_left_to_other_readers() {
    assert_eq!(Format::of(b""), None);
    assert_eq!(Format::of(b"<testsuite/>"), None);
    assert_eq!(Format::of(br#"{"schema":"countersign/evaluation@1","figures":[]}"#), None);
    assert_eq!(Format::of(b"{\n  \"schema\": \"countersign/evaluation@1\"\n}"), None);
    assert_eq!(Format::of(b"[{\"a\":1}]"), None);
    assert_eq!(Format::of(b"hello\nworld, all"), None);
    assert_eq!(Format::of(b"a,b\n1,2"), Some(Format::Csv));
    assert_eq!(Format::of(b"{\"user_id\":1}\n"), Some(Format::JsonLines));
}
