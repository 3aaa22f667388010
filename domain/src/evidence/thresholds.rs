//! What policy asks of evidence beyond what a file says of itself. Each limit is recorded with the facts that were
//! judged by it, so that anyone can judge the file again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{canary::CanaryLimits, shadow::ShadowLimits, statistics::PsiBins};

/// The limits that a profile sets. An absent one is not asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Of offline evaluations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<EvaluationLimits>,
    /// Of lint results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lint: Option<LintLimits>,
    /// Of drift between two sets of data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftLimits>,
    /// Of data expectations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expectations: Option<ExpectationLimits>,
    /// Of behavioural test suites.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behaviour: Option<BehaviourLimits>,
    /// Of the comparison with the champion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub champion: Option<ChampionLimits>,
    /// Of shadow evaluations, row by row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowLimits>,
    /// Of canary evaluations, row by row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryLimits>,
}

impl Thresholds {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is contradictory or out of range, in a sentence.
    ///
    /// # Errors
    /// The limit at fault.
    pub fn check(&self) -> Result<(), String> {
        if let Some(evaluation) = &self.evaluation {
            evaluation.check()?;
        }
        if let Some(drift) = &self.drift {
            within("drift.max_psi", drift.max_psi, 0.0, 100.0)?;
            within("drift.max_drifted_share", drift.max_drifted_share, 0.0, 1.0)?;
            if !(2..=100).contains(&drift.bins) {
                return Err(format!("drift.bins is {}; between 2 and 100 are meaningful", drift.bins));
            }
            within("drift.floor", drift.floor, 1e-12, 1e-3)?;
            for (name, bound) in &drift.bounds {
                drift_statistic(name)?;
                within(&format!("drift.bounds.{name}"), *bound, 0.0, 1e12)?;
            }
        }
        if let Some(behaviour) = &self.behaviour {
            for (kind, rate) in &behaviour.max_failure_rate {
                within(&format!("behaviour.max_failure_rate.{}", kind.id()), *rate, 0.0, 1.0)?;
            }
            if behaviour.max_failure_rate.is_empty() {
                return Err("behaviour.max_failure_rate names no type of test (MFT, INV, DIR)".into());
            }
        }
        if let Some(champion) = &self.champion {
            if !(champion.confidence > 0.5 && champion.confidence < 1.0) {
                return Err(format!("champion.confidence is {}; it lies between 0.5 and 1", champion.confidence));
            }
            if champion.margins.is_empty() {
                return Err("champion.margins names no metric, so nothing could be compared".into());
            }
            for (metric, margin) in champion.margins.iter().chain(&champion.segment_margins) {
                let most = if champion.relative.contains(metric) { 1.0 } else { 1e12 };
                within(&format!("the margin of {}", metric.id()), *margin, 0.0, most)?;
            }
            champion.check_metrics()?;
        }
        if let Some(shadow) = &self.shadow {
            shadow.check()?;
        }
        if let Some(canary) = &self.canary {
            canary.check()?;
        }
        Ok(())
    }
}

/// One market's own limits, by name; what it does not name is the profile's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MarketThresholds {
    /// Of shadow evaluations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shadow: Overrides,
    /// Of canary evaluations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub canary: Overrides,
}

impl MarketThresholds {
    /// Whether the market has none of its own.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Limits by name.
pub type Overrides = BTreeMap<String, Limit>;

/// The value of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Limit {
    /// Yes or no.
    Flag(bool),
    /// A number, whole or not: JSON does not tell 5 from 5.0, and policies are kept as JSON.
    Number(f64),
}

/// The limits of a profile with those of a market laid over them.
///
/// # Errors
/// A name that is no limit, or a value of the wrong kind.
pub(crate) fn overlaid<T: Serialize + DeserializeOwned>(base: &T, own: &Overrides) -> Result<T, String> {
    let mut table = toml::Table::try_from(base).map_err(|error| error.to_string())?;
    for (name, limit) in own {
        let Some(known) = table.get_mut(name) else {
            return Err(format!("there is no threshold {name}"));
        };
        *known = match (limit, known.is_integer()) {
            (Limit::Flag(value), _) => (*value).into(),
            #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
            (Limit::Number(value), true) if value.fract() == 0.0 && value.abs() < 1e15 => (*value as i64).into(),
            (Limit::Number(value), _) => (*value).into(),
        };
    }
    table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

pub(crate) fn within(what: &str, value: f64, low: f64, high: f64) -> Result<(), String> {
    if value.is_finite() && value >= low && value <= high {
        Ok(())
    } else {
        Err(format!("{what} is {value}; it lies between {low} and {high}"))
    }
}

/// What an offline evaluation must show, whatever bounds its file brings along.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EvaluationLimits {
    /// Bounds by metric; the case of its name does not matter.
    pub metrics: BTreeMap<String, MetricBound>,
    /// Metrics that every evaluation must hold.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub required: BTreeSet<String>,
    /// Metrics of which every evaluation must hold one at least: models of different kinds are measured differently.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub one_of: BTreeSet<String>,
}

