//! A figure over time as SVG made on the server: points with their intervals, or steps, against a bound. The page has
//! the same figures in a table beside it.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::value::Tone;

/// Inner size of the drawing in its own units.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 170.0;
/// Room for labels.
const LEFT: f64 = 58.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 26.0;
const RIGHT: f64 = 12.0;

/// One point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Where it lies in time: 0 at the left edge, 1 at the right.
    pub at: f64,
    /// The estimate.
    pub value: f64,
    /// Lower end of its interval.
    pub lower: Option<f64>,
    /// Upper end of its interval.
    pub upper: Option<f64>,
    /// Good, undecided or bad.
    pub tone: Tone,
}

/// A chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// What it shows, with its unit.
    pub title: String,
    /// The same in a sentence, for who does not see it.
    pub summary: String,
    /// The points, oldest first.
    pub points: Vec<Point>,
    /// Whether the value stays until the next point.
    pub is_stepped: bool,
    /// A line that must not be crossed, with its words.
    pub bound: Option<(f64, String)>,
    /// The least and the greatest value of the axis, if they are fixed.
    pub range: Option<(f64, f64)>,
    /// The first and the last instant, in words.
    pub from: String,
    /// See `from`.
    pub to: String,
}

/// A value on the axis: as many digits as it needs, at most four behind the point.
pub fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A value at an end of the axis: as many digits as tell it from the other end.
pub(super) fn tick(value: f64, span: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held between 0 and 6")]
    let digits = if span > 0.0 { (1.0 - span.log10().floor()).clamp(0.0, 6.0) as usize } else { 2 };
    let text = format!("{value:.digits$}");
    if text.trim_start_matches('-').chars().all(|c| matches!(c, '0' | '.')) { "0".to_owned() } else { text }
}

impl Chart {
    fn range(&self) -> (f64, f64) {
        if let Some(range) = self.range {
            return range;
        }
        let values = self.points.iter().flat_map(|point| [Some(point.value), point.lower, point.upper]).flatten();
        let values = values.chain(self.bound.iter().map(|(bound, _)| *bound));
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let room = if high > low { (high - low) * 0.12 } else { high.abs().max(1.0) * 0.1 };
        (low - room, high + room)
    }
}

/// A [`Chart`] as a figure.
#[component]
pub fn ChartView(
    /// The chart.
    chart: Chart,
) -> impl IntoView {
    let (low, high) = chart.range();
    let x = |at: f64| LEFT + at.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT);
    let y = move |value: f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - BOTTOM - TOP)
    };
    let ticks = [low, f64::midpoint(low, high), high].map(|value| {
        view! {
            <line class="grid" x1=LEFT x2=WIDTH - RIGHT y1=y(value) y2=y(value) />
            <text class="axis" x=LEFT - 8.0 y=y(value) + 4.0 text-anchor="end">
                {tick(value, high - low)}
            </text>
        }
    });
    let bound = chart.bound.clone().map(|(value, words)| {
        view! {
            <line class="bound" x1=LEFT x2=WIDTH - RIGHT y1=y(value) y2=y(value) />
            <text class="bound-label" x=WIDTH - RIGHT y=y(value) - 4.0 text-anchor="end">
                {words}
            </text>
        }
    });
    let mut path: Vec<String> = Vec::with_capacity(chart.points.len() + 1);
    for (index, point) in chart.points.iter().enumerate() {
        let (px, py) = (x(point.at), y(point.value));
        path.push(match (index, chart.is_stepped) {
            (0, _) => format!("M{px:.1} {py:.1}"),
            (_, true) => format!("H{px:.1}V{py:.1}"),
            (_, false) => format!("L{px:.1} {py:.1}"),
        });
    }
    if chart.is_stepped && !chart.points.is_empty() {
        path.push(format!("H{:.1}", x(1.0)));
    }
    let path = path.concat();
    let points = chart
        .points
        .iter()
        .map(|point| {
            let (px, py) = (x(point.at), y(point.value));
            let interval = point.lower.zip(point.upper).map(|(lower, upper)| {
                view! { <line class="interval" x1=px x2=px y1=y(lower) y2=y(upper) /> }
            });
            // A word and a shape: circles are within the bound, squares are not.
            let mark = if point.tone == Tone::Bad {
                view! { <rect x=px - 4.0 y=py - 4.0 width="8" height="8" /> }.into_any()
            } else {
                view! { <circle cx=px cy=py r="4" /> }.into_any()
            };
            view! { <g class=format!("point point-{}", point.tone.class())>{interval} {mark}</g> }
        })
        .collect_view();
    view! {
        <figure class="chart">
            <figcaption>{chart.title.clone()}</figcaption>
            <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") role="img">
                <title>{chart.title}</title>
                <desc>{chart.summary}</desc>
                {ticks}
                {bound}
                <path class="line" d=path />
                {points}
                <text class="axis" x=LEFT y=HEIGHT - 6.0>
                    {chart.from}
                </text>
                <text class="axis" x=WIDTH - RIGHT y=HEIGHT - 6.0 text-anchor="end">
                    {chart.to}
                </text>
            </svg>
        </figure>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_they_need() {
        let values = [0.0, 1.0, 0.0004, 25.0, -0.021, 1.075, -0.000_001];
        assert_eq!(values.map(number), ["0", "1", "0.0004", "25", "-0.021", "1.075", "0"]);
    }

    #[test]
    fn ticks_tell_the_ends_apart_and_no_more() {
        let of = |low: f64, high: f64| [low, high].map(|value| tick(value, high - low));
        assert_eq!(of(-0.0591, 0.0351), ["-0.059", "0.035"]);
        assert_eq!(of(0.0, 100.0), ["0", "100"]);
        assert_eq!(of(0.3367, 1.0086), ["0.34", "1.01"]);
        assert_eq!(of(0.0, 0.265), ["0", "0.27"]);
    }

    #[test]
    fn everything_drawn_lies_within_the_range() {
        let chart = Chart {
            title: "Error rate".into(),
            summary: String::new(),
            points: vec![Point { at: 0.0, value: 0.02, lower: Some(0.01), upper: Some(0.04), tone: Tone::Bad }],
            is_stepped: false,
            bound: Some((0.005, "at most 0.005".into())),
            range: None,
            from: String::new(),
            to: String::new(),
        };
        let (low, high) = chart.range();
        assert!(low < 0.005 && high > 0.04);
    }
}
