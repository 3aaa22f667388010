//! Any past instant.

use app::{
    kit::{Choice, ErrorSummary, Fact, FieldError, Link, Pager, Tag, Tone, Value},
    pages::{
        AsOfView,
        as_of::{AsOfAnswer, GrantedStep, KillRow, ServingGrounds, ServingRow},
    },
};
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use domain::{
    AccountId, Market, ModelName, VersionId, VersionNumber,
    access::Action,
    as_of::{self, Answered, Approval, GrantedShare, Grounds, Serving, Traffic},
};
use ledger::Timestamp;
use serde::Deserialize;

use super::{PageError, Viewer, show, show_with, words};
use crate::{
    accounts::Names,
    as_of::{ModelThen, Past, PastError, Place, past, past_page, read_instant, settled},
    http::extract::App,
    storage::{StoreError, registry::ModelFilter},
};

/// Models offered in the form.
const MODELS: u64 = 500;
/// Models told of on one page.
const PAGE: u64 = 25;

/// Which instant, of which model.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AsOfQuery {
    at: String,
    model: String,
    after: u64,
}

/// An instant as the browser's input takes it.
fn minute(at: Timestamp) -> String {
    words::when(at).iso.chars().take(16).collect()
}

fn entry(seq: u64) -> Link {
    Link::new(format!("entry {seq}"), format!("/ledger/{seq}"))
}

/// The page.
pub async fn page(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<AsOfQuery>,
) -> Result<Response, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let failed = |error: StoreError| viewer.error(error);
    let filter = ModelFilter { limit: MODELS, ..ModelFilter::default() };
    let (models, _) = app.store.models(&filter, app.clock.now()).await.map_err(failed)?;
    let all = Choice::new("", "All models").chosen_if(query.model.is_empty());
    let choices = models
        .iter()
        .map(|model| Choice::new(model.name.clone(), model.title.clone()).chosen_if(model.name == query.model));
    let mut view = AsOfView {
        at: if query.at.is_empty() { minute(app.clock.now()) } else { query.at.clone() },
        models: [all].into_iter().chain(choices).collect(),
        answer: None,
        errors: None,
    };
    match ask(&app, &query).await {
        Ok((past, pager)) => {
            view.at = minute(past.at);
            view.answer = Some(answer(&app, &past, pager).await.map_err(failed)?);
            show(&viewer.frame, view).await
        }
        Err(Asked::Wrong(field)) => {
            view.errors = Some(ErrorSummary::new("Nothing can be told of that instant", vec![field]));
            show_with(StatusCode::UNPROCESSABLE_ENTITY, &viewer.frame, view).await
        }
        Err(Asked::Failed(error)) => Err(failed(error)),
    }
}

/// Where the same instant is told of another model, or of others.
fn href(at: Timestamp, model: &str, after: u64) -> String {
    let mut href = format!("/as-of?at={}", crate::http::escape(&at.to_string()));
    if !model.is_empty() {
        href = format!("{href}&model={model}");
    }
    if after > 0 { format!("{href}&after={after}") } else { href }
}

enum Asked {
    Wrong(FieldError),
    Failed(StoreError),
}

/// What held at the instant asked for, or holds now: of one model, or of a page of all.
async fn ask(app: &App, query: &AsOfQuery) -> Result<(Past, Pager), Asked> {
    let wrong = |field: &str, why: String| Asked::Wrong(FieldError::field(field, why));
    let at = match query.at.trim() {
        "" => app.clock.now(),
        text => settled(read_instant(text).map_err(|why| wrong("at", why))?, app.clock.now()),
    };
    let told = match query.model.as_str() {
        "" => past_page(app, at, (query.after, PAGE)).await.map(|(past, total)| {
            let pager = words::pager(query.after, past.models.len(), total, "models", |after| href(at, "", after));
            (past, pager)
        }),
        name => {
            let model = name.parse::<ModelName>().map_err(|error| wrong("model", error.to_string()))?;
            past(app, at, Some(&model)).await.map(|past| (past, words::pager(0, 0, 0, "model", |_| String::new())))
        }
    };
    told.map_err(|error| match error {
        PastError::Store(error) => Asked::Failed(error),
        other => wrong("at", other.to_string()),
    })
}

async fn answer(app: &App, past: &Past, pager: Pager) -> Result<AsOfAnswer, StoreError> {
    let people = past.models.iter().flat_map(ModelThen::people).map(AccountId::as_str);
    let names = app.names(people).await?;
    let mut facts = vec![
        Fact::text("Entries in the ledger", past.size.to_string()),
        Fact::new("Root of the tree over them", Value::Digest(words::digest(&past.root))),
    ];
    if let Some(policy) = &past.policy {
        facts.push(Fact::text("Policy in force", format!("{}, since {}", policy.title, words::day(policy.since).text)));
        facts.push(Fact::new("Adopted by", Value::Link(entry(policy.entry))));
    }
    let mut rows = Vec::new();
    let mut grounds = Vec::new();
    for model in &past.models {
        for (market, serving, traffic) in model.markets() {
            rows.push(row(model, past.at, (market, serving, traffic), &names));
        }
        let found = model.grounds();
        grounds.extend(found.map(|(market, version, place, why)| told((market, version, place), why, &names)));
    }
    Ok(AsOfAnswer { when: words::when(past.at), facts, rows, pager, grounds })
}

