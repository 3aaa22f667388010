//! The record of a version: lineage, evidence, timeline.

use std::fmt::Write as _;

use app::{
    kit::{
        Choice, Digest as DigestText, ErrorSummary, Fact, GraphEdge, GraphNode, Link, NodeKind, Pager, Requirement,
        Tag, Tone, Value,
    },
    pages::{
        EvidenceView, LineageView, TimelineView,
        evidence::{EvidenceForm, EvidenceItem, EvidencePath as PathView},
        lineage::LineageClass,
    },
};
use axum::{
    extract::{Multipart, Path, Query, State},
    response::Response,
};
use domain::{
    Command, Event, Market, Stage,
    access::Action,
    command::AmendLineage,
    evidence::{Evidence, EvidencePath, Figure, Verdict},
    lineage::{Class, Lineage},
    registry::Version,
};
use serde::Deserialize;

use super::{
    PageError, Viewer, done, field, show, show_with,
    versions::{head, lineage_errors, lineage_form, parse_lineage, shelf},
    words,
};
use crate::{
    attach::{NewEvidence, attach as attach_file},
    http::{
        api::evidence::file_response,
        extract::{App, VersionPath, WriteHeaders},
        problem::Problem,
    },
    service::Shelf,
    storage::{StoreError, log::EntryFilter},
};

// --- Lineage ---------------------------------------------------------------------------------------------------

fn node(id: &str, kind: NodeKind, label: Option<String>, href: Option<String>) -> GraphNode {
    let is_missing = label.is_none();
    GraphNode {
        id: id.to_owned(),
        kind,
        label: label.unwrap_or_else(|| "not stated".into()),
        href,
        is_subject: false,
        is_missing,
    }
}

fn graph(shelf: &Shelf) -> (Vec<GraphNode>, Vec<GraphEdge>) {
    let (lineage, id) = (&shelf.version.lineage, &shelf.version.id);
    let both = |a: &Option<String>, b: &Option<String>| match (a, b) {
        (Some(a), Some(b)) => Some(format!("{a} {b}")),
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (None, None) => None,
    };
    let features = lineage
        .features
        .set_version
        .as_ref()
        .map(|set| format!("set {set}, {} features", lineage.features.names.len()));
    let commit = lineage.code.git_commit.as_ref().map(|commit| commit.chars().take(12).collect());
    let mut nodes = vec![
        node("data", NodeKind::Dataset, both(&lineage.data.dataset, &lineage.data.version), None),
        node("features", NodeKind::Features, features, None),
        node("code", NodeKind::Code, commit, None),
        node("image", NodeKind::Image, lineage.code.image_digest.map(|digest| digest.short()), None),
        node("run", NodeKind::Run, both(&lineage.training.system, &lineage.training.id), None),
        node("weights", NodeKind::Weights, lineage.model.weights_digest.map(|digest| digest.short()), None),
    ];
    nodes.push(GraphNode {
        is_subject: true,
        ..node(
            "version",
            NodeKind::Version,
            Some(format!("{} v{}", id.model, id.number)),
            Some(words::version_href(id)),
        )
    });
    let edge = |from: &str, to: &str, relation: &str| GraphEdge {
        from: from.into(),
        to: to.into(),
        relation: relation.into(),
    };
    let mut edges = vec![
        edge("data", "features", "computed from"),
        edge("features", "run", "read by"),
        edge("code", "image", "built into"),
        edge("image", "run", "ran"),
        edge("run", "weights", "produced"),
        edge("weights", "version", "promoted as"),
    ];
    for parent in &lineage.parents {
        let node_id = format!("parent-{parent}");
        let href = format!("/models/{}/versions/{parent}", id.model);
        nodes.push(node(&node_id, NodeKind::Version, Some(format!("{} v{parent}", id.model)), Some(href)));
        edges.push(edge(&node_id, "run", "started from"));
    }
    for (market, track) in &shelf.version.tracks {
        let node_id = format!("market-{market}");
        nodes.push(node(&node_id, NodeKind::Deployment, Some(words::target(track.stage, Some(market))), None));
        edges.push(edge("version", &node_id, "runs as"));
    }
    (nodes, edges)
}

