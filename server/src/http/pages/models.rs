//! Models: inventory, one model, compare, register.

use app::{
    kit::{
        Choice, ErrorSummary, Fact, Link, MarketLine, Pager, Sort, Standing as StopStanding, Stop, StopRole,
        StopVersion, Tag, Tone, TrackLine, Value,
    },
    pages::{
        ModelNewView, ModelView, ModelsView,
        model::{Blocked, VersionRow},
        models::{MarketChampion, ModelRow},
    },
};
use axum::{
    Form,
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use domain::{
    Aggregate, AggregateId, Command, Stage, VersionId,
    access::Action,
    command::RegisterModel,
    inventory::{self, ModelStatus},
    materiality::{self, Materiality},
    promotion::{Question, Requirement, Topic},
    refusal::Missing,
    registry::{Model, Place, Standing, Tier, Version},
};
use serde::Deserialize;

use super::{Fields, PageError, Viewer, done, field, fields_named, show, show_with, words};
use crate::{
    http::{api::models::model_name, extract::App, problem::Problem},
    inventory::{csv_header, csv_row, listings},
    storage::{
        StoreError,
        log::EntryFilter,
        registry::{ModelFilter, ModelOrder},
    },
};

/// Rows on one page.
const PAGE: u64 = 50;
/// Sentences on what is missing that are shown for a version's next stop; the count says how many there are.
const SHOWN_MISSING: usize = 3;
/// Versions drawn on a model's line.
const ON_LINE: u64 = 24;

/// What the list can be filtered by: value and words.
const TIERS: [(&str, &str); 4] = [("", "Any"), ("1", "Tier 1"), ("2", "Tier 2"), ("3", "Tier 3")];
const DUES: [(&str, &str); 4] = [
    ("", "Any"),
    ("overdue", "Overdue"),
    ("soon", "Due within 30 days"),
    ("revalidation", "Periodic validation overdue"),
];
const STATUSES: [(&str, &str); 4] =
    [("", "Any"), ("in_development", "In development"), ("in_use", "In use"), ("retired", "Retired")];

/// Filters in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ModelsQuery {
    q: String,
    tier: String,
    market: String,
    due: String,
    status: String,
    exceptions: String,
    sort: String,
    after: Option<u64>,
}

impl ModelsQuery {
    fn filter(&self, offset: u64, limit: u64) -> ModelFilter {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ModelFilter {
            search: some(self.q.trim()),
            tier: some(&self.tier),
            profile: None,
            market: some(&self.market),
            due: some(&self.due),
            owner: None,
            status: some(&self.status),
            has_exceptions: self.exceptions == "1",
            order: match self.sort.as_str() {
                "tier" => ModelOrder::Tier,
                "due" => ModelOrder::Due,
                "registered" => ModelOrder::Registered,
                _ => ModelOrder::Name,
            },
            offset,
            limit,
        }
    }

    fn href(&self, path: &str, sort: &str, after: u64) -> String {
        let asked = [
            ("q", self.q.as_str()),
            ("tier", &self.tier),
            ("market", &self.market),
            ("status", &self.status),
            ("due", &self.due),
            ("exceptions", &self.exceptions),
            ("sort", sort),
        ];
        words::list_href(path, asked, after)
    }
}

