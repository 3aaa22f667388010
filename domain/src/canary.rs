//! Canary evaluation: a version answers a small, fixed share of a market's users, and what they do is compared with
//! what the champion's users do.
//!
//! The evidence is the assignment log: a row for each request, with the user's pseudonym, who answered and what
//! followed. The log is audited first (every user in the arm of the published split, nobody in both, arms of the
//! intended sizes): outcomes of a broken experiment prove nothing. Users, not requests, are the unit of the outcomes,
//! since a user's requests are not independent of each other.

use std::collections::{BTreeSet, HashMap};

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    evidence::{
        Criteria, EvidenceKind, Facts, Figure,
        judge::Judge,
        table::{Cell, CellFault, Column, Rows, at, needed, past},
        thresholds::within,
    },
    shadow::{MAX_ROWS, begun_in_stage, covered, hashed},
    split::{Arm, BUCKETS, Split},
    statistics::{Moments, Proportion, always_valid_uplift, compare_proportions, quantile, sample_ratio_mismatch},
};

/// Policy's limits for canary evaluations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CanaryLimits {
    /// The challenger's share of users, in percent.
    pub challenger_percent: f64,
    /// Users that the challenger must have answered, at least.
    pub min_users: u64,
    /// p of the sample-ratio test at least.
    pub min_ratio_p: f64,
    /// Chance of error of the always-valid intervals, over all looks.
    pub alpha: f64,
    /// Users at which the always-valid intervals are tightest.
    pub tuned_for: u64,
    /// How much lower than the champion's an outcome may be, relatively, at the lower end of its interval.
    pub max_relative_loss: f64,
    /// The challenger's share of failed requests less the champion's, at most.
    pub max_error_rate_increase: f64,
    /// 99th percentile of the challenger's latency over the champion's, at most.
    pub max_p99_latency_ratio: f64,
    /// The challenger's share of users who complain less the champion's, at most.
    pub max_complaint_increase: f64,
    /// The upper end of the interval of the increase of the error rate, at most: few requests prove little.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_error_rate_increase_upper: Option<f64>,
    /// The upper end of the interval of the increase of users who complain, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_complaint_increase_upper: Option<f64>,
    /// Of each arm the share of an outcome that the log leaves open, users counted alike, at most. Where policy states it,
    /// `min_users` is asked of the users whose outcome is known, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_missing_outcomes: Option<f64>,
    /// How far those shares of both arms may lie from each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_missing_outcome_difference: Option<f64>,
    /// Hours by which the time from the challenger's first to its last request may fall short of the days that the
    /// market asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_uncovered_hours: Option<f64>,
}

impl CanaryLimits {
    /// What is out of range, in a sentence.
    ///
    /// # Errors
    /// The limit at fault.
    pub fn check(&self) -> Result<(), String> {
        for (name, value, low, high) in [
            ("canary.challenger_percent", self.challenger_percent, 0.01, 99.99),
            ("canary.min_ratio_p", self.min_ratio_p, 0.0, 0.5),
            ("canary.alpha", self.alpha, 1e-6, 0.5),
            ("canary.max_relative_loss", self.max_relative_loss, 0.0, 1.0),
            ("canary.max_error_rate_increase", self.max_error_rate_increase, 0.0, 1.0),
            ("canary.max_p99_latency_ratio", self.max_p99_latency_ratio, 0.0, 1e6),
            ("canary.max_complaint_increase", self.max_complaint_increase, 0.0, 1.0),
        ] {
            within(name, value, low, high)?;
        }
        for (name, value, high) in [
            ("canary.max_error_rate_increase_upper", self.max_error_rate_increase_upper, 1.0),
            ("canary.max_complaint_increase_upper", self.max_complaint_increase_upper, 1.0),
            ("canary.max_missing_outcomes", self.max_missing_outcomes, 1.0),
            ("canary.max_missing_outcome_difference", self.max_missing_outcome_difference, 1.0),
            ("canary.max_uncovered_hours", self.max_uncovered_hours, 24.0),
        ] {
            value.map_or(Ok(()), |value| within(name, value, 0.0, high))?;
        }
        if self.tuned_for == 0 {
            return Err("canary.tuned_for is 0; it is a number of users".into());
        }
        Ok(())
    }
}