fn lineage_classes(lineage: &Lineage) -> Vec<LineageClass> {
    let fields = lineage.fields();
    let missing = lineage.missing();
    Class::ALL
        .into_iter()
        .map(|class| {
            let mut facts: Vec<Fact> = fields
                .iter()
                .filter(|field| field.class == class)
                .map(|field| {
                    let value = match field.value.strip_prefix("sha256:") {
                        Some(hex) => Value::Digest(DigestText(hex.to_owned())),
                        None if field.path == "code.git_commit" => Value::Digest(DigestText(field.value.clone())),
                        None => Value::Mono(field.value.clone()),
                    };
                    Fact::new(field.path.clone(), value)
                })
                .collect();
            facts.extend(missing.iter().filter(|missing| class_of(&missing.what) == class).map(|missing| {
                let path = missing.what.trim_start_matches("lineage.");
                Fact::new(path, Value::Missing(missing.message.clone()))
            }));
            LineageClass { title: class.title().to_owned(), facts }
        })
        .filter(|class| !class.facts.is_empty())
        .collect()
}

/// The class under which a lacking field is listed.
fn class_of(path: &str) -> Class {
    match path.trim_start_matches("lineage.") {
        "code.image_digest" | "model.framework" | "training.id" => Class::Environment,
        "training.random_seed" | "hyperparameters" => Class::Hyperparameters,
        "metrics" => Class::Metrics,
        path if path.starts_with("code.") => Class::Code,
        path if path.starts_with("data.") => Class::Data,
        path if path.starts_with("features.") => Class::Features,
        _ => Class::Model,
    }
}

fn comparisons(shelf: &Shelf) -> Vec<Link> {
    let (id, own) = (&shelf.version.id, shelf.version.id.number.get());
    let mut others: Vec<(u32, String)> =
        shelf.version.lineage.parents.iter().map(|p| (p.get(), "its parent".into())).collect();
    others.extend(
        shelf
            .model
            .champions
            .iter()
            .map(|(market, champion)| (champion.version.get(), format!("the {market} champion"))),
    );
    if own > 1 {
        others.push((own - 1, "the version before".into()));
    }
    let mut seen = Vec::new();
    others.retain(|(number, _)| {
        let fresh = *number != own && !seen.contains(number);
        seen.push(*number);
        fresh
    });
    others
        .into_iter()
        .map(|(other, what)| {
            let (a, b) = (other.min(own), other.max(own));
            Link::new(format!("Compare with v{other}, {what}"), format!("/models/{}/compare?a={a}&b={b}", id.model))
        })
        .collect()
}

fn lineage_view(
    app: &App,
    viewer: &Viewer,
    shelf: &Shelf,
    typed: Option<String>,
    errors: Option<ErrorSummary>,
) -> LineageView {
    let id = &shelf.version.id;
    let (nodes, edges) = graph(shelf);
    let may_amend = viewer.can(Action::RegisterVersion) && shelf.version.stage == Stage::None;
    let current = || serde_json::to_string_pretty(&shelf.version.lineage).unwrap_or_default();
    let missing = shelf
        .version
        .lineage
        .missing()
        .into_iter()
        .map(|missing| Requirement { link: None, ..words::missing(vec![missing]).remove(0) })
        .collect();
    LineageView {
        head: head(app, shelf, viewer),
        missing,
        classes: lineage_classes(&shelf.version.lineage),
        nodes,
        edges,
        manifest_href: format!("/api/v1/models/{}/versions/{}/manifest", id.model, id.number),
        compare: comparisons(shelf),
        amend: may_amend.then(|| typed.unwrap_or_else(current)),
        errors,
    }
}

/// The lineage.
pub async fn lineage(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
) -> Result<Response, PageError> {
    let shelf = shelf(&app, &viewer, &id).await?;
    let view = lineage_view(&app, &viewer, &shelf, None, None);
    show(&viewer.frame, view).await
}

