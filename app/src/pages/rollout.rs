//! One model in one market: who answers its users, the rollout under way, the way back, the kill switch, and all that
//! happened.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{
    Chart, ChartView, Digest, DigestView, Entry, ErrorSummary, Fact, Facts, Field, Head, Link, Notice, NoticeBox,
    Region, Requirement, Section, Tag, TagView, Tasks, Timeline, When, WhenView,
};

/// One deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutView {
    /// The model.
    pub model: String,
    /// The market.
    pub market: String,
    /// How it stands.
    pub state: Tag,
    /// What to know first: the kill switch, a hold, a rollback that could not be made.
    pub notices: Vec<Notice>,
    /// Who answers how many users.
    pub shares: Vec<Share>,
    /// Revision, since when, who has applied it.
    pub routing: Vec<Fact>,
    /// The rollout under way.
    pub rollout: Option<RolloutPanel>,
    /// The way back.
    pub back: BackPanel,
    /// The kill switch in use.
    pub kill: Option<KillPanel>,
    /// Whether the reader may use the kill switch.
    pub can_kill: bool,
    /// Rollouts that are over, newest first.
    pub ended: Vec<EndedRow>,
    /// What happened, newest first.
    pub history: Vec<Entry>,
    /// What was typed into a refused form, by the field's name.
    pub typed: Vec<(String, String)>,
    /// Why a form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// A line of who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The version, or the fallback.
    pub who: Option<Link>,
    /// The fallback's name, where no version answers.
    pub name: String,
    /// Champion, challenger, shadow.
    pub part: Tag,
    /// Share of users in percent; none for a shadow, which answers nobody.
    pub percent: Option<u8>,
    /// Digest of the weights.
    pub weights: Option<Digest>,
    /// Digest of the image.
    pub image: Option<Digest>,
}

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

/// The kill switch in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillPanel {
    /// Who, when, why, where to, how fast.
    pub facts: Vec<Fact>,
    /// Whether the reader may review it.
    pub can_review: bool,
    /// Whether it can be lifted now, by the reader.
    pub can_lift: bool,
}

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
}

impl RolloutView {
    fn href(&self) -> String {
        format!("/rollouts/{}/{}", self.model, self.market)
    }

    fn typed(&self, name: &str) -> String {
        self.typed.iter().find(|(field, _)| field == name).map_or_else(String::new, |(_, value)| value.clone())
    }

    /// A reason's area.
    fn reason(&self, name: &'static str, label: &'static str) -> AnyView {
        Field::area(name, label, 2).value(self.typed(name)).required().errors(self.errors.as_ref()).view()
    }
}

impl Page for RolloutView {
    fn title(&self) -> String {
        format!("{} in {}", self.model, self.market)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Rollouts)
    }

    fn crumbs(&self) -> Vec<Link> {
        vec![Link::new("Rollouts", "/rollouts"), Link::new(self.model.clone(), format!("/models/{}", self.model))]
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(mut self) -> AnyView {
        let title = self.title();
        let notices = std::mem::take(&mut self.notices);
        let notices = notices.into_iter().map(|notice| view! { <NoticeBox notice /> }).collect_view();
        let shares = shares(std::mem::take(&mut self.shares));
        let routing = std::mem::take(&mut self.routing);
        let kill = self.kill.take().map(|kill| kill_panel(&self, kill));
        let rollout = self.rollout.take().map(|rollout| rollout_panel(&self, rollout));
        let back = back_panel(&self);
        let ended = ended(std::mem::take(&mut self.ended));
        let kill_href = format!("{}/kill", self.href());
        let off = self.can_kill.then(|| {
            view! {
                <Section id="kill-switch" title="Kill switch" about="One act sends everybody to the previous version or to rules, without asking for anybody's approval. A review is due afterwards.">
                    <a class="button danger" href=kill_href>
                        "Use the kill switch"
                    </a>
                </Section>
            }
        });
        let history = std::mem::take(&mut self.history);
        view! {
            <Head title=title lede="Who answers this market's users now, and how that changes.">
                <div class="meta">
                    <TagView tag=self.state />
                </div>
            </Head>
            {notices}
            <div class="columns side">
                <div class="stack-l">
                    {kill}
                    <Section id="now" title="Who answers now">
                        {shares}
                    </Section>
                    {rollout}
                    {ended}
                    <Section id="history" title="What happened" about="Every entry that concerns this market, newest first.">
                        <Timeline entries=history />
                    </Section>
                </div>
                <aside class="stack-l">
                    <Section id="routing" title="Routing">
                        <Facts facts=routing />
                    </Section>
                    {back}
                    {off}
                </aside>
            </div>
        }
        .into_any()
    }
}

