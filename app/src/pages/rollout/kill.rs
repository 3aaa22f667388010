//! The kill switch in use: its review and its lifting.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::RolloutView;
use crate::kit::{Fact, Facts, Field, Section};

/// The kill switch in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillPanel {
    /// Who, when, why, where to, how fast.
    pub facts: Vec<Fact>,
    /// Whether the reader may review it.
    pub can_review: bool,
    /// Whether it can be lifted now, by the reader.
    pub can_lift: bool,
}

pub(super) fn kill_panel(page: &RolloutView, kill: KillPanel) -> AnyView {
    let href = page.href();
    let review = kill.can_review.then(|| {
        let text = Field::area("review_text", "What the review found", 4)
            .value(page.typed("review_text"))
            .required()
            .errors(page.errors.as_ref())
            .view();
        let password = Field::password_again("review_password").errors(page.errors.as_ref()).view();
        view! {
            <form class="form" method="post" action=format!("{href}/kill/review")>
                {text}
                {password}
                <div class="actions">
                    <button class="button primary" type="submit" name="may_lift" value="yes">
                        "It may serve again"
                    </button>
                    <button class="button" type="submit" name="may_lift" value="no">
                        "It stays off"
                    </button>
                </div>
            </form>
        }
    });
    let lift = kill.can_lift.then(|| {
        let reason = page.reason("lift_reason", "Why now");
        view! {
            <form class="form" method="post" action=format!("{href}/kill/lift")>
                {reason}
                <button class="button primary" type="submit">
                    "Lift the kill switch"
                </button>
                <p class="consequence">"Traffic goes back to where it was when the switch was used; a rollout walks its step anew."</p>
            </form>
        }
    });
    view! {
        <Section id="kill" title="The kill switch is in use">
            <div class="panel mark">
                <div class="in stack">
                    <Facts facts=kill.facts />
                    {review}
                    {lift}
                </div>
            </div>
        </Section>
    }
    .into_any()
}
