//! The challenger against the champion, on the same cases:
//! `{"schema": "countersign/champion-challenger@1", "metric": "auc",
//!   "champion": {"version": 3, "weights_digest": "sha256:…"}, "challenger": {"weights_digest": "sha256:…"},
//!   "pairs": [{"label": 1, "champion": 0.61, "challenger": 0.66, "segment": "young"}]}`,
//! with `columns: {label: […], champion: […], challenger: […], segment: […]}` in place of `pairs`, or CSV with these
//! columns and notes before the header (`# metric: auc`, `# champion: sha256:…`, `# champion-version: 3`,
//! `# challenger: sha256:…`).
//!
//! The difference is that of paired scores: of the areas under the ROC curve by `DeLong`, of losses as a mean of
//! differences with Student's interval. The challenger passes where the worse end of the interval, not its middle,
//! lies within policy's margin: overall and in each segment that is large enough to say.

use std::collections::BTreeMap;

use ledger::Digest;
use serde_json::Value;

use super::{
    ParseError, Parsed, bounded, broken,
    csv::{Table, delimiter},
    node::Node,
};
use crate::{
    evidence::{
        Artifact, COMPARED_PREFIX, Compared, Criteria, EvidenceKind, Facts, Figure, MAX_FAILURES, Thresholds, Verdict,
        thresholds::{ChampionLimits, Metric},
    },
    id::VersionNumber,
    statistics::{Interval, compare_aucs, paired_difference},
};

/// Name of the format.
pub(super) const SCHEMA: &str = "countersign/champion-challenger@1";
const CSV: &str = "table of champion and challenger scores";
/// Segments in one file at most: the figures of each are kept.
const MAX_SEGMENTS: usize = 50;
/// A probability is kept this far from 0 and 1 before its logarithm is taken.
const LOG_FLOOR: f64 = 1e-15;

/// Whether a table's header is that of this format.
pub(super) fn is_table(header: &str) -> bool {
    let names: Vec<&str> = header.split(delimiter(header)).map(|name| name.trim().trim_matches('"')).collect();
    ["label", "champion", "challenger"].iter().all(|name| names.contains(name))
}

/// Whether an array's first element is a pair of scores.
pub(super) fn is_pair(first: &Value) -> bool {
    ["label", "champion", "challenger"].iter().all(|name| first.get(name).is_some())
}

/// Reads an array of pairs, which names no champion.
pub(super) fn read_array(value: &Value, asked: &Thresholds) -> Result<Parsed, ParseError> {
    let mut pairs = Pairs::default();
    read_pairs(&Node::root(SCHEMA, value), &mut pairs)?;
    judge(&pairs, asked).map_err(|fault| broken(SCHEMA, fault.0, fault.1))
}

