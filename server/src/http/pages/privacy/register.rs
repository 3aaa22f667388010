//! The human-review register and one request of it.

use app::{
    kit::{Choice, ErrorSummary, Fact, Link, Notice, Tag, Tone, Value},
    pages::privacy::register::{ExtendForm, RecordForm, ReviewLine, ReviewView, ReviewsView},
};
use axum::{
    Form,
    extract::{Path, Query, State},
    response::Response,
};
use chrono::NaiveDate;
use domain::{
    AggregateId, Command,
    access::Action,
    privacy::{
        command::{Erase, ExtendReview, HoldReason, PrivacyCommand},
        erasure::{ErasureBasis, in_force},
        review::{Review, ReviewId, ReviewOutcome},
        safeguards::Safeguard,
    },
};
use ledger::Timestamp;
use serde::Deserialize;

use super::{PAGE, edit};
use crate::{
    http::{
        api::models::model_name,
        escape,
        extract::App,
        pages::{Fields, PageError, Viewer, done, field, reading::Reading, refuse, show, show_with, words},
        problem::Problem,
    },
    privacy::{self, NewReview},
    seal::{Order, Receipt},
    storage::{StoreError, privacy::ReviewFilter},
};

/// Filters in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ReviewsQuery {
    state: String,
    of: String,
    after: Option<u64>,
}

fn asks_title(id: &str) -> String {
    id.parse::<Safeguard>().map_or_else(|_| id.to_owned(), |safeguard| safeguard.title().to_owned())
}

fn state_tag(state: &str, outcome: Option<&str>) -> Tag {
    match (state, outcome.and_then(|outcome| outcome.parse::<ReviewOutcome>().ok())) {
        ("answered", Some(outcome)) => Tag::new(Tone::Quiet, outcome.title()),
        ("assigned", _) => Tag::new(Tone::Active, "assigned"),
        _ => Tag::new(Tone::Warn, "unassigned"),
    }
}

async fn reviews_view(
    app: &App,
    viewer: &Viewer,
    query: &ReviewsQuery,
    typed: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> Result<ReviewsView, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let failed = |error: StoreError| viewer.error(error);
    let now = app.clock.now();
    let offset = query.after.unwrap_or(0);
    let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let filter = ReviewFilter { model: some(&query.of), state: some(&query.state), offset, limit: PAGE };
    let (rows, total) = app.store.reviews(&filter, now).await.map_err(failed)?;
    let names = app.names(rows.iter().filter_map(|row| row.assignee.as_deref())).await.map_err(failed)?;
    let href =
        |after: u64| format!("/privacy/reviews?state={}&of={}&after={after}", escape(&query.state), escape(&query.of));
    let record = if viewer.can(Action::RecordReview) {
        let models = crate::storage::registry::ModelFilter { limit: 200, ..Default::default() };
        let (models, _) = app.store.models(&models, now).await.map_err(failed)?;
        let chosen = field(typed, "model");
        let models = models.into_iter();
        Some(RecordForm {
            models: models.map(|model| Choice::new(&model.name, &model.name).chosen_if(model.name == chosen)).collect(),
            asks: Safeguard::ALL
                .into_iter()
                .map(|one| Choice::new(one.id(), one.title()).chosen_if(one.id() == field(typed, "asks")))
                .collect(),
            market: field(typed, "market").to_owned(),
            decision: field(typed, "decision").to_owned(),
            person: ["name", "contact", "text"].map(|name| field(typed, name).to_owned()),
            received: field(typed, "received").to_owned(),
        })
    } else {
        None
    };
    Ok(ReviewsView {
        states: [("", "all"), ("open", "open"), ("overdue", "overdue"), ("answered", "answered")]
            .into_iter()
            .map(|(value, label)| Choice::new(value, label).chosen_if(value == query.state))
            .collect(),
        model: query.of.clone(),
        pager: words::pager(offset, rows.len(), total, "requests", href),
        rows: rows
            .into_iter()
            .map(|row| {
                let mut due = words::due(row.due_at, now);
                if row.state == "answered" {
                    due.tag = Tag::new(Tone::Quiet, "answered");
                }
                ReviewLine {
                    request: Link::new(
                        format!("{} {}", row.model, row.number),
                        format!("/privacy/reviews/{}/{}", row.model, row.number),
                    ),
                    asks: asks_title(&row.asks),
                    market: row.market.unwrap_or_default(),
                    state: state_tag(&row.state, row.outcome.as_deref()),
                    assignee: row.assignee.map(|id| names.of(&id)).unwrap_or_default(),
                    due,
                }
            })
            .collect(),
        record,
        errors,
    })
}