fn shares(rows: Vec<Share>) -> AnyView {
    view! {
        <Region label="Shares of users">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Who"</th>
                        <th scope="col">"Part"</th>
                        <th scope="col" class="num">
                            "Users"
                        </th>
                        <th scope="col">"Weights"</th>
                        <th scope="col">"Image"</th>
                    </tr>
                </thead>
                <tbody>
                    {rows
                        .into_iter()
                        .map(|row| {
                            let who = match row.who {
                                Some(link) => view! { <a href=link.href>{link.label}</a> }.into_any(),
                                None => view! { <span>{row.name}</span> }.into_any(),
                            };
                            let users = match row.percent {
                                Some(percent) => {
                                    view! {
                                        <span class="share">
                                            <meter min="0" max="100" value=percent aria-hidden="true"></meter>
                                            {format!("{percent} %")}
                                        </span>
                                    }
                                        .into_any()
                                }
                                None => view! { <span class="quiet">"a copy"</span> }.into_any(),
                            };
                            view! {
                                <tr>
                                    <th scope="row">{who}</th>
                                    <td>
                                        <TagView tag=row.part />
                                    </td>
                                    <td class="num">{users}</td>
                                    <td>{row.weights.map(|digest| view! { <DigestView digest /> })}</td>
                                    <td>{row.image.map(|digest| view! { <DigestView digest /> })}</td>
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

fn rollout_panel(page: &RolloutView, rollout: RolloutPanel) -> AnyView {
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
            </div>
        </Section>
    }
    .into_any()
}

fn strikes(rows: Vec<StrikeRow>) -> AnyView {
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
fn windows(of: &str, rows: Vec<WindowRow>) -> AnyView {
    if rows.is_empty() {
        return view! { <p class="quiet">"No window was reported yet. A serving system reports them through the API or the command line."</p> }
            .into_any();
    }
    view! {
        <Region label=format!("Windows observed of {of}")>
            <table>
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
                                    <td class="nowrap">
                                        <WhenView when=row.until />
                                    </td>
                                    <td class="num">{format!("{} %", row.percent)}</td>
                                    <td class="num">{row.sample}</td>
                                    <td class="words">
                                        {row
                                            .figures
                                            .into_iter()
                                            .map(|figure| view! { <span class="sub">{figure}</span> })
                                            .collect_view()}
                                    </td>
                                    <td>
                                        <TagView tag=row.verdict />
                                    </td>
                                    <td class="nowrap">
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

fn back_panel(page: &RolloutView) -> AnyView {
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

fn kill_panel(page: &RolloutView, kill: KillPanel) -> AnyView {
    let href = page.href();
    let review = kill.can_review.then(|| {
        let text = Field::area("review_text", "What the review found", 4)
            .value(page.typed("review_text"))
            .required()
            .errors(page.errors.as_ref())
            .view();
        view! {
            <form class="form" method="post" action=format!("{href}/kill/review")>
                {text}
                <div class="actions">
                    <button class="button primary" type="submit" name="may_lift" value="yes">
                        "It may serve again"
                    </button>
                    <button class="button" type="submit" name="may_lift" value="no">
                        "It stays off"
                    </button>
                </div>
            </form>
        }
    });
    let lift = kill.can_lift.then(|| {
        let reason = page.reason("lift_reason", "Why now");
        view! {
            <form class="form" method="post" action=format!("{href}/kill/lift")>
                {reason}
                <button class="button primary" type="submit">
                    "Lift the kill switch"
                </button>
                <p class="consequence">"Traffic goes back to where it was when the switch was used; a rollout walks its step anew."</p>
            </form>
        }
    });
    view! {
        <Section id="kill" title="The kill switch is in use">
            <div class="panel mark">
                <div class="in stack">
                    <Facts facts=kill.facts />
                    {review}
                    {lift}
                </div>
            </div>
        </Section>
    }
    .into_any()
}

fn ended(rows: Vec<EndedRow>) -> Option<AnyView> {
    (!rows.is_empty()).then(|| {
        let rows = rows.into_iter().enumerate().map(|(index, row)| ended_row(row, index == 0)).collect_view();
        view! {
            <Section id="ended" title="Rollouts that are over">
                <ul class="panel queue" role="list">
                    {rows}
                </ul>
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
                </div>
            </details>
        </li>
    }
    .into_any()
}
