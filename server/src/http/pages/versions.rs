//! One version: overview with exactly what is missing, requests, archiving; and registering a new one.

mod signatures;
mod way;

use app::{
    kit::{ErrorSummary, Fact, Link, Tag, Tone, Value},
    pages::{
        OverviewView, VersionHead, VersionNewView,
        version::{RequestFacts, StepPanel},
    },
};
use axum::{
    Form,
    extract::{Multipart, Path, State},
    response::Response,
};
use domain::{
    Command, Market, Stage, VersionId,
    access::{self, Action},
    approval::Package,
    command::{ArchiveVersion, RegisterVersion, RequestPromotion},
    decide::may_sign,
    lineage::Lineage,
    promotion::{Question, Request, missing_before_request},
    trigger::Cause,
};

use super::{Fields, PageError, Viewer, done, field, refuse, show, show_with, words};
use crate::{
    accounts::Names,
    http::{
        api::models::model_name,
        extract::{App, VersionPath},
        problem::Problem,
    },
    service::Shelf,
    storage::{StoreError, log::EntryFilter},
};

/// The version that a page is about, or the page that says there is none.
pub async fn shelf(app: &App, viewer: &Viewer, id: &VersionId) -> Result<Shelf, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let shelf = app.version(id).await.map_err(|error| viewer.error(error))?;
    shelf.ok_or_else(|| viewer.error(Problem::not_found(format!("{id} is not registered."))))
}

/// Judges a promotion on the state of a shelf.
pub fn question<'s>(app: &App, shelf: &'s Shelf, to: Stage, market: Option<&'s Market>) -> Question<'s> {
    crate::http::api::promotions::question(app, shelf, to, market)
}

/// Where the viewer can sign a request now, if the rules of signing let them.
fn sign_href(app: &App, shelf: &Shelf, viewer: &Viewer, request: &Request) -> Option<String> {
    let question = question(app, shelf, request.to, request.market.as_ref());
    let gate = question.gate().ok()?;
    let mut roles = gate.sign_offs.iter().map(|slot| slot.role);
    roles
        .any(|role| may_sign(&question, request, &viewer.principal, role).is_ok())
        .then(|| format!("{}/sign?request={}", words::version_href(&shelf.version.id), request.number))
}

/// The head that every page of a version shares.
pub fn head(app: &App, shelf: &Shelf, viewer: &Viewer) -> VersionHead {
    let (model, version) = (&shelf.model, &shelf.version);
    let id = &version.id;
    let profile = shelf.policy.policy.profiles.get(&model.profile);
    VersionHead {
        model: id.model.to_string(),
        model_title: model.title.clone(),
        number: id.number.get(),
        standings: words::standings(model, version),
        labels: vec![
            format!("Tier {}", model.tier.id()),
            profile.map_or_else(|| model.profile.to_string(), |profile| profile.title.clone()),
        ],
        revision: version.revision,
        evidence_count: u32::try_from(version.evidence.len()).unwrap_or(u32::MAX),
        open_findings: u32::try_from(version.findings.iter().filter(|finding| finding.is_open()).count())
            .unwrap_or(u32::MAX),
        sign_href: version.requests.iter().find_map(|request| sign_href(app, shelf, viewer, request)),
        events_href: Some(format!("/api/v1/events?model={}&version={}", id.model, id.number)),
    }
}

/// The stops ahead of a version: the shared one, or one in each market.
pub fn next_steps(shelf: &Shelf) -> Vec<(Stage, Option<Market>)> {
    match shelf.version.stage {
        Stage::Archived => Vec::new(),
        Stage::None => vec![(Stage::Staging, None)],
        _ => shelf
            .model
            .markets
            .iter()
            .filter_map(|market| shelf.version.stage_in(Some(market)).next().map(|next| (next, Some(market.clone()))))
            .collect(),
    }
}

