//! Retraining triggers: all models', one model's with its calendar, and the drift behind a version.

use app::{
    kit::{Choice, ErrorSummary, Fact, Link, Notice, PsiBar, Requirement, RowLine, Tag, Tone, Value},
    pages::{
        DriftView, ModelTriggersView, TriggersView,
        drift::MarketApproval,
        triggers::{DriftSeen, FiringRow, RouteView, TriggerForm, TriggerRow},
    },
};
use axum::{
    Form,
    extract::{Path, State},
    response::Response,
};
use domain::{
    Command, Stage,
    access::Action,
    calendar::{self, Route},
    maturity::{Criterion, title},
    registry::Model,
    trigger::{
        Answer, ApproveDrift, Cause, Circumstances, Configuration, DriftRule, Figure, PerformanceRule, Priority,
        Prompt, Retrain, TriggerPolicy, Triggers,
    },
};

use super::{
    Fields, PageError, Viewer, done, field,
    reading::Reading,
    refuse, show, show_with,
    versions::{head, shelf},
    words,
};
use crate::{
    accounts::Names,
    dossier::capitalised,
    http::{
        api::triggers::{load, routes, seal_approval, started},
        extract::{App, VersionPath, WriteHeaders},
        problem::Problem,
    },
    narrate,
    service::Shelf,
    storage::StoreError,
};

/// Models shown on the page of all triggers.
const SHOWN: u64 = 200;
/// Firings and suppressions shown of one model.
const LISTED: usize = 20;

fn priority(priority: Priority) -> Tag {
    match priority {
        Priority::Emergency => Tag::new(Tone::Bad, "1, emergency"),
        Priority::Normal => Tag::new(Tone::Neutral, "2, normal"),
    }
}

fn kinds(configuration: &Configuration) -> Vec<String> {
    let schedule = configuration.schedule.as_ref().map(|schedule| format!("Schedule {schedule}"));
    let drift = if schedule.is_some() { "drift" } else { "Drift" };
    let drift = configuration.drift.as_ref().map(|_| drift.to_owned());
    let metrics = configuration.performance.iter().map(|rule| format!("{} below {}", rule.metric, rule.floor));
    let all: Vec<String> = schedule.into_iter().chain(drift).chain(metrics).collect();
    if all.is_empty() { vec!["By hand only".to_owned()] } else { all }
}

/// Every model that has triggers.
pub async fn list(State(app): State<App>, viewer: Viewer) -> Result<Response, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let mut all = app.store.all_triggers(SHOWN + 1).await.map_err(|error| viewer.error(error))?;
    let is_cut = all.len() as u64 > SHOWN;
    all.truncate(usize::try_from(SHOWN).unwrap_or(usize::MAX));
    let rows = all
        .into_iter()
        .map(|triggers| TriggerRow {
            model: Link::new(triggers.model.to_string(), format!("/models/{}/triggers", triggers.model)),
            kinds: kinds(&triggers.configuration),
            next: triggers.next_moment().map(words::when),
            last: triggers
                .last()
                .map(|last| (told(&last.about), words::when(last.mark.at), priority(last.about.priority))),
            fired: triggers.fired,
            suppressed: triggers.suppressed,
        })
        .collect();
    let webhooks = viewer.can(Action::ManageWebhooks).then(|| Link::new("Webhooks", "/webhooks"));
    let portfolio = crate::maturity::portfolio(&app).await.map_err(|error| viewer.error(error))?;
    let maturity = portfolio.map(|found| {
        let level = |(level, count): (u8, &u64)| format!("{count} at level {level} ({})", title(level).to_lowercase());
        let levels: Vec<String> = (0_u8..).zip(&found.levels).map(level).collect();
        format!("Maturity of the portfolio: {}.", levels.join(", "))
    });
    show(&viewer.frame, TriggersView { rows, is_cut, maturity, webhooks }).await
}

fn lines(rules: &TriggerPolicy) -> Vec<RowLine> {
    let line = |at: f64, label: &str| RowLine { at, label: label.to_owned() };
    vec![
        line(rules.psi_moderate, "moderate"),
        line(rules.psi_significant, "significant"),
        line(rules.psi_emergency, "extreme"),
    ]
}

fn bar(rules: &TriggerPolicy, name: &str, psi: f64) -> PsiBar {
    PsiBar { name: name.to_owned(), psi, call: rules.call(psi).title().to_owned() }
}

