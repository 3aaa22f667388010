//! The document around every page, and how a page becomes HTML.

use std::sync::Arc;

use hydration_context::SsrSharedContext;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    kit::{ErrorSummary, Link, Notice, NoticeBox, Summary, value::Digest},
    pages::{Page, Room},
};

/// Light, dark, or as the reader's system is set. Kept in the cookie `theme`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// Light.
    Light,
    /// Dark.
    Dark,
    /// As the system is set.
    #[default]
    Auto,
}

impl Theme {
    const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// The word in the cookie and the form.
    pub fn id(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::Auto => "auto",
        }
    }

    /// The theme that `text` names; [`Theme::Auto`] for anything else.
    pub fn from_id(text: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.id() == text).unwrap_or_default()
    }

    fn title(self) -> &'static str {
        match self {
            Self::Light => "Light",
            Self::Dark => "Dark",
            Self::Auto => "System",
        }
    }
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The person's name.
    pub name: String,
    /// The roles in words: "MRM validator, Auditor".
    pub roles: String,
    /// How many items wait in the inbox.
    pub inbox: u32,
}

/// The newest checkpoint of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointBadge {
    /// Entries under it.
    pub size: u64,
    /// Root of the tree.
    pub root: Digest,
}

/// What a document holds beside its page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shell {
    /// The nonce of this answer's Content-Security-Policy.
    pub nonce: String,
    /// Path and query of this page, to come back to after changing the theme.
    pub path: String,
    /// Who is signed in, if anyone.
    pub user: Option<User>,
    /// The reader's theme.
    pub theme: Theme,
    /// Whether demo accounts exist.
    pub is_demo: bool,
    /// The newest checkpoint, if there are entries.
    pub checkpoint: Option<CheckpointBadge>,
    /// Appended to the addresses of style sheet and scripts, so that they can be cached for good.
    pub assets: String,
    /// The program's version.
    pub version: String,
    /// What the last action did, shown above the page.
    pub notice: Option<Notice>,
}

/// One HTML document.
pub fn render(shell: &Shell, page: impl Page) -> String {
    let owner = Owner::new_root(Some(Arc::new(SsrSharedContext::new_islands())));
    let html = owner.with(|| document(shell, page).to_html());
    // The owner holds what the page's reactive values allocated; nothing of it outlives the answer.
    owner.unset();
    format!("<!DOCTYPE html>{html}")
}

fn document(shell: &Shell, page: impl Page) -> AnyView {
    let errors = page.errors().cloned();
    let heading = page.title();
    let title = match &errors {
        Some(_) => format!("Error: {heading} · Countersign"),
        None => format!("{heading} · Countersign"),
    };
    let room = page.room();
    let crumbs = page.crumbs();
    let has_island = page.has_island();
    let reload = page.reload_seconds();
    let theme = (shell.theme != Theme::Auto).then_some(shell.theme.id());
    let asset = |name: &str| format!("{name}?v={}", shell.assets);
    let boot = has_island.then(|| {
        let address = asset("/boot.js");
        let nonce = shell.nonce.clone();
        view! { <script type="module" src=address nonce=nonce data-assets=shell.assets.clone()></script> }
    });
    view! {
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <title>{title}</title>
                {reload.map(|seconds| view! { <meta http-equiv="refresh" content=seconds.to_string() /> })}
                <link rel="stylesheet" href=asset("/style.css") />
                <link rel="icon" href=asset("/icon.svg") type="image/svg+xml" />
                <script src=asset("/page.js") nonce=shell.nonce.clone() defer></script>
                {boot}
            </head>
            <body>
                <a class="skip" href="#main">"Skip to content"</a>
                {shell.is_demo.then(demo_bar)}
                {header(shell.user.clone(), room)}
                <main id="main" tabindex="-1">
                    {main_top(crumbs, shell.notice.clone(), errors)}
                    {page.body()}
                </main>
                {footer(shell)}
            </body>
        </html>
    }
    .into_any()
}