/// The inventory.
pub async fn list(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<ModelsQuery>,
) -> Result<Response, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let failed = |error: StoreError| viewer.error(error);
    let offset = query.after.unwrap_or(0);
    let (rows, total) = app.store.models(&query.filter(offset, PAGE), app.clock.now()).await.map_err(failed)?;
    let policy = app.policy().await.map_err(failed)?;
    let now = app.clock.now();
    let names = app.names(rows.iter().map(|row| row.owner.as_str())).await.map_err(failed)?;
    let model_names: Vec<String> = rows.iter().map(|row| row.name.clone()).collect();
    let latest = app.store.latest_versions(&model_names).await.map_err(failed)?;
    let shown = rows.len();
    let rows = rows
        .into_iter()
        .map(|row| ModelRow {
            name: Link::new(row.name.clone(), format!("/models/{}", row.name)),
            title: row.title,
            tier: format!("Tier {}", row.tier),
            is_regulated: policy
                .policy
                .profiles
                .iter()
                .any(|(name, profile)| name.as_str() == row.profile && profile.independent_team),
            owner: names.of(&row.owner),
            champions: row
                .markets
                .iter()
                .map(|market| MarketChampion {
                    market: market.clone(),
                    version: row.champions.get(market).map(|number| {
                        Link::new(format!("v{number}"), format!("/models/{}/versions/{number}", row.name))
                    }),
                })
                .collect(),
            latest: latest.get(&row.name).map(|version| {
                let stage: Stage = version.stage.parse().unwrap_or(Stage::None);
                let tone = match stage {
                    Stage::None => Tone::Neutral,
                    Stage::Archived => Tone::Quiet,
                    Stage::Production => Tone::Serving,
                    _ => Tone::Active,
                };
                let href = format!("/models/{}/versions/{}", row.name, version.number);
                let word = if stage == Stage::None { "Registered" } else { stage.title() };
                (Link::new(format!("v{}", version.number), href), Tag::new(tone, word))
            }),
            validation: row.next_due.map(|due| words::due(due, now)),
            open_findings: u32::try_from(row.open_findings).unwrap_or(u32::MAX),
            severe_findings: u32::try_from(row.severe_findings).unwrap_or(u32::MAX),
            status: ModelStatus::ALL.into_iter().find(|status| status.id() == row.status).map(words::status),
            revalidation: row.next_validation.map(|due| words::due(due, now)),
            exceptions: u32::try_from(row.exceptions).unwrap_or(u32::MAX),
        })
        .collect();
    let markets = std::iter::once(Choice::new("", "Any").chosen_if(query.market.is_empty()))
        .chain(policy.policy.markets.iter().map(|(code, market)| {
            Choice::new(code.to_string(), market.title.clone()).chosen_if(query.market == code.as_str())
        }))
        .collect();
    let chosen = |pairs: &[(&str, &str)], now: &str| {
        pairs.iter().map(|(value, label)| Choice::new(*value, *label).chosen_if(*value == now)).collect::<Vec<_>>()
    };
    let sort = |label: &str, key: &str, is_default: bool| Sort {
        label: label.to_owned(),
        href: query.href("/models", key, 0),
        ascending: (query.sort == key || (is_default && query.sort.is_empty())).then_some(true),
    };
    let view = ModelsView {
        tiers: chosen(&TIERS, &query.tier),
        markets,
        due: chosen(&DUES, &query.due),
        statuses: chosen(&STATUSES, &query.status),
        columns: vec![sort("Model", "name", true), sort("Tier", "tier", false), sort("Due", "due", false)],
        rows,
        pager: words::pager(offset, shown, total, "models", |after| query.href("/models", &query.sort, after)),
        csv_href: query.href("/models.csv", &query.sort, 0),
        is_filtered: [&query.q, &query.tier, &query.market, &query.due, &query.status, &query.exceptions]
            .iter()
            .any(|text| !text.is_empty()),
        can_register: viewer.can(Action::RegisterModel),
        sort: query.sort.clone(),
        q: query.q,
    };
    show(&viewer.frame, view).await
}

/// The inventory as CSV, with the same filters.
pub async fn csv(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<ModelsQuery>,
) -> Result<Response, PageError> {
    viewer.may(Action::Export)?;
    let failed = |error: StoreError| viewer.error(error);
    let now = app.clock.now();
    let mut text = String::new();
    csv_header(&mut text);
    let mut offset = 0;
    loop {
        let (rows, total) = app.store.models(&query.filter(offset, 500), now).await.map_err(failed)?;
        let names = app.names(rows.iter().map(|row| row.owner.as_str())).await.map_err(failed)?;
        let rows = listings(&app, rows, now).await.map_err(failed)?;
        for row in &rows {
            csv_row(&mut text, row, &names.of(&row.owner));
        }
        offset += rows.len() as u64;
        if rows.is_empty() || offset >= total {
            break;
        }
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"model-inventory.csv\""),
    ];
    Ok((headers, text).into_response())
}

