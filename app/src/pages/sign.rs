//! Signing: the package in full, its digest, what changed, the meaning, the password; then the receipt.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room, version_head::VersionHead};
use crate::kit::{
    Choice, Digest, DigestView, ErrorSummary, Fact, Facts, Field, Glyph, Head, Link, Notice, NoticeBox, Requirement,
    Section, Shape, Tag, TagView, Tasks, Tone, When, WhenView,
};

/// What a signer reads and fills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignView {
    /// The version.
    pub head: VersionHead,
    /// The request's id.
    pub request: String,
    /// Such as "Staging" or "Canary in EU".
    pub target: String,
    /// Who asked, when and why.
    pub request_facts: Vec<Fact>,
    /// The slot's id.
    pub slot: String,
    /// The slot in words: "MRM validator".
    pub slot_title: String,
    /// Digest of the package shown here.
    pub package: Digest,
    /// Digests of its parts as JSON, sent back with the signature: what changed meanwhile can then be named.
    pub package_parts: String,
    /// What changed since the reader or another signed; empty if nobody had.
    pub changed: Option<ChangedSince>,
    /// The package, part by part.
    pub parts: Vec<PackagePart>,
    /// The requirements of the request.
    pub requirements: Vec<Requirement>,
    /// Slots, with who has signed.
    pub slots: Vec<Slot>,
    /// Why the reader cannot sign; then there is no form.
    pub refusal: Option<Notice>,
    /// Whether the reader may decline.
    pub can_decline: bool,
    /// Meanings to choose from: the sentence is what is recorded.
    pub meanings: Vec<Choice>,
    /// What was typed as comment.
    pub comment: String,
    /// What was typed as reason to decline.
    pub decline_reason: String,
    /// The signer's name, as it will stand.
    pub signer: String,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// What changed since an earlier signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedSince {
    /// Whose signature, and when.
    pub signature: String,
    /// The changes, a sentence each.
    pub changes: Vec<String>,
}

/// One part of the package: lineage, evidence, report, findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackagePart {
    /// Its name.
    pub title: String,
    /// One sentence on it.
    pub summary: String,
    /// Green, incomplete and so on.
    pub state: Option<Tag>,
    /// Its content.
    pub facts: Vec<Fact>,
    /// Prose in it: the report's sections as heading and text.
    pub texts: Vec<(String, String)>,
    /// Where it can be read in its own place.
    pub link: Option<Link>,
}

/// A slot for a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The role in words.
    pub title: String,
    /// Signed, stale, open.
    pub state: Tag,
    /// Who signed and when, or who can.
    pub who: String,
}

