//! What people do on a market's page: steer, approve, drill, review; and the kill switch's own page.

use app::{
    kit::{Choice, ErrorSummary},
    pages::KillView,
};
use axum::{Form, extract::State, response::Response};
use domain::{
    Command, Market, VersionNumber,
    access::Action,
    deployment::{
        KillTarget, ServingCommand,
        command::{ApproveStep, FinishDrill, Kill, Reason, ReviewKill, RollBack, StartDrill},
    },
};
use ledger::Digest;

use super::view;
use crate::{
    http::{
        api::rollouts::seal_approval,
        extract::{App, PlacePath, WriteHeaders},
        pages::{Fields, PageError, Viewer, done, field, prose, refuse, show, show_with, words},
        problem::Problem,
    },
    seal::Receipt,
};

/// Seals a command of the page, or shows the page again with what to mend.
async fn answer(
    app: &App,
    viewer: &Viewer,
    place: PlacePath,
    fields: &[(String, String)],
    command: Result<ServingCommand, Problem>,
    rename: &[(&str, &str)],
) -> Result<Response, PageError> {
    let command = command.map(|command| Command::Serve(place.model.clone(), place.market.clone(), command));
    let outcome = viewer.seal_read(app, command, fields).await;
    finish(app, viewer, &place, fields, outcome, rename).await
}

/// Goes back to the page, or shows it again with what to mend.
async fn finish(
    app: &App,
    viewer: &Viewer,
    place: &PlacePath,
    fields: &[(String, String)],
    outcome: Result<Receipt, Problem>,
    rename: &[(&str, &str)],
) -> Result<Response, PageError> {
    let again = async |errors| view(app, viewer, place, fields, Some(errors)).await;
    viewer.answer(outcome, &format!("/rollouts/{}/{}", place.model, place.market), rename, again).await
}

fn number(fields: &[(String, String)]) -> Result<VersionNumber, Problem> {
    field(fields, "version").parse().map_err(|error| refuse("version", format!("{error}")))
}

/// Holds the rollout.
pub async fn hold(
    State(app): State<App>,
    viewer: Viewer,
    place: PlacePath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let command = ServingCommand::Hold(Reason { reason: prose(&fields, "hold_reason") });
    answer(&app, &viewer, place, &fields, Ok(command), &[("reason", "hold_reason")]).await
}

/// Lets it go on.
pub async fn resume(
    State(app): State<App>,
    viewer: Viewer,
    place: PlacePath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let command = ServingCommand::Resume(Reason { reason: prose(&fields, "hold_reason") });
    answer(&app, &viewer, place, &fields, Ok(command), &[("reason", "hold_reason")]).await
}

/// Rolls back: the version on its way in, or the champion.
pub async fn roll_back(
    State(app): State<App>,
    viewer: Viewer,
    place: PlacePath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let name = if field(&fields, "form") == "champion" { "champion_reason" } else { "rollback_reason" };
    let command =
        number(&fields).map(|version| ServingCommand::RollBack(RollBack { version, reason: prose(&fields, name) }));
    answer(&app, &viewer, place, &fields, command, &[("reason", name)]).await
}

/// Approves the next step.
pub async fn approve(
    State(app): State<App>,
    viewer: Viewer,
    place: PlacePath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    viewer.may(Action::SignOff)?;
    let read = || -> Result<ApproveStep, Problem> {
        let package =
            Digest::from_hex(field(&fields, "package")).map_err(|error| refuse("package", error.to_string()))?;
        let meaning = field(&fields, "meaning").to_owned();
        Ok(ApproveStep { version: number(&fields)?, meaning, package, comment: prose(&fields, "comment") })
    };
    let outcome = match read() {
        Ok(body) => {
            let (headers, password) = (WriteHeaders::default(), field(&fields, "password"));
            seal_approval(&app, &headers, viewer.caller.clone(), place.clone(), password, body).await
        }
        Err(problem) => Err(problem),
    };
    finish(&app, &viewer, &place, &fields, outcome, &[]).await
}

/// Begins a drill.
pub async fn start_drill(
    State(app): State<App>,
    viewer: Viewer,
    place: PlacePath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let command = ServingCommand::StartDrill(StartDrill { note: prose(&fields, "drill_note") });
    answer(&app, &viewer, place, &fields, Ok(command), &[("note", "drill_note")]).await
}

/// Ends a drill.
pub async fn finish_drill(
    State(app): State<App>,
    viewer: Viewer,
    place: PlacePath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let millis = match field(&fields, "millis").trim() {
        "" => Ok(None),
        digits => digits.parse().map(Some).map_err(|_| refuse("millis", "State whole milliseconds, such as 850.")),
    };
    let command =
        millis.map(|millis| ServingCommand::FinishDrill(FinishDrill { millis, note: prose(&fields, "drill_note") }));
    answer(&app, &viewer, place, &fields, command, &[("note", "drill_note")]).await
}

