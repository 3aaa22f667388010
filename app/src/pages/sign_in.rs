//! The doors: signing in, and the first administrator's one-time link.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{ErrorSummary, Fact, Facts, Field, Head, Link, Notice, NoticeBox, Region, Tone};

/// The sign-in form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInView {
    /// What was typed as address.
    pub email: String,
    /// Path to go to afterwards.
    pub next: String,
    /// Accounts of a demonstration, with their passwords.
    pub demo_accounts: Vec<DemoAccount>,
    /// Why the last attempt failed.
    pub errors: Option<ErrorSummary>,
}

/// An account of the demonstration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoAccount {
    /// The person's name.
    pub name: String,
    /// What the account may be.
    pub role: String,
    /// The address to sign in with.
    pub email: String,
    /// The password.
    pub password: String,
}

impl Page for SignInView {
    fn title(&self) -> String {
        "Sign in".to_owned()
    }

    fn room(&self) -> Option<Room> {
        None
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        let email = Field::input("email", "email", "Email address")
            .value(self.email)
            .autocomplete("username")
            .required()
            .errors(errors)
            .view();
        let password = Field::input("password", "password", "Password")
            .autocomplete("current-password")
            .required()
            .errors(errors)
            .view();
        let demo = (!self.demo_accounts.is_empty()).then(|| demo_table(self.demo_accounts));
        view! {
            <div class="columns half">
                <div class="stack-l">
                    <Head title="Sign in" lede="Every promotion, validation and approval is signed by a person and sealed in a ledger that anyone can check." />
                    <form class="form narrow" method="post" action="/sign-in">
                        <input type="hidden" name="next" value=self.next />
                        {email}
                        {password}
                        <div class="actions">
                            <button class="button primary" type="submit">
                                "Sign in"
                            </button>
                        </div>
                    </form>
                </div>
                {demo}
            </div>
        }
        .into_any()
    }
}

fn demo_table(accounts: Vec<DemoAccount>) -> AnyView {
    view! {
        <section class="stack" aria-labelledby="demo-heading">
            <h2 id="demo-heading">"Demo accounts"</h2>
            <p class="quiet">"Each sees the house from another desk. Try the validator first: something waits to be signed."</p>
            <Region label="Demo accounts">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Person"</th>
                            <th scope="col">"Email"</th>
                            <th scope="col">"Password"</th>
                        </tr>
                    </thead>
                    <tbody>
                        {accounts
                            .into_iter()
                            .map(|account| {
                                view! {
                                    <tr>
                                        <th scope="row">
                                            {account.name} <span class="sub">{account.role}</span>
                                        </th>
                                        <td>
                                            <code>{account.email}</code>
                                        </td>
                                        <td>
                                            <code>{account.password}</code>
                                        </td>
                                    </tr>
                                }
                            })
                            .collect_view()}
                    </tbody>
                </table>
            </Region>
        </section>
    }
    .into_any()
}

/// The form behind a link that works once: the first administrator's, or an invited person's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupView {
    /// The link's secret.
    pub token: String,
    /// Whether the link has been used or has expired; then there is no form.
    pub is_spent: bool,
    /// Whether the account is there already and only waits for its password.
    pub is_invited: bool,
    /// What was typed as name.
    pub name: String,
    /// What was typed as address.
    pub email: String,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

impl Page for SetupView {
    fn title(&self) -> String {
        if self.is_invited { "Choose your password" } else { "Set up Countersign" }.to_owned()
    }

    fn room(&self) -> Option<Room> {
        None
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        if self.is_spent {
            let notice = Notice::new(Tone::Warn, "This link has been used or has expired.")
                .with_body("If you were invited: ask an administrator for a new link, or sign in if you have chosen a password already.")
                .with_body("If you set the server up: start it again. While there is no administrator, it prints a new link to its log.")
                .with_link(Link::new("Sign in", "/sign-in"));
            return view! {
                <Head title="Set up Countersign" />
                <NoticeBox notice />
            }
            .into_any();
        }
        let errors = self.errors.as_ref();
        let password = Field::input("password", "password", "Password")
            .hint("At least 12 characters. A sentence is easier to remember than a puzzle; pasting works.")
            .autocomplete("new-password")
            .required()
            .errors(errors)
            .view();
        let action = format!("/setup/{}", self.token);
        if self.is_invited {
            return invited_form(self.name, self.email, action, password);
        }
        let name = Field::text("name", "Your name")
            .hint("As it should stand under your signatures.")
            .value(self.name)
            .autocomplete("name")
            .required()
            .errors(errors)
            .view();
        let email = Field::input("email", "email", "Email address")
            .value(self.email)
            .autocomplete("username")
            .required()
            .errors(errors)
            .view();
        view! {
            <Head
                title="Set up Countersign"
                lede="You become the first administrator: you make accounts and adopt policy. An administrator approves nothing."
            />
            <form class="form" method="post" action=action>
                {name}
                {email}
                {password}
                <div class="actions">
                    <button class="button primary" type="submit">
                        "Create the administrator"
                    </button>
                </div>
            </form>
        }
        .into_any()
    }
}

fn invited_form(name: String, email: String, action: String, password: AnyView) -> AnyView {
    let facts = vec![Fact::text("Name", name), Fact::text("Email address", email.clone())];
    view! {
        <Head
            title="Choose your password"
            lede="An administrator made this account for you. With the password you sign in, and sign: nobody else knows it."
        />
        <form class="form" method="post" action=action>
            <Facts facts />
            // Password managers file the password under this name.
            <input type="text" name="username" value=email autocomplete="username" readonly hidden />
            {password}
            <div class="actions">
                <button class="button primary" type="submit">
                    "Save the password"
                </button>
            </div>
        </form>
    }
    .into_any()
}
