//! Parquet, only the columns that are asked for, a row group's pages at a time. Compression may be none, Snappy, gzip or
//! zstd.

use std::{fs::File, sync::Arc};

use domain::shadow::MAX_ROWS;
use ledger::Timestamp;
use parquet::{
    errors::ParquetError,
    file::{
        metadata::ColumnChunkMetaData,
        reader::{FileReader as _, SerializedFileReader},
    },
    record::Field,
    schema::types::Type,
};

use super::{Cell, Column, Format, MAX_ROW_BYTES, Rows, RowsError};

/// Bytes that one row group's wanted columns may take uncompressed: five times what common writers put into one.
const MAX_GROUP_BYTES: usize = 512 << 20;

/// What the library says, and where it was reading.
fn broken(place: impl Into<String>, error: &ParquetError) -> RowsError {
    Format::Parquet.broken(place, error.to_string().chars().take(300).collect::<String>())
}

pub fn read(file: File, rows: &mut dyn Rows) -> Result<(), RowsError> {
    let columns = rows.columns();
    let reader = SerializedFileReader::new(file).map_err(|error| broken(" at its footer", &error))?;
    let metadata = reader.metadata().file_metadata();
    // Said in the file's footer: no need to read five million rows to find one too many.
    if metadata.num_rows() > i64::try_from(MAX_ROWS).unwrap_or(i64::MAX) {
        return Err(Format::Parquet.broken(
            "",
            format!(
                "it has {} rows; at most {MAX_ROWS} are read. Sample them, or attach several files",
                metadata.num_rows()
            ),
        ));
    }
    let schema = metadata.schema();
    let wanted: Vec<Arc<Type>> = schema
        .get_fields()
        .iter()
        .filter(|field| columns.iter().any(|column| column.name == field.name()))
        .cloned()
        .collect();
    Format::Parquet.check_columns(columns, |name| wanted.iter().any(|field| field.name() == name))?;
    let places: Vec<Option<usize>> =
        columns.iter().map(|column| wanted.iter().position(|field| field.name() == column.name)).collect();
    let projection = Type::group_type_builder(schema.name())
        .with_fields(wanted)
        .build()
        .map_err(|error| broken(" at its schema", &error))?;
    check_size(&reader, columns, MAX_GROUP_BYTES)?;
    let found = reader.get_row_iter(Some(projection)).map_err(|error| broken(" at its schema", &error))?;
    for (index, row) in found.enumerate() {
        let number = index + 1;
        let row = row.map_err(|error| Format::Parquet.broken(format!(" at row {number}"), error.to_string()))?;
        let fields: Vec<&Field> = row.get_column_iter().map(|(_, field)| field).collect();
        let mut cells = Vec::with_capacity(places.len());
        for (place, column) in places.iter().zip(columns) {
            let field = place.and_then(|place| fields.get(place));
            if let Some(Field::Str(text)) = field
                && text.len() > MAX_ROW_BYTES
            {
                return Err(Format::Parquet.broken(
                    format!(" at row {number}, column {:?}", column.name),
                    format!("the text is longer than {MAX_ROW_BYTES} bytes"),
                ));
            }
            cells.push(match field {
                Some(field) => cell(field).ok_or_else(|| {
                    Format::Parquet.broken(
                        format!(" at row {number}, column {:?}", column.name),
                        "its type is none of text, number, truth value and time",
                    )
                })?,
                None => Cell::Empty,
            });
        }
        rows.take(&cells).map_err(|fault| Format::Parquet.fault(&format!("row {number}"), &fault))?;
    }
    Ok(())
}

/// Refuses a file whose wanted columns would not fit into memory: first by what the footer says; then, because a footer can
/// lie, by unpacking page after page and keeping none.
pub(super) fn check_size(
    reader: &SerializedFileReader<File>,
    columns: &[Column],
    limit: usize,
) -> Result<(), RowsError> {
    for index in 0..reader.num_row_groups() {
        let at = format!(" at row group {}", index + 1);
        let group = reader.get_row_group(index).map_err(|error| broken(at.as_str(), &error))?;
        let too_large = |bytes: usize| {
            Format::Parquet.broken(
                format!(" at row group {}", index + 1),
                format!(
                    "its columns take {bytes} bytes or more uncompressed; at most {limit} are read. Write smaller row groups"
                ),
            )
        };
        let is_wanted = |chunk: &ColumnChunkMetaData| {
            let name = chunk.column_path().parts().first();
            name.is_some_and(|name| columns.iter().any(|column| column.name == name))
        };
        let chunks = group.metadata().columns().iter().enumerate().filter(|(_, chunk)| is_wanted(chunk));
        let chunks: Vec<(usize, &ColumnChunkMetaData)> = chunks.collect();
        let said = chunks.iter().map(|(_, chunk)| usize::try_from(chunk.uncompressed_size()).unwrap_or(0)).sum();
        if said > limit {
            return Err(too_large(said));
        }
        let mut found = 0;
        for (place, _) in chunks {
            let column = group.metadata().column(place).column_path().string();
            let at = format!("{at}, column {column:?}");
            let mut pages = group.get_column_page_reader(place).map_err(|error| broken(at.as_str(), &error))?;
            while let Some(page) = pages.get_next_page().map_err(|error| broken(at.as_str(), &error))? {
                found += page.buffer().len();
                if found > limit {
                    return Err(too_large(found));
                }
            }
        }
    }
    Ok(())
}

fn cell(field: &Field) -> Option<Cell<'_>> {
    Some(match field {
        Field::Null => Cell::Empty,
        Field::Bool(value) => Cell::Bool(*value),
        Field::Byte(value) => Cell::Whole(i64::from(*value)),
        Field::Short(value) => Cell::Whole(i64::from(*value)),
        Field::Int(value) => Cell::Whole(i64::from(*value)),
        Field::Long(value) => Cell::Whole(*value),
        Field::UByte(value) => Cell::Whole(i64::from(*value)),
        Field::UShort(value) => Cell::Whole(i64::from(*value)),
        Field::UInt(value) => Cell::Whole(i64::from(*value)),
        Field::ULong(value) => Cell::Whole(i64::try_from(*value).ok()?),
        Field::Float16(value) => Cell::Number(f64::from(*value)),
        Field::Float(value) => Cell::Number(f64::from(*value)),
        Field::Double(value) => Cell::Number(*value),
        Field::Str(text) if text.trim().is_empty() => Cell::Empty,
        Field::Str(text) => Cell::Text(text),
        Field::Bytes(bytes) => Cell::Text(bytes.as_utf8().ok()?),
        Field::TimestampMillis(millis) => Cell::Time(Timestamp::from_micros(millis.saturating_mul(1_000))),
        Field::TimestampMicros(micros) => Cell::Time(Timestamp::from_micros(*micros)),
        _ => return None,
    })
}
