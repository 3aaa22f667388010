//! Shadow evaluation: a version scores a market's production traffic beside the champion, and nobody sees its answers.
//!
//! The evidence is a file with a row for each request. [`ShadowPairs`] takes the rows and keeps columns of numbers, not
//! rows; its memory is bounded by [`MAX_ROWS`]. The facts follow from the rows and the criteria alone.

use std::{
    collections::{BTreeSet, HashMap, HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    evidence::{
        Criteria, EvidenceKind, Facts, Figure,
        judge::Judge,
        table::{Cell, CellFault, Column, Rows, at, needed, past, shown},
        thresholds::within,
    },
    split::Arm,
    statistics::{
        Interval, PsiBins, StatisticsError, kolmogorov_smirnov, psi, quantile, spearman, spearman_interval,
        top_k_overlap,
    },
};

/// The most rows of one file. About 50 bytes are kept of each, and as much again is needed to rank them.
pub const MAX_ROWS: usize = 5_000_000;
/// Different inputs are counted so far and no further.
pub const MAX_INPUTS: usize = 100_000;
/// The most segments that a file may name.
pub const MAX_SEGMENTS: usize = 1_000;

/// Policy's limits for shadow evaluations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ShadowLimits {
    /// Pairs of scores at least.
    pub min_pairs: u64,
    /// Pairs of scores at least in each segment.
    pub min_segment_pairs: u64,
    /// Whether the file must name segments.
    pub segments_required: bool,
    /// Spearman's correlation of both scores at least.
    pub min_spearman: f64,
    /// The same in each segment.
    pub min_segment_spearman: f64,
    /// Confidence of the intervals shown beside the correlations.
    pub confidence: f64,
    /// How many of a ranking's first items are compared.
    pub top_k: u32,
    /// Mean overlap of the first `top_k` at least, where the file holds rankings.
    pub min_top_k_overlap: f64,
    /// Population stability index of the challenger's scores against the champion's at most.
    pub max_psi: f64,
    /// Bins of the index.
    pub psi_bins: u32,
    /// A bin's share below this counts as this.
    pub psi_floor: f64,
    /// Kolmogorov–Smirnov distance of both scores at most.
    pub max_ks: f64,
    /// Share of requests on which both models saw the same features, at least.
    pub min_feature_match: f64,
    /// 99th percentile of the challenger's latency over the champion's, at most.
    pub max_p99_latency_ratio: f64,
    /// Share of requests on which the challenger failed or timed out, at most.
    pub max_error_rate: f64,
    /// Median latency of the champion while the challenger timed out over that otherwise, at most.
    pub max_champion_slowdown: f64,
    /// Share of requests on which the champion failed, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_champion_error_rate: Option<f64>,
    /// Percentage of requests that both models scored, at least: what either left out is in no correlation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_scored_percent: Option<f64>,
    /// Different inputs that the champion saw, by the hash of their features, at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_distinct_inputs: Option<u32>,
    /// Hours by which the time from the first to the last request may fall short of the days that the market asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_uncovered_hours: Option<f64>,
}

impl ShadowLimits {
    /// What is out of range, in a sentence.
    ///
    /// # Errors
    /// The limit at fault.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub fn check(&self) -> Result<(), String> {
        for (name, value, low, high) in [
            ("shadow.min_spearman", self.min_spearman, -1.0, 1.0),
            ("shadow.min_segment_spearman", self.min_segment_spearman, -1.0, 1.0),
            ("shadow.confidence", self.confidence, 0.5, 0.9999),
            ("shadow.top_k", f64::from(self.top_k), 1.0, 1_000.0),
            ("shadow.min_top_k_overlap", self.min_top_k_overlap, 0.0, 1.0),
            ("shadow.max_psi", self.max_psi, 0.0, 100.0),
            ("shadow.psi_bins", f64::from(self.psi_bins), 2.0, 100.0),
            ("shadow.psi_floor", self.psi_floor, 1e-12, 1e-3),
            ("shadow.max_ks", self.max_ks, 0.0, 1.0),
            ("shadow.min_feature_match", self.min_feature_match, 0.0, 1.0),
            ("shadow.max_p99_latency_ratio", self.max_p99_latency_ratio, 0.0, 1e6),
            ("shadow.max_error_rate", self.max_error_rate, 0.0, 1.0),
            ("shadow.max_champion_slowdown", self.max_champion_slowdown, 0.0, 1e6),
        ] {
            within(name, value, low, high)?;
        }
        let optional = [
            ("shadow.max_champion_error_rate", self.max_champion_error_rate, 0.0, 1.0),
            ("shadow.min_scored_percent", self.min_scored_percent, 0.0, 100.0),
            ("shadow.min_distinct_inputs", self.min_distinct_inputs.map(f64::from), 1.0, MAX_INPUTS as f64),
            ("shadow.max_uncovered_hours", self.max_uncovered_hours, 0.0, 24.0),
        ];
        for (name, value, low, high) in optional {
            value.map_or(Ok(()), |value| within(name, value, low, high))?;
        }
        Ok(())
    }
}

