//! Privacy: the list of assessments, a model's privacy file, erasures and holds.

mod acts;
mod edit;
mod erasures;
mod register;

pub use acts::{advise, approve, confirm, consult, import, reopen};
pub use edit::{edit, safeguards, save, state};
pub use erasures::{erase, erasures, hold, release};
pub use register::{answer_review, assign, erase_review, extend, hold_review, record, review, reviews};

use std::sync::Arc;

use app::{
    kit::{Choice, ErrorSummary, Fact, Link, Notice, Tag, Tone, Value},
    pages::{
        PrivacyView,
        privacy::{
            DpiaLine,
            dpia::{Acts, ContentView, DpiaView, MeasureLine, Opinion, RiskLine, SafeguardsFacts},
        },
        sign::PackagePart,
    },
};
use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use domain::{
    Event, ModelName,
    access::Action,
    policy::AdoptedPolicy,
    privacy::{
        PrivacyFile, Step,
        dpia::{Approved, Content, Draft, Part, Rating, class_names},
        features,
        policy::{PrivacyPolicy, retention},
        requirements,
        safeguards::Safeguard,
    },
    registry::Model,
};
use ledger::Timestamp;
use serde::Deserialize;

use super::{PageError, Viewer, show, words};
use crate::{
    accounts::Names,
    http::{api::models::model_name, extract::App, problem::Problem},
    service::Shelf,
    storage::{StoreError, log::EntryFilter, privacy::ReviewFilter},
    views::privacy::safeguards_state,
};

/// Entries shown of what happened last.
const RECENT: u64 = 8;
/// Rows on one page.
const PAGE: u64 = 50;

/// What was typed into a form, without passwords and what the form itself carries.
fn kept(fields: &[(String, String)]) -> Vec<(String, String)> {
    fields.iter().filter(|(name, _)| name != "password").cloned().collect()
}

/// Where a page of a list begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    after: Option<u64>,
}

fn step_words(step: &str) -> String {
    let all = [Step::Write, Step::Advise, Step::Consult, Step::Approve, Step::Done];
    all.into_iter().find(|known| known.id() == step).map_or_else(|| step.to_owned(), |step| step.title().to_owned())
}

fn safeguards_tag(state: &str) -> Tag {
    match state {
        "confirmed" => Tag::new(Tone::Good, "confirmed"),
        "stated" => Tag::new(Tone::Warn, "waits for confirmation"),
        "lapsed" => Tag::new(Tone::Bad, "an owner is gone"),
        "incomplete" => Tag::new(Tone::Warn, "incomplete"),
        _ => Tag::new(Tone::Neutral, "not stated"),
    }
}

fn standing(in_force: bool, review_at: Option<Timestamp>, now: Timestamp) -> Tag {
    match (in_force, review_at) {
        (true, Some(at)) if at <= now => Tag::new(Tone::Bad, "review due"),
        (true, _) => Tag::new(Tone::Good, "in force"),
        (false, Some(_)) => Tag::new(Tone::Warn, "reopened"),
        (false, None) => Tag::new(Tone::Neutral, "not approved"),
    }
}

