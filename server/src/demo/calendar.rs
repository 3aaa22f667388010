//! The demo's calendar: business days counted back from the present, so that the story always ends now, whatever day
//! it is. Five business days are exactly a week, which is how the markets' minimum times are met.

use chrono::{Datelike, Weekday};
use ledger::Timestamp;

/// Business days ago, hour and minute (UTC).
pub(super) type When = (u32, u32, u32);

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calendar {
    /// The instant at which the story ends.
    pub(super) now: Timestamp,
}

impl Calendar {
    /// Midnight of the day so many business days before today; 0 is today.
    fn midnight(self, days_ago: u32) -> Timestamp {
        let mut day = self.now.plus_micros(-self.now.micros().rem_euclid(DAY));
        let mut left = days_ago;
        while left > 0 {
            day = day.plus_days(-1);
            if !matches!(chrono::DateTime::<chrono::Utc>::from(day).weekday(), Weekday::Sat | Weekday::Sun) {
                left -= 1;
            }
        }
        day
    }

    /// An instant in working hours. People do not act on the full minute, so seconds are made up, always the same.
    pub(super) fn at(self, (days_ago, hour, minute): When) -> Timestamp {
        let seed = i64::from(days_ago * 17 + hour * 29 + minute * 7);
        self.midnight(days_ago)
            .plus_hours(hour.into())
            .plus_minutes(minute.into())
            .plus_micros(seed % 60 * 1_000_000 + seed * 104_729 % 1_000_000)
    }

    /// The end of the working day, so many days from now.
    pub(super) fn in_days(self, days: i64) -> Timestamp {
        self.midnight(0).plus_days(days).plus_hours(17)
    }

    /// The date of a data partition, such as `2026-10-01`.
    pub(super) fn partition(self, days_ago: u32) -> String {
        self.midnight(days_ago).date()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_business_days_and_five_are_a_week() {
        for day in 15..22 {
            let now: Timestamp = format!("2026-11-{day}T00:10:00.000000Z").parse().unwrap();
            let calendar = Calendar { now };
            for ago in 1..40 {
                let at = chrono::DateTime::<chrono::Utc>::from(calendar.at((ago, 9, 0)));
                assert!(!matches!(at.weekday(), Weekday::Sat | Weekday::Sun));
                assert_eq!(calendar.midnight(ago).days_since(calendar.midnight(ago + 5)), 7);
            }
            assert!(calendar.at((1, 23, 59)) < now);
        }
    }
}
