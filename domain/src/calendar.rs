//! The calendar to Production: when a retraining begun now could serve everybody in a market. It adds up training, the
//! validators' queue in business days, the least days in Shadow and Canary, people's approvals, and the rollout's dwells
//! (chapter 29, question 16). It is an estimate for planning: no rule waits for it, and each leg says what it rests on.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, Utc, Weekday};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    deployment::rules::RolloutRules,
    id::{Market, ProfileName},
    policy::Policy,
    stage::Stage,
};

/// What the calendar reckons with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CalendarPolicy {
    /// Hours that a training takes, the three paths' evidence in.
    pub training_hours: u32,
    /// Requests that the validators work on at the same time; so many more in the queue cost another review's time.
    pub reviews_at_once: u32,
    /// Business days that a person's approval takes.
    pub approval_business_days: u32,
    /// Days on which nobody reviews, besides Saturdays and Sundays, such as `2026-12-25`.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub holidays: BTreeSet<NaiveDate>,
    /// The rollout after Canary, by market, where policies of earlier releases say it here. A market's own `rollout`
    /// comes first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rollouts: BTreeMap<Market, RolloutEstimate>,
}

/// How long a rollout takes, as policies of earlier releases estimate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RolloutEstimate {
    /// Steps after Canary at which it dwells before everybody is served.
    pub dwells: u32,
    /// Days of each.
    pub dwell_days: u32,
    /// Whether a person approves each step.
    pub approved: bool,
}

/// Longest stretch that the calendar reckons with, in days or business days: a year.
const MAX_DAYS: u32 = 366;

impl CalendarPolicy {
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.reviews_at_once == 0 {
            return Err("reviews_at_once must be above 0".into());
        }
        if self.approval_business_days > MAX_DAYS || self.training_hours > MAX_DAYS * 24 {
            return Err(format!("no stretch is longer than {MAX_DAYS} days"));
        }
        for (market, rollout) in &self.rollouts {
            if rollout.dwells.saturating_mul(rollout.dwell_days.max(1)) > MAX_DAYS {
                return Err(format!("the rollout in {market} takes longer than {MAX_DAYS} days"));
            }
        }
        Ok(())
    }

    /// Whether people work on the day of `time` (UTC).
    pub fn is_business_day(&self, time: Timestamp) -> bool {
        is_business_day(time, &self.holidays)
    }

    /// The same time of day after so many business days.
    pub fn plus_business_days(&self, from: Timestamp, days: u32) -> Timestamp {
        plus_business_days(from, days, &self.holidays)
    }
}

fn is_business_day(time: Timestamp, holidays: &BTreeSet<NaiveDate>) -> bool {
    let day = DateTime::<Utc>::from(time).date_naive();
    !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !holidays.contains(&day)
}

/// The same time of day after so many days on which people work: Saturdays, Sundays and `holidays` not counted (UTC).
pub fn plus_business_days(from: Timestamp, days: u32, holidays: &BTreeSet<NaiveDate>) -> Timestamp {
    let mut at = from;
    let mut left = days;
    // Every holiday could lie in a row; beyond them each week has its business days.
    let mut patience = u64::from(days) * 2 + holidays.len() as u64 + 14;
    while left > 0 && patience > 0 {
        at = at.plus_days(1);
        patience -= 1;
        if is_business_day(at, holidays) {
            left -= 1;
        }
    }
    at
}

impl Policy {
    /// The same time of day after so many business days, the calendar's holidays not counted; where there is no
    /// calendar, weekends alone are not.
    pub fn plus_business_days(&self, from: Timestamp, days: u32) -> Timestamp {
        match &self.calendar {
            Some(calendar) => calendar.plus_business_days(from, days),
            None => plus_business_days(from, days, &BTreeSet::new()),
        }
    }
}

/// One stretch of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Training, and gathering the evidence of the three paths.
    Training,
    /// The validators' queue and review.
    Validation,
    /// Shadow.
    Shadow,
    /// People's approval before Canary.
    CanaryApproval,
    /// Canary.
    Canary,
    /// People's approval before Production.
    ProductionApproval,
    /// The steps up to everybody.
    Rollout,
}

impl Phase {
    /// The phase's name as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Training => "Training",
            Self::Validation => "Validation",
            Self::Shadow => "Shadow",
            Self::CanaryApproval => "Approval for Canary",
            Self::Canary => "Canary",
            Self::ProductionApproval => "Approval for Production",
            Self::Rollout => "Rollout",
        }
    }
}

