//! Registering a model.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{Choice, ErrorSummary, Field, Head, Link};

/// The form for a new model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelNewView {
    /// What was typed as registry name.
    pub name: String,
    /// What was typed as title.
    pub title: String,
    /// What was typed as purpose.
    pub purpose: String,
    /// Tiers, with what each means.
    pub tiers: Vec<Choice>,
    /// Sets of requirements in the policy, such as SR 11-7 or unregulated.
    pub profiles: Vec<Choice>,
    /// Markets of the policy.
    pub markets: Vec<Choice>,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

impl Page for ModelNewView {
    fn title(&self) -> String {
        "New model".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn crumbs(&self) -> Vec<Link> {
        vec![Link::new("Models", "/models")]
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        let fields = [
            Field::text("name", "Registry name")
                .hint("Letters, digits, dots, hyphens and underscores, such as credit-default. It becomes part of the model's address and cannot be changed.")
                .value(self.name)
                .required(),
            Field::text("title", "Title").hint("What people call it.").value(self.title).required(),
            Field::area("purpose", "Purpose", 4)
                .hint("What it decides, for whom, and what happens when it is wrong. The validator reads this first.")
                .value(self.purpose)
                .required(),
            Field::radios("tier", "Tier", self.tiers),
            Field::radios("profile", "Requirements", self.profiles),
            Field::checks("markets", "Markets", self.markets)
                .hint("Each market has its own track from Shadow on."),
        ]
        .into_iter()
        .map(|field| field.errors(errors).view())
        .collect_view();
        view! {
            <Head title="New model" lede="A model is what its versions have in common: a purpose, an owner, the rules it stands under." />
            <form class="form" method="post" action="/models">
                {fields}
                <div class="actions">
                    <button class="button primary" type="submit">
                        "Register the model"
                    </button>
                    <a href="/models">"Cancel"</a>
                </div>
            </form>
        }
        .into_any()
    }
}
