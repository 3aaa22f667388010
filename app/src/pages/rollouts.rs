//! What serves where: every model in every market.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{
    Choice, Due, Empty, Field, Head, Link, Notice, NoticeBox, Pager, Region, Tag, TagView, Value, When, WhenView,
};

/// A page of deployments, filtered as the address says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutsView {
    /// Text searched for.
    pub q: String,
    /// Markets to choose from; the first is "any".
    pub markets: Vec<Choice>,
    /// States to choose from; the first is "any".
    pub states: Vec<Choice>,
    /// The rows of this page.
    pub rows: Vec<RolloutRow>,
    /// How many rollback drills are overdue, if any is.
    pub overdue: Option<Notice>,
    /// Where this page stands.
    pub pager: Pager,
    /// Whether any filter is set.
    pub is_filtered: bool,
}

/// One deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutRow {
    /// Model and market, and where they are shown.
    pub place: Link,
    /// The market.
    pub market: String,
    /// How it stands.
    pub state: Tag,
    /// Who serves.
    pub champion: Option<Link>,
    /// Who is on its way in, and its share in words.
    pub challenger: Option<(Link, String)>,
    /// Strikes against it.
    pub strikes: u32,
    /// Who is kept ready.
    pub standby: Option<Link>,
    /// When the next rollback drill is due.
    pub drill: Option<Due>,
    /// Latest change.
    pub updated: When,
}

impl Page for RolloutsView {
    fn title(&self) -> String {
        "Rollouts".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Rollouts)
    }

    fn body(self) -> AnyView {
        let lede = "Who answers the users of each market, what is on its way in, and the way back.";
        if self.rows.is_empty() && !self.is_filtered {
            return view! {
                <Head title="Rollouts" lede=lede />
                <Empty title="Nothing serves yet" hint="A market appears here when the first version enters its Shadow." action=Link::new("Models", "/models") />
            }
            .into_any();
        }
        let q = Field::input("search", "q", "Search").value(self.q).placeholder("Model").grow().view();
        let market = Field::select("market", "Market", self.markets).view();
        let state = Field::select("state", "State", self.states).view();
        let is_filtered = self.is_filtered;
        let content = if self.rows.is_empty() {
            view! { <Empty title="Nothing matches" hint="Take a filter away or search for fewer letters." action=Link::new("All rollouts", "/rollouts") /> }
                .into_any()
        } else {
            table(self.rows)
        };
        view! {
            <Head title="Rollouts" lede=lede />
            {self.overdue.map(|notice| view! { <NoticeBox notice /> })}
            <form class="filters" method="get" action="/rollouts" role="search" aria-label="Rollouts">
                {q}
                {market}
                {state}
                <div class="actions">
                    <button class="button" type="submit">
                        "Apply"
                    </button>
                    {is_filtered.then(|| view! { <a href="/rollouts">"Clear"</a> })}
                </div>
            </form>
            <div>{content} {self.pager.view()}</div>
        }
        .into_any()
    }
}

fn link(link: Option<Link>) -> AnyView {
    match link {
        Some(link) => view! { <a href=link.href>{link.label}</a> }.into_any(),
        None => view! { <span class="quiet">"none"</span> }.into_any(),
    }
}

fn table(rows: Vec<RolloutRow>) -> AnyView {
    view! {
        <Region label="Rollouts">
            <table class="cards">
                <thead>
                    <tr>
                        <th scope="col">"Model"</th>
                        <th scope="col">"Market"</th>
                        <th scope="col">"State"</th>
                        <th scope="col">"Champion"</th>
                        <th scope="col">"On its way in"</th>
                        <th scope="col" class="num">
                            "Strikes"
                        </th>
                        <th scope="col">"Standby"</th>
                        <th scope="col">"Next drill"</th>
                        <th scope="col">"Latest entry"</th>
                    </tr>
                </thead>
                <tbody>
                    {rows
                        .into_iter()
                        .map(|row| {
                            let challenger = match row.challenger {
                                Some((version, share)) => {
                                    view! {
                                        <a href=version.href>{version.label}</a>
                                        <span class="sub">{share}</span>
                                    }
                                        .into_any()
                                }
                                None => view! { <span class="quiet">"none"</span> }.into_any(),
                            };
                            let drill = match row.drill {
                                Some(due) => Value::Due(due).view(),
                                None => view! { <span class="quiet">"none is asked for"</span> }.into_any(),
                            };
                            view! {
                                <tr>
                                    <th scope="row">
                                        <a href=row.place.href>{row.place.label}</a>
                                    </th>
                                    <td data-label="Market">{row.market}</td>
                                    <td data-label="State">
                                        <TagView tag=row.state />
                                    </td>
                                    <td data-label="Champion">{link(row.champion)}</td>
                                    <td data-label="On its way in" class="nowrap">{challenger}</td>
                                    <td data-label="Strikes" class="num">{row.strikes}</td>
                                    <td data-label="Standby">{link(row.standby)}</td>
                                    <td data-label="Next drill">{drill}</td>
                                    <td data-label="Latest entry" class="nowrap">
                                        <WhenView when=row.updated />
                                    </td>
                                </tr>
                            }
                        })
                        .collect_view()}
                </tbody>
            </table>
        </Region>
    }
    .into_any()
}
