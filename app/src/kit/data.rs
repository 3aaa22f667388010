//! What data tables need: a region that scrolls, headings that sort, links to the next page.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::value::Link;

/// Holds a wide table: scrolls sideways by itself, reachable by keyboard.
#[component]
pub fn Region(
    /// What the table shows; its accessible name.
    #[prop(into)]
    label: String,
    /// The table.
    children: Children,
) -> impl IntoView {
    // Named apart from the section around it, which often has the same heading.
    let mut name = label;
    name.insert_str(0, "Table: ");
    view! {
        <div class="scroll" role="region" tabindex="0" aria-label=name>
            {children()}
        </div>
    }
}

/// A column that can be sorted by following a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sort {
    /// The column's heading.
    pub label: String,
    /// Where sorting by it leads; the other direction if it is sorted by already.
    pub href: String,
    /// `Some(true)`: sorted by it ascending now; `Some(false)`: descending.
    pub ascending: Option<bool>,
}

/// The heading of a [`Sort`] column.
#[component]
pub fn SortHeading(
    /// The column.
    sort: Sort,
) -> impl IntoView {
    let (order, arrow) = match sort.ascending {
        Some(true) => (Some("ascending"), "↑"),
        Some(false) => (Some("descending"), "↓"),
        None => (None, ""),
    };
    view! {
        <th scope="col" aria-sort=order>
            <a class="sort" href=sort.href>
                {sort.label}
                <span aria-hidden="true">{arrow}</span>
            </a>
        </th>
    }
}

/// Where a page of a list stands among the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pager {
    /// Such as "1–50 of 1,204 models".
    pub summary: String,
    /// The first page, where this is not it.
    pub first: Option<String>,
    /// The next page.
    pub next: Option<String>,
}

impl Pager {
    /// The links and the sentence.
    pub fn view(self) -> impl IntoView {
        let links =
            [self.first.map(|href| Link::new("First page", href)), self.next.map(|href| Link::new("Next page", href))];
        let has_links = links.iter().any(Option::is_some);
        view! {
            <div class="pages">
                <span>{self.summary}</span>
                {has_links
                    .then(|| {
                        view! {
                            <nav aria-label="Pages">
                                <span class="cluster">
                                    {links
                                        .into_iter()
                                        .flatten()
                                        .map(|link| view! { <a class="button small" href=link.href>{link.label}</a> })
                                        .collect_view()}
                                </span>
                            </nav>
                        }
                    })}
            </div>
        }
    }
}
