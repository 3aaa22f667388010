//! What frames a page's content: its head, sections, notices, empty states.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    glyph::Glyph,
    value::{Link, Tone},
};

/// A page's head: heading, a sentence under it, actions beside it, and what else stands there as children.
#[component]
pub fn Head(
    /// The heading.
    #[prop(into)]
    title: String,
    /// One sentence that says what the page answers.
    #[prop(optional, into)]
    lede: Option<String>,
    /// Links beside the heading; the first is the chief one.
    #[prop(optional)]
    actions: Vec<Link>,
    /// What stands under the sentence.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="page-head">
            <div class="row">
                <h1>{title}</h1>
                <Actions links=actions />
            </div>
            {lede.map(|lede| view! { <p class="lede">{lede}</p> })}
            {children.map(|children| children())}
        </div>
    }
}

/// Links that look like buttons; the first is the chief one.
#[component]
pub fn Actions(
    /// The links.
    links: Vec<Link>,
) -> impl IntoView {
    (!links.is_empty()).then(|| {
        view! {
            <div class="actions">
                {links
                    .into_iter()
                    .enumerate()
                    .map(|(index, link)| {
                        let class = if index == 0 { "button primary" } else { "button" };
                        view! { <a class=class href=link.href>{link.label}</a> }
                    })
                    .collect_view()}
            </div>
        }
    })
}

/// A section with its heading.
#[component]
pub fn Section(
    /// The anchor, unique on the page.
    #[prop(into)]
    id: String,
    /// The heading.
    #[prop(into)]
    title: String,
    /// One sentence under the heading.
    #[prop(optional, into)]
    about: Option<String>,
    /// A place to see more.
    #[prop(optional, into)]
    more: Option<Link>,
    /// The content.
    children: Children,
) -> impl IntoView {
    let heading = format!("{id}-heading");
    view! {
        <section id=id aria-labelledby=heading>
            <div class="section-head">
                <h2 id=heading.clone()>{title}</h2>
                {more.map(|more| view! { <a href=more.href>{more.label}</a> })}
                {about.map(|about| view! { <p>{about}</p> })}
            </div>
            {children()}
        </section>
    }
}

/// Something to know before going on: what happened, what it means, what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// How grave.
    pub tone: Tone,
    /// One sentence.
    pub title: String,
    /// More sentences.
    pub body: Vec<String>,
    /// Where to go.
    pub links: Vec<Link>,
}

impl Notice {
    /// A notice of one sentence.
    pub fn new(tone: Tone, title: impl Into<String>) -> Self {
        Self { tone, title: title.into(), body: Vec::new(), links: Vec::new() }
    }

    /// The notice with another sentence.
    #[must_use]
    pub fn with_body(mut self, sentence: impl Into<String>) -> Self {
        self.body.push(sentence.into());
        self
    }

    /// The notice with a place to go.
    #[must_use]
    pub fn with_link(mut self, link: Link) -> Self {
        self.links.push(link);
        self
    }
}

/// A [`Notice`] as a box.
#[component]
pub fn NoticeBox(
    /// What to say.
    notice: Notice,
) -> impl IntoView {
    view! {
        <div class=format!("notice notice-{}", notice.tone.class())>
            <Glyph shape=notice.tone.shape() size=14 />
            <div class="body">
                <p class="strong">{notice.title}</p>
                {notice.body.into_iter().map(|sentence| view! { <p>{sentence}</p> }).collect_view()}
                {(!notice.links.is_empty())
                    .then(|| {
                        view! {
                            <p class="cluster">
                                {notice
                                    .links
                                    .into_iter()
                                    .map(|link| view! { <a href=link.href>{link.label}</a> })
                                    .collect_view()}
                            </p>
                        }
                    })}
            </div>
        </div>
    }
}

/// Nothing here yet, and how to fill it.
#[component]
pub fn Empty(
    /// What is not there.
    #[prop(into)]
    title: String,
    /// How to fill it.
    #[prop(into)]
    hint: String,
    /// Where to go.
    #[prop(optional_no_strip, into)]
    action: Option<Link>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <h2>{title}</h2>
            <p>{hint}</p>
            {action.map(|action| view! { <a class="button" href=action.href>{action.label}</a> })}
        </div>
    }
}
