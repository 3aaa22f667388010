//! Validation: the report's sections, findings from being raised to verified closure.

pub mod panels;

use std::{collections::BTreeMap, convert::Infallible};

use app::{
    kit::{Choice, ErrorSummary, Fact, Notice, Tone, Value},
    pages::{
        ValidationView,
        validation::{FindingForm, FindingView, ReportForm, ReportSection},
    },
};
use axum::{
    Form,
    extract::{Path, State},
    response::Response,
};
use domain::{
    Command, Stage, VersionId,
    access::Action,
    account::{AccountKind, Role},
    command::{FindingNote, RaiseFinding, RecordReport},
    materiality,
    promotion::Request,
    refusal::InputCheck,
    validation::{Finding, Outcome, Section, Severity, sections_wanted, unwritten},
};
use ledger::Timestamp;

use super::{
    Fields, PageError, Viewer, field, prose,
    reading::Reading,
    refuse, show,
    versions::{head, shelf},
    words,
};
use crate::{
    accounts::Names,
    http::{
        extract::{App, VersionPath},
        problem::Problem,
    },
    seal::Receipt,
    service::Shelf,
    storage::StoreError,
};

fn guide(section: Section) -> &'static str {
    match section {
        Section::PurposeAndScope => {
            "What the model decides, for whom, in which markets; what this validation covers and what not."
        }
        Section::ConceptualSoundness => {
            "Whether theory, assumptions and construction suit the purpose; alternatives considered."
        }
        Section::DataReview => {
            "Source, quality, representativeness, leakage; treatment of missing values and outliers."
        }
        Section::OutcomesAnalysis => {
            "Performance overall and by segment, against the champion; stability; back-testing."
        }
        Section::OngoingMonitoring => "What is watched in production, thresholds, who acts on them.",
        Section::Limitations => "Where the model must not be used; known weaknesses; overlays.",
        Section::Findings => "A summary of the findings raised below.",
        Section::Conclusion => "The judgement, and the conditions under which it holds.",
    }
}

fn finding_view(finding: &Finding, viewer: &Viewer, names: &Names, now: Timestamp) -> FindingView {
    let state = match finding.state() {
        "closed" => Tone::Quiet,
        "remediated" => Tone::Active,
        _ => Tone::Warn,
    };
    let mut about = vec![format!(
        "raised by {} on {} (entry {})",
        names.of(finding.raised_by.as_str()),
        words::day(finding.raised_at).text,
        finding.entries.first().copied().unwrap_or_default()
    )];
    if let Some(remediation) = &finding.remediation {
        about.push(format!(
            "remediated by {} on {}",
            names.of(remediation.by.as_str()),
            words::day(remediation.at).text
        ));
    }
    if let Some(closure) = &finding.closure {
        about.push(format!("verified by {} on {}", names.of(closure.by.as_str()), words::day(closure.at).text));
    }
    let mended_by_me = finding.remediation.as_ref().is_some_and(|r| r.by == viewer.principal.account);
    let mut due = words::due(finding.due_at, now);
    if !finding.is_open() {
        due.tag = app::kit::Tag::new(Tone::Quiet, "closed");
    }
    FindingView {
        id: finding.number.to_string(),
        title: finding.title.clone(),
        detail: finding.description.clone(),
        severity: words::severity(finding.severity),
        state: app::kit::Tag::new(state, finding.state()),
        owner: names.of(finding.owner.as_str()),
        due,
        about,
        remediation: finding.remediation.as_ref().map(|remediation| remediation.note.clone()),
        verification: finding.closure.as_ref().map(|closure| closure.note.clone()),
        can_reopen: !finding.is_open() && viewer.can(Action::Validate) && !mended_by_me,
        can_remediate: finding.is_open() && viewer.can(Action::RemediateFinding),
        can_verify: finding.is_open() && finding.remediation.is_some() && viewer.can(Action::Validate) && !mended_by_me,
    }
}

fn state(shelf: &Shelf, can_validate: bool) -> Notice {
    match &shelf.version.report {
        None if can_validate => Notice::new(Tone::Warn, "No validation report is recorded")
            .with_body("Write each section, choose the outcome, and record the report. It becomes part of every package signed afterwards."),
        None => Notice::new(Tone::Warn, "No validation report is recorded").with_body("An MRM validator records it here."),
        Some(report) => {
            let tone = match report.outcome {
                Outcome::Approved => Tone::Good,
                Outcome::ApprovedWithConditions => Tone::Active,
                Outcome::Rejected => Tone::Bad,
            };
            Notice::new(tone, format!("{} on {}", report.outcome.title(), words::day(report.recorded_at).text))
                .with_link(words::entry_link(report.entry))
        }
    }
}