/// The cause as a sentence of its own. A metric keeps the spelling that the pipeline knows it by.
fn told(about: &Circumstances) -> String {
    let cause = narrate::trigger_cause(about);
    if about.cause == Cause::Performance { cause } else { capitalised(&cause) }
}

fn firing_row(entry: u64, at: ledger::Timestamp, about: &Circumstances) -> FiringRow {
    FiringRow {
        entry: words::entry_link(entry),
        when: words::when(at),
        cause: about.cause.title().to_owned(),
        sentence: told(about),
        priority: priority(about.priority),
        outcome: Vec::new(),
        note: String::new(),
    }
}

fn fired(triggers: &Triggers) -> Vec<FiringRow> {
    let rows = triggers.firings.iter().rev().take(LISTED).map(|firing| {
        let version = |answer: &Answer| {
            let number = answer.version;
            Link::new(format!("v{number}"), format!("/models/{}/versions/{number}", triggers.model))
        };
        let passed = firing.bypassed.map(|last| format!("; did not wait for the interval after firing {last}"));
        let row = firing_row(firing.mark.entry, firing.mark.at, &firing.about);
        FiringRow {
            sentence: format!(
                "Firing {}: {}{}",
                firing.number,
                narrate::trigger_cause(&firing.about),
                passed.unwrap_or_default()
            ),
            outcome: firing.answers.iter().map(version).collect(),
            note: if firing.answers.is_empty() { "No version yet".into() } else { String::new() },
            ..row
        }
    });
    rows.collect()
}

fn suppressed(triggers: &Triggers) -> Vec<FiringRow> {
    let rows = triggers.suppressions.iter().rev().take(LISTED).map(|held| FiringRow {
        note: capitalised(&narrate::suppression_reason(&held.reason)),
        ..firing_row(held.mark.entry, held.mark.at, &held.about)
    });
    rows.collect()
}

fn facts(triggers: &Triggers, rules: Option<&TriggerPolicy>, names: &Names) -> Vec<Fact> {
    let configuration = &triggers.configuration;
    let schedule = configuration.schedule.as_ref();
    let mut facts = vec![Fact::new(
        "Schedule",
        match schedule {
            Some(schedule) => Value::Many(vec![Value::Mono(schedule.to_string()), Value::Text(schedule.describe())]),
            None => Value::Missing("None".into()),
        },
    )];
    if let Some(next) = triggers.next_moment() {
        facts.push(Fact::new("Next slot", Value::When(words::when(next))));
    }
    let Some(rules) = rules else {
        let words = "The policy in force says nothing of triggers; an administrator can adopt one that does.";
        facts.push(Fact::new("Rules", Value::Missing(words.into())));
        return facts;
    };
    let thresholds = rules.thresholds(configuration);
    let drift = match &configuration.drift {
        Some(_) => format!(
            "PSI of any feature above {} on at least {} day of data; above {} it is priority 1",
            thresholds.psi_threshold, thresholds.min_data_days, thresholds.psi_emergency
        ),
        None => "Does not fire".to_owned(),
    };
    facts.push(Fact::text("Drift", drift));
    for rule in &configuration.performance {
        let last = triggers.performance.get(&rule.metric).map(|seen| format!("; last told: {}", seen.value));
        let sentence =
            format!("Below {} over {}{}", rule.floor, calendar::days(rule.window_days), last.unwrap_or_default());
        facts.push(Fact::text(rule.metric.clone(), sentence));
    }
    facts.push(Fact::text(
        "Between two firings",
        format!("At least {} hours; priority 1 does not wait", thresholds.min_retrain_interval_hours),
    ));
    if let Some(mark) = &triggers.configured {
        facts.push(Fact::new(
            "Configured",
            Value::Many(vec![
                Value::Text(names.of(mark.by.as_str())),
                Value::When(words::when(mark.at)),
                Value::Link(words::entry_link(mark.entry)),
            ]),
        ));
    }
    facts
}

fn route(route: Route) -> RouteView {
    RouteView {
        market: route.market.to_string(),
        arrives: words::day(route.arrives),
        days: route.days,
        legs: route
            .legs
            .into_iter()
            .map(|leg| (leg.phase.title().to_owned(), words::day(leg.from), words::day(leg.until), leg.why))
            .collect(),
    }
}

/// A criterion of maturity with the entries that show it.
fn criterion(criterion: Criterion) -> Requirement {
    let entries: Vec<String> = criterion.evidence.iter().map(ToString::to_string).collect();
    let shown = format!("Shown by entries {}.", entries.join(", "));
    Requirement {
        id: criterion.rule,
        sentence: format!("Level {}: {}", criterion.level, criterion.sentence),
        met: criterion.met,
        supplier: None,
        link: None,
        detail: Some(criterion.missing.unwrap_or(shown)),
    }
}

