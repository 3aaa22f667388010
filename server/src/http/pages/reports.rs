//! Reports: what can be exported, for which question.

use app::{
    kit::{Choice, ErrorSummary, Fact, FieldError, Link, Notice, Tag, Tone, Value},
    pages::{
        ReportJobView, ReportsView,
        report_job::Standing,
        reports::{Export, Input, JobRow, Make},
    },
};
use axum::{
    Form,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use domain::{Event, ModelName, VersionId, VersionNumber, access::Action};
use serde::Deserialize;

use super::{Fields, PageError, Viewer, field, show, show_with, words};
use crate::{
    as_of::read_instant,
    http::{
        api::reports::file,
        extract::{App, VersionPath},
        problem::Problem,
    },
    narrate::count,
    reports::{self, Asked, FORMATS, Job, JobState},
    storage::{StoreError, registry::ModelFilter},
};

/// Models offered in the form.
const MODELS: u64 = 500;
/// Reports listed that were asked for.
const JOBS: u64 = 20;

/// Which dossier.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DossierQuery {
    model: String,
    version: String,
}

async fn view(
    app: &App,
    viewer: &Viewer,
    query: &DossierQuery,
    fields: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> Result<ReportsView, PageError> {
    viewer.may(Action::Export)?;
    let failed = |error: StoreError| viewer.error(error);
    let filter = ModelFilter { limit: MODELS, ..ModelFilter::default() };
    let (models, _) = app.store.models(&filter, app.clock.now()).await.map_err(failed)?;
    let head = app.store.head().await.map_err(failed)?;
    let mut suggested: Vec<Link> = Vec::new();
    for model in &models {
        let mut numbers: Vec<u32> = model.champions.values().copied().collect();
        numbers.dedup();
        suggested.extend(numbers.into_iter().map(|number| {
            Link::new(
                format!("{} v{number}", model.name),
                format!("/models/{}/versions/{number}/dossier.pdf", model.name),
            )
        }));
    }
    suggested.truncate(12);
    let export = |question: &str, title: &str, about: &str, links: Vec<Link>| Export {
        question: question.into(),
        title: title.into(),
        about: about.into(),
        links,
    };
    let names: Vec<(String, String)> = models.iter().map(|model| (model.name.clone(), model.title.clone())).collect();
    let mut markets: Vec<String> = models.iter().flat_map(|model| model.markets.clone()).collect();
    markets.sort();
    markets.dedup();
    let jobs = reports::list(app, &viewer.principal.account, JOBS).await.map_err(failed)?;
    Ok(ReportsView {
        makes: makes(&names, &markets, fields),
        jobs: jobs.iter().map(job_row).collect(),
        models: models
            .iter()
            .map(|model| Choice::new(model.name.clone(), model.title.clone()).chosen_if(model.name == query.model))
            .collect(),
        version: query.version.clone(),
        markets: vec![Choice::new("", "All")],
        exports: vec![
            export(
                "Did anybody rewrite the story?",
                "The ledger",
                "Every entry, the Merkle tree, the signed checkpoint and the evidence files: unpack it and run countersign verify on the folder, without this server.",
                vec![
                    Link::new("With evidence (tar)", "/api/v1/ledger/export"),
                    Link::new("Without evidence (tar)", "/api/v1/ledger/export?omit_evidence=true"),
                ],
            ),
            export(
                "Which models are there, and who answers for them?",
                "Model inventory",
                "Every model with status, tier and why, owner, champions, validations, findings, exceptions and attestation.",
                vec![Link::new("CSV", "/models.csv"), Link::new("JSON", "/api/v1/models?limit=200")],
            ),
            export(
                "Which rules were in force?",
                "Policy",
                "The policy in force, as it was adopted.",
                vec![Link::new("JSON", "/api/v1/policy")],
            ),
        ],
        suggested,
        checkpoint: format!("{}, sealed {}", count(head.size, "entry", "entries"), words::when(head.time).text),
        errors,
    })
}

/// The forms of the reports that can be asked for, with what was typed.
fn makes(models: &[(String, String)], markets: &[String], fields: &[(String, String)]) -> Vec<Make> {
    let typed = |report: &str, name: &str| field(fields, &format!("{report}-{name}")).to_owned();
    let make = |report: &str, title: &str, question: &str, inputs: &[&str]| Make {
        report: report.to_owned(),
        question: question.to_owned(),
        title: title.to_owned(),
        inputs: inputs
            .iter()
            .map(|input| {
                let (name, label, kind) = match *input {
                    "model" | "some_model" => ("model", "Model", "select"),
                    "market" => ("market", "Market", "select"),
                    "event" => ("event", "Event", "select"),
                    "version" => ("version", "Version", "text"),
                    "at" => ("at", "Instant (UTC)", "datetime-local"),
                    "from" => ("from", "From", "date"),
                    _ => ("until", "To, that day included", "date"),
                };
                let value = typed(report, name);
                let choices = match *input {
                    "model" => {
                        choices(None, models.iter().map(|(name, title)| (name.as_str(), title.as_str())), &value)
                    }
                    "some_model" => {
                        let models = models.iter().map(|(name, title)| (name.as_str(), title.as_str()));
                        choices(Some("All models"), models, &value)
                    }
                    "market" => choices(None, markets.iter().map(|market| (market.as_str(), market.as_str())), &value),
                    "event" => choices(Some("Any"), Event::KINDS.iter().map(|kind| (*kind, *kind)), &value),
                    _ => Vec::new(),
                };
                Input { name: name.into(), label: label.into(), choices, value, kind: kind.into() }
            })
            .collect(),
    };
    vec![
        make("model_inventory", "Model inventory", "Which models are there, who answers for them, what serves?", &[]),
        make(
            "as_of",
            "As-of statement",
            "Which version served which market at an instant, approved by whom?",
            &["at", "some_model"],
        ),
        make("market_timeline", "Market timeline", "What happened to a model in one market?", &["model", "market"]),
        make(
            "dpia",
            "Impact assessment (DPIA)",
            "What does the processing do to people, what was decided, and on what grounds?",
            &["model"],
        ),
        make("validation", "Validation report", "What did the independent validation find?", &["model", "version"]),
        make(
            "audit_extract",
            "Audit extract",
            "What was recorded, by whom, and when?",
            &["some_model", "event", "from", "until"],
        ),
    ]
}

fn choices<'c>(first: Option<&str>, known: impl Iterator<Item = (&'c str, &'c str)>, chosen: &str) -> Vec<Choice> {
    let first = first.map(|label| Choice::new("", label));
    let known = known.map(|(value, label)| Choice::new(value, label).chosen_if(value == chosen));
    first.into_iter().chain(known).collect()
}

