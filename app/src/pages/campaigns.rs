//! Attestation campaigns: all of them, and one with its answers.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{
    Choice, Due, Empty, ErrorSummary, Fact, Facts, Field, Head, Link, LinkView, Region, Section, Tag, TagView, When,
    WhenView,
};

/// Every campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignsView {
    /// Campaigns, newest first.
    pub rows: Vec<CampaignRow>,
    /// The form, where the reader may open one.
    pub open: Option<CampaignForm>,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// One campaign in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignRow {
    /// Its title.
    pub title: Link,
    /// By when.
    pub due: Due,
    /// Such as "12 of 30 answered".
    pub answered: String,
    /// Objections.
    pub objections: u32,
}

/// The form for a campaign as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignForm {
    /// Title.
    pub title: String,
    /// What is attested.
    pub statement: String,
    /// Tiers.
    pub tiers: Vec<Choice>,
    /// Date, `YYYY-MM-DD`.
    pub due: String,
}

impl Page for CampaignsView {
    fn title(&self) -> String {
        "Attestations".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn crumbs(&self) -> Vec<Link> {
        vec![Link::new("Models", "/models")]
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        let rows = self
            .rows
            .into_iter()
            .map(|row| {
                view! {
                    <tr>
                        <th scope="row" class="words">
                            <LinkView link=row.title />
                        </th>
                        <td data-label="Due">
                            <WhenView when=row.due.when />
                            " "
                            <TagView tag=row.due.tag />
                        </td>
                        <td data-label="Answers">{row.answered}</td>
                        <td data-label="Objections" class="num">{row.objections}</td>
                    </tr>
                }
            })
            .collect_view();
        let table = if rows.is_empty() {
            view! { <Empty title="No campaign yet" hint="An MRM validator opens one; each owner of the models it calls finds it in the inbox." /> }
                .into_any()
        } else {
            view! {
                <Region label="Campaigns">
                    <table class="cards">
                        <thead>
                            <tr>
                                <th scope="col">"Campaign"</th>
                                <th scope="col">"Due"</th>
                                <th scope="col">"Answers"</th>
                                <th scope="col" class="num">"Objections"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </Region>
            }
            .into_any()
        };
        let form = self.open.map(|form| {
            let fields = [
                Field::text("title", "Title").value(form.title).required(),
                Field::area("statement", "What is attested", 3)
                    .hint("A sentence in the first person.")
                    .value(form.statement)
                    .required(),
                Field::checks("tiers", "Tiers", form.tiers).hint("None chosen: all."),
                Field::input("date", "due", "Due").value(form.due).required(),
            ]
            .into_iter()
            .map(|field| field.errors(errors).view())
            .collect_view();
            view! {
                <Section id="open" title="Open a campaign">
                    <form class="form" method="post" action="/campaigns">
                        {fields}
                        <button class="button primary" type="submit">
                            "Open the campaign"
                        </button>
                        <p class="consequence">"The models that it calls are fixed with its entry; retired ones are left out."</p>
                    </form>
                </Section>
            }
        });
        view! {
            <Head title="Attestations" lede="Owners say by a date that what the inventory holds of their models is right, or what is wrong." />
            {table}
            {form}
        }
        .into_any()
    }
}

/// One campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignView {
    /// Its number.
    pub number: u32,
    /// Its title.
    pub title: String,
    /// What is attested.
    pub statement: String,
    /// Opened by, when, due, answers.
    pub facts: Vec<Fact>,
    /// Models that the reader owns and has not answered for.
    pub mine: Vec<Choice>,
    /// Every model called, those without an answer first.
    pub rows: Vec<AttestationRow>,
    /// What was typed as comment.
    pub comment: String,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// One model's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttestationRow {
    /// The model.
    pub model: Link,
    /// Who owns it.
    pub owner: String,
    /// Attested, objected, waiting, overdue.
    pub state: Tag,
    /// What was objected.
    pub comment: String,
    /// When, and by which entry.
    pub given: Option<(When, Link)>,
}

impl Page for CampaignView {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn crumbs(&self) -> Vec<Link> {
        vec![Link::new("Models", "/models"), Link::new("Attestations", "/campaigns")]
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        let form = (!self.mine.is_empty()).then(|| {
            let fields = [
                Field::radios("model", "Model", self.mine),
                Field::radios(
                    "holds",
                    self.statement.clone(),
                    vec![Choice::new("yes", "It holds"), Choice::new("no", "It does not hold")],
                ),
                Field::area("comment", "What is wrong", 3).hint("Needed where it does not hold.").value(self.comment),
                Field::input("password", "password", "Your password")
                    .hint("Asked again: an attestation is a signature.")
                    .autocomplete("current-password")
                    .required(),
            ]
            .into_iter()
            .map(|field| field.errors(errors).view())
            .collect_view();
            view! {
                <Section id="attest" title="Your answer">
                    <form class="form" method="post" action=format!("/campaigns/{}/attest", self.number)>
                        {fields}
                        <button class="button primary" type="submit">
                            "Answer"
                        </button>
                        <p class="consequence">"Sealed in the ledger with your name; it cannot be taken back."</p>
                    </form>
                </Section>
            }
        });
        let rows = self
            .rows
            .into_iter()
            .map(|row| {
                view! {
                    <tr>
                        <th scope="row">
                            <LinkView link=row.model />
                        </th>
                        <td data-label="Owner">{row.owner}</td>
                        <td data-label="Answer">
                            <TagView tag=row.state />
                            <span class="sub">{row.comment}</span>
                        </td>
                        <td data-label="Given">
                            {row.given.map(|(when, entry)| view! { <WhenView when /> " " <LinkView link=entry /> })}
                        </td>
                    </tr>
                }
            })
            .collect_view();
        view! {
            <Head title=self.title.clone() lede=self.statement />
            {form}
            <div class="columns side">
                <Section id="answers" title="Answers">
                    <Region label="Answers">
                        <table class="cards">
                            <thead>
                                <tr>
                                    <th scope="col">"Model"</th>
                                    <th scope="col">"Owner"</th>
                                    <th scope="col">"Answer"</th>
                                    <th scope="col">"Given"</th>
                                </tr>
                            </thead>
                            <tbody>{rows}</tbody>
                        </table>
                    </Region>
                </Section>
                <aside aria-labelledby="facts-heading" class="stack">
                    <h2 id="facts-heading">"The campaign"</h2>
                    <Facts facts=self.facts />
                </aside>
            </div>
        }
        .into_any()
    }
}