/// A stretch of the way with its dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Leg {
    /// Which.
    pub phase: Phase,
    /// When it could begin.
    pub from: Timestamp,
    /// When it could be over.
    pub until: Timestamp,
    /// What it rests on, in a sentence.
    pub why: String,
}

/// The way to everybody in one market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Route {
    /// The market.
    pub market: Market,
    /// When a retraining would begin.
    pub start: Timestamp,
    /// The stretches, in order.
    pub legs: Vec<Leg>,
    /// When everybody could be served.
    pub arrives: Timestamp,
    /// Whole days from start to arrival.
    pub days: u32,
}

/// What is asked of the calendar.
#[derive(Debug, Clone, Copy)]
pub struct Trip<'a> {
    /// The policy in force.
    pub policy: &'a Policy,
    /// The model's profile.
    pub profile: &'a ProfileName,
    /// When the retraining begins.
    pub start: Timestamp,
    /// Requests that wait for the validators now.
    pub queue: u32,
    /// Whether drift is the cause, so that a person approves it before Canary.
    pub is_drift: bool,
}

/// The way under construction.
struct Planner<'a> {
    at: Timestamp,
    legs: Vec<Leg>,
    calendar: &'a CalendarPolicy,
}

impl Planner<'_> {
    fn leg(&mut self, phase: Phase, until: Timestamp, why: String) {
        self.legs.push(Leg { phase, from: self.at, until, why });
        self.at = until;
    }

    fn approvals(&mut self, phase: Phase, who: &[&str]) {
        if who.is_empty() {
            return;
        }
        let days = self.calendar.approval_business_days;
        let until = self.calendar.plus_business_days(self.at, days);
        self.leg(phase, until, format!("{} ({}).", business_days(days), who.join(", ")));
    }
}

fn business_days(days: u32) -> String {
    if days == 1 { "1 business day".to_owned() } else { format!("{days} business days") }
}

/// `1 day`, `2 days`.
pub fn days(days: u32) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// The stays of a rollout before everybody is served.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dwells {
    count: u32,
    hours: u32,
    approved: bool,
    /// The shares at which it stays, in percent, where they are known.
    at: Vec<u8>,
}

impl Dwells {
    /// From the rules by which the market's rollouts go; from the calendar's own estimate where the market has none.
    fn of(rules: Option<&RolloutRules>, estimate: Option<&RolloutEstimate>) -> Option<Self> {
        let Some(rules) = rules else {
            return estimate.map(|estimate| Self {
                count: estimate.dwells,
                hours: estimate.dwell_days.saturating_mul(24),
                approved: estimate.approved,
                at: Vec::new(),
            });
        };
        // The first share is the canary's, whose days are counted already; at the last one everybody is served.
        let at = rules.steps.get(1..rules.steps.len().saturating_sub(1)).unwrap_or_default().to_vec();
        Some(Self {
            count: u32::try_from(at.len()).unwrap_or(u32::MAX),
            hours: rules.dwell_hours,
            approved: rules.approval.is_some(),
            at,
        })
    }

    fn why(&self) -> String {
        let steps = if self.count == 1 { "1 step".to_owned() } else { format!("{} steps", self.count) };
        let stay = if self.hours.is_multiple_of(24) { days(self.hours / 24) } else { format!("{} hours", self.hours) };
        let shares: Vec<String> = self.at.iter().map(|share| format!("{share} %")).collect();
        let shares = if shares.is_empty() { String::new() } else { format!(" ({})", shares.join(", ")) };
        let approved = if self.approved { ", each followed by a person's approval" } else { "" };
        format!("{steps} of {stay}{shares}{approved}.")
    }
}

