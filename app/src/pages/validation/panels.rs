//! What stands beside the report: how material the change is, the committee's vote, waivers.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::version_head::VersionHead;
use crate::kit::{
    Choice, Due, ErrorSummary, Fact, Facts, Field, Link, LinkView, Notice, NoticeBox, Region, Section, Tag, TagView,
    WhenView,
};

/// The panels of a version's validation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Panels {
    /// Materiality, by step: Staging, then each market.
    pub materiality: Vec<MaterialityPanel>,
    /// Votes, the latest request's first; those that are over are for reading.
    pub committees: Vec<CommitteePanel>,
    /// Waivers, those in force first.
    pub waivers: Vec<WaiverRow>,
    /// The form for a waiver, where the reader may grant one.
    pub grant: Option<WaiverForm>,
}

/// How material the change is for one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaterialityPanel {
    /// The market's code; empty for the gate into Staging.
    pub market: String,
    /// Such as "Into Staging" or "In EU".
    pub title: String,
    /// Material or not, and on what that rests.
    pub tag: Tag,
    /// Compared with, depth, small changes, why.
    pub facts: Vec<Fact>,
    /// What the reader may set it to, in words, where they may.
    pub set: Option<(String, String)>,
}

/// A committee's vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitteePanel {
    /// The request's number.
    pub request: u32,
    /// Such as "Production in US".
    pub target: String,
    /// How it stands.
    pub state: Notice,
    /// Every member: name, what they said, where.
    pub members: Vec<(String, Tag, Option<Link>)>,
    /// The digest to vote on, those of its parts as JSON, and what each vote means, where the reader may vote.
    pub ballot: Option<(String, String, Vec<Choice>)>,
}

/// A waiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiverRow {
    /// Its number.
    pub number: u32,
    /// What it covers, and where.
    pub covers: String,
    /// In force, expired, revoked.
    pub state: Tag,
    /// When it ends.
    pub expires: Due,
    /// The control in its place.
    pub control: String,
    /// Who asked, who granted.
    pub about: Vec<String>,
    /// The entry.
    pub entry: Link,
    /// Whether the reader may end it now.
    pub can_revoke: bool,
}

/// The form for a waiver as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiverForm {
    /// What can be covered.
    pub covers: Vec<Choice>,
    /// Markets; the first is all.
    pub markets: Vec<Choice>,
    /// Who may have asked.
    pub requesters: Vec<Choice>,
    /// The control.
    pub control: String,
    /// Why.
    pub reason: String,
    /// Date, `YYYY-MM-DD`.
    pub expires: String,
    /// The longest life, in words.
    pub limit: String,
}

impl Panels {
    /// The materiality panel.
    pub(super) fn materiality_view(&self, head: &VersionHead, errors: Option<&ErrorSummary>) -> AnyView {
        if self.materiality.is_empty() {
            return ().into_any();
        }
        let steps = self
            .materiality
            .iter()
            .cloned()
            .map(|panel| {
                let form = panel.set.map(|(value, label)| {
                    let name = format!("materiality_reason{}", if panel.market.is_empty() { "" } else { "-" });
                    let reason = Field::area(format!("{name}{}", panel.market), "Why", 2).required().errors(errors).view();
                    view! {
                        <details class="fold no-print">
                            <summary>{label.clone()}</summary>
                            <form class="form" method="post" action=format!("{}/materiality", head.href())>
                                {head.revision_field()}
                                <input type="hidden" name="market" value=panel.market.clone() />
                                <input type="hidden" name="materiality" value=value />
                                {reason}
                                <button class="button" type="submit">
                                    {label}
                                </button>
                                <p class="consequence">"Signatures on the open request go stale: the package names it."</p>
                            </form>
                        </details>
                    }
                });
                view! {
                    <article class="panel">
                        <header>
                            <h3>{panel.title}</h3>
                            <TagView tag=panel.tag />
                        </header>
                        <div class="in stack">
                            <Facts facts=panel.facts />
                            {form}
                        </div>
                    </article>
                }
            })
            .collect_view();
        view! {
            <Section id="materiality" title="How material the change is" about="It decides how deep the validation goes, and whether the committee votes. Anyone who asks or validates may raise it; MRM lowers it.">
                <div class="stack">{steps}</div>
            </Section>
        }
        .into_any()
    }

    /// The committees' votes.
    pub(super) fn committee_view(&self, head: &VersionHead, errors: Option<&ErrorSummary>) -> AnyView {
        if self.committees.is_empty() {
            return ().into_any();
        }
        let votes = self.committees.iter().cloned().map(|panel| committee_view(head, panel, errors)).collect_view();
        view! {
            <Section id="committee" title="Risk committee" about="Its members were fixed when promotion was asked for; a vote counts for the package as it is.">
                <div class="stack">{votes}</div>
            </Section>
        }
        .into_any()
    }

    /// The waivers.
    pub(super) fn waivers_view(&self, head: &VersionHead, errors: Option<&ErrorSummary>) -> AnyView {
        if self.waivers.is_empty() && self.grant.is_none() {
            return ().into_any();
        }
        let rows = self.waivers.iter().cloned().map(|waiver| waiver_view(head, waiver)).collect_view();
        let list = if self.waivers.is_empty() {
            view! { <p class="quiet">"No waivers."</p> }.into_any()
        } else {
            view! {
                <ul class="panel queue" role="list">
                    {rows}
                </ul>
            }
            .into_any()
        };
        let form = self.grant.clone().map(|form| grant_form(head, form, errors));
        view! {
            <Section id="waivers" title="Waivers" about="An exception for a time, in exchange for a control. When it expires, the gate is shut again.">
                {list}
                {form}
            </Section>
        }
        .into_any()
    }
}

