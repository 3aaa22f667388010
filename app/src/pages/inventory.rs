//! What the inventory says of one model: tier and why, card, owner, validations, exceptions; and keeping it.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{Choice, ErrorSummary, Fact, Facts, Field, Head, Link, LinkView, Section, Tag, TagView};

/// One model's place in the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryView {
    /// Registry name.
    pub model: String,
    /// What people call it.
    pub title: String,
    /// Tier, status and so on.
    pub tags: Vec<Tag>,
    /// Owner, team, tier and why, validations.
    pub facts: Vec<Fact>,
    /// Purpose, products, restrictions, inputs, outputs as heading and text.
    pub card: Vec<(String, String)>,
    /// Waivers in force on any of its versions, a sentence and where.
    pub exceptions: Vec<(String, Link)>,
    /// The form for the card, where the reader keeps it.
    pub amend: Option<CardForm>,
    /// Exposures and purposes, where the reader may judge the tier.
    pub tier: Option<(Vec<Choice>, Vec<Choice>)>,
    /// People, where the reader may hand it over; and retire it.
    pub owners: Option<Vec<Choice>>,
    /// Markets of the policy that it is not registered for, where the reader may open them to it.
    pub markets: Option<Vec<Choice>>,
    /// What was typed as the reason of whichever form was refused.
    pub reason: String,
    /// Why a form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// The card as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardForm {
    /// Name, label and value of each field.
    pub fields: Vec<(String, String, String)>,
}

impl Page for InventoryView {
    fn title(&self) -> String {
        format!("Inventory: {}", self.model)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn crumbs(&self) -> Vec<Link> {
        vec![Link::new("Models", "/models"), Link::new(self.model.clone(), format!("/models/{}", self.model))]
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let errors = self.errors.as_ref();
        let base = format!("/models/{}", self.model);
        let market = self.markets.map(|markets| market_form(&base, &self.reason, markets, errors));
        let [tier, amend, hand] = forms(&base, &self.reason, (self.tier, self.amend, self.owners), errors);
        let exceptions = if self.exceptions.is_empty() {
            view! { <p class="quiet">"No waiver is in force."</p> }.into_any()
        } else {
            view! {
                <ul class="panel queue" role="list">
                    {self
                        .exceptions
                        .into_iter()
                        .map(|(sentence, link)| view! { <li><span>{sentence}</span> <LinkView link /></li> })
                        .collect_view()}
                </ul>
            }
            .into_any()
        };
        let card = self
            .card
            .into_iter()
            .map(|(title, text)| {
                let text = if text.is_empty() {
                    view! { <p class="missing">"Not stated."</p> }.into_any()
                } else {
                    view! { <p class="prose">{text}</p> }.into_any()
                };
                view! {
                    <section class="stack">
                        <h3>{title}</h3>
                        {text}
                    </section>
                }
            })
            .collect_view();
        view! {
            <Head title=format!("Inventory: {}", self.model) lede=self.title>
                <p class="cluster">{self.tags.into_iter().map(|tag| view! { <TagView tag /> }).collect_view()}</p>
            </Head>
            <div class="columns side">
                <div class="stack-l">
                    <Section id="card" title="What it is">
                        <div class="stack-l">{card}</div>
                        {amend}
                    </Section>
                    <Section id="exceptions" title="Exceptions" about="Waivers in force; each says when it ends by itself.">
                        {exceptions}
                    </Section>
                </div>
                <aside aria-labelledby="facts-heading" class="stack">
                    <h2 id="facts-heading">"In the inventory"</h2>
                    <Facts facts=self.facts />
                    {tier}
                    {market}
                    {hand}
                </aside>
            </div>
        }
        .into_any()
    }
}

/// The form that opens a market.
fn market_form(base: &str, reason: &str, markets: Vec<Choice>, errors: Option<&ErrorSummary>) -> AnyView {
    let market = Field::radios("new_market", "Market", markets).errors(errors).view();
    let why = Field::area("market_reason", "Why", 2).value(reason).required().errors(errors).view();
    view! {
        <details class="fold no-print">
            <summary>"Open another market"</summary>
            <form class="form" method="post" action=format!("{base}/markets")>
                {market}
                {why}
                <button class="button primary" type="submit">
                    "Open"
                </button>
                <p class="consequence">
                    "For good: a market is not taken away again. Nothing answers there by that; each version walks the market's own gates, from Shadow on, and an impact assessment must cover it where the market asks for one."
                </p>
            </form>
        </details>
    }
    .into_any()
}

/// What the forms choose from, where the reader may use them: the tier's classes, the card, the owners.
type Allowed = (Option<(Vec<Choice>, Vec<Choice>)>, Option<CardForm>, Option<Vec<Choice>>);

/// The forms for tier, card, and owner with retirement.
fn forms(
    base: &str,
    reason: &str,
    (tier, amend, owners): Allowed,
    errors: Option<&ErrorSummary>,
) -> [Option<AnyView>; 3] {
    let why = |id: &'static str| Field::area(id, "Why", 2).value(reason).required().errors(errors).view();
    let tier = tier.map(|(exposures, purposes)| {
            let exposure = Field::radios("exposure", "Exposure", exposures).errors(errors).view();
            let purpose = Field::radios("purpose_class", "Purpose", purposes).errors(errors).view();
            view! {
                <details class="fold no-print">
                    <summary>"Judge the tier"</summary>
                    <form class="form" method="post" action=format!("{base}/tier")>
                        {exposure}
                        {purpose}
                        {why("tier_reason")}
                        <button class="button primary" type="submit">
                            "Judge"
                        </button>
                        <p class="consequence">"The policy's matrix gives the tier. The depth of open validations follows it."</p>
                    </form>
                </details>
            }
            .into_any()
        });
    let amend = amend.map(|form| {
        let fields = form
            .fields
            .into_iter()
            .map(|(name, label, value)| Field::area(name, label, 3).value(value).errors(errors).view())
            .collect_view();
        view! {
            <details class="fold no-print">
                <summary>"Amend the card"</summary>
                <form class="form" method="post" action=format!("{base}/inventory")>
                    {fields}
                    {why("card_reason")}
                    <button class="button primary" type="submit">
                        "Amend"
                    </button>
                </form>
            </details>
        }
        .into_any()
    });
    let hand = owners.map(|owners| {
            let owner = Field::select("owner", "New owner", owners).errors(errors).view();
            view! {
                <details class="fold no-print">
                    <summary>"Hand it to another owner"</summary>
                    <form class="form" method="post" action=format!("{base}/owner")>
                        {owner}
                        {why("owner_reason")}
                        <button class="button primary" type="submit">
                            "Hand over"
                        </button>
                    </form>
                </details>
                <details class="fold no-print">
                    <summary>"Retire the model"</summary>
                    <form class="form" method="post" action=format!("{base}/retire")>
                        {why("retire_reason")}
                        <button class="button danger" type="submit">
                            "Retire"
                        </button>
                        <p class="consequence">
                            "Final. It serves no market from then on and takes no new versions; its record stays. Move its traffic first."
                        </p>
                    </form>
                </details>
            }
            .into_any()
        });
    [tier, amend, hand]
}
