//! The reader's own account.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{ErrorSummary, Fact, Facts, Field, Head, Link, Section};

/// The reader's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// The reader's name.
    pub name: String,
    /// Address, team, roles, pseudonymous id, sessions.
    pub facts: Vec<Fact>,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

impl Page for AccountView {
    fn title(&self) -> String {
        "Your account".to_owned()
    }

    fn room(&self) -> Option<Room> {
        None
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        let current = Field::input("password", "current_password", "Current password")
            .autocomplete("current-password")
            .required()
            .errors(errors)
            .view();
        let new = Field::input("password", "new_password", "New password")
            .hint("At least 12 characters. Other sessions are signed out.")
            .autocomplete("new-password")
            .required()
            .errors(errors)
            .view();
        view! {
            <Head title=self.name lede="Your account." actions=vec![Link::new("Your API tokens", "/people/tokens")] />
            <div class="columns half">
                <Section id="facts" title="What is known of you">
                    <Facts facts=self.facts />
                </Section>
                <Section id="password" title="Change the password">
                    <form class="form" method="post" action="/account/password">
                        {current}
                        {new}
                        <button class="button primary" type="submit">
                            "Change the password"
                        </button>
                    </form>
                </Section>
            </div>
        }
        .into_any()
    }
}
