//! The rollout under way: its steps, what the next one waits for, strikes, windows, and the forms that steer it.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::RolloutView;
use crate::kit::{
    Chart, ChartView, Digest, DigestView, Field, Link, Region, Requirement, Section, Tag, TagView, Tasks, When,
    WhenView,
};

/// The rollout under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutPanel {
    /// The version.
    pub version: Link,
    /// Its number, for forms.
    pub number: u32,
    /// Progressive or blue-green, and why.
    pub strategy: String,
    /// The steps, with the one at which it stands.
    pub steps: Vec<StepMark>,
    /// What the next step waits for.
    pub requirements: Vec<Requirement>,
    /// The strikes.
    pub strikes: Vec<StrikeRow>,
    /// Share over time, then each figure.
    pub charts: Vec<Chart>,
    /// The windows, newest first.
    pub windows: Vec<WindowRow>,
    /// Where the whole course is shown, and how much of it stands here.
    pub course: Option<Link>,
    /// Whether it is on hold.
    pub is_held: bool,
    /// Whether the reader may hold, resume and roll back.
    pub can_steer: bool,
    /// The approval that the reader can give.
    pub approval: Option<Approval>,
}

/// A step of the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepMark {
    /// Share of users in percent.
    pub percent: u8,
    /// Passed, here, ahead.
    pub state: Tag,
    /// Whether it is the present one.
    pub is_here: bool,
}

/// A strike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrikeRow {
    /// First or second.
    pub number: usize,
    /// What was violated.
    pub what: String,
    /// From where to where.
    pub moved: String,
    /// When.
    pub when: When,
    /// The entry.
    pub entry: Link,
}

/// A window that was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowRow {
    /// When it ended.
    pub until: When,
    /// The share then.
    pub percent: u8,
    /// Requests answered.
    pub sample: String,
    /// Each figure with its interval.
    pub figures: Vec<String>,
    /// What the guardrails said.
    pub verdict: Tag,
    /// The entry.
    pub entry: Link,
}

/// An approval that the reader can give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// What would follow, such as "25 % of users".
    pub next: String,
    /// The sentence that is signed.
    pub meaning: String,
    /// Digest of what is signed.
    pub package: Digest,
    /// The signer's name.
    pub signer: String,
}

pub(super) fn rollout_panel(page: &RolloutView, rollout: RolloutPanel) -> AnyView {
    let steps = rollout
        .steps
        .into_iter()
        .map(|step| {
            view! {
                <li aria-current=step.is_here.then_some("step")>
                    <span class="strong">{format!("{} %", step.percent)}</span>
                    <TagView tag=step.state />
                </li>
            }
        })
        .collect_view();
    let strikes = (!rollout.strikes.is_empty()).then(|| strikes(rollout.strikes));
    let charts = rollout.charts.into_iter().map(|chart| view! { <ChartView chart /> }).collect_view();
    let windows = windows(&rollout.version.label, rollout.windows);
    let approval = rollout.approval.map(|approval| approve_form(page, rollout.number, approval));
    let steer = rollout.can_steer.then(|| steer_forms(page, rollout.number, rollout.is_held));
    view! {
        <Section id="rollout" title=format!("On its way in: {}", rollout.version.label)>
            <div class="stack">
                <p>
                    {rollout.strategy}
                    " "
                    <a href=rollout.version.href>"The version"</a>
                </p>
                <ol class="steps" role="list" aria-label="Shares of users, step by step">
                    {steps}
                </ol>
                <div class="panel">
                    <header>
                        <h3>"Before the next step"</h3>
                    </header>
                    <div class="in">
                        <Tasks requirements=rollout.requirements />
                    </div>
                </div>
                {strikes}
                {approval}
                {steer}
                <h3>"What was measured"</h3>
                <div class="charts">{charts}</div>
                {windows}
                {rollout.course.map(|link| view! { <p><a href=link.href>{link.label}</a></p> })}
            </div>
        </Section>
    }
    .into_any()
}