/// What a shadow evaluation was held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShadowCriteria {
    /// Days with traffic that it must cover, as the market asks.
    pub min_days: u32,
    /// When the version entered Shadow in the market: earlier requests are not of this trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The profile's limits with the market's own laid over them.
    pub limits: ShadowLimits,
}

/// The columns of a shadow file.
pub const COLUMNS: [Column; 14] = [
    Column::required("request_id"),
    Column::required("time"),
    Column::required("champion_score"),
    Column::required("challenger_score"),
    Column::required("champion_latency_ms"),
    Column::required("challenger_latency_ms"),
    Column::required("champion_features"),
    Column::required("challenger_features"),
    Column::required("served_by"),
    Column::optional("champion_error"),
    Column::optional("challenger_error"),
    Column::optional("challenger_timeout"),
    Column::optional("segment"),
    Column::optional("list"),
];

/// The rows of a shadow file, as they come.
#[derive(Debug, Default)]
pub struct ShadowPairs {
    latest: Option<Timestamp>,
    rows: u64,
    requests: Vec<u64>,
    days: BTreeSet<i64>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    inputs: HashSet<u64>,
    champion: Vec<f64>,
    challenger: Vec<f64>,
    segment_names: Names,
    segments: Vec<u32>,
    list_names: Names,
    lists: Vec<u32>,
    champion_latency: Vec<f64>,
    champion_latency_in_timeouts: Vec<f64>,
    challenger_latency: Vec<f64>,
    unlike_features: u64,
    served_by_challenger: u64,
    champion_errors: u64,
    challenger_errors: u64,
    timeouts: u64,
}

/// Names by number, in the order in which they came.
#[derive(Debug, Default)]
struct Names {
    numbers: HashMap<String, u32>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.to_owned(), number);
        number
    }

    fn len(&self) -> usize {
        self.numbers.len()
    }

    fn in_order(self) -> Vec<String> {
        let mut names: Vec<(u32, String)> = self.numbers.into_iter().map(|(name, number)| (number, name)).collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name).collect()
    }
}