/// The bounds of one metric; at least one of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MetricBound {
    /// Smallest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// Largest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
}

impl EvaluationLimits {
    /// The bounds of a metric.
    pub fn bound(&self, metric: &str) -> Option<MetricBound> {
        self.metrics.iter().find(|(name, _)| is_metric(name, metric)).map(|(_, bound)| *bound)
    }

    fn check(&self) -> Result<(), String> {
        if self.metrics.is_empty() {
            return Err("evaluation.metrics names no metric, so nothing is bounded".into());
        }
        for (name, bound) in &self.metrics {
            match (bound.at_least, bound.at_most) {
                (None, None) => return Err(format!("evaluation.metrics.{name} states neither at_least nor at_most")),
                (Some(low), Some(high)) if low > high => {
                    return Err(format!("evaluation.metrics.{name} asks for at least {low} and at most {high}"));
                }
                _ => {}
            }
            for bound in [bound.at_least, bound.at_most].into_iter().flatten() {
                within(&format!("evaluation.metrics.{name}"), bound, -1e12, 1e12)?;
            }
            if self.metrics.keys().any(|other| other != name && is_metric(other, name)) {
                return Err(format!("evaluation.metrics.{name} is stated twice, but for the case of its letters"));
            }
        }
        match self.required.iter().chain(&self.one_of).find(|name| self.bound(name).is_none()) {
            Some(name) => Err(format!("evaluation asks for {name} and states no bound of it under evaluation.metrics")),
            None => Ok(()),
        }
    }
}

/// Whether two names are of one metric.
pub(crate) fn is_metric(a: &str, b: &str) -> bool {
    a.trim().eq_ignore_ascii_case(b.trim())
}

/// How much a linter may find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LintLimits {
    /// Findings of level error.
    pub max_errors: u64,
    /// Findings of level warning; any number, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_warnings: Option<u64>,
}

/// How far current data may have moved from the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DriftLimits {
    /// Largest population stability index of a feature that has not drifted.
    pub max_psi: f64,
    /// Largest share of features that may have drifted, 0 to 1.
    pub max_drifted_share: f64,
    /// Quantile bins of the reference, for numbers; categories are their own bins.
    pub bins: u32,
    /// A bin's share below this counts as this, so that an empty bin does not make the index infinite.
    pub floor: f64,
    /// Fewest values that reference and current must each hold.
    pub min_rows: u64,
    /// Whether each feature that the lineage names must be looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub every_feature: bool,
    /// Bounds of a report's other statistics by Evidently's names of the methods: of a p-value the least, of a distance
    /// where drift begins. Where there are any, a report's own thresholds do not count, and a statistic that is not among
    /// them shows nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bounds: BTreeMap<String, f64>,
}

/// What is asked of data expectations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ExpectationLimits {
    /// Whether each feature that the lineage names must be looked at.
    pub every_feature: bool,
}

/// Refuses a name under `drift.bounds` that no statistic goes by.
fn drift_statistic(name: &str) -> Result<(), String> {
    if name == "psi" {
        return Err("drift.bounds.psi: the bound of psi is drift.max_psi".into());
    }
    if STATISTICS.iter().any(|(id, ..)| *id == name) {
        return Ok(());
    }
    let known = STATISTICS.map(|(id, ..)| id).join(", ");
    Err(format!("drift.bounds.{name}: there is no such statistic; these are known: {known}"))
}

/// On which side of the threshold a score means drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drift {
    /// The score is a distance: at the threshold or above.
    High,
    /// The score is a p-value: below the threshold.
    Low,
}

