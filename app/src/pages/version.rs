//! A version's overview: where it stands, exactly what is missing, and who can supply it.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Page, Room,
    version_head::{Tab, VersionHead},
};
use crate::kit::{
    Digest, DigestView, Empty, Entry, ErrorSummary, Fact, Facts, Field, Line, Link, Notice, NoticeBox, Requirement,
    Section, Tag, TagView, Tasks, Timeline, TrackLine, When, WhenView,
};

/// A version's overview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverviewView {
    /// The shared head.
    pub head: VersionHead,
    /// The answer in one sentence: "Can be promoted to Staging", "2 of 7 requirements for Staging are missing".
    pub answer: Notice,
    /// The version's own line.
    pub line: TrackLine,
    /// Open requests, then the next stops without one.
    pub steps: Vec<StepPanel>,
    /// Signatures given so far, newest first.
    pub signatures: Vec<Signature>,
    /// What it is, short.
    pub facts: Vec<Fact>,
    /// What happened last.
    pub recent: Vec<Entry>,
    /// What was typed into a refused form's reason.
    pub reason: String,
    /// Whether the reader may archive the version.
    pub can_archive: bool,
    /// Why a form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// The way to one next stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPanel {
    /// Such as "Staging" or "Canary in EU".
    pub title: String,
    /// The stage's id for the form.
    pub target: String,
    /// The market's code for the form; empty for the shared stages.
    pub market: String,
    /// The open request, if there is one.
    pub request: Option<RequestFacts>,
    /// What it requires.
    pub requirements: Vec<Requirement>,
    /// Whether the reader may ask for it.
    pub can_request: bool,
    /// Who asks, where the reader may not; empty for nothing to say.
    pub who_asks: String,
}

/// An open request for promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFacts {
    /// The request's id.
    pub id: String,
    /// Open, stale, complete.
    pub state: Tag,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub requested_at: When,
    /// Why, in the requester's words.
    pub reason: String,
    /// Digest of the package as it is now.
    pub package: Digest,
    /// Where the reader can sign, if they may.
    pub sign_href: Option<String>,
    /// Whether the reader may withdraw it.
    pub can_withdraw: bool,
}

/// A signature on a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The role signed for.
    pub slot: String,
    /// Who signed.
    pub signer: String,
    /// What the signature means, in the signer's choice of words.
    pub meaning: String,
    /// What the request was for.
    pub request: String,
    /// Free words of the signer.
    pub comment: Option<String>,
    /// Digest of the package that was signed, where there was one.
    pub package: Option<Digest>,
    /// When.
    pub when: When,
    /// The entry's number.
    pub seq: u64,
    /// Current or stale.
    pub state: Tag,
    /// What changed since, where it is stale.
    pub changed: Vec<String>,
}

impl Page for OverviewView {
    fn title(&self) -> String {
        self.head.page_title(Tab::Overview)
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
        let timeline = Link::new("Whole timeline", format!("{}/timeline", head.href()));
        let errors = self.errors.as_ref();
        let reason = self.reason;
        let is_asked = self.steps.iter().any(|step| step.request.is_some());
        let steps = self
            .steps
            .into_iter()
            .enumerate()
            .map(|(index, step)| step_view(&head, index, step, &reason, errors))
            .collect_view();
        let archive = self.can_archive.then(|| archive_form(&head, errors));
        view! {
            {head.view(Tab::Overview)}
            <NoticeBox notice=self.answer />
            <section aria-labelledby="line-heading">
                <h2 class="hidden-visually" id="line-heading">
                    "Where it stands"
                </h2>
                <div class="panel">
                    <div class="in">
                        <Line line=self.line label="Stages and markets of this version" />
                    </div>
                </div>
            </section>
            <div class="columns side">
                <div class="stack-l">
                    {steps} {signatures_section(self.signatures, is_asked)}
                    <Section id="recent" title="What happened last" more=timeline>
                        <Timeline entries=self.recent />
                    </Section>
                    {archive}
                </div>
                <aside aria-labelledby="facts-heading" class="stack">
                    <h2 id="facts-heading">"What it is"</h2>
                    <Facts facts=self.facts />
                </aside>
            </div>
        }
        .into_any()
    }
}

fn step_view(
    head: &VersionHead,
    index: usize,
    step: StepPanel,
    reason: &str,
    errors: Option<&ErrorSummary>,
) -> AnyView {
    let total = step.requirements.len();
    let met = step.requirements.iter().filter(|requirement| requirement.met).count();
    let heading = format!("step-{index}");
    let request = match step.request {
        Some(request) => request_view(head, request),
        None if step.can_request => request_form(head, index, &step.title, &step.target, &step.market, reason, errors),
        None if !step.who_asks.is_empty() => view! {
            <footer>
                <p class="quiet">{step.who_asks}</p>
            </footer>
        }
        .into_any(),
        None => ().into_any(),
    };
    view! {
        <section class="panel mark" aria-labelledby=heading>
            <header>
                <h2 id=heading.clone()>{format!("To {}", step.title)}</h2>
                <span class="small quiet">{format!("{met} of {total} met")}</span>
            </header>
            <div class="in">
                <Tasks requirements=step.requirements />
            </div>
            {request}
        </section>
    }
    .into_any()
}

