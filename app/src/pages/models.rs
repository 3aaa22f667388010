//! The inventory.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{Choice, Due, Empty, Field, Head, Link, Pager, Region, Sort, SortHeading, Tag, TagView, WhenView};

/// A page of the inventory, filtered and sorted as the address says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelsView {
    /// Text searched for.
    pub q: String,
    /// Tiers to choose from; the first is "any".
    pub tiers: Vec<Choice>,
    /// Markets to choose from; the first is "any".
    pub markets: Vec<Choice>,
    /// Validation: any, overdue, due within 30 days.
    pub due: Vec<Choice>,
    /// Status: any, in development, in use, retired.
    pub statuses: Vec<Choice>,
    /// The sort key in force, kept when filtering.
    pub sort: String,
    /// The columns Model, Tier and Validation due, in this order.
    pub columns: Vec<Sort>,
    /// The rows of this page.
    pub rows: Vec<ModelRow>,
    /// Where this page stands.
    pub pager: Pager,
    /// The same rows, all of them, as CSV.
    pub csv_href: String,
    /// Whether any filter is set.
    pub is_filtered: bool,
    /// Whether the reader may register a model.
    pub can_register: bool,
}

/// One model of the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRow {
    /// Registry name and address.
    pub name: Link,
    /// What people call it.
    pub title: String,
    /// Such as "Tier 1".
    pub tier: String,
    /// Whether it is under model risk regulation.
    pub is_regulated: bool,
    /// The owner's name.
    pub owner: String,
    /// Champion per market.
    pub champions: Vec<MarketChampion>,
    /// The newest version and its stage.
    pub latest: Option<(Link, Tag)>,
    /// When the next validation is due.
    pub validation: Option<Due>,
    /// Open findings.
    pub open_findings: u32,
    /// How many of them are critical or high.
    pub severe_findings: u32,
    /// In development, in use, retired.
    pub status: Option<Tag>,
    /// When the model is to be validated again.
    pub revalidation: Option<Due>,
    /// Waivers in force.
    pub exceptions: u32,
}

/// The version that serves a market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketChampion {
    /// The market's code.
    pub market: String,
    /// The champion, if the market has one.
    pub version: Option<Link>,
}