/// The methods that Evidently ships: name, display names in lower case, and the side of drift. Not among them: the
/// percentile text drift, whose score is not held against its threshold.
pub(crate) const STATISTICS: [(&str, &[&str], Drift); 19] = [
    ("psi", &[], Drift::High),
    ("ks", &["k-s p_value"], Drift::Low),
    ("chisquare", &["chi-square p_value"], Drift::Low),
    ("z", &["z-test p_value"], Drift::Low),
    ("anderson", &["anderson-darling", "anderson p_value"], Drift::Low),
    ("fisher_exact", &["fisher's exact test", "fisher_exact p_value"], Drift::Low),
    ("cramer_von_mises", &["cramer-von mises"], Drift::Low),
    ("g_test", &["g-test", "g_test p_value"], Drift::Low),
    ("mannw", &["mann-whitney u-rank test"], Drift::Low),
    ("t_test", &["t-test p_value", "t_test p_value"], Drift::Low),
    ("es", &["epps-singleton"], Drift::Low),
    ("tvd", &["total-variation-distance"], Drift::Low),
    ("empirical_mmd", &["empirical_mmd p_value"], Drift::Low),
    ("wasserstein", &["wasserstein distance (normed)"], Drift::High),
    ("kl_div", &["kullback-leibler divergence"], Drift::High),
    ("jensenshannon", &["jensen-shannon distance"], Drift::High),
    ("hellinger", &["hellinger distance", "hellinger distance (normed)"], Drift::High),
    ("ed", &["energy-distance"], Drift::High),
    ("abs_text_content_drift", &["absolute text content drift"], Drift::High),
];

impl DriftLimits {
    /// How a feature is cut up.
    pub fn psi_bins(&self) -> PsiBins {
        PsiBins { count: self.bins as usize, floor: self.floor }
    }
}

/// How often a behavioural test may fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BehaviourLimits {
    /// Largest failure rate of a test, by its type, 0 to 1.
    pub max_failure_rate: BTreeMap<TestType, f64>,
    /// Fewest cases that a test must have run.
    pub min_cases: u64,
}

/// The type of a behavioural test (Ribeiro et al., Beyond Accuracy: Behavioral Testing of NLP Models with `CheckList`,
/// ACL 2020, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TestType {
    /// Minimum functionality test.
    #[serde(rename = "MFT")]
    Mft,
    /// Invariance test.
    #[serde(rename = "INV")]
    Inv,
    /// Directional expectation test.
    #[serde(rename = "DIR")]
    Dir,
}

impl TestType {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::Mft, Self::Inv, Self::Dir];

    /// The type's id in files and policies.
    pub fn id(self) -> &'static str {
        match self {
            Self::Mft => "MFT",
            Self::Inv => "INV",
            Self::Dir => "DIR",
        }
    }
}

/// How much worse than the champion a challenger may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChampionLimits {
    /// By metric, how much worse the whole population may fare, in the metric's own unit. A metric without a margin is
    /// not accepted.
    pub margins: BTreeMap<Metric, f64>,
    /// The same for one segment, where it differs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub segment_margins: BTreeMap<Metric, f64>,
    /// Confidence of the two-sided interval whose worse end must stay within the margin.
    pub confidence: f64,
    /// Fewest pairs overall.
    pub min_sample: u64,
    /// Fewest pairs of a segment; a smaller one is shown and not judged, unless it is required.
    pub min_segment_sample: u64,
    /// Segments that must be there and large enough.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub segments: BTreeSet<String>,
    /// What decides, whatever metric a file names: the first of these that the file's labels allow. Where there are none,
    /// the file's metric does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// Metrics whose margins are shares of the champion's value, and not in the metric's own unit.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub relative: BTreeSet<Metric>,
}

impl ChampionLimits {
    /// How much worse than a champion of `value` a challenger may be, by one of the margins.
    pub fn allowed(&self, metric: Metric, margin: f64, value: f64) -> f64 {
        if self.relative.contains(&metric) { margin * value.abs() } else { margin }
    }

    fn check_metrics(&self) -> Result<(), String> {
        for metric in &self.metrics {
            if !self.margins.contains_key(metric) {
                return Err(format!(
                    "champion.metrics names {0}, and champion.margins states no margin of {0}",
                    metric.id()
                ));
            }
            if metric.has_unit() && !self.relative.contains(metric) {
                return Err(format!(
                    "champion.metrics names {0}, which has the label's unit: name {0} under champion.relative, so that its margin is a share of the champion's value",
                    metric.id()
                ));
            }
        }
        Ok(())
    }
}