fn committee_view(head: &VersionHead, panel: CommitteePanel, errors: Option<&ErrorSummary>) -> AnyView {
    let base = format!("{}/requests/{}", head.href(), panel.request);
    let members = panel
        .members
        .into_iter()
        .map(|(name, tag, entry)| {
            view! {
                <tr>
                    <th scope="row">{name}</th>
                    <td>
                        <TagView tag />
                    </td>
                    <td>{entry.map(|link| view! { <LinkView link /> })}</td>
                </tr>
            }
        })
        .collect_view();
    // Several requests may be open, each with its ballot: its number keeps their fields apart.
    let own = |name: &str| format!("{name}-{}", panel.request);
    let ballot = panel.ballot.map(|(package, parts, voices)| {
        let fields = [
            Field::radios(own("voice"), "Your vote", voices),
            Field::area(own("vote_comment"), "Why", 3).hint("Needed for a vote against."),
            Field::input("password", own("password"), "Your password")
                .hint("Asked again: a vote is a signature.")
                .autocomplete("current-password")
                .required(),
        ]
        .into_iter()
        .map(|field| field.errors(errors).view())
        .collect_view();
        let why = [
            Field::area(own("recusal_reason"), "Why", 2).required(),
            Field::password_again(own("recusal_password")),
        ]
        .into_iter()
        .map(|field| field.errors(errors).view())
        .collect_view();
        let sign = format!("{}/sign?request={}", head.href(), panel.request);
        view! {
            <form class="form no-print" method="post" action=format!("{base}/vote")>
                <p>
                    "Read "
                    <a href=sign>"the package"</a>
                    " first: the vote counts for exactly that."
                </p>
                <input type="hidden" name="package_digest" value=package />
                <input type="hidden" name="package_parts" value=parts />
                {fields}
                <button class="button primary" type="submit">
                    "Vote"
                </button>
                <p class="consequence">"Sealed in the ledger with your name. Until the vote is decided you may vote again."</p>
            </form>
            <details class="fold no-print">
                <summary>"Stand back from this vote"</summary>
                <form class="form" method="post" action=format!("{base}/recuse")>
                    {why}
                    <button class="button" type="submit">
                        "Stand back"
                    </button>
                    <p class="consequence">"It cannot be taken back for this request."</p>
                </form>
            </details>
        }
    });
    view! {
        <article class="panel">
            <header>
                <h3>{panel.target.clone()}</h3>
            </header>
            <div class="in stack">
                <NoticeBox notice=panel.state />
                <Region label=format!("Votes, {}", panel.target)>
                    <table>
                        <thead>
                            <tr>
                                <th scope="col">"Member"</th>
                                <th scope="col">"Vote"</th>
                                <th scope="col">"Entry"</th>
                            </tr>
                        </thead>
                        <tbody>{members}</tbody>
                    </table>
                </Region>
                {ballot}
            </div>
        </article>
    }
    .into_any()
}

fn waiver_view(head: &VersionHead, waiver: WaiverRow) -> AnyView {
    let revoke = waiver.can_revoke.then(|| {
        let id = format!("revocation-{}", waiver.number);
        view! {
            <details class="fold more no-print">
                <summary>"End it now"</summary>
                <form class="form" method="post" action=format!("{}/waivers/{}/revoke", head.href(), waiver.number)>
                    {head.revision_field()}
                    <div class="field">
                        <label for=id.clone()>"Why"</label>
                        <textarea id=id name="revocation" rows="2" required></textarea>
                    </div>
                    <button class="button danger" type="submit">
                        "End the waiver"
                    </button>
                </form>
            </details>
        }
    });
    view! {
        <li id=format!("waiver-{}", waiver.number)>
            <span class="what">{format!("Waiver {}: {}", waiver.number, waiver.covers)}</span>
            <TagView tag=waiver.state />
            <span class="more">
                <span>"expires on " <WhenView when=waiver.expires.when /></span>
                <TagView tag=waiver.expires.tag />
                {waiver.about.into_iter().map(|words| view! { <span>{words}</span> }).collect_view()}
                <LinkView link=waiver.entry />
            </span>
            <p class="more prose"><b>"In its place: "</b>{waiver.control}</p>
            {revoke}
        </li>
    }
    .into_any()
}

fn grant_form(head: &VersionHead, form: WaiverForm, errors: Option<&ErrorSummary>) -> AnyView {
    let names = ["covers", "waiver_market", "requested_by", "control", "waiver_reason", "expires", "waiver_password"];
    let is_refused =
        errors.is_some_and(|errors| errors.items.iter().any(|item| names.contains(&item.field_id.as_str())));
    let fields = [
        Field::select("covers", "What it covers", form.covers),
        Field::select("waiver_market", "Market", form.markets),
        Field::area("control", "What stands in its place", 3).value(form.control).required(),
        Field::area("waiver_reason", "Why it is justified", 3).value(form.reason).required(),
        Field::select("requested_by", "Asked for by", form.requesters).hint("Your role stands above theirs."),
        Field::input("date", "expires", "Expires on").hint(form.limit).value(form.expires).required(),
        Field::password_again("waiver_password"),
    ]
    .into_iter()
    .map(|field| field.errors(errors).view())
    .collect_view();
    view! {
        <details class="fold no-print" open=is_refused>
            <summary>"Grant a waiver"</summary>
            <form class="form" method="post" action=format!("{}/waivers", head.href())>
                {head.revision_field()}
                {fields}
                <button class="button primary" type="submit">
                    "Grant the waiver"
                </button>
                <p class="consequence">
                    "It opens the gate at once and shuts it again by itself on the day it expires. Signatures on open requests go stale."
                </p>
            </form>
        </details>
    }
    .into_any()
}
