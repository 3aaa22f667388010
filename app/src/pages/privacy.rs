//! Privacy: the list of assessments, and what the pages under it share.

pub mod dpia;
pub mod edit;
pub mod erasures;
pub mod register;

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{Empty, ErrorSummary, Field, Head, Link, LinkView, Pager, Region, Tag, TagView, When, WhenView};

/// The impact assessments of all models.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivacyView {
    /// The assessments, by model.
    pub rows: Vec<DpiaLine>,
    /// Where this page of the list stands.
    pub pager: Pager,
    /// Open and overdue requests for human review, in words.
    pub register: String,
    /// Models of which nothing is recorded yet.
    pub missing: Vec<Link>,
}

/// One assessment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DpiaLine {
    /// The model.
    pub model: Link,
    /// Whether an approved assessment is in force.
    pub state: Tag,
    /// What the assessment as written waits for.
    pub step: String,
    /// When the approved one must be looked at again.
    pub review: Option<When>,
    /// The Art. 22 statement.
    pub safeguards: Tag,
}

/// The sub-pages of the room.
pub(super) fn sub_nav(current: &'static str) -> AnyView {
    let links = [
        ("Assessments", "/privacy"),
        ("Human-review register", "/privacy/reviews"),
        ("Erasures and holds", "/privacy/erasures"),
    ];
    view! {
        <nav aria-label="Privacy">
            <span class="cluster">
                {links
                    .into_iter()
                    .map(|(label, href)| {
                        view! { <a href=href aria-current=(label == current).then_some("page")>{label}</a> }
                    })
                    .collect_view()}
            </span>
        </nav>
    }
    .into_any()
}

/// The way up from a page about one model.
pub(super) fn crumbs(model: Option<&str>) -> Vec<Link> {
    let mut crumbs = vec![Link::new("Privacy", "/privacy")];
    crumbs.extend(model.map(|model| Link::new(model, format!("/privacy/models/{model}"))));
    crumbs
}

/// What a form of this room is made of.
pub(super) struct Form {
    /// Where it goes.
    pub action: String,
    /// The revision that the reader saw, where one is checked.
    pub revision: Option<u64>,
    /// Its button.
    pub button: &'static str,
    /// Whether it cannot be undone.
    pub is_danger: bool,
    /// What it brings about.
    pub consequence: &'static str,
}

impl Form {
    /// The form with its fields.
    pub(super) fn view(self, fields: Vec<Field>, errors: Option<&ErrorSummary>) -> AnyView {
        let fields = fields.into_iter().map(|field| field.errors(errors).view()).collect_view();
        self.around(fields.into_any())
    }

    /// The form around fields that are markup already.
    pub(super) fn around(self, fields: AnyView) -> AnyView {
        let class = if self.is_danger { "button danger" } else { "button primary" };
        view! {
            <form class="form no-print" method="post" action=self.action>
                {self.revision.map(|revision| view! { <input type="hidden" name="revision" value=revision.to_string() /> })}
                {fields}
                <button class=class type="submit">
                    {self.button}
                </button>
                <p class="consequence">{self.consequence}</p>
            </form>
        }
        .into_any()
    }
}

/// Whether the summary names one of these fields: its form is then shown open.
pub(super) fn names(errors: Option<&ErrorSummary>, fields: &[&str]) -> bool {
    errors.is_some_and(|errors| errors.items.iter().any(|item| fields.contains(&item.field_id.as_str())))
}

/// What was typed into a refused form.
pub(super) fn kept(typed: &[(String, String)], name: &str) -> String {
    typed.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

/// Something folded away under a summary.
pub(super) fn fold(summary: &'static str, is_open: bool, content: AnyView) -> AnyView {
    view! {
        <details class="fold no-print" open=is_open>
            <summary>{summary}</summary>
            {content}
        </details>
    }
    .into_any()
}

impl Page for PrivacyView {
    fn title(&self) -> String {
        "Privacy".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Privacy)
    }

    fn body(self) -> AnyView {
        let rows = self.rows.into_iter().map(line).collect_view();
        let table = if rows.is_empty() {
            let hint = "Open a model\u{2019}s privacy page to write its assessment, or take over a file of the CNIL\u{2019}s PIA tool.";
            view! { <Empty title="No impact assessment is begun" hint action=Link::new("See the models", "/models") /> }
                .into_any()
        } else {
            view! {
                <Region label="Impact assessments">
                    <table class="cards">
                        <thead>
                            <tr>
                                <th scope="col">"Model"</th>
                                <th scope="col">"Assessment"</th>
                                <th scope="col">"As written"</th>
                                <th scope="col">"Review by"</th>
                                <th scope="col">"Art. 22"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </Region>
                {self.pager.view()}
            }
            .into_any()
        };
        let missing = (!self.missing.is_empty()).then(|| {
            view! {
                <section aria-labelledby="missing-heading">
                    <h2 id="missing-heading">"Models without one"</h2>
                    <ul class="cluster" role="list">
                        {self.missing.into_iter().map(|link| view! { <li><LinkView link /></li> }).collect_view()}
                    </ul>
                </section>
            }
        });
        view! {
            <Head title="Privacy" lede="Impact assessments, safeguards of automated decisions, requests for human review, erasures and legal holds.">
                {sub_nav("Assessments")}
            </Head>
            {table}
            <p><a href="/privacy/reviews">{self.register}</a></p>
            {missing}
        }
        .into_any()
    }
}

fn line(line: DpiaLine) -> AnyView {
    view! {
        <tr>
            <th scope="row">
                <LinkView link=line.model />
            </th>
            <td data-label="Assessment">
                <TagView tag=line.state />
            </td>
            <td data-label="As written">{line.step}</td>
            <td data-label="Review by" class="nowrap">{line.review.map(|when| view! { <WhenView when /> })}</td>
            <td data-label="Art. 22">
                <TagView tag=line.safeguards />
            </td>
        </tr>
    }
    .into_any()
}
