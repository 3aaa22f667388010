//! Retraining triggers: when a model should be trained again, and why. Three kinds fire by themselves: a schedule, drift
//! of the input (PSI), a metric below its floor; a person can ask too. Each firing is an entry with its cause, its
//! priority and the figures and thresholds it rests on; so is each one that was suppressed (chapter 29, questions 10 to
//! 12). The rules that decide are in [`crate::decide`]; this module holds what they decide on.

pub mod limits;
pub mod schedule;
mod state;

use std::collections::BTreeMap;

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

pub use limits::{Bounded, Thresholds, TriggerPolicy};
pub use schedule::Schedule;
pub use state::{
    Answer, DriftApproval, DriftSeen, DriftWanted, Firing, Mark, MetricSeen, Moved, Prompt, Suppression, Triggers,
};

use crate::{
    account::{Role, UnknownWord, find_word},
    id::Market,
};

/// Figures that one firing repeats: the gravest ones. The observation's entry holds all.
const MAX_FIGURES: usize = 50;

/// Why a model is trained again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Its schedule said so.
    Scheduled,
    /// Its inputs drifted.
    Drift,
    /// A metric fell below its floor.
    Performance,
    /// A person asked.
    Manual,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 4] = [Self::Scheduled, Self::Drift, Self::Performance, Self::Manual];

    /// The cause's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Drift => "drift",
            Self::Performance => "performance",
            Self::Manual => "manual",
        }
    }

    /// The cause as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Scheduled => "Schedule",
            Self::Drift => "Drift",
            Self::Performance => "Performance",
            Self::Manual => "By hand",
        }
    }
}

impl std::str::FromStr for Cause {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("cause", text, &Self::ALL, Self::id)
    }
}

/// How urgent a firing is. An emergency passes the shortest interval between two firings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Priority 1: extreme drift or a severe loss.
    Emergency,
    /// Priority 2.
    Normal,
}

impl Priority {
    /// The number that the field uses, 1 being the most urgent.
    pub fn number(self) -> u8 {
        match self {
            Self::Emergency => 1,
            Self::Normal => 2,
        }
    }
}

/// When a model is to be trained again. What is left out does not fire.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    /// By the clock: five cron fields in UTC, such as `0 2 * * 1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// When inputs drift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftRule>,
    /// When metrics fall below their floors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub performance: Vec<PerformanceRule>,
    /// Shortest time between two firings, in hours; policy's, if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_retrain_interval_hours: Option<u32>,
}

impl Configuration {
    /// Whether nothing of it ever fires.
    pub fn is_empty(&self) -> bool {
        self.schedule.is_none() && self.drift.is_none() && self.performance.is_empty()
    }
}

/// When drift fires.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DriftRule {
    /// Population stability index of any feature above which drift fires; policy's, if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi_threshold: Option<f64>,
}

/// When a metric fires.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PerformanceRule {
    /// The metric's name, such as `auc`; higher is better.
    pub metric: String,
    /// The value below which it fires; above 0.
    pub floor: f64,
    /// Days over which an observation must have gathered it.
    pub window_days: u32,
}

/// How far one feature's distribution moved: its index, or better the counts from which the server reckons it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Shift {
    /// Population stability index as the sender reckoned it. Left out where counts are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<f64>,
    /// Rows of the reference in each bin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reference: Vec<u64>,
    /// Rows observed in each of the same bins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actual: Vec<u64>,
}

/// Tells how far the features drifted over a stretch of live data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ObserveDrift {
    /// Beginning of the data looked at.
    pub from: Timestamp,
    /// End of the data looked at.
    pub until: Timestamp,
    /// What looked, such as a job's name; at most 200 characters.
    pub source: String,
    /// The features by name.
    pub features: BTreeMap<String, Shift>,
}

/// Tells a metric of the live model over a stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ObservePerformance {
    /// The metric's name, as the configuration has it.
    pub metric: String,
    /// Its value.
    pub value: f64,
    /// Beginning of the time looked at.
    pub from: Timestamp,
    /// End of the time looked at.
    pub until: Timestamp,
    /// What looked; at most 200 characters.
    pub source: String,
    /// Outcomes that the value rests on, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<u64>,
}

/// Asks for a retraining by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Retrain {
    /// Why; at most 2,000 characters.
    pub reason: String,
}

