//! The head that all pages of one version share: what it is, where it stands, its tabs.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::kit::{Link, Tag, TagView};

/// What every page of a version says at its top.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionHead {
    /// The model's registry name.
    pub model: String,
    /// The model's title.
    pub model_title: String,
    /// The version's number.
    pub number: u32,
    /// Where it stands: one status for the shared stages, one for each market from Shadow on ("EU Canary").
    pub standings: Vec<Tag>,
    /// Such as "Tier 1" and "regulated".
    pub labels: Vec<String>,
    /// The aggregate's revision, sent back with every form.
    pub revision: u64,
    /// How many pieces of evidence there are.
    pub evidence_count: u32,
    /// How many findings are open.
    pub open_findings: u32,
    /// A request that the reader can sign now, if there is one: its address.
    pub sign_href: Option<String>,
    /// Address of live updates, without which the page shows none.
    pub events_href: Option<String>,
}

/// The pages of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// What it is, where it stands, what is missing.
    Overview,
    /// What it was made of.
    Lineage,
    /// What was measured.
    Evidence,
    /// What the validator found.
    Validation,
    /// What happened.
    Timeline,
}

impl Tab {
    const ALL: [Self; 5] = [Self::Overview, Self::Lineage, Self::Evidence, Self::Validation, Self::Timeline];

    /// The tab's name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Lineage => "Lineage",
            Self::Evidence => "Evidence",
            Self::Validation => "Validation",
            Self::Timeline => "Timeline",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Lineage => "/lineage",
            Self::Evidence => "/evidence",
            Self::Validation => "/validation",
            Self::Timeline => "/timeline",
        }
    }
}

impl VersionHead {
    /// The version's address.
    pub fn href(&self) -> String {
        format!("/models/{}/versions/{}", self.model, self.number)
    }

    /// The version in words: "credit-default v4".
    pub fn name(&self) -> String {
        format!("{} v{}", self.model, self.number)
    }

    /// A document title for one of the version's pages.
    pub(super) fn page_title(&self, tab: Tab) -> String {
        match tab {
            Tab::Overview => self.name(),
            other => format!("{}, {}", other.title(), self.name()),
        }
    }

    /// The way up from a tab.
    pub(super) fn crumbs(&self) -> Vec<Link> {
        vec![Link::new("Models", "/models"), Link::new(self.model.clone(), format!("/models/{}", self.model))]
    }

    /// The way up from a page below the version.
    pub(super) fn crumbs_below(&self) -> Vec<Link> {
        let mut crumbs = self.crumbs();
        crumbs.push(Link::new(format!("v{}", self.number), self.href()));
        crumbs
    }

    /// A hidden field with the revision that the reader saw.
    pub(super) fn revision_field(&self) -> impl IntoView + use<> {
        view! { <input type="hidden" name="revision" value=self.revision.to_string() /> }
    }

    /// The polite region in which `page.js` says what was sealed about this version since the page was made.
    pub(super) fn live(&self) -> impl IntoView + use<> {
        self.events_href
            .clone()
            .map(|source| view! { <div class="live no-print" role="status" aria-live="polite" data-live=source></div> })
    }

    /// The head as markup, on `tab`.
    pub(super) fn view(&self, tab: Tab) -> AnyView {
        let base = self.href();
        let tabs = Tab::ALL
            .into_iter()
            .map(|target| {
                let count = match target {
                    Tab::Evidence => self.evidence_count,
                    Tab::Validation => self.open_findings,
                    _ => 0,
                };
                let meaning = match (target == Tab::Validation, count) {
                    (true, 1) => " open finding",
                    (true, _) => " open findings",
                    (false, 1) => " file",
                    (false, _) => " files",
                };
                let current = (target == tab).then_some("page");
                view! {
                    <li>
                        <a href=format!("{base}{}", target.path()) aria-current=current>
                            {target.title()}
                            {(count > 0)
                                .then(|| {
                                    view! {
                                        <span class="count">
                                            {count} <span class="hidden-visually">{meaning}</span>
                                        </span>
                                    }
                                })}
                        </a>
                    </li>
                }
            })
            .collect_view();
        let live = self.live();
        view! {
            <div class="page-head tabbed">
                <div class="row">
                    <h1>{self.model.clone()} " " <span class="of">{format!("v{}", self.number)}</span></h1>
                    {self
                        .sign_href
                        .clone()
                        .map(|href| {
                            view! {
                                <a class="button primary" href=href>
                                    "Review and sign"
                                </a>
                            }
                        })}
                </div>
                <div class="meta">
                    {self.standings.iter().cloned().map(|tag| view! { <TagView tag /> }).collect_view()}
                    <span>{self.model_title.clone()}</span>
                    {self
                        .labels
                        .iter()
                        .map(|label| view! { <span class="pill">{label.clone()}</span> })
                        .collect_view()}
                </div>
                <nav class="tabs" aria-label="Version">
                    <ul role="list">{tabs}</ul>
                </nav>
            </div>
            {live}
        }
        .into_any()
    }
}