/// The list.
pub async fn list(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<ListQuery>,
) -> Result<Response, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let failed = |error: StoreError| viewer.error(error);
    let now = app.clock.now();
    let offset = query.after.unwrap_or(0);
    let (rows, total) = app.store.dpias(offset, PAGE).await.map_err(failed)?;
    let count = async |state: &str| {
        let filter = ReviewFilter { state: Some(state.to_owned()), limit: 1, ..ReviewFilter::default() };
        app.store.reviews(&filter, now).await.map(|(_, total)| total)
    };
    let (open, overdue) = (count("open").await.map_err(failed)?, count("overdue").await.map_err(failed)?);
    let models = crate::storage::registry::ModelFilter { limit: PAGE, ..Default::default() };
    let (models, _) = app.store.models(&models, now).await.map_err(failed)?;
    let pager = words::pager(offset, rows.len(), total, "assessments", |after| format!("/privacy?after={after}"));
    let missing =
        models.iter().filter(|model| offset == 0 && total <= PAGE && !rows.iter().any(|r| r.model == model.name));
    let missing = missing.map(|model| Link::new(&model.name, format!("/privacy/models/{}", model.name))).collect();
    let view = PrivacyView {
        rows: rows
            .into_iter()
            .map(|row| DpiaLine {
                model: Link::new(&row.model, format!("/privacy/models/{}", row.model)),
                state: standing(row.in_force, row.review_at, now),
                step: step_words(&row.step),
                review: row.review_at.filter(|_| row.in_force).map(words::day),
                safeguards: safeguards_tag(&row.safeguards),
            })
            .collect(),
        pager,
        register: format!("Requests for human review: {open} open, {overdue} overdue"),
        missing,
    };
    show(&viewer.frame, view).await
}

/// How a version stands in matters of privacy, for its own page; nothing where no market of its model asks.
pub fn version_facts(shelf: &Shelf, now: Timestamp) -> Vec<Fact> {
    let (model, version) = (&shelf.model, &shelf.version);
    let rules: Vec<_> = model
        .markets
        .iter()
        .filter_map(|market| Some((market, shelf.policy.policy.markets.get(market)?.privacy.as_ref()?)))
        .collect();
    if rules.is_empty() {
        return Vec::new();
    }
    let href = format!("/privacy/models/{}", model.name);
    let approved = shelf.privacy.as_ref().and_then(|file| file.approved.as_ref());
    let outside = approved.map(|approved| approved.outside(&version.lineage)).unwrap_or_default();
    let mut state = vec![Value::Tag(standing(
        approved.is_some_and(|approved| approved.reopened.is_none()),
        approved.map(|approved| approved.review_at),
        now,
    ))];
    if !outside.is_empty() {
        state.push(Value::Text(format!("does not cover this version: it differs in {}", class_names(&outside))));
    }
    state.push(Value::Link(Link::new("assessment", href.clone())));
    let safeguards = shelf.privacy.as_ref().map_or("none", |file| safeguards_state(file));
    let mut facts = vec![
        Fact::new("Impact assessment", Value::Many(state)),
        Fact::new(
            "Art. 22",
            Value::Many(vec![
                Value::Tag(safeguards_tag(safeguards)),
                Value::Link(Link::new("statement", format!("{href}#safeguards"))),
            ]),
        ),
    ];
    for (market, rules) in rules.into_iter().filter(|(_, rules)| !rules.prohibited_features.is_empty()) {
        let hits = features::hits(&version.lineage, &rules.prohibited_features);
        let words: Vec<String> = hits
            .iter()
            .map(|hit| {
                let verb = if hit.is_adjacent { "may stand in for" } else { "is" };
                format!("{} {verb} {}", hit.feature, hit.prohibited)
            })
            .collect();
        let value = if words.is_empty() {
            Value::Tag(Tag::new(Tone::Good, "none"))
        } else {
            Value::Many(vec![Value::Tag(Tag::new(Tone::Warn, "found")), Value::List(words)])
        };
        facts.push(Fact::new(format!("Features prohibited in {market}"), value));
    }
    facts
}

