//! A chart with the table of its figures: whoever cannot see the drawing, or wants to copy a number, has the same.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    chart::{Chart, ChartView},
    data::Region,
    rows::{Rows, RowsView},
    value::Value,
};

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Drawing {
    /// A figure over time.
    Line(Chart),
    /// Figures by name.
    Rows(Rows),
}

impl Drawing {
    fn title(&self) -> &str {
        match self {
            Self::Line(chart) => &chart.title,
            Self::Rows(rows) => &rows.title,
        }
    }
}

/// A drawing with its table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exhibit {
    /// The drawing.
    pub drawing: Drawing,
    /// The table's headings; the first column names the row, the second holds numbers.
    pub headings: Vec<String>,
    /// The table's rows.
    pub table: Vec<Vec<Value>>,
}

/// An [`Exhibit`].
#[component]
pub fn ExhibitView(
    /// The exhibit.
    exhibit: Exhibit,
) -> impl IntoView {
    let label = format!("{}: figures", exhibit.drawing.title());
    let drawing = match exhibit.drawing {
        Drawing::Line(chart) => view! { <ChartView chart /> }.into_any(),
        Drawing::Rows(rows) => view! { <RowsView rows /> }.into_any(),
    };
    let class = |index: usize| (index == 1).then_some("num");
    let headings = exhibit
        .headings
        .into_iter()
        .enumerate()
        .map(|(index, heading)| view! { <th scope="col" class=class(index)>{heading}</th> })
        .collect_view();
    let rows = exhibit
        .table
        .into_iter()
        .map(|cells| {
            let cells = cells
                .into_iter()
                .enumerate()
                .map(|(index, cell)| match index {
                    0 => view! { <th scope="row">{cell.view()}</th> }.into_any(),
                    _ => view! { <td class=class(index)>{cell.view()}</td> }.into_any(),
                })
                .collect_view();
            view! { <tr>{cells}</tr> }
        })
        .collect_view();
    view! {
        <div class="exhibit">
            {drawing}
            <details class="fold small">
                <summary>"The same as a table"</summary>
                <Region label>
                    <table>
                        <thead>
                            <tr>{headings}</tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </Region>
            </details>
        </div>
    }
}