impl Page for SignView {
    fn title(&self) -> String {
        format!("Sign {} for {}", self.head.name(), self.target)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn crumbs(&self) -> Vec<Link> {
        self.head.crumbs_below()
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let title = self.title();
        let live = self.head.live();
        let changed = self.changed.map(|changed| {
            let mut notice = Notice::new(Tone::Warn, format!("The package has changed since {}.", changed.signature));
            notice.body = changed.changes;
            view! { <NoticeBox notice /> }
        });
        let slots = self
            .slots
            .into_iter()
            .map(|slot| {
                view! {
                    <li>
                        <span class="strong">{slot.title}</span>
                        <TagView tag=slot.state />
                        <span class="more">{slot.who}</span>
                    </li>
                }
            })
            .collect_view();
        let decline = self
            .can_decline
            .then(|| decline_form(&self.head, self.request.clone(), self.decline_reason, self.errors.as_ref()));
        let form = match self.refusal {
            Some(notice) => view! { <NoticeBox notice /> }.into_any(),
            None => sign_form(
                &self.head,
                SignForm {
                    request: self.request,
                    slot: self.slot,
                    slot_title: self.slot_title,
                    package: self.package.clone(),
                    package_parts: self.package_parts,
                    meanings: self.meanings,
                    comment: self.comment,
                    signer: self.signer,
                },
                self.errors.as_ref(),
            ),
        };
        view! {
            <Head title=title lede="Your signature covers exactly what stands on this page. If any of it changes later, the signature goes stale.">
                <p class="small">"Package " <DigestView digest=self.package full=true /></p>
            </Head>
            {live}
            {changed}
            <div class="columns side">
                <div class="stack-l">
                    <Section id="package" title="The package">
                        <div class="stack">{self.parts.into_iter().map(part_view).collect_view()}</div>
                    </Section>
                    <Section id="requirements" title="Requirements">
                        <div class="panel">
                            <div class="in">
                                <Tasks requirements=self.requirements />
                            </div>
                        </div>
                    </Section>
                    <Section id="sign" title="Your signature">
                        {form} {decline}
                    </Section>
                </div>
                <aside class="stack-l">
                    <Section id="request" title="The request">
                        <Facts facts=self.request_facts />
                    </Section>
                    <Section id="slots" title="Who signs">
                        <ul class="panel queue" role="list">
                            {slots}
                        </ul>
                    </Section>
                </aside>
            </div>
        }
        .into_any()
    }
}

fn part_view(part: PackagePart) -> AnyView {
    let facts = (!part.facts.is_empty()).then(|| view! { <Facts facts=part.facts /> });
    let texts = part
        .texts
        .into_iter()
        .map(|(title, text)| {
            view! {
                <section class="stack">
                    <h4>{title}</h4>
                    <p class="prose">{text}</p>
                </section>
            }
        })
        .collect_view();
    view! {
        <article class="panel">
            <header>
                <h3>{part.title}</h3>
                <span class="cluster small">
                    {part.state.map(|tag| view! { <TagView tag /> })}
                    {part.link.map(|link| view! { <a href=link.href>{link.label}</a> })}
                </span>
            </header>
            <div class="in stack">
                <p>{part.summary}</p>
                {facts}
                {texts}
            </div>
        </article>
    }
    .into_any()
}

struct SignForm {
    request: String,
    slot: String,
    slot_title: String,
    package: Digest,
    package_parts: String,
    meanings: Vec<Choice>,
    comment: String,
    signer: String,
}

fn sign_form(head: &VersionHead, form: SignForm, errors: Option<&ErrorSummary>) -> AnyView {
    let meaning = Field::radios("meaning", "What your signature means", form.meanings).wide().errors(errors).view();
    let comment = Field::area("comment", "Comment", 3)
        .hint("Stands beside the signature for good.")
        .value(form.comment)
        .errors(errors)
        .view();
    let password = Field::input("password", "password", "Your password")
        .hint("Asked again, so that nobody else signs at your desk.")
        .autocomplete("current-password")
        .required()
        .errors(errors)
        .view();
    view! {
        <form class="form panel mark" method="post" action=format!("{}/sign", head.href())>
            <div class="in form">
                <input type="hidden" name="request" value=form.request />
                <input type="hidden" name="slot" value=form.slot />
                <input type="hidden" name="package_digest" value=form.package.0 />
                <input type="hidden" name="package_parts" value=form.package_parts />
                {meaning}
                {comment}
                {password}
                <div class="sign-line">
                    <span class="name">{form.signer}</span>
                    <span class="small quiet">{format!("as {}", form.slot_title)}</span>
                </div>
                <div class="actions">
                    <button class="button primary" type="submit">
                        "Sign"
                    </button>
                    <a href=head.href()>"Do not sign now"</a>
                </div>
                <p class="consequence">
                    "A signature is sealed in the ledger at once and cannot be taken back."
                </p>
            </div>
        </form>
    }
    .into_any()
}

fn decline_form(head: &VersionHead, request: String, reason: String, errors: Option<&ErrorSummary>) -> AnyView {
    let is_refused = errors.is_some_and(|errors| errors.items.iter().any(|item| item.field_id == "decline_reason"));
    let reason = Field::area("decline_reason", "Why", 3)
        .hint("The requester reads this. Say what would have to change.")
        .value(reason)
        .required()
        .errors(errors)
        .view();
    view! {
        <details class="fold no-print" open=is_refused>
            <summary>"Decline the request"</summary>
            <form class="form" method="post" action=format!("{}/decline", head.href())>
                <input type="hidden" name="request" value=request />
                {reason}
                <button class="button danger" type="submit">
                    "Decline"
                </button>
                <p class="consequence">
                    "The request closes for everybody, with your name and reason in the ledger; signatures already on it lose their use. The version stays where it is and can be asked for again."
                </p>
            </form>
        </details>
    }
    .into_any()
}

/// Proof of a signature just given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptView {
    /// The version.
    pub head: VersionHead,
    /// What was signed for.
    pub target: String,
    /// Who signed.
    pub signer: String,
    /// As what.
    pub slot_title: String,
    /// The meaning chosen.
    pub meaning: String,
    /// The comment.
    pub comment: Option<String>,
    /// When it was sealed.
    pub when: When,
    /// The package signed.
    pub package: Digest,
    /// The entry's number.
    pub seq: u64,
    /// The entry's hash.
    pub hash: Digest,
    /// What happens next, in a sentence.
    pub next: String,
    /// Places to go.
    pub links: Vec<Link>,
}

impl Page for ReceiptView {
    fn title(&self) -> String {
        format!("Signed: {} for {}", self.head.name(), self.target)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn crumbs(&self) -> Vec<Link> {
        self.head.crumbs_below()
    }

    fn body(self) -> AnyView {
        let facts = vec![
            Fact::text("Signer", format!("{}, as {}", self.signer, self.slot_title)),
            Fact::text("Meaning", self.meaning),
            Fact::text("Comment", self.comment.unwrap_or_else(|| "none".to_owned())),
            Fact::text("For", format!("{} to {}", self.head.name(), self.target)),
        ];
        view! {
            <article class="receipt">
                <div class="head">
                    <Glyph shape=Shape::Done size=36 />
                    <div>
                        <h1>"Signed and sealed"</h1>
                        <p class="quiet">
                            "Entry " <a href=format!("/ledger/{}", self.seq)>{self.seq}</a> ", " <WhenView when=self.when />
                        </p>
                    </div>
                </div>
                <div class="in stack">
                    <Facts facts />
                    <dl class="facts">
                        <div>
                            <dt>"Package"</dt>
                            <dd>
                                <DigestView digest=self.package full=true />
                            </dd>
                        </div>
                        <div>
                            <dt>"Entry hash"</dt>
                            <dd>
                                <DigestView digest=self.hash full=true />
                            </dd>
                        </div>
                    </dl>
                    <p class="strong">{self.next}</p>
                    <p class="cluster">
                        {self.links.into_iter().map(|link| view! { <a href=link.href>{link.label}</a> }).collect_view()}
                    </p>
                </div>
            </article>
        }
        .into_any()
    }
}