/// The form: as typed, or as configured.
fn form(configuration: &Configuration, rules: &TriggerPolicy, typed: &[(String, String)]) -> TriggerForm {
    let was_typed = typed.iter().any(|(name, _)| name == "schedule");
    let text = |name: &str, now: String| if was_typed { field(typed, name).to_owned() } else { now };
    let number = |value: Option<String>| value.unwrap_or_default();
    let fires = if was_typed { field(typed, "drift") == "on" } else { configuration.drift.is_some() };
    let threshold = configuration.drift.as_ref().and_then(|drift| drift.psi_threshold).map(|value| value.to_string());
    let metrics: Vec<String> = configuration
        .performance
        .iter()
        .map(|rule| format!("{} {} {}", rule.metric, rule.floor, rule.window_days))
        .collect();
    let (psi, interval) = (rules.psi_threshold, rules.min_retrain_interval_hours);
    TriggerForm {
        schedule: text("schedule", configuration.schedule.as_ref().map(ToString::to_string).unwrap_or_default()),
        drift: vec![Choice::new("on", "Fires when any feature drifts").chosen_if(fires)],
        psi_threshold: text("psi_threshold", number(threshold)),
        performance: text("performance", metrics.join("\n")),
        min_retrain_interval_hours: text(
            "min_retrain_interval_hours",
            number(configuration.min_retrain_interval_hours.map(|hours| hours.to_string())),
        ),
        psi_hint: format!("Empty for the policy\u{2019}s {}; from {} to {}.", psi.default, psi.lowest, psi.highest),
        interval_hint: format!(
            "Empty for the policy\u{2019}s {}; from {} to {}.",
            interval.default, interval.lowest, interval.highest
        ),
        reason: field(typed, "reason").to_owned(),
    }
}

/// A metric's line: name, floor, days.
fn metric(line: &str) -> Result<PerformanceRule, Problem> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let read = match words.as_slice() {
        [metric, floor, days] => floor
            .parse()
            .ok()
            .zip(days.parse().ok())
            .map(|(floor, window_days)| PerformanceRule { metric: (*metric).to_owned(), floor, window_days }),
        _ => None,
    };
    let shown: String = line.chars().take(60).collect();
    read.ok_or_else(|| {
        refuse("performance", format!("{shown:?} is not a metric, a floor and days, such as: auc 0.75 7."))
    })
}

fn read_form(fields: &[(String, String)]) -> Result<Configuration, Problem> {
    let mut reading = Reading::default();
    let schedule = match field(fields, "schedule").trim() {
        "" => Some(None),
        text => reading.take(text.parse().map(Some).map_err(|error| refuse("schedule", format!("{error}.")))),
    };
    let optional = |name: &str| Some(field(fields, name).trim()).filter(|text| !text.is_empty());
    let psi_threshold = match optional("psi_threshold") {
        None => Some(None),
        Some(text) => {
            let read = text.parse().map(Some).map_err(|_| refuse("psi_threshold", "Write a number such as 0.3."));
            reading.take(read)
        }
    };
    let hours = match optional("min_retrain_interval_hours") {
        None => Some(None),
        Some(text) => {
            let wrong = |_| refuse("min_retrain_interval_hours", "Write whole hours, such as 24.");
            reading.take(text.parse().map(Some).map_err(wrong))
        }
    };
    let lines = field(fields, "performance").lines().map(str::trim).filter(|line| !line.is_empty());
    let performance = reading.take(lines.map(metric).collect::<Result<Vec<_>, _>>());
    let whole = schedule.zip(psi_threshold).zip(hours).zip(performance);
    let (((schedule, psi_threshold), min_retrain_interval_hours), performance) = reading.finish(whole)?;
    Ok(Configuration {
        schedule,
        drift: (field(fields, "drift") == "on").then_some(DriftRule { psi_threshold }),
        performance,
        min_retrain_interval_hours,
    })
}

