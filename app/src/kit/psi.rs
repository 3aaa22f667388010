//! How far features moved: bars of the population stability index, with the lines between which the field calls a
//! shift stable, moderate, significant or extreme. A table with the same numbers stands beside every chart.

use serde::{Deserialize, Serialize};

use super::{
    rows::{Row, RowLine, Rows},
    value::Tone,
};

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

/// The bars with the lines, from left to right.
pub fn psi_rows(title: impl Into<String>, bars: &[PsiBar], lines: Vec<RowLine>) -> Rows {
    let words = |bar: &PsiBar| format!("{:.3}, {}", bar.psi, bar.call);
    let named: Vec<String> = bars.iter().map(|bar| format!("{} {}", bar.name, words(bar))).collect();
    Rows {
        title: title.into(),
        summary: format!("The furthest first: {}.", named.join("; ")),
        axis: "Population stability index (no unit)".into(),
        rows: bars
            .iter()
            .map(|bar| Row {
                name: bar.name.clone(),
                value: bar.psi,
                interval: None,
                words: words(bar),
                tone: Tone::Active,
            })
            .collect(),
        lines,
        is_bars: true,
    }
}