fn state_tag(job: &Job) -> Tag {
    match job.state {
        JobState::Waiting => Tag::new(Tone::Neutral, "waiting"),
        JobState::Running => Tag::new(Tone::Active, "in the making"),
        JobState::Done => Tag::new(Tone::Good, "ready"),
        JobState::Failed => Tag::new(Tone::Bad, "not made"),
        JobState::Withdrawn => Tag::new(Tone::Quiet, "withdrawn"),
    }
}

fn links(job: &Job) -> Vec<Link> {
    if job.state != JobState::Done {
        return Vec::new();
    }
    let link = |format: &str| Link::new(format.to_uppercase(), format!("/reports/{}/{format}", job.id));
    FORMATS.iter().map(|(format, _)| link(format)).collect()
}

fn job_row(job: &Job) -> JobRow {
    JobRow {
        report: Link::new(format!("{}: {}", job.asked.kind(), job.asked.about()), format!("/reports/{}", job.id)),
        when: words::when(job.created_at),
        state: state_tag(job),
        links: links(job),
    }
}

/// Reads which report a form asks for.
fn read_asked(fields: &[(String, String)]) -> Result<Asked, FieldError> {
    let report = field(fields, "report");
    let name = |name: &str| format!("{report}-{name}");
    let text = |key: &str| field(fields, &name(key)).trim().to_owned();
    let wrong = |key: &str, why: String| FieldError::field(name(key), why);
    let model = || text("model").parse::<ModelName>().map_err(|error| wrong("model", error.to_string()));
    let some_model = || if text("model").is_empty() { Ok(None) } else { model().map(Some) };
    let day = |key: &str| -> Result<Option<::ledger::Timestamp>, FieldError> {
        let text = text(key);
        if text.is_empty() { Ok(None) } else { read_instant(&text).map(Some).map_err(|why| wrong(key, why)) }
    };
    Ok(match report {
        "model_inventory" => Asked::ModelInventory {},
        "as_of" => Asked::AsOf { at: read_instant(&text("at")).map_err(|why| wrong("at", why))?, model: some_model()? },
        "market_timeline" => {
            let market =
                text("market").parse().map_err(|error: domain::id::IdError| wrong("market", error.to_string()))?;
            Asked::MarketTimeline { model: model()?, market }
        }
        "dpia" => Asked::Dpia { model: model()? },
        "validation" => {
            let version = text("version").trim_start_matches('v').parse::<VersionNumber>();
            Asked::Validation {
                model: model()?,
                version: version.map_err(|error| wrong("version", error.to_string()))?,
            }
        }
        "audit_extract" => Asked::AuditExtract {
            model: some_model()?,
            event: Some(text("event")).filter(|event| !event.is_empty()),
            // A date is read as its last instant: one day earlier, that is the begin of the day asked for.
            from: day("from")?.map(|end| end.plus_days(-1).plus_micros(1)),
            until: day("until")?.map(|end| end.plus_micros(1)),
        },
        _ => return Err(FieldError::general("Choose one of the reports below.", None)),
    })
}