/// What a canary evaluation was held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CanaryCriteria {
    /// Days with the challenger's traffic that it must cover, as the market asks.
    pub min_days: u32,
    /// When the version entered Canary in the market: earlier requests are not of this trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The split that users must have met.
    pub split: Split,
    /// The profile's limits with the market's own laid over them.
    pub limits: CanaryLimits,
}

/// The columns of a canary log.
pub const COLUMNS: [Column; 8] = [
    Column::required("user_id"),
    Column::required("time"),
    Column::required("arm"),
    Column::required("latency_ms"),
    Column::required("error"),
    Column::required("complaint"),
    Column::optional("clicked"),
    Column::optional("completed"),
];

/// What one user did.
#[derive(Debug, Clone, Copy)]
struct User {
    arm: Arm,
    in_both: bool,
    misplaced: bool,
    complained: bool,
    requests: u32,
    /// Of each outcome: how often it was looked for, and how often it came.
    outcomes: [(u32, u32); 2],
}

const OUTCOMES: [&str; 2] = ["click-through", "completion"];

/// The rows of a canary log, as they come.
#[derive(Debug)]
pub struct CanaryLog {
    split: Split,
    latest: Option<Timestamp>,
    rows: usize,
    numbers: HashMap<u64, u32>,
    users: Vec<User>,
    days: BTreeSet<i64>,
    first: Option<Timestamp>,
    /// The challenger's first and last request.
    challengers: (Option<Timestamp>, Option<Timestamp>),
    latency: [Vec<f64>; 2],
    errors: [u64; 2],
}

impl CanaryLog {
    /// An empty log, to be audited against `split`.
    pub fn new(split: Split) -> Self {
        Self {
            split,
            latest: None,
            rows: 0,
            numbers: HashMap::new(),
            users: Vec::new(),
            days: BTreeSet::new(),
            first: None,
            challengers: (None, None),
            latency: [Vec::new(), Vec::new()],
            errors: [0; 2],
        }
    }
}

