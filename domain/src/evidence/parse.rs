//! Reads facts from evidence files. The format is found from the content alone, here and nowhere else; an unknown or
//! broken file is refused with the place of the fault.

mod behaviour;
mod champion;
mod columns;
mod contract;
mod csv;
mod deepchecks;
mod encoding;
mod evaluation;
mod evidently;
mod great_expectations;
mod image;
mod junit;
mod lint;
mod node;
mod ranges;

use serde_json::Value;

use super::{Artifact, Claim, EvidencePath, Facts, Thresholds, json};

/// Why a file is not evidence that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// None of the known formats.
    #[error(
        "the file is of no known format ({known}): {0}. To keep it without facts, attach it on the path \"other\"",
        known = FORMATS.join(", ")
    )]
    Unknown(String),
    /// A known format, broken.
    #[error("the {kind} is broken at {place}: {reason}")]
    Broken {
        /// The format.
        kind: &'static str,
        /// Line and column, byte, or JSON pointer.
        place: String,
        /// What is wrong there.
        reason: String,
    },
}

/// The formats that are read, as people call them.
pub const FORMATS: [&str; 14] = [
    "JUnit XML",
    "SARIF 2.1",
    "ruff or ESLint JSON",
    "docker image inspect",
    "OCI image manifest or index",
    "Great Expectations result",
    "Evidently report",
    "Deepchecks result",
    "Data Contract CLI result",
    contract::SCHEMA,
    columns::SCHEMA,
    evaluation::SCHEMA,
    behaviour::SCHEMA,
    champion::SCHEMA,
];

fn broken(kind: &'static str, place: impl Into<String>, reason: impl Into<String>) -> ParseError {
    ParseError::Broken { kind, place: place.into(), reason: reason.into() }
}

/// What a file says.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// Its facts.
    pub facts: Facts,
    /// The path that the file belongs to, where kind or content tells.
    pub path: Option<EvidencePath>,
    /// The artifact that the file itself names, which must then be the one it is attached for.
    pub names: Option<(Artifact, String)>,
    /// Further artifacts that it says it speaks of.
    pub claims: Vec<Claim>,
}

impl Parsed {
    fn of(facts: Facts) -> Self {
        let path = facts.kind.paths().first().copied().filter(|_| facts.kind.paths().len() == 1);
        Self { facts, path, names: None, claims: Vec::new() }
    }
}

/// Whether a file is read for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// It is attached: what no tool in order writes is refused.
    New,
    /// It was attached before, when less was refused, and is judged again.
    Again,
}

/// Reads a file's facts, judged by what policy asks.
///
/// # Errors
/// The file's format is unknown, or it breaks off or contradicts itself, with the place.
pub fn parse(bytes: &[u8], asked: &Thresholds) -> Result<Parsed, ParseError> {
    read(bytes, asked, Reading::New)
}

/// Reads the facts of a file again that was attached before, by the rules of reading of then.
pub(super) fn reread(bytes: &[u8], asked: &Thresholds) -> Result<Parsed, ParseError> {
    read(bytes, asked, Reading::Again)
}

fn read(bytes: &[u8], asked: &Thresholds, reading: Reading) -> Result<Parsed, ParseError> {
    if let Some(decoded) = encoding::decoded(bytes)? {
        return read(decoded.as_bytes(), asked, reading);
    }
    if bytes.ends_with(PARQUET) && !bytes.starts_with(PARQUET) {
        let reason =
            format!("it ends as a Parquet file does, and does not begin as one: {:02x?}", &bytes[..bytes.len().min(4)]);
        return Err(broken("Parquet file", "its first bytes", reason));
    }
    if bytes.starts_with(PARQUET) {
        return Err(ParseError::Unknown(
            "it is a Parquet file; those hold a row for each request and are read on the paths shadow and canary of a market"
                .into(),
        ));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Err(ParseError::Unknown("it is empty".into())),
        Some(b'<') => junit::read(text),
        Some(b'{') => object(bytes, text, asked, reading),
        Some(b'[') => array(text, asked, reading),
        Some(_) => table(text, asked, reading),
    }
}

/// With what a Parquet file begins and ends.
const PARQUET: &[u8] = b"PAR1";

fn value(bytes: &[u8], reading: Reading) -> Result<Value, ParseError> {
    let read = match reading {
        Reading::New => json::read(bytes),
        Reading::Again => serde_json::from_slice(bytes),
    };
    read.map_err(|error| broken("JSON", format!("line {}, column {}", error.line(), error.column()), error.to_string()))
}