/// Amends the lineage.
pub async fn amend(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    form: Multipart,
) -> Result<Response, PageError> {
    viewer.may(Action::RegisterVersion)?;
    let form = lineage_form(form).await.map_err(|problem| viewer.error(problem))?;
    let outcome = match parse_lineage(&form.lineage) {
        Ok(lineage) => {
            let typed = field(&form.fields, "reason");
            let reason = if typed.trim().is_empty() { "Amended on the lineage page." } else { typed }.to_owned();
            viewer.seal(&app, Command::AmendLineage(id.clone(), AmendLineage { lineage, reason }), &form.fields).await
        }
        Err(problem) => Err(problem),
    };
    match outcome {
        Ok(receipt) => Ok(done(&format!("{}/lineage", words::version_href(&id)), &receipt)),
        Err(problem) => {
            let shelf = shelf(&app, &viewer, &id).await?;
            let view = lineage_view(&app, &viewer, &shelf, Some(form.lineage), Some(lineage_errors(&problem)));
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

// --- Evidence --------------------------------------------------------------------------------------------------

/// The figure without what binary fractions add at its end; nine decimals never carry one over its threshold unseen.
fn rounded(value: f64) -> f64 {
    let short = (value * 1e9).round() / 1e9;
    if short.is_finite() { short } else { value }
}

/// A figure with all that is known of it: `0.95 [0.94 to 0.96], of 8000 (asked >= 0.9)`.
fn figure_text(figure: &Figure) -> String {
    let mut text = rounded(figure.value).to_string();
    if let Some(interval) = &figure.interval {
        let _ = write!(text, " [{} to {}]", rounded(interval.low), rounded(interval.high));
    }
    if let Some(n) = figure.n {
        let _ = write!(text, ", of {n}");
    }
    if let Some(threshold) = &figure.threshold {
        let _ = write!(text, " (asked {threshold})");
    }
    text
}

fn evidence_item(version: &Version, evidence: &Evidence) -> EvidenceItem {
    let counts = evidence.speaks_of(&version.lineage);
    let verdict = match (counts, evidence.facts.verdict) {
        (false, _) => Tag::new(Tone::Quiet, "does not count"),
        (true, Verdict::Green) => Tag::new(Tone::Good, "passed"),
        (true, Verdict::Red) => Tag::new(Tone::Bad, "failed"),
        (true, Verdict::Neutral) => Tag::new(Tone::Neutral, "no verdict"),
    };
    let mut facts: Vec<Fact> = evidence
        .facts
        .figures
        .iter()
        .map(|figure| {
            let text = figure_text(figure);
            let value = match figure.passed {
                Some(false) => Value::Many(vec![Value::Text(text), Value::Tag(Tag::new(Tone::Bad, "failed"))]),
                _ => Value::Text(text),
            };
            let name = figure
                .segment
                .as_ref()
                .map_or_else(|| figure.name.clone(), |segment| format!("{}, segment {segment}", figure.name));
            Fact::new(name, value)
        })
        .collect();
    if !evidence.facts.failures.is_empty() {
        facts.push(Fact::new("Failures", Value::List(evidence.facts.failures.clone())));
    }
    EvidenceItem {
        kind: evidence.facts.kind.title().to_owned(),
        verdict,
        sentence: evidence.facts.summary.clone(),
        facts,
        digest: words::digest(&evidence.file),
        href: format!("{}/evidence/{}", words::version_href(&version.id), evidence.number),
        size: words::size(evidence.size_bytes),
        bound_to: DigestText(evidence.bound_to.trim_start_matches("sha256:").to_owned()),
        producer: evidence.producer.clone(),
        when: words::when(evidence.attached_at),
        seq: evidence.entry,
        note: (!counts).then(|| {
            format!(
                "It speaks of {} {}, not of the one in the lineage now.",
                evidence.path.artifact().title(),
                evidence.bound_to
            )
        }),
    }
}

fn evidence_view(
    app: &App,
    viewer: &Viewer,
    shelf: &Shelf,
    fields: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> EvidenceView {
    let version = &shelf.version;
    let titles = [
        (EvidencePath::Code, "Code path"),
        (EvidencePath::Data, "Data path"),
        (EvidencePath::Model, "Model path"),
        (EvidencePath::Shadow, "Shadow evaluation"),
        (EvidencePath::Canary, "Canary evaluation"),
        (EvidencePath::Other, "Other files"),
    ];
    let paths = titles
        .into_iter()
        .filter(|(path, _)| {
            matches!(path, EvidencePath::Code | EvidencePath::Data | EvidencePath::Model)
                || version.evidence.iter().any(|evidence| evidence.path == *path)
        })
        .map(|(path, title)| {
            let own: Vec<&Evidence> = version.evidence.iter().rev().filter(|evidence| evidence.path == path).collect();
            let counting = own.iter().filter(|evidence| evidence.speaks_of(&version.lineage));
            let (mut green, mut red) = (false, false);
            for evidence in counting {
                green |= evidence.facts.verdict == Verdict::Green;
                red |= evidence.facts.verdict == Verdict::Red;
            }
            let state = match (green, red) {
                _ if path == EvidencePath::Other => Tag::new(Tone::Neutral, "kept"),
                (_, true) => Tag::new(Tone::Bad, "failed"),
                (true, false) => Tag::new(Tone::Good, "passed"),
                (false, false) => Tag::new(Tone::Warn, "missing"),
            };
            let artifact = path.artifact();
            let bound = artifact.value_in(&version.lineage);
            let missing = match (&bound, own.is_empty()) {
                (None, _) => vec![format!("The lineage states no {} to bind evidence to.", artifact.title())],
                (Some(_), true) => vec!["Nothing is attached yet.".to_owned()],
                _ => Vec::new(),
            };
            PathView {
                id: path.id().to_owned(),
                title: title.to_owned(),
                state,
                bound_to: bound.map(|value| DigestText(value.trim_start_matches("sha256:").to_owned())),
                missing,
                items: own.into_iter().map(|evidence| evidence_item(version, evidence)).collect(),
            }
        })
        .collect();
    let may = viewer.can(Action::AttachEvidence) && version.stage != Stage::Archived;
    EvidenceView {
        head: head(app, shelf, viewer),
        paths,
        upload: may.then(|| EvidenceForm {
            kinds: evidence_kinds(shelf, field(fields, "kind")),
            producer: field(fields, "producer").to_owned(),
            note: field(fields, "note").to_owned(),
            limit: words::size(app.config.max_upload_bytes),
            command: format!(
                "countersign attach --model {} --version {} --path code --bound-to COMMIT --producer CI FILE",
                version.id.model, version.id.number
            ),
        }),
        errors,
    }
}

/// The kinds a file may be: `path`, or `path market` where a market is concerned.
fn evidence_kinds(shelf: &Shelf, chosen: &str) -> Vec<Choice> {
    let mut kinds = vec![
        ("code".to_owned(), "Code path: JUnit XML test results".to_owned()),
        ("data".to_owned(), "Data path: Great Expectations result (JSON)".to_owned()),
        ("model".to_owned(), "Model path: evaluation result (JSON)".to_owned()),
    ];
    for market in &shelf.model.markets {
        kinds.push((
            format!("shadow {market}"),
            format!("Shadow evaluation in {market} (requests as CSV, JSON Lines or Parquet; or JSON)"),
        ));
        kinds.push((
            format!("canary {market}"),
            format!("Canary evaluation in {market} (requests as CSV, JSON Lines or Parquet; or JSON)"),
        ));
    }
    kinds.push(("other".to_owned(), "Any other file, kept as it is".to_owned()));
    kinds.into_iter().map(|(value, label)| Choice::new(value.clone(), label).chosen_if(value == chosen)).collect()
}

/// The evidence.
pub async fn evidence(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
) -> Result<Response, PageError> {
    let shelf = shelf(&app, &viewer, &id).await?;
    let view = evidence_view(&app, &viewer, &shelf, &[], None);
    show(&viewer.frame, view).await
}

/// Attaches a file.
pub async fn attach(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    form: Multipart,
) -> Result<Response, PageError> {
    viewer.may(Action::AttachEvidence)?;
    let shelf = shelf(&app, &viewer, &id).await?;
    let mut fields = Vec::new();
    match receive(&app, &viewer, &shelf, form, &mut fields).await {
        Ok(receipt) => Ok(done(&format!("{}/evidence", words::version_href(&id)), &receipt)),
        Err(problem) => {
            let errors =
                Some(words::summary(&problem, &[("file_name", "file"), ("bound_to", "file"), ("path", "kind")]));
            let view = evidence_view(&app, &viewer, &shelf, &fields, errors);
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

async fn receive(
    app: &App,
    viewer: &Viewer,
    shelf: &Shelf,
    mut form: Multipart,
    fields: &mut Vec<(String, String)>,
) -> Result<crate::seal::Receipt, Problem> {
    /// Characters of a text field at most: it is shown again when the form is refused.
    const MAX_FIELD: usize = 20_000;
    let unreadable = |error: axum::extract::multipart::MultipartError| Problem {
        status: error.status().as_u16(),
        ..Problem::bad_request(format!("The upload broke off or is not readable: {}", error.body_text()))
    };
    let mut file = None;
    while let Some(mut part) = form.next_field().await.map_err(unreadable)? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == "file" {
            let file_name = part.file_name().unwrap_or_default().to_owned();
            file = Some((file_name, app.blobs.put(part).await?));
            continue;
        }
        let mut text = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(unreadable)? {
            text.extend_from_slice(&chunk);
            if text.len() > MAX_FIELD {
                return Err(Problem::bad_request(format!(
                    "The field {name} is longer than {MAX_FIELD} bytes; shorten it."
                )));
            }
        }
        fields.push((name, String::from_utf8_lossy(&text).into_owned()));
    }
    let refuse = |what: &str, message: String| {
        Problem::from(domain::Refusal::invalid(vec![domain::refusal::Missing::field(what, message)]))
    };
    let Some((file_name, blob)) = file.filter(|(name, blob)| !name.is_empty() || blob.size_bytes > 0) else {
        return Err(refuse("file", "Choose a file.".into()));
    };
    let kind = field(fields, "kind").to_owned();
    let (path, market) = kind.split_once(' ').map_or((kind.as_str(), None), |(path, market)| (path, Some(market)));
    let path: EvidencePath = path.parse().map_err(|error| refuse("kind", format!("{error}")))?;
    let market = market.map(str::parse::<Market>).transpose().map_err(|error| refuse("kind", error.to_string()))?;
    let producer = field(fields, "producer").trim();
    let note = field(fields, "note").trim();
    let producer = if note.is_empty() { producer.to_owned() } else { format!("{producer} ({note})") };
    // The page offers evidence for this very version: it is bound to what the lineage states.
    let bound_to = path.artifact().value_in(&shelf.version.lineage).unwrap_or_default();
    let new = NewEvidence { file_name, path: Some(path), market, bound_to, producer, produced_at: None };
    let order = attach_file(app, viewer.caller.clone(), shelf.version.id.clone(), new, blob).await?;
    WriteHeaders::default().seal(app, order, blob.digest).await
}

/// An evidence file as it was attached.
pub async fn download(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
) -> Result<Response, PageError> {
    let shelf = shelf(&app, &viewer, &id).await?;
    let found = shelf.version.evidence.iter().find(|evidence| evidence.number == number);
    let Some(evidence) = found else {
        return Err(viewer.error(Problem::not_found(format!("{id} has no evidence {number}."))));
    };
    file_response(&app, &evidence.file, &evidence.file_name).await.map_err(|problem| viewer.error(problem))
}

// --- Timeline --------------------------------------------------------------------------------------------------

/// Filters in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TimelineQuery {
    kind: String,
    actor: String,
    after: Option<u64>,
}

/// The timeline.
pub async fn timeline(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Query(query): Query<TimelineQuery>,
) -> Result<Response, PageError> {
    const PAGE: u64 = 50;
    viewer.may(Action::ReadLedger)?;
    let shelf = shelf(&app, &viewer, &id).await?;
    let failed = |error: StoreError| viewer.error(error);
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let filter = EntryFilter {
        model: Some(id.model.to_string()),
        version: Some(id.number.get()),
        actor: some(&query.actor),
        event: some(&query.kind),
        before: query.after,
        limit: PAGE,
        ..EntryFilter::default()
    };
    let entries = app.store.find_entries(&filter).await.map_err(failed)?;
    let mut actors: Vec<String> = entries.iter().map(|entry| entry.actor.clone()).collect();
    actors.extend(some(&query.actor));
    actors.sort();
    actors.dedup();
    let names = app.names(actors.iter().map(String::as_str)).await.map_err(failed)?;
    let next = (entries.len() as u64 == PAGE).then(|| entries.last().map(|entry| entry.seq)).flatten();
    let place = format!("{}/timeline", words::version_href(&id));
    let with = |after: Option<u64>| {
        let mut href =
            format!("{place}?kind={}&actor={}", super::super::escape(&query.kind), super::super::escape(&query.actor));
        if let Some(after) = after {
            href.push_str("&after=");
            href.push_str(&after.to_string());
        }
        href
    };
    let view = TimelineView {
        head: head(&app, &shelf, &viewer),
        kinds: kind_choices(&query.kind),
        actors: std::iter::once(Choice::new("", "Anyone"))
            .chain(
                actors.iter().map(|actor| Choice::new(actor.clone(), names.of(actor)).chosen_if(*actor == query.actor)),
            )
            .collect(),
        entries: words::entries(&entries, &names, false),
        pager: Pager {
            summary: format!("{} entries on this page", entries.len()),
            first: query.after.map(|_| with(None)),
            next: next.map(|next| with(Some(next))),
        },
    };
    show(&viewer.frame, view).await
}

/// Every event type, to choose from.
pub fn kind_choices(chosen: &str) -> Vec<Choice> {
    std::iter::once(Choice::new("", "Any"))
        .chain(Event::KINDS.into_iter().map(|kind| Choice::new(kind, kind).chosen_if(kind == chosen)))
        .collect()
}
