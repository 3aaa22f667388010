//! Points in time, as the ledger writes them: UTC, microseconds, always in one spelling.

use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeZone, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// 0000-01-01T00:00:00.000000Z.
const MIN: i64 = -62_167_219_200 * MICROS_PER_SECOND;
/// 9999-12-31T23:59:59.999999Z.
const MAX: i64 = 253_402_300_800 * MICROS_PER_SECOND - 1;

/// A point in time in microseconds since 1970-01-01T00:00:00Z, within the years 0000 to 9999.
///
/// Text form (RFC 3339, also in JSON): `2026-11-23T11:02:35.123456Z`, always with six decimals and `Z`, so that
/// equal times have equal bytes and text order is time order. Anything beyond the range is held at its ends.
///
/// It reads other spellings of RFC 3339 as well, with no decimals or up to nine and with any offset, since those are what
/// other programs write; what is finer than a microsecond is dropped. The frame of an entry is read in the one form alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A text is not a time of RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a time such as 2026-11-23T11:02:35Z (RFC 3339, up to nine decimals)")]
pub struct TimestampError {
    /// What was read, at most 40 characters of it.
    found: String,
}

impl Timestamp {
    /// 1970-01-01T00:00:00.000000Z.
    pub const EPOCH: Self = Self(0);

    /// From microseconds since the epoch; held at the ends of the years 0000 to 9999.
    pub const fn from_micros(micros: i64) -> Self {
        Self(if micros < MIN {
            MIN
        } else if micros > MAX {
            MAX
        } else {
            micros
        })
    }

    /// From whole seconds since the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_micros(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// `days` of 24 hours later, or earlier if negative.
    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        self.plus_micros(days.saturating_mul(MICROS_PER_DAY))
    }

    /// `hours` later, or earlier if negative.
    #[must_use]
    pub const fn plus_hours(self, hours: i64) -> Self {
        self.plus_seconds(hours.saturating_mul(3600))
    }

    /// `minutes` later, or earlier if negative.
    #[must_use]
    pub const fn plus_minutes(self, minutes: i64) -> Self {
        self.plus_seconds(minutes.saturating_mul(60))
    }

    /// `seconds` later, or earlier if negative.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_micros(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// `micros` later, or earlier if negative.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to this; negative if `earlier` is later.
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// Whole days of 24 hours from `earlier` to this, rounded down.
    pub const fn days_since(self, earlier: Self) -> i64 {
        self.micros_since(earlier).div_euclid(MICROS_PER_DAY)
    }

    /// The day in UTC, as `2026-11-23`.
    pub fn date(self) -> String {
        self.to_string().chars().take(10).collect()
    }

    /// Day and minute in UTC, as `2026-11-23 11:25`.
    pub fn minute(self) -> String {
        self.to_string().chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
    }

    /// Reads the one spelling from its 27 bytes.
    pub(crate) fn from_ascii(text: &[u8]) -> Option<Self> {
        let text: &[u8; 27] = text.try_into().ok()?;
        let number = |from: usize, to: usize| {
            text[from..to]
                .iter()
                .try_fold(0_i64, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
        };
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (26, b'Z')];
        if marks.iter().any(|&(at, mark)| text[at] != mark) {
            return None;
        }
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let valid_date = (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
        if !valid_date || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        Some(Self(seconds * MICROS_PER_SECOND + number(20, 26)?))
    }
}

/// Another spelling of RFC 3339: a capital `T`, at most nine decimals, `Z` or an offset, no leap second.
fn from_rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let decimals = bytes.get(19..)?.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
    let is_framed = marks.iter().all(|&(at, mark)| bytes.get(at) == Some(&mark)) && bytes.get(17..19) != Some(b"60");
    if !is_framed || decimals > 9 && bytes.get(19) == Some(&b'.') || bytes.ends_with(b"z") {
        return None;
    }
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc).into())
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date. The year starts in March, so the leap day comes last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", DateTime::from(*self).format("%Y-%m-%dT%H:%M:%S%.6fZ"))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        Self::from_ascii(text.as_bytes())
            .or_else(|| from_rfc3339(text))
            .ok_or_else(|| TimestampError { found: text.chars().take(40).collect() })
    }
}

impl From<DateTime<Utc>> for Timestamp {
    /// Drops what is finer than a microsecond.
    fn from(time: DateTime<Utc>) -> Self {
        Self::from_micros(time.timestamp_micros())
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(time: Timestamp) -> Self {
        // Every value in range has exactly one date; the fallback is never reached.
        Utc.timestamp_micros(time.0).single().unwrap_or_default()
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as 2026-11-23T11:02:35.123456Z")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_spelling() {
        let time: Timestamp = "2026-11-23T11:02:35.123456Z".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-23T11:02:35.123456Z");
        assert_eq!((time.date().as_str(), time.minute().as_str()), ("2026-11-23", "2026-11-23 11:02"));
        assert_eq!(time.micros(), 1_795_431_755_123_456);
        assert_eq!(Timestamp::EPOCH.to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::from_micros(i64::MIN).to_string(), "0000-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::from_micros(i64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(time.plus_days(1).days_since(time), 1);
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T11:02:35",
            "2026-11-23T11:02:35.Z",
            "2026-11-23T11:02:35.1234567890Z",
            "2026-11-23T11:02:35z",
            "2026-11-23T11:02:60Z",
            "2026-11-23T11:02:35+25:00",
            "2026-02-29T11:02:35Z",
            "20\u{e9}6-11-23T11:02:35Z",
            "2026-11-23t11:02:35.123456Z",
            "2026-11-23 11:02:35.123456Z",
            "2026-02-29T11:02:35.123456Z",
            "2026-13-01T11:02:35.123456Z",
            "2026-00-01T11:02:35.123456Z",
            "2026-01-00T11:02:35.123456Z",
            "2026-01-01T24:00:00.000000Z",
            "2026-01-01T23:59:60.000000Z",
            "+026-01-01T23:59:59.000000Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        assert!("2024-02-29T00:00:00.000000Z".parse::<Timestamp>().is_ok());
        assert!("1900-02-29T00:00:00.000000Z".parse::<Timestamp>().is_err());
    }

    #[test]
    fn what_other_programs_write_is_read_and_written_in_the_one_spelling() {
        for (text, read) in [
            ("2026-11-23T11:02:35Z", "2026-11-23T11:02:35.000000Z"),
            ("2026-11-23T11:02:35.1Z", "2026-11-23T11:02:35.100000Z"),
            ("2026-11-23T11:02:35.123Z", "2026-11-23T11:02:35.123000Z"),
            ("2026-11-23T11:02:35.123456789Z", "2026-11-23T11:02:35.123456Z"),
            ("2026-11-23T11:02:35.123456+00:00", "2026-11-23T11:02:35.123456Z"),
            ("2026-11-23T11:02:35+02:00", "2026-11-23T09:02:35.000000Z"),
        ] {
            let time: Timestamp = text.parse().unwrap();
            assert_eq!(time.to_string(), read, "{text}");
            assert_eq!(serde_json::from_value::<Timestamp>(text.into()).unwrap(), time);
        }
        assert_eq!(Timestamp::from_ascii(b"2026-11-23T11:02:35Z"), None, "an entry's frame has one spelling");
    }

    proptest! {
        #[test]
        fn text_round_trips(micros in MIN..=MAX) {
            let time = Timestamp::from_micros(micros);
            prop_assert_eq!(time.micros(), micros);
            prop_assert_eq!(time.to_string().parse(), Ok(time));
            prop_assert_eq!(Timestamp::from(DateTime::from(time)), time);
        }
    }
}
