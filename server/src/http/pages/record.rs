//! The record of a version: lineage, timeline.

use app::{
    kit::{
        Choice, Digest as DigestText, ErrorSummary, Fact, GraphEdge, GraphNode, Link, NodeKind, Pager, Requirement,
        Value,
    },
    pages::{LineageView, TimelineView, lineage::LineageClass},
};
use axum::{
    extract::{Multipart, Query, State},
    response::Response,
};
use domain::{
    Command, Event, Stage,
    access::Action,
    command::AmendLineage,
    impact::InputKind,
    lineage::{Class, Lineage},
};
use serde::Deserialize;

use super::{
    PageError, Viewer, done, field, show, show_with,
    versions::{head, lineage_errors, lineage_form, parse_lineage, shelf},
    words,
};
use crate::{
    http::extract::{App, VersionPath},
    impact,
    narrate::count,
    service::Shelf,
    storage::{StoreError, impact::MadeOf, log::EntryFilter},
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

/// Children drawn in the graph and listed; the rest is a link.
const CHILDREN: u64 = 12;

/// Where each input leads: to everything else that was made of it.
fn leads(lineage: &Lineage, path: &str) -> Option<String> {
    let Lineage { code, data, model, training, .. } = lineage;
    let digest = |digest: &Option<ledger::Digest>| digest.map(|digest| digest.hex());
    let (kind, value, part) = match path {
        "code.git_commit" => (InputKind::Commit, code.git_commit.clone(), None),
        "code.image_digest" => (InputKind::Image, digest(&code.image_digest), None),
        "data.dataset" => (InputKind::Dataset, data.dataset.clone(), None),
        "data.version" => (InputKind::Partition, data.dataset.clone(), Some(data.version.clone()?)),
        "data.digest" => (InputKind::DataDigest, digest(&data.digest), None),
        "model.weights_digest" => (InputKind::Weights, digest(&model.weights_digest), None),
        "training.id" => (InputKind::Run, training.id.clone(), training.system.clone()),
        other => (InputKind::Feature, other.strip_prefix("features.names.").map(str::to_owned), None),
    };
    Some(impact::href(kind, &value?, &part.unwrap_or_default()))
}

fn graph(shelf: &Shelf, children: &[MadeOf]) -> (Vec<GraphNode>, Vec<GraphEdge>) {
    let (lineage, id) = (&shelf.version.lineage, &shelf.version.id);
    let leads = |path: &str| leads(lineage, path);
    let both = |a: &Option<String>, b: &Option<String>| match (a, b) {
        (Some(a), Some(b)) => Some(format!("{a} {b}")),
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (None, None) => None,
    };
    let features = lineage
        .features
        .set_version
        .as_ref()
        .map(|set| format!("set {set}, {}", count(lineage.features.names.len(), "feature", "features")));
    let commit = lineage.code.git_commit.as_ref().map(|commit| commit.chars().take(12).collect());
    let mut nodes = vec![
        node("data", NodeKind::Dataset, both(&lineage.data.dataset, &lineage.data.version), leads("data.version")),
        node("features", NodeKind::Features, features, None),
        node("code", NodeKind::Code, commit, leads("code.git_commit")),
        node(
            "image",
            NodeKind::Image,
            lineage.code.image_digest.map(|digest| digest.short()),
            leads("code.image_digest"),
        ),
        node("run", NodeKind::Run, both(&lineage.training.system, &lineage.training.id), leads("training.id")),
        node(
            "weights",
            NodeKind::Weights,
            lineage.model.weights_digest.map(|digest| digest.short()),
            leads("model.weights_digest"),
        ),
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
        let href = format!("/rollouts/{}/{market}", id.model);
        nodes.push(node(&node_id, NodeKind::Deployment, Some(words::target(track.stage, Some(market))), Some(href)));
        edges.push(edge("version", &node_id, "runs as"));
    }
    for child in children {
        let node_id = format!("child-{}", child.version);
        let href = format!("/models/{}/versions/{}/lineage", child.model, child.version);
        nodes.push(node(&node_id, NodeKind::Version, Some(format!("{} v{}", child.model, child.version)), Some(href)));
        edges.push(edge("version", &node_id, "parent of"));
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
                    let value = match leads(lineage, &field.path) {
                        Some(href) => Value::Many(vec![value, Value::Link(Link::new("where used", href))]),
                        None => value,
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
    (children, count): (&[MadeOf], u64),
    (typed, errors): (Option<String>, Option<ErrorSummary>),
) -> LineageView {
    let id = &shelf.version.id;
    let (nodes, edges) = graph(shelf, children);
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
        children: children
            .iter()
            .map(|child| {
                let href = format!("/models/{}/versions/{}/lineage", child.model, child.version);
                Link::new(format!("v{}, {}", child.version, child.stage), href)
            })
            .collect(),
        more_children: (count > children.len() as u64).then(|| {
            let href = impact::href(InputKind::Parent, &id.number.to_string(), id.model.as_str());
            Link::new(format!("All {count} versions made from it"), href)
        }),
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
    let (children, count) = app.store.children(&id, CHILDREN).await.map_err(|error: StoreError| viewer.error(error))?;
    let view = lineage_view(&app, &viewer, &shelf, (&children, count), (None, None));
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
            let (children, count) =
                app.store.children(&id, CHILDREN).await.map_err(|error: StoreError| viewer.error(error))?;
            let typed = (Some(form.lineage), Some(lineage_errors(&problem)));
            let view = lineage_view(&app, &viewer, &shelf, (&children, count), typed);
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
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
        entries: words::entries_of_version(&entries, &names),
        pager: Pager {
            summary: format!("{} on this page", count(entries.len(), "entry", "entries")),
            first: query.after.map(|_| with(None)),
            next: next.map(|next| with(Some(next))),
        },
    };
    show(&viewer.frame, view).await
}

/// Every event type, to choose from.
pub fn kind_choices(chosen: &str) -> Vec<Choice> {
    std::iter::once(Choice::new("", "Any"))
        .chain(Event::KINDS.into_iter().map(|kind| Choice::new(kind, words::event(kind)).chosen_if(kind == chosen)))
        .collect()
}
