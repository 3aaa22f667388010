//! Rollouts: the list, one market of one model, the kill switch.

use app::{
    kit::{Chart, Choice, ErrorSummary, Fact, Link, Notice, Pager, Point, Requirement, Tag, Tone, Value},
    pages::{
        KillView, RolloutView, RolloutsView,
        inbox::{BucketKind, InboxItem},
        rollout::{
            Approval, BackPanel, DrillRow, EndedRow, KillPanel, RolloutPanel, Share, StepMark, StrikeRow, WindowRow,
        },
        rollouts::RolloutRow,
    },
};
use axum::{
    Form,
    extract::{Query, State},
    response::Response,
};
use domain::{
    Command, Event, Market, ModelName, VersionNumber,
    access::Action,
    deployment::{
        Artifact, Deployment, Drill, Ended, Ending, KillTarget, Observation, Rollout, Routing, ServingCommand,
        StepPackage, Strategy, Verdict, clock,
        command::{ApproveStep, FinishDrill, Kill, Reason, ReviewKill, RollBack, StartDrill},
        routing::Part,
        rules::RolloutRules,
    },
    policy::AdoptedPolicy,
    refusal::Missing,
};
use ledger::{Digest, Timestamp};
use serde::Deserialize;

use super::{Fields, PageError, Viewer, done, field, show, show_with, words};
use crate::{
    accounts::Names,
    http::{
        api::rollouts::{find, seal_approval},
        escape,
        extract::{App, PlacePath, WriteHeaders},
        problem::Problem,
    },
    storage::{
        StoreError,
        deployments::DeploymentFilter,
        log::{EntryFilter, StoredEntry},
    },
    views::DEPLOYMENT_STATES,
};

/// Rows on one page of the list.
const PAGE: u64 = 50;
/// Entries of the history.
const HISTORY: usize = 60;

/// Filters in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RolloutsQuery {
    q: String,
    market: String,
    state: String,
    after: Option<u64>,
}

impl RolloutsQuery {
    fn href(&self, after: u64) -> String {
        let pairs = [("q", &self.q), ("market", &self.market), ("state", &self.state)];
        let mut set: Vec<String> = pairs
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .collect();
        if after > 0 {
            set.push(format!("after={after}"));
        }
        if set.is_empty() { "/rollouts".to_owned() } else { format!("/rollouts?{}", set.join("&")) }
    }
}

/// A deployment's state as a word and a shape.
fn state_tag(state: &str) -> Tag {
    match state {
        "off" => Tag::new(Tone::Bad, "Kill switch in use"),
        "held" => Tag::new(Tone::Warn, "On hold"),
        "struck" => Tag::new(Tone::Warn, "Rolling out, struck"),
        "rolling_out" => Tag::new(Tone::Active, "Rolling out"),
        "serving" => Tag::new(Tone::Serving, "Serving"),
        _ => Tag::new(Tone::Quiet, "No version serves"),
    }
}

fn version(model: &str, number: impl std::fmt::Display) -> Link {
    Link::new(format!("v{number}"), format!("/models/{model}/versions/{number}"))
}

fn entry(seq: u64) -> Link {
    Link::new(format!("Entry {seq}"), format!("/ledger/{seq}"))
}

