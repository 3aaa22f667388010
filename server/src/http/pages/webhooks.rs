//! Webhooks: endpoints, what was given up, the form.

use app::{
    kit::{ErrorSummary, Tag, Tone},
    pages::{
        WebhooksView,
        webhooks::{DeadRow, EndpointRow, WebhookForm},
    },
};
use axum::{
    Form,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::{access::Action, webhook::Filter};

use super::{Fields, PageError, Viewer, done, field, refuse, show, show_with, words};
use crate::{
    http::{
        api::webhooks::{WebhookView, all},
        extract::App,
        problem::Problem,
    },
    storage::StoreError,
};

/// Deliveries given up that are shown of each endpoint.
const SHOWN: u64 = 20;

fn news(filter: &Filter) -> String {
    let events = if filter.events.is_empty() { "Every event".to_owned() } else { filter.events.join(", ") };
    match &filter.model {
        Some(model) => format!("{events} of {model}"),
        None => events,
    }
}

fn state(view: &WebhookView) -> Tag {
    match (view.dead, view.pending) {
        (0, 0) => Tag::new(Tone::Good, "all delivered"),
        (0, pending) => Tag::new(Tone::Active, format!("{pending} on their way")),
        (dead, _) => Tag::new(Tone::Bad, format!("{dead} given up")),
    }
}

async fn view(
    app: &App,
    viewer: &Viewer,
    typed: &[(String, String)],
    secret: Option<(&str, String)>,
    errors: Option<ErrorSummary>,
) -> Result<WebhooksView, PageError> {
    let now = app.clock.now();
    let endpoints = all(app).await.map_err(|problem| viewer.error(problem))?;
    let mut dead = Vec::new();
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.dead > 0) {
        let found = app.store.deliveries(&endpoint.id, "dead", SHOWN).await;
        let found = found.map_err(|error: StoreError| viewer.error(error))?;
        dead.extend(found.into_iter().map(|delivery| DeadRow {
            webhook: delivery.webhook,
            label: endpoint.endpoint.label.clone(),
            entry: words::entry_link(delivery.seq),
            seq: delivery.seq,
            attempts: delivery.attempts,
            ended: delivery.ended_at.map(words::when),
            error: delivery.error.unwrap_or_default(),
        }));
    }
    let rows = endpoints
        .into_iter()
        .map(|view| EndpointRow {
            state: state(&view),
            overlap: view.endpoint.overlap(now).map(words::when),
            id: view.id,
            label: view.endpoint.label,
            host: view.endpoint.host,
            news: news(&view.endpoint.filter),
            since: words::when(view.endpoint.registered_at),
            dead: view.dead,
        })
        .collect();
    let text = |name: &str| field(typed, name).to_owned();
    let form = WebhookForm { label: text("label"), url: text("url"), events: text("events"), model: text("model") };
    let secret = secret.map(|(done, secret)| (done.to_owned(), secret));
    Ok(WebhooksView { endpoints: rows, dead, secret, form, errors })
}

/// The endpoints.
pub async fn page(State(app): State<App>, viewer: Viewer) -> Result<Response, PageError> {
    viewer.may(Action::ManageWebhooks)?;
    let view = view(&app, &viewer, &[], None, None).await?;
    show(&viewer.frame, view).await
}

fn filter(fields: &[(String, String)]) -> Result<Filter, Problem> {
    let events = field(fields, "events").split([' ', ',', '\n', '\r', '\t']).filter(|event| !event.is_empty());
    let model = match field(fields, "model").trim() {
        "" => None,
        name => Some(name.parse().map_err(|error| refuse("model", format!("{error}.")))?),
    };
    Ok(Filter { events: events.map(str::to_owned).collect(), model })
}

/// Registers an endpoint; its secret is shown on the answering page, this once.
pub async fn register(State(app): State<App>, viewer: Viewer, Form(fields): Fields) -> Result<Response, PageError> {
    viewer.may(Action::ManageWebhooks)?;
    let outcome = async {
        let (label, url) = (field(&fields, "label").to_owned(), field(&fields, "url").trim());
        Ok::<_, Problem>(app.register_webhook(viewer.caller.clone(), label, url, filter(&fields)?).await?)
    };
    match outcome.await {
        Ok(new) => {
            let view = view(&app, &viewer, &[], Some(("The endpoint is registered.", new.secret)), None).await?;
            show(&viewer.frame, view).await
        }
        Err(problem) => {
            let view = view(&app, &viewer, &fields, None, Some(words::summary(&problem, &[]))).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

/// Changes an endpoint's secret; the new one is shown on the answering page, this once.
pub async fn rotate(
    State(app): State<App>,
    viewer: Viewer,
    Path(id): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    viewer.may(Action::ManageWebhooks)?;
    let overlap = if field(&fields, "overlap") == "none" { Some(0) } else { None };
    match app.rotate_webhook(viewer.caller.clone(), &id, overlap).await.map_err(Problem::from) {
        Ok(new) => {
            let view = view(&app, &viewer, &[], Some(("The secret is changed.", new.secret)), None).await?;
            show(&viewer.frame, view).await
        }
        Err(problem) => {
            let view = view(&app, &viewer, &[], None, Some(words::summary(&problem, &[]))).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

/// Removes an endpoint.
pub async fn remove(State(app): State<App>, viewer: Viewer, Path(id): Path<String>) -> Result<Response, PageError> {
    viewer.may(Action::ManageWebhooks)?;
    let receipt = app.remove_webhook(viewer.caller.clone(), &id).await.map_err(|error| viewer.error(error))?;
    Ok(done("/webhooks", &receipt))
}

/// Has what was given up sent again: one entry's delivery, or all of them.
pub async fn replay(
    State(app): State<App>,
    viewer: Viewer,
    Path(id): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    viewer.may(Action::ManageWebhooks)?;
    if !app.webhooks().await.map_err(|error| viewer.error(error))?.endpoints.contains_key(&id) {
        return Err(viewer.error(Problem::not_found("There is no such webhook; it may have been removed.")));
    }
    let seq = field(&fields, "seq").parse().ok();
    app.store.replay_deliveries(&id, seq, app.clock.now()).await.map_err(|error| viewer.error(error))?;
    Ok(Redirect::to("/webhooks").into_response())
}
