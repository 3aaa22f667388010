//! A model's or version's way through the stages, drawn like a railway line: a shared track, then one for each market.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::glyph::{Glyph, Shape};

/// How a stop on the line relates to what the line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// Behind.
    Passed,
    /// It stands here.
    Here,
    /// The next stop.
    Next,
    /// Further ahead.
    Ahead,
    /// The way ended here.
    Left,
    /// The way ended before it.
    NotReached,
}

impl Standing {
    fn class(self) -> &'static str {
        match self {
            Self::Passed => "stop passed",
            Self::Here => "stop here",
            Self::Next => "stop next",
            Self::Ahead | Self::NotReached => "stop ahead",
            Self::Left => "stop left",
        }
    }

    fn shape(self) -> Shape {
        match self {
            Self::Passed => Shape::Done,
            Self::Here => Shape::Here,
            Self::Next | Self::Ahead | Self::Left | Self::NotReached => Shape::Ring,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Here => "here now",
            Self::Next => "next",
            Self::Ahead => "to come",
            Self::Left => "ended here",
            Self::NotReached => "not reached",
        }
    }
}

/// What a version is to the market that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopRole {
    /// On its way.
    Candidate,
    /// Serves the market.
    Champion,
    /// Kept ready to take over again.
    Standby,
}

/// A version that stands at a stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopVersion {
    /// Such as "v4".
    pub label: String,
    /// Its page.
    pub href: String,
    /// What it is there.
    pub role: StopRole,
}

/// A stage on the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The stage's name.
    pub stage: String,
    /// How it relates to the subject.
    pub standing: Standing,
    /// A few words: "since 3 Nov", "2 of 6 missing".
    pub note: Option<String>,
    /// Versions that stand here; for a model's line.
    pub versions: Vec<StopVersion>,
}

/// One market's track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketLine {
    /// The market's code.
    pub market: String,
    /// Shadow, Canary, Production.
    pub stops: Vec<Stop>,
}

impl MarketLine {
    fn reached(&self) -> bool {
        self.stops.iter().any(|stop| matches!(stop.standing, Standing::Passed | Standing::Here | Standing::Left))
    }
}

/// The whole line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackLine {
    /// None and Staging.
    pub shared: Vec<Stop>,
    /// A track for each market of the model.
    pub markets: Vec<MarketLine>,
}

/// A [`TrackLine`], across on wide screens and down on narrow ones.
#[component]
pub fn Line(
    /// The line.
    line: TrackLine,
    /// What the line shows; its accessible name.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    let reached: Vec<bool> = line.markets.iter().map(MarketLine::reached).collect();
    let branches = line
        .markets
        .into_iter()
        .enumerate()
        .map(|(index, market)| {
            let class = match (reached[index], reached[index + 1..].contains(&true)) {
                (true, true) => "reached through",
                (true, false) => "reached",
                (false, true) => "through",
                (false, false) => "",
            };
            view! {
                <li class=class>
                    <span class="market">{market.market}</span>
                    <ol role="list">{market.stops.into_iter().map(stop_view).collect_view()}</ol>
                </li>
            }
        })
        .collect_view();
    view! {
        <div class="line" role="group" aria-label=label>
            <ol class="shared" role="list">
                {line.shared.into_iter().map(stop_view).collect_view()}
            </ol>
            <ul class="branches" role="list">
                {branches}
            </ul>
        </div>
    }
}

fn stop_view(stop: Stop) -> AnyView {
    let chips = stop
        .versions
        .into_iter()
        .map(|version| {
            let (class, shape, word) = match version.role {
                StopRole::Candidate => ("chip", None, None),
                StopRole::Champion => ("chip champion", Some(Shape::Diamond), Some("champion")),
                StopRole::Standby => ("chip standby", Some(Shape::Half), Some("standby")),
            };
            view! {
                <a class=class href=version.href>
                    {shape.map(|shape| view! { <Glyph shape size=10 /> })}
                    {version.label}
                    {word.map(|word| view! { <span>{word}</span> })}
                </a>
            }
        })
        .collect_view();
    view! {
        <li class=stop.standing.class()>
            <span class="dot">
                <Glyph shape=stop.standing.shape() size=18 />
            </span>
            <span class="name">
                {stop.stage}
                <span class="hidden-visually">{format!(" ({})", stop.standing.word())}</span>
            </span>
            {stop.note.map(|note| view! { <span class="at">{note}</span> })}
            <span class="chips">{chips}</span>
        </li>
    }
    .into_any()
}
