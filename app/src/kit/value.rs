//! Times, digests, statuses, links and facts, and how they look.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::glyph::{Glyph, Shape};

/// A place to go, with the words to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The words.
    pub label: String,
    /// Where to, a path on this server.
    pub href: String,
}

impl Link {
    /// A link.
    pub fn new(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self { label: label.into(), href: href.into() }
    }
}

/// A [`Link`] as an anchor.
#[component]
pub fn LinkView(
    /// Where to.
    link: Link,
) -> impl IntoView {
    view! { <a href=link.href>{link.label}</a> }
}

/// An instant: RFC 3339 for machines, and as people read it, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    /// RFC 3339, such as `2026-11-23T11:25:49Z`.
    pub iso: String,
    /// Such as `23 Nov 2026, 11:25 UTC`, or only a date.
    pub text: String,
}

impl When {
    /// An instant.
    pub fn new(iso: impl Into<String>, text: impl Into<String>) -> Self {
        Self { iso: iso.into(), text: text.into() }
    }
}

/// A [`When`]; a script adds the reader's local time as the title.
#[component]
pub fn WhenView(
    /// The instant.
    when: When,
) -> impl IntoView {
    view! { <time datetime=when.iso>{when.text}</time> }
}

/// A date by which something is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// The date.
    pub when: When,
    /// Such as "12 days overdue" or "due in 3 days".
    pub tag: Tag,
}

/// What a status means for the reader; each has its own shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tone {
    /// Passed, met, closed, in force.
    Good,
    /// Needs attention: missing, stale, due soon.
    Warn,
    /// Failed, refused, overdue.
    Bad,
    /// Under way.
    Active,
    /// Not begun.
    Neutral,
    /// No longer in force: archived, withdrawn.
    Quiet,
    /// Serves: champion.
    Serving,
}

impl Tone {
    /// The shape beside the word.
    pub fn shape(self) -> Shape {
        match self {
            Self::Good => Shape::Done,
            Self::Warn => Shape::Triangle,
            Self::Bad => Shape::Cross,
            Self::Active => Shape::Half,
            Self::Neutral => Shape::Ring,
            Self::Quiet => Shape::Dash,
            Self::Serving => Shape::Diamond,
        }
    }

    /// The suffix of the CSS class.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Active | Self::Serving => "active",
            Self::Neutral => "neutral",
            Self::Quiet => "quiet",
        }
    }
}

/// A status: an adjective and its tone. Never clickable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The tone, which chooses shape and colour.
    pub tone: Tone,
    /// The word.
    pub word: String,
}

impl Tag {
    /// A status.
    pub fn new(tone: Tone, word: impl Into<String>) -> Self {
        Self { tone, word: word.into() }
    }
}

/// A [`Tag`] as word and shape.
#[component]
pub fn TagView(
    /// The status.
    tag: Tag,
) -> impl IntoView {
    view! {
        <span class=format!("tag tag-{}", tag.tone.class())>
            <Glyph shape=tag.tone.shape() />
            {tag.word}
        </span>
    }
}

/// A digest or commit in full, lower-case hexadecimal, with or without a `sha256:` in front.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest(pub String);

impl Digest {
    /// The digits without the algorithm's name.
    fn digits(&self) -> &str {
        self.0.rsplit_once(':').map_or(self.0.as_str(), |(_, digits)| digits)
    }

    /// The first twelve digits.
    pub fn short(&self) -> &str {
        let digits = self.digits();
        digits.get(..12).unwrap_or(digits)
    }

    fn rest(&self) -> &str {
        self.digits().get(12..).unwrap_or_default()
    }
}

/// A [`Digest`]: twelve digits, all of them on focus, in the title and on paper, and a copy button that a script
/// brings to life.
#[component]
pub fn DigestView(
    /// The digest.
    digest: Digest,
    /// Shows all digits at once.
    #[prop(optional)]
    full: bool,
) -> impl IntoView {
    let short = digest.short().to_owned();
    let rest = digest.rest().to_owned();
    let label = format!("Copy {short} in full");
    view! {
        <span class=if full { "digest full" } else { "digest" }>
            <code title=digest.0.clone() tabindex=(!full).then_some("0")>
                {short}
                <span class="rest">{rest}</span>
            </code>
            <button class="copy" type="button" data-copy=digest.0 aria-label=label hidden>
                <Glyph shape=Shape::Copy />
            </button>
        </span>
    }
}

/// What stands on the right of a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// Plain words.
    Text(String),
    /// Machine words: a path, a name in a file.
    Mono(String),
    /// A place to go.
    Link(Link),
    /// A digest.
    Digest(Digest),
    /// A status.
    Tag(Tag),
    /// An instant.
    When(When),
    /// A due date with its status.
    Due(Due),
    /// Several short words.
    List(Vec<String>),
    /// Several values side by side.
    Many(Vec<Value>),
    /// Not there, and in which words to say so.
    Missing(String),
}

impl Value {
    /// The value as markup.
    pub fn view(self) -> AnyView {
        match self {
            Self::Text(text) => text.into_any(),
            Self::Mono(text) => view! { <code>{text}</code> }.into_any(),
            Self::Link(link) => view! { <LinkView link /> }.into_any(),
            Self::Digest(digest) => view! { <DigestView digest /> }.into_any(),
            Self::Tag(tag) => view! { <TagView tag /> }.into_any(),
            Self::When(when) => view! { <WhenView when /> }.into_any(),
            Self::Due(due) => view! {
                <span class="cluster">
                    <WhenView when=due.when />
                    <TagView tag=due.tag />
                </span>
            }
            .into_any(),
            // Sentences stand beside each other, words with commas.
            Self::List(words) if words.iter().any(|word| word.ends_with('.')) => words.join(" ").into_any(),
            Self::List(words) => words.join(", ").into_any(),
            Self::Many(values) => view! {
                <span class="cluster">{values.into_iter().map(Self::view).collect_view()}</span>
            }
            .into_any(),
            Self::Missing(words) => view! { <span class="missing">{words}</span> }.into_any(),
        }
    }
}

/// One line of a list of facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// Its value.
    pub value: Value,
}

impl Fact {
    /// A fact.
    pub fn new(label: impl Into<String>, value: Value) -> Self {
        Self { label: label.into(), value }
    }

    /// A fact in plain words.
    pub fn text(label: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(label, Value::Text(text.into()))
    }
}

/// Facts as a description list.
#[component]
pub fn Facts(
    /// The facts, in order.
    facts: Vec<Fact>,
) -> impl IntoView {
    view! {
        <dl class="facts">
            {facts
                .into_iter()
                .map(|fact| {
                    view! {
                        <div>
                            <dt>{fact.label}</dt>
                            <dd>{fact.value.view()}</dd>
                        </div>
                    }
                })
                .collect_view()}
        </dl>
    }
}