/// The list.
pub async fn list(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<RolloutsQuery>,
) -> Result<Response, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let failed = |error: StoreError| viewer.error(error);
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let offset = query.after.unwrap_or(0);
    let filter = DeploymentFilter {
        search: some(query.q.trim()),
        market: some(&query.market),
        state: some(&query.state),
        offset,
        limit: PAGE,
    };
    let (rows, total) = app.store.deployments(&filter).await.map_err(failed)?;
    let policy = app.policy().await.map_err(failed)?;
    let shown = rows.len() as u64;
    let rows = rows
        .into_iter()
        .map(|row| RolloutRow {
            place: Link::new(row.model.clone(), format!("/rollouts/{}/{}", row.model, row.market)),
            state: state_tag(&row.state),
            champion: row.champion.map(|number| version(&row.model, number)),
            challenger: row
                .challenger
                .map(|number| (version(&row.model, number), format!("{} % of users", row.percent))),
            strikes: row.strikes,
            standby: row.standby.map(|number| version(&row.model, number)),
            updated: words::when(row.updated_at),
            market: row.market,
        })
        .collect();
    let markets = std::iter::once(Choice::new("", "Any").chosen_if(query.market.is_empty()))
        .chain(policy.policy.markets.iter().map(|(code, market)| {
            Choice::new(code.to_string(), market.title.clone()).chosen_if(query.market == code.as_str())
        }))
        .collect();
    let states = std::iter::once(Choice::new("", "Any").chosen_if(query.state.is_empty()))
        .chain(
            DEPLOYMENT_STATES
                .into_iter()
                .map(|state| Choice::new(state, state_tag(state).word).chosen_if(query.state == state)),
        )
        .collect();
    let summary =
        if total == 0 { "None".to_owned() } else { format!("{}–{} of {total}", offset + 1, offset + shown) };
    let view = RolloutsView {
        markets,
        states,
        rows,
        pager: Pager {
            summary,
            first: (offset > 0).then(|| query.href(0)),
            next: (offset + shown < total).then(|| query.href(offset + PAGE)),
        },
        is_filtered: [&query.q, &query.market, &query.state].iter().any(|text| !text.is_empty()),
        q: query.q,
    };
    show(&viewer.frame, view).await
}

/// What the page is made from.
struct Shown<'a> {
    deployment: &'a Deployment,
    policy: &'a AdoptedPolicy,
    names: &'a Names,
    viewer: &'a Viewer,
    now: Timestamp,
}

