//! Advice, consultation, approval, reopening, confirmation, and the import of a file.

use axum::{
    Form,
    extract::{Multipart, Path, State},
    response::Response,
};
use domain::{
    Command,
    access::Action,
    privacy::command::{AdviseDpia, ApproveDpia, ConfirmSafeguards, PrivacyCommand, RecordConsultation, ReopenDpia},
};
use ledger::Digest;

use super::{Room, model_view};
use crate::{
    http::{
        api::{models::model_name, privacy::seal_approval},
        extract::{App, WriteHeaders},
        pages::{Fields, PageError, Viewer, done, field, prose, reading::Reading, refuse, show},
        problem::Problem,
    },
    privacy,
    seal::Receipt,
};

fn digest(fields: &[(String, String)], name: &str) -> Result<Digest, Problem> {
    Digest::from_hex(field(fields, name)).map_err(|error| refuse(name, error.to_string()))
}

/// Goes back to the model's page, or shows it again with what was refused.
async fn answer(
    app: &App,
    viewer: &Viewer,
    model: &str,
    fields: &[(String, String)],
    outcome: Result<Receipt, Problem>,
) -> Result<Response, PageError> {
    let again = async |errors| {
        let room = Room::open(app, viewer, model).await?;
        model_view(app, viewer, &room, fields, Some(errors)).await
    };
    viewer.answer(outcome, &format!("/privacy/models/{model}"), &[], again).await
}

async fn run(
    app: &App,
    viewer: &Viewer,
    model: &str,
    fields: &[(String, String)],
    command: Result<PrivacyCommand, Problem>,
) -> Result<Response, PageError> {
    let outcome = viewer.seal_read(app, command.map(Command::Privacy), fields).await;
    answer(app, viewer, model, fields, outcome).await
}

/// Gives advice.
pub async fn advise(
    State(app): State<App>,
    viewer: Viewer,
    Path(model): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let read = || -> Result<PrivacyCommand, Problem> {
        let mut reading = Reading::default();
        let favourable = reading.take(match field(&fields, "favourable") {
            "yes" => Ok(true),
            "no" => Ok(false),
            _ => Err(refuse("favourable", "Say whether the advice speaks for the processing.")),
        });
        if favourable.is_none() {
            reading.filled(&fields, "advice", "Write the advice.");
        }
        let favourable = reading.finish(favourable)?;
        let advice = prose(&fields, "advice");
        let body = AdviseDpia { content: digest(&fields, "content")?, advice, favourable };
        Ok(PrivacyCommand::AdviseDpia(model_name(&model)?, body))
    };
    let command = read();
    run(&app, &viewer, &model, &fields, command).await
}

/// Records a consultation.
pub async fn consult(
    State(app): State<App>,
    viewer: Viewer,
    Path(model): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let read = || -> Result<PrivacyCommand, Problem> {
        let body = RecordConsultation {
            content: digest(&fields, "content")?,
            authority: field(&fields, "authority").to_owned(),
            reference: field(&fields, "reference").to_owned(),
            answer: prose(&fields, "answer"),
        };
        Ok(PrivacyCommand::RecordConsultation(model_name(&model)?, body))
    };
    let command = read();
    run(&app, &viewer, &model, &fields, command).await
}

/// Approves.
pub async fn approve(
    State(app): State<App>,
    viewer: Viewer,
    Path(model): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    viewer.may(Action::DecidePrivacy)?;
    let read = || -> Result<ApproveDpia, Problem> {
        let mut reading = Reading::default();
        reading.filled(&fields, "meaning", "Confirm what your signature means.");
        let review_months = match field(&fields, "review_months") {
            "" => Some(None),
            text => {
                let wrong = |_| refuse("review_months", "Give a whole number of months.");
                reading.take(text.parse().map(Some).map_err(wrong))
            }
        };
        let review_months = reading.finish(review_months)?;
        let meaning = field(&fields, "meaning").to_owned();
        let comment = prose(&fields, "comment");
        Ok(ApproveDpia { content: digest(&fields, "content")?, meaning, comment, review_months })
    };
    let outcome = match (model_name(&model), read()) {
        (Ok(name), Ok(body)) => {
            let headers = WriteHeaders::default();
            seal_approval(&app, &headers, viewer.caller.clone(), name, field(&fields, "password"), body).await
        }
        (Err(problem), _) | (_, Err(problem)) => Err(problem),
    };
    answer(&app, &viewer, &model, &fields, outcome).await
}

/// Reopens.
pub async fn reopen(
    State(app): State<App>,
    viewer: Viewer,
    Path(model): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let reason = prose(&fields, "reason");
    let command = model_name(&model).map(|model| PrivacyCommand::ReopenDpia(model, ReopenDpia { reason }));
    run(&app, &viewer, &model, &fields, command).await
}

/// Confirms the statement under Art. 22.
pub async fn confirm(
    State(app): State<App>,
    viewer: Viewer,
    Path(model): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let read = || -> Result<PrivacyCommand, Problem> {
        let body = ConfirmSafeguards { statement: digest(&fields, "statement")? };
        Ok(PrivacyCommand::ConfirmSafeguards(model_name(&model)?, body))
    };
    let command = read();
    run(&app, &viewer, &model, &fields, command).await
}

/// Takes a file of the CNIL's tool over as the draft; the answering page lists what had no place.
pub async fn import(
    State(app): State<App>,
    viewer: Viewer,
    Path(model): Path<String>,
    mut form: Multipart,
) -> Result<Response, PageError> {
    viewer.may(Action::DraftPrivacy)?;
    let mut text = String::new();
    let broken =
        |error: axum::extract::multipart::MultipartError| viewer.error(Problem::bad_request(error.body_text()));
    while let Some(part) = form.next_field().await.map_err(broken)? {
        if part.name() == Some("file") {
            text = part.text().await.map_err(broken)?;
        }
    }
    let outcome = async {
        let (command, unplaced) = privacy::import_cnil(&app, &model_name(&model)?, &text).await??;
        let receipt = viewer.seal(&app, Command::Privacy(command), &[]).await?;
        Ok::<_, Problem>((receipt, unplaced))
    }
    .await;
    match outcome {
        Ok((receipt, unplaced)) if unplaced.is_empty() => Ok(done(&format!("/privacy/models/{model}"), &receipt)),
        Ok((receipt, unplaced)) => {
            let room = Room::open(&app, &viewer, &model).await?;
            let mut view = model_view(&app, &viewer, &room, &[], None).await?;
            view.state = app::kit::Notice::new(
                app::kit::Tone::Warn,
                format!("Recorded as entry {}. What had no place:", receipt.last_seq()),
            );
            view.state.body = unplaced.into_iter().map(|one| format!("{}: {}", one.place, one.why)).collect();
            show(&viewer.frame, view).await
        }
        Err(problem) => answer(&app, &viewer, &model, &[], Err(problem)).await,
    }
}
