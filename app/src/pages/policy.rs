//! The policy: the version in force, what changed between versions, and adopting another one.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{
    Choice, Empty, ErrorSummary, Fact, Facts, Field, Head, Link, LinkView, Region, Section, Tag, TagView, When,
    WhenView,
};

/// The policy and its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyView {
    /// Title, digest, since when, by whom, by which entry.
    pub facts: Vec<Fact>,
    /// The markets in force: code, name, days in Shadow, days in Canary, days of warm standby, its own sign-offs.
    pub markets: Vec<[String; 6]>,
    /// Versions, newest first.
    pub versions: Vec<PolicyVersionRow>,
    /// Versions to compare from, and to.
    pub compare: (Vec<Choice>, Vec<Choice>),
    /// What changed between the two versions in the address.
    pub diff: Option<PolicyDiff>,
    /// The text of the version in the address, else of the one in force.
    pub text: (String, String),
    /// The form, where the reader may adopt a policy.
    pub adopt: Option<AdoptForm>,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersionRow {
    /// Such as "Version 3", leading to its text.
    pub version: Link,
    /// What people call it.
    pub title: String,
    /// When it was adopted.
    pub when: When,
    /// By whom.
    pub who: String,
    /// By which entry.
    pub entry: Link,
    /// What it changed: a link to the comparison with the one before.
    pub changes: Option<Link>,
    /// Whether it is in force.
    pub in_force: bool,
}

/// What differs between two policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyDiff {
    /// Such as "From version 2 to version 3".
    pub title: String,
    /// The changes, numbers first.
    pub changes: Vec<PolicyDiffRow>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyDiffRow {
    /// Where.
    pub path: String,
    /// What stood there.
    pub before: Option<String>,
    /// What stands there.
    pub after: Option<String>,
    /// Such as "number".
    pub tag: Option<Tag>,
}

/// The form for another policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptForm {
    /// The text as typed.
    pub text: String,
    /// What adopting it would change, once it was looked at.
    pub preview: Option<PolicyDiff>,
}

impl Page for PolicyView {
    fn title(&self) -> String {
        "Policy".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Policy)
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        // One version has nothing to be compared with.
        let compare = (self.versions.len() > 1).then(|| {
            let from = Field::select("a", "From", self.compare.0).view();
            let to = Field::select("b", "To", self.compare.1).view();
            view! {
                <form class="filters" method="get" action="/policy" aria-label="Compare two versions">
                    {from}
                    {to}
                    <button class="button" type="submit">
                        "Compare"
                    </button>
                </form>
            }
        });
        let adopt = self.adopt.map(|form| adopt_form(form, errors));
        let (text_title, text) = self.text;
        let diff = self.diff.map(|diff| {
            view! {
                <Section id="diff" title=diff.title.clone() about="Changed numbers first.">
                    {changes_view(diff)}
                </Section>
            }
        });
        view! {
            <Head title="Policy" lede="Every number in a rule comes from here. A policy is adopted as a whole; every version stays in the ledger." />
            {diff}
            <div class="columns side">
                <div class="stack-l">
                    <Section id="markets" title="Markets" about="A market is added by a policy that names it; nothing else is needed.">
                        {markets_view(self.markets)}
                    </Section>
                    <Section id="versions" title="Versions">
                        {versions_view(self.versions)}
                        {compare}
                    </Section>
                </div>
                <aside aria-labelledby="force-heading" class="stack">
                    <h2 id="force-heading">"In force"</h2>
                    <Facts facts=self.facts />
                </aside>
            </div>
            {adopt}
            <Section id="text" title=text_title>
                <details class="fold">
                    <summary>"Show the text"</summary>
                    <pre class="code" tabindex="0" role="region" aria-label="The text of the policy">
                        <code>{text}</code>
                    </pre>
                </details>
            </Section>
        }
        .into_any()
    }
}

