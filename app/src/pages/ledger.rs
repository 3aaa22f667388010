//! The ledger: its head, and its entries.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{
    Choice, Digest, DigestView, Empty, Fact, Facts, Field, Head, Link, Pager, Region, Section, When, WhenView,
};

/// A page of the ledger, filtered as the address says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerView {
    /// Text searched for in subjects: a model, a version, an account.
    pub subject: String,
    /// Actors to choose from; the first is "anyone".
    pub actors: Vec<Choice>,
    /// Kinds of event to choose from; the first is "any".
    pub kinds: Vec<Choice>,
    /// From this day on, `YYYY-MM-DD` or empty.
    pub from: String,
    /// Up to this day, `YYYY-MM-DD` or empty.
    pub to: String,
    /// Whether any filter is set.
    pub is_filtered: bool,
    /// Entries, newest first.
    pub rows: Vec<LedgerRow>,
    /// Where this page stands.
    pub pager: Pager,
    /// Size, root, time, origin, key: what there is to say of the newest checkpoint.
    pub checkpoint: Vec<Fact>,
    /// The signed note, verbatim.
    pub note: String,
    /// Address of the note as plain text.
    pub checkpoint_href: String,
    /// Address of the export.
    pub export_href: String,
}

/// One entry in the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRow {
    /// Its number.
    pub seq: u64,
    /// When it was sealed.
    pub when: When,
    /// Who acted.
    pub actor: String,
    /// The event's name, such as `version.registered`.
    pub kind: String,
    /// What it says, as a sentence without the actor.
    pub sentence: String,
    /// What it is about.
    pub subject: Option<Link>,
    /// Its hash.
    pub hash: Digest,
}

impl Page for LedgerView {
    fn title(&self) -> String {
        "Ledger".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Ledger)
    }

    fn body(self) -> AnyView {
        let subject = Field::input("search", "subject", "About")
            .value(self.subject)
            .placeholder("Model, version, account")
            .grow()
            .view();
        let actor = Field::select("actor", "Actor", self.actors).view();
        let kind = Field::select("kind", "Event", self.kinds).view();
        let from = Field::input("date", "from", "From").value(self.from).view();
        let to = Field::input("date", "to", "To").value(self.to).view();
        let is_filtered = self.is_filtered;
        let entries = if self.rows.is_empty() {
            view! { <Empty title="No entry matches" hint="Take a filter away, or widen the dates." /> }.into_any()
        } else {
            table(self.rows)
        };
        view! {
            <Head
                title="Ledger"
                lede="Every change, in order. Each entry carries the hash of the one before it and is a leaf of a Merkle tree; the tree's head is signed."
                actions=vec![Link::new("Export the ledger", self.export_href)]
            />
            <div class="panel">
                <header>
                    <h2>"Newest checkpoint"</h2>
                    <a class="small" href=self.checkpoint_href>
                        "As signed note"
                    </a>
                </header>
                <div class="in stack">
                    <Facts facts=self.checkpoint />
                    <details class="fold">
                        <summary>"The note, verbatim"</summary>
                        <pre class="code" tabindex="0">
                            {self.note}
                        </pre>
                    </details>
                </div>
            </div>
            <Section id="entries" title="Entries">
                <div class="stack">
                    <form class="filters" method="get" action="/ledger" role="search" aria-label="Entries">
                        {subject}
                        {actor}
                        {kind}
                        {from}
                        {to}
                        <div class="actions">
                            <button class="button" type="submit">
                                "Apply"
                            </button>
                            {is_filtered.then(|| view! { <a href="/ledger">"Clear"</a> })}
                        </div>
                    </form>
                    {entries}
                </div>
                {self.pager.view()}
            </Section>
        }
        .into_any()
    }
}

fn table(rows: Vec<LedgerRow>) -> AnyView {
    let rows = rows
        .into_iter()
        .map(|row| {
            view! {
                <tr>
                    <th scope="row" class="num" data-label="Entry">
                        <a class="mono" href=format!("/ledger/{}", row.seq)>
                            {row.seq}
                        </a>
                    </th>
                    <td data-label="Time" class="nowrap">
                        <WhenView when=row.when />
                    </td>
                    <td class="words">
                        <b>{row.actor}</b>
                        " "
                        {row.sentence}
                        {row.subject.map(|subject| view! { " " <a href=subject.href>{subject.label}</a> })}
                        <span class="sub mono">{row.kind}</span>
                    </td>
                    <td data-label="Hash">
                        <DigestView digest=row.hash />
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Region label="Entries">
            <table class="cards">
                <thead>
                    <tr>
                        <th scope="col" class="num">
                            "Entry"
                        </th>
                        <th scope="col">"Time"</th>
                        <th scope="col">"What happened"</th>
                        <th scope="col">"Hash"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </Region>
    }
    .into_any()
}
