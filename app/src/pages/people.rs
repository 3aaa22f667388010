//! Accounts and what they may do.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{Choice, ErrorSummary, Field, Head, Link, Region, Section, Tag, TagView, When};

/// Accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeopleView {
    /// The accounts.
    pub accounts: Vec<AccountRow>,
    /// What each role may do.
    pub roles: Vec<Choice>,
    /// The form for a new account, where the reader may make one.
    pub create: Option<AccountForm>,
    /// A new account's one-time link, shown once.
    pub invitation: Option<Invitation>,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// The account's id.
    pub id: String,
    /// The person's or the service's name.
    pub name: String,
    /// The address; absent for services.
    pub email: Option<String>,
    /// The team.
    pub team: String,
    /// Roles held, in words.
    pub roles: Vec<String>,
    /// Roles to choose from, those held chosen; for the form.
    pub role_choices: Vec<Choice>,
    /// Active, disabled, invited.
    pub state: Tag,
    /// Whether the reader may change it.
    pub can_edit: bool,
    /// Whether it is disabled now.
    pub is_disabled: bool,
}

/// The form for a new account as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountForm {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Team.
    pub team: String,
    /// Person or service.
    pub kinds: Vec<Choice>,
    /// Roles.
    pub roles: Vec<Choice>,
}

/// A link to hand to a new person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// For whom.
    pub name: String,
    /// The address of the link, whole.
    pub url: String,
    /// Until when it works.
    pub expires: When,
}

impl Page for PeopleView {
    fn title(&self) -> String {
        "People".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::People)
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let invitation = self.invitation.map(invitation_view);
        let create = self.create.map(|form| create_form(form, self.errors.as_ref()));
        let about = self
            .roles
            .into_iter()
            .map(|role| {
                view! {
                    <div>
                        <dt class="strong">{role.label}</dt>
                        <dd>{role.hint}</dd>
                    </div>
                }
            })
            .collect_view();
        view! {
            <Head
                title="People"
                lede="Who may do what. Names and addresses lie in the vault, outside the ledger; entries hold only pseudonymous ids."
                actions=vec![Link::new("Your API tokens", "/people/tokens")]
            />
            {invitation}
            {accounts_table(self.accounts, self.errors.as_ref())}
            <div class="columns half">
                {create}
                <Section id="role-meanings" title="What each role may do">
                    <dl class="facts">{about}</dl>
                </Section>
            </div>
        }
        .into_any()
    }
}

/// A secret that is shown once: a link or a token.
pub(super) fn secret_box(title: String, about: String, secret: String) -> AnyView {
    view! {
        <section class="notice notice-good" role="status">
            <crate::kit::Glyph shape=crate::kit::Shape::Done size=14 />
            <div class="body">
                <p class="strong">{title}</p>
                <p>{about}</p>
                <p class="digest full">
                    <code>{secret.clone()}</code>
                    <button class="copy" type="button" data-copy=secret aria-label="Copy" hidden>
                        <crate::kit::Glyph shape=crate::kit::Shape::Copy />
                    </button>
                </p>
            </div>
        </section>
    }
    .into_any()
}

fn invitation_view(invitation: Invitation) -> AnyView {
    secret_box(
        format!("{} has an account. Hand over this link.", invitation.name),
        format!(
            "It is shown once, works once, and expires {}. Behind it the person chooses a password.",
            invitation.expires.text
        ),
        invitation.url,
    )
}

fn accounts_table(accounts: Vec<AccountRow>, errors: Option<&ErrorSummary>) -> AnyView {
    let rows = accounts.into_iter().map(|account| account_row(account, errors)).collect_view();
    view! {
        <Region label="Accounts">
            <table class="cards">
                <thead>
                    <tr>
                        <th scope="col">"Name"</th>
                        <th scope="col">"Team"</th>
                        <th scope="col">"Roles"</th>
                        <th scope="col">"State"</th>
                        <th scope="col">
                            <span class="hidden-visually">"Change"</span>
                        </th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </Region>
    }
    .into_any()
}

fn account_row(account: AccountRow, errors: Option<&ErrorSummary>) -> AnyView {
    let edit = account.can_edit.then(|| {
        let base = format!("/people/{}", account.id);
        let (verb, path) = if account.is_disabled { ("Enable", "enable") } else { ("Disable", "disable") };
        let prefix = account.id.clone();
        let input = format!("{prefix}-password");
        let is_refused = errors.is_some_and(|errors| errors.items.iter().any(|item| item.field_id == input));
        let password = Field::password_again(input).errors(errors).view();
        let roles = account
            .role_choices
            .into_iter()
            .enumerate()
            .map(|(index, role)| {
                let id = format!("{prefix}-role-{index}");
                view! {
                    <div class="choice">
                        <input type="checkbox" id=id.clone() name="roles" value=role.value checked=role.chosen />
                        <label for=id>{role.label}</label>
                    </div>
                }
            })
            .collect_view();
        view! {
            <details class="fold" open=is_refused>
                <summary>"Change"<span class="hidden-visually">{format!(" {}", account.name)}</span></summary>
                <div class="stack">
                    <form class="stack" method="post" action=format!("{base}/roles")>
                        <fieldset>
                            <legend>"Roles"</legend>
                            <div class="choices">{roles}</div>
                        </fieldset>
                        {password}
                        <button class="button small" type="submit">
                            "Save roles"
                        </button>
                    </form>
                    <form method="post" action=format!("{base}/{path}")>
                        <button class="button small danger" type="submit">
                            {verb}
                        </button>
                    </form>
                </div>
            </details>
        }
    });
    view! {
        <tr>
            <th scope="row">
                {account.name.clone()}
                {account.email.map(|email| view! { <span class="sub">{email}</span> })}
            </th>
            <td data-label="Team">{account.team}</td>
            <td data-label="Roles">{account.roles.join(", ")}</td>
            <td data-label="State">
                <TagView tag=account.state />
            </td>
            <td>{edit}</td>
        </tr>
    }
    .into_any()
}

fn create_form(form: AccountForm, errors: Option<&ErrorSummary>) -> AnyView {
    let fields = [
        Field::text("name", "Name").value(form.name).autocomplete("off").required(),
        Field::radios("kind", "Kind", form.kinds),
        Field::input("email", "email", "Email address")
            .hint("Not needed for a service.")
            .value(form.email)
            .autocomplete("off"),
        Field::text("team", "Team").hint("A validator's team must not be the developer's.").value(form.team),
        Field::checks("roles", "Roles", form.roles),
        Field::password_again("own_password"),
    ]
    .into_iter()
    .map(|field| field.errors(errors).view())
    .collect_view();
    view! {
        <Section id="create" title="New account">
            <form class="form" method="post" action="/people">
                {fields}
                <button class="button primary" type="submit">
                    "Create the account"
                </button>
            </form>
        </Section>
    }
    .into_any()
}
