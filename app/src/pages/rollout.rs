//! One model in one market: who answers its users, the rollout under way, the way back, the kill switch, and all that
//! happened.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

mod back;
mod ended;
mod kill;
pub(super) mod panel;

pub use back::{BackPanel, DrillRow};
pub use ended::EndedRow;
pub use kill::KillPanel;
pub use panel::{Approval, RolloutPanel, StepMark, StrikeRow, WindowRow};

use super::{Page, Room};
use crate::kit::{
    Digest, DigestView, Entry, ErrorSummary, Fact, Facts, Field, Head, Link, Notice, NoticeBox, Region, Section, Tag,
    TagView, Timeline,
};

/// One deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutView {
    /// The model.
    pub model: String,
    /// The market.
    pub market: String,
    /// How it stands.
    pub state: Tag,
    /// What to know first: the kill switch, a hold, a rollback that could not be made.
    pub notices: Vec<Notice>,
    /// Who answers how many users.
    pub shares: Vec<Share>,
    /// Revision, since when, who has applied it.
    pub routing: Vec<Fact>,
    /// The rollout under way.
    pub rollout: Option<RolloutPanel>,
    /// The way back.
    pub back: BackPanel,
    /// The kill switch in use.
    pub kill: Option<KillPanel>,
    /// Whether the reader may use the kill switch.
    pub can_kill: bool,
    /// Rollouts that are over, newest first.
    pub ended: Vec<EndedRow>,
    /// What happened, newest first.
    pub history: Vec<Entry>,
    /// What was typed into a refused form, by the field's name.
    pub typed: Vec<(String, String)>,
    /// Why a form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// A line of who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The version, or the fallback.
    pub who: Option<Link>,
    /// The fallback's name, where no version answers.
    pub name: String,
    /// Champion, challenger, shadow.
    pub part: Tag,
    /// Share of users in percent; none for a shadow, which answers nobody.
    pub percent: Option<u8>,
    /// Digest of the weights.
    pub weights: Option<Digest>,
    /// Digest of the image.
    pub image: Option<Digest>,
}

impl RolloutView {
    fn href(&self) -> String {
        format!("/rollouts/{}/{}", self.model, self.market)
    }

    fn typed(&self, name: &str) -> String {
        self.typed.iter().find(|(field, _)| field == name).map_or_else(String::new, |(_, value)| value.clone())
    }

    /// A reason's area.
    fn reason(&self, name: &'static str, label: &'static str) -> AnyView {
        Field::area(name, label, 2).value(self.typed(name)).required().errors(self.errors.as_ref()).view()
    }
}

impl Page for RolloutView {
    fn title(&self) -> String {
        format!("{} in {}", self.model, self.market)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Rollouts)
    }

    fn crumbs(&self) -> Vec<Link> {
        vec![Link::new("Rollouts", "/rollouts"), Link::new(self.model.clone(), format!("/models/{}", self.model))]
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(mut self) -> AnyView {
        let title = self.title();
        let notices = std::mem::take(&mut self.notices);
        let notices = notices.into_iter().map(|notice| view! { <NoticeBox notice /> }).collect_view();
        let shares = shares(std::mem::take(&mut self.shares));
        let routing = std::mem::take(&mut self.routing);
        let kill = self.kill.take().map(|kill| kill::kill_panel(&self, kill));
        let rollout = self.rollout.take().map(|rollout| panel::rollout_panel(&self, rollout));
        let back = back::back_panel(&self);
        let ended = ended::ended(&self.href(), std::mem::take(&mut self.ended));
        let kill_href = format!("{}/kill", self.href());
        let off = self.can_kill.then(|| {
            view! {
                <Section id="kill-switch" title="Kill switch" about="One act sends everybody to the previous version or to rules, without asking for anybody's approval. A review is due afterwards.">
                    <a class="button danger" href=kill_href>
                        "Use the kill switch"
                    </a>
                </Section>
            }
        });
        let history = std::mem::take(&mut self.history);
        view! {
            <Head title=title lede="Who answers this market's users now, and how that changes.">
                <div class="meta">
                    <TagView tag=self.state />
                </div>
            </Head>
            {notices}
            <div class="columns side">
                <div class="stack-l">
                    {kill}
                    <Section id="now" title="Who answers now">
                        {shares}
                    </Section>
                    {rollout}
                    {ended}
                    <Section id="history" title="What happened" about="Every entry that concerns this market, newest first.">
                        <Timeline entries=history />
                    </Section>
                </div>
                <aside class="stack-l">
                    <Section id="routing" title="Routing">
                        <Facts facts=routing />
                    </Section>
                    {back}
                    {off}
                </aside>
            </div>
        }
        .into_any()
    }
}

fn shares(rows: Vec<Share>) -> AnyView {
    view! {
        <Region label="Shares of users">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Who"</th>
                        <th scope="col">"Part"</th>
                        <th scope="col" class="num">
                            "Users"
                        </th>
                        <th scope="col">"Weights"</th>
                        <th scope="col">"Image"</th>
                    </tr>
                </thead>
                <tbody>
                    {rows
                        .into_iter()
                        .map(|row| {
                            let who = match row.who {
                                Some(link) => view! { <a href=link.href>{link.label}</a> }.into_any(),
                                None => view! { <span>{row.name}</span> }.into_any(),
                            };
                            let users = match row.percent {
                                Some(percent) => {
                                    view! {
                                        <span class="share">
                                            <meter min="0" max="100" value=percent aria-hidden="true"></meter>
                                            {format!("{percent} %")}
                                        </span>
                                    }
                                        .into_any()
                                }
                                None => view! { <span class="quiet">"a copy"</span> }.into_any(),
                            };
                            view! {
                                <tr>
                                    <th scope="row">{who}</th>
                                    <td>
                                        <TagView tag=row.part />
                                    </td>
                                    <td class="num">{users}</td>
                                    <td>{row.weights.map(|digest| view! { <DigestView digest /> })}</td>
                                    <td>{row.image.map(|digest| view! { <DigestView digest /> })}</td>
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
