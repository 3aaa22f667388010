//! What can be exported, and for which question.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{Choice, ErrorSummary, Field, Head, Link, LinkView, Region, Section, Tag, TagView, When, WhenView};

/// The exports that the reader may make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportsView {
    /// Models to choose from for a dossier.
    pub models: Vec<Choice>,
    /// The version typed.
    pub version: String,
    /// Reports to be made in the background.
    pub makes: Vec<Make>,
    /// Reports that the reader asked for, newest first.
    pub jobs: Vec<JobRow>,
    /// The other exports.
    pub exports: Vec<Export>,
    /// Versions whose dossier is likely wanted: the champions.
    pub suggested: Vec<Link>,
    /// The checkpoint that an export made now states, in words.
    pub checkpoint: String,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// A report that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Make {
    /// The word that the form sends.
    pub report: String,
    /// The question that it answers.
    pub question: String,
    /// What it is.
    pub title: String,
    /// What is asked: name of the field, label, kind of input; choices where it is one of several.
    pub inputs: Vec<Input>,
}

/// An input of a report's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Name of the field.
    pub name: String,
    /// Label.
    pub label: String,
    /// Choices; a text if there are none.
    pub choices: Vec<Choice>,
    /// What was typed.
    pub value: String,
    /// The kind of a text: `text`, `date`, `datetime-local`.
    pub kind: String,
}

/// A report that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRow {
    /// What it is, leading to its page.
    pub report: Link,
    /// When it was asked for.
    pub when: When,
    /// How it stands.
    pub state: Tag,
    /// Downloads.
    pub links: Vec<Link>,
}

/// One thing to export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// The question it answers.
    pub question: String,
    /// What it is.
    pub title: String,
    /// What is in it.
    pub about: String,
    /// Downloads: format and address.
    pub links: Vec<Link>,
}

impl Page for ReportsView {
    fn title(&self) -> String {
        "Reports".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Reports)
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        let model = Field::select("model", "Model", self.models).errors(errors).grow().view();
        let version =
            Field::text("version", "Version").value(self.version).placeholder("3").required().errors(errors).view();
        let suggested = (!self.suggested.is_empty()).then(|| {
            view! {
                <p class="cluster">
                    <span class="quiet">"Serving now:"</span>
                    {self.suggested.into_iter().map(|link| view! { <a href=link.href>{link.label}</a> }).collect_view()}
                </p>
            }
        });
        let rows = self
            .exports
            .into_iter()
            .map(|export| {
                view! {
                    <tr>
                        <th scope="row">{export.question}</th>
                        <td data-label="Export">
                            {export.title} <span class="sub">{export.about}</span>
                        </td>
                        <td data-label="Download">
                            <span class="cluster">
                                {export
                                    .links
                                    .into_iter()
                                    .map(|link| view! { <a href=link.href download>{link.label}</a> })
                                    .collect_view()}
                            </span>
                        </td>
                    </tr>
                }
            })
            .collect_view();
        let makes = self.makes.into_iter().map(|make| make_view(make, errors)).collect_view();
        let jobs = (!self.jobs.is_empty()).then(|| jobs_view(self.jobs));
        view! {
            <Head title="Reports" lede="What to hand to somebody who cannot sign in here. Each says the checkpoint it was made at, so that it can be checked against the ledger.">
                <p class="small quiet">{format!("Made now: {}", self.checkpoint)}</p>
            </Head>
            <Section id="dossier" title="Dossier of a version" about="How did this version come to serve, who approved it, on what evidence? A PDF with lineage, evidence, validation, findings, signatures and the timeline with entry numbers.">
                <div class="stack">
                    <form class="filters" method="get" action="/reports/dossier">
                        {model}
                        {version}
                        <button class="button primary" type="submit">
                            "Make the PDF"
                        </button>
                    </form>
                    {suggested}
                </div>
            </Section>
            <Section id="make" title="Reports to make" about="Made in the background, each as PDF, JSON and CSV of the same data, and kept for 30 days.">
                <ul class="panel makes" role="list">{makes}</ul>
            </Section>
            {jobs}
            <Section id="exports" title="Everything else">
                <Region label="Exports">
                    <table class="cards">
                        <thead>
                            <tr>
                                <th scope="col">"Question"</th>
                                <th scope="col">"Export"</th>
                                <th scope="col">"Download"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </Region>
            </Section>
        }
        .into_any()
    }
}

fn make_view(make: Make, errors: Option<&ErrorSummary>) -> AnyView {
    let inputs = make
        .inputs
        .into_iter()
        .map(|input| {
            // Several forms stand on the page, and a field's name is its id there.
            let name = format!("{}-{}", make.report, input.name);
            let field = if input.choices.is_empty() {
                let kind = match input.kind.as_str() {
                    "date" => "date",
                    "datetime-local" => "datetime-local",
                    _ => "text",
                };
                Field::input(kind, name, input.label).value(input.value)
            } else {
                Field::select(name, input.label, input.choices)
            };
            field.errors(errors).view()
        })
        .collect_view();
    view! {
        <li>
            <div>
                <h3>{make.title.clone()}</h3>
                <p class="quiet small">{make.question}</p>
            </div>
            <form class="filters" method="post" action="/reports" aria-label=make.title>
                <input type="hidden" name="report" value=make.report />
                {inputs}
                <button class="button" type="submit">
                    "Make"
                </button>
            </form>
        </li>
    }
    .into_any()
}

fn jobs_view(jobs: Vec<JobRow>) -> AnyView {
    let rows = jobs
        .into_iter()
        .map(|job| {
            let links = job.links.into_iter().map(|link| view! { <a href=link.href download>{link.label}</a> });
            view! {
                <tr>
                    <th scope="row">
                        <LinkView link=job.report />
                    </th>
                    <td data-label="Asked for">
                        <WhenView when=job.when />
                    </td>
                    <td data-label="State">
                        <TagView tag=job.state />
                    </td>
                    <td data-label="Download">
                        <span class="cluster">{links.collect_view()}</span>
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Section id="jobs" title="Asked for by you">
            <Region label="Reports asked for">
                <table class="cards">
                    <thead>
                        <tr>
                            <th scope="col">"Report"</th>
                            <th scope="col">"Asked for"</th>
                            <th scope="col">"State"</th>
                            <th scope="col">"Download"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </Region>
        </Section>
    }
    .into_any()
}
