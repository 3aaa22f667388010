//! Values by name as SVG made on the server: bars from zero, or points with their intervals, against lines that policy
//! draws. Names stand above their bars, so that a narrow screen has room for both.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    chart::{number, tick},
    value::Tone,
};

/// Size of the drawing in its own units.
const WIDTH: f64 = 400.0;
const ROW: f64 = 40.0;
const LABEL: f64 = 15.0;
const AXIS: f64 = 40.0;
/// Room at both sides, so that marks at the ends are whole.
const EDGE: f64 = 6.0;
/// Characters of a name that fit beside its value; the title holds all.
const NAME: usize = 26;

/// One row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// The value.
    pub value: f64,
    /// Lower and upper end of its interval.
    pub interval: Option<(f64, f64)>,
    /// The value in words, with what it means: "0.41, 0.44 too low".
    pub words: String,
    /// Good, bad, or neither.
    pub tone: Tone,
}

/// A line across the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowLine {
    /// Where it stands.
    pub at: f64,
    /// What begins or ends there: "moderate", "at most".
    pub label: String,
}

/// A chart of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// What it shows.
    pub title: String,
    /// The same in a sentence, for who does not see it.
    pub summary: String,
    /// What the axis measures, with its unit.
    pub axis: String,
    /// The rows, the gravest first.
    pub rows: Vec<Row>,
    /// The lines, from left to right.
    pub lines: Vec<RowLine>,
    /// Whether the rows are bars that begin at zero.
    pub is_bars: bool,
}

impl Rows {
    /// The least and the greatest value of the axis.
    fn range(&self) -> (f64, f64) {
        let ends = |row: &Row| [Some(row.value), row.interval.map(|ends| ends.0), row.interval.map(|ends| ends.1)];
        let values = self.rows.iter().flat_map(ends).flatten().chain(self.lines.iter().map(|line| line.at));
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if !low.is_finite() || !high.is_finite() {
            return (0.0, 1.0);
        }
        let low = if self.is_bars { low.min(0.0) } else { low };
        let room = if high > low { (high - low) * 0.06 } else { high.abs().max(1.0) * 0.1 };
        (if self.is_bars && low >= 0.0 { 0.0 } else { low - room }, high + room)
    }
}

/// The rows as a figure.
#[component]
pub fn RowsView(
    /// The chart.
    rows: Rows,
) -> impl IntoView {
    let (low, high) = rows.range();
    let x = move |value: f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        EDGE + share.clamp(0.0, 1.0) * (WIDTH - 2.0 * EDGE)
    };
    #[expect(clippy::cast_precision_loss, reason = "a chart has a few dozen rows")]
    let nth = |index: usize| index as f64;
    let top = 8.0 + LABEL * nth(rows.lines.len());
    let count = rows.rows.len();
    let bottom = top + ROW * nth(count);
    let lines = rows
        .lines
        .into_iter()
        .enumerate()
        .map(|(index, line)| {
            let (px, py) = (x(line.at), 12.0 + LABEL * nth(index));
            let anchor = if px > WIDTH * 0.6 { "end" } else { "start" };
            let label = format!("{} {}", number(line.at), line.label);
            // Beside the marks only, so that no line crosses a name or a value.
            let lanes = (0..count).map(|row| format!("M{px:.1} {:.1}v22", top + ROW * nth(row) + 17.0));
            let path: String = std::iter::once(format!("M{px:.1} {:.1}v5", py + 3.0)).chain(lanes).collect();
            view! {
                <path class="bound" d=path />
                <text class="bound-label" x=place(px) y=place(py) text-anchor=anchor>
                    {label}
                </text>
            }
        })
        .collect_view();
    let is_bars = rows.is_bars;
    let marks = rows
        .rows
        .into_iter()
        .enumerate()
        .map(|(index, row)| {
            let y = top + ROW * nth(index);
            let (px, py) = (x(row.value), y + 27.0);
            let short: String = row.name.chars().take(NAME).collect();
            let short = if short.len() < row.name.len() { format!("{short}…") } else { short };
            let mark = if is_bars {
                let zero = x(0.0);
                let (from, width) = (zero.min(px), (px - zero).abs().max(1.5));
                view! { <rect x=place(from) y=place(y + 21.0) width=place(width) height="12" rx="2" /> }.into_any()
            } else if row.tone == Tone::Bad {
                view! { <rect x=place(px - 4.5) y=place(py - 4.5) width="9" height="9" /> }.into_any()
            } else {
                view! { <circle cx=place(px) cy=place(py) r="4.5" /> }.into_any()
            };
            let interval = row.interval.map(|(lower, upper)| {
                view! { <line class="interval" x1=place(x(lower)) x2=place(x(upper)) y1=place(py) y2=place(py) /> }
            });
            view! {
                <g class=format!("point point-{}", row.tone.class())>
                    <title>{format!("{}: {}", row.name, row.words)}</title>
                    {interval}
                    {mark}
                    <text class="row-name" x="0" y=place(y + 14.0)>
                        {short}
                    </text>
                    <text class="row-value" x=WIDTH y=place(y + 14.0) text-anchor="end">
                        {row.words}
                    </text>
                </g>
            }
        })
        .collect_view();
    view! {
        <figure class="chart">
            <figcaption>{rows.title.clone()}</figcaption>
            <svg viewBox=format!("0 0 {WIDTH} {}", bottom + AXIS) role="img">
                <title>{rows.title}</title>
                <desc>{rows.summary}</desc>
                <line class="grid" x1="0" x2=WIDTH y1=place(bottom) y2=place(bottom) />
                {lines}
                {marks}
                <text class="axis" x="0" y=place(bottom + 15.0)>
                    {tick(low, high - low)}
                </text>
                <text class="axis" x=WIDTH y=place(bottom + 15.0) text-anchor="end">
                    {tick(high, high - low)}
                </text>
                <text class="axis" x=WIDTH / 2.0 y=place(bottom + 33.0) text-anchor="middle">
                    {rows.axis}
                </text>
            </svg>
        </figure>
    }
}

/// A coordinate with one decimal.
fn place(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: &[f64], lines: &[f64], is_bars: bool) -> Rows {
        let row = |value: &f64| Row {
            name: "feature".into(),
            value: *value,
            interval: None,
            words: String::new(),
            tone: Tone::Neutral,
        };
        Rows {
            title: String::new(),
            summary: String::new(),
            axis: String::new(),
            rows: values.iter().map(row).collect(),
            lines: lines.iter().map(|at| RowLine { at: *at, label: String::new() }).collect(),
            is_bars,
        }
    }

    #[test]
    fn bars_begin_at_zero_and_lines_are_always_in_sight() {
        let (low, high) = chart(&[0.02, 0.04], &[0.25], true).range();
        assert!(low.abs() < f64::EPSILON && high > 0.25);
        let (low, high) = chart(&[0.41, 0.97], &[0.85, 0.92], false).range();
        assert!(low < 0.41 && high > 0.97);
        let (low, high) = chart(&[], &[], true).range();
        assert!(low < high);
    }
}