impl Shown<'_> {
    fn rules(&self) -> Option<&RolloutRules> {
        self.policy.policy.markets.get(&self.deployment.market)?.rollout.as_ref()
    }

    fn version(&self, number: VersionNumber) -> Link {
        version(self.deployment.model.as_str(), number)
    }

    fn notices(&self) -> Vec<Notice> {
        let mut notices = Vec::new();
        if let Some(kill) = &self.deployment.kill_switch {
            let due = match (&kill.review, kill.review_due) {
                (Some(review), _) if review.may_lift => "It was reviewed and can be lifted.".to_owned(),
                (Some(_), _) => "Its review says that it stays off.".to_owned(),
                (None, Some(due)) => {
                    format!("A review by {} is due: {}.", kill.review_role, words::due(due, self.now).tag.word)
                }
                (None, None) => format!("A review by {} is due at once.", kill.review_role),
            };
            let notice = Notice::new(Tone::Bad, "The kill switch is in use.").with_body(kill.reason.clone());
            notices.push(notice.with_body(due).with_link(entry(kill.entry)));
        }
        if let Some(hold) = self.deployment.rollout.as_ref().and_then(|rollout| rollout.held.as_ref()) {
            let title =
                format!("On hold by {} since {}.", self.names.of(hold.by.as_str()), words::when(hold.since).text);
            notices.push(Notice::new(Tone::Warn, title).with_body(hold.reason.clone()).with_link(entry(hold.entry)));
        }
        if let Some(due) = clock::drill_due(self.deployment, &self.policy.policy).filter(|due| *due <= self.now) {
            let word = words::due(due, self.now).tag.word;
            notices.push(Notice::new(Tone::Warn, format!("A rollback drill is due: {word}.")));
        }
        notices
    }

    fn shares(&self, routing: &Routing) -> Vec<Share> {
        let digest = |digest: &Option<Digest>| digest.as_ref().map(words::digest);
        let target = |target: &domain::deployment::routing::Target| Share {
            who: Some(self.version(target.version)),
            name: String::new(),
            part: match target.part {
                Part::Champion => Tag::new(Tone::Serving, "Champion"),
                Part::Challenger => Tag::new(Tone::Active, "On its way in"),
                Part::Previous => Tag::new(Tone::Warn, "Previous, by the kill switch"),
            },
            percent: Some(target.weight),
            weights: digest(&target.weights_digest),
            image: digest(&target.image_digest),
        };
        let shadow = |shadow: &Artifact| Share {
            who: Some(self.version(shadow.version)),
            name: String::new(),
            part: Tag::new(Tone::Neutral, "Shadow"),
            percent: None,
            weights: digest(&shadow.weights_digest),
            image: digest(&shadow.image_digest),
        };
        let fallback = Share {
            who: None,
            name: format!("Fallback \u{201c}{}\u{201d}", routing.fallback.name),
            part: Tag::new(Tone::Quiet, "Rules"),
            percent: Some(routing.fallback.weight),
            weights: None,
            image: None,
        };
        routing.targets.iter().map(target).chain([fallback]).chain(routing.mirror.iter().map(shadow)).collect()
    }

    fn routing(&self, routing: &Routing) -> Vec<Fact> {
        let mut facts = vec![Fact::new("Revision", Value::Link(entry(routing.revision)))];
        facts.extend(routing.decided_at.map(|at| Fact::new("Decided", Value::When(words::when(at)))));
        let applied = self.deployment.revisions.last().map(|revision| &revision.applied);
        let told: Vec<String> =
            applied.into_iter().flatten().map(|(who, millis)| format!("{who} after {millis} ms")).collect();
        facts.push(Fact::new(
            "Applied by",
            if told.is_empty() { Value::Missing("nobody has said so".into()) } else { Value::List(told) },
        ));
        facts.push(Fact::new("Split salt", Value::Mono(routing.split.salt.clone())));
        let place = format!("/api/v1/routing/{}/{}", routing.model, routing.market);
        facts.push(Fact::new(
            "Documents",
            Value::Many(vec![
                Value::Link(Link::new("Routing (JSON)", place.clone())),
                Value::Link(Link::new("Istio (YAML)", format!("{place}/istio.yaml"))),
            ]),
        ));
        facts
    }

    fn rollout(&self, rollout: &Rollout) -> RolloutPanel {
        let rules = self.rules();
        let requirements = clock::requirements(rollout, rules, self.now);
        let slot = rules.and_then(|rules| rules.approval.as_ref());
        let ready = clock::waits_for_approval_only(&requirements);
        let approval = slot
            .filter(|slot| ready && self.viewer.principal.is(slot.role) && self.viewer.can(Action::SignOff))
            .zip(StepPackage::of(self.deployment, self.policy.digest))
            .map(|(slot, package)| Approval {
                next: rollout
                    .next_percent()
                    .map_or_else(|| "taking over as champion".to_owned(), |percent| format!("{percent} % of users")),
                meaning: slot.meaning.clone(),
                package: words::digest(&package.digest()),
                signer: self.names.of(self.viewer.principal.account.as_str()),
            });
        let strategy = match (&rollout.strategy, &rollout.strategy_reason) {
            (Strategy::BlueGreen, Some(reason)) => format!("Blue-green, at once: {reason}"),
            (strategy, _) => format!("{}, since {}.", strategy.title(), words::when(rollout.started_at).text),
        };
        RolloutPanel {
            version: self.version(rollout.artifact.version),
            number: rollout.artifact.version.get(),
            strategy,
            steps: rollout
                .steps
                .iter()
                .enumerate()
                .map(|(index, percent)| StepMark {
                    percent: *percent,
                    state: match index.cmp(&rollout.step) {
                        std::cmp::Ordering::Less => Tag::new(Tone::Good, "passed"),
                        std::cmp::Ordering::Equal => Tag::new(Tone::Active, "here"),
                        std::cmp::Ordering::Greater => Tag::new(Tone::Quiet, "ahead"),
                    },
                    is_here: index == rollout.step,
                })
                .collect(),
            requirements: requirements.into_iter().map(requirement).collect(),
            strikes: rollout
                .strikes
                .iter()
                .enumerate()
                .map(|(index, strike)| StrikeRow {
                    number: index + 1,
                    what: strike.violations.join(" "),
                    moved: format!("{} % to {} % of users", strike.from_percent, strike.to_percent),
                    when: words::when(strike.at),
                    entry: entry(strike.entry),
                })
                .collect(),
            charts: charts(rollout, rules, self.now),
            windows: rollout.observations.iter().rev().map(window).collect(),
            is_held: rollout.held.is_some(),
            can_steer: self.viewer.can(Action::SteerRollout),
            approval,
        }
    }

    fn back(&self) -> BackPanel {
        let deployment = self.deployment;
        let mut facts = Vec::new();
        match &deployment.standby {
            None => facts.push(Fact::new("Warm standby", Value::Missing("none".into()))),
            Some(standby) => {
                facts.push(Fact::new("Warm standby", Value::Link(self.version(standby.artifact.version))));
                facts.push(Fact::new("Kept until", Value::When(words::day(standby.until))));
                let health = match &standby.health {
                    None => Value::Missing("never reported".into()),
                    Some(health) => {
                        let tag = if health.healthy {
                            Tag::new(Tone::Good, "healthy")
                        } else {
                            Tag::new(Tone::Bad, "not healthy")
                        };
                        Value::Many(vec![Value::Tag(tag), Value::When(words::when(health.at))])
                    }
                };
                facts.push(Fact::new("Health", health));
            }
        }
        facts.push(Fact::text("Next fallback", format!("\u{201c}{}\u{201d}, by the kill switch", deployment.fallback)));
        if let Some(due) = clock::drill_due(deployment, &self.policy.policy) {
            facts.push(Fact::new("Next drill", Value::Due(words::due(due, self.now))));
        }
        BackPanel {
            facts,
            champion: deployment
                .champion
                .as_ref()
                .filter(|_| deployment.standby.is_some())
                .map(|champion| champion.artifact.version.get()),
            drills: deployment.drills.iter().rev().take(5).map(drill).collect(),
            is_drilling: deployment.open_drill().is_some(),
            can_steer: self.viewer.can(Action::SteerRollout),
        }
    }

    fn kill(&self) -> Option<KillPanel> {
        let kill = self.deployment.kill_switch.as_ref()?;
        let to = match &kill.artifact {
            Some(artifact) => Value::Link(self.version(artifact.version)),
            None => Value::Text(format!("the fallback \u{201c}{}\u{201d}", self.deployment.fallback)),
        };
        let mut facts = vec![
            Fact::new("Everybody goes to", to),
            Fact::text("By", self.names.of(kill.by.as_str())),
            Fact::new("Since", Value::When(words::when(kill.at))),
            Fact::text("Why", kill.reason.clone()),
            Fact::new("Proof", Value::Link(entry(kill.entry))),
        ];
        let applied = self.deployment.revisions.iter().find(|revision| revision.number == kill.entry);
        let told: Vec<String> = applied
            .into_iter()
            .flat_map(|revision| &revision.applied)
            .map(|(who, millis)| format!("{who} {millis} ms after the decision"))
            .collect();
        facts.push(Fact::new(
            "Routing changed",
            if told.is_empty() { Value::Missing("no serving system has said so".into()) } else { Value::List(told) },
        ));
        match (&kill.review, kill.review_due) {
            (Some(review), _) => {
                let word = if review.may_lift { "it may serve again" } else { "it stays off" };
                facts.push(Fact::text("Reviewed", format!("{}: {word}", self.names.of(review.by.as_str()))));
                facts.push(Fact::text("What it found", review.text.clone()));
            }
            (None, Some(due)) => facts.push(Fact::new("Review due", Value::Due(words::due(due, self.now)))),
            (None, None) => facts.push(Fact::text("Review due", "at once")),
        }
        let me = &self.viewer.principal;
        Some(KillPanel {
            facts,
            can_review: me.is(kill.review_role) && me.account != kill.by && self.viewer.can(Action::ReviewKill),
            can_lift: kill.review.as_ref().is_some_and(|review| review.may_lift) && self.viewer.can(Action::LiftKill),
        })
    }

    fn ended(&self, ended: &Ended) -> EndedRow {
        let way: Vec<String> = ended.rollout.moves.iter().map(|step| step.percent.to_string()).collect();
        EndedRow {
            version: self.version(ended.rollout.artifact.version),
            ending: match ended.ending {
                Ending::Completed => Tag::new(Tone::Good, "became champion"),
                Ending::RolledBack => Tag::new(Tone::Bad, "rolled back"),
            },
            way: format!("{} %", way.join(", ")),
            strikes: ended.rollout.strikes.len(),
            reason: ended.reason.clone(),
            when: words::when(ended.at),
            entry: entry(ended.entry),
        }
    }
}

