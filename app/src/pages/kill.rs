//! The second step of the kill switch: where to, in which markets, and why.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{Choice, ErrorSummary, Field, Head, Link};

/// What is about to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillView {
    /// The model.
    pub model: String,
    /// The market from which it was opened.
    pub market: String,
    /// Where traffic can go.
    pub targets: Vec<Choice>,
    /// This market, or all of them.
    pub scopes: Vec<Choice>,
    /// What was typed as reason.
    pub reason: String,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

impl Page for KillView {
    fn title(&self) -> String {
        format!("Kill switch: {} in {}", self.model, self.market)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Rollouts)
    }

    fn crumbs(&self) -> Vec<Link> {
        let place = format!("/rollouts/{}/{}", self.model, self.market);
        vec![Link::new("Rollouts", "/rollouts"), Link::new(format!("{} in {}", self.model, self.market), place)]
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let title = self.title();
        let errors = self.errors.as_ref();
        let place = format!("/rollouts/{}/{}", self.model, self.market);
        let action = format!("{place}/kill");
        let target = Field::radios("to", "Where everybody goes", self.targets.clone()).wide().errors(errors).view();
        let scope = Field::radios("scope", "Where", self.scopes.clone()).wide().errors(errors).view();
        let reason = Field::area("reason", "Why", 3)
            .hint("One sentence is enough; the review asks the rest.")
            .value(self.reason.clone())
            .required()
            .errors(errors)
            .view();
        view! {
            <Head title=title lede="This takes effect at once and waits for nobody. It is sealed with your name, and somebody else reviews it." />
            <form class="form panel mark" method="post" action=action>
                <div class="in form">
                    {target}
                    {scope}
                    {reason}
                    <div class="actions">
                        <button class="button danger" type="submit">
                            "Switch off now"
                        </button>
                        <a href=place>"Do nothing"</a>
                    </div>
                    <p class="consequence">
                        "Rollouts stop, shadows get no traffic, and nothing enters this market until the switch is reviewed and lifted."
                    </p>
                </div>
            </form>
        }
        .into_any()
    }
}