fn steps(app: &App, shelf: &Shelf, viewer: &Viewer, names: &Names) -> Vec<StepPanel> {
    let can_ask = viewer.can(Action::RequestPromotion);
    let profile = shelf.policy.policy.profiles.get(&shelf.model.profile);
    let built_it = profile.is_some_and(|profile| profile.separate_requester)
        && shelf.version.developers.contains(&viewer.principal.account);
    let is_own_side = |requester| access::is_own_side(&viewer.principal, &shelf.model, &shelf.version, requester);
    next_steps(shelf)
        .into_iter()
        .map(|(to, market)| {
            let question = question(app, shelf, to, market.as_ref());
            let requirements = question.requirements().unwrap_or_default();
            let open = shelf.version.open_request(market.as_ref()).filter(|request| request.to == to);
            let signable = open.and_then(|request| sign_href(app, shelf, viewer, request));
            let ready = missing_before_request(requirements.clone()).is_empty();
            let complete = requirements.iter().filter(|r| !r.topic.is_signature()).all(|r| r.met);
            StepPanel {
                title: words::target(to, market.as_ref()),
                target: crate::views::stage_id(to),
                market: market.as_ref().map(ToString::to_string).unwrap_or_default(),
                request: open.map(|request| RequestFacts {
                    id: request.number.to_string(),
                    state: if complete {
                        Tag::new(Tone::Active, "waits for signatures")
                    } else {
                        Tag::new(Tone::Warn, "incomplete")
                    },
                    requested_by: names.of(request.requested_by.as_str()),
                    requested_at: words::when(request.requested_at),
                    reason: request.note.clone(),
                    package: words::digest(&Package::of(&question).digest()),
                    sign_href: signable.clone(),
                    can_withdraw: can_ask && is_own_side(Some(&request.requested_by)),
                }),
                requirements: requirements
                    .into_iter()
                    .map(|requirement| words::requirement(&shelf.version.id, requirement, signable.as_deref()))
                    .collect(),
                can_request: can_ask && open.is_none() && ready && !built_it,
                who_asks: if can_ask && open.is_none() && ready && built_it {
                    "You built this version. A colleague asks for it: requester and developer are different people."
                        .into()
                } else {
                    String::new()
                },
            }
        })
        .collect()
}

/// The overview page, with what a refused form said.
async fn overview_view(
    app: &App,
    viewer: &Viewer,
    shelf: &Shelf,
    typed: &str,
    errors: Option<ErrorSummary>,
) -> Result<OverviewView, PageError> {
    let failed = |error: StoreError| viewer.error(error);
    let (id, version) = (&shelf.version.id, &shelf.version);
    let filter = EntryFilter {
        model: Some(id.model.to_string()),
        version: Some(id.number.get()),
        limit: 6,
        ..EntryFilter::default()
    };
    let recent = app.store.find_entries(&filter).await.map_err(failed)?;
    let deployments = app.deployments(&shelf.model).await.map_err(failed)?;
    let acts = version.acts();
    let people = version
        .requests
        .iter()
        .map(|request| request.requested_by.as_str())
        .chain(acts.iter().map(|act| act.by.as_str()))
        .chain(recent.iter().map(|entry| entry.actor.as_str()))
        .chain([version.registered_by.as_str()]);
    let names = app.names(people).await.map_err(failed)?;
    let steps = steps(app, shelf, viewer, &names);
    let lineage = &version.lineage;
    let mono = |text: &Option<String>| text.clone().map_or_else(|| Value::Missing("not stated".into()), Value::Mono);
    let mut facts = vec![
        Fact::text("Registered by", names.of(version.registered_by.as_str())),
        Fact::new("Registered", Value::When(words::when(version.registered_at))),
        Fact::new(
            "Commit",
            lineage
                .code
                .git_commit
                .clone()
                .map_or_else(|| Value::Missing("not stated".into()), |commit| Value::Digest(app::kit::Digest(commit))),
        ),
        Fact::new("Data", mono(&lineage.data.version)),
        Fact::new(
            "Architecture",
            lineage.model.architecture.clone().map_or_else(|| Value::Missing("not stated".into()), Value::Text),
        ),
        Fact::new("Lineage digest", Value::Digest(words::digest(&version.lineage_digest))),
    ];
    if !version.note.is_empty() {
        facts.insert(0, Fact::text("What is new", version.note.clone()));
    }
    if let Some(prompt) = &version.prompt {
        let label = format!("Firing {}, {}", prompt.firing, prompt.cause.title().to_lowercase());
        let href = if prompt.cause == Cause::Drift {
            format!("{}/drift", words::version_href(&version.id))
        } else {
            format!("/ledger/{}", prompt.entry)
        };
        facts.push(Fact::new("Trained because of", Value::Link(Link::new(label, href))));
    }
    facts.extend(super::privacy::version_facts(shelf, app.clock.now()));
    facts.extend(way::split_fact(shelf, &deployments));
    if let Some(origin) = &version.origin {
        facts.push(Fact::text("Imported from", format!("{} {}", origin.system, origin.reference)));
    }
    Ok(OverviewView {
        head: head(app, shelf, viewer),
        answer: way::answer(&steps, shelf, &deployments),
        line: way::line(shelf, &deployments),
        steps,
        signatures: signatures::signatures(app, shelf, &names),
        facts,
        recent: words::entries_of_version(&recent, &names),
        reason: typed.to_owned(),
        can_archive: viewer.can(Action::Archive)
            && version.stage != Stage::Archived
            && access::is_own_side(&viewer.principal, &shelf.model, version, None),
        errors,
    })
}

