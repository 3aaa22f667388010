//! The ledger: every entry, filtered; one entry with its neighbours and proof.

use app::{
    grouped,
    kit::{Choice, Fact, Link, Notice, Pager, Tone, Value},
    pages::{EntryView, LedgerView, entry::Recompute, ledger::LedgerRow},
};
use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use chrono::NaiveDate;
use domain::{
    Recorded,
    access::Action,
    recompute::{Grounds, grounds},
};
use ledger::Timestamp;
use serde::Deserialize;

use super::{PageError, Viewer, record::kind_choices, show, words};
use crate::{
    dossier::capitalised,
    http::{
        api::ledger::{proof_of, recomputed},
        escape,
        extract::App,
        problem::Problem,
    },
    narrate::count,
    storage::{StoreError, log::EntryFilter},
};

/// Entries on one page.
const PAGE: u64 = 50;

/// Filters in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct LedgerQuery {
    subject: String,
    actor: String,
    kind: String,
    from: String,
    to: String,
    after: Option<u64>,
}

impl LedgerQuery {
    /// `credit-default`, or `credit-default v3` for one version.
    fn subject(&self) -> (Option<String>, Option<u32>) {
        let text = self.subject.trim();
        if text.is_empty() {
            return (None, None);
        }
        let split = text
            .rsplit_once([' ', '/'])
            .and_then(|(model, number)| Some((model.trim().to_owned(), number.trim_start_matches('v').parse().ok()?)));
        match split {
            Some((model, number)) => (Some(model), Some(number)),
            None => (Some(text.to_owned()), None),
        }
    }

    fn href(&self, after: Option<u64>) -> String {
        let mut href = format!(
            "/ledger?subject={}&actor={}&kind={}&from={}&to={}",
            escape(&self.subject),
            escape(&self.actor),
            escape(&self.kind),
            escape(&self.from),
            escape(&self.to)
        );
        if let Some(after) = after {
            href.push_str("&after=");
            href.push_str(&after.to_string());
        }
        href
    }
}

fn start_of_day(text: &str) -> Option<Timestamp> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc().into())
}

/// The ledger.
pub async fn list(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<LedgerQuery>,
) -> Result<Response, PageError> {
    viewer.may(Action::ReadLedger)?;
    let failed = |error: StoreError| viewer.error(error);
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (model, version) = query.subject();
    let filter = EntryFilter {
        model,
        version,
        actor: some(&query.actor),
        event: some(&query.kind),
        from: start_of_day(&query.from),
        until: start_of_day(&query.to).map(|day| day.plus_days(1)),
        before: query.after,
        limit: PAGE,
        ..EntryFilter::default()
    };
    let entries = app.store.find_entries(&filter).await.map_err(failed)?;
    let head = app.store.head().await.map_err(failed)?;
    let mut actors: Vec<String> = entries.iter().map(|entry| entry.actor.clone()).collect();
    actors.extend(some(&query.actor));
    actors.sort();
    actors.dedup();
    let names = app.names(actors.iter().map(String::as_str)).await.map_err(failed)?;
    let next = (entries.len() as u64 == PAGE).then(|| entries.last().map(|entry| entry.seq)).flatten();
    let opened = ledger::Checkpoint::open(&head.checkpoint, &[app.key.verifier().clone()]);
    let opened = opened.map_err(|error| failed(StoreError::Inconsistent(error.to_string())))?;
    let summary = match (entries.first(), entries.last()) {
        (Some(first), Some(last)) => format!("Entries {} to {}, of {} in all", first.seq, last.seq, grouped(head.size)),
        _ => format!("None of {}", count(head.size, "entry", "entries")),
    };
    let rows = entries
        .iter()
        .map(|stored| LedgerRow {
            seq: stored.seq,
            when: words::when(stored.time),
            actor: names.of(&stored.actor),
            kind: stored.event.clone(),
            sentence: words::sentence(stored),
            subject: words::read(stored).map(|recorded| words::subject_link(&recorded.subject)),
            hash: words::digest(&stored.hash),
        })
        .collect();
    let view = LedgerView {
        subject: query.subject.clone(),
        actors: std::iter::once(Choice::new("", "Anyone"))
            .chain(
                actors.iter().map(|actor| Choice::new(actor.clone(), names.of(actor)).chosen_if(*actor == query.actor)),
            )
            .collect(),
        kinds: kind_choices(&query.kind),
        from: query.from.clone(),
        to: query.to.clone(),
        is_filtered: [&query.subject, &query.actor, &query.kind, &query.from, &query.to]
            .iter()
            .any(|text| !text.is_empty()),
        rows,
        pager: Pager {
            summary,
            first: query.after.map(|_| query.href(None)),
            next: next.map(|next| query.href(Some(next))),
        },
        checkpoint: vec![
            Fact::text("Entries", grouped(head.size)),
            Fact::new("Root", Value::Digest(words::digest(&opened.checkpoint.root))),
            Fact::new("Signed", Value::When(words::when(head.time))),
            Fact::new("Log", Value::Mono(opened.checkpoint.origin.clone())),
            Fact::new("Verifier key", Value::Mono(app.key.verifier().to_string())),
        ],
        note: head.checkpoint,
        checkpoint_href: "/api/v1/ledger/checkpoint".into(),
        export_href: "/api/v1/ledger/export".into(),
    };
    show(&viewer.frame, view).await
}

