//! Rows of an evidence file, whatever its format: a reader hands over cells in the order of the columns that the
//! receiver asks for, and the receiver says which cell it cannot use.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use ledger::Timestamp;

use crate::split::Arm;

/// A column that a kind of file may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Whether a file without it is refused.
    pub required: bool,
}

impl Column {
    pub(crate) const fn required(name: &'static str) -> Self {
        Self { name, required: true }
    }

    pub(crate) const fn optional(name: &'static str) -> Self {
        Self { name, required: false }
    }
}

/// One cell as its format gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Nothing: an empty field, null, or a column that the file has not.
    Empty,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// Text, which may be a number, a time or a truth value in writing.
    Text(&'a str),
    /// A point in time.
    Time(Timestamp),
}

/// Why a row cannot be used. The reader knows the row's number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CellFault {
    /// The column, where one is at fault.
    pub column: Option<&'static str>,
    /// What is wrong.
    pub reason: String,
}

/// Takes the rows of a file.
pub trait Rows {
    /// The columns that it can use.
    fn columns(&self) -> &'static [Column];

    /// Takes a row: one cell for each column, in their order.
    ///
    /// # Errors
    /// The cell at fault.
    fn take(&mut self, cells: &[Cell<'_>]) -> Result<(), CellFault>;
}

/// Text from a file that goes into an entry or an error: short, and without control characters.
pub(crate) fn shown(text: &str) -> String {
    super::parse::bounded(text).chars().take(80).collect()
}

impl<'a> Cell<'a> {
    fn fault(self, expected: &str) -> String {
        match self {
            Self::Empty => format!("it is empty; it must be {expected}"),
            Self::Text(text) => format!("{:?} is not {expected}", shown(text)),
            Self::Bool(value) => format!("{value} is not {expected}"),
            Self::Whole(value) => format!("{value} is not {expected}"),
            Self::Number(value) => format!("{value} is not {expected}"),
            Self::Time(value) => format!("{value} is not {expected}"),
        }
    }

    /// The number, none if the cell is empty. Never NaN, never infinite.
    pub(crate) fn number(self) -> Result<Option<f64>, String> {
        const EXPECTED: &str = "a finite number";
        let number = match self {
            Self::Empty => return Ok(None),
            Self::Number(value) => value,
            #[expect(clippy::cast_precision_loss, reason = "a whole number in a column of doubles")]
            Self::Whole(value) => value as f64,
            Self::Text(text) => text.trim().parse().map_err(|_| self.fault(EXPECTED))?,
            Self::Bool(_) | Self::Time(_) => return Err(self.fault(EXPECTED)),
        };
        if number.is_finite() { Ok(Some(number)) } else { Err(self.fault(EXPECTED)) }
    }

    /// The number, which must not be negative.
    pub(crate) fn amount(self) -> Result<Option<f64>, String> {
        let number = self.number()?;
        if number.is_some_and(|number| number < 0.0) { Err(self.fault("zero or more")) } else { Ok(number) }
    }

    /// The truth value; an empty cell is no.
    pub(crate) fn flag(self) -> Result<bool, String> {
        const EXPECTED: &str = "true, false, 1 or 0";
        match self {
            Self::Empty | Self::Whole(0) | Self::Number(0.0) => Ok(false),
            Self::Whole(1) | Self::Number(1.0) => Ok(true),
            Self::Bool(value) => Ok(value),
            Self::Text(text) => match text.trim() {
                "0" | "0.0" => Ok(false),
                "1" | "1.0" => Ok(true),
                word if word.eq_ignore_ascii_case("true") => Ok(true),
                word if word.eq_ignore_ascii_case("false") => Ok(false),
                _ => Err(self.fault(EXPECTED)),
            },
            _ => Err(self.fault(EXPECTED)),
        }
    }

    /// The text, none if the cell is empty.
    pub(crate) fn text(self) -> Result<Option<Cow<'a, str>>, String> {
        match self {
            Self::Empty => Ok(None),
            Self::Text(text) => Ok(Some(Cow::Borrowed(text))),
            Self::Whole(value) => Ok(Some(Cow::Owned(value.to_string()))),
            Self::Bool(value) => Ok(Some(Cow::Owned(value.to_string()))),
            Self::Number(_) | Self::Time(_) => Err(self.fault("text or a whole number")),
        }
    }

    /// The arm.
    pub(crate) fn arm(self) -> Result<Arm, String> {
        match self {
            Self::Text(text) if text.trim() == Arm::Champion.id() => Ok(Arm::Champion),
            Self::Text(text) if text.trim() == Arm::Challenger.id() => Ok(Arm::Challenger),
            _ => Err(self.fault("champion or challenger")),
        }
    }

    /// The point in time: RFC 3339 in writing; a number is seconds since 1970 below 10¹¹, milliseconds below 10¹⁴,
    /// microseconds below 10¹⁷, otherwise nanoseconds.
    pub(crate) fn time(self) -> Result<Timestamp, String> {
        const EXPECTED: &str = "a time such as 2026-11-23T11:02:35Z";
        let whole = match self {
            Self::Time(time) => return Ok(time),
            Self::Whole(value) => value,
            #[expect(clippy::cast_possible_truncation, reason = "it fits")]
            Self::Number(value) if value.abs() < 9e18 && value.fract().abs() < f64::EPSILON => value as i64,
            Self::Text(text) => {
                let text = text.trim();
                let Ok(whole) = text.parse() else {
                    let time = DateTime::parse_from_rfc3339(text).map_err(|_| self.fault(EXPECTED))?;
                    return Ok(Timestamp::from(time.with_timezone(&Utc)));
                };
                whole
            }
            _ => return Err(self.fault(EXPECTED)),
        };
        Ok(match whole.unsigned_abs() {
            0..100_000_000_000 => Timestamp::from_seconds(whole),
            100_000_000_000..100_000_000_000_000 => Timestamp::from_micros(whole.saturating_mul(1_000)),
            100_000_000_000_000..100_000_000_000_000_000 => Timestamp::from_micros(whole),
            _ => Timestamp::from_micros(whole / 1_000),
        })
    }
}

/// Names the column of a cell that cannot be used.
pub(crate) fn at<T>(column: &'static str, read: Result<T, String>) -> Result<T, CellFault> {
    read.map_err(|reason| CellFault { column: Some(column), reason })
}

/// The point in time of a request that was made already: not after `latest`, if there is one.
pub(crate) fn past(column: &'static str, cell: Cell<'_>, latest: Option<Timestamp>) -> Result<Timestamp, CellFault> {
    let time = at(column, cell.time())?;
    match latest.filter(|latest| time > *latest) {
        Some(latest) => Err(CellFault {
            column: Some(column),
            reason: format!("{time} lies in the future; by the server's clock no request can be later than {latest}"),
        }),
        None => Ok(time),
    }
}

/// The value of a cell that must not be empty.
pub(crate) fn needed<T>(column: &'static str, read: Result<Option<T>, String>) -> Result<T, CellFault> {
    at(column, read.and_then(|value| value.ok_or_else(|| "it is empty".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_as_people_write_them() {
        assert_eq!(Cell::Text(" 0.5 ").number(), Ok(Some(0.5)));
        assert_eq!(Cell::Whole(3).number(), Ok(Some(3.0)));
        assert_eq!(Cell::Empty.number(), Ok(None));
        for bad in [Cell::Text("nan"), Cell::Text("inf"), Cell::Number(f64::NAN), Cell::Text("1,5"), Cell::Bool(true)] {
            assert!(bad.number().unwrap_err().contains("is not a finite number"), "{bad:?}");
        }
        assert!(Cell::Number(-1.0).amount().is_err());
        assert_eq!(Cell::Text("True").flag(), Ok(true));
        assert!(Cell::Text("yes").flag().unwrap_err().contains("true, false, 1 or 0"));
        assert_eq!(Cell::Text("challenger").arm(), Ok(Arm::Challenger));
        assert!(Cell::Text("canary").arm().is_err());
    }

    #[test]
    fn times_come_in_writing_and_in_four_units() {
        let expected: Timestamp = "2026-11-23T11:02:35.000000Z".parse().unwrap();
        for cell in [
            Cell::Text("2026-11-23T11:02:35Z"),
            Cell::Text("2026-11-23T12:02:35+01:00"),
            Cell::Whole(1_795_431_755),
            Cell::Text("1795431755000"),
            Cell::Number(1_795_431_755_000_000.0),
            Cell::Whole(1_795_431_755_000_000_000),
        ] {
            assert_eq!(cell.time(), Ok(expected), "{cell:?}");
        }
        assert!(Cell::Text("yesterday").time().is_err());
        assert!(Cell::Number(0.5).time().is_err());
        assert!(Cell::Empty.time().is_err());
    }
}