impl Rows for CanaryLog {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn take(&mut self, cells: &[Cell<'_>]) -> Result<(), CellFault> {
        let [user, time, arm, latency, error, complaint, clicked, completed] = *cells else {
            return Err(CellFault { column: None, reason: format!("it has {} cells", cells.len()) });
        };
        if self.rows == MAX_ROWS {
            let reason = format!("a file may have at most {MAX_ROWS} rows; attach several files");
            return Err(CellFault { column: None, reason });
        }
        let name = needed("user_id", user.text())?;
        let time = past("time", time, self.latest)?;
        let arm = at("arm", arm.arm())?;
        let latency = needed("latency_ms", latency.amount())?;
        let error = at("error", error.flag())?;
        let complained = at("complaint", complaint.flag())?;
        let seen = [outcome("clicked", clicked)?, outcome("completed", completed)?];

        self.rows += 1;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        if arm == Arm::Challenger {
            self.days.insert(time.seconds().div_euclid(86_400));
            let (first, last) = self.challengers;
            self.challengers = (Some(first.map_or(time, |first| first.min(time))), last.max(Some(time)));
        }
        self.latency[arm as usize].push(latency);
        self.errors[arm as usize] += u64::from(error);
        let next = u32::try_from(self.users.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(hashed(&name)).or_insert(next);
        if number == next {
            let misplaced = self.split.arm(&name) != arm;
            self.users.push(User {
                arm,
                in_both: false,
                misplaced,
                complained: false,
                requests: 0,
                outcomes: [(0, 0); 2],
            });
        }
        let user = &mut self.users[number as usize];
        user.in_both |= user.arm != arm;
        user.complained |= complained;
        user.requests = user.requests.saturating_add(1);
        for ((looked, came), seen) in user.outcomes.iter_mut().zip(seen) {
            *looked = looked.saturating_add(u32::from(seen.is_some()));
            *came = came.saturating_add(u32::from(seen == Some(true)));
        }
        Ok(())
    }
}

/// An outcome that an empty cell leaves open.
fn outcome(column: &'static str, cell: Cell<'_>) -> Result<Option<bool>, CellFault> {
    if cell == Cell::Empty { Ok(None) } else { at(column, cell.flag()).map(Some) }
}

impl CanaryLog {
    /// Refuses rows that are later than `latest`, if there is one.
    #[must_use]
    pub fn until(mut self, latest: Option<Timestamp>) -> Self {
        self.latest = latest;
        self
    }

    /// How many rows were taken.
    pub fn rows(&self) -> u64 {
        self.rows as u64
    }

    /// The facts, judged by `criteria`.
    pub fn facts(mut self, criteria: &CanaryCriteria) -> Facts {
        let limits = &criteria.limits;
        let mut judge = Judge::default();
        self.audit(&mut judge, criteria);
        for (index, name) in OUTCOMES.into_iter().enumerate() {
            self.outcome(&mut judge, limits, index, name);
        }
        if self.users.iter().all(|user| user.outcomes.iter().all(|(looked, _)| *looked == 0)) {
            judge.lacking("The log holds no outcome: fill in clicked or completed");
        }
        let requests = |arm: Arm| Proportion {
            successes: self.errors[arm as usize],
            trials: self.latency[arm as usize].len() as u64,
        };
        let complaints = |arm: Arm| Proportion {
            successes: self.users.iter().filter(|user| user.arm == arm && user.complained).count() as u64,
            trials: self.users.iter().filter(|user| user.arm == arm).count() as u64,
        };
        let guardrails = [
            (
                "increase of the error rate",
                requests(Arm::Challenger),
                requests(Arm::Champion),
                limits.max_error_rate_increase,
                limits.max_error_rate_increase_upper,
            ),
            (
                "increase of users who complain",
                complaints(Arm::Challenger),
                complaints(Arm::Champion),
                limits.max_complaint_increase,
                limits.max_complaint_increase_upper,
            ),
        ];
        for (name, challenger, champion, limit, upper) in guardrails {
            match compare_proportions(challenger, champion, 1.0 - limits.alpha) {
                Ok(found) => {
                    let figure = Figure::new(name, found.difference).spread(found.interval).counted(challenger.trials);
                    judge.at_most(figure, limit);
                    if let Some(most) = upper {
                        let end = Figure::new(format!("upper end of the {name}"), found.interval.high);
                        judge.at_most(end.counted(challenger.trials), most);
                    }
                }
                Err(error) => judge.undefined(&error, None),
            }
        }
        let [champion, challenger] = &mut self.latency;
        match (quantile(champion, 0.99), quantile(challenger, 0.99)) {
            (Ok(champion), Ok(challenger)) if champion > 0.0 => {
                judge.note(Figure::new("champion's p99 latency in ms", champion));
                judge.note(Figure::new("challenger's p99 latency in ms", challenger));
                judge.at_most(Figure::new("p99 latency ratio", challenger / champion), limits.max_p99_latency_ratio);
            }
            (Ok(_), Ok(_)) => judge.lacking("The champion's p99 latency is zero, so no ratio can be judged"),
            (Err(error), _) | (_, Err(error)) => judge.undefined(&error, None),
        }
        let about = format!("{} requests of {} users", self.rows, self.users.len());
        judge.facts(EvidenceKind::CanaryLog, &about, Criteria::Canary(criteria.clone()))
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of users")]
    fn audit(&self, judge: &mut Judge, criteria: &CanaryCriteria) {
        let count = |what: &dyn Fn(&User) -> bool| self.users.iter().filter(|user| what(user)).count() as u64;
        let challengers = count(&|user| user.arm == Arm::Challenger);
        let champions = self.users.len() as u64 - challengers;
        judge.at_least(Figure::new("challenger's users", challengers as f64), criteria.limits.min_users as f64);
        judge.at_least(
            Figure::new("days with the challenger's traffic", self.days.len() as f64),
            f64::from(criteria.min_days),
        );
        covered(
            judge,
            "hours from the challenger's first to its last request",
            self.challengers,
            criteria.min_days,
            criteria.limits.max_uncovered_hours,
        );
        begun_in_stage(judge, self.first, criteria.since);
        judge.at_most(Figure::new("users in both arms", count(&|user| user.in_both) as f64), 0.0);
        judge
            .at_most(Figure::new("users outside of their arm of the split", count(&|user| user.misplaced) as f64), 0.0);
        let share = f64::from(criteria.split.challenger_buckets) / f64::from(BUCKETS);
        match sample_ratio_mismatch(&[champions, challengers], &[1.0 - share, share]) {
            Ok(found) => {
                judge.note(Figure::new("challenger's share of users", challengers as f64 / self.users.len() as f64));
                judge.at_least(Figure::new("p of the sample ratio", found.p_value), criteria.limits.min_ratio_p);
            }
            Err(error) => judge.undefined(&error, None),
        }
    }

    /// How much of an outcome the log leaves open. Of each user it is the share of requests without it, so the mean over an
    /// arm is the most by which the arm's rate can be off, whichever outcomes were left out.
    #[expect(clippy::cast_precision_loss, reason = "counts of users")]
    fn missing(&self, judge: &mut Judge, limits: &CanaryLimits, index: usize, name: &str, known: u64) {
        let of = |arm: Arm| {
            let (users, open) =
                self.users.iter().filter(|user| user.arm == arm).fold((0_u64, 0.0), |(n, open), user| {
                    let looked = f64::from(user.outcomes[index].0) / f64::from(user.requests.max(1));
                    (n + 1, open + 1.0 - looked)
                });
            (users, if users == 0 { 0.0 } else { open / users as f64 })
        };
        let (champions, challengers) = (of(Arm::Champion), of(Arm::Challenger));
        if let Some(most) = limits.max_missing_outcomes {
            for (arm, (users, open)) in [("champion", champions), ("challenger", challengers)] {
                judge.at_most(Figure::new(format!("share of the {arm}'s {name} left open"), open).counted(users), most);
            }
            let figure = Figure::new(format!("challenger's users whose {name} is known"), known as f64);
            judge.at_least(figure, limits.min_users as f64);
        }
        if let Some(most) = limits.max_missing_outcome_difference {
            let apart = (challengers.1 - champions.1).abs();
            judge.at_most(Figure::new(format!("difference of the arms' shares of {name} left open"), apart), most);
        }
    }

    /// The relative uplift of an outcome: of each user the share of requests on which it came, users counted alike.
    #[expect(clippy::cast_precision_loss, reason = "counts of users")]
    fn outcome(&self, judge: &mut Judge, limits: &CanaryLimits, index: usize, name: &str) {
        let mut arms = [Moments::default(); 2];
        for user in &self.users {
            let (looked, came) = user.outcomes[index];
            if looked > 0 {
                arms[user.arm as usize].add(f64::from(came) / f64::from(looked));
            }
        }
        let [champion, challenger] = arms;
        if champion.n + challenger.n == 0 {
            return;
        }
        self.missing(judge, limits, index, name, challenger.n);
        match always_valid_uplift(&champion, &challenger, limits.alpha, limits.tuned_for as f64) {
            Ok(found) => {
                judge.note(Figure::new(format!("champion's {name} rate"), champion.mean()).counted(champion.n));
                judge.note(Figure::new(format!("challenger's {name} rate"), challenger.mean()).counted(challenger.n));
                judge.note(
                    Figure::new(format!("relative uplift of {name}"), found.estimate)
                        .spread(found.interval)
                        .counted(challenger.n),
                );
                judge.at_least(
                    Figure::new(format!("lower end of the uplift of {name}"), found.interval.low),
                    -limits.max_relative_loss,
                );
            }
            Err(error) => judge.undefined(&error, None),
        }
    }
}
