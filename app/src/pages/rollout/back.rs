//! The way back: the standby, its drills, and the champion's rollback.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::RolloutView;
use crate::kit::{Fact, Facts, Field, Link, Section, Tag, TagView, When, WhenView};

/// The way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackPanel {
    /// The standby, until when, its health, the next drill.
    pub facts: Vec<Fact>,
    /// The champion's number, where there is a standby to go back to.
    pub champion: Option<u32>,
    /// The drills, newest first.
    pub drills: Vec<DrillRow>,
    /// Whether a drill is under way.
    pub is_drilling: bool,
    /// Whether the reader may drill and roll back.
    pub can_steer: bool,
}

/// A drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillRow {
    /// Its number.
    pub number: u32,
    /// When.
    pub when: When,
    /// Passed, failed, under way.
    pub result: Tag,
    /// How long it took.
    pub took: String,
    /// How it went.
    pub note: String,
    /// The entry.
    pub entry: Link,
}

pub(super) fn back_panel(page: &RolloutView) -> AnyView {
    let href = page.href();
    let back = page.back.clone();
    let roll = back.champion.filter(|_| back.can_steer).map(|number| {
        let reason = page.reason("champion_reason", "Why");
        view! {
            <details class="fold no-print">
                <summary>{format!("Roll champion {number} back")}</summary>
                <form class="form" method="post" action=format!("{href}/rollback")>
                    <input type="hidden" name="version" value=number.to_string() />
                    <input type="hidden" name="form" value="champion" />
                    {reason}
                    <button class="button danger" type="submit">
                        "Back to the standby"
                    </button>
                    <p class="consequence">
                        "The standby serves everybody at once, if it was reported healthy lately. The champion is archived in this market for good."
                    </p>
                </form>
            </details>
        }
    });
    let drill = back.can_steer.then(|| {
        let (action, label, summary) = if back.is_drilling {
            (format!("{href}/drills/finish"), "How it went", "End the drill by hand")
        } else {
            (format!("{href}/drills"), "What is exercised", "Begin a drill")
        };
        let millis = back.is_drilling.then(|| {
            Field::input("number", "millis", "Milliseconds until it was applied")
                .hint("Left empty if it never was.")
                .value(page.typed("millis"))
                .errors(page.errors.as_ref())
                .view()
        });
        let note =
            Field::area("drill_note", label, 2).value(page.typed("drill_note")).errors(page.errors.as_ref()).view();
        view! {
            <details class="fold no-print">
                <summary>{summary}</summary>
                <form class="form" method="post" action=action>
                    {millis}
                    {note}
                    <button class="button" type="submit">
                        {summary}
                    </button>
                </form>
            </details>
        }
    });
    let drills = (!back.drills.is_empty()).then(|| {
        view! {
            <ul class="panel queue" role="list" aria-label="Drills">
                {back
                    .drills
                    .into_iter()
                    .map(|row| {
                        view! {
                            <li>
                                <span class="strong">{format!("Drill {}", row.number)}</span>
                                <TagView tag=row.result />
                                <span class="more">
                                    <span>{row.took}</span>
                                    <span>{row.note}</span>
                                    <span>
                                        <WhenView when=row.when />
                                        ", "
                                        <a href=row.entry.href>{row.entry.label}</a>
                                    </span>
                                </span>
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
        }
    });
    view! {
        <Section id="back" title="The way back">
            <div class="stack">
                <Facts facts=back.facts />
                {drills}
                {drill}
                {roll}
            </div>
        </Section>
    }
    .into_any()
}