/// The part on privacy of what a signer reads, where the market asks for it.
pub fn package_part(app: &App, shelf: &Shelf, request: &domain::promotion::Request) -> Option<PackagePart> {
    let question = super::versions::question(app, shelf, request.to, request.market.as_ref());
    requirements::rules(&question)?;
    let approved = shelf.privacy.as_ref().and_then(|file| file.approved.as_ref());
    let stated = shelf.privacy.as_ref().and_then(|file| file.safeguards.as_ref());
    let content = approved.map(|approved| &approved.draft.content);
    let risks = content.into_iter().flat_map(|content| &content.risks);
    let risks = risks.map(|risk| {
        Fact::text(format!("Risk: {}", risk.title), format!("with the measures: {}", rating(risk.residual)))
    });
    let measures = content.into_iter().flat_map(|content| &content.measures);
    let measures =
        measures.map(|measure| Fact::text(format!("Measure: {}", measure.title), measure.description.clone()));
    let mut facts = version_facts(shelf, question.now);
    facts.extend(risks.chain(measures));
    facts.extend(stated.map(|stated| Fact::text("Automated decisions", stated.statement.reasons.clone())));
    let texts = content.into_iter().flat_map(|content| {
        let parts = Part::ALL.into_iter();
        parts.filter_map(|part| Some((part.title().to_owned(), content.parts.get(&part)?.clone())))
    });
    let now = question.now;
    Some(PackagePart {
        title: "Privacy".into(),
        summary: approved.map_or_else(
            || "No impact assessment is approved.".to_owned(),
            |approved| format!("Impact assessment approved by entry {}.", approved.entry),
        ),
        state: Some(standing(
            approved.is_some_and(|approved| approved.reopened.is_none()),
            approved.map(|approved| approved.review_at),
            now,
        )),
        facts,
        texts: texts.collect(),
        link: Some(Link::new("Privacy", format!("/privacy/models/{}", shelf.model.name))),
    })
}

/// What a page about one model works with.
pub(super) struct Room {
    pub(super) model: Arc<Model>,
    pub(super) policy: Arc<AdoptedPolicy>,
    pub(super) file: Option<Arc<PrivacyFile>>,
}

impl Room {
    pub(super) async fn open(app: &App, viewer: &Viewer, model: &str) -> Result<Self, PageError> {
        viewer.may(Action::ReadRegistry)?;
        let failed = |error: StoreError| viewer.error(error);
        let name: ModelName = model_name(model).map_err(|problem| viewer.error(problem))?;
        let model = app.model(&name).await.map_err(failed)?;
        let model = model.ok_or_else(|| viewer.error(Problem::not_found(format!("No model {name} is registered."))))?;
        let file = app.privacy_file(&name).await.map_err(failed)?;
        Ok(Self { model, policy: app.policy().await.map_err(failed)?, file })
    }

    pub(super) fn rules(&self) -> Option<&PrivacyPolicy> {
        self.policy.policy.privacy.as_ref()
    }

    pub(super) fn draft(&self) -> Option<&Draft> {
        self.file.as_ref()?.draft.as_ref()
    }

    pub(super) fn approved(&self) -> Option<&Approved> {
        self.file.as_ref()?.approved.as_ref()
    }

    pub(super) fn revision(&self) -> u64 {
        self.file.as_ref().map_or(0, |file| file.revision)
    }

    fn step(&self) -> Step {
        match (&self.file, self.rules()) {
            (Some(file), Some(rules)) => file.step(rules),
            _ => Step::Write,
        }
    }
}

fn rating(rating: Option<Rating>) -> String {
    rating.map_or_else(|| "not rated".to_owned(), |one| format!("{}, {}", one.likelihood.id(), one.severity.id()))
}

