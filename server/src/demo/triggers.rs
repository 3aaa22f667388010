//! Retraining triggers in the demo: what is configured, and what the drift and outcomes jobs tell.

use std::collections::BTreeMap;

use domain::{
    Command, VersionId,
    command::{RegisterVersion, RequestPromotion},
    id::IdError,
    lineage::Lineage,
    stage::Stage,
    trigger::{Configuration, DriftRule, ObserveDrift, ObservePerformance, PerformanceRule, Schedule, Shift},
};
use ledger::Timestamp;

use super::{
    calendar::When,
    cast::PIPELINE,
    story::{Act, Strand},
};

/// Bins of every feature, and rows of the reference in each.
const BINS: u64 = 10;
const REFERENCE: u64 = 10_000;

/// How far a feature's histogram is tilted towards its upper bins, in percent of the reference: 0 to 110.
pub(super) type Tilt = (&'static str, u64);

/// Counts of a feature whose upper bins gained what its lower bins lost. No bin is emptier than a fiftieth.
fn tilted(feature: &str, percent: u64) -> Shift {
    let actual = (0..BINS).map(|bin| {
        let step = percent * REFERENCE / 100 * (2 * bin).abs_diff(BINS - 1) / (BINS - 1);
        let noise = u64::from(super::files::made_up(&format!("{feature} {percent} {bin}"), 240));
        let count = if 2 * bin < BINS - 1 { REFERENCE.saturating_sub(step) } else { REFERENCE + step };
        (count + noise).max(REFERENCE / 50)
    });
    Shift { psi: None, reference: vec![REFERENCE; 10], actual: actual.collect() }
}

impl Strand {
    /// What makes the model be trained again: a schedule, drift beyond `psi_threshold` (policy's where none is named),
    /// and metrics below a floor over days.
    pub(super) fn triggers(
        &mut self,
        when: When,
        schedule: Option<&str>,
        psi_threshold: Option<f64>,
        performance: &[(&str, f64, u32)],
    ) {
        let schedule = schedule.and_then(|cron| cron.parse::<Schedule>().ok());
        let performance = performance.iter().map(|&(metric, floor, window_days)| PerformanceRule {
            metric: metric.to_owned(),
            floor,
            window_days,
        });
        let configuration = Configuration {
            schedule,
            drift: Some(DriftRule { psi_threshold }),
            performance: performance.collect(),
            min_retrain_interval_hours: None,
        };
        let command = self.name().map(|model| Command::ConfigureTriggers(model, configuration));
        self.command(when, self.developer(), command);
    }

    /// The drift job's report on the last `hours`.
    pub(super) fn drift(&mut self, when: When, hours: i64, features: &[Tilt]) {
        let until = self.calendar.at(when).plus_minutes(-6);
        let features: BTreeMap<String, Shift> =
            features.iter().map(|(name, percent)| ((*name).to_owned(), tilted(name, *percent))).collect();
        let (from, source) = (until.plus_hours(-hours), "drift job of the feature store".to_owned());
        let command =
            self.name().map(|model| Command::ObserveDrift(model, ObserveDrift { from, until, source, features }));
        self.command(when, PIPELINE, command);
    }

    /// The outcomes job's report on a metric over the last `days`.
    pub(super) fn performance(&mut self, when: When, days: i64, metric: &str, value: f64, sample: u64) {
        let until = self.calendar.at(when).plus_minutes(-12);
        let body = ObservePerformance {
            metric: metric.to_owned(),
            value,
            from: until.plus_days(-days),
            until,
            source: "outcomes job".to_owned(),
            sample: Some(sample),
        };
        let command = self.name().map(|model| Command::ObservePerformance(model, body));
        self.command(when, PIPELINE, command);
    }

    /// The pipeline registers a version in answer to a firing.
    pub(super) fn answer(&mut self, at: Timestamp, firing: u32, lineage: &Lineage, note: &str) {
        let body =
            RegisterVersion { lineage: lineage.clone(), note: note.to_owned(), origin: None, trigger: Some(firing) };
        let act = self.name().map(|model| Act::Command(Box::new(Command::RegisterVersion(model, body))));
        self.put(at, PIPELINE, act);
    }

    /// The pipeline asks for the next stage.
    pub(super) fn pipeline_asks(&mut self, when: When, number: u32, to: Stage, market: Option<&str>, note: &str) {
        let command = || -> Result<Command, IdError> {
            let market = market.map(str::parse).transpose()?;
            let id: VersionId = self.version(number)?;
            let body = RequestPromotion { to, market, note: note.to_owned(), blue_green: None };
            Ok(Command::RequestPromotion(id, body))
        };
        let command = command();
        self.command(when, PIPELINE, command);
    }
}

/// A monthly slot at two in the morning, on the day of the month of the business day so many days ago.
pub(super) fn monthly_since(partition: &str) -> String {
    let day = partition.rsplit('-').next().unwrap_or("1").trim_start_matches('0');
    format!("0 2 {day} * *")
}

#[cfg(test)]
mod tests {
    use domain::statistics::psi_of_counts;

    use super::*;

    #[test]
    fn tilts_are_as_far_apart_as_the_story_needs() {
        let index = |percent| {
            let shift = tilted("feature", percent);
            psi_of_counts(&shift.reference, &shift.actual, 1e-6).unwrap()
        };
        for (percent, low, high) in [(5, 0.0, 0.02), (20, 0.0, 0.1), (60, 0.1, 0.25), (80, 0.25, 0.45), (110, 0.5, 1.5)]
        {
            let found = index(percent);
            assert!((low..high).contains(&found), "{percent}: {found}");
        }
    }

    #[test]
    fn a_partition_names_its_slot() {
        assert_eq!(monthly_since("2026-11-03"), "0 2 3 * *");
        assert_eq!(monthly_since("2026-10-30"), "0 2 30 * *");
    }
}