/// Reviews the use of the kill switch.
pub async fn review_kill(
    State(app): State<App>,
    viewer: Viewer,
    place: PlacePath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let review = ReviewKill { text: prose(&fields, "review_text"), may_lift: field(&fields, "may_lift") == "yes" };
    let command = Command::Serve(place.model.clone(), place.market.clone(), ServingCommand::ReviewKill(review));
    let outcome = viewer.seal_in_person(&app, Ok(command), &fields, "review_password").await;
    let rename = [("text", "review_text"), ("password", "review_password")];
    finish(&app, &viewer, &place, &fields, outcome, &rename).await
}

/// Lifts the kill switch.
pub async fn lift_kill(
    State(app): State<App>,
    viewer: Viewer,
    place: PlacePath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let command = ServingCommand::LiftKill(Reason { reason: prose(&fields, "lift_reason") });
    answer(&app, &viewer, place, &fields, Ok(command), &[("reason", "lift_reason")]).await
}

async fn kill_view(
    app: &App,
    place: &PlacePath,
    fields: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> KillView {
    // Whatever cannot be read must not stand in the way: the words are plainer then.
    let deployment = app.deployment(&place.model, &place.market).await.ok().flatten();
    let previous = deployment.as_ref().and_then(|deployment| deployment.previous());
    let fallback = deployment.as_ref().map_or("rules", |deployment| deployment.fallback.as_str());
    let markets = app.markets_of(&place.model).await.unwrap_or_default();
    let names: Vec<&str> = markets.iter().map(Market::as_str).collect();
    let chosen = |name: &str, value: &str, is_default: bool| match field(fields, name) {
        "" => is_default,
        typed => typed == value,
    };
    let mut targets = vec![
        Choice::new("fallback", format!("To the rule-based fallback \u{201c}{fallback}\u{201d}"))
            .with_hint("No version of this model answers anybody.")
            .chosen_if(chosen("to", "fallback", true)),
    ];
    if let Some(previous) = previous {
        targets.push(
            Choice::new("previous", format!("To version {}, the previous approved one", previous.version))
                .with_hint("Its health is not asked for.")
                .chosen_if(chosen("to", "previous", false)),
        );
    }
    KillView {
        model: place.model.to_string(),
        market: place.market.to_string(),
        targets,
        scopes: vec![
            Choice::new("market", format!("Only in {}", place.market)).chosen_if(chosen("scope", "market", true)),
            Choice::new("model", format!("In every market of the model ({})", names.join(", ")))
                .chosen_if(chosen("scope", "model", false)),
        ],
        reason: field(fields, "reason").to_owned(),
        errors,
    }
}

/// The second step of the kill switch.
pub async fn kill_page(State(app): State<App>, viewer: Viewer, place: PlacePath) -> Result<Response, PageError> {
    viewer.may(Action::Kill)?;
    let view = kill_view(&app, &place, &[], None).await;
    show(&viewer.frame, view).await
}

/// Uses the kill switch.
pub async fn kill(
    State(app): State<App>,
    viewer: Viewer,
    place: PlacePath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    viewer.may(Action::Kill)?;
    let to = field(&fields, "to").parse::<KillTarget>().map_err(|error| refuse("to", error.to_string()));
    let market = (field(&fields, "scope") != "model").then(|| place.market.clone());
    let outcome = match to {
        Err(problem) => Err(problem),
        Ok(to) => {
            let body = Kill { to, reason: prose(&fields, "reason") };
            app.kill(&viewer.caller, &place.model, market, &body).await.map_err(Problem::from)
        }
    };
    let refused = match outcome {
        Err(problem) => problem,
        Ok(killed) => {
            let mut refused = None;
            let mut receipt = None;
            for killed in killed {
                match killed.outcome {
                    Ok(sealed) => receipt = receipt.filter(|_| killed.market != place.market).or(Some(sealed)),
                    Err(error) => refused = Some(Problem::from(error)),
                }
            }
            match (receipt, refused) {
                (Some(receipt), _) => {
                    return Ok(done(&format!("/rollouts/{}/{}", place.model, place.market), &receipt));
                }
                (None, Some(problem)) => problem,
                (None, None) => Problem::not_found("No market of this model is known."),
            }
        }
    };
    let view = kill_view(&app, &place, &fields, Some(words::summary(&refused, &[]))).await;
    show_with(refused.status_code(), &viewer.frame, view).await
}
