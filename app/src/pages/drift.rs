//! The drift that a version was trained on, and a person's approval of it before Canary.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room, triggers::psi_figures, version_head::VersionHead};
use crate::kit::{
    Choice, ErrorSummary, Fact, Facts, Field, Head, Link, Notice, NoticeBox, PsiBar, Region, RowLine, Section, Tag,
    TagView, When, WhenView,
};

/// What somebody reads who is asked whether the drift is genuine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftView {
    /// The version.
    pub head: VersionHead,
    /// The firing: when, how urgent, over which data, by which entry.
    pub facts: Vec<Fact>,
    /// The features that drifted, the furthest first.
    pub bars: Vec<PsiBar>,
    /// The field's lines.
    pub lines: Vec<RowLine>,
    /// Each market: how it stands, who approved when, and in which words.
    pub markets: Vec<MarketApproval>,
    /// Markets to choose from in the form; no form if there are none.
    pub choices: Vec<Choice>,
    /// The statement as typed.
    pub statement: String,
    /// Why there is no form, or something else to know first.
    pub notice: Option<Notice>,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// One market's approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MarketApproval {
    /// The market.
    pub market: String,
    /// Approved, waits, not there yet.
    pub state: Tag,
    /// Who.
    pub who: String,
    /// When.
    pub when: Option<When>,
    /// In which words.
    pub statement: String,
}

impl Page for DriftView {
    fn title(&self) -> String {
        format!("Drift behind {}", self.head.name())
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn crumbs(&self) -> Vec<Link> {
        self.head.crumbs_below()
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let title = format!("Drift behind {}", self.head.name());
        let revision = self.head.revision_field();
        let action = format!("{}/drift", self.head.href());
        let errors = self.errors.as_ref();
        let form = (!self.choices.is_empty()).then(|| {
            let fields = [
                Field::radios("market", "Market", self.choices),
                Field::area("statement", "What you looked at, and why the drift is genuine", 5)
                    .hint("Such as: the shift follows the holiday week in all markets; row counts and null rates of the logs are as before.")
                    .value(self.statement)
                    .required(),
                Field::input("password", "password", "Your password, once more").autocomplete("current-password").required(),
            ]
            .into_iter()
            .map(|field| field.errors(errors).view())
            .collect_view();
            view! {
                <Section id="approve" title="Approve">
                    <form class="form" method="post" action=action>
                        {revision}
                        {fields}
                        <button class="button primary" type="submit">
                            "Approve the drift"
                        </button>
                    </form>
                </Section>
            }
        });
        let rows = self
            .markets
            .into_iter()
            .map(|market| {
                view! {
                    <tr>
                        <th scope="row">{market.market}</th>
                        <td>
                            <TagView tag=market.state />
                        </td>
                        <td>{market.who}</td>
                        <td class="nowrap">{market.when.map(|when| view! { <WhenView when /> })}</td>
                        <td class="words">{market.statement}</td>
                    </tr>
                }
            })
            .collect_view();
        view! {
            <Head
                title
                lede="This version was trained because its inputs drifted. The drift may be a change of the world, which the model should follow, or a fault of the data, which it must not: a person looks before real users see it."
            />
            {self.notice.map(|notice| view! { <NoticeBox notice /> })}
            <Section id="firing" title="The trigger">
                <Facts facts=self.facts />
            </Section>
            <Section
                id="features"
                title="What drifted, and by how much"
                about="The field calls an index below the first line stable and above the last one an emergency; the numbers are the policy\u{2019}s."
            >
                {psi_figures(&self.bars, self.lines)}
            </Section>
            <Section id="markets" title="Approvals by market">
                <Region label="Approvals">
                    <table>
                        <thead>
                            <tr>
                                <th scope="col">"Market"</th>
                                <th scope="col">"State"</th>
                                <th scope="col">"Who"</th>
                                <th scope="col">"When"</th>
                                <th scope="col">"In which words"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </Region>
            </Section>
            {form}
        }
        .into_any()
    }
}