/// The register.
pub async fn reviews(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<ReviewsQuery>,
) -> Result<Response, PageError> {
    let view = reviews_view(&app, &viewer, &query, &[], None).await?;
    show(&viewer.frame, view).await
}

/// Records a request.
pub async fn record(State(app): State<App>, viewer: Viewer, Form(fields): Fields) -> Result<Response, PageError> {
    viewer.may(Action::RecordReview)?;
    let read = || -> Result<Order, Problem> {
        let mut reading = Reading::default();
        let model = field(&fields, "model");
        let model = reading.take(model_name(model).map_err(|_| refuse("model", "Choose the model.")));
        let asks = field(&fields, "asks").parse();
        let asks = reading.take(asks.map_err(|_| refuse("asks", "Choose what the person asks for.")));
        let market = match field(&fields, "market").trim() {
            "" => Some(None),
            text => reading.take(text.parse().map(Some).map_err(|error| refuse("market", format!("{error}")))),
        };
        let received_at = match field(&fields, "received") {
            "" => Some(None),
            text => reading.take(day(text).map(Some).ok_or_else(|| refuse("received", DAY_WANTED))),
        };
        if [model.is_some(), asks.is_some(), market.is_some(), received_at.is_some()].contains(&false) {
            reading.filled(&fields, "decision", "Give the reference of the decision.");
            reading.filled(&fields, "name", "Say who asks.");
            reading.filled(&fields, "contact", "Say how the person is reached.");
        }
        let whole = model.zip(asks).zip(market).zip(received_at);
        let (((model, asks), market), received_at) = reading.finish(whole)?;
        let new = NewReview {
            asks,
            version: None,
            market,
            decision: field(&fields, "decision").trim().to_owned(),
            received_at,
            name: field(&fields, "name").to_owned(),
            contact: field(&fields, "contact").to_owned(),
            text: field(&fields, "text").to_owned(),
        };
        Ok(privacy::receiving(viewer.caller.clone(), model, new)?)
    };
    let outcome = match read() {
        Ok(order) => app.sealer.seal(order).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match outcome {
        Ok(receipt) => {
            let to = match receipt.subject.parse() {
                Ok(AggregateId::ReviewRequest(id)) => words::review_href(&id),
                _ => "/privacy/reviews".to_owned(),
            };
            Ok(done(&to, &receipt))
        }
        Err(problem) => {
            let errors = Some(words::summary(&problem, &[("received_at", "received")]));
            let view = reviews_view(&app, &viewer, &ReviewsQuery::default(), &fields, errors).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

/// How a day is written.
const DAY_WANTED: &str = "Give the day as year, month and day, such as 2026-11-24.";

/// The beginning of a day that a form names as `YYYY-MM-DD`.
fn day(text: &str) -> Option<Timestamp> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc().into())
}

async fn find(app: &App, viewer: &Viewer, model: &str, number: u32) -> Result<std::sync::Arc<Review>, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let model = model_name(model).map_err(|problem| viewer.error(problem))?;
    let id = ReviewId { model, number };
    let review = app.review(&id).await.map_err(|error| viewer.error(error))?;
    review.ok_or_else(|| viewer.error(Problem::not_found(format!("There is no {id}."))))
}

async fn review_view(
    app: &App,
    viewer: &Viewer,
    review: &Review,
    typed: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> Result<ReviewView, PageError> {
    let failed = |error: StoreError| viewer.error(error);
    let now = app.clock.now();
    let mut entries = Vec::new();
    for seq in &review.entries {
        entries.extend(app.store.entry(*seq).await.map_err(failed)?);
    }
    entries.reverse();
    let told_of = words::people(&entries);
    let people = told_of.iter().map(String::as_str);
    let people = people.chain(review.assignee.as_ref().map(domain::AccountId::as_str));
    let names = app.names(people).await.map_err(failed)?;
    let decides = viewer.can(Action::DecidePrivacy);
    let person = app.person_of(review, &viewer.principal).await.map_err(failed)?.map(|person| {
        let labelled = [
            ("Name", person.name),
            ("Reached by", person.contact),
            ("Wrote", person.text),
            ("Was told", person.answer),
        ];
        labelled.into_iter().filter_map(|(label, value)| Some((label.to_owned(), value?))).collect()
    });
    let state = match &review.answer {
        Some(answer) => {
            Notice::new(Tone::Quiet, format!("Answered on {}: {}", words::day(answer.at).text, answer.outcome.title()))
        }
        None if review.is_overdue(now) => {
            Notice::new(Tone::Bad, format!("Overdue since {}", words::day(review.due_at).text))
        }
        None => Notice::new(Tone::Warn, format!("To be answered by {}", words::day(review.due_at).text)),
    };
    let state = match (&review.erased, in_force(&review.holds)) {
        (Some(erased), _) => state.with_body(format!("Its personal data were erased by entry {}.", erased.entry)),
        (None, Some(hold)) => state.with_body(format!("Legal hold {} stands on its personal data.", hold.number)),
        _ => state,
    };
    let mut facts = vec![
        Fact::text("Asks for", review.asks.title()),
        Fact::new("Decision", Value::Mono(review.decision.clone())),
        Fact::new("Model", Value::Link(Link::new(review.id.model.to_string(), format!("/models/{}", review.id.model)))),
    ];
    facts.extend(review.market.as_ref().map(|market| Fact::text("Market", market.to_string())));
    facts.push(Fact::new("Received", Value::When(words::when(review.received_at))));
    if review.is_open() {
        facts.push(Fact::new("Due", Value::Due(words::due(review.due_at, now))));
    }
    if let Some(extension) = &review.extension {
        let was = words::day(extension.was_due_at).text;
        facts.push(Fact::text("Deadline extended", format!("It was {was}: {}", extension.reason)));
        facts.push(Fact::new("Person told of it", Value::When(words::day(extension.informed_at))));
    }
    let assignee = review.assignee.as_ref().map_or_else(|| "nobody yet".to_owned(), |id| names.of(id.as_str()));
    facts.push(Fact::text("Assigned to", assignee));
    let assign = if decides && review.is_open() {
        let people = edit::people(app, viewer, Action::AnswerReview.roles()).await?;
        Some(edit::choose_person(&people, review.assignee.as_ref().map_or("", domain::AccountId::as_str)))
    } else {
        None
    };
    let may_answer = review.is_open() && viewer.can(Action::AnswerReview) && review.shows_person_to(&viewer.principal);
    let policy = app.policy().await.map_err(failed)?;
    let rules = policy.policy.privacy.as_ref().and_then(|rules| rules.review_extension);
    let extend = rules.filter(|_| may_answer).and_then(|rules| {
        let until = review.extendable_until(rules).filter(|until| now <= *until)?;
        Some(ExtendForm { days: rules.days, until: words::day(until).text })
    });
    Ok(ReviewView {
        extend,
        model: review.id.model.to_string(),
        number: review.id.number,
        state,
        facts,
        person,
        assign,
        answer: may_answer
            .then(|| ReviewOutcome::ALL.into_iter().map(|one| Choice::new(one.id(), one.title())).collect()),
        erase: (decides && !review.is_open() && review.erased.is_none()).then(super::erasures::grounds),
        can_hold: decides && review.erased.is_none(),
        typed: super::kept(typed),
        entries: words::entries(&entries, &names, false),
        errors,
    })
}

/// A request.
pub async fn review(
    State(app): State<App>,
    viewer: Viewer,
    Path((model, number)): Path<(String, u32)>,
) -> Result<Response, PageError> {
    let review = find(&app, &viewer, &model, number).await?;
    let view = review_view(&app, &viewer, &review, &[], None).await?;
    show(&viewer.frame, view).await
}

async fn answer(
    app: &App,
    viewer: &Viewer,
    review: &Review,
    fields: &[(String, String)],
    outcome: Result<Receipt, Problem>,
) -> Result<Response, PageError> {
    match outcome {
        Ok(receipt) => Ok(done(&words::review_href(&review.id), &receipt)),
        Err(problem) => {
            // What was refused may itself have become an entry.
            let review = find(app, viewer, review.id.model.as_str(), review.id.number).await?;
            // The form of a hold has a field `reason` of its own.
            let extends = fields.iter().any(|(name, _)| name == "why");
            let renamed = [("informed_at", "informed"), ("reason", if extends { "why" } else { "reason" })];
            let view = review_view(app, viewer, &review, fields, Some(words::summary(&problem, &renamed))).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

/// Assigns a request.
pub async fn assign(
    State(app): State<App>,
    viewer: Viewer,
    Path((model, number)): Path<(String, u32)>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let review = find(&app, &viewer, &model, number).await?;
    let outcome = match field(&fields, "assignee").parse() {
        Ok(assignee) => {
            let command = PrivacyCommand::AssignReview(review.id.clone(), assignee);
            viewer.seal(&app, Command::Privacy(command), &[]).await
        }
        Err(_) => Err(refuse("assignee", "Choose who looks at it.")),
    };
    answer(&app, &viewer, &review, &fields, outcome).await
}

/// Extends the deadline of a request.
pub async fn extend(
    State(app): State<App>,
    viewer: Viewer,
    Path((model, number)): Path<(String, u32)>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let review = find(&app, &viewer, &model, number).await?;
    let read = || -> Result<ExtendReview, Problem> {
        let mut reading = Reading::default();
        let days = match field(&fields, "days").trim() {
            "" => Some(None),
            text => reading.take(text.parse().map(Some).map_err(|_| refuse("days", "Give a whole number of days."))),
        };
        let informed_at = match field(&fields, "informed").trim() {
            "" => Some(None),
            text => reading.take(day(text).ok_or_else(|| refuse("informed", DAY_WANTED))).map(|told| {
                // A day begins before whatever came in on it.
                let same_day = told.plus_days(1) > review.received_at;
                Some(if same_day { told.max(review.received_at) } else { told })
            }),
        };
        if days.is_none() || informed_at.is_none() {
            reading.filled(&fields, "why", "Say why more time is needed.");
        }
        let (days, informed_at) = reading.finish(days.zip(informed_at))?;
        Ok(ExtendReview { reason: field(&fields, "why").to_owned(), days, informed_at })
    };
    let outcome = match read() {
        Ok(body) => {
            let command = PrivacyCommand::ExtendReview(review.id.clone(), body);
            viewer.seal(&app, Command::Privacy(command), &[]).await
        }
        Err(problem) => Err(problem),
    };
    answer(&app, &viewer, &review, &fields, outcome).await
}

/// Answers a request.
pub async fn answer_review(
    State(app): State<App>,
    viewer: Viewer,
    Path((model, number)): Path<(String, u32)>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    viewer.may(Action::AnswerReview)?;
    let review = find(&app, &viewer, &model, number).await?;
    let order = match field(&fields, "outcome").parse::<ReviewOutcome>() {
        Ok(outcome) => privacy::answering(viewer.caller.clone(), review.id.clone(), outcome, field(&fields, "answer"))
            .map_err(Problem::from),
        Err(_) => Err(refuse("outcome", "Choose what became of it.")),
    };
    let outcome = match order {
        Ok(order) => app.sealer.seal(order).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    answer(&app, &viewer, &review, &fields, outcome).await
}

/// Places a hold on a request.
pub async fn hold_review(
    State(app): State<App>,
    viewer: Viewer,
    Path((model, number)): Path<(String, u32)>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let review = find(&app, &viewer, &model, number).await?;
    let reason = HoldReason { reason: field(&fields, "reason").to_owned() };
    let command = PrivacyCommand::PlaceHold(AggregateId::ReviewRequest(review.id.clone()), reason);
    let outcome = viewer.seal(&app, Command::Privacy(command), &[]).await;
    answer(&app, &viewer, &review, &fields, outcome).await
}

/// Erases the personal data of a request.
pub async fn erase_review(
    State(app): State<App>,
    viewer: Viewer,
    Path((model, number)): Path<(String, u32)>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let review = find(&app, &viewer, &model, number).await?;
    let outcome = match field(&fields, "basis").parse::<ErasureBasis>() {
        Ok(basis) => {
            let erase = Erase { basis, note: field(&fields, "note").to_owned() };
            let command = PrivacyCommand::Erase(AggregateId::ReviewRequest(review.id.clone()), erase);
            viewer.seal(&app, Command::Privacy(command), &[]).await
        }
        Err(_) => Err(refuse("basis", "Choose the ground.")),
    };
    let outcome = outcome.and_then(super::erasures::carried_out);
    answer(&app, &viewer, &review, &fields, outcome).await
}
