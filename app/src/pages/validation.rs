//! Independent validation: the report's sections and the findings.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

pub mod panels;

use panels::Panels;

use super::{
    Page, Room,
    version_head::{Tab, VersionHead},
};
use crate::kit::{
    Choice, Due, Empty, ErrorSummary, Fact, Facts, Field, Link, Notice, NoticeBox, Section, Tag, TagView, WhenView,
};

/// A version's validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationView {
    /// The shared head.
    pub head: VersionHead,
    /// Where the validation stands, in a sentence, and what to do next.
    pub state: Notice,
    /// Validator, materiality and why, dates, outcome.
    pub facts: Vec<Fact>,
    /// The eight sections in order, as far as written.
    pub sections: Vec<ReportSection>,
    /// The editing form, where the reader is the validator and the report is open.
    pub edit: Option<ReportForm>,
    /// Findings, open ones first.
    pub findings: Vec<FindingView>,
    /// The form for a new finding, where the reader may raise one.
    pub raise: Option<FindingForm>,
    /// Materiality, votes, waivers.
    pub panels: Panels,
    /// Why a form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// One section of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportSection {
    /// The field's name: `purpose_and_scope`, `conceptual_soundness`, `data_review`, `outcomes_analysis`,
    /// `ongoing_monitoring`, `limitations`, `findings`, `conclusion`.
    pub id: String,
    /// The section's heading.
    pub title: String,
    /// What belongs into it; help for the validator.
    pub guide: String,
    /// What is written; empty if nothing is.
    pub text: String,
}

/// What else the editing form asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportForm {
    /// Outcomes to choose from.
    pub outcomes: Vec<Choice>,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingView {
    /// Its id in forms and as anchor.
    pub id: String,
    /// In a few words.
    pub title: String,
    /// In full.
    pub detail: String,
    /// Critical, high, medium, low.
    pub severity: Tag,
    /// Open, remediated, closed.
    pub state: Tag,
    /// Who has to remediate.
    pub owner: String,
    /// By when.
    pub due: Due,
    /// Who raised it, when, and so on, a few words each.
    pub about: Vec<String>,
    /// What the owner did.
    pub remediation: Option<String>,
    /// What the verifier saw.
    pub verification: Option<String>,
    /// Whether the reader may say it is remediated.
    pub can_remediate: bool,
    /// Whether the reader, being another person, may close it.
    pub can_verify: bool,
    /// Whether the reader may open it again.
    pub can_reopen: bool,
}

/// The form for a new finding as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingForm {
    /// Title.
    pub title: String,
    /// In full.
    pub detail: String,
    /// Severities.
    pub severities: Vec<Choice>,
    /// People who can own it.
    pub owners: Vec<Choice>,
    /// Date, `YYYY-MM-DD`.
    pub due: String,
}