/// What two models are compared by, on the same cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Area under the ROC curve: labels 0 and 1, higher is better.
    Auc,
    /// Mean logarithmic loss: labels 0 and 1, scores between; lower is better.
    LogLoss,
    /// Mean squared error; of probabilities, the Brier score.
    SquaredError,
    /// Mean absolute error.
    AbsoluteError,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 4] = [Self::Auc, Self::LogLoss, Self::SquaredError, Self::AbsoluteError];

    /// The metric's id in files and policies.
    pub fn id(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::LogLoss => "log_loss",
            Self::SquaredError => "squared_error",
            Self::AbsoluteError => "absolute_error",
        }
    }

    /// Whether its value depends on the unit in which labels are written.
    pub fn has_unit(self) -> bool {
        matches!(self, Self::SquaredError | Self::AbsoluteError)
    }

    /// Whether it takes labels 0 and 1 alone.
    pub fn needs_classes(self) -> bool {
        matches!(self, Self::Auc | Self::LogLoss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_out_of_range_are_named() {
        let drift = DriftLimits {
            max_psi: 0.25,
            max_drifted_share: 0.0,
            bins: 1,
            floor: 1e-6,
            min_rows: 0,
            every_feature: false,
            bounds: BTreeMap::new(),
        };
        let bounds = |name: &str| {
            let drift = DriftLimits { bins: 10, bounds: [(name.to_owned(), 0.1)].into(), ..drift.clone() };
            Thresholds { drift: Some(drift), ..Thresholds::default() }.check()
        };
        assert_eq!(bounds("jensenshannon"), Ok(()));
        assert!(bounds("psi").unwrap_err().contains("drift.max_psi"));
        assert!(bounds("jensen").unwrap_err().contains("no such statistic"));
        let fault = Thresholds { drift: Some(drift.clone()), ..Thresholds::default() }.check().unwrap_err();
        assert!(fault.contains("drift.bins"), "{fault}");
        let champion = ChampionLimits {
            margins: [(Metric::Auc, 0.01)].into(),
            segment_margins: BTreeMap::new(),
            confidence: 1.0,
            min_sample: 1,
            min_segment_sample: 1,
            segments: BTreeSet::new(),
            metrics: Vec::new(),
            relative: BTreeSet::new(),
        };
        let with = |champion: ChampionLimits| Thresholds { champion: Some(champion), ..Thresholds::default() }.check();
        assert!(with(champion.clone()).unwrap_err().contains("champion.confidence"));
        let sure = ChampionLimits { confidence: 0.95, ..champion };
        assert_eq!(with(sure.clone()), Ok(()));
        let evaluation = |toml: &str| {
            let evaluation = Some(toml::from_str::<EvaluationLimits>(toml).unwrap());
            Thresholds { evaluation, ..Thresholds::default() }.check()
        };
        assert_eq!(evaluation("one_of = [\"AUC\"]\n[metrics]\nauc = { at_least = 0.6 }"), Ok(()));
        for (toml, part) in [
            ("[metrics]", "names no metric"),
            ("[metrics]\nauc = {}", "neither at_least nor at_most"),
            ("[metrics]\nauc = { at_least = 0.6, at_most = 0.5 }", "at least 0.6 and at most 0.5"),
            ("[metrics]\nauc = { at_least = 0.6 }\nAUC = { at_least = 0.7 }", "twice"),
            ("required = [\"brier\"]\n[metrics]\nauc = { at_least = 0.6 }", "asks for brier"),
        ] {
            let fault = evaluation(toml).unwrap_err();
            assert!(fault.contains(part), "{fault}");
        }
        let by_loss = ChampionLimits {
            margins: [(Metric::SquaredError, 0.1)].into(),
            metrics: vec![Metric::SquaredError],
            ..sure.clone()
        };
        assert!(with(by_loss.clone()).unwrap_err().contains("champion.relative"), "a unit of one's own choice");
        assert_eq!(with(ChampionLimits { relative: [Metric::SquaredError].into(), ..by_loss.clone() }), Ok(()));
        let unbounded = ChampionLimits { metrics: vec![Metric::Auc], ..by_loss };
        assert!(with(unbounded).unwrap_err().contains("no margin of auc"));
        let negative = ChampionLimits { margins: [(Metric::Auc, -0.01)].into(), ..sure.clone() };
        assert!(with(negative).unwrap_err().contains("margin of auc"));
        assert!(with(ChampionLimits { margins: BTreeMap::new(), ..sure }).is_err());
        let rates = BehaviourLimits { max_failure_rate: [(TestType::Mft, 1.5)].into(), min_cases: 1 };
        let fault = Thresholds { behaviour: Some(rates), ..Thresholds::default() }.check().unwrap_err();
        assert!(fault.contains("MFT"), "{fault}");
    }
}
