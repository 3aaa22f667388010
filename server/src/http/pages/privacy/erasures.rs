//! Erasures and legal holds.

use std::collections::BTreeMap;

use app::{
    kit::{Choice, ErrorSummary},
    pages::privacy::erasures::{DecideForms, ErasuresView, HoldLine},
};
use axum::{Form, extract::State, response::Response};
use domain::{
    AggregateId, Command, Event,
    access::Action,
    privacy::{
        command::{Erase, HoldReason, PrivacyCommand},
        erasure::ErasureBasis,
    },
};
use ledger::Timestamp;

use crate::{
    http::{
        extract::App,
        pages::{Fields, PageError, Viewer, done, field, reading::Reading, refuse, show, show_with, words},
        problem::Problem,
    },
    privacy,
    seal::Receipt,
    storage::{StoreError, log::EntryFilter, privacy::ReviewFilter},
};

/// Entries of each kind that the page looks at.
const LOOKED_AT: u64 = 500;
/// Erasures shown.
const SHOWN: usize = 50;

/// The grounds of Art. 17(1) to choose from.
pub(super) fn grounds() -> Vec<Choice> {
    ErasureBasis::ALL.into_iter().map(|basis| Choice::new(basis.id(), basis.title())).collect()
}

/// The receipt of an erasure that was carried out; a refused one is told as what it is.
pub(super) fn carried_out(receipt: Receipt) -> Result<Receipt, Problem> {
    privacy::refused_erasure(&receipt).map_or(Ok(receipt), |refusal| Err(refusal.into()))
}

async fn view(
    app: &App,
    viewer: &Viewer,
    typed: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> Result<ErasuresView, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let failed = |error: StoreError| viewer.error(error);
    let entries = async |event: &str| {
        let filter = EntryFilter { event: Some(event.to_owned()), limit: LOOKED_AT, ..EntryFilter::default() };
        app.store.find_entries(&filter).await
    };
    let mut erasures = entries("erasure.performed").await.map_err(failed)?;
    erasures.extend(entries("erasure.refused").await.map_err(failed)?);
    erasures.sort_by_key(|entry| std::cmp::Reverse(entry.seq));
    erasures.truncate(SHOWN);
    let mut holds: BTreeMap<(String, u32), (AggregateId, String, Timestamp)> = BTreeMap::new();
    for stored in entries("hold.placed").await.map_err(failed)? {
        let Some(recorded) = words::read(&stored) else { continue };
        if let Event::HoldPlaced { hold, reason } = recorded.event {
            holds.insert((recorded.subject.to_string(), hold), (recorded.subject, reason, recorded.time));
        }
    }
    for stored in entries("hold.released").await.map_err(failed)? {
        let Some(recorded) = words::read(&stored) else { continue };
        if let Event::HoldReleased { hold, .. } = recorded.event {
            holds.remove(&(recorded.subject.to_string(), hold));
        }
    }
    let (erasable, holdable) =
        if viewer.can(Action::DecidePrivacy) { targets(app, typed).await.map_err(failed)? } else { Default::default() };
    let names = app.names(erasures.iter().map(|entry| entry.actor.as_str())).await.map_err(failed)?;
    Ok(ErasuresView {
        holds: holds
            .into_iter()
            .map(|((target, number), (subject, reason, since))| HoldLine {
                subject: words::subject_link(&subject),
                target,
                number,
                reason,
                since: words::day(since),
            })
            .collect(),
        entries: words::entries(&erasures, &names, true),
        decide: viewer.can(Action::DecidePrivacy).then_some(DecideForms {
            typed: super::kept(typed),
            grounds: grounds(),
            erasable,
            holdable,
        }),
        errors,
    })
}