fn object(bytes: &[u8], text: &[u8], asked: &Thresholds, reading: Reading) -> Result<Parsed, ParseError> {
    let value = value(text, reading)?;
    match value.get("schema").and_then(Value::as_str) {
        Some(evaluation::SCHEMA) => return evaluation::read(&value, asked, reading),
        Some(behaviour::SCHEMA) => return behaviour::read(&value, asked),
        Some(champion::SCHEMA) => return champion::read(&value, asked),
        Some(columns::SCHEMA) => return columns::read(&value, asked, reading),
        Some(contract::SCHEMA) => return contract::read(&value),
        Some(other) if other.starts_with("countersign/") => {
            return Err(ParseError::Unknown(format!("it is of the schema {:?}", bounded(other))));
        }
        _ => {}
    }
    if lint::is_sarif(&value) {
        lint::read_sarif(&value, asked)
    } else if great_expectations::is_like(&value) {
        great_expectations::read(&value)
    } else if evidently::is_like(&value) {
        evidently::read(&value, asked)
    } else if contract::is_like(&value) {
        contract::read(&value)
    } else if image::is_manifest(&value) {
        image::read_manifest(bytes, &value)
    } else if deepchecks::is_like(&value) {
        deepchecks::read(&value)
    } else {
        let members: Vec<String> =
            value.as_object().into_iter().flat_map(serde_json::Map::keys).take(8).map(|key| bounded(key)).collect();
        Err(ParseError::Unknown(format!("its JSON object has the members {}", members.join(", "))))
    }
}

fn array(text: &[u8], asked: &Thresholds, reading: Reading) -> Result<Parsed, ParseError> {
    let value = value(text, reading)?;
    match value.get(0) {
        None => Ok(lint::read_nothing(asked)),
        Some(first) if image::is_inspected(first) => image::read_inspected(&value),
        Some(first) if lint::is_eslint(first) => lint::read_eslint(&value, asked),
        Some(first) if lint::is_ruff(first) => lint::read_ruff(&value, asked),
        Some(first) if champion::is_pair(first) => champion::read_array(&value, asked),
        Some(first) if first.get("request_id").is_some() || first.get("user_id").is_some() => {
            Err(ParseError::Unknown(
                "it is a JSON array of requests; write each as a line of its own (JSON Lines) and attach it on the path shadow or canary of a market"
                    .into(),
            ))
        }
        Some(_) => Err(ParseError::Unknown("it is a JSON array of something else".into())),
    }
}

fn table(bytes: &[u8], asked: &Thresholds, reading: Reading) -> Result<Parsed, ParseError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(not_text(bytes, error.valid_up_to())),
    };
    let header = csv::header_line(text);
    if champion::is_table(header) {
        champion::read_table(text, asked)
    } else if columns::is_table(header) {
        columns::read_table(text, asked, reading)
    } else {
        Err(ParseError::Unknown(format!("as a table its header would be {:?}", bounded(header))))
    }
}

/// What is said of bytes that are no UTF-8 from `valid` on: where, if it is a table up to there.
fn not_text(bytes: &[u8], valid: usize) -> ParseError {
    let before = std::str::from_utf8(&bytes[..valid]).unwrap_or_default();
    let header = csv::header_line(before);
    let byte = bytes.get(valid).copied().unwrap_or_default();
    if before.contains('\n') && (champion::is_table(header) || columns::is_table(header)) {
        let reason = format!("the byte 0x{byte:02x} is no UTF-8 there; save the file as UTF-8");
        return broken("table", line_and_column(bytes, valid), reason);
    }
    ParseError::Unknown("it begins neither like XML nor like JSON, and is no text".into())
}

/// The text's first 200 characters, control characters replaced: it comes from a file and goes into an entry.
pub(super) fn bounded(text: &str) -> String {
    let mut short: String =
        text.chars().take(200).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    if text.chars().nth(200).is_some() {
        short.push('…');
    }
    short
}

/// Where the byte `offset` stands.
fn line_and_column(bytes: &[u8], offset: usize) -> String {
    let before = &bytes[..offset.min(bytes.len())];
    let line = before.split(|&b| b == b'\n').count();
    let column = before.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
    format!("line {line}, column {column}")
}

#[cfg(test)]
mod tests;
