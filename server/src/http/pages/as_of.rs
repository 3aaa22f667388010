//! Any past instant.

use app::{
    kit::{Choice, ErrorSummary, Fact, FieldError, Link, Tag, Tone, Value},
    pages::{
        AsOfView,
        as_of::{AsOfAnswer, GrantedStep, ServingGrounds, ServingRow},
    },
};
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use domain::{
    ModelName, VersionId,
    access::Action,
    as_of::{Grounds, Serving},
};
use ledger::Timestamp;
use serde::Deserialize;

use super::{PageError, Viewer, show, show_with, words};
use crate::{
    accounts::Names,
    as_of::{Past, PastError, past, read_instant},
    http::extract::App,
    storage::{StoreError, registry::ModelFilter},
};

/// Models offered in the form.
const MODELS: u64 = 500;

/// Which instant, of which model.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AsOfQuery {
    at: String,
    model: String,
}

/// An instant as the browser's input takes it.
fn minute(at: Timestamp) -> String {
    words::when(at).iso.chars().take(16).collect()
}

fn entry(seq: u64) -> Link {
    Link::new(format!("entry {seq}"), format!("/ledger/{seq}"))
}

/// The page.
pub async fn page(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<AsOfQuery>,
) -> Result<Response, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let failed = |error: StoreError| viewer.error(error);
    let filter = ModelFilter { limit: MODELS, ..ModelFilter::default() };
    let (models, _) = app.store.models(&filter, app.clock.now()).await.map_err(failed)?;
    let all = Choice::new("", "All models").chosen_if(query.model.is_empty());
    let choices = models
        .iter()
        .map(|model| Choice::new(model.name.clone(), model.title.clone()).chosen_if(model.name == query.model));
    let mut view = AsOfView {
        at: if query.at.is_empty() { minute(app.clock.now()) } else { query.at.clone() },
        models: [all].into_iter().chain(choices).collect(),
        answer: None,
        errors: None,
    };
    if query.at.is_empty() {
        return show(&viewer.frame, view).await;
    }
    match ask(&app, &query).await {
        Ok(past) => {
            view.at = minute(past.at);
            view.answer = Some(answer(&app, &past).await.map_err(failed)?);
            show(&viewer.frame, view).await
        }
        Err(Asked::Wrong(field)) => {
            view.errors = Some(ErrorSummary::new("Nothing can be told of that instant", vec![field]));
            show_with(StatusCode::UNPROCESSABLE_ENTITY, &viewer.frame, view).await
        }
        Err(Asked::Failed(error)) => Err(failed(error)),
    }
}

enum Asked {
    Wrong(FieldError),
    Failed(StoreError),
}

async fn ask(app: &App, query: &AsOfQuery) -> Result<Past, Asked> {
    let wrong = |field: &str, why: String| Asked::Wrong(FieldError::field(field, why));
    let at = read_instant(&query.at).map_err(|why| wrong("at", why))?;
    let model = match query.model.as_str() {
        "" => None,
        name => Some(name.parse::<ModelName>().map_err(|error| wrong("model", error.to_string()))?),
    };
    past(app, at, model.as_ref()).await.map_err(|error| match error {
        PastError::Store(error) => Asked::Failed(error),
        other => wrong("at", other.to_string()),
    })
}

async fn answer(app: &App, past: &Past) -> Result<AsOfAnswer, StoreError> {
    let mut people: Vec<String> = Vec::new();
    for grounds in past.models.iter().flat_map(|model| &model.serving).filter_map(|serving| serving.grounds.as_ref()) {
        people.extend(grounds.validation.iter().map(|validation| validation.author.to_string()));
        for step in &grounds.steps {
            people.push(step.requested_by.to_string());
            people.extend(step.approvals.iter().map(|approval| approval.signer.to_string()));
        }
    }
    let names = app.names(people.iter().map(String::as_str)).await?;
    let mut facts = vec![
        Fact::text("Entries in the ledger", past.size.to_string()),
        Fact::new("Root of the tree over them", Value::Digest(words::digest(&past.root))),
    ];
    if let Some(policy) = &past.policy {
        facts.push(Fact::text("Policy in force", format!("{}, since {}", policy.title, words::day(policy.since).text)));
        facts.push(Fact::new("Adopted by", Value::Link(entry(policy.entry))));
    }
    let at = minute(past.at);
    let mut rows = Vec::new();
    let mut grounds = Vec::new();
    for model in &past.models {
        for serving in &model.serving {
            let id = VersionId { model: model.name.clone(), number: serving.version };
            rows.push(ServingRow {
                model: Link::new(model.title.clone(), format!("/as-of?at={at}&model={}", model.name)),
                market: serving.market.to_string(),
                version: Link::new(format!("v{}", serving.version), words::version_href(&id)),
                since: words::when(serving.since),
                entry: entry(serving.entry),
                standby: serving.standby.as_ref().map(|standby| format!("v{}", standby.version)),
            });
            if let Some(found) = &serving.grounds {
                grounds.push(told(serving, found, &names));
            }
        }
    }
    Ok(AsOfAnswer { when: words::when(past.at), facts, rows, grounds })
}

fn told(serving: &Serving, grounds: &Grounds, names: &Names) -> ServingGrounds {
    let mut facts = Vec::new();
    if let Some(weights) = &grounds.weights_digest {
        facts.push(Fact::new("Weights", Value::Digest(words::digest(weights))));
    }
    if let Some(commit) = &grounds.git_commit {
        facts.push(Fact::new("Git commit", Value::Mono(commit.clone())));
    }
    if let Some(data) = &grounds.data_version {
        facts.push(Fact::new("Data version", Value::Mono(data.clone())));
    }
    match &grounds.validation {
        None => facts.push(Fact::text("Validation in force", "none was recorded")),
        Some(report) => {
            let author = names.of(report.author.as_str());
            let day = words::day(report.recorded_at).text;
            facts.push(Fact::text("Validation in force", format!("{}, {author}, {day}", report.outcome.title())));
            facts.push(Fact::new("Recorded by", Value::Link(entry(report.entry))));
        }
    }
    let open: Vec<String> = grounds
        .open_findings
        .iter()
        .map(|finding| format!("{} ({}): {}", finding.number, finding.severity.id(), finding.title))
        .collect();
    facts.push(Fact::text("Open findings", if open.is_empty() { "none".to_owned() } else { open.join("; ") }));
    let steps = grounds.steps.iter().map(|step| GrantedStep {
        target: words::target(step.to, step.market.as_ref()),
        requested_by: names.of(step.requested_by.as_str()),
        when: words::when(step.granted_at),
        entry: entry(step.entry),
        approvals: step
            .approvals
            .iter()
            .map(|approval| {
                let who = format!("{}, {}", names.of(approval.signer.as_str()), approval.role.title());
                (Tag::new(Tone::Good, who), approval.meaning.clone(), entry(approval.entry))
            })
            .collect(),
    });
    ServingGrounds { title: format!("{}: v{}", serving.market, serving.version), facts, steps: steps.collect() }
}