fn content_view(content: &Content, draft: &Draft, rules: Option<&PrivacyPolicy>, names: &Names) -> ContentView {
    let parts = |necessity: bool| {
        Part::ALL
            .into_iter()
            .filter(|part| part.is_necessity() == necessity)
            .filter_map(|part| Some((part.title().to_owned(), content.parts.get(&part)?.clone())))
            .collect()
    };
    ContentView {
        digest: words::digest(&draft.digest),
        description: parts(false),
        necessity: parts(true),
        risks: content
            .risks
            .iter()
            .map(|risk| {
                let high = risk.residual.zip(rules).is_some_and(|(residual, rules)| residual.is_high(rules));
                let tone = match (risk.residual, high) {
                    (None, _) => Tone::Neutral,
                    (Some(_), true) => Tone::Bad,
                    (Some(_), false) => Tone::Good,
                };
                let list = |label: &str, items: &[String]| {
                    (!items.is_empty()).then(|| format!("{label}: {}", items.join("; ")))
                };
                let about = [
                    (risk.title != risk.kind.title()).then(|| risk.kind.title().to_owned()),
                    Some(risk.description.clone()).filter(|text| !text.is_empty()),
                    list("Impacts", &risk.impacts),
                    list("Threats", &risk.threats),
                    list("Sources", &risk.sources),
                ];
                let residual = rating(risk.residual);
                RiskLine {
                    title: risk.title.clone(),
                    about: about.into_iter().flatten().collect(),
                    initial: rating(risk.initial),
                    residual: Tag::new(tone, if high { format!("high: {residual}") } else { residual }),
                }
            })
            .collect(),
        measures: content
            .measures
            .iter()
            .map(|measure| MeasureLine {
                title: measure.title.clone(),
                description: measure.description.clone(),
                owner: measure.owner.as_ref().map_or_else(|| "nobody yet".into(), |owner| names.of(owner.as_str())),
                treats: measure.treats.iter().map(|kind| kind.title()).collect::<Vec<_>>().join(", "),
            })
            .collect(),
        views: (
            if content.views.sought { "They were asked." } else { "They were not asked." }.to_owned(),
            content.views.text.clone(),
        ),
        justified: content.justified_features.clone().into_iter().collect(),
    }
}

fn notice(room: &Room, now: Timestamp) -> Notice {
    let step = room.step();
    let next = match step {
        Step::Done => None,
        Step::Write if room.draft().is_none() => Some("Write the assessment; a draft may be incomplete.".to_owned()),
        Step::Write => Some("The assessment as written is to be completed.".to_owned()),
        step => Some(format!("The assessment as written {}.", step.title())),
    };
    let mut told = match room.approved() {
        None => Notice::new(Tone::Warn, "No impact assessment is approved"),
        Some(approved) => match &approved.reopened {
            Some(reopening) => Notice::new(Tone::Bad, "The assessment was reopened")
                .with_body(reopening.cause.sentence())
                .with_link(words::entry_link(reopening.entry)),
            None if !approved.holds(now) => Notice::new(Tone::Bad, "The approved assessment is due for review"),
            None => Notice::new(
                Tone::Good,
                format!("Approved, to be looked at again by {}", words::day(approved.review_at).text),
            )
            .with_link(words::entry_link(approved.entry)),
        },
    };
    told.body.extend(next);
    told
}

fn facts(room: &Room, names: &Names, now: Timestamp) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(draft) = room.draft() {
        let scope = &draft.content.scope;
        let markets: Vec<String> = scope.markets.iter().map(ToString::to_string).collect();
        facts.push(Fact::new("Markets", Value::List(markets)));
        facts.push(Fact::text("Reopened by", class_names(&scope.reopened_by)));
        facts.extend(scope.version.map(|number| {
            let href = format!("/models/{}/versions/{number}", room.model.name);
            Fact::new("Assessed version", Value::Link(Link::new(format!("v{number}"), href)))
        }));
        let authors: Vec<String> = draft.authors.iter().map(|author| names.of(author.as_str())).collect();
        facts.push(Fact::new("Written by", Value::List(authors)));
        facts.push(Fact::new("Last written", Value::When(words::when(draft.drafted_at))));
    }
    if let Some(approved) = room.approved() {
        facts.push(Fact::text("Approved by", names.of(approved.by.as_str())));
        facts.push(Fact::new("Review", Value::Due(words::due(approved.review_at, now))));
    }
    let kept = retention(&room.policy.policy, &room.model);
    let rules: Vec<String> = kept.rules.iter().map(|rule| format!("{} {}", rule.source, rule.years)).collect();
    facts.push(Fact::text("Records kept", format!("{} years ({})", kept.years, rules.join("; "))));
    facts
}