fn request_view(head: &VersionHead, request: RequestFacts) -> AnyView {
    let withdraw = request.can_withdraw.then(|| {
        let action = format!("{}/requests/{}/withdraw", head.href(), request.id);
        let id = format!("withdraw-{}", request.id);
        view! {
            <details class="fold no-print">
                <summary>"Withdraw the request"</summary>
                <form class="form" method="post" action=action>
                    {head.revision_field()}
                    <div class="field">
                        <label for=id.clone()>"Why"</label>
                        <input type="text" id=id name="reason" required />
                    </div>
                    <button class="button danger" type="submit">
                        "Withdraw"
                    </button>
                    <p class="consequence">"Signatures on the request lose their use. You can ask again."</p>
                </form>
            </details>
        }
    });
    let sign = request.sign_href.map(|href| {
        view! {
            <a class="button primary" href=href>
                "Review and sign"
            </a>
        }
    });
    view! {
        <footer class="stack">
            <div class="between">
                <p>
                    <TagView tag=request.state />
                    " Requested by "
                    <b>{request.requested_by}</b>
                    ", "
                    <WhenView when=request.requested_at />
                </p>
                <span class="small quiet">"Package " <DigestView digest=request.package /></span>
            </div>
            {(!request.reason.is_empty()).then(|| view! { <p class="quiet prose">{request.reason}</p> })}
            {sign}
            {withdraw}
        </footer>
    }
    .into_any()
}

fn request_form(
    head: &VersionHead,
    index: usize,
    title: &str,
    target: &str,
    market: &str,
    reason: &str,
    errors: Option<&ErrorSummary>,
) -> AnyView {
    // Several next stops may each have a form; only the first field can bear the plain id.
    let field = if index == 0 {
        Field::area("reason", "Why now", 2).hint("The signers read this.").value(reason).errors(errors).view()
    } else {
        let id = format!("reason-{index}");
        view! {
            <div class="field">
                <label for=id.clone()>"Why now"</label>
                <textarea id=id name="reason" rows="2"></textarea>
            </div>
        }
        .into_any()
    };
    // Production is entered step by step unless somebody says why not.
    let at_once = (target == "production").then(|| {
        let id = if index == 0 { "blue_green".to_owned() } else { format!("blue_green-{index}") };
        let error = errors.and_then(|errors| errors.items.iter().find(|item| item.field_id == "blue_green"));
        view! {
            <details class="fold" open=error.is_some()>
                <summary>"Take over at once (blue-green)"</summary>
                <div class="field">
                    <label for=id.clone()>"Why at once instead of step by step"</label>
                    <p class="hint">
                        "For a change of infrastructure. A change of the model is better let in step by step, where its effect on users is seen on few of them."
                    </p>
                    <textarea id=id name="blue_green" rows="2"></textarea>
                </div>
            </details>
        }
    });
    view! {
        <footer>
            <form class="form" method="post" action=format!("{}/requests", head.href())>
                {head.revision_field()}
                <input type="hidden" name="target" value=target.to_owned() />
                <input type="hidden" name="market" value=market.to_owned() />
                {field}
                {at_once}
                <button class="button primary" type="submit">
                    {format!("Ask for promotion to {title}")}
                </button>
            </form>
        </footer>
    }
    .into_any()
}

fn archive_form(head: &VersionHead, errors: Option<&ErrorSummary>) -> AnyView {
    let field = Field::text("archive_reason", "Why").required().errors(errors).view();
    view! {
        <details class="fold no-print">
            <summary>"Archive this version"</summary>
            <form class="form" method="post" action=format!("{}/archive", head.href())>
                {head.revision_field()}
                {field}
                <button class="button danger" type="submit">
                    "Archive for good"
                </button>
                <p class="consequence">
                    "Archived is final in every market. To come back, the model is registered as a new version and walks the whole way again."
                </p>
            </form>
        </details>
    }
    .into_any()
}

/// Signatures as a section of their own.
fn signatures_section(signatures: Vec<Signature>, is_asked: bool) -> AnyView {
    if signatures.is_empty() {
        let hint = if is_asked {
            "Who has to sign stands with the request above."
        } else {
            "Signing opens when a promotion has been requested."
        };
        return view! {
            <Section id="signatures" title="Signatures">
                <Empty title="Nobody has signed" hint />
            </Section>
        }
        .into_any();
    }
    view! {
        <Section id="signatures" title="Signatures">
            <ul class="panel queue" role="list">
                {signatures.into_iter().map(signature_view).collect_view()}
            </ul>
        </Section>
    }
    .into_any()
}

fn signature_view(signature: Signature) -> AnyView {
    view! {
        <li>
            <p>
                <b>{signature.signer}</b>
                {format!(" as {}, for {}: “{}”", signature.slot, signature.request, signature.meaning)}
            </p>
            <TagView tag=signature.state />
            <span class="more">
                <WhenView when=signature.when />
                <a href=format!("/ledger/{}", signature.seq)>{format!("entry {}", signature.seq)}</a>
                {signature.package.map(|digest| view! { <span>"package " <DigestView digest /></span> })}
                {signature.comment.map(|comment| view! { <span>{comment}</span> })}
                {(!signature.changed.is_empty())
                    .then(|| view! { <span class="missing">{format!("Changed since: {}", signature.changed.join("; "))}</span> })}
            </span>
        </li>
    }
    .into_any()
}
