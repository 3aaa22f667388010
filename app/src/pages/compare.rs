//! Two versions' lineage side by side: what changed, and how much validation that needs.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{Choice, Empty, Fact, Facts, Field, Head, Link, Notice, NoticeBox, Region, Section};

/// The difference between two versions of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompareView {
    /// The model's registry name.
    pub model: String,
    /// The earlier version.
    pub a: u32,
    /// The later version.
    pub b: u32,
    /// All versions, to choose others.
    pub versions: Vec<u32>,
    /// Materiality and why.
    pub materiality: Notice,
    /// Changed fields by class; classes without changes are left out.
    pub changed: Vec<DiffClass>,
    /// Unchanged fields.
    pub unchanged: Vec<Fact>,
}

/// The changes of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffClass {
    /// The class: Code, Data and so on.
    pub title: String,
    /// What changed.
    pub changes: Vec<DiffField>,
}

/// One changed field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffField {
    /// The field in words or as its path.
    pub label: String,
    /// Value in the earlier version.
    pub before: Option<String>,
    /// Value in the later version.
    pub after: Option<String>,
    /// A few words on the change, such as "+3.1 %".
    pub note: Option<String>,
}

impl Page for CompareView {
    fn title(&self) -> String {
        format!("{}: v{} and v{}", self.model, self.a, self.b)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn crumbs(&self) -> Vec<Link> {
        vec![Link::new("Models", "/models"), Link::new(self.model.clone(), format!("/models/{}", self.model))]
    }

    fn body(self) -> AnyView {
        let base = format!("/models/{}", self.model);
        let choices = |chosen: u32| {
            self.versions
                .iter()
                .map(|number| Choice::new(number.to_string(), format!("v{number}")).chosen_if(*number == chosen))
                .collect::<Vec<_>>()
        };
        let from = Field::select("a", "From", choices(self.a)).view();
        let to = Field::select("b", "To", choices(self.b)).view();
        let count: usize = self.changed.iter().map(|class| class.changes.len()).sum();
        let (a, b) = (self.a, self.b);
        let changed = if self.changed.is_empty() {
            view! { <Empty title="No field differs" hint="The two versions have the same lineage." /> }.into_any()
        } else {
            self.changed.into_iter().map(|class| class_view(a, b, class)).collect_view().into_any()
        };
        let same = self.unchanged.len();
        view! {
            <Head title=format!("v{a} and v{b} of {}", self.model) lede="What changed between two versions, and how much validation that needs." />
            <form class="filters" method="get" action=format!("{base}/compare") aria-label="Choose versions">
                {from}
                {to}
                <div class="actions">
                    <button class="button" type="submit">
                        "Compare"
                    </button>
                    <a href=format!("{base}/compare?a={b}&b={a}")>"Swap"</a>
                </div>
            </form>
            <NoticeBox notice=self.materiality />
            <Section id="changed" title=format!("{count} fields changed")>
                <div class="stack">{changed}</div>
            </Section>
            <details class="fold" id="unchanged">
                <summary>{format!("{same} fields did not change")}</summary>
                <Facts facts=self.unchanged />
            </details>
        }
        .into_any()
    }
}

fn class_view(a: u32, b: u32, class: DiffClass) -> AnyView {
    let rows = class
        .changes
        .into_iter()
        .map(|change| {
            let before = change.before.map_or_else(
                || view! { <span class="quiet">"not set"</span> }.into_any(),
                |value| view! { <del><span class="hidden-visually">"was "</span>{value}</del> }.into_any(),
            );
            let after = change.after.map_or_else(
                || view! { <span class="quiet">"not set"</span> }.into_any(),
                |value| view! { <ins><span class="hidden-visually">"is "</span>{value}</ins> }.into_any(),
            );
            view! {
                <tr>
                    <th scope="row">
                        {change.label}
                        {change.note.map(|note| view! { <span class="sub">{note}</span> })}
                    </th>
                    <td>{before}</td>
                    <td>{after}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Region label=format!("Changes: {}", class.title)>
            <table class="diff">
                <caption class="strong">{class.title}</caption>
                <thead>
                    <tr>
                        <th scope="col">"Field"</th>
                        <th scope="col">{format!("v{a}")}</th>
                        <th scope="col">{format!("v{b}")}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </Region>
    }
    .into_any()
}