fn read_pairs(list: &Node<'_>, pairs: &mut Pairs) -> Result<(), ParseError> {
    for pair in list.items()? {
        pair.only(&["label", "champion", "challenger", "segment"])?;
        pairs.labels.push(pair.need("label")?.number()?);
        pairs.champion.push(pair.need("champion")?.number()?);
        pairs.challenger.push(pair.need("challenger")?.number()?);
        if let Some(segment) = pair.text_of("segment")? {
            pairs.segment(segment);
        }
        if !pairs.segments.is_empty() && pairs.segments.len() != pairs.labels.len() {
            return Err(pair.fault("some pairs name a segment and some do not"));
        }
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Pairs {
    metric: Option<Metric>,
    compared: Compared,
    challenger_weights: Option<Digest>,
    labels: Vec<f64>,
    champion: Vec<f64>,
    challenger: Vec<f64>,
    /// The segment of each pair, as a position in `names`; empty if the file tells of none.
    segments: Vec<usize>,
    names: Vec<String>,
    known: BTreeMap<String, usize>,
}

impl Pairs {
    fn segment(&mut self, name: &str) {
        let at = *self.known.entry(bounded(name)).or_insert_with_key(|name| {
            self.names.push(name.clone());
            self.names.len() - 1
        });
        self.segments.push(at);
    }
}

fn metric(text: &str) -> Result<Metric, String> {
    Metric::ALL.into_iter().find(|metric| metric.id() == text).ok_or_else(|| {
        let known = Metric::ALL.map(Metric::id).join(", ");
        format!("{:?} is no metric of this format; it knows {known}", bounded(text))
    })
}

/// Reads the JSON format.
pub(super) fn read(value: &Value, asked: &Thresholds) -> Result<Parsed, ParseError> {
    let root = Node::root(SCHEMA, value);
    root.only(&["schema", "metric", "champion", "challenger", "pairs", "columns"])?;
    let mut pairs = Pairs::default();
    if let Some(node) = root.get("metric") {
        pairs.metric = Some(metric(node.text()?).map_err(|why| node.fault(why))?);
    }
    if let Some(champion) = root.get("champion") {
        champion.only(&["version", "weights_digest"])?;
        pairs.compared.weights = champion.get("weights_digest").map(|digest| digest.digest()).transpose()?;
        pairs.compared.version = match champion.get("version") {
            None => None,
            Some(number) => Some(version(number.count()?).ok_or_else(|| number.fault("versions count from 1"))?),
        };
    }
    if let Some(challenger) = root.get("challenger") {
        challenger.only(&["weights_digest"])?;
        pairs.challenger_weights = challenger.get("weights_digest").map(|digest| digest.digest()).transpose()?;
    }
    match (root.get("pairs"), root.get("columns")) {
        (Some(list), None) => read_pairs(&list, &mut pairs)?,
        (None, Some(columns)) => {
            columns.only(&["label", "champion", "challenger", "segment"])?;
            let numbers = |name: &str| -> Result<Vec<f64>, ParseError> {
                columns.need(name)?.items()?.iter().map(Node::number).collect()
            };
            pairs.labels = numbers("label")?;
            pairs.champion = numbers("champion")?;
            pairs.challenger = numbers("challenger")?;
            for segment in columns.list("segment")? {
                pairs.segment(segment.text()?);
            }
            let rows = pairs.labels.len();
            let lengths = [
                ("champion", pairs.champion.len()),
                ("challenger", pairs.challenger.len()),
                ("segment", if pairs.segments.is_empty() { rows } else { pairs.segments.len() }),
            ];
            if let Some((name, length)) = lengths.into_iter().find(|(_, length)| *length != rows) {
                return Err(columns.need(name)?.fault(format!("it has {length} values where label has {rows}")));
            }
        }
        _ => return Err(root.fault("either pairs or columns is expected, and only one of them")),
    }
    judge(&pairs, asked).map_err(|fault| broken(SCHEMA, fault.0, fault.1))
}

fn version(number: u64) -> Option<VersionNumber> {
    u32::try_from(number).ok().and_then(|number| number.try_into().ok())
}

/// Reads the table.
pub(super) fn read_table(text: &str, asked: &Thresholds) -> Result<Parsed, ParseError> {
    let mut table = Table::open(CSV, text)?;
    let mut pairs = Pairs::default();
    for (key, value) in table.notes.clone() {
        let fault = |reason: String| broken(CSV, format!("the note {}", bounded(key)), reason);
        let digest = || value.parse().map_err(|_| fault("a digest sha256:… with 64 hex digits is expected".into()));
        match key {
            "metric" => pairs.metric = Some(metric(value).map_err(fault)?),
            "champion" => pairs.compared.weights = Some(digest()?),
            "challenger" => pairs.challenger_weights = Some(digest()?),
            "champion-version" => {
                let number = value.parse().ok().and_then(version);
                pairs.compared.version = Some(number.ok_or_else(|| fault("a version's number is expected".into()))?);
            }
            _ => return Err(fault("metric, champion, champion-version and challenger are known".into())),
        }
    }
    let find = |name: &str| table.column(name).ok_or_else(|| broken(CSV, "the header", format!("{name} is missing")));
    let places = [find("label")?, find("champion")?, find("challenger")?];
    let segment = table.column("segment");
    while let Some(row) = table.next_row()? {
        let mut numbers = [0.0; 3];
        for (number, &place) in numbers.iter_mut().zip(&places) {
            let read: Option<f64> = row.cells[place].trim().parse().ok();
            *number = read
                .filter(|number| number.is_finite())
                .ok_or_else(|| table.fault(row.line, place, "a finite number is expected"))?
                + 0.0;
        }
        pairs.labels.push(numbers[0]);
        pairs.champion.push(numbers[1]);
        pairs.challenger.push(numbers[2]);
        if let Some(place) = segment {
            let name = row.cells[place].trim();
            if name.is_empty() {
                return Err(table.fault(row.line, place, "it is empty; name a segment for each pair"));
            }
            pairs.segment(name);
        }
    }
    judge(&pairs, asked).map_err(|fault| broken(CSV, fault.0, fault.1))
}

/// Both models' figure, and how far the challenger's lies from the champion's.
#[derive(Debug, Clone, Copy)]
struct Comparison {
    champion: f64,
    challenger: f64,
    /// The challenger's less the champion's.
    difference: f64,
    interval: Interval,
}

fn compare(
    metric: Metric,
    labels: &[f64],
    champion: &[f64],
    challenger: &[f64],
    confidence: f64,
) -> Result<Comparison, String> {
    let said = |error: crate::statistics::StatisticsError| error.to_string();
    if metric == Metric::Auc {
        let classes: Vec<bool> = labels.iter().map(|label| *label > 0.5).collect();
        let areas = compare_aucs(&classes, challenger, champion, confidence).map_err(said)?;
        return Ok(Comparison {
            champion: areas.second,
            challenger: areas.first,
            difference: areas.difference,
            interval: areas.interval,
        });
    }
    let losses = |scores: &[f64]| -> Vec<f64> {
        labels.iter().zip(scores).map(|(label, score)| loss(metric, *label, *score)).collect()
    };
    let (old, new) = (losses(champion), losses(challenger));
    let difference = paired_difference(&new, &old, confidence).map_err(said)?;
    #[expect(clippy::cast_precision_loss, reason = "counts of pairs stay far below 2^52")]
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    Ok(Comparison {
        champion: mean(&old),
        challenger: mean(&new),
        difference: difference.mean,
        interval: difference.interval,
    })
}

fn loss(metric: Metric, label: f64, score: f64) -> f64 {
    match metric {
        Metric::LogLoss => {
            let score = score.clamp(LOG_FLOOR, 1.0 - LOG_FLOOR);
            -(label * score.ln() + (1.0 - label) * (1.0 - score).ln())
        }
        Metric::AbsoluteError => (label - score).abs(),
        Metric::SquaredError | Metric::Auc => (label - score).powi(2),
    }
}

/// What the worse end of the interval has to keep to.
fn asked_text(metric: Metric, margin: f64, limits: &ChampionLimits) -> String {
    let percent = limits.confidence * 100.0;
    let (sign, end, margin) = if metric == Metric::Auc { (">=", "lower", -margin) } else { ("<=", "upper", margin) };
    let of = if limits.relative.contains(&metric) { " of the champion's value" } else { "" };
    format!("{sign} {}{of} at the {end} end of the {percent} % interval", margin + 0.0)
}

fn holds(metric: Metric, comparison: &Comparison, margin: f64, limits: &ChampionLimits) -> bool {
    let margin = limits.allowed(metric, margin, comparison.champion);
    if metric == Metric::Auc { comparison.interval.low >= -margin } else { comparison.interval.high <= margin }
}

/// Whether a label names one of two classes.
#[expect(clippy::float_cmp, reason = "labels are given as 0 and 1 exactly, or they are something else")]
fn is_class(label: f64) -> bool {
    label == 0.0 || label == 1.0
}

/// Checks that labels and scores are what the metric takes; answers the place and the reason of a fault.
fn check_values(metric: Metric, pairs: &Pairs) -> Result<(), (String, String)> {
    let row = |at: usize| format!("pair {}", at + 1);
    if metric.needs_classes()
        && let Some(at) = pairs.labels.iter().position(|label| !is_class(*label))
    {
        let reason = format!("its label is {}; {} needs labels 0 and 1", pairs.labels[at], metric.id());
        return Err((row(at), reason));
    }
    if metric == Metric::LogLoss {
        for scores in [&pairs.champion, &pairs.challenger] {
            if let Some(at) = scores.iter().position(|score| !(0.0..=1.0).contains(score)) {
                return Err((row(at), format!("the score {} is no probability", scores[at])));
            }
        }
    }
    Ok(())
}

fn judge(pairs: &Pairs, asked: &Thresholds) -> Result<Parsed, (String, String)> {
    let n = pairs.labels.len();
    if n == 0 {
        return Err(("pairs".into(), "it holds no pair, so it proves nothing".into()));
    }
    if pairs.names.len() > MAX_SEGMENTS {
        let reason = format!("it names {} segments; at most {MAX_SEGMENTS} are kept", pairs.names.len());
        return Err(("segments".into(), reason));
    }
    let binary = pairs.labels.iter().all(|label| is_class(*label));
    let stated = pairs.metric.unwrap_or(if binary { Metric::Auc } else { Metric::SquaredError });
    let listed = asked.champion.as_ref().map_or(&[][..], |limits| &limits.metrics);
    // Whoever brings the file would choose the metric that speaks for it: policy's choice comes first.
    let deciding = listed.iter().copied().find(|metric| binary || !metric.needs_classes());
    let metric = deciding.unwrap_or(stated);
    check_values(metric, pairs)?;
    let names = pairs.challenger_weights.map(|digest| (Artifact::Weights, digest.to_string()));
    let compared = Some(pairs.compared);
    let done = |verdict, summary: String, figures, failures, criteria: Option<Criteria>| Parsed {
        names: names.clone(),
        ..Parsed::of(Facts {
            compared,
            ..Facts::new(EvidenceKind::ChampionChallenger, verdict, summary).with(figures, failures).judged_by(criteria)
        })
    };
    let Some(limits) = &asked.champion else {
        let summary = format!("{n} pairs; the policy in force sets no margin to hold the challenger against.");
        #[expect(clippy::cast_precision_loss, reason = "counts of pairs stay far below 2^52")]
        let figures = vec![Figure::new("pairs", n as f64)];
        return Ok(done(Verdict::Neutral, summary, figures, Vec::new(), None));
    };
    let (figures, mut failures) = measure(pairs, metric, limits)?;
    if !listed.is_empty() && deciding.is_none() {
        let ids = listed.iter().map(|metric| metric.id()).collect::<Vec<_>>().join(", ");
        failures.insert(0, format!("policy decides by {ids}, which needs labels 0 and 1"));
    }
    let instead = pairs.metric.filter(|other| *other != metric).map(Metric::id);
    let verdict = if failures.is_empty() { Verdict::Green } else { Verdict::Red };
    let summary = match failures.first() {
        None => format!("By {} on {n} pairs the challenger is not worse than the champion.", metric.id()),
        Some(first) => format!("By {} on {n} pairs the challenger does not pass: {first}.", metric.id()),
    };
    let summary = match instead {
        Some(other) => format!("{summary} The file names {other}; policy decides by {}.", metric.id()),
        None => summary,
    };
    Ok(done(verdict, summary, figures, failures, Some(Criteria::ChampionChallenger(limits.clone()))))
}

fn measure(
    pairs: &Pairs,
    metric: Metric,
    limits: &ChampionLimits,
) -> Result<(Vec<Figure>, Vec<String>), (String, String)> {
    let n = pairs.labels.len() as u64;
    let mut failures = Vec::new();
    let mut figures = Vec::new();
    let id = metric.id();
    let whole = compare(metric, &pairs.labels, &pairs.champion, &pairs.challenger, limits.confidence)
        .map_err(|why| ("pairs".to_owned(), why))?;
    figures.push(Figure::new(format!("{COMPARED_PREFIX}{id}"), whole.champion).counted(n));
    figures.push(Figure::new(format!("challenger {id}"), whole.challenger).counted(n));
    let difference = |comparison: &Comparison, n: u64| {
        Figure::new(format!("difference of {id}"), comparison.difference).counted(n).spread(comparison.interval)
    };
    match limits.margins.get(&metric) {
        None => {
            failures.push(format!("policy sets no margin for {id}"));
            figures.push(difference(&whole, n));
        }
        Some(&margin) => {
            let passed = holds(metric, &whole, margin, limits);
            if !passed {
                failures.push(worse("overall", metric, &whole, margin, limits));
            }
            figures.push(difference(&whole, n).asked(asked_text(metric, margin, limits), passed));
        }
    }
    if n < limits.min_sample {
        failures.push(format!("{n} pairs, asked at least {}", limits.min_sample));
    }
    let mut missing: Vec<&String> = limits.segments.iter().filter(|name| !pairs.known.contains_key(*name)).collect();
    missing.sort();
    failures.extend(missing.into_iter().map(|name| format!("segment {name} is required and not in the file")));
    for (name, &at) in &pairs.known {
        let (figure, failure) = segment(pairs, name, at, metric, limits);
        figures.extend(figure);
        failures.extend(failure);
    }
    failures.truncate(MAX_FAILURES);
    Ok((figures, failures))
}

fn segment(
    pairs: &Pairs,
    name: &str,
    at: usize,
    metric: Metric,
    limits: &ChampionLimits,
) -> (Option<Figure>, Option<String>) {
    let of = |values: &[f64]| -> Vec<f64> {
        values.iter().zip(&pairs.segments).filter(|(_, segment)| **segment == at).map(|(value, _)| *value).collect()
    };
    let labels = of(&pairs.labels);
    let n = labels.len() as u64;
    let required = limits.segments.contains(name);
    let compared = compare(metric, &labels, &of(&pairs.champion), &of(&pairs.challenger), limits.confidence);
    let comparison = match compared {
        Ok(comparison) => comparison,
        // Too few of a class: there is no figure for this segment.
        Err(why) => return (None, required.then(|| format!("segment {name} is required: {why}"))),
    };
    let figure = Figure::new(format!("difference of {}", metric.id()), comparison.difference)
        .counted(n)
        .spread(comparison.interval)
        .in_segment(name);
    if n < limits.min_segment_sample {
        let asked = limits.min_segment_sample;
        return (Some(figure), required.then(|| format!("segment {name} has {n} pairs, asked at least {asked}")));
    }
    let Some(&margin) = limits.segment_margins.get(&metric).or_else(|| limits.margins.get(&metric)) else {
        return (Some(figure), None);
    };
    let passed = holds(metric, &comparison, margin, limits);
    let failure = (!passed).then(|| worse(&format!("in segment {name}"), metric, &comparison, margin, limits));
    (Some(figure.asked(asked_text(metric, margin, limits), passed)), failure)
}

fn worse(place: &str, metric: Metric, comparison: &Comparison, margin: f64, limits: &ChampionLimits) -> String {
    format!(
        "{place} the {} differs by {:.4} (interval {:.4} to {:.4}), asked {}",
        metric.id(),
        comparison.difference,
        comparison.interval.low,
        comparison.interval.high,
        asked_text(metric, margin, limits)
    )
}

#[cfg(test)]
mod tests;
