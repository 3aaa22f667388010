//! Evidence files with a row for each request: CSV, JSON Lines and Parquet, read as a stream, never whole. The format
//! is found from the content, and a fault is told with its row and column.

mod columnar;
mod csv;
mod json_lines;
mod judge;

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::Path,
};

use domain::{
    canary::{self, CanaryLog},
    evidence::{
        Criteria, EvidencePath, Facts,
        table::{Cell, CellFault, Column, Rows},
    },
    shadow::{self, ShadowPairs},
};
use ledger::Timestamp;

pub use judge::judge;

/// The longest row of a text format, in bytes.
const MAX_ROW_BYTES: usize = 64 * 1024;

/// A format with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Values separated by commas, semicolons or tabs, with a header.
    Csv,
    /// A JSON object in each line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The format in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Csv => "CSV file",
            Self::JsonLines => "JSON Lines file",
            Self::Parquet => "Parquet file",
        }
    }

    /// The format of a file that begins like this; none if it has no rows. `beginning` is the whole file, or enough of
    /// it for the longest row.
    pub fn of(beginning: &[u8]) -> Option<Self> {
        if beginning.starts_with(b"PAR1") {
            return Some(Self::Parquet);
        }
        let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning).trim_ascii_start();
        let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
        match text.first()? {
            b'<' | b'[' => None,
            b'{' => {
                let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(line).ok()?;
                (!object.contains_key("schema")).then_some(Self::JsonLines)
            }
            _ => line.iter().any(|byte| b",;\t".contains(byte)).then_some(Self::Csv),
        }
    }
}

/// Why a file's rows cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The file is at fault.
    #[error("the {format} is broken{place}: {reason}")]
    Broken {
        /// The format.
        format: &'static str,
        /// Such as ` at line 3, column "time"`.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// It has no rows.
    #[error("the file is neither CSV with a header, nor JSON Lines, nor Parquet")]
    NoRows,
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Format {
    fn broken(self, place: impl Into<String>, reason: impl Into<String>) -> RowsError {
        RowsError::Broken { format: self.title(), place: place.into(), reason: reason.into() }
    }

    /// A fault in a row, which `row` names: `line 3`, or `row 3`.
    fn fault(self, row: &str, fault: &CellFault) -> RowsError {
        let column = fault.column.map(|column| format!(", column {column:?}")).unwrap_or_default();
        self.broken(format!(" at {row}{column}"), fault.reason.clone())
    }

    /// Refuses a file that lacks columns, all of them named at once.
    fn check_columns(self, columns: &[Column], has: impl Fn(&str) -> bool) -> Result<(), RowsError> {
        let missing: Vec<&str> =
            columns.iter().filter(|column| column.required && !has(column.name)).map(|column| column.name).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let known: Vec<&str> = columns.iter().map(|column| column.name).collect();
        Err(self.broken(
            " at its header",
            format!("these columns are missing: {}. Known are {}", missing.join(", "), known.join(", ")),
        ))
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

/// Reads the facts of a file that is attached, judged by `criteria`. Rows later than `latest` are refused. Blocks; the
/// memory that it needs is bounded by the rows that the criteria's kind of file may have.
///
/// # Errors
/// The file is no such file, or broken, with the place; or it cannot be read.
pub fn read_facts(path: &Path, criteria: &Criteria, latest: Option<Timestamp>) -> Result<Facts, RowsError> {
    facts(path, criteria, latest, Reading::New)
}

/// Reads the facts of a file again that was attached before: in the same way, and as leniently as then.
///
/// # Errors
/// As of [`read_facts`].
pub fn reread_facts(path: &Path, criteria: &Criteria) -> Result<Facts, RowsError> {
    facts(path, criteria, None, Reading::Again)
}

fn facts(path: &Path, criteria: &Criteria, latest: Option<Timestamp>, reading: Reading) -> Result<Facts, RowsError> {
    let mut file = File::open(path)?;
    let mut beginning = Vec::new();
    file.by_ref().take(MAX_ROW_BYTES as u64 + 3).read_to_end(&mut beginning)?;
    let format = Format::of(&beginning).ok_or(RowsError::NoRows)?;
    file.rewind()?;
    Ok(match criteria {
        Criteria::Shadow(criteria) => {
            let mut pairs = ShadowPairs::default().until(latest);
            read(format, file, &mut pairs, reading)?;
            pairs.facts(criteria)
        }
        Criteria::Canary(criteria) => {
            let mut log = CanaryLog::new(criteria.split.clone()).until(latest);
            read(format, file, &mut log, reading)?;
            log.facts(criteria)
        }
        // The others judge whole files.
        _ => return Err(RowsError::NoRows),
    })
}

/// Whether the file has rows, told from its beginning.
///
/// # Errors
/// It cannot be read.
pub fn format_of(path: &Path) -> io::Result<Option<Format>> {
    let mut beginning = Vec::new();
    File::open(path)?.take(MAX_ROW_BYTES as u64 + 3).read_to_end(&mut beginning)?;
    Ok(Format::of(&beginning))
}

/// Counts rows and looks at nothing else of them.
struct Counted {
    columns: &'static [Column],
    rows: u64,
}

impl Rows for Counted {
    fn columns(&self) -> &'static [Column] {
        self.columns
    }

    fn take(&mut self, _: &[Cell<'_>]) -> Result<(), CellFault> {
        self.rows += 1;
        Ok(())
    }
}

/// A file with a row for each request, told from its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// `shadow` or `canary`: the path on which it is attached.
    pub path: EvidencePath,
    /// How its rows are written.
    pub format: Format,
    /// How many there are.
    pub rows: u64,
}

/// Tells whether a file has the columns of an assignment log (canary) or of score pairs (shadow), and reads it to its
/// end. Cells are judged when it is attached. `None`: it has no rows, or other columns.
///
/// # Errors
/// It breaks off, with the place; or it cannot be read.
pub fn tell(path: &Path) -> Result<Option<Told>, RowsError> {
    let Some(format) = format_of(path)? else { return Ok(None) };
    for (of, columns) in [(EvidencePath::Canary, &canary::COLUMNS[..]), (EvidencePath::Shadow, &shadow::COLUMNS[..])] {
        let mut counted = Counted { columns, rows: 0 };
        match read(format, File::open(path)?, &mut counted, Reading::New) {
            Ok(()) => return Ok(Some(Told { path: of, format, rows: counted.rows })),
            // Columns are missing: it may be of the other kind.
            Err(RowsError::Broken { .. }) if counted.rows == 0 => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Hands a file's rows over.
fn read(format: Format, file: File, rows: &mut dyn Rows, reading: Reading) -> Result<(), RowsError> {
    match format {
        Format::Csv => csv::read(BufReader::with_capacity(1 << 18, file), rows),
        Format::JsonLines => json_lines::read(BufReader::with_capacity(1 << 18, file), rows, reading),
        Format::Parquet => columnar::read(file, rows),
    }
}

#[cfg(test)]
mod tests;
