//! Erasures of personal data, refused ones too, and legal holds.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Form, crumbs, fold, kept, names, sub_nav};
use crate::{
    kit::{Choice, Empty, Entry, ErrorSummary, Field, Head, Link, LinkView, Region, Section, Timeline, When, WhenView},
    pages::{Page, Room},
};

/// Erasures and holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasuresView {
    /// Holds in force.
    pub holds: Vec<HoldLine>,
    /// Erasures, performed and refused, newest first.
    pub entries: Vec<Entry>,
    /// The forms, where the reader decides.
    pub decide: Option<DecideForms>,
    /// Why a form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// A hold in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldLine {
    /// What it stands on.
    pub subject: Link,
    /// The same as forms write it.
    pub target: String,
    /// Its number there.
    pub number: u32,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: When,
}

/// What the privacy officer typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecideForms {
    /// What was typed into a form that was not accepted, by field.
    pub typed: Vec<(String, String)>,
    /// Grounds of Art. 17(1).
    pub grounds: Vec<Choice>,
    /// Whose data can be erased.
    pub erasable: Vec<Choice>,
    /// What a hold can be placed on.
    pub holdable: Vec<Choice>,
}

impl Page for ErasuresView {
    fn title(&self) -> String {
        "Erasures and holds".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Privacy)
    }

    fn crumbs(&self) -> Vec<Link> {
        crumbs(None)
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        let can_release = self.decide.is_some();
        let forms = self.decide.map(|forms| decide_forms(forms, errors));
        let holds = if self.holds.is_empty() {
            view! { <p class="quiet">"No legal hold is in force."</p> }.into_any()
        } else {
            let rows = self.holds.into_iter().map(|hold| hold_row(hold, can_release)).collect_view();
            view! {
                <Region label="Holds">
                    <table class="cards">
                        <thead>
                            <tr>
                                <th scope="col">"On"</th>
                                <th scope="col">"Why"</th>
                                <th scope="col">"Since"</th>
                                <th scope="col">
                                    <span class="hidden-visually">"Release"</span>
                                </th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </Region>
            }
            .into_any()
        };
        let entries = if self.entries.is_empty() {
            view! { <Empty title="Nothing was erased" hint="An erasure deletes value and salt from the vault; the entry says why." /> }
                .into_any()
        } else {
            view! { <Timeline entries=self.entries /> }.into_any()
        };
        view! {
            <Head title="Erasures and holds" lede="Personal data lie in the vault, outside the ledger. Erasing them leaves a commitment that nobody can open again; a legal hold refuses it.">
                {sub_nav("Erasures and holds")}
            </Head>
            <Section id="holds" title="Legal holds in force">{holds}</Section>
            {forms}
            <Section id="erasures" title="Erasures">{entries}</Section>
        }
        .into_any()
    }
}

fn hold_row(hold: HoldLine, can_release: bool) -> AnyView {
    let id = format!("release-{}-{}", hold.target.replace('/', "-"), hold.number);
    let release = can_release.then(|| {
        view! {
            <details class="fold no-print">
                <summary>"Release"</summary>
                <form class="stack" method="post" action="/privacy/holds/release">
                    <input type="hidden" name="target" value=hold.target />
                    <input type="hidden" name="hold" value=hold.number.to_string() />
                    <div class="field">
                        <label for=id.clone()>"Why"</label>
                        <input type="text" id=id name="release_reason" required />
                    </div>
                    <button class="button small" type="submit">
                        "Release the hold"
                    </button>
                </form>
            </details>
        }
    });
    view! {
        <tr>
            <th scope="row">
                <LinkView link=hold.subject />
            </th>
            <td data-label="Why">{hold.reason}</td>
            <td data-label="Since" class="nowrap">
                <WhenView when=hold.since />
            </td>
            <td>{release}</td>
        </tr>
    }
    .into_any()
}

fn decide_forms(forms: DecideForms, errors: Option<&ErrorSummary>) -> AnyView {
    let hold = Form {
        action: "/privacy/holds".to_owned(),
        revision: None,
        button: "Place a legal hold",
        is_danger: false,
        consequence: "While it stands, an erasure is refused, and the refusal recorded.",
    };
    let hold = hold.view(
        vec![
            Field::select("hold_target", "On", forms.holdable).required(),
            Field::text("reason", "Why, without personal data").value(kept(&forms.typed, "reason")).required(),
        ],
        errors,
    );
    let erase = Form {
        action: "/privacy/erasures".to_owned(),
        revision: None,
        button: "Erase the personal data",
        is_danger: true,
        consequence: "Value and salt are deleted for good; an account\u{2019}s sign-in goes with them. Only disabled accounts and answered requests can be erased.",
    };
    let erase = erase.view(
        vec![
            Field::select("target", "Whose data", forms.erasable).required(),
            Field::select("basis", "Ground", forms.grounds),
            Field::text("note", "Note, without personal data").value(kept(&forms.typed, "note")),
        ],
        errors,
    );
    let hold = fold("Place a legal hold", names(errors, &["hold_target", "reason"]), hold);
    let erase = fold("Erase personal data", names(errors, &["target", "basis", "note"]), erase);
    view! { {hold} {erase} }.into_any()
}
