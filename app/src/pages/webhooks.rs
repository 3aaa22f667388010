//! Webhooks out: where news is sent, what could not be delivered.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room, people::secret_box};
use crate::kit::{Empty, ErrorSummary, Field, Head, Link, LinkView, Region, Section, Tag, TagView, When, WhenView};

/// The endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhooksView {
    /// The endpoints.
    pub endpoints: Vec<EndpointRow>,
    /// Deliveries given up, newest first.
    pub dead: Vec<DeadRow>,
    /// What was done, and the secret just made, shown once.
    pub secret: Option<(String, String)>,
    /// The form as typed.
    pub form: WebhookForm,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointRow {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// Scheme, host and port.
    pub host: String,
    /// Which news.
    pub news: String,
    /// Since when.
    pub since: When,
    /// Until when the secret before the present one signs too.
    pub overlap: Option<When>,
    /// How deliveries go.
    pub state: Tag,
    /// Deliveries given up.
    pub dead: u64,
}

/// A delivery given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadRow {
    /// The endpoint's id.
    pub webhook: String,
    /// What people call it.
    pub label: String,
    /// The entry.
    pub entry: Link,
    /// The entry's number.
    pub seq: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up.
    pub ended: Option<When>,
    /// Why the last attempt failed.
    pub error: String,
}

/// The form as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookForm {
    /// Label.
    pub label: String,
    /// Address.
    pub url: String,
    /// Event types, separated by spaces or commas.
    pub events: String,
    /// Model.
    pub model: String,
}

impl Page for WebhooksView {
    fn title(&self) -> String {
        "Webhooks".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Triggers)
    }

    fn crumbs(&self) -> Vec<Link> {
        vec![Link::new("Triggers", "/triggers")]
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let secret = self.secret.map(|(done, secret)| {
            secret_box(
                done,
                "Copy its secret now: it is shown once, and the receiver needs it to check the signature of each message.".to_owned(),
                secret,
            )
        });
        let errors = self.errors.as_ref();
        let fields = [
            Field::text("label", "Label").hint("Such as: nightly training pipeline.").value(self.form.label).required(),
            Field::text("url", "Address")
                .hint("https://…; kept beside the ledger, whose entry names only the host.")
                .value(self.form.url)
                .required(),
            Field::text("events", "Events")
                .hint("Such as trigger.fired, or trigger.* for all of a family; empty for every event.")
                .value(self.form.events),
            Field::text("model", "Only of this model").hint("Empty for all models.").value(self.form.model),
        ]
        .into_iter()
        .map(|field| field.errors(errors).view())
        .collect_view();
        let endpoints = if self.endpoints.is_empty() {
            view! { <Empty title="No webhooks" hint="Register an endpoint to have a pipeline hear of what is sealed." /> }
                .into_any()
        } else {
            endpoints(self.endpoints)
        };
        let dead = (!self.dead.is_empty()).then(|| dead_letters(self.dead));
        view! {
            <Head
                title="Webhooks"
                lede="Where news of sealed entries is sent, signed, and again until it is taken. A new secret signs beside the old one for a while, so that the receiver can change over; where the old one is known to others, end it now."
            />
            {secret}
            {endpoints}
            {dead}
            <Section id="register" title="Register an endpoint">
                <form class="form" method="post" action="/webhooks">
                    {fields}
                    <button class="button primary" type="submit">
                        "Register"
                    </button>
                </form>
            </Section>
        }
        .into_any()
    }
}

fn endpoints(rows: Vec<EndpointRow>) -> AnyView {
    let rows = rows
        .into_iter()
        .map(|row| {
            let base = format!("/webhooks/{}", row.id);
            let replay = (row.dead > 0).then(|| {
                view! {
                    <form method="post" action=format!("{base}/replay")>
                        <button class="button small" type="submit">
                            {format!("Send {} again", row.dead)}
                            <span class="hidden-visually">{format!(" to {}", row.label)}</span>
                        </button>
                    </form>
                }
            });
            // While two secrets overlap, there is no room for a third.
            let rotate = row.overlap.is_none().then(|| {
                view! {
                    <form method="post" action=format!("{base}/rotate")>
                        <button class="button small" type="submit">
                            "New secret"
                            <span class="hidden-visually">{format!(" for {}", row.label)}</span>
                        </button>
                    </form>
                }
            });
            view! {
                <tr>
                    <th scope="row">
                        {row.label.clone()} <span class="sub">{row.host}</span>
                    </th>
                    <td data-label="Hears of">{row.news}</td>
                    <td data-label="Since" class="nowrap">
                        <WhenView when=row.since />
                    </td>
                    <td data-label="Deliveries">
                        <TagView tag=row.state />
                        {row.overlap
                            .map(|until| {
                                view! {
                                    <span class="sub">"Two secrets sign until " <WhenView when=until /></span>
                                }
                            })}
                    </td>
                    <td>
                        <span class="cluster">
                            {replay}
                            {rotate}
                            <form method="post" action=format!("{base}/rotate")>
                                <input type="hidden" name="overlap" value="none" />
                                <button class="button small danger" type="submit">
                                    "New secret, end the old one now"
                                    <span class="hidden-visually">{format!(" for {}", row.label)}</span>
                                </button>
                            </form>
                            <form method="post" action=format!("{base}/remove")>
                                <button class="button small danger" type="submit">
                                    "Remove"
                                    <span class="hidden-visually">{format!(" {}", row.label)}</span>
                                </button>
                            </form>
                        </span>
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Region label="Endpoints">
            <table class="cards">
                <thead>
                    <tr>
                        <th scope="col">"Endpoint"</th>
                        <th scope="col">"Hears of"</th>
                        <th scope="col">"Since"</th>
                        <th scope="col">"Deliveries"</th>
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

fn dead_letters(rows: Vec<DeadRow>) -> AnyView {
    let rows = rows
        .into_iter()
        .map(|row| {
            view! {
                <tr>
                    <th scope="row">{row.label}</th>
                    <td data-label="Entry">
                        <LinkView link=row.entry />
                    </td>
                    <td data-label="Attempts" class="num">{row.attempts}</td>
                    <td data-label="Given up" class="nowrap">{row.ended.map(|when| view! { <WhenView when /> })}</td>
                    <td data-label="Why">{row.error}</td>
                    <td>
                        <form method="post" action=format!("/webhooks/{}/replay", row.webhook)>
                            <input type="hidden" name="seq" value=row.seq.to_string() />
                            <button class="button small" type="submit">
                                "Send again"
                                <span class="hidden-visually">{format!(" entry {}", row.seq)}</span>
                            </button>
                        </form>
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Section id="dead" title="Given up" about="Tried for most of a day without success. Mend the receiver, then send them again.">
            <Region label="Deliveries given up">
                <table class="cards">
                    <thead>
                        <tr>
                            <th scope="col">"Endpoint"</th>
                            <th scope="col">"Entry"</th>
                            <th scope="col" class="num">"Attempts"</th>
                            <th scope="col">"Given up"</th>
                            <th scope="col">"Why"</th>
                            <th scope="col">
                                <span class="hidden-visually">"Send again"</span>
                            </th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </Region>
        </Section>
    }
    .into_any()
}
