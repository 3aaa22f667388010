//! Retraining triggers: of all models, and of one with its calendar to Production.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{
    Choice, Drawing, Empty, ErrorSummary, Exhibit, ExhibitView, Fact, Facts, Field, Head, Link, LinkView, PsiBar,
    Region, Requirement, RowLine, Section, Tag, TagView, Tasks, Value, When, WhenView, psi_rows,
};

/// The triggers of every model that has any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggersView {
    /// The models.
    pub rows: Vec<TriggerRow>,
    /// Whether there are more than are shown.
    pub is_cut: bool,
    /// How many models are at each level of maturity, in a sentence; absent where the policy says nothing of it.
    pub maturity: Option<String>,
    /// The way to the webhooks, for those who may see them.
    pub webhooks: Option<Link>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerRow {
    /// The model's triggers.
    pub model: Link,
    /// What can fire, in words.
    pub kinds: Vec<String>,
    /// The next slot of its schedule.
    pub next: Option<When>,
    /// The latest firing: its sentence, when, and how urgent.
    pub last: Option<(String, When, Tag)>,
    /// How often it fired.
    pub fired: u32,
    /// How often it was suppressed.
    pub suppressed: u32,
}

impl Page for TriggersView {
    fn title(&self) -> String {
        "Triggers".to_owned()
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Triggers)
    }

    fn body(self) -> AnyView {
        let is_cut = self.is_cut;
        let maturity = self.maturity;
        let actions: Vec<Link> = self.webhooks.into_iter().collect();
        let table = if self.rows.is_empty() {
            view! {
                <Empty
                    title="No triggers"
                    hint="Open a model and say when it is to be trained again: by schedule, when its inputs drift, or when a metric falls."
                    action=Link::new("See the models", "/models")
                />
            }
            .into_any()
        } else {
            overview(self.rows)
        };
        view! {
            <Head
                title="Triggers"
                lede="When each model is trained again: what fired, what was held back, what comes next. A webhook starts the pipeline."
                actions
            />
            {table}
            {maturity.map(|sentence| view! { <p class="quiet">{sentence}</p> })}
            {is_cut.then(|| view! { <p class="quiet">"More models have triggers than are shown; open the model itself."</p> })}
        }
        .into_any()
    }
}

fn overview(rows: Vec<TriggerRow>) -> AnyView {
    let rows = rows
        .into_iter()
        .map(|row| {
            view! {
                <tr>
                    <th scope="row" class="nowrap">
                        <LinkView link=row.model />
                    </th>
                    <td data-label="Fires" class="words">{row.kinds.join("; ")}</td>
                    <td data-label="Next slot" class="nowrap">{row.next.map(|when| view! { <WhenView when /> })}</td>
                    <td data-label="Fired last">
                        {row
                            .last
                            .map(|(sentence, when, tag)| {
                                view! {
                                    <span class="cluster">
                                        <TagView tag />
                                        <WhenView when />
                                    </span>
                                    <span class="sub">{sentence}</span>
                                }
                            })}
                    </td>
                    <td data-label="Fired" class="num">{row.fired}</td>
                    <td data-label="Suppressed" class="num">{row.suppressed}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Region label="Triggers by model">
            <table class="cards">
                <thead>
                    <tr>
                        <th scope="col">"Model"</th>
                        <th scope="col">"Fires"</th>
                        <th scope="col">"Next slot"</th>
                        <th scope="col">"Fired last"</th>
                        <th scope="col" class="num">"Fired"</th>
                        <th scope="col" class="num">"Suppressed"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </Region>
    }
    .into_any()
}

/// One model's triggers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelTriggersView {
    /// The model.
    pub model: String,
    /// What is configured, and the thresholds in force.
    pub facts: Vec<Fact>,
    /// What fired, newest first.
    pub firings: Vec<FiringRow>,
    /// What was suppressed, newest first.
    pub suppressions: Vec<FiringRow>,
    /// The latest look at the features.
    pub drift: Option<DriftSeen>,
    /// The way to Production in each market.
    pub routes: Vec<RouteView>,
    /// How mature its operation is: the level in words, and each criterion; absent where the policy says nothing of it.
    pub maturity: Option<(String, Vec<Requirement>)>,
    /// The form, where the reader may change it.
    pub form: Option<TriggerForm>,
    /// Why a form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// Something that fired or did not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FiringRow {
    /// Its entry.
    pub entry: Link,
    /// When.
    pub when: When,
    /// Why, in a word.
    pub cause: String,
    /// What happened, in a sentence.
    pub sentence: String,
    /// How urgent.
    pub priority: Tag,
    /// Versions trained because of it; why not, where it was suppressed.
    pub outcome: Vec<Link>,
    /// The same in words, where there is no link.
    pub note: String,
}

/// A look at the features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftSeen {
    /// What was looked at, in a sentence.
    pub about: String,
    /// The features, the furthest first.
    pub bars: Vec<PsiBar>,
    /// The field's lines.
    pub lines: Vec<RowLine>,
}

