//! What was made of an input, and whose users it reached.

use app::{
    kit::{Choice, ErrorSummary, FieldError, Link, Tag, Tone},
    pages::{
        ImpactView,
        impact::{ImpactAnswer, ImpactRow, ServiceRow},
    },
};
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use domain::{
    Stage,
    access::Action,
    impact::{Input, InputKind},
};

use super::{PageError, Viewer, show, show_with, words};
use crate::{
    http::extract::App,
    impact::{self, Affected, Impact, ImpactQuery, PAGE, Service},
    storage::{StoreError, impact::Reach},
};

/// Datasets offered where nothing was asked.
const DATASETS: u64 = 40;

fn kinds(chosen: &str) -> Vec<Choice> {
    InputKind::ALL.into_iter().map(|kind| Choice::new(kind.id(), kind.title()).chosen_if(kind.id() == chosen)).collect()
}

fn reaches(chosen: &str) -> Vec<Choice> {
    let title = |reach| match reach {
        Reach::Any => "Every version",
        Reach::Ever => "That ever answered users",
        Reach::Now => "That answer users now",
    };
    Reach::ALL.into_iter().map(|reach| Choice::new(reach.id(), title(reach)).chosen_if(reach.id() == chosen)).collect()
}

/// An input in words, such as "Dataset plays at 2026-10-01".
pub fn title(input: &Input) -> String {
    let value = if input.kind.is_hex() { input.value.chars().take(12).collect() } else { input.value.clone() };
    match (input.kind, input.part.as_str()) {
        (InputKind::Partition, part) => format!("Dataset {value} at {part}"),
        (InputKind::Parent, model) => format!("Version {value} of {model}, as parent"),
        (InputKind::Run, "") => format!("Training run {value}"),
        (InputKind::Run, system) => format!("Training run {value} in {system}"),
        (kind, _) => format!("{} {value}", kind.title()),
    }
}

fn service(model: &str, service: &Service) -> ServiceRow {
    ServiceRow {
        market: Link::new(service.market.clone(), format!("/rollouts/{model}/{}", service.market)),
        share: match service.until {
            None => format!("{} % of users", service.percent),
            Some(_) => format!("up to {} % of users", service.peak),
        },
        since: words::when(service.since),
        until: service.until.map(words::when),
        entry: words::entry_link(service.entry),
    }
}

/// The furthest stage in any market.
fn stage(id: &str) -> Tag {
    match id.parse().unwrap_or(Stage::None) {
        Stage::None => Tag::new(Tone::Neutral, "Registered"),
        Stage::Production => Tag::new(Tone::Serving, Stage::Production.title()),
        Stage::Archived => Tag::new(Tone::Quiet, Stage::Archived.title()),
        stage => Tag::new(Tone::Active, stage.title()),
    }
}

fn row(affected: &Affected) -> ImpactRow {
    let of = |services: &[Service]| services.iter().map(|one| service(&affected.model, one)).collect();
    ImpactRow {
        version: Link::new(
            format!("{} v{}", affected.model, affected.version),
            format!("/models/{}/versions/{}/lineage", affected.model, affected.version),
        ),
        stage: stage(&affected.stage),
        registered: words::when(affected.registered_at),
        serves: of(&affected.serves),
        served: of(&affected.served),
    }
}

fn page_href(query: &ImpactQuery, after: u64) -> String {
    let asked =
        [("what", query.what.as_str()), ("value", &query.value), ("part", &query.part), ("served", &query.served)];
    words::list_href("/lineage", asked, after)
}

fn answer(query: &ImpactQuery, found: &Impact) -> ImpactAnswer {
    let serving = found.versions.iter().filter(|version| !version.serves.is_empty()).count();
    let shown = found.versions.len();
    let summary = match (found.total, serving) {
        (0, _) => String::new(),
        (_, 0) => format!("{} made of it; of those shown, none answers users now.", found.count()),
        (_, 1) => format!("{} made of it; of those shown, 1 answers users now.", found.count()),
        (_, many) => format!("{} made of it; of those shown, {many} answer users now.", found.count()),
    };
    ImpactAnswer {
        title: title(&found.input),
        summary,
        rows: found.versions.iter().map(row).collect(),
        pager: words::pager(query.after, shown, found.total, "versions", |after| page_href(query, after)),
    }
}

/// The page.
pub async fn page(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<ImpactQuery>,
) -> Result<Response, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let failed = |error: StoreError| viewer.error(error);
    let mut view = ImpactView {
        kinds: kinds(&query.what),
        value: query.value.clone(),
        part: query.part.clone(),
        served: reaches(&query.served),
        ..ImpactView::default()
    };
    if query.value.is_empty() && query.what.is_empty() {
        let datasets = app.store.datasets(DATASETS).await.map_err(failed)?;
        let link = |name: String| Link::new(name.clone(), impact::href(InputKind::Dataset, &name, ""));
        view.datasets = datasets.into_iter().map(link).collect();
        return show(&viewer.frame, view).await;
    }
    match query.read() {
        Ok(asked) => {
            let found = impact::find(&app.store, asked, (query.after, PAGE)).await.map_err(failed)?;
            view.answer = Some(answer(&query, &found));
            show(&viewer.frame, view).await
        }
        Err(wrong) => {
            let field = FieldError::field(wrong.field, wrong.why);
            view.errors = Some(ErrorSummary::new("Nothing was looked for", vec![field]));
            show_with(StatusCode::UNPROCESSABLE_ENTITY, &viewer.frame, view).await
        }
    }
}
