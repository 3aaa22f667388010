//! Countersign's own evaluation result:
//! `{"schema": "countersign/evaluation@1", "path": "model", "weights_digest": "sha256:…",
//!   "figures": [{"name": "auc", "value": 0.81, "at_least": 0.75}]}`.

use serde_json::Value;

use super::{ParseError, Parsed, bounded, node::Node};
use crate::evidence::{Artifact, EvidenceKind, EvidencePath, Facts, Figure, MAX_FIGURES, Verdict};

/// Name of the format.
pub(super) const SCHEMA: &str = "countersign/evaluation@1";

/// Reads an evaluation; each figure is held against its bounds here.
pub(super) fn read(value: &Value) -> Result<Parsed, ParseError> {
    let root = Node::root(SCHEMA, value);
    root.only(&["schema", "path", "weights_digest", "figures"])?;
    let path = match root.get("path") {
        None => EvidencePath::Model,
        Some(path) => path.text()?.parse().map_err(|error| path.fault(format!("{error}")))?,
    };
    let weights = root.get("weights_digest").map(|digest| digest.digest()).transpose()?;
    let list = root.need("figures")?;
    let items = list.items()?;
    if items.len() > MAX_FIGURES {
        return Err(list.fault(format!("{} figures are given; at most {MAX_FIGURES} are kept", items.len())));
    }
    let figures = items.iter().map(judge).collect::<Result<Vec<_>, _>>()?;
    let judged = figures.iter().filter(|figure| figure.passed.is_some()).count();
    if judged == 0 {
        return Err(list.fault("no figure has a threshold (at_least, at_most), so nothing is judged"));
    }
    let failures: Vec<String> = figures
        .iter()
        .filter(|figure| figure.passed == Some(false))
        .map(|figure| {
            format!("{} is {}, asked {}", figure.name, figure.value, figure.threshold.as_deref().unwrap_or(""))
        })
        .collect();
    let verdict = if failures.is_empty() { Verdict::Green } else { Verdict::Red };
    let summary = format!("{} of {judged} thresholds met.", judged - failures.len());
    Ok(Parsed {
        path: Some(path),
        names: weights.map(|digest| (Artifact::Weights, digest.to_string())),
        ..Parsed::of(Facts::new(EvidenceKind::Evaluation, verdict, summary).with(figures, failures))
    })
}

fn judge(node: &Node<'_>) -> Result<Figure, ParseError> {
    node.only(&["name", "value", "at_least", "at_most"])?;
    let figure = Figure::new(bounded(node.need("name")?.text()?), node.need("value")?.number()?);
    let (low, high) = (node.number_of("at_least")?, node.number_of("at_most")?);
    let threshold = match (low, high) {
        (None, None) => return Ok(figure),
        (Some(low), None) => format!(">= {low}"),
        (None, Some(high)) => format!("<= {high}"),
        (Some(low), Some(high)) => format!(">= {low} and <= {high}"),
    };
    let passed = low.is_none_or(|low| figure.value >= low) && high.is_none_or(|high| figure.value <= high);
    Ok(figure.asked(threshold, passed))
}
