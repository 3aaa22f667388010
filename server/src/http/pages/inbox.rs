//! Inbox: what waits for the reader, most urgent first.

use app::{
    kit::{Link, Tag, Tone},
    pages::{
        InboxView,
        inbox::{Bucket, BucketKind, InboxItem},
    },
};
use axum::{
    extract::{Query, State},
    response::Response,
};
use domain::{account::Role, validation::Severity};
use serde::Deserialize;

use super::{PageError, Viewer, words};
use crate::{
    http::extract::App,
    storage::{StoreError, registry::WorkItem},
};

/// Items on one page.
const PAGE: u64 = 100;

/// Where a page of the inbox begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct InboxQuery {
    after: u64,
}

/// The bucket in which a kind of work stands, its date past or not.
fn bucket_of(kind: &str, is_late: bool) -> BucketKind {
    let own = match kind {
        "sign" | "vote" | "approve" | "step" => BucketKind::ToSign,
        "validate" | "verify" | "revalidate" | "kill" => BucketKind::ToValidate,
        "attest" => BucketKind::ToAttest,
        "drill" => BucketKind::ToDrill,
        "waiver" => BucketKind::Expiring,
        "remediate" => BucketKind::ToRemediate,
        "dpia" | "article22" | "review" => BucketKind::Privacy,
        _ => BucketKind::WaitingOnOthers,
    };
    if own != BucketKind::WaitingOnOthers && is_late { BucketKind::Overdue } else { own }
}

/// The inbox, from the `after`-th item on.
pub async fn show_inbox(app: &App, viewer: &Viewer, after: u64) -> Result<InboxView, PageError> {
    let now = app.clock.now();
    let (slots, failed) = (viewer.slots(), |error: StoreError| viewer.error(error));
    let items = app.store.work_for(&slots, now, after, PAGE).await.map_err(failed)?;
    let counts = app.store.work_by_kind(&slots, now).await.map_err(failed)?;
    let shown = items.len();
    let total = counts.iter().map(|(_, _, count)| count).sum();
    let mut buckets: Vec<Bucket> = [
        BucketKind::Overdue,
        BucketKind::RolledBack,
        BucketKind::ToSign,
        BucketKind::ToValidate,
        BucketKind::ToAttest,
        BucketKind::ToRemediate,
        BucketKind::ToDrill,
        BucketKind::Expiring,
        BucketKind::Privacy,
        BucketKind::WaitingOnOthers,
        BucketKind::Administration,
    ]
    .into_iter()
    .map(|kind| {
        let own = counts.iter().filter(|(of, is_late, _)| bucket_of(of, *is_late) == kind);
        Bucket { kind, total: own.map(|(_, _, count)| count).sum(), items: Vec::new() }
    })
    .collect();
    for item in items {
        let kind = bucket_of(&item.kind, item.due_at.is_some_and(|due| due < now));
        let waits_for = if kind == BucketKind::WaitingOnOthers { waits_for(app, viewer, &item).await? } else { None };
        if let Some(bucket) = buckets.iter_mut().find(|bucket| bucket.kind == kind) {
            bucket.items.push(inbox_item(&item, now, waits_for));
        }
    }
    // News is no work: it stands on the first page and is not counted beside the inbox.
    let news = if after == 0 {
        vec![
            (BucketKind::RolledBack, super::rollbacks::notices(app, viewer).await?),
            (BucketKind::Administration, super::administration::notices(app, viewer).await?),
        ]
    } else {
        Vec::new()
    };
    for (kind, items) in news {
        if let Some(bucket) = buckets.iter_mut().find(|bucket| bucket.kind == kind) {
            bucket.total = items.len() as u64;
            bucket.items = items;
        }
    }
    let is_scientist = viewer.principal.is(Role::DataScientist);
    Ok(InboxView {
        buckets,
        empty_hint: if is_scientist {
            "Nothing waits for you. Register a version of a model to ask for its promotion.".into()
        } else {
            "Nothing waits for you. What asks for your review or signature will stand here.".into()
        },
        empty_action: Some(Link::new("See the models", "/models")),
        pager: words::pager(after, shown, total, "items, the most urgent first", |after| {
            format!("/inbox?after={after}")
        }),
    })
}