/// The overview.
pub async fn overview(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
) -> Result<Response, PageError> {
    let shelf = shelf(&app, &viewer, &id).await?;
    let view = overview_view(&app, &viewer, &shelf, "", None).await?;
    show(&viewer.frame, view).await
}

/// Goes back to the version, or shows its page again with what was refused.
async fn answer_command(
    app: &App,
    viewer: &Viewer,
    id: &VersionId,
    fields: &[(String, String)],
    command: Result<Command, Problem>,
    rename: &[(&str, &str)],
) -> Result<Response, PageError> {
    let again = async |errors| {
        let shelf = shelf(app, viewer, id).await?;
        overview_view(app, viewer, &shelf, field(fields, "reason"), Some(errors)).await
    };
    viewer.settle(app, (fields, command), &words::version_href(id), rename, again).await
}

/// Asks for promotion.
pub async fn request(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let read = || -> Result<Command, Problem> {
        let to = field(&fields, "target").parse::<Stage>();
        let to = to.map_err(|error| refuse("target", error.to_string()))?;
        let market = match field(&fields, "market") {
            "" => None,
            text => Some(text.parse::<Market>().map_err(domain::Refusal::from)?),
        };
        let note = field(&fields, "reason").to_owned();
        let blue_green = Some(field(&fields, "blue_green").to_owned()).filter(|reason| !reason.trim().is_empty());
        Ok(Command::RequestPromotion(id.clone(), RequestPromotion { to, market, note, blue_green }))
    };
    let command = read();
    answer_command(&app, &viewer, &id, &fields, command, &[("note", "reason")]).await
}

/// Takes a request back.
pub async fn withdraw(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let command = Ok(Command::WithdrawPromotion(id.clone(), number));
    answer_command(&app, &viewer, &id, &fields, command, &[]).await
}

/// Archives the version.
pub async fn archive(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let reason = field(&fields, "archive_reason").to_owned();
    let command = Ok(Command::ArchiveVersion(id.clone(), ArchiveVersion { reason }));
    answer_command(&app, &viewer, &id, &fields, command, &[("reason", "archive_reason")]).await
}

/// What a new lineage may look like, to be filled in.
const TEMPLATE: &str = r#"{
  "code": { "git_commit": null, "repository": "", "image_digest": null },
  "data": { "dataset": "", "version": "", "schema_digest": null },
  "model": { "weights_digest": null, "architecture": "", "framework": "" },
  "features": { "set_version": "", "names": [] },
  "hyperparameters": {},
  "training": { "system": "", "id": "", "random_seed": null },
  "metrics": {},
  "parents": []
}"#;

