//! Charts from what the ledger holds: a rollout over time, and the figures of evidence against the thresholds that were
//! in force when it was judged.

use app::kit::{Chart, Drawing, Exhibit, Point, PsiBar, Row, RowLine, Rows, Tag, Tone, Value, chart::number, psi_rows};
use domain::{
    Market,
    deployment::{Rollout, Verdict, rules::Guardrail},
    evidence::{Criteria, Evidence, EvidenceKind, EvidencePath, Figure},
    registry::Version,
};
use ledger::Timestamp;

use super::{
    rollouts::panels::{interval, verdict},
    words,
};

/// Places on a chart's axis of time.
struct Span {
    from: Timestamp,
    to: Timestamp,
}

impl Span {
    #[expect(clippy::cast_precision_loss, reason = "a place on a drawing")]
    fn place(&self, at: Timestamp) -> f64 {
        at.micros_since(self.from) as f64 / self.to.micros_since(self.from).max(1) as f64
    }

    fn ends(&self) -> (String, String) {
        (words::day(self.from).text, words::day(self.to).text)
    }
}

/// Windows that a chart draws at most.
pub const DRAWN_WINDOWS: usize = 200;

/// The points of at most [`DRAWN_WINDOWS`] windows: of each stretch of as many windows the worst, the latest of those
/// that are as bad. Nothing that broke a guardrail vanishes behind what did not.
fn thinned(points: Vec<Point>) -> Vec<Point> {
    let stretch = points.len().div_ceil(DRAWN_WINDOWS);
    if stretch <= 1 {
        return points;
    }
    let badness = |point: &Point| match point.tone {
        Tone::Bad => 2,
        Tone::Warn => 1,
        _ => 0,
    };
    points.chunks(stretch).filter_map(|chunk| chunk.iter().max_by_key(|point| badness(point)).cloned()).collect()
}

/// Share of users over time, then every guardrail's figure with its interval and the bound that it was held against.
pub fn rollout_charts(rollout: &Rollout, until: Timestamp) -> Vec<Chart> {
    let span = Span { from: rollout.started_at, to: until };
    let (from, to) = span.ends();
    let way: Vec<String> = rollout.moves.iter().map(|step| format!("{} %", step.percent)).collect();
    let point = |at, percent| Point {
        at: span.place(at),
        value: f64::from(percent),
        lower: None,
        upper: None,
        tone: Tone::Active,
    };
    let share = Chart {
        title: "Share of users, %".into(),
        summary: format!("Share of users of version {}: {}.", rollout.artifact.version, way.join(", then ")),
        points: rollout.moves.iter().map(|step| point(step.at, step.percent)).collect(),
        is_stepped: true,
        bound: None,
        range: Some((0.0, 100.0)),
        from,
        to,
    };
    let mut guardrails: Vec<&Guardrail> = Vec::new();
    for judged in rollout.observations.iter().rev().flat_map(|observation| &observation.judged) {
        if guardrails.iter().all(|known| known.metric != judged.guardrail.metric) {
            guardrails.push(&judged.guardrail);
        }
    }
    let figures = guardrails.into_iter().filter_map(|guardrail| guardrail_chart(rollout, guardrail, &span));
    std::iter::once(share).chain(figures).collect()
}

fn guardrail_chart(rollout: &Rollout, guardrail: &Guardrail, span: &Span) -> Option<Chart> {
    let points: Vec<Point> = rollout
        .observations
        .iter()
        .filter_map(|observation| {
            let figure = observation.figures.iter().find(|figure| figure.metric == guardrail.metric)?;
            let judged = observation.judged.iter().find(|judged| judged.guardrail.metric == guardrail.metric);
            Some(Point {
                at: span.place(observation.to),
                value: figure.value,
                lower: figure.lower,
                upper: figure.upper,
                tone: verdict(judged.map_or(Verdict::Undecided, |judged| judged.verdict)).tone,
            })
        })
        .collect();
    let last = points.last()?;
    let bound = match (guardrail.at_most, guardrail.at_least) {
        (Some(bound), _) => Some((bound, format!("at most {bound}"))),
        (_, Some(bound)) => Some((bound, format!("at least {bound}"))),
        _ => None,
    };
    let against = bound.as_ref().map(|(_, words)| format!(", {words} allowed")).unwrap_or_default();
    let windows = match points.len() {
        1 => "1 window".to_owned(),
        many if many > DRAWN_WINDOWS => {
            format!("{many} windows, of which the worst of every {} is drawn", many.div_ceil(DRAWN_WINDOWS))
        }
        many => format!("{many} windows"),
    };
    let (from, to) = span.ends();
    Some(Chart {
        title: guardrail.title.clone(),
        summary: format!(
            "{} in {windows}, lately {}{against}.",
            guardrail.title,
            interval(last.value, last.lower, last.upper)
        ),
        points: thinned(points),
        is_stepped: false,
        bound,
        range: None,
        from,
        to,
    })
}

