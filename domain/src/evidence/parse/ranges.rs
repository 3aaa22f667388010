//! Ranges outside of which a metric of a common name cannot lie, by its definition.

use super::ParseError;
use super::node::Node;

const SHARES: [&str; 24] = [
    "auc",
    "roc_auc",
    "auroc",
    "auc_roc",
    "auc_pr",
    "pr_auc",
    "average_precision",
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "sensitivity",
    "specificity",
    "f1",
    "macro_f1",
    "micro_f1",
    "weighted_f1",
    "brier",
    "brier_score",
    "ndcg",
    "map",
    "mrr",
    "hit_rate",
    "ks_statistic",
];
const CORRELATIONS: [&str; 8] =
    ["spearman", "kendall", "pearson", "gini", "mcc", "matthews_corrcoef", "kappa", "cohen_kappa"];
const LOSSES: [&str; 9] = ["log_loss", "rmse", "mse", "mae", "mape", "rmsle", "squared_error", "absolute_error", "psi"];

/// Least and most of the metric of that name; a name at a depth (`ndcg_at_10`, `recall@5`) has the range of the metric.
fn range(name: &str) -> Option<(f64, f64)> {
    let name = name.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    let base = name.split_once("_at_").or_else(|| name.split_once('@')).map_or(name.as_str(), |(base, _)| base);
    if SHARES.contains(&base) {
        Some((0.0, 1.0))
    } else if CORRELATIONS.contains(&base) {
        Some((-1.0, 1.0))
    } else if LOSSES.contains(&base) {
        Some((0.0, f64::INFINITY))
    } else if base == "r2" {
        Some((f64::NEG_INFINITY, 1.0))
    } else {
        None
    }
}

/// Refuses a value that the metric cannot have.
pub(super) fn check(name: &str, value: &Node<'_>) -> Result<(), ParseError> {
    let number = value.number()?;
    match range(name) {
        Some((low, high)) if !(low..=high).contains(&number) => {
            let lies = match (low.is_finite(), high.is_finite()) {
                (true, true) => format!("between {low} and {high}"),
                (true, false) => format!("at {low} or above"),
                _ => format!("at {high} or below"),
            };
            Err(value.fault(format!("{} is {number}; by its definition it lies {lies}", super::bounded(name))))
        }
        _ => Ok(()),
    }
}
