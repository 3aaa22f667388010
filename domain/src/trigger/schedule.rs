//! Schedules: five cron fields, read in UTC. A schedule knows its next and its latest slot; when it is asked is the
//! clock's business.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest text of a schedule, in characters.
const MAX_CHARS: usize = 100;
/// Slots looked at to tell how close together a schedule's slots lie.
const SAMPLED_SLOTS: usize = 64;

/// A schedule in cron's five fields: minute, hour, day of month, month, day of week; UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String))]
#[serde(try_from = "String", into = "String")]
pub struct Schedule(String);

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the schedule {found:?} cannot be read: {reason}. Write five cron fields in UTC (minute, hour, day of month, month, day of week), such as 0 2 * * 1"
)]
pub struct ScheduleError {
    found: String,
    reason: String,
}

fn parse(text: &str) -> Result<Cron, String> {
    if text.chars().count() > MAX_CHARS {
        return Err(format!("it is longer than {MAX_CHARS} characters"));
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(text).map_err(|error| error.to_string().trim_end_matches('.').to_owned())
}

impl FromStr for Schedule {
    type Err = ScheduleError;
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match parse(&text) {
            Ok(_) => Ok(Self(text)),
            Err(reason) => Err(ScheduleError { found: text.chars().take(60).collect(), reason }),
        }
    }
}

impl TryFrom<String> for Schedule {
    type Error = ScheduleError;
    fn try_from(text: String) -> Result<Self, ScheduleError> {
        text.parse()
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.0
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Schedule {
    /// What was parsed once parses again.
    fn cron(&self) -> Option<Cron> {
        parse(&self.0).ok()
    }

    /// The first slot after `time`; `None` if there is none, as for 30 February.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let found = self.cron()?.find_next_occurrence(&DateTime::<Utc>::from(time), false).ok()?;
        Some(found.into())
    }

    /// The latest slot at or before `time`.
    pub fn latest_until(&self, time: Timestamp) -> Option<Timestamp> {
        let found = self.cron()?.find_previous_occurrence(&DateTime::<Utc>::from(time), true).ok()?;
        Some(found.into())
    }

    /// The shortest time between two neighbouring slots among the next ones after `time`, in whole hours; `None` if
    /// there are not two.
    pub fn shortest_gap_hours(&self, time: Timestamp) -> Option<u32> {
        let mut slots = Vec::new();
        let mut at = time;
        while slots.len() < SAMPLED_SLOTS {
            let Some(next) = self.next_after(at) else { break };
            slots.push(next);
            at = next;
        }
        let gaps = slots.windows(2).map(|pair| pair[1].seconds() - pair[0].seconds());
        gaps.min().and_then(|seconds| u32::try_from(seconds / 3_600).ok())
    }

    /// The schedule in words, such as "At 02:00, only on Monday."
    pub fn describe(&self) -> String {
        self.cron().map(|cron| cron.describe()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn slots_are_reckoned_in_utc() {
        let weekly: Schedule = " 0  2 * * 1".parse().unwrap();
        assert_eq!(weekly.to_string(), "0 2 * * 1");
        let sunday = at("2026-11-01T23:59:59.999999Z");
        assert_eq!(weekly.next_after(sunday), Some(at("2026-11-02T02:00:00.000000Z")));
        let slot = at("2026-11-02T02:00:00.000000Z");
        assert_eq!(weekly.next_after(slot), Some(at("2026-11-09T02:00:00.000000Z")), "a slot is not after itself");
        assert_eq!(weekly.latest_until(slot), Some(slot), "a slot has come when its instant has");
        assert_eq!(weekly.latest_until(at("2026-11-09T01:59:59.999999Z")), Some(slot));
        assert_eq!(weekly.shortest_gap_hours(sunday), Some(7 * 24));
        assert!(weekly.describe().contains("Monday"), "{}", weekly.describe());
    }

    #[test]
    fn leap_days_and_month_ends_are_found() {
        let leap: Schedule = "30 6 29 2 *".parse().unwrap();
        assert_eq!(leap.next_after(at("2026-03-01T00:00:00.000000Z")), Some(at("2028-02-29T06:30:00.000000Z")));
        let never: Schedule = "0 0 30 2 *".parse().unwrap();
        assert_eq!(never.next_after(at("2026-03-01T00:00:00.000000Z")), None);
        assert_eq!(never.shortest_gap_hours(at("2026-03-01T00:00:00.000000Z")), None);
        let twice: Schedule = "0 0,1 * * *".parse().unwrap();
        assert_eq!(twice.shortest_gap_hours(at("2026-03-01T00:00:00.000000Z")), Some(1));
    }

    #[test]
    fn what_is_no_schedule_says_how_to_write_one() {
        for text in ["", "daily please", "0 0 2 * * 1", "61 2 * * 1", "0 2 * * 1 2027", &"1,".repeat(400)] {
            let error = text.parse::<Schedule>().unwrap_err().to_string();
            assert!(error.contains("five cron fields") && error.len() < 500, "{error}");
        }
    }
}
