//! The published split of a canary: which arm a user is in, for whoever wants to check.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{Choice, ErrorSummary, Fact, Facts, Field, Head, Link, Section};

/// The split of a version's canaries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitView {
    /// The model's registry name.
    pub model: String,
    /// The version's number.
    pub version: u32,
    /// The model's markets.
    pub markets: Vec<Choice>,
    /// The user id as typed, where the form comes back with something to mend; else empty.
    pub user: String,
    /// Share of the challenger as typed, in percent; empty for the policy's.
    pub percent: String,
    /// The user's bucket and arm, where one was asked for. The user id itself is not shown beside it.
    pub answer: Vec<Fact>,
    /// Why nothing can be told.
    pub errors: Option<ErrorSummary>,
}

impl Page for SplitView {
    fn title(&self) -> String {
        format!("Split of {} v{}", self.model, self.version)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn crumbs(&self) -> Vec<Link> {
        vec![
            Link::new("Models", "/models"),
            Link::new(self.model.clone(), format!("/models/{}", self.model)),
            Link::new(
                format!("v{}", self.version),
                format!("/models/{}/versions/{}/evidence", self.model, self.version),
            ),
        ]
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        let action = format!("/models/{}/versions/{}/split", self.model, self.version);
        let market = Field::select("market", "Market", self.markets).errors(errors).view();
        let user = Field::text("user", "User id")
            .hint("As the serving system writes it. It is hashed here and kept nowhere.")
            .value(self.user)
            .errors(errors)
            .required()
            .view();
        let percent = Field::text("percent", "Challenger's share in percent")
            .hint("Left empty: the share at which the policy starts a canary.")
            .value(self.percent)
            .errors(errors)
            .view();
        let answer = (!self.answer.is_empty()).then(|| {
            view! {
                <Section id="answer" title="Answer">
                    <Facts facts=self.answer />
                </Section>
            }
        });
        view! {
            <Head title=format!("Who answers a user of {} v{}", self.model, self.version) lede="A user's bucket is the first 8 bytes of SHA-256(salt, user id), read as a big-endian number, modulo 10,000. Buckets below the challenger's share are the challenger's." />
            {answer}
            <form class="form no-print" method="post" action=action>
                {market}
                {user}
                {percent}
                <button class="button primary" type="submit">
                    "Check"
                </button>
            </form>
        }
        .into_any()
    }
}
