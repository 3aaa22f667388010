//! The range in which each number of a policy makes sense. A number outside of its range is refused when a policy is
//! adopted, by its section and key; a policy that was adopted before the range was known stays readable.
//!
//! The ranges are wide on purpose: they keep out what can only be a slip (a wait of 0 minutes, a share of 150 %, a quorum
//! that no committee has), and leave to the adopter what is strict and what is lax.

use toml::{Table, Value};

use super::Policy;
use crate::shadow::{MAX_INPUTS, MAX_ROWS};

/// Where a number stands (`*` for any name or place in a list), the least that makes sense and the most.
type Range = (&'static str, f64, f64);

const YEAR_DAYS: f64 = 366.0;
const YEAR_HOURS: f64 = 8_784.0;
const DECADE_DAYS: f64 = 3_660.0;
const CENTURY_YEARS: f64 = 100.0;
const DAY_MINUTES: f64 = 1_440.0;
const MOST: f64 = 1e12;
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
const ROWS: f64 = MAX_ROWS as f64;
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
const INPUTS: f64 = MAX_INPUTS as f64;

/// Every number that a policy can state.
const RANGES: &[Range] = &[
    ("schema", 1.0, 1.0),
    ("limits.token_days", 1.0, DECADE_DAYS),
    ("limits.evidence_days", 1.0, DECADE_DAYS),
    ("limits.clock_skew_minutes", 0.0, DAY_MINUTES),
    ("privacy.review_months", 1.0, 120.0),
    ("privacy.answer_days", 1.0, YEAR_DAYS),
    ("privacy.review_request_days", 1.0, YEAR_DAYS),
    ("privacy.review_extension.days", 1.0, YEAR_DAYS),
    ("privacy.review_extension.inform_days", 1.0, YEAR_DAYS),
    ("serving.answer_minutes", 1.0, DAY_MINUTES),
    ("serving.health_entry_minutes", 1.0, DAY_MINUTES),
    ("markets.*.min_shadow_days", 0.0, YEAR_DAYS),
    ("markets.*.min_canary_days", 0.0, YEAR_DAYS),
    ("markets.*.standby_days", 0.0, YEAR_DAYS),
    ("markets.*.retention_years", 1.0, CENTURY_YEARS),
    ("markets.*.rollout.steps.*", 1.0, 100.0),
    ("markets.*.rollout.dwell_hours", 1.0, YEAR_HOURS),
    ("markets.*.rollout.min_sample", 1.0, MOST),
    ("markets.*.rollout.strikes", 1.0, 10.0),
    ("markets.*.rollout.guardrails.*.at_most", -MOST, MOST),
    ("markets.*.rollout.guardrails.*.at_least", -MOST, MOST),
    ("markets.*.rollout.guardrails.*.highest", -MOST, MOST),
    ("markets.*.rollout.guardrails.*.lowest", -MOST, MOST),
    ("markets.*.rollback.health_minutes", 1.0, 7.0 * DAY_MINUTES),
    ("markets.*.rollback.target_seconds", 1.0, 86_400.0),
    ("markets.*.rollback.violations", 1.0, 100.0),
    ("markets.*.rollback.drill_days", 1.0, DECADE_DAYS),
    ("markets.*.rollback.drill_minutes", 1.0, DAY_MINUTES),
    ("markets.*.rollback.notice_days", 1.0, YEAR_DAYS),
    ("markets.*.rollback.drill_notice_days", 0.0, YEAR_DAYS),
    ("markets.*.kill_switch.review_days", 1.0, YEAR_DAYS),
    ("profiles.*.review_business_days", 1.0, YEAR_DAYS),
    ("profiles.*.retention_years", 1.0, CENTURY_YEARS),
    ("profiles.*.validation.small_changes", 0.0, 1_000.0),
    ("profiles.*.validation.notice_days", 1.0, YEAR_DAYS),
    ("profiles.*.validation.revalidation_days.*", 1.0, DECADE_DAYS),
    ("profiles.*.waivers.max_days", 1.0, DECADE_DAYS),
    ("profiles.*.waivers.rule_days.*", 1.0, DECADE_DAYS),
    ("profiles.*.gates.*.committee.quorum", 1.0, 100.0),
    ("profiles.*.gates.*.committee.approval_percent", 1.0, 100.0),
    ("profiles.*.thresholds.lint.max_errors", 0.0, MOST),
    ("profiles.*.thresholds.lint.max_warnings", 0.0, MOST),
    ("profiles.*.thresholds.drift.max_psi", 0.0, 100.0),
    ("profiles.*.thresholds.drift.max_drifted_share", 0.0, 1.0),
    ("profiles.*.thresholds.drift.bins", 2.0, 100.0),
    ("profiles.*.thresholds.drift.floor", 1e-12, 1e-3),
    ("profiles.*.thresholds.drift.min_rows", 1.0, MOST),
    ("profiles.*.thresholds.drift.bounds.*", 0.0, MOST),
    ("profiles.*.thresholds.evaluation.metrics.*.at_least", -MOST, MOST),
    ("profiles.*.thresholds.evaluation.metrics.*.at_most", -MOST, MOST),
    ("profiles.*.thresholds.behaviour.max_failure_rate.*", 0.0, 1.0),
    ("profiles.*.thresholds.behaviour.min_cases", 1.0, MOST),
    ("profiles.*.thresholds.champion.margins.*", 0.0, MOST),
    ("profiles.*.thresholds.champion.segment_margins.*", 0.0, MOST),
    ("profiles.*.thresholds.champion.confidence", 0.5001, 0.9999),
    ("profiles.*.thresholds.champion.min_sample", 1.0, MOST),
    ("profiles.*.thresholds.champion.min_segment_sample", 1.0, MOST),
    ("profiles.*.thresholds.shadow.min_pairs", 1.0, ROWS),
    ("profiles.*.thresholds.shadow.min_segment_pairs", 1.0, ROWS),
    ("profiles.*.thresholds.shadow.min_spearman", -1.0, 1.0),
    ("profiles.*.thresholds.shadow.min_segment_spearman", -1.0, 1.0),
    ("profiles.*.thresholds.shadow.confidence", 0.5, 0.9999),
    ("profiles.*.thresholds.shadow.top_k", 1.0, 1_000.0),
    ("profiles.*.thresholds.shadow.min_top_k_overlap", 0.0, 1.0),
    ("profiles.*.thresholds.shadow.max_psi", 0.0, 100.0),
    ("profiles.*.thresholds.shadow.psi_bins", 2.0, 100.0),
    ("profiles.*.thresholds.shadow.psi_floor", 1e-12, 1e-3),
    ("profiles.*.thresholds.shadow.max_ks", 0.0, 1.0),
    ("profiles.*.thresholds.shadow.min_feature_match", 0.0, 1.0),
    ("profiles.*.thresholds.shadow.max_p99_latency_ratio", 0.01, 1_000.0),
    ("profiles.*.thresholds.shadow.max_error_rate", 0.0, 1.0),
    ("profiles.*.thresholds.shadow.max_champion_slowdown", 0.01, 1_000.0),
    ("profiles.*.thresholds.shadow.max_champion_error_rate", 0.0, 1.0),
    ("profiles.*.thresholds.shadow.min_scored_percent", 0.0, 100.0),
    ("profiles.*.thresholds.shadow.min_distinct_inputs", 1.0, INPUTS),
    ("profiles.*.thresholds.shadow.max_uncovered_hours", 0.0, 24.0),
    ("profiles.*.thresholds.canary.challenger_percent", 0.01, 99.99),
    ("profiles.*.thresholds.canary.min_users", 1.0, ROWS),
    ("profiles.*.thresholds.canary.min_ratio_p", 0.0, 0.5),
    ("profiles.*.thresholds.canary.alpha", 1e-6, 0.5),
    ("profiles.*.thresholds.canary.tuned_for", 1.0, MOST),
    ("profiles.*.thresholds.canary.max_relative_loss", 0.0, 1.0),
    ("profiles.*.thresholds.canary.max_error_rate_increase", 0.0, 1.0),
    ("profiles.*.thresholds.canary.max_p99_latency_ratio", 0.01, 1_000.0),
    ("profiles.*.thresholds.canary.max_complaint_increase", 0.0, 1.0),
    ("profiles.*.thresholds.canary.max_error_rate_increase_upper", 0.0, 1.0),
    ("profiles.*.thresholds.canary.max_complaint_increase_upper", 0.0, 1.0),
    ("profiles.*.thresholds.canary.max_missing_outcomes", 0.0, 1.0),
    ("profiles.*.thresholds.canary.max_missing_outcome_difference", 0.0, 1.0),
    ("profiles.*.thresholds.canary.max_uncovered_hours", 0.0, 24.0),
    ("triggers.min_retrain_interval_hours.*", 1.0, YEAR_HOURS),
    ("triggers.psi_threshold.*", 1e-6, 100.0),
    ("triggers.psi_moderate", 1e-6, 100.0),
    ("triggers.psi_significant", 1e-6, 100.0),
    ("triggers.psi_emergency", 1e-6, 100.0),
    ("triggers.psi_bin_floor", 1e-12, 1e-3),
    ("triggers.min_data_days", 1.0, YEAR_DAYS),
    ("triggers.min_rows", 1.0, MOST),
    ("triggers.severe_loss_percent", 0.01, 100.0),
    ("triggers.observation_days", 1.0, YEAR_DAYS),
    ("webhooks.overlap_hours", 0.0, YEAR_HOURS),
    ("webhooks.longest_overlap_hours", 0.0, YEAR_HOURS),
    ("calendar.training_hours", 0.0, YEAR_HOURS),
    ("calendar.reviews_at_once", 1.0, 1_000.0),
    ("calendar.approval_business_days", 0.0, YEAR_DAYS),
    ("calendar.rollouts.*.dwells", 0.0, 100.0),
    ("calendar.rollouts.*.dwell_days", 0.0, YEAR_DAYS),
    ("maturity.window_days", 1.0, DECADE_DAYS),
    ("maturity.monitored_days", 1.0, DECADE_DAYS),
];

/// The numbers that make no sense, each by its section and key.
pub(super) fn check(policy: &Policy) -> Result<(), String> {
    let Ok(table) = Table::try_from(policy) else {
        return Err("it holds a number that TOML cannot express".into());
    };
    let faults: Vec<String> = numbers(&table).into_iter().filter_map(|(path, value)| fault(&path, value)).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
}

fn fault(path: &[String], value: f64) -> Option<String> {
    let (low, high) = range(path)?;
    if (low..=high).contains(&value) {
        return None;
    }
    // A place in a list is no key: `steps` is.
    let named = path.iter().rposition(|part| part.parse::<usize>().is_err() || path.len() < 3)?;
    let named = if is_tier(path) { path.len() - 1 } else { named };
    let (section, key) = (path[..named].join("."), &path[named]);
    let section = if section.is_empty() { String::new() } else { format!("[{section}] ") };
    Some(format!("{section}{key} is {value}, and from {low} to {high} makes sense"))
}

/// Tiers are keys though they are spelled as numbers.
fn is_tier(path: &[String]) -> bool {
    path.iter().any(|part| part == "revalidation_days")
}

/// The range of the number at that place. A market's own threshold has that of the profile's.
fn range(path: &[String]) -> Option<(f64, f64)> {
    let own = path.first().is_some_and(|first| first == "markets") && path.iter().any(|part| part == "thresholds");
    let matches = |pattern: &str| {
        let parts: Vec<&str> = pattern.split('.').collect();
        let first = parts.first().map(|first| if own && *first == "profiles" { "markets" } else { first });
        parts.len() == path.len()
            && first.is_some_and(|first| first == path[0])
            && parts.iter().zip(path).skip(1).all(|(part, name)| *part == "*" || part == name)
    };
    RANGES.iter().find(|(pattern, ..)| matches(pattern)).map(|(_, low, high)| (*low, *high))
}

/// Every number of a table with the path to it.
fn numbers(table: &Table) -> Vec<(Vec<String>, f64)> {
    fn walk(value: &Value, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, f64)>) {
        match value {
            #[expect(clippy::cast_precision_loss, reason = "ranges end far below 2^53")]
            Value::Integer(number) => found.push((path.clone(), *number as f64)),
            Value::Float(number) => found.push((path.clone(), *number)),
            Value::Table(table) => {
                for (name, value) in table {
                    path.push(name.clone());
                    walk(value, path, found);
                    path.pop();
                }
            }
            Value::Array(list) => {
                for (at, value) in list.iter().enumerate() {
                    path.push(at.to_string());
                    walk(value, path, found);
                    path.pop();
                }
            }
            Value::String(_) | Value::Boolean(_) | Value::Datetime(_) => {}
        }
    }
    let mut found = Vec::new();
    walk(&Value::Table(table.clone()), &mut Vec::new(), &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::DEFAULT_POLICY;

    /// The shipped policy with every number that it leaves out.
    fn whole() -> Table {
        let lint = "[profiles.sr-11-7.thresholds.lint]\n";
        let text = DEFAULT_POLICY.replace(lint, &format!("{lint}max_warnings = 9\n"));
        let estimate = "[calendar.rollouts.US]\ndwells = 3\ndwell_days = 1\napproved = false\n";
        toml::from_str(&format!("{text}\n{estimate}")).unwrap()
    }

    fn put(table: &mut Table, path: &[String], value: f64) -> Option<Policy> {
        let mut place = table.get_mut(&path[0])?;
        for part in &path[1..] {
            place = match place {
                Value::Table(table) => table.get_mut(part)?,
                Value::Array(list) => list.get_mut(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        *place = match place {
            #[expect(clippy::cast_possible_truncation, reason = "whole")]
            Value::Integer(_) if value.fract() == 0.0 => Value::Integer(value as i64),
            Value::Integer(_) => return None,
            _ => Value::Float(value),
        };
        table.clone().try_into().ok()
    }

    #[test]
    fn every_number_has_its_range_and_every_range_its_number() {
        let found = numbers(&whole());
        assert!(found.len() > 150);
        for (path, value) in &found {
            let (low, high) = range(path).unwrap_or_else(|| panic!("{} has no range", path.join(".")));
            assert!((low..=high).contains(value), "{}", path.join("."));
        }
        for (pattern, ..) in RANGES {
            let parts: Vec<&str> = pattern.split('.').collect();
            let met = found.iter().any(|(path, _)| {
                path.len() == parts.len() && path.iter().zip(&parts).all(|(name, part)| *part == "*" || name == part)
            });
            assert!(met, "{pattern} is nowhere in the policy");
        }
        Policy::from_toml(DEFAULT_POLICY).unwrap();
    }

    #[test]
    fn each_number_is_allowed_at_both_ends_and_refused_beyond_them() {
        let table = whole();
        for (path, _) in numbers(&table) {
            let (low, high) = range(&path).unwrap();
            let checked = |value: f64| put(&mut table.clone(), &path, value).map(|policy| check(&policy));
            for end in [low, high] {
                assert!(checked(end).is_none_or(|outcome| outcome.is_ok()), "{} = {end}", path.join("."));
            }
            let key = path.iter().rfind(|part| part.parse::<usize>().is_err()).unwrap();
            let whole = low.fract() == 0.0 && high.fract() == 0.0;
            let beyond = if whole { 1.0 } else { 1e-7_f64.max(high * 1e-3) };
            for value in [low - beyond, high + beyond, f64::NAN, f64::INFINITY, -f64::INFINITY] {
                // A type that cannot hold the number refuses it by itself.
                let Some(outcome) = checked(value) else { continue };
                let why = outcome.expect_err(&format!("{} = {value}", path.join(".")));
                assert!(why.contains(key.as_str()) && why.contains(&format!("from {low} to {high}")), "{why}");
                assert_eq!(why.contains('['), path.len() > 1, "the section is named: {why}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_section_and_key_with_its_line() {
        let refused = |from: &str, to: &str| {
            assert!(DEFAULT_POLICY.contains(from), "{from}");
            Policy::from_toml(&DEFAULT_POLICY.replacen(from, to, 1)).unwrap_err().to_string()
        };
        let said = refused("answer_minutes = 15", "answer_minutes = 0");
        assert!(said.contains("[serving] answer_minutes is 0, and from 1 to 1440 makes sense"), "{said}");
        let said = refused("quorum = 2", "quorum = 400");
        assert!(said.contains("[profiles.sr-11-7.gates.production.committee] quorum is 400"), "{said}");
        let line = DEFAULT_POLICY.lines().position(|line| line == "[profiles.sr-11-7.gates.production.committee]");
        assert!(said.contains(&format!("(see line {})", line.unwrap() + 1)), "{said}");
        let said = refused("steps = [10, 25, 50, 100]", "steps = [10, 25, 50, 150]");
        assert!(said.contains("[markets.US.rollout] steps is 150, and from 1 to 100 makes sense"), "{said}");
        let said = refused("1 = 365", "1 = 0");
        assert!(said.contains("[profiles.sr-11-7.validation.revalidation_days] 1 is 0"), "{said}");
        let said = refused("max_relative_loss = 0.03", "max_relative_loss = nan");
        assert!(said.contains("[markets.EU.thresholds.canary] max_relative_loss is NaN"), "{said}");
        let said = refused("min_pairs = 1000", "min_pairs = 6000000");
        assert!(said.contains("min_pairs is 6000000") && said.contains("to 5000000"), "no file holds so many: {said}");
        let said = refused("dwell_hours = 24", "dwell_hours = -1");
        assert!(said.contains("dwell_hours = -1"), "{said}");
    }

    #[test]
    fn a_policy_that_was_adopted_before_is_still_read() {
        let old = DEFAULT_POLICY.replace("answer_minutes = 15", "answer_minutes = 0");
        assert!(Policy::from_toml(&old).is_err());
        assert_eq!(Policy::read(&old).unwrap().serving.unwrap().answer_minutes, 0);
    }
}
