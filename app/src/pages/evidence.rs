//! A version's evidence on the three paths: code, data, model.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Page, Room,
    version_head::{Tab, VersionHead},
};
use crate::kit::{
    Choice, Digest, DigestView, ErrorSummary, Exhibit, ExhibitView, Fact, Facts, Field, Link, Notice, NoticeBox,
    Section, Tag, TagView, Tone, When, WhenView,
};

/// A version's evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvidenceView {
    /// The shared head.
    pub head: VersionHead,
    /// The code, data and model path, in this order.
    pub paths: Vec<EvidencePath>,
    /// The upload form, where the reader may attach.
    pub upload: Option<EvidenceForm>,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// One path and what was measured on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvidencePath {
    /// Anchor: `code`, `data`, `model`.
    pub id: String,
    /// Such as "Code path".
    pub title: String,
    /// Green, red, incomplete.
    pub state: Tag,
    /// What the path is bound to: the commit, the partition, the weights.
    pub bound_to: Option<Digest>,
    /// What is required on it and missing.
    pub missing: Vec<String>,
    /// Charts of what the files show.
    pub exhibits: Vec<Exhibit>,
    /// Files, newest first.
    pub items: Vec<EvidenceItem>,
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceItem {
    /// Such as "Unit tests".
    pub kind: String,
    /// Green, red, or "does not count" with the reason in `note`.
    pub verdict: Tag,
    /// What the file is called.
    pub file_name: String,
    /// One sentence: "412 tests, 0 failed".
    pub sentence: String,
    /// What failed, by how much.
    pub failures: Vec<String>,
    /// Figures recomputed by the server from the file.
    pub facts: Vec<Fact>,
    /// The file's digest.
    pub digest: Digest,
    /// Where the file can be had.
    pub href: String,
    /// The file's size in words.
    pub size: String,
    /// The digest that it is bound to.
    pub bound_to: Digest,
    /// Which system made it.
    pub producer: String,
    /// When it was attached.
    pub when: When,
    /// The entry's number.
    pub seq: u64,
    /// What it was made from: dataset, partition, digests, repository, commit; empty where that was not recorded yet.
    pub made_from: Vec<Fact>,
    /// More words.
    pub note: Option<String>,
}

/// The upload form as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceForm {
    /// Kinds of evidence, with what each file holds.
    pub kinds: Vec<Choice>,
    /// What was typed as producer.
    pub producer: String,
    /// What was typed as note.
    pub note: String,
    /// The largest file in words: "1 GiB".
    pub limit: String,
    /// The command that does the same from a pipeline.
    pub command: String,
    /// The formats that are read.
    pub formats: Vec<String>,
    /// What the file was found to be, after a look that attached nothing.
    pub detected: Option<String>,
}

impl Page for EvidenceView {
    fn title(&self) -> String {
        self.head.page_title(Tab::Evidence)
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
        let upload = self.upload.map(|form| upload_form(&head, form, self.errors.as_ref()));
        view! {
            {head.view(Tab::Evidence)}
            <p class="quiet">
                "Three paths run on their own clocks. A file counts only for the artifact whose digest it is bound to; its figures are recomputed here from the file."
            </p>
            {self.paths.into_iter().map(path_view).collect_view()}
            {upload}
        }
        .into_any()
    }
}