impl Page for ModelsView {
    fn title(&self) -> String {
        "Models".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn body(self) -> AnyView {
        let mut actions = Vec::new();
        if self.can_register {
            actions.push(Link::new("New model", "/models/new"));
        }
        let lede = "The inventory: what is registered, who owns it, what serves where, what is due.";
        if self.rows.is_empty() && !self.is_filtered {
            let (hint, action) = if self.can_register {
                (
                    "Register the first one here, through the API, or import a registry from MLflow.",
                    Some(Link::new("New model", "/models/new")),
                )
            } else {
                ("A data scientist registers the first one.", None)
            };
            return view! {
                <Head title="Models" lede=lede />
                <Empty title="No models yet" hint=hint action=action />
            }
            .into_any();
        }
        let q = Field::input("search", "q", "Search")
            .value(self.q)
            .placeholder("Name, title, owner, purpose")
            .grow()
            .view();
        let tier = Field::select("tier", "Tier", self.tiers).view();
        let market = Field::select("market", "Market", self.markets).view();
        let due = Field::select("due", "Due", self.due).view();
        let status = Field::select("status", "Status", self.statuses).view();
        let is_filtered = self.is_filtered;
        let content = if self.rows.is_empty() {
            view! {
                <Empty title="No model matches" hint="Take a filter away or search for fewer letters." action=Link::new("All models", "/models") />
            }
            .into_any()
        } else {
            table(self.columns, self.rows)
        };
        view! {
            <Head title="Models" lede=lede actions=actions>
                <div class="meta">
                    <a href="/lineage">"What was made of a dataset, feature, commit or image"</a>
                </div>
            </Head>
            <form class="filters" method="get" action="/models" role="search" aria-label="Models">
                {q}
                {tier}
                {market}
                {status}
                {due}
                <input type="hidden" name="sort" value=self.sort />
                <div class="actions">
                    <button class="button" type="submit">
                        "Apply"
                    </button>
                    {is_filtered.then(|| view! { <a href="/models">"Clear"</a> })}
                </div>
            </form>
            <div>
                {content}
                {self.pager.view()}
                <p class="small">
                    <a href=self.csv_href download>
                        "Download these rows as CSV"
                    </a>
                    " · "
                    <a href="/campaigns">"Attestations"</a>
                </p>
            </div>
        }
        .into_any()
    }
}

fn table(columns: Vec<Sort>, rows: Vec<ModelRow>) -> AnyView {
    let mut columns = columns.into_iter();
    let model = columns.next().map(|sort| view! { <SortHeading sort /> });
    let tier = columns.next().map(|sort| view! { <SortHeading sort /> });
    let validation = columns.next().map(|sort| view! { <SortHeading sort /> });
    view! {
        <Region label="Models">
            <table>
                <thead>
                    <tr>
                        {model}
                        {tier}
                        <th scope="col">"Champions"</th>
                        <th scope="col">"Newest version"</th>
                        {validation}
                        <th scope="col">"Next validation"</th>
                        <th scope="col" class="num">
                            "Open findings"
                        </th>
                        <th scope="col">"Owner"</th>
                    </tr>
                </thead>
                <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
            </table>
        </Region>
    }
    .into_any()
}

fn row(row: ModelRow) -> AnyView {
    let findings = match (row.open_findings, row.severe_findings) {
        (0, _) => "0".to_owned(),
        (open, 0) => open.to_string(),
        (open, severe) => format!("{open} ({severe} severe)"),
    };
    view! {
        <tr>
            <th scope="row">
                <a href=row.name.href>{row.name.label}</a>
                <span class="sub">{row.title}</span>
            </th>
            <td class="nowrap">
                {row.tier}
                <span class="sub">{if row.is_regulated { "regulated" } else { "not regulated" }}</span>
                {row.status.map(|tag| view! { <TagView tag /> })}
            </td>
            <td>
                {row
                    .champions
                    .into_iter()
                    .map(|champion| {
                        view! {
                            <span class="nowrap cluster">
                                <span class="quiet">{champion.market}</span>
                                {match champion.version {
                                    Some(version) => view! { <a href=version.href>{version.label}</a> }.into_any(),
                                    None => view! { <span class="quiet">"none"</span> }.into_any(),
                                }}
                            </span>
                        }
                    })
                    .collect_view()}
            </td>
            <td class="nowrap">
                {match row.latest {
                    Some((version, stage)) => {
                        view! {
                            <span class="cluster">
                                <a href=version.href>{version.label}</a>
                                <TagView tag=stage />
                            </span>
                        }
                            .into_any()
                    }
                    None => view! { <span class="quiet">"none"</span> }.into_any(),
                }}
            </td>
            <td class="nowrap">
                {match row.validation {
                    Some(due) => {
                        view! {
                            <WhenView when=due.when />
                            <span class="sub">
                                <TagView tag=due.tag />
                            </span>
                        }
                            .into_any()
                    }
                    None => view! { <span class="quiet">"not scheduled"</span> }.into_any(),
                }}
            </td>
            <td class="nowrap">
                {match row.revalidation {
                    Some(due) => {
                        view! {
                            <WhenView when=due.when />
                            <span class="sub">
                                <TagView tag=due.tag />
                            </span>
                        }
                            .into_any()
                    }
                    None => view! { <span class="quiet">"none"</span> }.into_any(),
                }}
            </td>
            <td class="num nowrap">
                {findings}
                {(row.exceptions > 0).then(|| view! { <span class="sub">{format!("{} waived", row.exceptions)}</span> })}
            </td>
            <td>{row.owner}</td>
        </tr>
    }
    .into_any()
}
