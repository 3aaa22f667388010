//! View rows and inbox items of privacy: what assessments, statements and review requests wait for.

use domain::{
    Aggregate,
    account::Role,
    policy::AdoptedPolicy,
    privacy::{PrivacyFile, Step, review::Review, safeguards},
};
use ledger::Timestamp;

use super::{FOR_ANYBODY, IN_NO_MARKET, ViewRow};
use crate::storage::Value;

/// Every row of a state; none for states that are not of privacy.
pub fn rows(state: &Aggregate, policy: &AdoptedPolicy) -> Vec<ViewRow> {
    match state {
        Aggregate::Dpia(file) => file_rows(file, policy),
        Aggregate::ReviewRequest(review) => review_rows(review),
        _ => Vec::new(),
    }
}

/// How the Art. 22 statement stands, in a word.
pub fn safeguards_state(file: &PrivacyFile) -> &'static str {
    match &file.safeguards {
        None => "none",
        Some(stated) if !stated.statement.missing().is_empty() => "incomplete",
        Some(stated) if !stated.lapsed.is_empty() => "lapsed",
        Some(stated) if stated.confirmed.is_none() => "stated",
        Some(_) => "confirmed",
    }
}

fn optional(number: Option<i64>) -> Value {
    Value::Int(number)
}

fn item(model: &str, kind: &'static str, number: u32, slot: &str, title: String, dates: [Timestamp; 2]) -> Vec<Value> {
    let [since, due_at] = dates;
    vec![
        model.into(),
        0_u32.into(),
        kind.into(),
        number.into(),
        slot.into(),
        title.into(),
        Value::Text(None),
        since.into(),
        due_at.into(),
        IN_NO_MARKET.into(),
        FOR_ANYBODY,
    ]
}

fn file_rows(file: &PrivacyFile, policy: &AdoptedPolicy) -> Vec<ViewRow> {
    let rules = policy.policy.privacy.as_ref();
    // Without a section on privacy no step can be told; what is not written yet is to be written in any case.
    let step = rules.map_or(Step::Write, |rules| file.step(rules));
    let approved = file.approved.as_ref();
    let in_force = approved.is_some_and(|approved| approved.reopened.is_none());
    let model = file.model.to_string();
    let view = ViewRow::Dpia(vec![
        model.as_str().into(),
        step.id().into(),
        u32::from(in_force).into(),
        optional(approved.map(|approved| approved.review_at.micros())),
        safeguards_state(file).into(),
        file.updated_at.into(),
    ]);
    let days = i64::from(rules.map_or(0, |rules| rules.answer_days));
    let mut dpia = Vec::new();
    if let Some(draft) = file.draft.as_ref().filter(|_| step != Step::Done && rules.is_some()) {
        let reopened = approved.and_then(|approved| approved.reopened.as_ref());
        let since = [
            Some(draft.drafted_at),
            file.advice.as_ref().map(|advice| advice.at),
            file.consultation.as_ref().map(|consultation| consultation.at),
            reopened.map(|reopening| reopening.at),
        ];
        let since = since.into_iter().flatten().max().unwrap_or(draft.drafted_at);
        let slot = if step == Step::Write { Role::DataScientist } else { Role::PrivacyOfficer };
        let title =
            format!("The impact assessment {}", if step == Step::Write { "is to be completed" } else { step.title() });
        dpia.push(item(&model, "dpia", 0, slot.id(), title, [since, since.plus_days(days)]));
    }
    let mut article22 = Vec::new();
    if let Some(stated) = file.safeguards.as_ref().filter(|_| safeguards_state(file) == "stated") {
        let title = "The Art. 22 statement waits for confirmation".to_owned();
        let dates = [stated.at, stated.at.plus_days(days)];
        article22.push(item(&model, "article22", 0, Role::PrivacyOfficer.id(), title, dates));
    }
    let lapsed = file.safeguards.as_ref().map_or(&[][..], |stated| &stated.lapsed);
    if let Some(first) = lapsed.first() {
        let lost = lapsed.iter().flat_map(|lapse| &lapse.safeguards).copied().collect();
        let title = format!("Nobody owns {} under Art. 22", safeguards::titles(&lost));
        let dates = [first.at, first.at.plus_days(days)];
        article22.push(item(&model, "article22", 0, Role::DataScientist.id(), title, dates));
    }
    vec![
        view,
        ViewRow::ModelWork { model: model.clone(), kind: "dpia", number: 0, items: dpia },
        ViewRow::ModelWork { model, kind: "article22", number: 0, items: article22 },
    ]
}

fn review_rows(review: &Review) -> Vec<ViewRow> {
    let model = review.id.model.to_string();
    let answer = review.answer.as_ref();
    let text = |text: Option<String>| Value::Text(text);
    let view = ViewRow::Review(vec![
        model.as_str().into(),
        review.id.number.into(),
        review.asks.id().into(),
        text(review.market.as_ref().map(ToString::to_string)),
        review.state().into(),
        text(review.assignee.as_ref().map(ToString::to_string)),
        review.received_at.into(),
        review.due_at.into(),
        optional(answer.map(|answer| answer.at.micros())),
        text(answer.map(|answer| answer.outcome.id().to_owned())),
        u32::from(review.erased.is_some()).into(),
    ]);
    let mut items = Vec::new();
    if review.is_open() {
        let slot = review.assignee.as_ref().map_or(Role::PrivacyOfficer.id(), domain::AccountId::as_str);
        let title = format!("{}: decision {}", review.asks.title(), review.decision);
        items.push(item(&model, "review", review.id.number, slot, title, [review.received_at, review.due_at]));
    }
    vec![view, ViewRow::ModelWork { model, kind: "review", number: review.id.number, items }]
}
