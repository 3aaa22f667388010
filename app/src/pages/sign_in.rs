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
    /// The form that was sent after its session had ended.
    pub kept: Option<KeptForm>,
    /// Accounts of a demonstration, with their passwords.
    pub demo_accounts: Vec<DemoAccount>,
    /// Why the last attempt failed.
    pub errors: Option<ErrorSummary>,
}

/// A form that was sent after its session had ended: it waits in the browser's page, nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptForm {
    /// Where it goes.
    pub to: String,
    /// Its fields in order, without passwords.
    pub fields: Vec<(String, String)>,
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
        let notice = self.kept.is_some().then(|| {
            let notice = Notice::new(Tone::Warn, "Your session has ended. Nothing was recorded, and nothing is lost.")
                .with_body("What you wrote waits in this page: sign in, and its form comes back with it. Passwords and files are asked for again.");
            view! { <NoticeBox notice /> }
        });
        let kept = self.kept.map(|form| {
            view! {
                <input type="hidden" name="kept_to" value=form.to />
                {hidden("kept.", form.fields)}
            }
        });
        view! {
            <div class="columns half">
                <div class="stack-l">
                    <Head title="Sign in" lede="Every promotion, validation and approval is signed by a person and sealed in a ledger that anyone can check." />
                    {notice}
                    <form class="form narrow" method="post" action="/sign-in">
                        <input type="hidden" name="next" value=self.next />
                        {kept}
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

/// Fields that travel along unseen.
fn hidden(prefix: &'static str, fields: Vec<(String, String)>) -> AnyView {
    fields
        .into_iter()
        .map(|(name, value)| {
            let name = format!("{prefix}{name}");
            view! { <input type="hidden" name=name value=value /> }
        })
        .collect_view()
        .into_any()
}

/// After signing in again: one step back to the form that was sent too late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeView {
    /// Where the form comes back.
    pub action: String,
    /// Its fields.
    pub fields: Vec<(String, String)>,
    /// The way without them.
    pub instead: Link,
}

impl Page for ResumeView {
    fn title(&self) -> String {
        "You are signed in again".to_owned()
    }

    fn room(&self) -> Option<Room> {
        None
    }

    fn body(self) -> AnyView {
        view! {
            <div class="gate">
                <div class="stack-l">
                    <Head title="You are signed in again" lede="What you had written comes back in its form. Nothing is recorded before you send it there." />
                    <form class="form narrow" method="post" action=self.action>
                        {hidden("", self.fields)}
                        <div class="actions">
                            <button class="button primary" type="submit">
                                "Back to what you wrote"
                            </button>
                            <a href=self.instead.href>{self.instead.label}</a>
                        </div>
                    </form>
                </div>
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
                <table class="cards">
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
                                        <td data-label="Email">
                                            <code>{account.email}</code>
                                        </td>
                                        <td data-label="Password">
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