fn row(
    model: &ModelThen,
    at: Timestamp,
    (market, serving, traffic): (&Market, Option<&Serving>, Option<&Traffic>),
    names: &Names,
) -> ServingRow {
    let version = |number: VersionNumber| {
        let id = VersionId { model: model.name.clone(), number };
        Link::new(format!("v{number}"), words::version_href(&id))
    };
    let challenger = traffic.and_then(|traffic| traffic.challenger.as_ref());
    // A standby that the model knows of but no deployment tells of comes from before there were deployments.
    let earlier = serving.filter(|_| traffic.is_none()).and_then(|serving| serving.standby.as_ref());
    let standby = traffic.and_then(|traffic| traffic.standby.as_ref());
    let standby = standby.map(|one| (one.version, one.until)).or(earlier.map(|one| (one.version, one.until)));
    ServingRow {
        model: Link::new(model.title.clone(), href(at, model.name.as_str(), 0)),
        market: market.to_string(),
        answered: as_of::answered(serving, traffic)
            .into_iter()
            .map(|answer| match answer {
                Answered::Version(number, percent) => (format!("{percent} %"), Some(version(number))),
                Answered::Fallback(name, percent) => (format!("{percent} % the fallback “{name}”"), None),
            })
            .collect(),
        kill_switch: traffic.and_then(|traffic| traffic.kill_switch.as_ref()).map(|kill| KillRow {
            since: words::when(kill.since),
            by: names.of(kill.by.as_str()),
            reason: kill.reason.clone(),
            entry: entry(kill.entry),
            review: kill.reviewed_at.map_or_else(
                || "Its use was not reviewed yet.".to_owned(),
                |at| format!("Its use was reviewed on {}.", words::day(at).text),
            ),
        }),
        champion: serving.map(|one| (version(one.version), words::when(one.since), entry(one.entry))),
        challenger: challenger
            .map(|one| (version(one.version), one.standing(), words::when(one.since), entry(one.entry))),
        mirror: traffic.iter().flat_map(|traffic| &traffic.mirror).map(|number| version(*number)).collect(),
        standby: standby.map(|(number, until)| (version(number), words::day(until))),
    }
}

/// A step of a rollout with who approved it.
pub(super) fn granted_share(share: &GrantedShare, names: &Names) -> GrantedStep {
    GrantedStep {
        target: share.reached(),
        requested_by: "the rollout".to_owned(),
        when: words::when(share.granted_at),
        entry: entry(share.entry),
        approvals: signatures(&share.approvals, names),
    }
}

fn signatures(approvals: &[Approval], names: &Names) -> Vec<(Tag, String, Link)> {
    let one = |approval: &Approval| {
        let who = format!("{}, {}", names.of(approval.signer.as_str()), approval.role.title());
        (Tag::new(Tone::Good, who), approval.meaning.clone(), entry(approval.entry))
    };
    approvals.iter().map(one).collect()
}

fn told((market, version, place): (&Market, VersionNumber, Place), grounds: &Grounds, names: &Names) -> ServingGrounds {
    let mut facts = Vec::new();
    if let Some(weights) = &grounds.weights_digest {
        facts.push(Fact::new("Weights", Value::Digest(words::digest(weights))));
    }
    if let Some(commit) = &grounds.git_commit {
        facts.push(Fact::new("Git commit", Value::Mono(commit.clone())));
    }
    if let Some(data) = &grounds.data_version {
        facts.push(Fact::new("Data version", Value::Mono(data.clone())));
    }
    match &grounds.validation {
        None => facts.push(Fact::text("Validation in force", "none was recorded")),
        Some(report) => {
            let author = names.of(report.author.as_str());
            let day = words::day(report.recorded_at).text;
            facts.push(Fact::text("Validation in force", format!("{}, {author}, {day}", report.outcome.title())));
            facts.push(Fact::new("Recorded by", Value::Link(entry(report.entry))));
        }
    }
    let open: Vec<String> = grounds
        .open_findings
        .iter()
        .map(|finding| format!("{} ({}): {}", finding.number, finding.severity.id(), finding.title))
        .collect();
    facts.push(Fact::text("Open findings", if open.is_empty() { "none".to_owned() } else { open.join("; ") }));
    let steps = grounds.steps.iter().map(|step| GrantedStep {
        target: words::target(step.to, step.market.as_ref()),
        requested_by: names.of(step.requested_by.as_str()),
        when: words::when(step.granted_at),
        entry: entry(step.entry),
        approvals: signatures(&step.approvals, names),
    });
    let shares = grounds.shares.iter().map(|share| granted_share(share, names));
    let place = if place == Place::Challenger { ", on its way in" } else { "" };
    ServingGrounds { title: format!("{market}: v{version}{place}"), facts, steps: steps.chain(shares).collect() }
}