impl Trip<'_> {
    /// The way to everybody in `market`; `None` where the policy has no calendar, no such market or no such profile.
    pub fn route(&self, market: &Market) -> Option<Route> {
        let calendar = self.policy.calendar.as_ref()?;
        let (rules, profile) = (self.policy.markets.get(market)?, self.policy.profiles.get(self.profile)?);
        let gate = |stage, market| self.policy.gate(self.profile, stage, market);
        let mut plan = Planner { at: self.start, legs: Vec::new(), calendar };

        let trained = self.start.plus_hours(i64::from(calendar.training_hours));
        plan.leg(Phase::Training, trained, format!("{} hours by the policy's estimate.", calendar.training_hours));

        let staging = gate(Stage::Staging, None)?;
        if staging.validation_report || !staging.sign_offs.is_empty() {
            let rounds = 1 + self.queue / calendar.reviews_at_once;
            let wait = profile.review_business_days.saturating_mul(rounds).min(MAX_DAYS);
            let why = format!(
                "{}: a review takes {}, {} at a time, and {} wait.",
                business_days(wait),
                business_days(profile.review_business_days),
                calendar.reviews_at_once,
                self.queue
            );
            plan.leg(Phase::Validation, calendar.plus_business_days(plan.at, wait), why);
        }

        let shadowed = plan.at.plus_days(i64::from(rules.min_shadow_days));
        plan.leg(Phase::Shadow, shadowed, format!("At least {} in {market}.", days(rules.min_shadow_days)));

        let canary = gate(Stage::Canary, Some(market))?;
        let mut who: Vec<&str> = canary.sign_offs.iter().map(|slot| slot.role.title()).collect();
        if self.is_drift && self.policy.triggers.as_ref().is_some_and(|rules| !rules.drift_approvers.is_empty()) {
            who.push("approval of the drift");
        }
        plan.approvals(Phase::CanaryApproval, &who);

        let canaried = plan.at.plus_days(i64::from(rules.min_canary_days));
        plan.leg(Phase::Canary, canaried, format!("At least {} in {market}.", days(rules.min_canary_days)));

        let production = gate(Stage::Production, Some(market))?;
        let who: Vec<&str> = production.sign_offs.iter().map(|slot| slot.role.title()).collect();
        plan.approvals(Phase::ProductionApproval, &who);

        let dwells = Dwells::of(rules.rollout.as_ref(), calendar.rollouts.get(market));
        if let Some(dwells) = dwells.filter(|dwells| dwells.count > 0) {
            let mut at = plan.at;
            for _ in 0..dwells.count {
                at = at.plus_hours(i64::from(dwells.hours.min(MAX_DAYS * 24)));
                if dwells.approved {
                    at = calendar.plus_business_days(at, calendar.approval_business_days);
                }
            }
            plan.leg(Phase::Rollout, at, dwells.why());
        }
        Some(Route {
            market: market.clone(),
            start: self.start,
            arrives: plan.at,
            days: u32::try_from(plan.at.days_since(self.start)).unwrap_or_default(),
            legs: plan.legs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::DEFAULT_POLICY;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn route(policy: &Policy, profile: &str, market: &str, queue: u32, is_drift: bool) -> Route {
        let profile = profile.parse().unwrap();
        // A Monday.
        let trip = Trip { policy, profile: &profile, start: at("2026-11-02T09:00:00.000000Z"), queue, is_drift };
        trip.route(&market.parse().unwrap()).unwrap()
    }

    fn phases(route: &Route) -> Vec<Phase> {
        route.legs.iter().map(|leg| leg.phase).collect()
    }

    #[test]
    fn the_chapters_timelines_come_out() {
        let policy = Policy::from_toml(DEFAULT_POLICY).unwrap();
        let free = route(&policy, "unregulated", "US", 0, false);
        assert_eq!(free.days, 12, "question 16: 12 days without regulation");
        assert_eq!(phases(&free), [Phase::Training, Phase::Shadow, Phase::Canary, Phase::Rollout]);
        let regulated = route(&policy, "sr-11-7", "US", 0, false);
        assert!((17..=21).contains(&regulated.days), "{} days", regulated.days);
        assert!(phases(&regulated).contains(&Phase::Validation));
        let eu = route(&policy, "unregulated", "EU", 0, false);
        assert!(eu.arrives > free.arrives && phases(&eu).contains(&Phase::CanaryApproval));
        assert!(eu.legs.last().unwrap().why.contains("approval"));
        for route in [free, regulated, eu] {
            assert_eq!(route.legs.first().unwrap().from, route.start);
            assert_eq!(route.legs.last().unwrap().until, route.arrives);
            assert!(route.legs.windows(2).all(|pair| pair[0].until == pair[1].from), "no gap between two legs");
        }
    }

    #[test]
    fn the_rollout_is_the_markets_own() {
        let leg = |policy: &Policy, market| route(policy, "unregulated", market, 0, false).legs.pop().unwrap();
        let stay = |leg: &Leg| leg.until.micros() - leg.from.micros();
        let policy = Policy::from_toml(DEFAULT_POLICY).unwrap();
        assert!(policy.calendar.as_ref().unwrap().rollouts.is_empty(), "said once, by the market");
        assert_eq!(leg(&policy, "US").why, "2 steps of 1 day (25 %, 50 %).");
        assert!(leg(&policy, "EU").why.starts_with("3 steps of 1 day (10 %, 25 %, 50 %), each followed"));
        let hours = |hours: u32| DEFAULT_POLICY.replacen("dwell_hours = 24", &format!("dwell_hours = {hours}"), 1);
        let slower = Policy::from_toml(&hours(36)).unwrap();
        assert_eq!(stay(&leg(&slower, "US")), 3 * 24 * 3_600_000_000, "what the market says moves the calendar");
        assert!(leg(&slower, "US").why.contains("36 hours"));
        let at_once = DEFAULT_POLICY.replacen("steps = [10, 25, 50, 100]", "steps = [10, 100]", 1);
        let at_once = Policy::from_toml(&at_once).unwrap();
        assert_ne!(leg(&at_once, "US").phase, Phase::Rollout, "nothing to stay at");

        // A policy of an earlier release says it in the calendar too; the market's own rules are what counts.
        let old =
            format!("{DEFAULT_POLICY}\n[calendar.rollouts]\nUS = {{ dwells = 9, dwell_days = 2, approved = true }}\n");
        assert_eq!(leg(&Policy::from_toml(&old).unwrap(), "US"), leg(&policy, "US"));
        let mut older = Policy::from_toml(&old).unwrap();
        older.markets.get_mut(&"US".parse().unwrap()).unwrap().rollout = None;
        assert_eq!(leg(&older, "US").why, "9 steps of 2 days, each followed by a person's approval.");
        let endless = old.replace("dwell_days = 2", "dwell_days = 200");
        assert!(Policy::from_toml(&endless).unwrap_err().to_string().contains("longer than 366 days"));
    }

    #[test]
    fn the_queue_costs_business_days_and_drift_an_approval() {
        let policy = Policy::from_toml(DEFAULT_POLICY).unwrap();
        let validated = |queue| {
            let found = route(&policy, "sr-11-7", "US", queue, false);
            found.legs.into_iter().find(|leg| leg.phase == Phase::Validation).unwrap().until
        };
        assert_eq!(validated(0), at("2026-11-09T15:00:00.000000Z"), "five business days from Monday");
        assert_eq!(validated(2), validated(0), "three are worked on at a time");
        assert_eq!(validated(3), at("2026-11-16T15:00:00.000000Z"), "a second round");
        let scheduled = route(&policy, "unregulated", "US", 0, false);
        let drifted = route(&policy, "unregulated", "US", 0, true);
        assert!(!phases(&scheduled).contains(&Phase::CanaryApproval));
        let approval = drifted.legs.iter().find(|leg| leg.phase == Phase::CanaryApproval).unwrap();
        assert!(approval.why.contains("approval of the drift"), "{}", approval.why);
    }

    #[test]
    fn nobody_reviews_on_a_weekend_or_a_holiday() {
        let toml = DEFAULT_POLICY.replace("holidays = []", "holidays = [\"2026-12-25\", \"2026-12-28\"]");
        let policy = Policy::from_toml(&toml).unwrap();
        let calendar = policy.calendar.as_ref().unwrap();
        let eve = at("2026-12-24T10:00:00.000000Z");
        assert_eq!(calendar.plus_business_days(eve, 1), at("2026-12-29T10:00:00.000000Z"));
        assert_eq!(calendar.plus_business_days(eve, 0), eve);
        assert_eq!(policy.plus_business_days(eve, 1), at("2026-12-29T10:00:00.000000Z"), "deadlines know them too");
        let without = Policy { calendar: None, ..policy.clone() };
        assert_eq!(without.plus_business_days(eve, 1), at("2026-12-25T10:00:00.000000Z"));
        let friday = at("2026-11-20T10:00:00.000000Z");
        for (days, until) in [(0, "2026-11-20"), (1, "2026-11-23"), (5, "2026-11-27")] {
            assert_eq!(without.plus_business_days(friday, days), at(&format!("{until}T10:00:00.000000Z")));
        }
        let broken = DEFAULT_POLICY.replace("reviews_at_once = 3", "reviews_at_once = 0");
        assert!(Policy::from_toml(&broken).unwrap_err().to_string().contains("[calendar] reviews_at_once is 0"));
    }
}
