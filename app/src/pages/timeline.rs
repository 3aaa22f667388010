//! All that happened to a version.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Page, Room,
    version_head::{Tab, VersionHead},
};
use crate::kit::{Choice, Empty, Entry, Field, Link, Pager, Timeline};

/// A version's timeline, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineView {
    /// The shared head.
    pub head: VersionHead,
    /// Kinds of event to choose from; the first is "any".
    pub kinds: Vec<Choice>,
    /// Actors to choose from; the first is "anyone".
    pub actors: Vec<Choice>,
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where this page stands.
    pub pager: Pager,
}

impl Page for TimelineView {
    fn title(&self) -> String {
        self.head.page_title(Tab::Timeline)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn crumbs(&self) -> Vec<Link> {
        self.head.crumbs()
    }

    fn body(self) -> AnyView {
        let head = self.head;
        let kind = Field::select("kind", "Event", self.kinds).view();
        let actor = Field::select("actor", "Actor", self.actors).view();
        let entries = if self.entries.is_empty() {
            view! { <Empty title="No entry matches" hint="Take a filter away." /> }.into_any()
        } else {
            view! { <Timeline entries=self.entries /> }.into_any()
        };
        view! {
            {head.view(Tab::Timeline)}
            <form class="filters" method="get" action=format!("{}/timeline", head.href()) aria-label="Timeline">
                {kind}
                {actor}
                <button class="button" type="submit">
                    "Apply"
                </button>
            </form>
            <section aria-labelledby="entries-heading">
                <h2 class="hidden-visually" id="entries-heading">
                    "Entries"
                </h2>
                {entries}
                {self.pager.view()}
            </section>
        }
        .into_any()
    }
}
