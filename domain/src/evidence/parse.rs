//! Reads facts from evidence files. The format is found from the content alone, here and nowhere else; an unknown or
//! broken file is refused with the place of the fault.

mod behaviour;
mod champion;
mod columns;
mod contract;
mod csv;
mod deepchecks;
mod evaluation;
mod evidently;
mod great_expectations;
mod image;
mod junit;
mod lint;
mod node;

use serde_json::Value;

use super::{Artifact, Claim, EvidencePath, Facts, Thresholds};

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

/// Reads a file's facts, judged by what policy asks.
///
/// # Errors
/// The file's format is unknown, or it breaks off or contradicts itself, with the place.
pub fn parse(bytes: &[u8], asked: &Thresholds) -> Result<Parsed, ParseError> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Err(ParseError::Unknown("it is empty".into())),
        Some(b'<') => junit::read(text),
        Some(b'{') => object(bytes, text, asked),
        Some(b'[') => array(text, asked),
        Some(_) => table(text, asked),
    }
}

fn value(bytes: &[u8]) -> Result<Value, ParseError> {
    serde_json::from_slice(bytes)
        .map_err(|error| broken("JSON", format!("line {}, column {}", error.line(), error.column()), error.to_string()))
}

fn object(bytes: &[u8], text: &[u8], asked: &Thresholds) -> Result<Parsed, ParseError> {
    let value = value(text)?;
    match value.get("schema").and_then(Value::as_str) {
        Some(evaluation::SCHEMA) => return evaluation::read(&value, asked),
        Some(behaviour::SCHEMA) => return behaviour::read(&value, asked),
        Some(champion::SCHEMA) => return champion::read(&value, asked),
        Some(columns::SCHEMA) => return columns::read(&value, asked),
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

fn array(text: &[u8], asked: &Thresholds) -> Result<Parsed, ParseError> {
    let value = value(text)?;
    match value.get(0) {
        None => Err(ParseError::Unknown(
            "it is an empty array, which does not say who wrote it; have the linter write SARIF".into(),
        )),
        Some(first) if image::is_inspected(first) => image::read_inspected(&value),
        Some(first) if lint::is_eslint(first) => lint::read_eslint(&value, asked),
        Some(first) if lint::is_ruff(first) => lint::read_ruff(&value, asked),
        Some(_) => Err(ParseError::Unknown("it is a JSON array of something else".into())),
    }
}

fn table(bytes: &[u8], asked: &Thresholds) -> Result<Parsed, ParseError> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(ParseError::Unknown("it begins neither like XML nor like JSON, and is no text".into()));
    };
    let header = csv::header_line(text);
    if champion::is_table(header) {
        champion::read_table(text, asked)
    } else if columns::is_table(header) {
        columns::read_table(text, asked)
    } else {
        Err(ParseError::Unknown(format!("as a table its header would be {:?}", bounded(header))))
    }
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