fn main_top(crumbs: Vec<Link>, notice: Option<Notice>, errors: Option<ErrorSummary>) -> AnyView {
    view! {
        {(!crumbs.is_empty())
            .then(|| {
                view! {
                    <nav class="crumbs" aria-label="Breadcrumb">
                        <ol role="list">
                            {crumbs
                                .into_iter()
                                .map(|crumb| {
                                    view! {
                                        <li>
                                            <a href=crumb.href>{crumb.label}</a>
                                        </li>
                                    }
                                })
                                .collect_view()}
                        </ol>
                    </nav>
                }
            })}
        <Summary errors />
        {notice.map(|notice| view! { <div role="status"><NoticeBox notice /></div> })}
    }
    .into_any()
}

fn demo_bar() -> impl IntoView {
    view! {
        <aside class="demo-bar" aria-label="Demonstration">
            <p>
                <strong>"Demonstration."</strong>
                " Its accounts have published passwords and its records are invented. Do not put real models in it."
            </p>
        </aside>
    }
}

/// Two strokes on a line: signed, and countersigned.
fn mark() -> impl IntoView {
    view! {
        <svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true" focusable="false">
            <path
                d="M5 14.5 9.5 3.5M11.5 14.5 16 3.5"
                fill="none"
                stroke="currentColor"
                stroke-width="2.6"
                stroke-linecap="round"
            />
            <path d="M2 18.25h18M2 20.75h18" fill="none" stroke="currentColor" stroke-width="1.1" />
        </svg>
    }
}

fn header(user: Option<User>, room: Option<Room>) -> AnyView {
    let nav = user.as_ref().map(|user| {
        let inbox = user.inbox;
        view! {
            <nav class="main-nav" aria-label="Main">
                <ul role="list">
                    {Room::ALL
                        .into_iter()
                        .map(|target| {
                            let current = (room == Some(target)).then_some("true");
                            let count = (target == Room::Inbox && inbox > 0)
                                .then(|| {
                                    view! {
                                        <span class="count">
                                            {inbox} <span class="hidden-visually">" waiting"</span>
                                        </span>
                                    }
                                });
                            view! {
                                <li>
                                    <a href=target.href() aria-current=current>
                                        {target.title()}
                                        {count}
                                    </a>
                                </li>
                            }
                        })
                        .collect_view()}
                </ul>
            </nav>
        }
    });
    let me = user.map(|user| {
        view! {
            <div class="me">
                <a href="/account" title=user.roles.clone()>{user.name}</a>
                <span class="who">{user.roles}</span>
                <form method="post" action="/sign-out">
                    <button class="linklike" type="submit">"Sign out"</button>
                </form>
            </div>
        }
    });
    view! {
        <header class="top">
            <div class="top-in">
                <a class="brand" href="/">
                    {mark()}
                    "Countersign"
                </a>
                {nav}
                {me}
            </div>
        </header>
    }
    .into_any()
}

fn footer(shell: &Shell) -> AnyView {
    let checkpoint = shell.checkpoint.clone().map(|checkpoint| {
        view! {
            <p id="ledger-size" data-entries=checkpoint.size.to_string()>
                "Ledger at "
                <a href="/ledger">{if checkpoint.size == 1 { "1 entry".to_owned() } else { format!("{} entries", grouped(checkpoint.size)) }}</a>
                ", root "
                <code title=checkpoint.root.0.clone()>{checkpoint.root.short().to_owned()}</code>
            </p>
        }
    });
    let theme = shell.theme;
    let back = shell.path.clone();
    view! {
        <footer class="foot">
            <div class="foot-in">
                <div>{checkpoint}</div>
                <nav aria-label="Help">
                    <span class="cluster">
                        <a href="/docs/api">"API reference"</a>
                        <span>{format!("Countersign {}", shell.version)}</span>
                    </span>
                </nav>
                <form class="theme" method="post" action="/theme">
                    <input type="hidden" name="back" value=back />
                    <span id="theme-label">"Theme"</span>
                    {Theme::ALL
                        .into_iter()
                        .map(|choice| {
                            view! {
                                <button
                                    type="submit"
                                    name="theme"
                                    value=choice.id()
                                    aria-pressed=if choice == theme { "true" } else { "false" }
                                >
                                    {choice.title()}
                                </button>
                            }
                        })
                        .collect_view()}
                </form>
            </div>
        </footer>
    }
    .into_any()
}

/// A number with thousands set apart: `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"].map(str::to_owned));
    }
}