async fn view(
    app: &App,
    viewer: &Viewer,
    (model, triggers): (&Model, &Triggers),
    typed: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> Result<ModelTriggersView, PageError> {
    let failed = |error: StoreError| viewer.error(error);
    let policy = app.policy().await.map_err(failed)?;
    let rules = policy.policy.triggers.as_ref();
    let now = app.clock.now();
    let found = routes(app, model, now, false).await.map_err(|problem| viewer.error(problem))?;
    let names = app.names(triggers.configured.iter().map(|mark| mark.by.as_str())).await.map_err(failed)?;
    let drift = rules.zip(triggers.drift.as_ref()).map(|(rules, seen)| DriftSeen {
        about: format!(
            "Features looked at: {}, from {} to {}; told by {} in entry {}.",
            seen.features,
            words::when(seen.from).text,
            words::when(seen.until).text,
            seen.source,
            seen.mark.entry
        ),
        bars: seen.worst.iter().take(LISTED).map(|moved| bar(rules, &moved.name, moved.psi)).collect(),
        lines: lines(rules),
    });
    Ok(ModelTriggersView {
        model: model.name.to_string(),
        facts: facts(triggers, rules, &names),
        firings: fired(triggers),
        suppressions: suppressed(triggers),
        drift,
        routes: found.into_iter().map(route).collect(),
        maturity: crate::maturity::of(app, model, Some(triggers)).await.map_err(failed)?.map(|found| {
            let level = format!("Level {} of 3: {}", found.level, found.title.to_lowercase());
            (level, found.criteria.into_iter().map(criterion).collect())
        }),
        form: rules
            .filter(|_| viewer.can(Action::ConfigureTriggers))
            .map(|rules| form(&triggers.configuration, rules, typed)),
        errors,
    })
}

/// A model's triggers.
pub async fn model(State(app): State<App>, viewer: Viewer, Path(name): Path<String>) -> Result<Response, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let (model, triggers) = load(&app, &name).await.map_err(|problem| viewer.error(problem))?;
    let view = view(&app, &viewer, (&model, &triggers), &[], None).await?;
    show(&viewer.frame, view).await
}

