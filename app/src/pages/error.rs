//! Something could not be shown or done: what, why, what to do.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{Head, Link, Requirement, Section, Tasks};

/// A page that stands for an HTTP error or a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorView {
    /// The HTTP status.
    pub status: u16,
    /// Such as "There is no version 9 of credit-default".
    pub title: String,
    /// What it means, in a sentence; for a refusal the rule's own.
    pub sentence: String,
    /// What to do next.
    pub advice: String,
    /// What is missing, one by one; for a refusal.
    pub missing: Vec<Requirement>,
    /// Places to go.
    pub links: Vec<Link>,
    /// The request's id, to find it in the server's log.
    pub request_id: Option<String>,
}

impl Page for ErrorView {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn room(&self) -> Option<Room> {
        None
    }

    fn body(self) -> AnyView {
        let missing = (!self.missing.is_empty()).then(|| {
            view! {
                <Section id="missing" title="What is missing">
                    <Tasks requirements=self.missing />
                </Section>
            }
        });
        view! {
            <Head title=self.title lede=self.sentence>
                <p>{self.advice}</p>
            </Head>
            {missing}
            <div class="stack">
                <p class="cluster">
                    {self.links.into_iter().map(|link| view! { <a href=link.href>{link.label}</a> }).collect_view()}
                </p>
                <p class="quiet small">
                    {format!("HTTP status {}", self.status)}
                    {self.request_id.map(|id| view! { ", request " <code>{id}</code> })}
                </p>
            </div>
        }
        .into_any()
    }
}
