//! Registering a version.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{ErrorSummary, Field, Head, Link};

/// The form for a new version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionNewView {
    /// The model's registry name.
    pub model: String,
    /// The model's revision.
    pub revision: u64,
    /// The number that the version will get.
    pub number: u32,
    /// The lineage as typed, or a template to fill.
    pub lineage: String,
    /// What was typed as note.
    pub note: String,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

impl Page for VersionNewView {
    fn title(&self) -> String {
        format!("Register a version of {}", self.model)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn crumbs(&self) -> Vec<Link> {
        vec![Link::new("Models", "/models"), Link::new(self.model.clone(), format!("/models/{}", self.model))]
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let base = format!("/models/{}", self.model);
        let errors = self.errors.as_ref();
        let fields = lineage_fields(self.lineage, errors);
        let note = Field::area("note", "What is new", 3)
            .hint("In a sentence or two, for those who will read it.")
            .value(self.note)
            .errors(errors)
            .view();
        view! {
            <Head
                title=format!("Register v{} of {}", self.number, self.model)
                lede="Lineage may be incomplete now: the version's page then lists what is missing. It must be complete before the version leaves None."
            />
            <form class="form" method="post" action=format!("{base}/versions") enctype="multipart/form-data">
                <input type="hidden" name="revision" value=self.revision.to_string() />
                {fields}
                {note}
                <div class="actions">
                    <button class="button primary" type="submit">
                        "Register the version"
                    </button>
                    <a href=base.clone()>"Cancel"</a>
                </div>
                <p class="consequence">
                    "A registered version stays in the ledger for good. It can be archived, not removed."
                </p>
            </form>
        }
        .into_any()
    }
}

/// A file or a text area for lineage; the file goes first where both are given.
pub(super) fn lineage_fields(lineage: String, errors: Option<&ErrorSummary>) -> AnyView {
    let file = Field::input("file", "lineage_file", "Lineage file")
        .hint("JSON or YAML. Takes the place of the text below.")
        .accept(".json,.yaml,.yml,application/json")
        .errors(errors)
        .view();
    let text = Field::code("lineage", "Or lineage as text")
        .hint("JSON or YAML: code, data, model, features, hyperparameters, training, metrics, parents.")
        .value(lineage)
        .errors(errors)
        .view();
    view! {
        {file}
        {text}
    }
    .into_any()
}