impl Rows for ShadowPairs {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn take(&mut self, cells: &[Cell<'_>]) -> Result<(), CellFault> {
        let [
            request,
            time,
            champion,
            challenger,
            champion_latency,
            challenger_latency,
            champion_features,
            challenger_features,
            served_by,
            champion_error,
            challenger_error,
            timeout,
            segment,
            list,
        ] = *cells
        else {
            return Err(CellFault { column: None, reason: format!("it has {} cells", cells.len()) });
        };
        if self.requests.len() == MAX_ROWS {
            return Err(CellFault {
                column: None,
                reason: format!(
                    "a file may have at most {MAX_ROWS} rows; sample the requests, or attach several files"
                ),
            });
        }
        let request = needed("request_id", request.text())?;
        let time = past("time", time, self.latest)?;
        let served_by = at("served_by", served_by.arm())?;
        let champion_error = at("champion_error", champion_error.flag())?;
        let challenger_error = at("challenger_error", challenger_error.flag())?;
        let timed_out = at("challenger_timeout", timeout.flag())?;
        let champion = at("champion_score", champion.number())?;
        let challenger = at("challenger_score", challenger.number())?;
        let unscored = |column, failed: bool, score: Option<f64>| {
            if score.is_none() && !failed {
                let reason = "it is empty, and no error or timeout says why".to_owned();
                return Err(CellFault { column: Some(column), reason });
            }
            Ok(())
        };
        unscored("champion_score", champion_error, champion)?;
        unscored("challenger_score", challenger_error || timed_out, challenger)?;
        let champion_features = needed("champion_features", champion_features.text())?;
        let challenger_features = at("challenger_features", challenger_features.text())?;
        let champion_latency = needed("champion_latency_ms", champion_latency.amount())?;
        let challenger_latency = at("challenger_latency_ms", challenger_latency.amount())?;
        if challenger_latency.is_none() && !timed_out && !challenger_error {
            return Err(CellFault { column: Some("challenger_latency_ms"), reason: "it is empty".into() });
        }
        let segment = at("segment", segment.text())?;
        let list = at("list", list.text())?;

        self.rows += 1;
        self.requests.push(hashed(&request));
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = self.last.max(Some(time));
        if self.inputs.len() < MAX_INPUTS {
            self.inputs.insert(hashed(&champion_features));
        }
        self.days.insert(time.seconds().div_euclid(86_400));
        self.unlike_features += u64::from(challenger_features.is_none_or(|hash| hash != champion_features));
        self.served_by_challenger += u64::from(served_by == Arm::Challenger);
        self.champion_errors += u64::from(champion_error);
        self.challenger_errors += u64::from(challenger_error || timed_out);
        self.timeouts += u64::from(timed_out);
        if timed_out {
            self.champion_latency_in_timeouts.push(champion_latency);
        } else {
            self.champion_latency.push(champion_latency);
        }
        self.challenger_latency.extend(challenger_latency);
        if let (Some(champion), Some(challenger)) = (champion, challenger) {
            self.champion.push(champion);
            self.challenger.push(challenger);
            if let Some(segment) = segment {
                // Segments came late, or were left out in between: what has none is a segment of its own.
                let unnamed = self.champion.len() - 1 - self.segments.len();
                if unnamed > 0 {
                    let number = self.segment_names.number("(none)");
                    self.segments.extend(std::iter::repeat_n(number, unnamed));
                }
                let number = self.segment_names.number(&shown(&segment));
                self.segments.push(number);
                if self.segment_names.len() > MAX_SEGMENTS {
                    return Err(CellFault {
                        column: Some("segment"),
                        reason: format!("there are more than {MAX_SEGMENTS} segments; name groups, not people"),
                    });
                }
            }
            if let Some(list) = list {
                let unnamed = self.champion.len() - 1 - self.lists.len();
                self.lists.extend(std::iter::repeat_n(NO_LIST, unnamed));
                let number = self.list_names.number(&list);
                self.lists.push(number);
            }
        }
        Ok(())
    }
}

/// Requests that were made before the version entered the stage are not of this trial.
pub(crate) fn begun_in_stage(judge: &mut Judge, first: Option<Timestamp>, since: Option<Timestamp>) {
    if let (Some(first), Some(since)) = (first, since) {
        #[expect(clippy::cast_precision_loss, reason = "microseconds of a few centuries")]
        let hours = (first.micros() - since.micros()) as f64 / 3.6e9;
        judge.at_least(Figure::new("hours from the stage's beginning to the first request", hours), 0.0);
    }
}

/// Days on which there was some traffic are not days of trial: five of them and two minutes touch seven dates. What counts
/// is the time from the first to the last request, which may fall short by the hours that policy allows.
pub(crate) fn covered(
    judge: &mut Judge,
    what: &str,
    (first, last): (Option<Timestamp>, Option<Timestamp>),
    days: u32,
    uncovered_hours: Option<f64>,
) {
    let (Some(first), Some(last), Some(allowed)) = (first, last, uncovered_hours) else { return };
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a few centuries")]
    let hours = (last.micros() - first.micros()) as f64 / 3.6e9;
    judge.at_least(Figure::new(what, hours), (f64::from(days) * 24.0 - allowed).max(0.0));
}

const NO_LIST: u32 = u32::MAX;

/// Where two texts are equal their hashes are; the reverse fails once in 2⁶⁴.
pub(crate) fn hashed(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl ShadowPairs {
    /// Refuses rows that are later than `latest`, if there is one.
    #[must_use]
    pub fn until(mut self, latest: Option<Timestamp>) -> Self {
        self.latest = latest;
        self
    }

    /// How many rows were taken.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The facts, judged by `criteria`.
    #[expect(clippy::cast_precision_loss, reason = "counts of rows")]
    pub fn facts(mut self, criteria: &ShadowCriteria) -> Facts {
        let limits = &criteria.limits;
        let rows = self.rows;
        let mut judge = Judge::default();
        judge.at_least(Figure::new("scored pairs", self.champion.len() as f64), limits.min_pairs as f64);
        judge.at_least(Figure::new("days with traffic", self.days.len() as f64), f64::from(criteria.min_days));
        covered(
            &mut judge,
            "hours from the first to the last request",
            (self.first, self.last),
            criteria.min_days,
            limits.max_uncovered_hours,
        );
        begun_in_stage(&mut judge, self.first, criteria.since);
        self.requests.sort_unstable();
        self.requests.dedup();
        judge.at_most(Figure::new("rows that repeat a request", (rows - self.requests.len() as u64) as f64), 0.0);
        self.requests = Vec::new();
        judge.at_most(Figure::new("answers served by the challenger", self.served_by_challenger as f64), 0.0);
        judge.at_least(
            Figure::new("share of identical inputs", share(rows - self.unlike_features, rows)).counted(rows),
            limits.min_feature_match,
        );
        if let Some(least) = limits.min_distinct_inputs {
            let name = format!("different inputs (counted up to {MAX_INPUTS})");
            judge.at_least(Figure::new(name, self.inputs.len() as f64), f64::from(least));
        }
        if let Some(least) = limits.min_scored_percent {
            let scored = 100.0 * share(self.champion.len() as u64, rows);
            judge.at_least(Figure::new("percentage of requests that both models scored", scored).counted(rows), least);
        }
        let champion_errors = Figure::new("champion's error rate", share(self.champion_errors, rows)).counted(rows);
        match limits.max_champion_error_rate {
            Some(most) => judge.at_most(champion_errors, most),
            None => judge.note(champion_errors),
        }
        judge.at_most(
            Figure::new("challenger's error rate", share(self.challenger_errors, rows)).counted(rows),
            limits.max_error_rate,
        );
        self.latency(&mut judge, limits);
        self.overall(&mut judge, limits);
        self.rankings(&mut judge, limits);
        self.segments(&mut judge, limits);
        let about = format!("{rows} requests");
        judge.facts(EvidenceKind::ShadowPairs, &about, Criteria::Shadow(criteria.clone()))
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of rows")]
    fn latency(&mut self, judge: &mut Judge, limits: &ShadowLimits) {
        let mut during = std::mem::take(&mut self.champion_latency_in_timeouts);
        let mut otherwise = std::mem::take(&mut self.champion_latency);
        let counted = during.len() as u64;
        if counted > 0 {
            judge.note(Figure::new("challenger's timeouts", self.timeouts as f64));
        }
        // The median: a few slow requests would move a higher percentile of a small group.
        if let (Ok(during), Ok(otherwise)) = (quantile(&mut during, 0.5), quantile(&mut otherwise, 0.5))
            && otherwise > 0.0
        {
            let slowdown = Figure::new("champion's slowdown during timeouts", during / otherwise).counted(counted);
            if counted >= limits.min_segment_pairs {
                judge.at_most(slowdown, limits.max_champion_slowdown);
            } else {
                judge.note(slowdown);
            }
        }
        otherwise.append(&mut during);
        let mut challenger = std::mem::take(&mut self.challenger_latency);
        match (quantile(&mut otherwise, 0.99), quantile(&mut challenger, 0.99)) {
            (Ok(champion), Ok(challenger)) if champion > 0.0 => {
                judge.note(Figure::new("champion's p99 latency in ms", champion));
                judge.note(Figure::new("challenger's p99 latency in ms", challenger));
                judge.at_most(Figure::new("p99 latency ratio", challenger / champion), limits.max_p99_latency_ratio);
            }
            (Ok(_), Ok(_)) => judge.lacking("The champion's p99 latency is zero, so no ratio can be judged"),
            (Err(error), _) | (_, Err(error)) => judge.undefined(&error, None),
        }
    }

    fn overall(&self, judge: &mut Judge, limits: &ShadowLimits) {
        match correlation(&self.champion, &self.challenger, limits.confidence) {
            Ok(figure) => judge.at_least(figure, limits.min_spearman),
            Err(error) => judge.undefined(&error, None),
        }
        let bins = PsiBins { count: limits.psi_bins as usize, floor: limits.psi_floor };
        match psi(&self.champion, &self.challenger, bins) {
            Ok(found) => {
                let name = format!(
                    "population stability index ({} quantile bins of the champion's scores, floor {})",
                    found.reference.len(),
                    limits.psi_floor
                );
                judge.at_most(Figure::new(name, found.value), limits.max_psi);
            }
            Err(error) => judge.undefined(&error, None),
        }
        match kolmogorov_smirnov(&self.champion, &self.challenger) {
            Ok(found) => {
                judge.at_most(Figure::new("Kolmogorov\u{2013}Smirnov distance", found.statistic), limits.max_ks);
                judge.note(Figure::new("p of the Kolmogorov\u{2013}Smirnov distance", found.p_value));
            }
            Err(error) => judge.undefined(&error, None),
        }
    }

    fn rankings(&mut self, judge: &mut Judge, limits: &ShadowLimits) {
        let lists = std::mem::take(&mut self.lists);
        let mut order: Vec<u32> = (0..).take(lists.len()).filter(|&row| lists[row as usize] != NO_LIST).collect();
        if order.is_empty() {
            return;
        }
        order.sort_by_key(|&row| lists[row as usize]);
        let k = limits.top_k as usize;
        let (mut overlap, mut judged) = (0.0, 0_u64);
        for rows in order.chunk_by(|a, b| lists[*a as usize] == lists[*b as usize]) {
            // The first k of a list that is no longer than k are the same whatever the scores.
            if rows.len() <= k {
                continue;
            }
            let ranked = |scores: &[f64]| {
                let mut rows = rows.to_vec();
                // Stable: equal scores keep the order of the file.
                rows.sort_by(|a, b| scores[*b as usize].total_cmp(&scores[*a as usize]));
                rows
            };
            overlap += top_k_overlap(&ranked(&self.champion), &ranked(&self.challenger), k).unwrap_or(0.0);
            judged += 1;
        }
        if judged == 0 {
            judge.lacking(format!("No list has more than {k} items, so the first {k} cannot be compared"));
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of lists")]
        let mean = overlap / judged as f64;
        judge.at_least(
            Figure::new(format!("mean overlap of the first {k}"), mean).counted(judged),
            limits.min_top_k_overlap,
        );
    }

    /// Each segment's correlation, the weakest first.
    fn segments(mut self, judge: &mut Judge, limits: &ShadowLimits) {
        if self.segments.is_empty() {
            if limits.segments_required {
                judge.lacking("The file names no segments; the policy asks for the correlation in each");
            }
            return;
        }
        let trailing = self.champion.len() - self.segments.len();
        if trailing > 0 {
            let number = self.segment_names.number("(none)");
            self.segments.extend(std::iter::repeat_n(number, trailing));
        }
        let names = self.segment_names.in_order();
        let mut found: Vec<(String, Result<Figure, StatisticsError>)> = Vec::with_capacity(names.len());
        let mut small = Vec::new();
        let mut order: Vec<u32> = (0..).take(self.segments.len()).collect();
        order.sort_by_key(|&row| self.segments[row as usize]);
        for rows in order.chunk_by(|a, b| self.segments[*a as usize] == self.segments[*b as usize]) {
            let name = names[self.segments[rows[0] as usize] as usize].clone();
            if (rows.len() as u64) < limits.min_segment_pairs {
                small.push((name, rows.len()));
                continue;
            }
            let of = |scores: &[f64]| -> Vec<f64> { rows.iter().map(|&row| scores[row as usize]).collect() };
            let figure = correlation(&of(&self.champion), &of(&self.challenger), limits.confidence);
            found.push((name.clone(), figure.map(|figure| figure.in_segment(name))));
        }
        let value =
            |entry: &Result<Figure, StatisticsError>| entry.as_ref().map_or(f64::NEG_INFINITY, |figure| figure.value);
        found.sort_by(|a, b| value(&a.1).total_cmp(&value(&b.1)).then_with(|| a.0.cmp(&b.0)));
        small.sort();
        for (name, pairs) in small {
            judge.lacking(format!(
                "Segment {name} has {pairs} scored pairs, asked >= {}; merge small segments or gather more",
                limits.min_segment_pairs
            ));
        }
        for (name, figure) in found {
            match figure {
                // Beyond the room there is only what is stronger than what is kept.
                Ok(figure) if judge.room() == 0 && figure.value >= limits.min_segment_spearman => {}
                Ok(figure) => judge.at_least(figure, limits.min_segment_spearman),
                Err(error) => judge.undefined(&error, Some(&name)),
            }
        }
    }
}

fn correlation(champion: &[f64], challenger: &[f64], confidence: f64) -> Result<Figure, StatisticsError> {
    let found = spearman(champion, challenger)?;
    let figure = Figure::new("Spearman's correlation", found.coefficient).counted(found.n as u64);
    let interval: Option<Interval> = spearman_interval(&found, confidence).ok();
    Ok(match interval {
        Some(interval) => figure.spread(interval),
        None => figure,
    })
}
