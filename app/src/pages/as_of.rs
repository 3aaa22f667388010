//! Any past instant: which version served which market, approved by whom, under which policy.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{
    Choice, Empty, ErrorSummary, Fact, Facts, Field, Head, Link, LinkView, Pager, Region, Section, Tag, TagView, Tone,
    When, WhenView,
};

/// What held at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsOfView {
    /// The instant as typed.
    pub at: String,
    /// Models to choose from; the first is "all".
    pub models: Vec<Choice>,
    /// The answer, if something was asked.
    pub answer: Option<AsOfAnswer>,
    /// Why nothing can be told.
    pub errors: Option<ErrorSummary>,
}

/// The answer to a question about the past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsOfAnswer {
    /// The instant.
    pub when: When,
    /// Entries that the ledger had, its root, the policy in force.
    pub facts: Vec<Fact>,
    /// How each market was served.
    pub rows: Vec<ServingRow>,
    /// Which of the models these are, and where the others are.
    pub pager: Pager,
    /// The grounds of each champion and challenger, where one model was asked for.
    pub grounds: Vec<ServingGrounds>,
}

/// A market at that instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServingRow {
    /// The model, leading to its own answer.
    pub model: Link,
    /// The market.
    pub market: String,
    /// What answered users, with its share: versions, the fallback.
    pub answered: Vec<(String, Option<Link>)>,
    /// The kill switch, if it was in use.
    pub kill_switch: Option<KillRow>,
    /// The champion, since when, and the entry that made it champion.
    pub champion: Option<(Link, When, Link)>,
    /// The version on its way in, its share and standing, since when, and the entry.
    pub challenger: Option<(Link, String, When, Link)>,
    /// Versions that scored a copy of the traffic.
    pub mirror: Vec<Link>,
    /// The version in warm standby, and until when.
    pub standby: Option<(Link, When)>,
}

/// The kill switch in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillRow {
    /// Since when.
    pub since: When,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The entry.
    pub entry: Link,
    /// Whether its use had been reviewed, in words.
    pub review: String,
}

/// Why a version could serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServingGrounds {
    /// Such as "EU: v3".
    pub title: String,
    /// Artifacts, validation, findings.
    pub facts: Vec<Fact>,
    /// Its way through the stages.
    pub steps: Vec<GrantedStep>,
}

/// A granted promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedStep {
    /// Such as "Canary in EU".
    pub target: String,
    /// Who asked.
    pub requested_by: String,
    /// When it was granted.
    pub when: When,
    /// The entry of the transition.
    pub entry: Link,
    /// Signatures: role and name, meaning, entry.
    pub approvals: Vec<(Tag, String, Link)>,
}

impl Page for AsOfView {
    fn title(&self) -> String {
        "As of".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::AsOf)
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        let at = Field::input("datetime-local", "at", "Instant (UTC)").value(self.at).errors(errors).required().view();
        let model = Field::select("model", "Model", self.models).errors(errors).grow().view();
        view! {
            <Head title="As of" lede="Which version served which market at a past instant, who approved it, under which policy. Told from the entries that were sealed by then, and from none that came later." />
            <form class="filters" method="get" action="/as-of" aria-label="Choose an instant">
                {at}
                {model}
                <button class="button primary" type="submit">
                    "Show"
                </button>
            </form>
            {self.answer.map(answer)}
        }
        .into_any()
    }
}

fn answer(answer: AsOfAnswer) -> AnyView {
    let rows = answer.rows.into_iter().map(row).collect_view();
    let title = format!("On {}", answer.when.text);
    let table = if rows.is_empty() {
        view! { <Empty title="No version served a market" hint="None of these models did, and none of their versions was on its way in. Choose a later instant, or another model." /> }
            .into_any()
    } else {
        view! {
            <Region label="Serving">
                <table class="cards">
                    <thead>
                        <tr>
                            <th scope="col">"Model"</th>
                            <th scope="col">"Market"</th>
                            <th scope="col">"Users answered by"</th>
                            <th scope="col">"Champion"</th>
                            <th scope="col">"On its way in"</th>
                            <th scope="col">"Shadow"</th>
                            <th scope="col">"Warm standby"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </Region>
        }
        .into_any()
    };
    view! {
        <Section id="serving" title=title>
            <div class="stack">
                {table}
                {answer.pager.view()}
                <Facts facts=answer.facts />
            </div>
        </Section>
        {answer.grounds.into_iter().enumerate().map(|(index, grounds)| grounds_view(index, grounds)).collect_view()}
    }
    .into_any()
}

