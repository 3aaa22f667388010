//! What can be exported, and for which question.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{Choice, ErrorSummary, Field, Head, Link, Region, Section};

/// The exports that the reader may make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportsView {
    /// Models to choose from for a dossier.
    pub models: Vec<Choice>,
    /// The version typed.
    pub version: String,
    /// Markets to choose from; the first is "all".
    pub markets: Vec<Choice>,
    /// The other exports.
    pub exports: Vec<Export>,
    /// Versions whose dossier is likely wanted: the champions.
    pub suggested: Vec<Link>,
    /// The checkpoint that an export made now states, in words.
    pub checkpoint: String,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
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
        let market = Field::select("market", "Market", self.markets).errors(errors).view();
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
                        <td>
                            {export.title} <span class="sub">{export.about}</span>
                        </td>
                        <td>
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
        view! {
            <Head title="Reports" lede="What to hand to somebody who cannot sign in here. Each says the checkpoint it was made at, so that it can be checked against the ledger.">
                <p class="small quiet">{format!("Made now: {}", self.checkpoint)}</p>
            </Head>
            <Section id="dossier" title="Dossier of a version" about="How did this version come to serve, who approved it, on what evidence? A PDF with lineage, evidence, validation, findings, signatures and the timeline with entry numbers.">
                <div class="stack">
                    <form class="filters" method="get" action="/reports/dossier">
                        {model}
                        {version}
                        {market}
                        <button class="button primary" type="submit">
                            "Make the PDF"
                        </button>
                    </form>
                    {suggested}
                </div>
            </Section>
            <Section id="exports" title="Everything else">
                <Region label="Exports">
                    <table>
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