fn requirement(requirement: domain::promotion::Requirement) -> Requirement {
    Requirement {
        id: requirement.rule,
        sentence: requirement.sentence,
        met: requirement.met,
        supplier: (!requirement.met).then(|| requirement.supplier.title().to_owned()),
        link: None,
        detail: (!requirement.details.is_empty()).then(|| requirement.details.join(" ")),
    }
}

fn verdict(verdict: Verdict) -> Tag {
    let tone = match verdict {
        Verdict::Green => Tone::Good,
        Verdict::Undecided => Tone::Warn,
        Verdict::Red => Tone::Bad,
    };
    Tag::new(tone, verdict.title())
}

fn interval(value: f64, lower: Option<f64>, upper: Option<f64>) -> String {
    use app::kit::chart::number;
    match lower.zip(upper) {
        Some((lower, upper)) => format!("{} ({} to {})", number(value), number(lower), number(upper)),
        None => number(value),
    }
}

fn window(observation: &Observation) -> WindowRow {
    WindowRow {
        until: words::when(observation.to),
        percent: observation.percent,
        sample: observation.sample.to_string(),
        figures: observation
            .figures
            .iter()
            .map(|figure| format!("{}: {}", figure.metric, interval(figure.value, figure.lower, figure.upper)))
            .collect(),
        verdict: verdict(observation.verdict),
        entry: entry(observation.entry),
    }
}