fn markets_view(markets: Vec<[String; 6]>) -> AnyView {
    let rows = markets
        .into_iter()
        .map(|[code, title, shadow, canary, standby, signs]| {
            view! {
                <tr>
                    <th scope="row">{code} <span class="sub">{title}</span></th>
                    <td class="num">{shadow}</td>
                    <td class="num">{canary}</td>
                    <td class="num">{standby}</td>
                    <td>{signs}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Region label="Markets">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Market"</th>
                        <th scope="col" class="num">"Days in Shadow"</th>
                        <th scope="col" class="num">"Days in Canary"</th>
                        <th scope="col" class="num">"Days of standby"</th>
                        <th scope="col">"Signs beside the profile"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </Region>
    }
    .into_any()
}

fn versions_view(versions: Vec<PolicyVersionRow>) -> AnyView {
    let rows = versions
        .into_iter()
        .map(|row| {
            view! {
                <tr>
                    <th scope="row">
                        <LinkView link=row.version />
                        <span class="sub">{row.title}</span>
                    </th>
                    <td>
                        <WhenView when=row.when />
                        <span class="sub">
                            <LinkView link=row.entry />
                        </span>
                    </td>
                    <td>{row.who}</td>
                    <td>
                        {row.changes.map(|link| view! { <LinkView link /> })}
                        {row.in_force.then(|| view! { <TagView tag=Tag::new(crate::kit::Tone::Good, "in force") /> })}
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Region label="Versions of the policy">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Version"</th>
                        <th scope="col">"Adopted"</th>
                        <th scope="col">"By"</th>
                        <th scope="col">"Changes"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </Region>
    }
    .into_any()
}

fn changes_view(diff: PolicyDiff) -> AnyView {
    if diff.changes.is_empty() {
        return view! { <Empty title="Nothing differs" hint="Comments and spacing may; the rules do not." /> }
            .into_any();
    }
    let rows = diff
        .changes
        .into_iter()
        .map(|change| {
            let cell = |value: Option<String>| match value {
                Some(value) => view! { <span>{value}</span> }.into_any(),
                None => view! { <span class="quiet">"not there"</span> }.into_any(),
            };
            view! {
                <tr>
                    <th scope="row">
                        <code>{change.path}</code>
                        {change.tag.map(|tag| view! { " " <TagView tag /> })}
                    </th>
                    <td>{cell(change.before)}</td>
                    <td>{cell(change.after)}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Region label=diff.title>
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Place"</th>
                        <th scope="col">"Before"</th>
                        <th scope="col">"After"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </Region>
    }
    .into_any()
}

fn adopt_form(form: AdoptForm, errors: Option<&ErrorSummary>) -> AnyView {
    let text = Field::code("toml", "Policy (TOML)")
        .hint("Change a copy of the text below, or choose a file instead.")
        .value(form.text)
        .errors(errors)
        .view();
    let file = Field::input("file", "toml_file", "Or a file").accept(".toml,text/plain").errors(errors).view();
    // Needed to adopt, not to look, so no browser insists on it.
    let password = Field::input("password", "password", "Your password")
        .hint("Asked again to adopt; only to look, leave it empty.")
        .autocomplete("current-password")
        .errors(errors)
        .view();
    let preview = form.preview.map(|diff| {
        view! {
            <div class="stack">
                <h3>{diff.title.clone()}</h3>
                {changes_view(diff)}
            </div>
        }
    });
    view! {
        <Section id="adopt" title="Adopt another policy">
            {preview}
            <form class="form" method="post" action="/policy" enctype="multipart/form-data">
                {text}
                {file}
                {password}
                <div class="actions">
                    <button class="button" type="submit" name="act" value="look">
                        "See what would change"
                    </button>
                    <button class="button primary" type="submit" name="act" value="adopt">
                        "Adopt"
                    </button>
                </div>
                <p class="consequence">
                    "It counts from its entry on, for every open request too: signatures given under the version before go stale."
                </p>
            </form>
        </Section>
    }
    .into_any()
}
