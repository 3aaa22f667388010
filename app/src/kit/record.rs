//! The record of what happened, and the list of what is still to happen.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    glyph::{Glyph, Shape},
    value::{Digest, DigestView, Link, Tag, TagView, When, WhenView},
};

/// One entry of the ledger as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number; links to its proof.
    pub seq: u64,
    /// When it was sealed.
    pub when: When,
    /// Who acted, by name.
    pub actor: String,
    /// What the actor did, without the actor: "signed off version 3 for Staging as validator".
    pub sentence: String,
    /// What the sentence is about, where the page does not say so already.
    pub subject: Option<Link>,
    /// More words: a comment, a reason, what changed.
    pub detail: Option<String>,
    /// A status, such as "stale".
    pub tag: Option<Tag>,
    /// The entry's hash.
    pub hash: Digest,
}

/// Entries, in the order given.
#[component]
pub fn Timeline(
    /// The entries.
    entries: Vec<Entry>,
) -> impl IntoView {
    view! {
        <ol class="timeline" role="list">
            {entries.into_iter().map(entry_line).collect_view()}
        </ol>
    }
}

fn entry_line(entry: Entry) -> impl IntoView {
    view! {
        <li>
            <span class="folio">
                <a href=format!("/ledger/{}", entry.seq) aria-label=format!("Entry {} and its proof", entry.seq)>
                    {entry.seq}
                </a>
            </span>
            <div>
                <p>
                    <span class="strong">{entry.actor}</span>
                    " "
                    {entry.sentence}
                    {entry
                        .subject
                        .map(|subject| view! { " " <a href=subject.href>{subject.label}</a> })}
                </p>
                {entry.detail.map(|detail| view! { <p class="quiet">{detail}</p> })}
                <p class="when cluster">
                    <WhenView when=entry.when />
                    {entry.tag.map(|tag| view! { <TagView tag /> })}
                </p>
            </div>
            <span class="hash">
                <DigestView digest=entry.hash />
            </span>
        </li>
    }
    .into_any()
}

/// One thing that a promotion requires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// Stable id of the rule, such as `evidence.data_path`.
    pub id: String,
    /// One sentence: what is required, or, where it is missing, what exactly is missing.
    pub sentence: String,
    /// Whether it is met.
    pub met: bool,
    /// Who can supply what is missing, such as "Data scientist".
    pub supplier: Option<String>,
    /// Where to do it.
    pub link: Option<Link>,
    /// What proves it, where it is met, or more about what is missing.
    pub detail: Option<String>,
}

/// Requirements as a task list: what is missing first.
#[component]
pub fn Tasks(
    /// The requirements.
    requirements: Vec<Requirement>,
) -> impl IntoView {
    let (met, lacking): (Vec<_>, Vec<_>) = requirements.into_iter().partition(|requirement| requirement.met);
    view! {
        <ul class="tasks" role="list">
            {lacking.into_iter().chain(met).map(task).collect_view()}
        </ul>
    }
}

fn task(requirement: Requirement) -> impl IntoView {
    let (class, shape, word) =
        if requirement.met { ("met", Shape::Done, "Met: ") } else { ("lacking", Shape::Triangle, "Missing: ") };
    let who = requirement.supplier.filter(|_| !requirement.met).map(|supplier| format!("{supplier} can supply it."));
    let more = [who, requirement.detail].into_iter().flatten().collect::<Vec<_>>().join(" ");
    view! {
        <li class=class data-rule=requirement.id>
            <Glyph shape=shape size=14 />
            <span class="what">
                <span class="hidden-visually">{word}</span>
                {requirement.sentence}
            </span>
            {requirement.link.map(|link| view! { <a class="do" href=link.href>{link.label}</a> })}
            {(!more.is_empty()).then(|| view! { <span class="who">{more}</span> })}
        </li>
    }
    .into_any()
}