pub(super) async fn view(
    app: &App,
    viewer: &Viewer,
    shelf: &Shelf,
    typed: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> Result<ValidationView, PageError> {
    let failed = |error: StoreError| viewer.error(error);
    let version = &shelf.version;
    let people: Vec<&str> = version
        .findings
        .iter()
        .flat_map(|finding| {
            [
                Some(&finding.owner),
                Some(&finding.raised_by),
                finding.remediation.as_ref().map(|r| &r.by),
                finding.closure.as_ref().map(|c| &c.by),
            ]
        })
        .flatten()
        .chain(version.report.as_ref().map(|report| &report.author))
        .map(domain::AccountId::as_str)
        .collect();
    let names = app.names(people).await.map_err(failed)?;
    let panels = panels::panels(app, viewer, shelf, typed).await?;
    let mut facts = Vec::new();
    if panels.materiality.is_empty() {
        let before = match version.id.number.get().checked_sub(1).and_then(|number| number.try_into().ok()) {
            Some(number) => {
                app.version(&VersionId { model: version.id.model.clone(), number }).await.map_err(failed)?
            }
            None => None,
        };
        let changes = before.map(|before| before.version.lineage.diff(&version.lineage));
        let assessment = materiality::assess(changes.as_deref());
        facts.push(Fact::text("Change", assessment.materiality.title()));
        facts.push(Fact::new("Why", Value::List(assessment.reasons)));
    }
    if let Some(report) = &version.report {
        facts.push(Fact::text("Validator", names.of(report.author.as_str())));
        facts.push(Fact::text("Outcome", report.outcome.title()));
        facts.push(Fact::new("Recorded", Value::When(words::when(report.recorded_at))));
    }
    let can_validate = viewer.can(Action::Validate)
        && version.stage != Stage::Archived
        && version.registered_by != viewer.principal.account;
    let written = |section: Section| {
        let typed = field(typed, section.id());
        if !typed.is_empty() {
            return typed.to_owned();
        }
        version.report.as_ref().and_then(|report| report.sections.get(&section)).cloned().unwrap_or_default()
    };
    let outcome = match field(typed, "outcome") {
        "" => version.report.as_ref().map(|report| report.outcome.id().to_owned()).unwrap_or_default(),
        typed => typed.to_owned(),
    };
    let mut findings: Vec<&Finding> = version.findings.iter().collect();
    findings.sort_by_key(|finding| (!finding.is_open(), std::cmp::Reverse(finding.severity), finding.number));
    let now = app.clock.now();
    Ok(ValidationView {
        head: head(app, shelf, viewer),
        state: state(shelf, can_validate),
        facts,
        sections: Section::ALL
            .into_iter()
            .map(|section| ReportSection {
                id: section.id().to_owned(),
                title: section.title().to_owned(),
                guide: guide(section).to_owned(),
                text: written(section),
            })
            .collect(),
        edit: can_validate.then(|| ReportForm {
            outcomes: Outcome::ALL
                .into_iter()
                .map(|option| Choice::new(option.id(), option.title()).chosen_if(option.id() == outcome))
                .collect(),
        }),
        findings: findings.into_iter().map(|finding| finding_view(finding, viewer, &names, now)).collect(),
        raise: if can_validate { Some(finding_form(app, viewer, shelf, typed).await?) } else { None },
        panels,
        errors,
    })
}

async fn finding_form(
    app: &App,
    viewer: &Viewer,
    shelf: &Shelf,
    typed: &[(String, String)],
) -> Result<FindingForm, PageError> {
    let failed = |error: StoreError| viewer.error(error);
    let accounts = app.all_accounts().await.map_err(failed)?;
    let owners: Vec<_> = accounts
        .into_iter()
        .filter(|account| {
            account.kind == AccountKind::Human && !account.disabled && account.roles.contains(&Role::DataScientist)
        })
        .collect();
    let names = app.names(owners.iter().map(|account| account.id.as_str())).await.map_err(failed)?;
    let chosen = match field(typed, "owner") {
        "" => shelf.version.registered_by.as_str(),
        typed => typed,
    };
    let typed_due = field(typed, "due");
    Ok(FindingForm {
        title: field(typed, "title").to_owned(),
        detail: field(typed, "detail").to_owned(),
        severities: Severity::ALL
            .into_iter()
            .map(|severity| {
                Choice::new(severity.id(), severity.id()).chosen_if(severity.id() == field(typed, "severity"))
            })
            .collect(),
        owners: owners
            .iter()
            .map(|account| {
                Choice::new(account.id.to_string(), names.of(account.id.as_str()))
                    .chosen_if(account.id.as_str() == chosen)
            })
            .collect(),
        due: if typed_due.is_empty() { words::day(app.clock.now().plus_days(30)).iso } else { typed_due.to_owned() },
    })
}

/// The page.
pub async fn page(State(app): State<App>, viewer: Viewer, VersionPath(id): VersionPath) -> Result<Response, PageError> {
    let shelf = shelf(&app, &viewer, &id).await?;
    let view = view(&app, &viewer, &shelf, &[], None).await?;
    show(&viewer.frame, view).await
}

pub(super) async fn answer(
    app: &App,
    viewer: &Viewer,
    id: &VersionId,
    fields: &[(String, String)],
    command: Result<Command, Problem>,
    rename: &[(&str, &str)],
) -> Result<Response, PageError> {
    let outcome = viewer.seal_read(app, command, fields).await;
    finish(app, viewer, id, fields, outcome, rename).await
}

/// Goes back to the page, or shows it again with what to mend.
pub(super) async fn finish(
    app: &App,
    viewer: &Viewer,
    id: &VersionId,
    fields: &[(String, String)],
    outcome: Result<Receipt, Problem>,
    rename: &[(&str, &str)],
) -> Result<Response, PageError> {
    let to = format!("{}/validation", words::version_href(id));
    let again = async |errors| {
        let shelf = shelf(app, viewer, id).await?;
        view(app, viewer, &shelf, fields, Some(errors)).await
    };
    viewer.answer(outcome, &to, rename, again).await
}

/// Records the report.
pub async fn record(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    // A browser sends line ends as CR LF; the record keeps LF.
    let sections: BTreeMap<Section, String> =
        Section::ALL.into_iter().map(|section| (section, prose(&fields, section.id()).trim().to_owned())).collect();
    let mut reading = Reading::default();
    let outcome = reading.take(match field(&fields, "outcome") {
        "" => Err(refuse("outcome", "Choose the outcome.")),
        text => text.parse::<Outcome>().map_err(|error| refuse("outcome", error.to_string())),
    });
    if outcome.is_none() {
        // The rule is not reached without an outcome: what it would say of the sections is said here.
        let (shelf, now) = (shelf(&app, &viewer, &id).await?, app.clock.now());
        let of = |request: &Request| Ok(shelf.question(request.to, request.market.as_ref(), now).sections());
        let wanted: Result<_, Infallible> = sections_wanted(&shelf.version, of);
        for section in unwritten(&sections, &wanted.unwrap_or_default()) {
            reading.take(InputCheck::default().text(section.id(), "", 1).finish());
        }
    }
    let command =
        reading.finish(outcome).map(|outcome| Command::RecordReport(id.clone(), RecordReport { sections, outcome }));
    answer(&app, &viewer, &id, &fields, command, &[]).await
}

/// Raises a finding.
pub async fn raise(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let read = || -> Result<Command, Problem> {
        let mut reading = Reading::default();
        let severity = reading.take(match field(&fields, "severity") {
            "" => Err(refuse("severity", "Choose how grave it is.")),
            text => text.parse::<Severity>().map_err(|error| refuse("severity", error.to_string())),
        });
        let due_at = words::end_of_day(field(&fields, "due"))
            .ok_or_else(|| refuse("due", "Give the due date as year, month and day, such as 2026-12-24."));
        let due_at = reading.take(due_at);
        if severity.is_none() || due_at.is_none() {
            reading.filled(&fields, "title", "The title must not be empty.");
            reading.filled(&fields, "detail", "The description must not be empty.");
        }
        let (severity, due_at) = reading.finish(severity.zip(due_at))?;
        let owner = match field(&fields, "owner") {
            "" => None,
            text => Some(text.parse().map_err(domain::Refusal::from)?),
        };
        let body = RaiseFinding {
            severity,
            title: field(&fields, "title").to_owned(),
            description: field(&fields, "detail").to_owned(),
            owner,
            due_at,
        };
        Ok(Command::RaiseFinding(id.clone(), body))
    };
    let command = read();
    answer(&app, &viewer, &id, &fields, command, &[("description", "detail"), ("due_at", "due")]).await
}

/// Says that a finding is mended.
pub async fn remediate(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let note = field(&fields, "remediation").to_owned();
    let command = Ok(Command::RemediateFinding(id.clone(), number, FindingNote { note }));
    answer(&app, &viewer, &id, &fields, command, &[]).await
}

/// Verifies and closes a finding.
pub async fn close(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let note = field(&fields, "verification").to_owned();
    let command = Ok(Command::CloseFinding(id.clone(), number, FindingNote { note }));
    answer(&app, &viewer, &id, &fields, command, &[]).await
}

/// Opens a closed finding again.
pub async fn reopen(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let note = field(&fields, "reopening").to_owned();
    let command = Ok(Command::ReopenFinding(id.clone(), number, FindingNote { note }));
    answer(&app, &viewer, &id, &fields, command, &[("note", "reopening")]).await
}
