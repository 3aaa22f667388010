//! Reports: what can be exported, for which question.

use app::{
    kit::{Choice, ErrorSummary, FieldError, Link},
    pages::{ReportsView, reports::Export},
};
use axum::{
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use domain::{ModelName, VersionId, VersionNumber, access::Action};
use serde::Deserialize;

use super::{PageError, Viewer, show, show_with, words};
use crate::{
    http::extract::{App, VersionPath},
    storage::{StoreError, registry::ModelFilter},
};

/// Models offered in the form.
const MODELS: u64 = 500;

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
    Ok(ReportsView {
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
                "Every model with tier, requirements, owner, champions and open findings.",
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
        checkpoint: format!("{} entries, sealed {}", head.size, words::when(head.time).text),
        errors,
    })
}

/// The page.
pub async fn page(State(app): State<App>, viewer: Viewer) -> Result<Response, PageError> {
    let view = view(&app, &viewer, &DossierQuery::default(), None).await?;
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
    let view = view(&app, &viewer, &query, Some(ErrorSummary::new("No dossier was made", vec![wrong]))).await?;
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
