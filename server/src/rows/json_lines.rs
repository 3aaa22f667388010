//! JSON Lines: an object in each line. Members that nobody asks for are passed over.

use std::io::{BufRead, Read as _};

use domain::evidence::json;
use serde_json::{Map, Value};

use super::{Cell, Format, MAX_ROW_BYTES, Reading, Rows, RowsError};

/// A line's object, in which a new file may state each member once.
fn object(line: &[u8], reading: Reading) -> Result<Map<String, Value>, serde_json::Error> {
    match reading {
        Reading::New => serde_json::from_value(json::read(line)?),
        Reading::Again => serde_json::from_slice(line),
    }
}

pub fn read(mut input: impl BufRead, rows: &mut dyn Rows, reading: Reading) -> Result<(), RowsError> {
    let columns = rows.columns();
    let mut text = Vec::new();
    let mut number = 0_u64;
    loop {
        number += 1;
        text.clear();
        let limit = MAX_ROW_BYTES as u64 + 1;
        if input.by_ref().take(limit).read_until(b'\n', &mut text)? == 0 {
            return Ok(());
        }
        let place = || format!(" at line {number}");
        if text.len() > MAX_ROW_BYTES {
            return Err(Format::JsonLines.broken(place(), format!("the line is longer than {MAX_ROW_BYTES} bytes")));
        }
        let line = if number == 1 { text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text) } else { &text };
        if line.trim_ascii().is_empty() {
            continue;
        }
        let object = object(line, reading).map_err(|error| Format::JsonLines.broken(place(), error.to_string()))?;
        if number == 1 {
            Format::JsonLines.check_columns(columns, |name| object.contains_key(name))?;
        }
        let mut cells = Vec::with_capacity(columns.len());
        for column in columns {
            cells.push(match object.get(column.name) {
                None | Some(Value::Null) => Cell::Empty,
                Some(Value::Bool(value)) => Cell::Bool(*value),
                Some(Value::Number(value)) => match value.as_i64() {
                    Some(whole) => Cell::Whole(whole),
                    None => Cell::Number(value.as_f64().unwrap_or(f64::NAN)),
                },
                Some(Value::String(text)) if text.trim().is_empty() => Cell::Empty,
                Some(Value::String(text)) => Cell::Text(text),
                Some(Value::Array(_) | Value::Object(_)) => {
                    return Err(Format::JsonLines.broken(
                        format!("{}, member {:?}", place(), column.name),
                        "it is a list or an object; a single value is needed",
                    ));
                }
            });
        }
        rows.take(&cells).map_err(|fault| Format::JsonLines.fault(&format!("line {number}"), &fault))?;
    }
}