/// Asks for a report.
pub async fn ask(State(app): State<App>, viewer: Viewer, Form(fields): Fields) -> Result<Response, PageError> {
    viewer.may(Action::Export)?;
    let read = read_asked(&fields).and_then(|asked| match asked.wrong() {
        Some(wrong) => Err(FieldError::field(format!("{}-{}", field(&fields, "report"), wrong.what), wrong.message)),
        None => Ok(asked),
    });
    match read {
        Ok(asked) => {
            let job = reports::ask(&app, &viewer.principal.account, &asked).await;
            let job = job.map_err(|error| viewer.error(error))?;
            Ok(Redirect::to(&format!("/reports/{}", job.id)).into_response())
        }
        Err(wrong) => {
            let errors = Some(ErrorSummary::new("No report was asked for", vec![wrong]));
            let view = view(&app, &viewer, &DossierQuery::default(), &fields, errors).await?;
            show_with(StatusCode::UNPROCESSABLE_ENTITY, &viewer.frame, view).await
        }
    }
}

async fn own_job(app: &App, viewer: &Viewer, id: &str) -> Result<Job, PageError> {
    viewer.may(Action::Export)?;
    let job = reports::find(app, &viewer.principal.account, id).await.map_err(|error| viewer.error(error))?;
    let gone = || viewer.error(Problem::not_found("There is no such report of yours; reports are kept for 30 days."));
    job.ok_or_else(gone)
}

/// A report in the making.
pub async fn job(State(app): State<App>, viewer: Viewer, Path(id): Path<String>) -> Result<Response, PageError> {
    let job = own_job(&app, &viewer, &id).await?;
    let standing = match job.state {
        JobState::Waiting | JobState::Running => Standing::Running(job.done, job.total),
        JobState::Done => Standing::Done(links(&job)),
        JobState::Failed => Standing::Failed(
            Notice::new(Tone::Bad, "The report could not be made").with_body(job.problem.clone().unwrap_or_default()),
        ),
        JobState::Withdrawn => Standing::Failed(
            Notice::new(Tone::Neutral, "The report was withdrawn").with_body(job.problem.clone().unwrap_or_default()),
        ),
    };
    let view = ReportJobView {
        title: format!("{}: {}", job.asked.kind(), job.asked.about()),
        facts: vec![
            Fact::new("Asked for", Value::When(words::when(job.created_at))),
            Fact::new("State", Value::Tag(state_tag(&job))),
        ],
        id: job.id,
        standing,
    };
    show(&viewer.frame, view).await
}

/// A file of a report.
pub async fn fetch(
    State(app): State<App>,
    viewer: Viewer,
    Path((id, format)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let job = own_job(&app, &viewer, &id).await?;
    file(&app, &job, &format).await.map_err(|problem| viewer.error(problem))
}

/// The page.
pub async fn page(State(app): State<App>, viewer: Viewer) -> Result<Response, PageError> {
    let view = view(&app, &viewer, &DossierQuery::default(), &[], None).await?;
    show(&viewer.frame, view).await
}

/// From the form to the dossier.
pub async fn dossier_of(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<DossierQuery>,
) -> Result<Response, PageError> {
    let id = query.model.parse::<ModelName>().map_err(|error| FieldError::field("model", error.to_string())).and_then(
        |model| {
            let number = query.version.trim().trim_start_matches('v').parse::<VersionNumber>();
            let number = number.map_err(|error| FieldError::field("version", error.to_string()))?;
            Ok(VersionId { model, number })
        },
    );
    let wrong = match id {
        Ok(id) => match app.version(&id).await.map_err(|error| viewer.error(error))? {
            Some(_) => return Ok(Redirect::to(&format!("{}/dossier.pdf", words::version_href(&id))).into_response()),
            None => FieldError::field("version", format!("{id} is not registered.")),
        },
        Err(wrong) => wrong,
    };
    let view = view(&app, &viewer, &query, &[], Some(ErrorSummary::new("No dossier was made", vec![wrong]))).await?;
    show_with(StatusCode::UNPROCESSABLE_ENTITY, &viewer.frame, view).await
}

/// The dossier of a version.
pub async fn dossier(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
) -> Result<Response, PageError> {
    viewer.may(Action::Export)?;
    let pdf = crate::dossier::render(&app, &id).await.map_err(|problem| viewer.error(problem))?;
    let name = format!("inline; filename=\"{}-{}-dossier.pdf\"", id.model, id.number);
    Ok(([(header::CONTENT_TYPE, "application/pdf".to_owned()), (header::CONTENT_DISPOSITION, name)], pdf)
        .into_response())
}
