//! One model: its versions on the line, what blocks the next stop, who serves where.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{
    Choice, Digest, DigestView, Empty, Entry, Fact, Facts, Field, Head, Line, Link, Notice, NoticeBox, Pager, Region,
    Section, Tag, TagView, Timeline, TrackLine, When, WhenView,
};

/// One model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelView {
    /// Registry name.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What it is for.
    pub purpose: String,
    /// Tier, regulation: a word or two each.
    pub labels: Vec<String>,
    /// Owner, policy profile, next validation and so on.
    pub facts: Vec<Fact>,
    /// All living versions on the line, if there are any.
    pub line: Option<TrackLine>,
    /// Versions that the line does not show, in sentences.
    pub beside_line: Vec<String>,
    /// What holds the versions up, most advanced first.
    pub blocked: Vec<Blocked>,
    /// The versions, newest first.
    pub versions: Vec<VersionRow>,
    /// Where this page of versions stands.
    pub pager: Pager,
    /// Versions to compare, newest first; the form is shown from two on.
    pub comparable: Vec<u32>,
    /// What happened last.
    pub recent: Vec<Entry>,
    /// Whether the reader may register a version.
    pub can_register: bool,
    /// Something to know first, such as an overdue review.
    pub notice: Option<Notice>,
}

/// A version that cannot go on yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// The version.
    pub version: Link,
    /// Where it would go: "Staging", "Canary in EU".
    pub next: String,
    /// How many requirements are not met.
    pub count: usize,
    /// The first of what is missing, a sentence each.
    pub missing: Vec<String>,
    /// Every role that can supply some of it.
    pub suppliers: Vec<String>,
}

/// A line of the table of versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRow {
    /// The version.
    pub version: Link,
    /// Where it stands.
    pub standings: Vec<Tag>,
    /// Materiality against its parent.
    pub change: Option<String>,
    /// The commit.
    pub commit: Option<Digest>,
    /// The dataset.
    pub data: String,
    /// Its partition or version.
    pub partition: String,
    /// Who registered it.
    pub registered_by: String,
    /// When.
    pub registered_at: When,
}

impl Page for ModelView {
    fn title(&self) -> String {
        self.name.clone()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn crumbs(&self) -> Vec<Link> {
        vec![Link::new("Models", "/models")]
    }

    fn body(self) -> AnyView {
        let base = format!("/models/{}", self.name);
        let new_version = Link::new("Register a version", format!("{base}/versions/new"));
        let actions = if self.can_register { vec![new_version.clone()] } else { Vec::new() };
        let is_empty = self.versions.is_empty();
        let line = self.line.map(|line| {
            view! {
                <Section id="line" title="Where its versions stand">
                    <div class="panel">
                        <div class="in">
                            <Line line label="Stages and markets of this model" />
                            {self
                                .beside_line
                                .into_iter()
                                .map(|words| view! { <p class="small quiet">{words}</p> })
                                .collect_view()}
                        </div>
                    </div>
                </Section>
            }
        });
        let versions = if is_empty {
            let hint = "A version is code, data and model with their lineage. Register one here, or from a pipeline through the API or the command line.";
            view! { <Empty title="No versions yet" hint=hint action=self.can_register.then_some(new_version) /> }
                .into_any()
        } else {
            view! {
                <Section id="versions" title="Versions">
                    {versions_table(self.versions)}
                    {self.pager.view()}
                    {compare_form(&base, &self.comparable)}
                </Section>
            }
            .into_any()
        };
        let recent = (!self.recent.is_empty()).then(|| {
            let more = Link::new("All entries", format!("/ledger?subject={}", self.name));
            view! {
                <Section id="recent" title="What happened last" more=more>
                    <Timeline entries=self.recent />
                </Section>
            }
        });
        view! {
            <Head title=self.name lede=self.purpose actions=actions>
                <div class="meta">
                    <span>{self.title}</span>
                    {self.labels.into_iter().map(|label| view! { <span class="pill">{label}</span> }).collect_view()}
                </div>
            </Head>
            {self.notice.map(|notice| view! { <NoticeBox notice /> })}
            {line}
            <div class="columns side">
                <div class="stack-l">
                    {blocked(self.blocked)}
                    {versions}
                    {recent}
                </div>
                <aside aria-labelledby="facts-heading" class="stack">
                    <h2 id="facts-heading">"Facts"</h2>
                    <Facts facts=self.facts />
                </aside>
            </div>
        }
        .into_any()
    }
}

fn blocked(blocked: Vec<Blocked>) -> Option<AnyView> {
    (!blocked.is_empty()).then(|| {
        view! {
            <Section id="blocked" title="What blocks the next stop">
                <ul class="panel queue" role="list">
                    {blocked
                        .into_iter()
                        .map(|item| {
                            let count = item.count;
                            let more = count.saturating_sub(item.missing.len());
                            let who = match item.suppliers.as_slice() {
                                [] => None,
                                [only] => Some(format!("{only} can supply it.")),
                                [all @ .., last] => Some(format!("{} and {last} can supply it.", all.join(", "))),
                            };
                            view! {
                                <li>
                                    <span>
                                        <a class="what" href=item.version.href>{item.version.label}</a>
                                        " to "
                                        {item.next}
                                    </span>
                                    <TagView tag=Tag::new(crate::kit::Tone::Warn, format!("{count} missing")) />
                                    <span class="more">
                                        {item.missing.into_iter().map(|what| view! { <span>{what}</span> }).collect_view()}
                                        {(more > 0).then(|| view! { <span>{format!("and {more} more.")}</span> })}
                                        {who.map(|who| view! { <span>{who}</span> })}
                                    </span>
                                </li>
                            }
                        })
                        .collect_view()}
                </ul>
            </Section>
        }
        .into_any()
    })
}

fn versions_table(rows: Vec<VersionRow>) -> AnyView {
    view! {
        <Region label="Versions">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Version"</th>
                        <th scope="col">"Stands at"</th>
                        <th scope="col">"Change"</th>
                        <th scope="col">"Commit"</th>
                        <th scope="col">"Data"</th>
                        <th scope="col">"Registered"</th>
                    </tr>
                </thead>
                <tbody>
                    {rows
                        .into_iter()
                        .map(|row| {
                            view! {
                                <tr>
                                    <th scope="row">
                                        <a href=row.version.href>{row.version.label}</a>
                                    </th>
                                    <td>
                                        {row.standings.into_iter().map(|tag| view! { <TagView tag /> " " }).collect_view()}
                                    </td>
                                    <td>{row.change}</td>
                                    <td>{row.commit.map(|digest| view! { <DigestView digest /> })}</td>
                                    <td>{row.data} <span class="sub nowrap">{row.partition}</span></td>
                                    <td>
                                        {row.registered_by} <span class="sub nowrap">
                                            <WhenView when=row.registered_at />
                                        </span>
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

fn compare_form(base: &str, numbers: &[u32]) -> Option<AnyView> {
    (numbers.len() > 1).then(|| {
        let choices = |chosen: u32| {
            numbers
                .iter()
                .map(|number| Choice::new(number.to_string(), format!("v{number}")).chosen_if(*number == chosen))
                .collect::<Vec<_>>()
        };
        let from = Field::select("a", "Compare", choices(numbers[1])).view();
        let to = Field::select("b", "with", choices(numbers[0])).view();
        view! {
            <form class="filters" method="get" action=format!("{base}/compare") aria-label="Compare two versions">
                {from}
                {to}
                <button class="button" type="submit">
                    "Compare"
                </button>
            </form>
        }
        .into_any()
    })
}
