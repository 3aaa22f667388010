//! From an input (a dataset, partition, feature, commit, image) to every version made of it and the users it reached.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{
    Choice, Empty, ErrorSummary, Field, Head, Link, LinkView, Pager, Region, Section, Tag, TagView, When, WhenView,
};

/// What was made of an input.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpactView {
    /// Kinds of input to choose from.
    pub kinds: Vec<Choice>,
    /// The value as typed.
    pub value: String,
    /// The part as typed.
    pub part: String,
    /// Whose users the versions must answer.
    pub served: Vec<Choice>,
    /// The answer, if something was asked.
    pub answer: Option<ImpactAnswer>,
    /// Datasets to begin with, where nothing was asked.
    pub datasets: Vec<Link>,
    /// Why nothing can be told.
    pub errors: Option<ErrorSummary>,
}

/// The versions found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpactAnswer {
    /// The input in words.
    pub title: String,
    /// How many versions, and how many of those shown answer users.
    pub summary: String,
    /// The versions of this page.
    pub rows: Vec<ImpactRow>,
    /// Where this page stands.
    pub pager: Pager,
}

/// A version made of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpactRow {
    /// The version, leading to its lineage.
    pub version: Link,
    /// The furthest stage.
    pub stage: Tag,
    /// When it was registered.
    pub registered: When,
    /// The markets that it serves, with its share.
    pub serves: Vec<ServiceRow>,
    /// The markets that it served.
    pub served: Vec<ServiceRow>,
}

/// A market that a version serves or served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRow {
    /// The market, leading to its page, such as "EU".
    pub market: Link,
    /// The share in words.
    pub share: String,
    /// Since when.
    pub since: When,
    /// Until when, if it is over.
    pub until: Option<When>,
    /// The entry with which it began.
    pub entry: Link,
}

impl Page for ImpactView {
    fn title(&self) -> String {
        self.answer.as_ref().map_or_else(|| "Impact".to_owned(), |answer| format!("Impact of {}", answer.title))
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        let what = Field::select("what", "What", self.kinds).errors(errors).view();
        let value = Field::input("search", "value", "Name, id or first digits")
            .value(self.value)
            .errors(errors)
            .required()
            .grow()
            .view();
        let part = Field::input("text", "part", "Its partition, if any").value(self.part).errors(errors).view();
        let served = Field::select("served", "Versions", self.served).errors(errors).view();
        let begin = (self.answer.is_none() && !self.datasets.is_empty()).then(|| {
            view! {
                <Section id="datasets" title="Datasets that versions were made of">
                    <ul class="cluster" role="list">
                        {self.datasets.into_iter().map(|link| view! { <li><LinkView link /></li> }).collect_view()}
                    </ul>
                </Section>
            }
        });
        view! {
            <Head title="Impact" lede="Which versions were made of a dataset, partition, feature, commit or image, and whose users they answer now or answered before." />
            <form class="filters" method="get" action="/lineage" role="search" aria-label="What was made of an input">
                {what}
                {value}
                {part}
                {served}
                <div class="actions">
                    <button class="button primary" type="submit">
                        "Show"
                    </button>
                </div>
            </form>
            {self.answer.map(answer)}
            {begin}
        }
        .into_any()
    }
}

fn answer(answer: ImpactAnswer) -> AnyView {
    let content = if answer.rows.is_empty() {
        view! { <Empty title="No version matches" hint="Nothing registered here was made of it, or nothing that serves as asked. Check the spelling, or list every version." /> }
            .into_any()
    } else {
        view! {
            <Region label="Versions made of it">
                <table class="cards">
                    <thead>
                        <tr>
                            <th scope="col">"Version"</th>
                            <th scope="col">"Stage"</th>
                            <th scope="col">"Answers users now"</th>
                            <th scope="col">"Answered before"</th>
                            <th scope="col">"Registered"</th>
                        </tr>
                    </thead>
                    <tbody>{answer.rows.into_iter().map(row).collect_view()}</tbody>
                </table>
            </Region>
        }
        .into_any()
    };
    view! {
        <Section id="versions" title=answer.title about=answer.summary>
            <div>{content} {answer.pager.view()}</div>
        </Section>
    }
    .into_any()
}

fn row(row: ImpactRow) -> impl IntoView {
    view! {
        <tr>
            <th scope="row">
                <LinkView link=row.version />
            </th>
            <td data-label="Stage">
                <TagView tag=row.stage />
            </td>
            <td data-label="Answers now">{services(row.serves)}</td>
            <td data-label="Answered before">{services(row.served)}</td>
            <td data-label="Registered" class="nowrap">
                <WhenView when=row.registered />
            </td>
        </tr>
    }
}

fn services(services: Vec<ServiceRow>) -> AnyView {
    if services.is_empty() {
        return view! { <span class="quiet">"nobody"</span> }.into_any();
    }
    let items = services.into_iter().map(|service| {
        let until = service.until.map(|until| view! { " until " <WhenView when=until /> });
        view! {
            <li>
                <LinkView link=service.market />
                " "
                {service.share}
                <span class="sub">
                    "since "
                    <WhenView when=service.since />
                    {until}
                    ", "
                    <LinkView link=service.entry />
                </span>
            </li>
        }
    });
    view! { <ul role="list">{items.collect_view()}</ul> }.into_any()
}