fn row(row: ServingRow) -> impl IntoView {
    let none = || view! { <span class="quiet">"none"</span> }.into_any();
    let answered = row.answered.into_iter().map(|(share, link)| {
        let what = link.map(|link| view! { " " <LinkView link /> });
        view! { <li>{share} {what}</li> }
    });
    let kill = row.kill_switch.map(|kill| {
        view! {
            <span class="sub">
                <TagView tag=Tag::new(Tone::Bad, "Kill switch in use") />
                " since "
                <WhenView when=kill.since />
                {format!(", by {}, ", kill.by)}
                <LinkView link=kill.entry />
                {format!(": {} {}", kill.reason, kill.review)}
            </span>
        }
    });
    let champion = row.champion.map_or_else(none, |(version, since, entry)| {
        view! {
            <LinkView link=version />
            {since_entry(since, entry)}
        }
        .into_any()
    });
    let challenger = row.challenger.map_or_else(none, |(version, standing, since, entry)| {
        view! {
            <LinkView link=version />
            " "
            {standing}
            {since_entry(since, entry)}
        }
        .into_any()
    });
    let mirror = if row.mirror.is_empty() {
        none()
    } else {
        view! {
            <span class="cluster">
                {row.mirror.into_iter().map(|link| view! { <LinkView link /> }).collect_view()}
            </span>
        }
        .into_any()
    };
    let standby = row.standby.map_or_else(none, |(version, until)| {
        view! {
            <LinkView link=version />
            <span class="sub">
                "until "
                <WhenView when=until />
            </span>
        }
        .into_any()
    });
    view! {
        <tr>
            <th scope="row">
                <LinkView link=row.model />
            </th>
            <td data-label="Market">{row.market}</td>
            <td data-label="Answered by">
                <ul role="list">{answered.collect_view()}</ul>
                {kill}
            </td>
            <td data-label="Champion">{champion}</td>
            <td data-label="On its way in">{challenger}</td>
            <td data-label="Shadow">{mirror}</td>
            <td data-label="Warm standby">{standby}</td>
        </tr>
    }
}

/// Who signed a step: whom, what it meant, and the entry.
pub(super) fn signatures(approvals: Vec<(Tag, String, Link)>) -> AnyView {
    if approvals.is_empty() {
        return view! { <span class="quiet">"no signature was asked for"</span> }.into_any();
    }
    let one = |(who, meaning, entry): (Tag, String, Link)| {
        view! {
            <li>
                <TagView tag=who />
                " "
                <LinkView link=entry />
                <span class="sub">{meaning}</span>
            </li>
        }
    };
    view! { <ul role="list">{approvals.into_iter().map(one).collect_view()}</ul> }.into_any()
}

fn grounds_view(index: usize, grounds: ServingGrounds) -> AnyView {
    let steps = grounds
        .steps
        .into_iter()
        .map(|step| {
            let approvals = signatures(step.approvals);
            view! {
                <tr>
                    <th scope="row">{step.target}</th>
                    <td data-label="Granted">
                        <WhenView when=step.when />
                        <span class="sub">
                            <LinkView link=step.entry />
                        </span>
                    </td>
                    <td data-label="Asked by">{step.requested_by}</td>
                    <td data-label="Signed by">{approvals}</td>
                </tr>
            }
        })
        .collect_view();
    let id = format!("grounds-{index}");
    view! {
        <Section id=id title=grounds.title.clone()>
            <div class="stack">
                <Facts facts=grounds.facts />
                <Region label=format!("Approvals, {}", grounds.title)>
                    <table class="cards">
                        <thead>
                            <tr>
                                <th scope="col">"Entered"</th>
                                <th scope="col">"Granted"</th>
                                <th scope="col">"Asked by"</th>
                                <th scope="col">"Signed by"</th>
                            </tr>
                        </thead>
                        <tbody>{steps}</tbody>
                    </table>
                </Region>
            </div>
        </Section>
    }
    .into_any()
}

/// Since when something held, and by which entry.
fn since_entry(since: When, entry: Link) -> AnyView {
    view! {
        <span class="sub">
            "since "
            <WhenView when=since />
            ", "
            <LinkView link=entry />
        </span>
    }
    .into_any()
}
