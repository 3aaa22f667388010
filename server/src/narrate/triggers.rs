//! Retraining triggers in words.

use domain::trigger::{
    Cause, Circumstances, Configuration, DriftObserved, Fired, ObservePerformance, Priority, Prompt, Reason, Suppressed,
};

use super::{clause, cut};

/// Figures that a sentence names.
const NAMED: usize = 3;

pub(super) fn configured(configuration: &Configuration) -> String {
    if configuration.is_empty() {
        return "turned the retraining triggers off".to_owned();
    }
    let schedule = configuration.schedule.as_ref().map(|schedule| format!("schedule {schedule} (UTC)"));
    let drift = configuration.drift.as_ref().map(|drift| match drift.psi_threshold {
        Some(threshold) => format!("drift above a PSI of {threshold}"),
        None => "drift above the policy\u{2019}s PSI threshold".to_owned(),
    });
    let metrics = configuration.performance.iter().map(|rule| format!("{} below {}", cut(&rule.metric), rule.floor));
    let parts: Vec<String> = schedule.into_iter().chain(drift).chain(metrics).collect();
    format!("set the retraining triggers: {}", cut(&parts.join("; ")))
}

pub(super) fn drift_observed(body: &DriftObserved) -> String {
    let worst = body.features.iter().max_by(|a, b| a.1.psi.total_cmp(&b.1.psi));
    let worst = worst.map(|(name, measured)| format!("; {} moved most (PSI {:.3})", cut(name), measured.psi));
    let count = body.features.len();
    let noun = if count == 1 { "feature" } else { "features" };
    format!("looked for drift in {count} {noun}{}", worst.unwrap_or_default())
}

pub(super) fn performance_observed(body: &ObservePerformance) -> String {
    format!("told that {} is {}", cut(&body.metric), body.value)
}

/// Why, such as `drift: age (PSI 0.310), city (PSI 0.270)`.
pub fn cause(about: &Circumstances) -> String {
    let figures = || about.figures.iter().take(NAMED);
    let more = about.figures.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    match about.cause {
        Cause::Scheduled => match about.scheduled_for {
            Some(slot) => format!("schedule, slot of {} UTC", slot.minute()),
            None => "schedule".to_owned(),
        },
        Cause::Drift => {
            let names: Vec<String> = figures().map(|f| format!("{} (PSI {:.3})", cut(&f.name), f.value)).collect();
            format!("drift of {}{more}", names.join(", "))
        }
        Cause::Performance => {
            let names: Vec<String> =
                figures().map(|f| format!("{} at {}, below {}", cut(&f.name), f.value, f.limit)).collect();
            names.join(", ")
        }
        Cause::Manual => format!("by hand: {}", clause(&about.note)),
    }
}

pub(super) fn fired(body: &Fired) -> String {
    let urgency = if body.about.priority == Priority::Emergency { ", priority 1" } else { "" };
    let bypassed = body.bypassed.map(|last| format!("; it did not wait for the interval after firing {last}"));
    format!("fired retraining trigger {}{urgency}: {}{}", body.firing, cause(&body.about), bypassed.unwrap_or_default())
}

pub(super) fn suppressed(body: &Suppressed) -> String {
    format!("suppressed a retraining trigger ({}): {}", cause(&body.about), reason(&body.reason))
}

/// Why a trigger did not fire, as a clause.
pub fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Interval { last, until } => {
            format!("firing {last} is too near, until {} UTC", until.minute())
        }
        Reason::SameWindow { firing, entry } => {
            format!("the same window of data has fired already, as firing {firing} (entry {entry})")
        }
        Reason::TooLittleData { hours, needed_hours } => {
            format!("the data cover {hours} hours of the {needed_hours} asked for")
        }
    }
}

pub(super) fn prompted(prompt: &Prompt) -> String {
    let why = match prompt.cause {
        Cause::Scheduled => "the schedule",
        Cause::Drift => "drift",
        Cause::Performance => "performance",
        Cause::Manual => "somebody\u{2019}s word",
    };
    format!(" in answer to trigger {} ({why})", prompt.firing)
}

#[cfg(test)]
mod tests {
    use domain::{
        Event,
        trigger::{Configured, DriftRule, Figure, Thresholds},
    };
    use ledger::{Digest, Timestamp};

    use crate::narrate::sentence;

    use super::*;

    fn about(cause: Cause, figures: &[(&str, f64, f64)]) -> Circumstances {
        let figure =
            |(name, value, limit): &(&str, f64, f64)| Figure { name: (*name).into(), value: *value, limit: *limit };
        Circumstances {
            cause,
            priority: Priority::Normal,
            figures: figures.iter().map(figure).collect(),
            scheduled_for: None,
            observation: None,
            window: None,
            note: String::new(),
            thresholds: Thresholds {
                min_retrain_interval_hours: 24,
                psi_threshold: 0.25,
                psi_emergency: 0.5,
                severe_loss_percent: 20.0,
                min_data_days: 1,
            },
            policy: Digest::of(b""),
        }
    }

    #[test]
    fn triggers_are_told_in_a_sentence() {
        let slot: Timestamp = "2026-11-09T02:00:00.000000Z".parse().unwrap();
        let drift =
            about(Cause::Drift, &[("age", 0.61, 0.25), ("hour", 0.3, 0.25), ("a", 0.29, 0.25), ("b", 0.28, 0.25)]);
        let emergency = Circumstances { priority: Priority::Emergency, ..drift.clone() };
        let scheduled = Circumstances { scheduled_for: Some(slot), ..about(Cause::Scheduled, &[]) };
        let near = Reason::Interval { last: 4, until: slot };
        let configuration = Configuration {
            schedule: Some("0 2 * * 1".parse().unwrap()),
            drift: Some(DriftRule { psi_threshold: Some(0.3) }),
            ..Configuration::default()
        };
        for (event, expected) in [
            (
                Event::TriggerFired(Fired { firing: 5, about: emergency, bypassed: Some(4) }),
                "fired retraining trigger 5, priority 1: drift of age (PSI 0.610), hour (PSI 0.300), a (PSI 0.290) and 1 more; it did not wait for the interval after firing 4",
            ),
            (
                Event::TriggerFired(Fired { firing: 5, about: scheduled.clone(), bypassed: None }),
                "fired retraining trigger 5: schedule, slot of 2026-11-09 02:00 UTC",
            ),
            (
                Event::TriggerSuppressed(Suppressed { reason: near, about: scheduled }),
                "suppressed a retraining trigger (schedule, slot of 2026-11-09 02:00 UTC): firing 4 is too near, until 2026-11-09 02:00 UTC",
            ),
            (
                Event::TriggerFired(Fired {
                    firing: 1,
                    about: about(Cause::Performance, &[("ctr", 0.04, 0.05)]),
                    bypassed: None,
                }),
                "fired retraining trigger 1: ctr at 0.04, below 0.05",
            ),
            (
                Event::TriggersConfigured(Configured { configuration }),
                "set the retraining triggers: schedule 0 2 * * 1 (UTC); drift above a PSI of 0.3",
            ),
            (
                Event::TriggersConfigured(Configured { configuration: Configuration::default() }),
                "turned the retraining triggers off",
            ),
        ] {
            assert_eq!(sentence(&event), expected);
        }
    }
}
