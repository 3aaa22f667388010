//! The reader's own API tokens.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room, people::secret_box};
use crate::kit::{Choice, Empty, ErrorSummary, Field, Head, Link, Region, Section, Tag, TagView, When, WhenView};

/// Tokens of the reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokensView {
    /// Whether the reader may see the list of accounts above this page.
    pub reads_accounts: bool,
    /// The tokens, newest first.
    pub tokens: Vec<TokenRow>,
    /// The secret of a token just issued: shown once.
    pub issued: Option<String>,
    /// What was typed as label.
    pub label: String,
    /// Scopes to choose from.
    pub scopes: Vec<Choice>,
    /// Lifetimes to choose from, in days.
    pub lifetimes: Vec<Choice>,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// One token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// Its id.
    pub id: String,
    /// What the reader calls it.
    pub label: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was issued.
    pub issued: When,
    /// When it ends.
    pub expires: When,
    /// Active, expired, revoked.
    pub state: Tag,
    /// Whether it can be revoked.
    pub can_revoke: bool,
}

impl Page for TokensView {
    fn title(&self) -> String {
        "Your API tokens".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::People)
    }

    fn crumbs(&self) -> Vec<Link> {
        if self.reads_accounts { vec![Link::new("People", "/people")] } else { Vec::new() }
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        let issued = self.issued.map(|secret| {
            secret_box(
                "The token has been issued.".to_owned(),
                "Copy it now: it is shown once and kept here only as a hash.".to_owned(),
                secret,
            )
        });
        let fields = [
            Field::text("label", "Label")
                .hint("Where it is used, such as nightly training.")
                .value(self.label)
                .required(),
            Field::checks("scopes", "Scopes", self.scopes).hint("Never more than your own roles allow."),
            Field::select("days", "Lifetime", self.lifetimes),
        ]
        .into_iter()
        .map(|field| field.errors(errors).view())
        .collect_view();
        let tokens = if self.tokens.is_empty() {
            view! { <Empty title="No tokens" hint="Issue one for a pipeline or for the command line." /> }.into_any()
        } else {
            table(self.tokens)
        };
        view! {
            <Head title="Your API tokens" lede="For pipelines and the command line. A token acts as you, within its scopes; a signature asks for your password all the same." />
            {issued}
            {tokens}
            <Section id="issue" title="Issue a token">
                <form class="form" method="post" action="/people/tokens">
                    {fields}
                    <button class="button primary" type="submit">
                        "Issue the token"
                    </button>
                </form>
            </Section>
        }
        .into_any()
    }
}

fn table(tokens: Vec<TokenRow>) -> AnyView {
    let rows = tokens
        .into_iter()
        .map(|token| {
            let revoke = token.can_revoke.then(|| {
                view! {
                    <form method="post" action=format!("/people/tokens/{}/revoke", token.id)>
                        <button class="button small danger" type="submit">
                            "Revoke"
                            <span class="hidden-visually">{format!(" {}", token.label)}</span>
                        </button>
                    </form>
                }
            });
            view! {
                <tr>
                    <th scope="row">{token.label.clone()}</th>
                    <td data-label="Scopes">{token.scopes.join(", ")}</td>
                    <td data-label="Issued" class="nowrap">
                        <WhenView when=token.issued />
                    </td>
                    <td data-label="Expires" class="nowrap">
                        <WhenView when=token.expires />
                    </td>
                    <td data-label="State">
                        <TagView tag=token.state />
                    </td>
                    <td>{revoke}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Region label="Tokens">
            <table class="cards">
                <thead>
                    <tr>
                        <th scope="col">"Label"</th>
                        <th scope="col">"Scopes"</th>
                        <th scope="col">"Issued"</th>
                        <th scope="col">"Expires"</th>
                        <th scope="col">"State"</th>
                        <th scope="col">
                            <span class="hidden-visually">"Revoke"</span>
                        </th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </Region>
    }
    .into_any()
}