/// The way to Production in a market.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteView {
    /// The market.
    pub market: String,
    /// When everybody could be served.
    pub arrives: When,
    /// Days from now.
    pub days: u32,
    /// The stretches: name, from, until, what it rests on.
    pub legs: Vec<(String, When, When, String)>,
}

/// The form as typed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TriggerForm {
    /// Cron.
    pub schedule: String,
    /// Whether drift fires.
    pub drift: Vec<Choice>,
    /// The threshold, if the model has its own.
    pub psi_threshold: String,
    /// Metrics, a line each: name, floor, days.
    pub performance: String,
    /// Hours between two firings, if the model has its own.
    pub min_retrain_interval_hours: String,
    /// The policy's threshold and interval with their bounds, in words.
    pub psi_hint: String,
    /// The same of the interval.
    pub interval_hint: String,
    /// Why a person asks for a retraining.
    pub reason: String,
}

impl Page for ModelTriggersView {
    fn title(&self) -> String {
        format!("Triggers of {}", self.model)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Triggers)
    }

    fn crumbs(&self) -> Vec<Link> {
        vec![Link::new("Triggers", "/triggers"), Link::new(self.model.clone(), format!("/models/{}", self.model))]
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let title = format!("Triggers of {}", self.model);
        let base = format!("/models/{}", self.model);
        let forms = self.form.map(|form| forms(form, &base, self.errors.as_ref()));
        view! {
            <Head
                title
                lede="When it is trained again, what fired and why, what was held back, and how long a version trained now would take to serve everybody."
            />
            <Section id="in-force" title="In force">
                <Facts facts=self.facts />
            </Section>
            {fired(self.firings)}
            {suppressed(self.suppressions)}
            {self.drift.map(drift)}
            {calendar(self.routes)}
            {self.maturity.map(maturity)}
            {forms}
        }
        .into_any()
    }
}