/// The form for a new version.
pub async fn new(State(app): State<App>, viewer: Viewer, Path(name): Path<String>) -> Result<Response, PageError> {
    viewer.may(Action::RegisterVersion)?;
    let view = new_view(&app, &viewer, &name, TEMPLATE.to_owned(), String::new(), None).await?;
    show(&viewer.frame, view).await
}

async fn new_view(
    app: &App,
    viewer: &Viewer,
    name: &str,
    lineage: String,
    note: String,
    errors: Option<ErrorSummary>,
) -> Result<VersionNewView, PageError> {
    let name = model_name(name).map_err(|problem| viewer.error(problem))?;
    let model = app.model(&name).await.map_err(|error| viewer.error(error))?;
    let model = model.ok_or_else(|| viewer.error(Problem::not_found(format!("No model {name} is registered."))))?;
    Ok(VersionNewView { model: name.to_string(), revision: 0, number: model.next_version.get(), lineage, note, errors })
}

/// The text fields of a multipart form and its one file, at most 1 MiB together.
pub struct LineageForm {
    /// Text fields.
    pub fields: Vec<(String, String)>,
    /// The lineage: the file's text if one was chosen, else what was typed.
    pub lineage: String,
}

/// Reads a form that brings a lineage as text or as a file.
///
/// # Errors
/// The form is larger than 1 MiB, broken off, or not text.
pub async fn lineage_form(mut form: Multipart) -> Result<LineageForm, Problem> {
    let unreadable = |error: axum::extract::multipart::MultipartError| Problem {
        status: error.status().as_u16(),
        ..Problem::bad_request(error.body_text())
    };
    let (mut fields, mut file) = (Vec::new(), String::new());
    while let Some(part) = form.next_field().await.map_err(unreadable)? {
        let name = part.name().unwrap_or_default().to_owned();
        let text = part.text().await.map_err(unreadable)?;
        if name == "lineage_file" {
            file = text;
        } else {
            fields.push((name, text));
        }
    }
    let lineage = if file.trim().is_empty() { field(&fields, "lineage").to_owned() } else { file };
    Ok(LineageForm { fields, lineage })
}

/// Reads a lineage from JSON or YAML.
///
/// # Errors
/// Where the text is broken, as a refusal of the field `lineage`.
pub fn parse_lineage(text: &str) -> Result<Lineage, Problem> {
    let refuse = |message: String| refuse("lineage", message);
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| {
            // The error names line and column itself.
            refuse(format!("The lineage cannot be read: {error}."))
        });
    }
    serde_norway::from_str(text)
        .map_err(|error| refuse(format!("The lineage is neither JSON nor right as YAML: {error}")))
}

/// Registers a version.
pub async fn register(
    State(app): State<App>,
    viewer: Viewer,
    Path(name): Path<String>,
    form: Multipart,
) -> Result<Response, PageError> {
    viewer.may(Action::RegisterVersion)?;
    let form = lineage_form(form).await.map_err(|problem| viewer.error(problem))?;
    let note = field(&form.fields, "note").to_owned();
    let command = model_name(&name).and_then(|model| {
        let body =
            RegisterVersion { lineage: parse_lineage(&form.lineage)?, note: note.clone(), origin: None, trigger: None };
        Ok(Command::RegisterVersion(model, body))
    });
    let outcome = viewer.seal_read(&app, command, &[]).await;
    match outcome {
        Ok(receipt) => {
            let number = receipt.version().unwrap_or(1);
            Ok(done(&format!("/models/{name}/versions/{number}"), &receipt))
        }
        Err(problem) => {
            let errors = Some(lineage_errors(&problem));
            let view = new_view(&app, &viewer, &name, form.lineage, note, errors).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

/// A refused lineage: each of its fields is mended in the one text.
pub fn lineage_errors(problem: &Problem) -> ErrorSummary {
    let mut problem = problem.clone();
    for missing in &mut problem.missing {
        if missing.what != "note" && missing.what != "reason" {
            missing.what = "lineage".into();
        }
    }
    words::summary(&problem, &[])
}