fn opinions(room: &Room, names: &Names) -> Vec<Opinion> {
    let Some(file) = &room.file else { return Vec::new() };
    let approved = file.approved.as_ref();
    let digest = file.draft.as_ref().map(|draft| draft.digest);
    let entry = |seq: u64| Link::new(format!("entry {seq}"), format!("/ledger/{seq}"));
    let mut opinions = Vec::new();
    let advice = file.advice.iter().map(|advice| (advice, Some(advice.content) == digest));
    let advice = advice.chain(approved.map(|approved| (&approved.advice, approved.reopened.is_none())));
    for (advice, is_current) in advice {
        opinions.push(Opinion {
            title: if advice.favourable { "Advice for the processing" } else { "Advice against the processing" }.into(),
            state: if is_current { Tag::new(Tone::Good, "current") } else { Tag::new(Tone::Quiet, "superseded") },
            about: format!("{}, {}", names.of(advice.by.as_str()), words::when(advice.at).text),
            text: advice.text.clone(),
            entry: entry(advice.entry),
        });
    }
    let consultations = file.consultation.iter().chain(approved.and_then(|approved| approved.consultation.as_ref()));
    for consultation in consultations {
        let is_current = file.draft.as_ref().is_none_or(|draft| consultation.is_about(draft));
        opinions.push(Opinion {
            title: format!("Prior consultation of {}", consultation.authority),
            state: if is_current { Tag::new(Tone::Good, "current") } else { Tag::new(Tone::Quiet, "superseded") },
            about: format!("{}, {}", consultation.reference, words::when(consultation.at).text),
            text: consultation.answer.clone(),
            entry: entry(consultation.entry),
        });
    }
    opinions.extend(approved.map(|approved| Opinion {
        title: format!("Approval: \u{201c}{}\u{201d}", approved.meaning),
        state: match &approved.reopened {
            None => Tag::new(Tone::Good, "in force"),
            Some(_) => Tag::new(Tone::Quiet, "reopened"),
        },
        about: format!("{}, {}", names.of(approved.by.as_str()), words::when(approved.at).text),
        text: approved.comment.clone(),
        entry: entry(approved.entry),
    }));
    opinions
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

fn safeguards_facts(room: &Room, viewer: &Viewer, names: &Names) -> SafeguardsFacts {
    let can_edit = viewer.can(Action::DraftPrivacy);
    let Some((file, stated)) = room.file.as_ref().and_then(|file| Some((file, file.safeguards.as_ref()?))) else {
        return SafeguardsFacts { state: safeguards_tag("none"), facts: Vec::new(), confirm: None, can_edit };
    };
    let statement = &stated.statement;
    let mut facts = vec![
        Fact::text("Solely automated", yes(statement.solely_automated)),
        Fact::text("Significant effect", yes(statement.significant_effect)),
        Fact::text("Why", statement.reasons.clone()),
    ];
    facts.extend(statement.basis.map(|basis| Fact::text("Basis", basis.title())));
    for safeguard in Safeguard::ALL {
        let value = statement.safeguards.get(&safeguard).map_or_else(
            || if statement.applies() { Value::Missing("nobody".into()) } else { Value::Text("not needed".into()) },
            |keeper| Value::Text(format!("{}; {}", names.of(keeper.owner.as_str()), keeper.channel)),
        );
        facts.push(Fact::new(safeguard.title(), value));
    }
    facts.push(Fact::text("Special categories", yes(statement.special_categories)));
    facts.extend(statement.special_basis.map(|basis| Fact::text("Basis for them", basis.title())));
    facts.push(Fact::text("Stated by", names.of(stated.by.as_str())));
    facts
        .extend(stated.confirmed.as_ref().map(|confirmed| Fact::text("Confirmed by", names.of(confirmed.by.as_str()))));
    for lapse in &stated.lapsed {
        facts.push(Fact::text("Owner gone", lapse.sentence()));
    }
    let state = safeguards_state(file);
    let confirm = matches!(state, "stated" | "lapsed")
        && viewer.can(Action::DecidePrivacy)
        && stated.by != viewer.principal.account;
    SafeguardsFacts {
        state: safeguards_tag(state),
        facts,
        confirm: confirm.then(|| words::digest(&stated.digest)),
        can_edit,
    }
}

fn acts(room: &Room, viewer: &Viewer) -> Acts {
    let step = room.step();
    let decides = viewer.can(Action::DecidePrivacy)
        && room.draft().is_some_and(|draft| !draft.authors.contains(&viewer.principal.account));
    let rules = room.rules();
    let in_force = room.approved().is_some_and(|approved| approved.reopened.is_none());
    let approve = decides && step == Step::Approve;
    Acts {
        advise: decides && matches!(step, Step::Advise | Step::Consult | Step::Approve),
        consult: viewer.can(Action::DecidePrivacy) && step == Step::Consult,
        approve: rules
            .filter(|_| approve)
            .map(|rules| vec![Choice::new(rules.approval_meaning.clone(), rules.approval_meaning.clone())]),
        review_months: rules.map_or(0, |rules| rules.review_months),
        reopen: in_force && viewer.can(Action::DraftPrivacy),
    }
}

/// The page of a model, with what a refused form said.
pub(super) async fn model_view(
    app: &App,
    viewer: &Viewer,
    room: &Room,
    typed: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> Result<DpiaView, PageError> {
    let failed = |error: StoreError| viewer.error(error);
    let now = app.clock.now();
    let filter = EntryFilter {
        model: Some(room.model.name.to_string()),
        events: Event::OF_PRIVACY.into(),
        limit: RECENT,
        ..EntryFilter::default()
    };
    let recent = app.store.find_entries(&filter).await.map_err(failed)?;
    let mut people: Vec<String> = recent.iter().map(|entry| entry.actor.clone()).collect();
    if let Some(file) = &room.file {
        let draft = file.draft.iter().chain(file.approved.iter().map(|approved| &approved.draft));
        for draft in draft {
            people.extend(draft.authors.iter().map(ToString::to_string));
            people.extend(draft.content.measures.iter().filter_map(|m| m.owner.as_ref()).map(ToString::to_string));
        }
        people.extend(file.advice.iter().map(|advice| advice.by.to_string()));
        people.extend(
            file.approved.iter().flat_map(|approved| [approved.by.to_string(), approved.advice.by.to_string()]),
        );
        if let Some(stated) = &file.safeguards {
            people.push(stated.by.to_string());
            people.extend(stated.confirmed.iter().map(|confirmed| confirmed.by.to_string()));
            people.extend(stated.statement.safeguards.values().map(|keeper| keeper.owner.to_string()));
        }
    }
    let names = app.names(people.iter().map(String::as_str)).await.map_err(failed)?;
    let draft = room.draft();
    Ok(DpiaView {
        model: room.model.name.to_string(),
        model_title: room.model.title.clone(),
        revision: room.revision(),
        state: notice(room, now),
        missing: draft
            .map(|draft| draft.content.missing().into_iter().map(|missing| missing.message).collect())
            .unwrap_or_default(),
        facts: facts(room, &names, now),
        content: draft.map(|draft| content_view(&draft.content, draft, room.rules(), &names)),
        opinions: opinions(room, &names),
        safeguards: safeguards_facts(room, viewer, &names),
        can_draft: viewer.can(Action::DraftPrivacy),
        can_export: viewer.can(Action::Export),
        acts: acts(room, viewer),
        typed: kept(typed),
        recent: words::entries(&recent, &names, false),
        errors,
    })
}

/// The page of a model.
pub async fn model(State(app): State<App>, viewer: Viewer, Path(model): Path<String>) -> Result<Response, PageError> {
    let room = Room::open(&app, &viewer, &model).await?;
    let view = model_view(&app, &viewer, &room, &[], None).await?;
    show(&viewer.frame, view).await
}
