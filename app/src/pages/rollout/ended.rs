//! Rollouts that are over, each with how it went.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::panel::{StrikeRow, WindowRow, strikes, windows};
use crate::kit::{Chart, ChartView, Link, Section, Tag, TagView, When, WhenView};

/// A rollout that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndedRow {
    /// The version.
    pub version: Link,
    /// How it ended.
    pub ending: Tag,
    /// Shares that it went through, such as "10, 25, 10, 0 %".
    pub way: String,
    /// Strikes.
    pub strikes: usize,
    /// Why, if it was rolled back.
    pub reason: String,
    /// When.
    pub when: When,
    /// The entry.
    pub entry: Link,
    /// Its strikes.
    pub struck: Vec<StrikeRow>,
    /// Share over time, then each figure.
    pub charts: Vec<Chart>,
    /// The windows, newest first.
    pub windows: Vec<WindowRow>,
    /// Where the whole course is shown, and how much of it stands here.
    pub course: Link,
}

pub(super) fn ended(place: &str, rows: Vec<EndedRow>) -> Option<AnyView> {
    let past = format!("{place}/past");
    (!rows.is_empty()).then(|| {
        let rows = rows.into_iter().enumerate().map(|(index, row)| ended_row(row, index == 0)).collect_view();
        view! {
            <Section id="ended" title="Rollouts that are over">
                <ul class="panel queue" role="list">
                    {rows}
                </ul>
                <p>
                    <a href=past>"Every rollout of this market that is over"</a>
                </p>
            </Section>
        }
        .into_any()
    })
}

/// The latest one lies open.
fn ended_row(row: EndedRow, is_latest: bool) -> AnyView {
    let struck = (!row.struck.is_empty()).then(|| strikes(row.struck));
    let charts = row.charts.into_iter().map(|chart| view! { <ChartView chart /> }).collect_view();
    let summary = format!("How {} went, step by step", row.version.label);
    let windows = windows(&format!("{} until {}", row.version.label, row.when.text), row.windows);
    let times = match row.strikes {
        0 => "no strike".to_owned(),
        1 => "1 strike".to_owned(),
        count => format!("{count} strikes"),
    };
    view! {
        <li>
            <span>
                <a class="what" href=row.version.href>
                    {row.version.label}
                </a>
                " "
                {row.reason}
            </span>
            <TagView tag=row.ending />
            <span class="more">
                <span>{format!("Users: {}", row.way)}</span>
                <span>{times}</span>
                <WhenView when=row.when />
                <a href=row.entry.href>{row.entry.label}</a>
            </span>
            <details class="fold more" open=is_latest>
                <summary>{summary}</summary>
                <div class="stack">
                    {struck}
                    <div class="charts">{charts}</div>
                    {windows}
                    <p>
                        <a href=row.course.href>{row.course.label}</a>
                    </p>
                </div>
            </details>
        </li>
    }
    .into_any()
}
