//! How far features moved: bars of the population stability index, with the lines between which the field calls a
//! shift stable, moderate, significant or extreme. A table with the same numbers stands beside every chart.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// One feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PsiBar {
    /// The feature.
    pub name: String,
    /// Its index.
    pub psi: f64,
    /// What the field calls that: "moderate".
    pub call: String,
}

/// A line across the bars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PsiLine {
    /// Where it stands.
    pub at: f64,
    /// What begins there: "moderate".
    pub label: String,
}

const WIDTH: f64 = 720.0;
const LABELS: f64 = 190.0;
const VALUES: f64 = 60.0;
const TOP: f64 = 26.0;
const ROW: f64 = 24.0;
const AXIS: f64 = 34.0;
/// Characters of a feature's name that fit beside its bar; the title holds all.
const NAME: usize = 24;

/// The chart.
#[component]
pub fn PsiChart(
    /// The features, the furthest first.
    bars: Vec<PsiBar>,
    /// The lines.
    lines: Vec<PsiLine>,
) -> impl IntoView {
    let most = bars.iter().map(|bar| bar.psi).chain(lines.iter().map(|line| line.at)).fold(0.1, f64::max) * 1.08;
    let span = WIDTH - LABELS - VALUES;
    let x = move |value: f64| LABELS + span * (value / most).clamp(0.0, 1.0);
    #[expect(clippy::cast_precision_loss, reason = "a chart has a few dozen rows")]
    let bottom = TOP + ROW * bars.len() as f64;
    let height = bottom + AXIS;
    let rows = bars
        .into_iter()
        .enumerate()
        .map(|(index, bar)| {
            #[expect(clippy::cast_precision_loss, reason = "a chart has a few dozen rows")]
            let y = TOP + ROW * index as f64;
            let short: String = bar.name.chars().take(NAME).collect();
            let short = if short.len() < bar.name.len() { format!("{short}…") } else { short };
            view! {
                <g class="psi-row">
                    <title>{format!("{}: {:.3}, {}", bar.name, bar.psi, bar.call)}</title>
                    <text x=place(LABELS - 8.0) y=place(y + 16.0) text-anchor="end">{short}</text>
                    <rect x=place(LABELS) y=place(y + 5.0) width=place((x(bar.psi) - LABELS).max(1.0)) height="14" rx="2" />
                    <text x=place(x(bar.psi) + 6.0) y=place(y + 16.0)>{format!("{:.3}", bar.psi)}</text>
                </g>
            }
        })
        .collect_view();
    let rules = lines
        .into_iter()
        .map(|line| {
            view! {
                <g class="psi-line">
                    <line x1=place(x(line.at)) x2=place(x(line.at)) y1=place(TOP - 4.0) y2=place(bottom) />
                    <text x=place(x(line.at)) y=place(TOP - 10.0) text-anchor="middle">
                        {format!("{} {}", line.at, line.label)}
                    </text>
                </g>
            }
        })
        .collect_view();
    view! {
        <svg class="psi" viewBox=format!("0 0 {WIDTH} {height}") role="img" aria-label="Population stability index by feature">
            {rows}
            {rules}
            <text class="psi-axis" x=place(LABELS) y=place(bottom + 22.0)>"Population stability index (PSI, no unit)"</text>
        </svg>
    }
}

/// A coordinate with one decimal.
fn place(value: f64) -> String {
    format!("{value:.1}")
}