/// Files of one path that are drawn; a version tried for months has more.
const DRAWN: usize = 6;

/// What the files of a path show that speak of the version as it is, the newest first.
pub fn evidence_exhibits(version: &Version, path: EvidencePath) -> Vec<Exhibit> {
    let counting = version
        .evidence
        .iter()
        .filter(|evidence| evidence.path == path && evidence.speaks_of(&version.lineage))
        .collect::<Vec<_>>();
    match path {
        EvidencePath::Shadow => counting.into_iter().rev().take(DRAWN).flat_map(shadow).collect(),
        EvidencePath::Canary => canary(&counting),
        EvidencePath::Data => counting.into_iter().rev().filter_map(columns).take(1).collect(),
        _ => Vec::new(),
    }
}

/// Rounded to what a person reads: four digits behind the point at most.
fn shown(value: f64) -> Value {
    Value::Text(number(value))
}

fn spread(figure: &Figure) -> Value {
    match figure.interval {
        Some(interval) => Value::Text(format!("{} to {}", number(interval.low), number(interval.high))),
        None => Value::Missing("none".into()),
    }
}

fn asked(figure: &Figure) -> Value {
    figure.threshold.clone().map_or_else(|| Value::Missing("nothing".into()), Value::Text)
}

fn passed(figure: &Figure) -> Value {
    match figure.passed {
        Some(true) => Value::Tag(Tag::new(Tone::Good, "passed")),
        Some(false) => Value::Tag(Tag::new(Tone::Bad, "failed")),
        None => Value::Missing("not judged".into()),
    }
}

fn tone(figure: &Figure) -> Tone {
    match figure.passed {
        Some(true) => Tone::Good,
        Some(false) => Tone::Bad,
        None => Tone::Neutral,
    }
}

fn proof(evidence: &Evidence) -> Value {
    Value::Link(words::entry_link(evidence.entry))
}

/// "EU, " where the evidence speaks of a market.
fn place(market: Option<&Market>) -> String {
    market.map(|market| format!("{market}, ")).unwrap_or_default()
}

const SPEARMAN: &str = "Spearman's correlation";
const P99_RATIO: &str = "p99 latency ratio";