fn drill(drill: &Drill) -> DrillRow {
    let result = drill.result.as_ref();
    DrillRow {
        number: drill.number,
        when: words::when(drill.started_at),
        result: match result {
            None => Tag::new(Tone::Active, "under way"),
            Some(result) if result.passed => Tag::new(Tone::Good, "passed"),
            Some(_) => Tag::new(Tone::Bad, "failed"),
        },
        took: match result.map(|result| (result.millis, result.target_seconds)) {
            Some((Some(millis), Some(target))) => format!("{millis} ms; the target is {target} s"),
            Some((Some(millis), None)) => format!("{millis} ms"),
            Some((None, _)) => "never applied".to_owned(),
            None => "waits for a subscriber".to_owned(),
        },
        note: drill.note.clone(),
        entry: entry(drill.entry),
    }
}

/// Share over time, then every guardrail's figure with its interval and bound.
fn charts(rollout: &Rollout, rules: Option<&RolloutRules>, now: Timestamp) -> Vec<Chart> {
    let begin = rollout.started_at;
    #[expect(clippy::cast_precision_loss, reason = "a place on a drawing")]
    let place = |at: Timestamp| {
        let whole = now.micros_since(begin).max(1);
        at.micros_since(begin) as f64 / whole as f64
    };
    let (from, to) = (words::day(begin).text, words::day(now).text);
    let number = rollout.artifact.version;
    let way: Vec<String> = rollout.moves.iter().map(|step| format!("{} %", step.percent)).collect();
    let share = Chart {
        title: "Share of users, %".into(),
        summary: format!("Share of users of version {number}: {}.", way.join(", then ")),
        points: rollout
            .moves
            .iter()
            .map(|step| Point {
                at: place(step.at),
                value: f64::from(step.percent),
                lower: None,
                upper: None,
                tone: Tone::Active,
            })
            .collect(),
        is_stepped: true,
        bound: None,
        range: Some((0.0, 100.0)),
        from: from.clone(),
        to: to.clone(),
    };
    let guardrails = rules.map_or(&[][..], |rules| &rules.guardrails);
    let figures = guardrails.iter().filter_map(|guardrail| {
        let points: Vec<Point> = rollout
            .observations
            .iter()
            .filter_map(|observation| {
                let figure = observation.figures.iter().find(|figure| figure.metric == guardrail.metric)?;
                let judged = observation.judged.iter().find(|judged| judged.guardrail.metric == guardrail.metric);
                Some(Point {
                    at: place(observation.to),
                    value: figure.value,
                    lower: figure.lower,
                    upper: figure.upper,
                    tone: verdict(judged.map_or(Verdict::Undecided, |judged| judged.verdict)).tone,
                })
            })
            .collect();
        let last = points.last()?;
        let bound = match (guardrail.at_most, guardrail.at_least) {
            (Some(bound), _) => Some((bound, format!("at most {bound}"))),
            (_, Some(bound)) => Some((bound, format!("at least {bound}"))),
            _ => None,
        };
        let against = bound.as_ref().map(|(_, words)| format!(", {words} allowed")).unwrap_or_default();
        Some(Chart {
            title: guardrail.title.clone(),
            summary: format!(
                "{} in {} windows, lately {}{against}.",
                guardrail.title,
                points.len(),
                interval(last.value, last.lower, last.upper)
            ),
            points,
            is_stepped: false,
            bound,
            range: None,
            from: from.clone(),
            to: to.clone(),
        })
    });
    std::iter::once(share).chain(figures).collect()
}