async fn sealed(
    app: &App,
    viewer: &Viewer,
    name: &str,
    command: Result<Command, Problem>,
    fields: &[(String, String)],
) -> Result<Response, PageError> {
    let sealed = match viewer.seal_read(app, command, &[]).await {
        Ok(receipt) => started(app, name, receipt).await,
        Err(problem) => Err(problem),
    };
    match sealed {
        Ok(receipt) => Ok(done(&format!("/models/{name}/triggers"), &receipt)),
        Err(problem) => {
            let (model, triggers) = load(app, name).await.map_err(|problem| viewer.error(problem))?;
            let rename = [("drift.psi_threshold", "psi_threshold")];
            let by_line = ["performance.metric", "performance.floor", "performance.window_days"];
            let rename: Vec<(&str, &str)> =
                rename.into_iter().chain(by_line.into_iter().map(|name| (name, "performance"))).collect();
            let errors = Some(words::summary(&problem, &rename));
            let view = view(app, viewer, (&model, &triggers), fields, errors).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

/// Configures a model's triggers.
pub async fn configure(
    State(app): State<App>,
    viewer: Viewer,
    Path(name): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    viewer.may(Action::ConfigureTriggers)?;
    let (model, _) = load(&app, &name).await.map_err(|problem| viewer.error(problem))?;
    let command = read_form(&fields).map(|read| Command::ConfigureTriggers(model.name.clone(), read));
    sealed(&app, &viewer, &name, command, &fields).await
}

/// Asks for a retraining by hand.
pub async fn retrain(
    State(app): State<App>,
    viewer: Viewer,
    Path(name): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    viewer.may(Action::ConfigureTriggers)?;
    let (model, _) = load(&app, &name).await.map_err(|problem| viewer.error(problem))?;
    let reason = field(&fields, "reason").to_owned();
    sealed(&app, &viewer, &name, Ok(Command::Retrain(model.name.clone(), Retrain { reason })), &fields).await
}

// --- The drift behind a version ------------------------------------------------------------------------------------

fn approvals(shelf: &Shelf, names: &Names) -> Vec<MarketApproval> {
    let version = &shelf.version;
    let of = |market: &domain::Market| {
        let stage = version.stage_in(Some(market));
        match version.drift_approvals.get(market) {
            Some(approval) => MarketApproval {
                market: market.to_string(),
                state: Tag::new(Tone::Good, "approved"),
                who: format!("{} ({})", names.of(approval.mark.by.as_str()), approval.role),
                when: Some(words::when(approval.mark.at)),
                statement: approval.statement.clone(),
            },
            None => MarketApproval {
                market: market.to_string(),
                state: match stage {
                    Stage::Staging | Stage::Shadow => Tag::new(Tone::Warn, "waits"),
                    Stage::None => Tag::new(Tone::Neutral, "not in Staging yet"),
                    _ => Tag::new(Tone::Quiet, "no longer asked for"),
                },
                who: "Nobody yet".into(),
                when: None,
                statement: String::new(),
            },
        }
    };
    shelf.model.markets.iter().map(of).collect()
}

fn why_not(viewer: &Viewer, shelf: &Shelf, rules: &TriggerPolicy) -> Option<Notice> {
    let no = |title: &str, body: String| Some(Notice::new(Tone::Warn, title).with_body(body));
    if shelf.version.developers.contains(&viewer.principal.account) {
        return no(
            "You cannot approve the drift behind your own version",
            "You registered it or amended its lineage; somebody else looks at the drift.".into(),
        );
    }
    if !rules.drift_approvers.iter().any(|role| viewer.principal.is(*role)) {
        let who: Vec<&str> = rules.drift_approvers.iter().map(|role| role.title()).collect();
        return no("Your approval is not asked for", format!("Policy lets these approve drift: {}.", who.join(", ")));
    }
    None
}

fn firing_facts(prompt: &Prompt) -> Vec<Fact> {
    vec![
        Fact::text("Trigger", format!("Firing {}", prompt.firing)),
        Fact::new("Recorded in", Value::Link(words::entry_link(prompt.entry))),
        Fact::text("Features over the threshold", prompt.figures.len().to_string()),
        Fact::text("Threshold then in force", prompt.figures.first().map_or(String::new(), |f| f.limit.to_string())),
    ]
}

async fn drift_view(
    app: &App,
    viewer: &Viewer,
    shelf: &Shelf,
    typed: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> Result<DriftView, PageError> {
    let version = &shelf.version;
    let id = &version.id;
    let prompt = version.prompt.as_ref().filter(|prompt| prompt.cause == Cause::Drift);
    let prompt = prompt.ok_or_else(|| {
        viewer.error(Problem::not_found(format!("{id} was not trained because of drift, so there is none to show.")))
    })?;
    let rules = shelf.policy.policy.triggers.as_ref();
    let rules = rules.ok_or_else(|| viewer.error(Problem::not_found("The policy in force says nothing of drift.")))?;
    let people = version.drift_approvals.values().map(|approval| approval.mark.by.as_str());
    let names = app.names(people).await.map_err(|error| viewer.error(error))?;
    let notice = why_not(viewer, shelf, rules);
    let chosen = field(typed, "market");
    let open: Vec<&domain::Market> = version_markets(shelf).filter(|_| notice.is_none()).collect();
    let is_only = open.len() == 1;
    let choice = |market: &domain::Market| {
        Choice::new(market.to_string(), market.to_string()).chosen_if(is_only || market.as_str() == chosen)
    };
    let choices = open.into_iter().map(choice).collect();
    Ok(DriftView {
        head: head(app, shelf, viewer),
        facts: firing_facts(prompt),
        bars: prompt.figures.iter().map(|Figure { name, value, .. }| bar(rules, name, *value)).collect(),
        lines: lines(rules),
        markets: approvals(shelf, &names),
        choices,
        statement: field(typed, "statement").to_owned(),
        notice,
        errors,
    })
}

/// The markets in which the drift can be approved now.
fn version_markets(shelf: &Shelf) -> impl Iterator<Item = &domain::Market> {
    shelf.model.markets.iter().filter(|market| {
        matches!(shelf.version.stage_in(Some(market)), Stage::Staging | Stage::Shadow)
            && !shelf.version.drift_approvals.contains_key(*market)
    })
}

/// The drift that a version was trained on.
pub async fn drift(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
) -> Result<Response, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let shelf = shelf(&app, &viewer, &id).await?;
    let view = drift_view(&app, &viewer, &shelf, &[], None).await?;
    show(&viewer.frame, view).await
}

/// Approves it for a market.
pub async fn approve(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    viewer.may(Action::ApproveDrift)?;
    let outcome = match field(&fields, "market").parse() {
        Ok(market) => {
            let body = ApproveDrift { market, statement: field(&fields, "statement").to_owned() };
            let password = field(&fields, "password");
            let headers = WriteHeaders::default();
            seal_approval(&app, &headers, viewer.caller.clone(), id.clone(), password, body).await
        }
        Err(_) => Err(refuse("market", "Choose a market.")),
    };
    let again = async |errors| {
        let shelf = shelf(&app, &viewer, &id).await?;
        drift_view(&app, &viewer, &shelf, &fields, Some(errors)).await
    };
    viewer.answer(outcome, &words::version_href(&id), &[], again).await
}