/// Rank agreement by segment against its threshold, and the latency ratio.
fn shadow(evidence: &Evidence) -> Vec<Exhibit> {
    let Some(Criteria::Shadow(criteria)) = &evidence.facts.criteria else { return Vec::new() };
    let limits = &criteria.limits;
    let place = format!("{}{}", place(evidence.market.as_ref()), evidence.file_name);
    let mut figures: Vec<&Figure> = evidence.facts.figures.iter().filter(|figure| figure.name == SPEARMAN).collect();
    figures.sort_by(|a, b| {
        (a.segment.is_some(), a.value).partial_cmp(&(b.segment.is_some(), b.value)).unwrap_or(std::cmp::Ordering::Equal)
    });
    let named = |figure: &Figure| figure.segment.clone().unwrap_or_else(|| "All requests".to_owned());
    let row = |figure: &&Figure| {
        let limit = if figure.segment.is_some() { limits.min_segment_spearman } else { limits.min_spearman };
        let words = match figure.passed {
            Some(false) => format!("{:.3}, {:.3} too low", figure.value, limit - figure.value),
            _ => format!("{:.3}", figure.value),
        };
        Row {
            name: named(figure),
            value: figure.value,
            interval: figure.interval.map(|interval| (interval.low, interval.high)),
            words,
            tone: tone(figure),
        }
    };
    let rows: Vec<Row> = figures.iter().map(row).collect();
    let weak: Vec<String> =
        rows.iter().filter(|row| row.tone == Tone::Bad).map(|row| format!("{} {}", row.name, row.words)).collect();
    let said = if weak.is_empty() { "every one is high enough".to_owned() } else { weak.join("; ") };
    let mut lines = vec![
        RowLine { at: limits.min_segment_spearman, label: "at least in each segment".into() },
        RowLine { at: limits.min_spearman, label: "at least overall".into() },
    ];
    lines.sort_by(|a, b| a.at.total_cmp(&b.at));
    let table = figures
        .iter()
        .map(|figure| {
            let pairs = figure.n.map_or_else(|| Value::Missing("unknown".into()), |n| Value::Text(n.to_string()));
            vec![Value::Text(named(figure)), shown(figure.value), spread(figure), pairs, asked(figure), passed(figure)]
        })
        .collect();
    let agreement = Exhibit {
        drawing: Drawing::Rows(Rows {
            title: format!("Rank agreement by segment: {place}"),
            summary: format!("Spearman\u{2019}s correlation of champion and challenger with its interval: {said}."),
            axis: "Spearman\u{2019}s correlation (1 is the same order)".into(),
            rows,
            lines,
            is_bars: false,
        }),
        headings: ["Segment", "Correlation", "Interval", "Pairs", "Asked", "Verdict"].map(str::to_owned).into(),
        table,
    };
    let latency = evidence.facts.figures.iter().find(|figure| figure.name == P99_RATIO);
    let latency = latency.map(|figure| latency_exhibit(figure, limits.max_p99_latency_ratio, &place));
    std::iter::once(agreement).chain(latency).collect()
}

fn latency_exhibit(figure: &Figure, limit: f64, place: &str) -> Exhibit {
    let words = match figure.passed {
        Some(false) => format!("{:.3}, {:.3} too high", figure.value, figure.value - limit),
        _ => format!("{:.3}", figure.value),
    };
    Exhibit {
        drawing: Drawing::Rows(Rows {
            title: format!("Latency against the champion: {place}"),
            summary: format!("99th percentile of the challenger over that of the champion: {words}; at most {limit}."),
            axis: "p99 latency, challenger over champion".into(),
            rows: vec![Row {
                name: "p99 ratio".into(),
                value: figure.value,
                interval: None,
                words,
                tone: tone(figure),
            }],
            lines: vec![RowLine { at: limit, label: "at most".into() }],
            is_bars: true,
        }),
        headings: ["Figure", "Value", "Asked", "Verdict"].map(str::to_owned).into(),
        table: vec![vec![Value::Text("p99 latency ratio".into()), shown(figure.value), asked(figure), passed(figure)]],
    }
}

/// The outcomes' uplift and the guardrails, look by look, of each market.
fn canary(counting: &[&Evidence]) -> Vec<Exhibit> {
    let mut markets: Vec<Option<&Market>> = counting.iter().map(|evidence| evidence.market.as_ref()).collect();
    markets.sort();
    markets.dedup();
    let of_market = |market: Option<&Market>| {
        let looks: Vec<&Evidence> = counting
            .iter()
            .copied()
            .filter(|evidence| evidence.facts.kind == EvidenceKind::CanaryLog && evidence.market.as_ref() == market)
            .collect();
        let place = market.map(|market| format!(" in {market}")).unwrap_or_default();
        [
            ("relative uplift of completion", "lower end of the uplift of completion", "Uplift of completion"),
            ("relative uplift of click-through", "lower end of the uplift of click-through", "Uplift of click-through"),
            ("increase of the error rate", "increase of the error rate", "Increase of the error rate"),
            ("increase of users who complain", "increase of users who complain", "Increase of complaints"),
            (P99_RATIO, P99_RATIO, "p99 latency over the champion\u{2019}s"),
        ]
        .into_iter()
        .filter_map(move |(figure, judged, title)| by_look(&looks, figure, judged, format!("{title}{place}")))
        .collect::<Vec<_>>()
    };
    markets.into_iter().flat_map(of_market).collect()
}