async fn new_view(
    app: &App,
    viewer: &Viewer,
    fields: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> Result<ModelNewView, PageError> {
    let policy = app.policy().await.map_err(|error| viewer.error(error))?;
    let tiers = [
        ("1", "Tier 1", "Large exposure or decisions about people: full depth."),
        ("2", "Tier 2", "Middle."),
        ("3", "Tier 3", "Small exposure, harmless purpose."),
    ];
    let chosen_tier = field(fields, "tier");
    let chosen_profile = field(fields, "profile");
    let chosen_markets: Vec<&str> = fields_named(fields, "markets").collect();
    Ok(ModelNewView {
        name: field(fields, "name").to_owned(),
        title: field(fields, "title").to_owned(),
        purpose: field(fields, "purpose").to_owned(),
        tiers: tiers
            .iter()
            .map(|(value, label, hint)| Choice::new(*value, *label).with_hint(*hint).chosen_if(*value == chosen_tier))
            .collect(),
        profiles: policy
            .policy
            .profiles
            .iter()
            .map(|(name, profile)| {
                Choice::new(name.to_string(), profile.title.clone())
                    .with_hint(profile.citation.clone())
                    .chosen_if(name.as_str() == chosen_profile)
            })
            .collect(),
        markets: policy
            .policy
            .markets
            .iter()
            .map(|(code, market)| {
                Choice::new(code.to_string(), market.title.clone()).chosen_if(chosen_markets.contains(&code.as_str()))
            })
            .collect(),
        errors,
    })
}

/// The form for a new model.
pub async fn new(State(app): State<App>, viewer: Viewer) -> Result<Response, PageError> {
    viewer.may(Action::RegisterModel)?;
    let view = new_view(&app, &viewer, &[], None).await?;
    show(&viewer.frame, view).await
}

fn read_model(fields: &[(String, String)]) -> Result<RegisterModel, Problem> {
    let mut wrong = Vec::new();
    let mut note = |what: &str, message: String| wrong.push(Missing::field(what, message));
    let name = field(fields, "name").trim().parse().map_err(|error| note("name", format!("{error}"))).ok();
    let tier = match field(fields, "tier") {
        "" => {
            note("tier", "Choose a tier.".into());
            None
        }
        text => text.parse::<Tier>().map_err(|error| note("tier", error.to_string())).ok(),
    };
    let profile = match field(fields, "profile") {
        "" => {
            note("profile", "Choose the requirements that apply.".into());
            None
        }
        text => text.parse().map_err(|error| note("profile", format!("{error}"))).ok(),
    };
    let mut markets = Vec::new();
    for market in fields_named(fields, "markets") {
        match market.parse() {
            Ok(market) => markets.push(market),
            Err(error) => note("markets", format!("{error}")),
        }
    }
    match (name, tier, profile) {
        (Some(name), Some(tier), Some(profile)) if wrong.is_empty() => Ok(RegisterModel {
            name,
            title: field(fields, "title").to_owned(),
            purpose: field(fields, "purpose").to_owned(),
            tier,
            profile,
            markets,
        }),
        _ => Err(domain::Refusal::invalid(wrong).into()),
    }
}

/// Registers a model.
pub async fn register(State(app): State<App>, viewer: Viewer, Form(fields): Fields) -> Result<Response, PageError> {
    let outcome = match read_model(&fields) {
        Ok(body) => {
            let href = format!("/models/{}", body.name);
            viewer.seal(&app, Command::RegisterModel(body), &fields).await.map(|receipt| (href, receipt))
        }
        Err(problem) => Err(problem),
    };
    match outcome {
        Ok((href, receipt)) => Ok(done(&href, &receipt)),
        Err(problem) => {
            let view = new_view(&app, &viewer, &fields, Some(words::summary(&problem, &[]))).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

/// Where a page of versions begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ModelQuery {
    after: Option<u32>,
}

/// A model, or the page that says there is none.
pub(super) async fn find(app: &App, viewer: &Viewer, name: &str) -> Result<std::sync::Arc<Model>, PageError> {
    let name = model_name(name).map_err(|problem| viewer.error(problem))?;
    let model = app.model(&name).await.map_err(|error| viewer.error(error))?;
    model.ok_or_else(|| viewer.error(Problem::not_found(format!("No model {name} is registered."))))
}

/// One model.
pub async fn model(
    State(app): State<App>,
    viewer: Viewer,
    Path(name): Path<String>,
    Query(query): Query<ModelQuery>,
) -> Result<Response, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let failed = |error: StoreError| viewer.error(error);
    let model = find(&app, &viewer, &name).await?;
    let policy = app.policy().await.map_err(failed)?;
    let rows = app.store.versions(&name, None, query.after, PAGE).await.map_err(failed)?;
    let next = (rows.len() as u64 == PAGE).then(|| rows.last().map(|row| row.number)).flatten();
    let mut wanted: Vec<u32> = rows.iter().map(|row| row.number).collect();
    wanted.extend(model.champions.values().map(|champion| champion.version.get()));
    wanted.extend(model.standbys.values().map(|standby| standby.version.get()));
    wanted.extend(model.rolling_out.values().map(|version| version.get()));
    wanted.sort_unstable();
    wanted.dedup();
    let ids: Vec<AggregateId> = wanted
        .iter()
        .filter_map(|number| {
            Some(AggregateId::Version(VersionId { model: model.name.clone(), number: (*number).try_into().ok()? }))
        })
        .collect();
    let mut versions: Vec<std::sync::Arc<Version>> = app
        .store
        .aggregates(&ids)
        .await
        .map_err(failed)?
        .into_iter()
        .filter_map(|(_, state)| match state {
            Aggregate::Version(version) => Some(version),
            _ => None,
        })
        .collect();
    versions.sort_by_key(|version| std::cmp::Reverse(version.id.number));
    let filter = EntryFilter { model: Some(name.clone()), limit: 8, ..EntryFilter::default() };
    let recent = app.store.find_entries(&filter).await.map_err(failed)?;
    let people = versions
        .iter()
        .map(|version| version.registered_by.as_str())
        .chain(recent.iter().map(|entry| entry.actor.as_str()))
        .chain([model.owner.as_str()]);
    let names = app.names(people).await.map_err(failed)?;
    let profile = policy.policy.profiles.get(&model.profile);
    let on_page: Vec<&std::sync::Arc<Version>> =
        versions.iter().filter(|version| rows.iter().any(|row| row.number == version.id.number.get())).collect();
    let total = model.next_version.get() - 1;
    let privacy = app.privacy_file(&model.name).await.map_err(failed)?;
    let (line, beside_line) = line(&model, &versions);
    let line = (total > 0).then_some(line);
    let view = ModelView {
        name: model.name.to_string(),
        title: model.title.clone(),
        purpose: model.purpose.clone(),
        labels: vec![
            format!("Tier {}", model.tier.id()),
            profile.map_or_else(|| model.profile.to_string(), |profile| profile.title.clone()),
        ],
        facts: model_facts(&model, (&policy.policy, profile), &names.of(model.owner.as_str()), app.clock.now()),
        line,
        beside_line,
        blocked: blocked(&app, &model, &on_page, &policy, privacy.as_deref()),
        versions: on_page
            .iter()
            .map(|version| VersionRow {
                version: Link::new(format!("v{}", version.id.number), words::version_href(&version.id)),
                standings: words::standings(&model, version),
                change: versions
                    .iter()
                    .find(|other| other.id.number.get() + 1 == version.id.number.get())
                    .map(|before| change_word(before, version)),
                commit: version.lineage.code.git_commit.clone().map(app::kit::Digest),
                data: version.lineage.data.dataset.clone().unwrap_or_default(),
                partition: version.lineage.data.version.clone().unwrap_or_default(),
                registered_by: names.of(version.registered_by.as_str()),
                registered_at: words::when(version.registered_at),
            })
            .collect(),
        pager: Pager {
            summary: format!("{} of {total} versions", on_page.len()),
            first: query.after.map(|_| format!("/models/{}", model.name)),
            next: next.map(|next| format!("/models/{}?after={next}", model.name)),
        },
        comparable: on_page.iter().map(|version| version.id.number.get()).collect(),
        recent: words::entries(&recent, &names, true),
        can_register: viewer.can(Action::RegisterVersion),
        notice: None,
    };
    show(&viewer.frame, view).await
}

fn change_word(before: &Version, after: &Version) -> String {
    let changes = before.lineage.diff(&after.lineage);
    match materiality::assess(Some(&changes)).materiality {
        Materiality::Material => "material".into(),
        Materiality::NonMaterial => "non-material".into(),
    }
}

fn model_facts(
    model: &Model,
    (policy, profile): (&domain::policy::Policy, Option<&domain::policy::Profile>),
    owner: &str,
    now: ledger::Timestamp,
) -> Vec<Fact> {
    let mut facts = vec![
        Fact::new(
            "Inventory",
            Value::Link(Link::new("Tier, card, validations", format!("/models/{}/inventory", model.name))),
        ),
        Fact::new("Status", Value::Tag(words::status(inventory::status(model)))),
        Fact::text("Owner", owner),
    ];
    if let Some(due) = inventory::next_validation(model, policy) {
        facts.push(Fact::new("Next validation", Value::Due(words::due(due, now))));
    }
    if !model.team.is_empty() {
        facts.push(Fact::text("Team", model.team.clone()));
    }
    if let Some(profile) = profile {
        facts.push(Fact::text("Requirements", profile.citation.clone()));
        facts.push(Fact::text("Review within", format!("{} business days", profile.review_business_days)));
        facts.push(Fact::text("Records kept", format!("{} years", profile.retention_years)));
    }
    facts.push(Fact::new("Registered", Value::When(words::day(model.registered_at))));
    let triggers = Link::new("Triggers and calendar", format!("/models/{}/triggers", model.name));
    facts.push(Fact::new("Retraining", Value::Link(triggers)));
    let served = model
        .markets
        .iter()
        .filter(|market| model.champions.contains_key(*market) || model.rolling_out.contains_key(*market));
    let served: Vec<Value> = served
        .map(|market| Value::Link(Link::new(market.to_string(), format!("/rollouts/{}/{market}", model.name))))
        .collect();
    if !served.is_empty() {
        facts.push(Fact::new("Rollouts", Value::Many(served)));
    }
    facts
}

/// The model's own line: where its living versions stand; and in words, which it does not show. None is left out of both.
fn line(model: &Model, versions: &[std::sync::Arc<Version>]) -> (TrackLine, Vec<String>) {
    let label = |version: &Version| format!("v{}", version.id.number);
    let living: Vec<(&Version, Vec<Place<'_>>)> = versions
        .iter()
        .filter(|version| version.stage != Stage::Archived)
        .map(|version| (version.as_ref(), version.places(model)))
        .collect();
    let (ended, mut placed): (Vec<_>, Vec<_>) = living.into_iter().partition(|(_, places)| places == &[Place::Nowhere]);
    // Whoever stands in a market is always drawn; of those that wait at the shared stages, the newest.
    placed.sort_by_key(|(_, places)| matches!(places.as_slice(), [Place::Shared(_)]));
    let undrawn = placed.split_off(placed.len().min(usize::try_from(ON_LINE).unwrap_or(24)));
    let mut beside = Vec::new();
    let list = |versions: &[(&Version, Vec<Place<'_>>)]| {
        versions.iter().map(|(version, _)| label(version)).collect::<Vec<_>>().join(", ")
    };
    if !ended.is_empty() {
        beside.push(format!("On their way in no market any more: {}.", list(&ended)));
    }
    if !undrawn.is_empty() {
        beside.push(format!("Not drawn, for want of room: {}.", list(&undrawn)));
    }
    let stop =
        |version: &Version, role| StopVersion { label: label(version), href: words::version_href(&version.id), role };
    let stop_at = |stage: Stage, versions: Vec<StopVersion>| Stop {
        stage: stage.title().to_owned(),
        standing: if versions.is_empty() { StopStanding::Ahead } else { StopStanding::Here },
        note: None,
        versions,
    };
    let at = |wanted: Stage, market: Option<&domain::Market>| {
        let role = |place: &Place<'_>| match (place, market) {
            (Place::Shared(stage), None) if *stage == wanted => Some(StopRole::Candidate),
            (Place::In(place, stage, standing), Some(market)) if *place == market && *stage == wanted => {
                Some(match standing {
                    Standing::Champion => StopRole::Champion,
                    Standing::WarmStandby => StopRole::Standby,
                    Standing::RollingOut | Standing::Other => StopRole::Candidate,
                })
            }
            _ => None,
        };
        let here = placed.iter().filter_map(|(version, places)| Some(stop(version, places.iter().find_map(role)?)));
        stop_at(wanted, here.collect())
    };
    let markets = model.markets.iter().map(|market| MarketLine {
        market: market.to_string(),
        stops: [Stage::Shadow, Stage::Canary, Stage::Production].map(|stage| at(stage, Some(market))).into(),
    });
    let shared = [Stage::None, Stage::Staging].map(|stage| at(stage, None)).into();
    (TrackLine { shared, markets: markets.collect() }, beside)
}

/// Every role that acts on one of these next, in the order of the requirements; time is nobody's.
fn suppliers(unmet: &[Requirement]) -> Vec<String> {
    let mut roles: Vec<String> = Vec::new();
    for requirement in unmet.iter().filter(|requirement| requirement.topic != Topic::Time) {
        let role = requirement.supplier.title().to_owned();
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    roles
}

/// What holds the newest versions up.
fn blocked(
    app: &App,
    model: &Model,
    versions: &[&std::sync::Arc<Version>],
    policy: &domain::policy::AdoptedPolicy,
    privacy: Option<&domain::privacy::PrivacyFile>,
) -> Vec<Blocked> {
    let mut blocked = Vec::new();
    for version in versions.iter().filter(|version| version.stage != Stage::Archived).take(6) {
        let steps: Vec<(Stage, Option<&domain::Market>)> = match version.stage {
            Stage::None => vec![(Stage::Staging, None)],
            _ => model
                .markets
                .iter()
                .filter_map(|market| version.stage_in(Some(market)).next().map(|next| (next, Some(market))))
                .collect(),
        };
        for (to, market) in steps {
            let question = Question { model, version, policy, privacy, to, market, now: app.clock.now() };
            let unmet: Vec<_> = question.requirements().unwrap_or_default().into_iter().filter(|r| !r.met).collect();
            if unmet.is_empty() {
                continue;
            }
            blocked.push(Blocked {
                version: Link::new(format!("v{}", version.id.number), words::version_href(&version.id)),
                next: words::target(to, market),
                count: unmet.len(),
                suppliers: suppliers(&unmet),
                missing: unmet
                    .into_iter()
                    .map(|requirement| requirement.why().to_owned())
                    .take(SHOWN_MISSING)
                    .collect(),
            });
        }
    }
    blocked
}