/// Deployments looked through for what waits for a reader.
const LOOKED_THROUGH: u64 = 100;

/// What waits for the viewer on rollouts: steps to approve, uses of the kill switch to review; with the instant at which
/// it is due, if it is due.
pub async fn waiting(app: &App, viewer: &Viewer) -> Result<Vec<(BucketKind, InboxItem, Option<Timestamp>)>, PageError> {
    let mut items = Vec::new();
    if !viewer.can(Action::SignOff) && !viewer.can(Action::ReviewKill) {
        return Ok(items);
    }
    let failed = |error: StoreError| viewer.error(error);
    let mut ids = Vec::new();
    for state in ["off", "struck", "rolling_out"] {
        let state = Some(state.to_owned());
        let filter = DeploymentFilter { state, limit: LOOKED_THROUGH, ..DeploymentFilter::default() };
        for row in app.store.deployments(&filter).await.map_err(failed)?.0 {
            if let (Ok(model), Ok(market)) = (row.model.parse(), row.market.parse()) {
                ids.push(domain::AggregateId::Deployment(model, market));
            }
        }
    }
    let (policy, now) = (app.policy().await.map_err(failed)?, app.clock.now());
    for (_, state) in app.store.aggregates(&ids).await.map_err(failed)? {
        let domain::Aggregate::Deployment(deployment) = state else { continue };
        let place = format!("/rollouts/{}/{}", deployment.model, deployment.market);
        let name = format!("{} in {}", deployment.model, deployment.market);
        let me = &viewer.principal;
        let kill = deployment.kill_switch.as_ref();
        if let Some(kill) =
            kill.filter(|kill| kill.review.is_none() && me.is(kill.review_role) && me.account != kill.by)
        {
            let due = kill.review_due.unwrap_or(kill.at);
            let item = InboxItem {
                action: Link::new(format!("Review the kill switch of {name}"), format!("{place}#kill")),
                about: vec![kill.reason.clone()],
                since: Some(words::when(kill.at)),
                due: Some(words::due(due, now)),
                tag: Some(Tag::new(Tone::Bad, "off")),
                waits_for: None,
            };
            items.push((BucketKind::ToValidate, item, Some(due)));
        }
        let rules = policy.policy.markets.get(&deployment.market).and_then(|market| market.rollout.as_ref());
        let slot = rules.and_then(|rules| rules.approval.as_ref());
        let rollout = deployment.rollout.as_ref().filter(|_| slot.is_some_and(|slot| me.is(slot.role)));
        let ready = rollout.filter(|rollout| clock::waits_for_approval_only(&clock::requirements(rollout, rules, now)));
        if let Some(rollout) = ready.filter(|_| kill.is_none()) {
            let number = rollout.artifact.version;
            let item = InboxItem {
                action: Link::new(format!("Approve the next step of {name}"), format!("{place}#rollout")),
                about: vec![format!("Version {number} at {} % of users", rollout.percent())],
                since: Some(words::when(rollout.since)),
                due: None,
                tag: None,
                waits_for: None,
            };
            items.push((BucketKind::ToSign, item, None));
        }
    }
    Ok(items)
}