impl Page for ValidationView {
    fn title(&self) -> String {
        self.head.page_title(Tab::Validation)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn crumbs(&self) -> Vec<Link> {
        self.head.crumbs()
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let head = self.head;
        let errors = self.errors.as_ref();
        let report = match self.edit {
            Some(form) => edit_form(&head, self.sections, form, errors),
            None => read_report(self.sections),
        };
        let raise = self.raise.map(|form| raise_form(&head, form, errors));
        let materiality = self.panels.materiality_view(&head, errors);
        let committee = self.panels.committee_view(&head, errors);
        let waivers = self.panels.waivers_view(&head, errors);
        let findings = if self.findings.is_empty() {
            view! { <p class="quiet">"No findings."</p> }.into_any()
        } else {
            view! {
                <ul class="panel queue" role="list">
                    {self.findings.into_iter().map(|finding| finding_view(&head, finding)).collect_view()}
                </ul>
            }
            .into_any()
        };
        view! {
            {head.view(Tab::Validation)}
            <NoticeBox notice=self.state />
            <div class="columns side">
                <div class="stack-l">
                    <Section id="findings-list" title="Findings" about="An open critical or high finding blocks promotion.">
                        {findings} {raise}
                    </Section>
                    {waivers}
                    {committee}
                    {materiality}
                    {report}
                </div>
                <aside aria-labelledby="facts-heading" class="stack">
                    <h2 id="facts-heading">"The validation"</h2>
                    <Facts facts=self.facts />
                </aside>
            </div>
        }
        .into_any()
    }
}

fn read_report(sections: Vec<ReportSection>) -> AnyView {
    if sections.iter().all(|section| section.text.is_empty()) {
        return view! {
            <Section id="report" title="Report">
                <Empty title="No report yet" hint="An MRM validator writes it once a promotion has been requested." />
            </Section>
        }
        .into_any();
    }
    view! {
        <Section id="report" title="Report">
            <div class="stack-l">
                {sections
                    .into_iter()
                    .map(|section| {
                        let text = if section.text.is_empty() {
                            view! { <p class="missing">"Not written yet."</p> }.into_any()
                        } else {
                            view! { <p class="prose">{section.text}</p> }.into_any()
                        };
                        view! {
                            <section class="stack">
                                <h3 id=section.id>{section.title}</h3>
                                {text}
                            </section>
                        }
                    })
                    .collect_view()}
            </div>
        </Section>
    }
    .into_any()
}

fn edit_form(
    head: &VersionHead,
    sections: Vec<ReportSection>,
    form: ReportForm,
    errors: Option<&ErrorSummary>,
) -> AnyView {
    let fields = sections
        .into_iter()
        .map(|section| {
            Field::area(section.id, section.title, 6)
                .hint(section.guide)
                .value(section.text)
                .wide()
                .errors(errors)
                .view()
        })
        .collect_view();
    let (action, revision) = (format!("{}/validation", head.href()), head.revision_field());
    let outcome = Field::radios("outcome", "Outcome", form.outcomes).errors(errors).view();
    view! {
        <Section id="report" title="Report" about="Recording needs an outcome and the sections that the validation asks for, which stand under materiality: all of them until promotion is asked for. The report becomes part of every package that is signed afterwards.">
            <form class="form" method="post" action=action>
                {revision}
                {fields}
                {outcome}
                <button class="button primary" type="submit">
                    "Record the report"
                </button>
                <p class="consequence">
                    "Sealed in the ledger with your name. A later report takes its place in the package, and makes signatures on the earlier one stale."
                </p>
            </form>
        </Section>
    }
    .into_any()
}

fn finding_view(head: &VersionHead, finding: FindingView) -> AnyView {
    let base = format!("{}/findings/{}", head.href(), finding.id);
    let remediate = finding.can_remediate.then(|| {
        let id = format!("remediation-{}", finding.id);
        view! {
            <details class="fold more no-print">
                <summary>"Say that it is remediated"</summary>
                <form class="form" method="post" action=format!("{base}/remediate")>
                    {head.revision_field()}
                    <div class="field">
                        <label for=id.clone()>"What was done"</label>
                        <textarea id=id name="remediation" rows="3" required></textarea>
                    </div>
                    <button class="button primary" type="submit">
                        "Remediated"
                    </button>
                    <p class="consequence">"Somebody else verifies it before it closes."</p>
                </form>
            </details>
        }
    });
    let verify = finding.can_verify.then(|| {
        let id = format!("verification-{}", finding.id);
        view! {
            <details class="fold more no-print">
                <summary>"Verify the remediation"</summary>
                <form class="form" method="post" action=format!("{base}/close")>
                    {head.revision_field()}
                    <div class="field">
                        <label for=id.clone()>"What you saw"</label>
                        <textarea id=id name="verification" rows="3" required></textarea>
                    </div>
                    <button class="button primary" type="submit">
                        "Close the finding"
                    </button>
                    <p class="consequence">"If the trouble comes back, a validator opens it again."</p>
                </form>
            </details>
        }
    });
    let reopen = finding.can_reopen.then(|| {
        let id = format!("reopening-{}", finding.id);
        view! {
            <details class="fold more no-print">
                <summary>"Open it again"</summary>
                <form class="form" method="post" action=format!("{base}/reopen")>
                    {head.revision_field()}
                    <div class="field">
                        <label for=id.clone()>"What came back"</label>
                        <textarea id=id name="reopening" rows="3" required></textarea>
                    </div>
                    <button class="button danger" type="submit">
                        "Open the finding again"
                    </button>
                    <p class="consequence">"It blocks again, if it is grave enough, and its owner mends it anew."</p>
                </form>
            </details>
        }
    });
    view! {
        <li id=format!("finding-{}", finding.id)>
            <span class="what">{finding.title}</span>
            <span class="cluster">
                <TagView tag=finding.severity />
                <TagView tag=finding.state />
            </span>
            <span class="more">
                <span>"owner " <b>{finding.owner}</b></span>
                <span>"due " <WhenView when=finding.due.when /></span>
                <TagView tag=finding.due.tag />
                {finding.about.into_iter().map(|words| view! { <span>{words}</span> }).collect_view()}
            </span>
            <p class="more prose">{finding.detail}</p>
            {finding.remediation.map(|text| view! { <p class="more"><b>"Remediation:"</b> {text}</p> })}
            {finding.verification.map(|text| view! { <p class="more"><b>"Verification:"</b> {text}</p> })}
            {remediate}
            {verify}
            {reopen}
        </li>
    }
    .into_any()
}

fn raise_form(head: &VersionHead, form: FindingForm, errors: Option<&ErrorSummary>) -> AnyView {
    let is_refused = errors.is_some_and(|errors| {
        errors
            .items
            .iter()
            .any(|item| matches!(item.field_id.as_str(), "title" | "detail" | "severity" | "owner" | "due"))
    });
    let fields = [
        Field::text("title", "Finding").hint("In a few words.").value(form.title).required(),
        Field::area("detail", "What is wrong, and why it matters", 4).value(form.detail).required(),
        Field::radios("severity", "Severity", form.severities),
        Field::select("owner", "Owner", form.owners),
        Field::input("date", "due", "Due").value(form.due).required(),
    ]
    .into_iter()
    .map(|field| field.errors(errors).view())
    .collect_view();
    view! {
        <details class="fold no-print" open=is_refused>
            <summary>"Raise a finding"</summary>
            <form class="form" method="post" action=format!("{}/findings", head.href())>
                {head.revision_field()}
                {fields}
                <button class="button primary" type="submit">
                    "Raise the finding"
                </button>
            </form>
        </details>
    }
    .into_any()
}