/// What personal data there are: what can be erased, and what a hold can be placed on. Only disabled accounts and answered
/// requests that were not erased yet can be.
async fn targets(app: &App, typed: &[(String, String)]) -> Result<(Vec<Choice>, Vec<Choice>), StoreError> {
    let accounts = app.all_accounts().await?;
    let names = app.names(accounts.iter().map(|account| account.id.as_str())).await?;
    let filter = ReviewFilter { limit: LOOKED_AT, ..ReviewFilter::default() };
    let (reviews, _) = app.store.reviews(&filter, app.clock.now()).await?;
    let (dpias, _) = app.store.dpias(0, LOOKED_AT).await?;
    let choose = |name: &str| {
        let typed = field(typed, name).to_owned();
        move |value: String, label: String| Choice::new(value.clone(), label).chosen_if(value == typed)
    };
    let (erase, hold) = (choose("target"), choose("hold_target"));
    let nothing = || Choice::new("", "Choose");
    let people = accounts.iter().map(|account| {
        let state = if account.disabled { ", disabled" } else { "" };
        (
            account.disabled,
            format!("account/{}", account.id),
            format!("Account of {}{state}", names.of(account.id.as_str())),
        )
    });
    let requests = reviews.iter().filter(|review| !review.erased).map(|review| {
        let (is_answered, label) = match review.answered_at {
            Some(at) => (true, format!("answered {}", words::day(at).text)),
            None => (false, "open".to_owned()),
        };
        let label = format!("Request {} on {}, {label}", review.number, review.model);
        (is_answered, format!("review/{}/{}", review.model, review.number), label)
    });
    let (mut erasable, mut holdable) = (vec![nothing()], vec![nothing()]);
    for (can_be_erased, value, label) in requests.chain(people) {
        if can_be_erased {
            erasable.push(erase(value.clone(), label.clone()));
        }
        holdable.push(hold(value, label));
    }
    holdable.extend(
        dpias.iter().map(|dpia| hold(format!("dpia/{}", dpia.model), format!("All requests on {}", dpia.model))),
    );
    Ok((erasable, holdable))
}

/// The page.
pub async fn erasures(State(app): State<App>, viewer: Viewer) -> Result<Response, PageError> {
    let view = view(&app, &viewer, &[], None).await?;
    show(&viewer.frame, view).await
}

async fn answer(
    app: &App,
    viewer: &Viewer,
    typed: &[(String, String)],
    outcome: Result<Receipt, Problem>,
    rename: &[(&str, &str)],
) -> Result<Response, PageError> {
    match outcome {
        Ok(receipt) => Ok(done("/privacy/erasures", &receipt)),
        Err(problem) => {
            let view = view(app, viewer, typed, Some(words::summary(&problem, rename))).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

async fn run(app: &App, viewer: &Viewer, command: Result<PrivacyCommand, Problem>) -> Result<Receipt, Problem> {
    let receipt = viewer.seal_read(app, command.map(Command::Privacy), &[]).await?;
    carried_out(receipt)
}

/// What was chosen.
fn chosen(input: &str, text: &str) -> Result<AggregateId, Problem> {
    if text.trim().is_empty() {
        return Err(refuse(input, "Choose whose data it is about."));
    }
    privacy::target(text.trim()).map_err(Problem::from)
}

/// Places a hold.
pub async fn hold(State(app): State<App>, viewer: Viewer, Form(fields): Fields) -> Result<Response, PageError> {
    let typed = field(&fields, "hold_target");
    let reason = HoldReason { reason: field(&fields, "reason").to_owned() };
    let command = chosen("hold_target", typed).map(|target| PrivacyCommand::PlaceHold(target, reason));
    let outcome = run(&app, &viewer, command).await;
    answer(&app, &viewer, &fields, outcome, &[("target", "hold_target")]).await
}

/// Releases a hold.
pub async fn release(State(app): State<App>, viewer: Viewer, Form(fields): Fields) -> Result<Response, PageError> {
    let reason = HoldReason { reason: field(&fields, "release_reason").to_owned() };
    let number = field(&fields, "hold").parse().unwrap_or_default();
    let command =
        privacy::target(field(&fields, "target")).map(|target| PrivacyCommand::ReleaseHold(target, number, reason));
    let outcome = run(&app, &viewer, command.map_err(Problem::from)).await;
    answer(&app, &viewer, &[], outcome, &[]).await
}

/// Erases.
pub async fn erase(State(app): State<App>, viewer: Viewer, Form(fields): Fields) -> Result<Response, PageError> {
    let typed = field(&fields, "target");
    let read = || -> Result<PrivacyCommand, Problem> {
        let mut reading = Reading::default();
        let target = reading.take(chosen("target", typed));
        let basis = reading.take(field(&fields, "basis").parse().map_err(|_| refuse("basis", "Choose the ground.")));
        let (target, basis) = reading.finish(target.zip(basis))?;
        Ok(PrivacyCommand::Erase(target, Erase { basis, note: field(&fields, "note").to_owned() }))
    };
    let command = read();
    let outcome = run(&app, &viewer, command).await;
    answer(&app, &viewer, &fields, outcome, &[]).await
}