/// Whether an entry of the model concerns this market.
fn concerns(stored: &StoredEntry, model: &ModelName, market: &Market) -> bool {
    let Some(recorded) = words::read(stored) else { return false };
    let place = domain::AggregateId::Deployment(model.clone(), market.clone());
    match &recorded.event {
        Event::StageTransitioned { market: Some(of), .. } => of == market,
        _ => recorded.touches().contains(&place),
    }
}

async fn history(app: &App, model: &ModelName, market: &Market) -> Result<Vec<StoredEntry>, StoreError> {
    let mut found = Vec::new();
    let mut before = None;
    // A page or two of the model's entries are enough for nearly all; the ledger has the rest.
    for _ in 0..10 {
        let filter = EntryFilter { model: Some(model.to_string()), before, limit: 200, ..EntryFilter::default() };
        let page = app.store.find_entries(&filter).await?;
        before = page.last().map(|entry| entry.seq);
        let whole = page.len() == 200;
        found.extend(page.into_iter().filter(|entry| concerns(entry, model, market)));
        if found.len() >= HISTORY || !whole {
            break;
        }
    }
    found.truncate(HISTORY);
    Ok(found)
}

async fn view(
    app: &App,
    viewer: &Viewer,
    place: &PlacePath,
    typed: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> Result<RolloutView, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let failed = |error: StoreError| viewer.error(error);
    let deployment = find(app, &place.model, &place.market).await.map_err(|problem| viewer.error(problem))?;
    let policy = app.policy().await.map_err(failed)?;
    let history = history(app, &place.model, &place.market).await.map_err(failed)?;
    let hold = deployment.rollout.iter().filter_map(|rollout| rollout.held.as_ref()).map(|hold| hold.by.as_str());
    let kill = deployment.kill_switch.as_ref();
    let people = history
        .iter()
        .map(|entry| entry.actor.as_str())
        .chain(hold)
        .chain(kill.map(|kill| kill.by.as_str()))
        .chain(kill.and_then(|kill| kill.review.as_ref()).map(|review| review.by.as_str()))
        .chain([viewer.principal.account.as_str()]);
    let names = app.names(people).await.map_err(failed)?;
    let now = app.clock.now();
    let shown = Shown { deployment: &deployment, policy: &policy, names: &names, viewer, now };
    let routing = Routing::of(&deployment);
    Ok(RolloutView {
        model: place.model.to_string(),
        market: place.market.to_string(),
        state: state_tag(crate::views::deployment_state(&deployment)),
        notices: shown.notices(),
        shares: shown.shares(&routing),
        routing: shown.routing(&routing),
        rollout: deployment.rollout.as_ref().map(|rollout| shown.rollout(rollout)),
        back: shown.back(),
        kill: shown.kill(),
        can_kill: viewer.can(Action::Kill),
        ended: deployment.ended.iter().rev().take(10).map(|ended| shown.ended(ended)).collect(),
        history: words::entries(&history, &names, false),
        typed: typed.to_vec(),
        errors,
    })
}

/// One market of one model.
pub async fn page(State(app): State<App>, viewer: Viewer, place: PlacePath) -> Result<Response, PageError> {
    let view = view(&app, &viewer, &place, &[], None).await?;
    show(&viewer.frame, view).await
}

/// Seals a command of the page, or shows the page again with what to mend.
async fn answer(
    app: &App,
    viewer: &Viewer,
    place: PlacePath,
    fields: &[(String, String)],
    command: Result<ServingCommand, Problem>,
    rename: &[(&str, &str)],
) -> Result<Response, PageError> {
    let sealed = match command {
        Ok(command) => {
            let command = Command::Serve(place.model.clone(), place.market.clone(), command);
            viewer.seal(app, command, fields).await
        }
        Err(problem) => Err(problem),
    };
    match sealed {
        Ok(receipt) => Ok(done(&format!("/rollouts/{}/{}", place.model, place.market), &receipt)),
        Err(problem) => refused(app, viewer, &place, fields, &problem, rename).await,
    }
}