fn path_view(path: EvidencePath) -> AnyView {
    let heading = format!("{}-heading", path.id);
    let is_bare = path.items.is_empty() && path.missing.is_empty();
    let exhibits = path.exhibits.into_iter().map(|exhibit| view! { <ExhibitView exhibit /> }).collect::<Vec<_>>();
    let exhibits = (!exhibits.is_empty()).then(|| view! { <div class="in charts">{exhibits}</div> });
    view! {
        <section class="panel" id=path.id aria-labelledby=heading>
            <header>
                <h2 id=heading.clone()>{path.title}</h2>
                <span class="cluster small">
                    {path.bound_to.map(|digest| view! { <span class="quiet">"bound to " <DigestView digest /></span> })}
                    <TagView tag=path.state />
                </span>
            </header>
            {is_bare.then(|| view! { <p class="in quiet">"Nothing attached, nothing required."</p> })}
            <ul class="queue" role="list">
                {path
                    .missing
                    .into_iter()
                    .map(|what| {
                        view! {
                            <li>
                                <span>{what}</span>
                                <TagView tag=Tag::new(Tone::Warn, "missing") />
                            </li>
                        }
                    })
                    .collect_view()}
                {path.items.into_iter().map(item_view).collect_view()}
            </ul>
            {exhibits}
        </section>
    }
    .into_any()
}

fn item_view(item: EvidenceItem) -> AnyView {
    let facts = (!item.facts.is_empty()).then(|| {
        view! {
            <details class="fold more">
                <summary>"Figures"</summary>
                <Facts facts=item.facts />
            </details>
        }
    });
    let failures = (!item.failures.is_empty()).then(|| {
        let failures = item.failures.into_iter().map(|failure| view! { <li>{failure}</li> }).collect_view();
        view! { <ul class="more failures">{failures}</ul> }
    });
    view! {
        <li>
            <span>
                <a class="what" href=item.href download>
                    {item.kind}
                </a>
                " "
                {item.sentence}
            </span>
            <TagView tag=item.verdict />
            <span class="more">
                <span>{item.producer}</span>
                <WhenView when=item.when />
                <a href=format!("/ledger/{}", item.seq)>{format!("entry {}", item.seq)}</a>
                <span>{item.file_name} ", " {item.size} ", " <DigestView digest=item.digest /></span>
            </span>
            {made_from(item.made_from, item.bound_to)}
            {item.note.map(|note| view! { <span class="more strong">{note}</span> })}
            {failures}
            {facts}
        </li>
    }
    .into_any()
}

/// What a file speaks of: all that it was made from, or the one artifact that it is bound to.
fn made_from(sources: Vec<Fact>, bound_to: Digest) -> AnyView {
    if sources.is_empty() {
        return view! { <span class="more"><span>"Bound to " <DigestView digest=bound_to /></span></span> }.into_any();
    }
    let sources = sources
        .into_iter()
        .map(|source| view! { <span>{source.label} " " <b>{source.value.view()}</b></span> })
        .collect_view();
    view! { <span class="more"><span>"Made from"</span> {sources}</span> }.into_any()
}

fn upload_form(head: &VersionHead, form: EvidenceForm, errors: Option<&ErrorSummary>) -> AnyView {
    let detected = form.detected.map(|said| {
        view! { <div role="status"><NoticeBox notice=Notice::new(Tone::Neutral, said) /></div> }
    });
    let fields = [
        Field::select("kind", "What the file is", form.kinds),
        Field::input("file", "file", "File")
            .hint(format!(
                "At most {}. It is kept as it is, addressed by its SHA-256. Read are: {}.",
                form.limit,
                form.formats.join(", ")
            ))
            .required(),
        Field::text("producer", "Made by")
            .hint("The pipeline or tool, such as ci.example.org/run/812.")
            .value(form.producer),
        Field::text("note", "Note").value(form.note),
    ]
    .into_iter()
    .map(|field| field.errors(errors).view())
    .collect_view();
    let action = format!("{}/evidence", head.href());
    view! {
        <Section id="attach" title="Attach evidence">
            {detected}
            <form class="form no-print" method="post" action=action enctype="multipart/form-data">
                {fields}
                <button class="button primary" type="submit">
                    "Attach"
                </button>
                <button class="button" type="submit" name="look" value="yes" formnovalidate>
                    "Only say what it is"
                </button>
                <p class="consequence">
                    "From a pipeline: " <code>{form.command}</code>
                </p>
            </form>
        </Section>
    }
    .into_any()
}