/// What may be asked of an entry's page.
#[derive(Debug, Default, Deserialize)]
pub struct EntryQuery {
    /// Whether its figures are to be computed again.
    #[serde(default)]
    recompute: Option<String>,
}

/// The entry's figures computed again, as its page tells it.
async fn recompute_view(app: &App, recorded: Option<&Recorded>, seq: u64, asked: bool) -> Option<Recompute> {
    let rests_on = recorded.map(|recorded| grounds(&recorded.event)).filter(|grounds| *grounds != Grounds::Nothing)?;
    let about = match rests_on {
        Grounds::File => "They were computed from the file, by the thresholds in force then, which the entry records.",
        _ => "They were computed from this entry and those before it, by the policy in force then.",
    };
    let href = format!("/ledger/{seq}?recompute=yes#recompute");
    if !asked {
        return Some(Recompute { about: about.to_owned(), href, outcome: None });
    }
    let outcome = match recomputed(app, seq).await {
        Ok(done) if done.equal == Some(true) => Notice::new(Tone::Good, format!("{}.", capitalised(&done.sentence()))),
        Ok(done) => {
            let notice = Notice::new(Tone::Bad, format!("{}.", capitalised(&done.sentence())));
            done.differences.into_iter().fold(notice, Notice::with_body)
        }
        Err(problem) => Notice::new(Tone::Warn, "It cannot be told.").with_body(problem.detail),
    };
    Some(Recompute { about: about.to_owned(), href, outcome: Some(outcome) })
}

/// One entry.
pub async fn entry(
    State(app): State<App>,
    viewer: Viewer,
    Path(seq): Path<u64>,
    Query(query): Query<EntryQuery>,
) -> Result<Response, PageError> {
    viewer.may(Action::ReadLedger)?;
    let failed = |error: StoreError| viewer.error(error);
    let around = app.store.entries_from(seq.saturating_sub(1), 3).await.map_err(failed)?;
    let Some(stored) = around.iter().find(|stored| stored.seq == seq) else {
        return Err(viewer.error(Problem::not_found(format!("The ledger has no entry {seq} yet."))));
    };
    let entry = ledger::Entry::from_bytes(&stored.bytes)
        .map_err(|error| failed(StoreError::Inconsistent(format!("entry {seq}: {error}"))))?;
    let proof = proof_of(&app, seq).await.map_err(|problem| viewer.error(problem))?;
    let names = app.names([stored.actor.as_str()]).await.map_err(failed)?;
    let recorded = words::read(stored);
    let subject = recorded.as_ref().map(|recorded| words::subject_link(&recorded.subject));
    let pretty = serde_json::from_slice::<serde_json::Value>(&stored.bytes)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_default();
    let raw_href = format!("/api/v1/ledger/entries/{seq}");
    let view = EntryView {
        seq,
        sentence: format!("{} {}", names.of(&stored.actor), words::sentence(stored)),
        when: words::when(stored.time),
        facts: vec![
            Fact::new("Event", Value::Mono(stored.event.clone())),
            Fact::text("Actor", names.of(&stored.actor)),
            Fact::new("Actor's id", Value::Mono(stored.actor.clone())),
            Fact::new("Subject", subject.map_or_else(|| Value::Missing("none".into()), Value::Link)),
            Fact::text("Schema", entry.schema.to_string()),
        ],
        hash: words::digest(&stored.hash),
        prev: (seq.checked_sub(1), words::digest(&entry.prev)),
        next: around.iter().find(|other| other.seq == seq + 1).map(|next| (next.seq, words::digest(&next.hash))),
        leaf_hash: words::digest(&proof.leaf),
        pretty,
        bytes: stored.bytes.len(),
        recompute: recompute_view(&app, recorded.as_ref(), seq, query.recompute.is_some()).await,
        evidence: entry
            .evidence
            .iter()
            .map(|digest| {
                let page = recorded.as_ref().map(|recorded| words::subject_link(&recorded.subject));
                (
                    words::digest(digest),
                    page.map(|link| Link::new("Evidence of the version", format!("{}/evidence", link.href))),
                )
            })
            .collect(),
        tree_size: proof.size,
        root: words::digest(&proof.root),
        proof: proof.proof.iter().map(words::digest).collect(),
        proof_href: format!("{raw_href}/proof"),
        proof_file_href: format!("{raw_href}/proof.tlog"),
        commands: format!(
            "curl -sH \"Authorization: Bearer $COUNTERSIGN_TOKEN\" {}{raw_href} | sha256sum\n# or export the ledger, unpack it, and check all of it:\ncountersign verify DIR",
            app.config.public_url
        ),
        raw_href,
        key: proof.verifier_key,
    };
    show(&viewer.frame, view).await
}