/// Says that a person looked at the drift that a version was trained on and lets it go on to Canary in one market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ApproveDrift {
    /// The market.
    pub market: Market,
    /// What was looked at and why the drift is genuine and not a fault of the data; at most 4,000 characters.
    pub statement: String,
}

/// A figure with the limit that it was held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Figure {
    /// The feature or metric.
    pub name: String,
    /// Its population stability index, or the metric's value.
    pub value: f64,
    /// The threshold or floor in force.
    pub limit: f64,
}

/// A feature's index, with the counts it was reckoned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Measured {
    /// Population stability index.
    pub psi: f64,
    /// Rows of the reference in each bin; empty where the sender gave only the index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference: Vec<u64>,
    /// Rows observed in each bin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actual: Vec<u64>,
}

// --- Events -----------------------------------------------------------------------------------------------------------

/// `triggers.configured`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Configured {
    /// All of it, as it is from now on.
    pub configuration: Configuration,
}

/// `drift.observed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftObserved {
    /// Beginning of the data looked at.
    pub from: Timestamp,
    /// End of the data looked at.
    pub until: Timestamp,
    /// What looked.
    pub source: String,
    /// The least share of a bin, in force when the indices were reckoned.
    pub bin_floor: f64,
    /// The features.
    pub features: BTreeMap<String, Measured>,
}

/// `trigger.fired`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fired {
    /// Its number within the model, from 1.
    pub firing: u32,
    /// The circumstances.
    #[serde(flatten)]
    pub about: Circumstances,
    /// The firing whose interval this one passed, being an emergency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bypassed: Option<u32>,
}

/// `trigger.suppressed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suppressed {
    /// Why it did not fire.
    pub reason: Reason,
    /// The circumstances.
    #[serde(flatten)]
    pub about: Circumstances,
}

/// What a firing, or one that was suppressed, rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Circumstances {
    /// Why.
    pub cause: Cause,
    /// How urgent.
    pub priority: Priority,
    /// The figures beyond their limits, the gravest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
    /// The slot of the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_for: Option<Timestamp>,
    /// The entry of the observation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observation: Option<u64>,
    /// The data that were looked at; absent where none were, and in entries from before windows were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// In whose words, where a person asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The thresholds in force.
    pub thresholds: Thresholds,
    /// The policy in force.
    pub policy: Digest,
}

/// The stretch of live data that an observation is of, and what looked at it. The same window told again is the same
/// cause, and fires once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Window {
    /// Beginning of the data.
    pub from: Timestamp,
    /// End of the data.
    pub until: Timestamp,
    /// What looked.
    pub source: String,
}

/// Why a trigger did not fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The last firing is too near.
    Interval {
        /// Which one.
        last: u32,
        /// When the interval is over.
        until: Timestamp,
    },
    /// The same window of data, seen by the same detector, has fired already.
    SameWindow {
        /// Which firing.
        firing: u32,
        /// Its entry.
        entry: u64,
    },
    /// The data cover too little time for the figures to be relied on.
    TooLittleData {
        /// Whole hours that they cover.
        hours: u32,
        /// Hours that are asked for.
        needed_hours: u32,
    },
}

/// `drift.approved`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftApproved {
    /// The market.
    pub market: Market,
    /// The firing that the version answers.
    pub firing: u32,
    /// In which role.
    pub role: Role,
    /// What was looked at.
    pub statement: String,
}

/// The features over the threshold, the furthest first; at most as many as a firing repeats.
pub fn drifted(features: &BTreeMap<String, Measured>, threshold: f64) -> Vec<Figure> {
    let mut over: Vec<Figure> = features
        .iter()
        .filter(|(_, measured)| measured.psi > threshold)
        .map(|(name, measured)| Figure { name: name.clone(), value: measured.psi, limit: threshold })
        .collect();
    over.sort_by(|a, b| b.value.total_cmp(&a.value));
    over.truncate(MAX_FIGURES);
    over
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drifted_most_comes_first() {
        let features = [("a", 0.2), ("b", 0.9), ("c", 0.25), ("d", 0.26)]
            .map(|(name, psi)| (name.to_owned(), Measured { psi, reference: vec![], actual: vec![] }));
        let over = drifted(&features.into(), 0.25);
        let names: Vec<&str> = over.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names, ["b", "d"], "the threshold itself is not over it");
    }

    #[test]
    fn ids_read_back() {
        for cause in Cause::ALL {
            assert_eq!(cause.id().parse::<Cause>().unwrap(), cause);
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.id());
        }
    }
}