async fn refused(
    app: &App,
    viewer: &Viewer,
    place: &PlacePath,
    fields: &[(String, String)],
    problem: &Problem,
    rename: &[(&str, &str)],
) -> Result<Response, PageError> {
    let summary = words::summary(problem, rename);
    let view = view(app, viewer, place, fields, Some(summary)).await?;
    show_with(problem.status_code(), &viewer.frame, view).await
}

fn wrong(name: &str, message: &str) -> Problem {
    domain::Refusal::invalid(vec![Missing::field(name, message)]).into()
}

fn text(fields: &[(String, String)], name: &str) -> String {
    field(fields, name).replace("\r\n", "\n")
}

fn number(fields: &[(String, String)]) -> Result<VersionNumber, Problem> {
    field(fields, "version").parse().map_err(|error| wrong("version", &format!("{error}")))
}

/// Holds the rollout.
pub async fn hold(
    State(app): State<App>,
    viewer: Viewer,
    place: PlacePath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let command = ServingCommand::Hold(Reason { reason: text(&fields, "hold_reason") });
    answer(&app, &viewer, place, &fields, Ok(command), &[("reason", "hold_reason")]).await
}

/// Lets it go on.
pub async fn resume(
    State(app): State<App>,
    viewer: Viewer,
    place: PlacePath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let command = ServingCommand::Resume(Reason { reason: text(&fields, "hold_reason") });
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
        number(&fields).map(|version| ServingCommand::RollBack(RollBack { version, reason: text(&fields, name) }));
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
            Digest::from_hex(field(&fields, "package")).map_err(|error| wrong("package", &error.to_string()))?;
        let meaning = field(&fields, "meaning").to_owned();
        Ok(ApproveStep { version: number(&fields)?, meaning, package, comment: text(&fields, "comment") })
    };
    let sealed = match read() {
        Ok(body) => {
            let (headers, password) = (WriteHeaders::default(), field(&fields, "password"));
            seal_approval(&app, &headers, viewer.caller.clone(), place.clone(), password, body).await
        }
        Err(problem) => Err(problem),
    };
    match sealed {
        Ok(receipt) => Ok(done(&format!("/rollouts/{}/{}", place.model, place.market), &receipt)),
        Err(problem) => refused(&app, &viewer, &place, &fields, &problem, &[]).await,
    }
}

/// Begins a drill.
pub async fn start_drill(
    State(app): State<App>,
    viewer: Viewer,
    place: PlacePath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let command = ServingCommand::StartDrill(StartDrill { note: text(&fields, "drill_note") });
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
        digits => digits.parse().map(Some).map_err(|_| wrong("millis", "State whole milliseconds, such as 850.")),
    };
    let command =
        millis.map(|millis| ServingCommand::FinishDrill(FinishDrill { millis, note: text(&fields, "drill_note") }));
    answer(&app, &viewer, place, &fields, command, &[("note", "drill_note")]).await
}

/// Reviews the use of the kill switch.
pub async fn review_kill(
    State(app): State<App>,
    viewer: Viewer,
    place: PlacePath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let review = ReviewKill { text: text(&fields, "review_text"), may_lift: field(&fields, "may_lift") == "yes" };
    answer(&app, &viewer, place, &fields, Ok(ServingCommand::ReviewKill(review)), &[("text", "review_text")]).await
}

/// Lifts the kill switch.
pub async fn lift_kill(
    State(app): State<App>,
    viewer: Viewer,
    place: PlacePath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let command = ServingCommand::LiftKill(Reason { reason: text(&fields, "lift_reason") });
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
    let to = field(&fields, "to").parse::<KillTarget>().map_err(|error| wrong("to", &error.to_string()));
    let market = (field(&fields, "scope") != "model").then(|| place.market.clone());
    let outcome = match to {
        Err(problem) => Err(problem),
        Ok(to) => {
            let body = Kill { to, reason: text(&fields, "reason") };
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