pub(in crate::pages) fn strikes(rows: Vec<StrikeRow>) -> AnyView {
    view! {
        <div class="stack">
            <h3>"Strikes"</h3>
            <p class="small quiet">"The first steps back, the second takes the version out of the market. They never lapse."</p>
            <ul class="panel queue" role="list">
                {rows
                    .into_iter()
                    .map(|row| {
                        view! {
                            <li>
                                <span class="strong">{format!("Strike {}", row.number)}</span>
                                <span>{row.moved}</span>
                                <span class="more">
                                    <span>{row.what}</span>
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
        </div>
    }
    .into_any()
}

/// `of` tells one rollout's windows from another's.
pub(in crate::pages) fn windows(of: &str, rows: Vec<WindowRow>) -> AnyView {
    if rows.is_empty() {
        return view! { <p class="quiet">"No window was reported yet. A serving system reports them through the API or the command line."</p> }
            .into_any();
    }
    view! {
        <Region label=format!("Windows observed of {of}")>
            <table class="cards">
                <thead>
                    <tr>
                        <th scope="col">"Until"</th>
                        <th scope="col" class="num">
                            "Users"
                        </th>
                        <th scope="col" class="num">
                            "Requests"
                        </th>
                        <th scope="col">"Figures with intervals"</th>
                        <th scope="col">"Verdict"</th>
                        <th scope="col">"Proof"</th>
                    </tr>
                </thead>
                <tbody>
                    {rows
                        .into_iter()
                        .map(|row| {
                            view! {
                                <tr>
                                    <td data-label="Until" class="nowrap">
                                        <WhenView when=row.until />
                                    </td>
                                    <td data-label="Users" class="num">{format!("{} %", row.percent)}</td>
                                    <td data-label="Requests" class="num">{row.sample}</td>
                                    <td class="words">
                                        {row
                                            .figures
                                            .into_iter()
                                            .map(|figure| view! { <span class="sub">{figure}</span> })
                                            .collect_view()}
                                    </td>
                                    <td data-label="Verdict">
                                        <TagView tag=row.verdict />
                                    </td>
                                    <td data-label="Proof" class="nowrap">
                                        <a href=row.entry.href>{row.entry.label}</a>
                                    </td>
                                </tr>
                            }
                        })
                        .collect_view()}
                </tbody>
            </table>
        </Region>
    }
    .into_any()
}

fn approve_form(page: &RolloutView, number: u32, approval: Approval) -> AnyView {
    let comment = Field::area("comment", "Comment", 2).value(page.typed("comment")).errors(page.errors.as_ref()).view();
    let password = Field::input("password", "password", "Your password")
        .hint("Asked again, so that nobody else signs at your desk.")
        .autocomplete("current-password")
        .required()
        .errors(page.errors.as_ref())
        .view();
    view! {
        <form class="form panel mark" method="post" action=format!("{}/approve", page.href())>
            <header>
                <h3>{format!("Approve {}", approval.next)}</h3>
            </header>
            <div class="in form">
                <p>{format!("\u{201c}{}\u{201d}", approval.meaning)}</p>
                <p class="small">"What you sign " <DigestView digest=approval.package.clone() full=true /></p>
                <input type="hidden" name="version" value=number.to_string() />
                <input type="hidden" name="meaning" value=approval.meaning />
                <input type="hidden" name="package" value=approval.package.0 />
                {comment}
                {password}
                <div class="actions">
                    <button class="button primary" type="submit">
                        "Sign and go on"
                    </button>
                    <span class="small quiet">{approval.signer}</span>
                </div>
                <p class="consequence">"Your signature is sealed at once and the share of users changes with it."</p>
            </div>
        </form>
    }
    .into_any()
}

fn steer_forms(page: &RolloutView, number: u32, is_held: bool) -> AnyView {
    let href = page.href();
    let (what, action, verb) = if is_held {
        ("Let the rollout go on", format!("{href}/resume"), "Go on")
    } else {
        ("Hold the rollout", format!("{href}/hold"), "Hold")
    };
    let hold = page.reason("hold_reason", "Why");
    let back = page.reason("rollback_reason", "Why it goes");
    let is_open =
        |name: &str| page.errors.as_ref().is_some_and(|errors| errors.items.iter().any(|i| i.field_id == name));
    let (hold_open, back_open) = (is_open("hold_reason"), is_open("rollback_reason"));
    view! {
        <div class="stack no-print">
            <details class="fold" open=hold_open>
                <summary>{what}</summary>
                <form class="form" method="post" action=action>
                    {hold}
                    <button class="button" type="submit">
                        {verb}
                    </button>
                    <p class="consequence">
                        "A held rollout keeps its share of users and takes no step; a broken guardrail still counts."
                    </p>
                </form>
            </details>
            <details class="fold" open=back_open>
                <summary>{format!("Roll version {number} back")}</summary>
                <form class="form" method="post" action=format!("{href}/rollback")>
                    <input type="hidden" name="version" value=number.to_string() />
                    {back}
                    <button class="button danger" type="submit">
                        "Roll back fully"
                    </button>
                    <p class="consequence">
                        "All its users go back to the champion at once. The version is archived in this market for good; it comes back only as a new version."
                    </p>
                </form>
            </details>
        </div>
    }
    .into_any()
}
