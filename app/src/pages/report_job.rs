//! A report in the making: how far it is, then where to fetch it. The page loads itself again until it is done, so a closed
//! tab loses nothing.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{Fact, Facts, Head, Link, Notice, NoticeBox};

/// A report that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportJobView {
    /// Its id.
    pub id: String,
    /// What kind of report, and about what.
    pub title: String,
    /// What was asked for, and when.
    pub facts: Vec<Fact>,
    /// How it stands.
    pub standing: Standing,
}

/// How a report stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// Under way: steps done, and steps in all or 0.
    Running(u64, u64),
    /// To be fetched.
    Done(Vec<Link>),
    /// It could not be made, or was withdrawn.
    Failed(Notice),
}

impl Page for ReportJobView {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Reports)
    }

    fn crumbs(&self) -> Vec<Link> {
        vec![Link::new("Reports", "/reports")]
    }

    fn reload_seconds(&self) -> Option<u32> {
        matches!(self.standing, Standing::Running(..)).then_some(2)
    }

    fn body(self) -> AnyView {
        let standing = match self.standing {
            Standing::Running(done, total) => {
                let words = match total {
                    0 => "In the making.".to_owned(),
                    total => format!("In the making: {done} of {total}."),
                };
                let bar = (total > 0).then(|| view! { <progress max=total.to_string() value=done.to_string() aria-label="Progress"></progress> });
                view! {
                    <div class="stack" role="status">
                        <p>{words} " This page loads itself again; it may be closed, the report is made all the same."</p>
                        {bar}
                    </div>
                }
                .into_any()
            }
            Standing::Done(links) => view! {
                <p class="cluster">
                    {links
                        .into_iter()
                        .map(|link| view! { <a class="button" href=link.href download>{link.label}</a> })
                        .collect_view()}
                </p>
            }
            .into_any(),
            Standing::Failed(notice) => view! { <NoticeBox notice /> }.into_any(),
        };
        view! {
            <Head title=self.title />
            {standing}
            <Facts facts=self.facts />
        }
        .into_any()
    }
}