fn firing_table(label: &'static str, last: &'static str, rows: Vec<FiringRow>) -> AnyView {
    let rows = rows
        .into_iter()
        .map(|row| {
            view! {
                <tr>
                    <th scope="row" class="nowrap">
                        <WhenView when=row.when />
                        <span class="sub">
                            <LinkView link=row.entry />
                        </span>
                    </th>
                    <td data-label="Cause">{row.cause}</td>
                    <td data-label="Priority">
                        <TagView tag=row.priority />
                    </td>
                    <td data-label="What" class="words">{row.sentence}</td>
                    <td data-label=last class="words">
                        <span class="cluster">
                            {row.outcome.into_iter().map(|link| view! { <LinkView link /> }).collect_view()} {row.note}
                        </span>
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Region label=label>
            <table class="cards">
                <thead>
                    <tr>
                        <th scope="col">"When"</th>
                        <th scope="col">"Cause"</th>
                        <th scope="col">"Priority"</th>
                        <th scope="col">"What"</th>
                        <th scope="col">{last}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </Region>
    }
    .into_any()
}

fn fired(rows: Vec<FiringRow>) -> AnyView {
    let table = if rows.is_empty() {
        view! { <p class="quiet">"Nothing has fired yet."</p> }.into_any()
    } else {
        firing_table("Fired", "Answered by", rows)
    };
    view! {
        <Section id="fired" title="Fired" about="Each started a retraining, where a webhook or a person takes it up.">
            {table}
        </Section>
    }
    .into_any()
}

fn suppressed(rows: Vec<FiringRow>) -> AnyView {
    let table = if rows.is_empty() {
        view! { <p class="quiet">"Nothing was suppressed."</p> }.into_any()
    } else {
        firing_table("Suppressed", "Why not", rows)
    };
    view! {
        <Section id="suppressed" title="Suppressed" about="Would have fired, but a rule held it back; kept with the reason.">
            {table}
        </Section>
    }
    .into_any()
}

/// The bars with their table.
pub(super) fn psi_figures(bars: &[PsiBar], lines: Vec<RowLine>) -> AnyView {
    let table = bars
        .iter()
        .map(|bar| [bar.name.clone(), format!("{:.4}", bar.psi), bar.call.clone()].map(Value::Text).into())
        .collect();
    let headings = ["Feature", "PSI", "The field calls it"].map(str::to_owned).into();
    let exhibit = Exhibit { drawing: Drawing::Rows(psi_rows("Drift by feature", bars, lines)), headings, table };
    view! { <ExhibitView exhibit /> }.into_any()
}

fn drift(seen: DriftSeen) -> AnyView {
    view! {
        <Section id="drift-seen" title="Drift observed last" about=seen.about>
            {psi_figures(&seen.bars, seen.lines)}
        </Section>
    }
    .into_any()
}

fn calendar(routes: Vec<RouteView>) -> AnyView {
    if routes.is_empty() {
        return view! {
            <Section id="calendar" title="Calendar to Production">
                <p class="quiet">"The policy in force has no calendar; an administrator can adopt one that has."</p>
            </Section>
        }
        .into_any();
    }
    let markets = routes
        .into_iter()
        .map(|route| {
            let legs = route
                .legs
                .into_iter()
                .map(|(name, from, until, why)| {
                    view! {
                        <tr>
                            <th scope="row">{name}</th>
                            <td data-label="From" class="nowrap">
                                <WhenView when=from />
                            </td>
                            <td data-label="Until" class="nowrap">
                                <WhenView when=until />
                            </td>
                            <td data-label="Rests on" class="words">{why}</td>
                        </tr>
                    }
                })
                .collect_view();
            let label = format!("Calendar of {}", route.market);
            view! {
                <h3 class="apart">
                    {route.market} ": everybody by " <WhenView when=route.arrives /> {if route.days == 1 { ", 1 day from now".to_owned() } else { format!(", {} days from now", route.days) }}
                </h3>
                <Region label>
                    <table class="cards">
                        <thead>
                            <tr>
                                <th scope="col">"Stretch"</th>
                                <th scope="col">"From"</th>
                                <th scope="col">"Until"</th>
                                <th scope="col">"Rests on"</th>
                            </tr>
                        </thead>
                        <tbody>{legs}</tbody>
                    </table>
                </Region>
            }
        })
        .collect_view();
    view! {
        <Section
            id="calendar"
            title="Calendar to Production"
            about="If a retraining began now. An estimate from the policy's least times and the validators' queue in business days; it promises nothing."
        >
            {markets}
        </Section>
    }
    .into_any()
}

fn maturity((level, criteria): (String, Vec<Requirement>)) -> AnyView {
    view! {
        <Section id="maturity" title="Maturity" about="From what the ledger shows and nothing else; what is missing leads to the next level.">
            <p class="strong">{level}</p>
            <Tasks requirements=criteria />
        </Section>
    }
    .into_any()
}

fn forms(form: TriggerForm, base: &str, errors: Option<&ErrorSummary>) -> AnyView {
    let (configure, retrain) = (format!("{base}/triggers"), format!("{base}/retrain"));
    let fields = [
        Field::text("schedule", "Schedule")
            .hint("Five cron fields in UTC: minute, hour, day of month, month, day of week. Empty for none.")
            .placeholder("0 2 * * 1")
            .value(form.schedule),
        Field::checks("drift", "Drift", form.drift),
        Field::text("psi_threshold", "PSI threshold of this model").hint(form.psi_hint).value(form.psi_threshold),
        Field::area("performance", "Metrics with a floor", 3)
            .hint(
                "One a line: the metric's name, its floor, and the days an observation must cover; such as: auc 0.75 7",
            )
            .value(form.performance),
        Field::text("min_retrain_interval_hours", "Hours between two firings")
            .hint(form.interval_hint)
            .value(form.min_retrain_interval_hours),
    ]
    .into_iter()
    .map(|field| field.errors(errors).view())
    .collect_view();
    let reason = Field::area("reason", "Why", 2).required().value(form.reason).errors(errors).view();
    view! {
        <div class="columns half">
            <Section id="configure" title="Configure">
                <form class="form" method="post" action=configure>
                    {fields}
                    <button class="button primary" type="submit">
                        "Save the triggers"
                    </button>
                </form>
            </Section>
            <Section id="retrain" title="Train again now" about="Fires by hand, unless it fired a moment ago.">
                <form class="form" method="post" action=retrain>
                    {reason}
                    <button class="button" type="submit">
                        "Ask for a retraining"
                    </button>
                </form>
            </Section>
        </div>
    }
    .into_any()
}