/// Roles that a reader's own request waits for.
async fn waits_for(app: &App, viewer: &Viewer, item: &WorkItem) -> Result<Option<String>, PageError> {
    let all = app.store.work_on(&item.model, item.version).await.map_err(|error| viewer.error(error))?;
    let mut roles: Vec<&str> = all
        .iter()
        .filter(|other| matches!(other.kind.as_str(), "sign" | "validate") && other.number == item.number)
        .filter_map(|other| other.slot.parse::<Role>().ok().map(Role::title))
        .collect();
    if all.iter().any(|other| other.kind == "vote" && other.number == item.number) {
        roles.push("Risk committee");
    }
    roles.dedup();
    Ok((!roles.is_empty()).then(|| roles.join(", ")))
}

fn inbox_item(item: &WorkItem, now: ledger::Timestamp, waits_for: Option<String>) -> InboxItem {
    let place = format!("/models/{}/versions/{}", item.model, item.version);
    let name = format!("{} v{}", item.model, item.version);
    let (verb, href) = match item.kind.as_str() {
        "dpia" => (format!("Impact assessment of {}", item.model), format!("/privacy/models/{}", item.model)),
        "article22" => {
            (format!("Art. 22 statement of {}", item.model), format!("/privacy/models/{}#safeguards", item.model))
        }
        "review" => (
            format!("Answer request {} on {}", item.number, item.model),
            format!("/privacy/reviews/{}/{}", item.model, item.number),
        ),
        "step" => (
            format!("Approve the next step of {} in {}", item.model, item.market),
            format!("/rollouts/{}/{}#rollout", item.model, item.market),
        ),
        "kill" => (
            format!("Review the kill switch of {} in {}", item.model, item.market),
            format!("/rollouts/{}/{}#kill", item.model, item.market),
        ),
        "drill" => (
            format!("Rollback drill of {} in {}", item.model, item.market),
            format!("/rollouts/{}/{}#back", item.model, item.market),
        ),
        "sign" => (format!("Read and sign {name}"), format!("{place}/sign?request={}", item.number)),
        "approve" => (format!("Look at the drift behind {name}"), format!("{place}/drift")),
        "validate" => (format!("Validate {name}"), format!("{place}/validation#report")),
        "vote" => (format!("Read {name} and vote"), format!("{place}/validation#committee")),
        "revalidate" => (format!("Validate {} again", item.model), format!("/models/{}/inventory", item.model)),
        "attest" => (format!("Attest for {}", item.model), format!("/campaigns/{}#attest", item.number)),
        "waiver" => (format!("A waiver on {name} ends"), format!("{place}/validation#waiver-{}", item.number)),
        "verify" => (format!("Verify a remediation on {name}"), format!("{place}/validation#finding-{}", item.number)),
        "remediate" => {
            (format!("Remediate a finding on {name}"), format!("{place}/validation#finding-{}", item.number))
        }
        _ => (format!("Your request on {name}"), place),
    };
    let severity = item.severity.as_deref().and_then(|severity| severity.parse::<Severity>().ok());
    InboxItem {
        action: Link::new(verb, href),
        about: vec![item.title.clone()],
        since: Some(words::when(item.since)),
        due: item.due_at.map(|due| words::due(due, now)),
        tag: if item.kind == "kill" { Some(Tag::new(Tone::Bad, "off")) } else { severity.map(words::severity) },
        waits_for,
    }
}

/// The inbox page.
pub async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<InboxQuery>,
) -> Result<Response, PageError> {
    let view = show_inbox(&app, &viewer, query.after).await?;
    super::show(&viewer.frame, view).await
}
