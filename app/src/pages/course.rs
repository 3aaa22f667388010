//! The whole course of one rollout, from the ledger: every window, move, strike, hold and approval; and the list of a
//! market's rollouts that are over.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Page, Room,
    as_of::{GrantedStep, signatures},
    rollout::{StrikeRow, WindowRow, panel},
};
use crate::kit::{
    Chart, ChartView, Empty, Fact, Facts, Head, Link, LinkView, Pager, Region, Section, Tag, TagView, When, WhenView,
};

/// One version's way into one market.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CourseView {
    /// The model.
    pub model: String,
    /// The market.
    pub market: String,
    /// The version.
    pub version: Link,
    /// How it stands or ended.
    pub state: Tag,
    /// When it began and ended, why, how many windows with which verdicts.
    pub facts: Vec<Fact>,
    /// What of it is left out, if anything is.
    pub note: Option<String>,
    /// Its strikes.
    pub strikes: Vec<StrikeRow>,
    /// Steps made, with who approved each.
    pub steps: Vec<GrantedStep>,
    /// Share over time, then each figure, over all windows.
    pub charts: Vec<Chart>,
    /// The windows of this page, newest first.
    pub windows: Vec<WindowRow>,
    /// Where this page of them stands.
    pub pager: Pager,
}

/// A market's rollouts that are over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastRolloutsView {
    /// The model.
    pub model: String,
    /// The market.
    pub market: String,
    /// The rollouts, newest first.
    pub rows: Vec<PastRow>,
    /// Where earlier ones are.
    pub earlier: Option<Link>,
}

/// A rollout that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRow {
    /// The version, leading to its course.
    pub course: Link,
    /// How it ended.
    pub ending: Tag,
    /// Why, if it was rolled back.
    pub reason: String,
    /// When.
    pub when: When,
    /// The entry.
    pub entry: Link,
}

fn crumbs(model: &str, market: &str) -> Vec<Link> {
    vec![
        Link::new("Rollouts", "/rollouts"),
        Link::new(format!("{model} in {market}"), format!("/rollouts/{model}/{market}")),
    ]
}

impl Page for CourseView {
    fn title(&self) -> String {
        format!("Rollout of {} {} in {}", self.model, self.version.label, self.market)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Rollouts)
    }

    fn crumbs(&self) -> Vec<Link> {
        crumbs(&self.model, &self.market)
    }

    fn body(self) -> AnyView {
        let title = self.title();
        let strikes = (!self.strikes.is_empty()).then(|| panel::strikes(self.strikes));
        let charts = self.charts.into_iter().map(|chart| view! { <ChartView chart /> }).collect_view();
        let windows = panel::windows(&self.version.label, self.windows);
        let note = self.note.map(|note| view! { <p class="small quiet">{note}</p> });
        let past = format!("/rollouts/{}/{}/past", self.model, self.market);
        view! {
            <Head title=title lede="Every window, step and signature of this rollout, read from the ledger.">
                <div class="meta">
                    <TagView tag=self.state />
                    <LinkView link=self.version />
                    <a href=past>"Every rollout of this market that is over"</a>
                </div>
            </Head>
            <Section id="facts" title="In short">
                <Facts facts=self.facts />
            </Section>
            {strikes}
            <Section id="steps" title="Shares of users, and who approved each" about="From the promotions on, which grant the first shares; who signed those stands in the version's timeline and on As of.">
                {steps(self.steps)}
            </Section>
            <Section id="measured" title="What was measured">
                <div class="stack">
                    {note}
                    <div class="charts">{charts}</div>
                    <div>{windows} {self.pager.view()}</div>
                </div>
            </Section>
        }
        .into_any()
    }
}

fn steps(steps: Vec<GrantedStep>) -> AnyView {
    if steps.is_empty() {
        return view! { <p class="quiet">"No step was made after it began."</p> }.into_any();
    }
    let row = |step: GrantedStep| {
        let signed = signatures(step.approvals);
        view! {
            <tr>
                <th scope="row">{step.target}</th>
                <td data-label="When" class="nowrap">
                    <WhenView when=step.when />
                    <span class="sub">
                        <LinkView link=step.entry />
                    </span>
                </td>
                <td data-label="Signed by">{signed}</td>
            </tr>
        }
    };
    view! {
        <Region label="Shares of users, and who approved each">
            <table class="cards">
                <thead>
                    <tr>
                        <th scope="col">"Reached"</th>
                        <th scope="col">"When"</th>
                        <th scope="col">"Signed by"</th>
                    </tr>
                </thead>
                <tbody>{steps.into_iter().map(row).collect_view()}</tbody>
            </table>
        </Region>
    }
    .into_any()
}

impl Page for PastRolloutsView {
    fn title(&self) -> String {
        format!("Rollouts of {} in {} that are over", self.model, self.market)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Rollouts)
    }

    fn crumbs(&self) -> Vec<Link> {
        crumbs(&self.model, &self.market)
    }

    fn body(self) -> AnyView {
        let title = self.title();
        let content = if self.rows.is_empty() {
            view! { <Empty title="None here" hint="A rollout stands here when its version became champion or was taken out." /> }
                .into_any()
        } else {
            let row = |row: PastRow| {
                view! {
                    <tr>
                        <th scope="row">
                            <LinkView link=row.course />
                        </th>
                        <td data-label="Ended">
                            <TagView tag=row.ending />
                        </td>
                        <td data-label="Why" class="words">{row.reason}</td>
                        <td data-label="When" class="nowrap">
                            <WhenView when=row.when />
                        </td>
                        <td data-label="Proof" class="nowrap">
                            <LinkView link=row.entry />
                        </td>
                    </tr>
                }
            };
            view! {
                <Region label="Rollouts that are over">
                    <table class="cards">
                        <thead>
                            <tr>
                                <th scope="col">"Version"</th>
                                <th scope="col">"Ended"</th>
                                <th scope="col">"Why"</th>
                                <th scope="col">"When"</th>
                                <th scope="col">"Proof"</th>
                            </tr>
                        </thead>
                        <tbody>{self.rows.into_iter().map(row).collect_view()}</tbody>
                    </table>
                </Region>
            }
            .into_any()
        };
        let earlier = self.earlier.map(|link| view! { <p><LinkView link /></p> });
        view! {
            <Head title=title lede="From the ledger, newest first; each leads to its whole course." />
            {content}
            {earlier}
        }
        .into_any()
    }
}