/// One figure over the looks. `judged` is the figure that was held against the threshold, which may be an end of its
/// interval.
fn by_look(looks: &[&Evidence], name: &str, judged: &str, title: String) -> Option<Exhibit> {
    let found: Vec<(&Evidence, &Figure, &Figure)> = looks
        .iter()
        .filter_map(|evidence| {
            let figures = &evidence.facts.figures;
            let figure = figures.iter().find(|figure| figure.name == name)?;
            let held = figures.iter().find(|figure| figure.name == judged)?;
            Some((*evidence, figure, held))
        })
        .collect();
    let ((first, ..), (last, figure, held)) = (found.first()?, found.last()?);
    // A single look stands in the middle.
    let hours = if first.number == last.number { 12 } else { 0 };
    let span = Span { from: first.attached_at.plus_hours(-hours), to: last.attached_at.plus_hours(hours) };
    let (from, to) = span.ends();
    let bound = held.threshold.as_deref().and_then(|text| {
        let (sign, limit) = text.split_once(' ')?;
        let limit: f64 = limit.parse().ok()?;
        Some((limit, format!("at {} {}", if sign == "<=" { "most" } else { "least" }, number(limit))))
    });
    let against = bound.as_ref().map(|(_, words)| format!("; {words} allowed")).unwrap_or_default();
    let points = found
        .iter()
        .map(|(evidence, figure, held)| Point {
            at: span.place(evidence.attached_at),
            value: figure.value,
            lower: figure.interval.map(|interval| interval.low),
            upper: figure.interval.map(|interval| interval.high),
            tone: tone(held),
        })
        .collect();
    let table = found
        .iter()
        .map(|(evidence, figure, held)| {
            let when = Value::When(words::when(evidence.attached_at));
            vec![when, shown(figure.value), spread(figure), asked(held), passed(held), proof(evidence)]
        })
        .collect();
    let counted = if found.len() == 1 { "One look".to_owned() } else { format!("{} looks", found.len()) };
    Some(Exhibit {
        drawing: Drawing::Line(Chart {
            title,
            summary: format!(
                "{counted}, the last {}, which {}{against}.",
                interval(figure.value, figure.interval.map(|i| i.low), figure.interval.map(|i| i.high)),
                if held.passed == Some(false) { "failed" } else { "passed" },
            ),
            points,
            is_stepped: false,
            bound,
            range: None,
            from,
            to,
        }),
        headings: ["Look", "Value", "Interval", "Asked", "Verdict", "Proof"].map(str::to_owned).into(),
        table,
    })
}

/// PSI of each feature against the limit, from raw columns.
fn columns(evidence: &Evidence) -> Option<Exhibit> {
    let Some(Criteria::Drift(limits)) = &evidence.facts.criteria else { return None };
    let figures: Vec<(&str, &Figure)> = evidence
        .facts
        .figures
        .iter()
        .filter_map(|figure| {
            let rest = figure.name.strip_prefix("PSI of ")?;
            Some((rest.rsplit_once(" (").map_or(rest, |(feature, _)| feature), figure))
        })
        .collect();
    if figures.is_empty() {
        return None;
    }
    let call = |figure: &Figure| match figure.passed {
        Some(false) => format!("{:.3} too high", figure.value - limits.max_psi),
        _ => "within the limit".to_owned(),
    };
    let bars: Vec<PsiBar> = figures
        .iter()
        .map(|(name, figure)| PsiBar { name: (*name).to_owned(), psi: figure.value, call: call(figure) })
        .collect();
    let lines = vec![RowLine { at: limits.max_psi, label: "at most".into() }];
    let table = figures
        .iter()
        .map(|(name, figure)| {
            let rows = figure.n.map_or_else(|| Value::Missing("unknown".into()), |n| Value::Text(n.to_string()));
            vec![Value::Text((*name).to_owned()), shown(figure.value), rows, asked(figure), passed(figure)]
        })
        .collect();
    Some(Exhibit {
        drawing: Drawing::Rows(psi_rows(format!("Drift by feature: {}", evidence.file_name), &bars, lines)),
        headings: ["Feature", "PSI", "Rows", "Asked", "Verdict"].map(str::to_owned).into(),
        table,
    })
}
