//! One entry: what it says, how it hangs in the chain and the tree, and how to check that.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::{
    islands::VerifyEntry,
    kit::{Digest, DigestView, Fact, Facts, Head, Link, Notice, NoticeBox, Region, Section, When, WhenView},
};

/// One entry and its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryView {
    /// Its number.
    pub seq: u64,
    /// What it says, with the actor: "Ada Lovelace registered version 3".
    pub sentence: String,
    /// When it was sealed.
    pub when: When,
    /// Event, actor, subject, schema.
    pub facts: Vec<Fact>,
    /// SHA-256 of its bytes.
    pub hash: Digest,
    /// Hash of the entry before it, and its number if there is one.
    pub prev: (Option<u64>, Digest),
    /// Number and hash of the entry after it, if there is one.
    pub next: Option<(u64, Digest)>,
    /// Its leaf hash in the tree.
    pub leaf_hash: Digest,
    /// The canonical JSON, indented for reading.
    pub pretty: String,
    /// Size of its canonical bytes.
    pub bytes: usize,
    /// Where its figures are computed again, and what came out if they were; absent if it holds none.
    pub recompute: Option<Recompute>,
    /// Evidence files that it names.
    pub evidence: Vec<(Digest, Option<Link>)>,
    /// Size of the tree of the proof.
    pub tree_size: u64,
    /// Root of the tree of the proof.
    pub root: Digest,
    /// The inclusion proof, leaf sibling first.
    pub proof: Vec<Digest>,
    /// Where the browser fetches the entry and its proof as JSON: see [`crate::islands::VerifyEntry`].
    pub proof_href: String,
    /// Where the `.tlog-proof` file can be had.
    pub proof_file_href: String,
    /// Where the entry's bytes can be had.
    pub raw_href: String,
    /// The log's verifier key.
    pub key: String,
    /// Commands that check the entry without this browser, as lines to type.
    pub commands: String,
}

/// An entry's figures, computed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recompute {
    /// What they were computed from.
    pub about: String,
    /// Where this page is asked for with the answer.
    pub href: String,
    /// What came out.
    pub outcome: Option<Notice>,
}

impl Page for EntryView {
    fn title(&self) -> String {
        format!("Entry {}", self.seq)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Ledger)
    }

    fn crumbs(&self) -> Vec<Link> {
        vec![Link::new("Ledger", "/ledger")]
    }

    fn has_island(&self) -> bool {
        true
    }

    fn body(self) -> AnyView {
        let seq = self.seq;
        let neighbours = neighbours(seq, self.hash.clone(), self.prev, self.next);
        let evidence = (!self.evidence.is_empty()).then(|| {
            view! {
                <Section id="evidence" title="Evidence it names">
                    <ul class="stack" role="list">
                        {self
                            .evidence
                            .into_iter()
                            .map(|(digest, link)| {
                                view! {
                                    <li class="cluster">
                                        <DigestView digest />
                                        {link.map(|link| view! { <a href=link.href>{link.label}</a> })}
                                    </li>
                                }
                            })
                            .collect_view()}
                    </ul>
                </Section>
            }
        });
        let recompute = self.recompute.map(recompute_section);
        let proof = proof_table(seq, self.tree_size, self.root, self.leaf_hash, self.proof);
        view! {
            <Head title=format!("Entry {seq}") lede=self.sentence>
                <p class="small quiet"><WhenView when=self.when /></p>
            </Head>
            {neighbours}
            <div class="columns half">
                <Section id="says" title="What it says">
                    <Facts facts=self.facts />
                </Section>
                <Section id="verify" title="Check it yourself" about="The same code that sealed the entry hashes it again here and follows the proof to the signed checkpoint.">
                    <div class="stack">
                        <VerifyEntry seq hash=self.hash.0 source=self.proof_href />
                        <p class="small">
                            "The key is the one this server publishes; compare it with the one you hold: "
                            <code>{self.key}</code>
                        </p>
                        <details class="fold">
                            <summary>"Without this browser"</summary>
                            <div class="stack">
                                <p class="cluster">
                                    <a href=self.raw_href download>{format!("entry-{seq}.json")}</a>
                                    <a href=self.proof_file_href download>{format!("entry-{seq}.tlog-proof")}</a>
                                </p>
                                <pre class="code" tabindex="0">
                                    {self.commands}
                                </pre>
                            </div>
                        </details>
                    </div>
                </Section>
            </div>
            {recompute}
            {evidence}
            <Section id="json" title="Canonical JSON" about=format!("{} bytes, indented here for reading; hashed without the white space (RFC 8785).", self.bytes)>
                <pre class="code" tabindex="0">
                    {self.pretty}
                </pre>
            </Section>
            {proof}
        }
        .into_any()
    }
}

fn recompute_section(recompute: Recompute) -> AnyView {
    view! {
        <Section id="recompute" title="Figures" about=format!("{} Anyone can do it again.", recompute.about)>
            <div class="stack">
                {recompute.outcome.map(|notice| view! { <div role="status"><NoticeBox notice /></div> })}
                <p class="no-print">
                    <a class="button" href=recompute.href>
                        "Recompute"
                    </a>
                </p>
            </div>
        </Section>
    }
    .into_any()
}

fn neighbours(seq: u64, hash: Digest, prev: (Option<u64>, Digest), next: Option<(u64, Digest)>) -> AnyView {
    let before = match prev.0 {
        Some(number) => view! { <a href=format!("/ledger/{number}")>{format!("← Entry {number}")}</a> }.into_any(),
        None => view! { <span>"Nothing before it"</span> }.into_any(),
    };
    let after = match next {
        Some((number, digest)) => view! {
            <p>
                <a href=format!("/ledger/{number}")>{format!("Entry {number} →")}</a>
            </p>
            <p class="small quiet">"Hash " <DigestView digest /></p>
        }
        .into_any(),
        None => view! {
            <p>"Nothing after it yet"</p>
            <p class="small quiet">"The next entry will carry this one’s hash."</p>
        }
        .into_any(),
    };
    view! {
        <section aria-label="Its place in the chain" class="neighbours">
            <div>
                <p>{before}</p>
                <p class="small quiet">"Hash, carried by this entry " <DigestView digest=prev.1 /></p>
            </div>
            <div class="self">
                <p class="strong">{format!("Entry {seq}")}</p>
                <p class="small quiet">"SHA-256 " <DigestView digest=hash full=true /></p>
            </div>
            <div>{after}</div>
        </section>
    }
    .into_any()
}

fn proof_table(seq: u64, tree_size: u64, root: Digest, leaf_hash: Digest, proof: Vec<Digest>) -> AnyView {
    let rows = proof
        .into_iter()
        .enumerate()
        .map(|(level, digest)| {
            view! {
                <tr>
                    <th scope="row">{format!("Step {}", level + 1)}</th>
                    <td>
                        <DigestView digest full=true />
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Section id="proof" title="Inclusion proof" about=format!("Leads from leaf {seq} to the root of the tree of {tree_size} entries (RFC 6962, section 2.1.1).")>
            <Region label="Inclusion proof">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Step"</th>
                            <th scope="col">"Hash"</th>
                        </tr>
                    </thead>
                    <tbody>
                        <tr>
                            <th scope="row">"Leaf"</th>
                            <td>
                                <DigestView digest=leaf_hash full=true />
                            </td>
                        </tr>
                        {rows}
                        <tr>
                            <th scope="row">"Root"</th>
                            <td>
                                <DigestView digest=root full=true />
                            </td>
                        </tr>
                    </tbody>
                </table>
            </Region>
        </Section>
    }
    .into_any()
}
