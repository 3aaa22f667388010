//! Recomputing an entry's figures. Those of an evidence file are read from the file again and judged by the thresholds
//! recorded in the entry, whatever policy says today; those of other entries follow from the entries up to it
//! ([`domain::recompute`]), by the policy in force then.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use domain::{
    Event, Recorded,
    aggregate::FoldError,
    command::AttachEvidence,
    evidence::{Criteria, EvidenceKind, Recomputed, recompute},
    recompute::{Grounds, Past, grounds},
};
use ledger::{
    Digest, DigestBuilder, Entry, TilePath, bundle,
    export::{CHECKPOINT, evidence_path},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    blobs::Blobs,
    narrate::{self, count},
    rows::{RowsError, reread_facts},
    storage::{Store, StoreError, log::StoredEntry},
};

/// Entries read at a time.
const PAGE: u64 = 1_000;
/// Entries of a full bundle of an export (c2sp.org/tlog-tiles).
const BUNDLE: u64 = 256;

/// Whether an entry's computed figures come out again.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Recomputation {
    /// The entry.
    pub seq: u64,
    /// Its event type.
    pub event: &'static str,
    /// What its figures follow from.
    pub rests_on: Grounds,
    /// What kind of file it is, where they follow from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<EvidenceKind>,
    /// The file, where they follow from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Digest>,
    /// Whether all is equal; absent where the entry holds no computed figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equal: Option<bool>,
    /// Figures that were compared.
    pub figures: usize,
    /// What differs, one by one.
    pub differences: Vec<String>,
}

impl Recomputation {
    fn of(seq: u64, event: &Event, done: Recomputed) -> Self {
        let rests_on = grounds(event);
        let equal = (rests_on != Grounds::Nothing).then(|| done.is_equal());
        let Recomputed { figures, differences } = done;
        Self { seq, event: event.kind(), rests_on, kind: None, file: None, equal, figures, differences }
    }

    /// The outcome in a sentence.
    pub fn sentence(&self) -> String {
        let from = match self.rests_on {
            Grounds::Nothing => {
                return format!("holds no computed figure: {} says what somebody did or told", self.event);
            }
            Grounds::File => "the file",
            Grounds::Ledger => "the entries up to it",
        };
        let figures = count(self.figures, "computed figure", "computed figures");
        let verb = if self.figures == 1 { "follows" } else { "follow" };
        match self.equal {
            Some(true) => format!("equal: {figures} {verb} from {from}"),
            _ => format!("not equal: {}", count(self.differences.len(), "difference", "differences")),
        }
    }
}

/// Why an entry cannot be recomputed.
#[derive(Debug, thiserror::Error)]
pub enum RecomputeError {
    /// The export has no such entry.
    #[error("the export has no entry {0}")]
    NoEntry(u64),
    /// The entry is not one that this program reads.
    #[error("entry {seq} cannot be read: {reason}")]
    UnreadableEntry {
        /// The entry.
        seq: u64,
        /// Why.
        reason: String,
    },
    /// The entries before it do not fit each other.
    #[error("the entries before it cannot be folded: {0}")]
    Past(#[from] FoldError),
    /// The file is not there, so nobody can say.
    #[error("the file {0} is not there; it was left out or lost")]
    NoFile(Digest),
    /// Reading failed.
    #[error("{0} cannot be read: {1}")]
    Io(PathBuf, io::Error),
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn read(seq: u64, entry: &[u8]) -> Result<Recorded, RecomputeError> {
    narrate::read(entry).map_err(|reason| RecomputeError::UnreadableEntry { seq, reason })
}

/// Recomputes an entry of the ledger.
///
/// # Errors
/// Its file is missing, or the entries before it cannot be read. A file that was altered or can no longer be read is a
/// difference.
pub async fn of_entry(store: &Store, blobs: &Blobs, seq: u64, entry: &[u8]) -> Result<Recomputation, RecomputeError> {
    let recorded = read(seq, entry)?;
    match &recorded.event {
        Event::EvidenceAttached(body) if grounds(&recorded.event) == Grounds::File => {
            let (body, file) = (AttachEvidence::clone(body), blobs.location(&body.file));
            tokio::task::spawn_blocking(move || again(seq, &body, &file))
                .await
                .map_err(|error| StoreError::Inconsistent(error.to_string()))?
        }
        event => {
            let mut past = Past::of(&recorded);
            if grounds(event) == Grounds::Ledger {
                gather(store, &mut past, seq).await?;
            }
            Ok(Recomputation::of(seq, event, domain::recompute::of_entry(&recorded, &past)))
        }
    }
}

/// Gives the past its entries, page by page.
async fn gather(store: &Store, past: &mut Past, seq: u64) -> Result<(), RecomputeError> {
    let mut from = 0;
    loop {
        let page = store.entries_of_types(past.shared_events(), None, (from, seq), PAGE).await?;
        let Some(last) = page.last() else { break };
        from = last.seq + 1;
        take(past, &page)?;
    }
    if let Some(model) = past.model().cloned() {
        from = 0;
        while from < seq {
            let page = store.entries_since(from, Some(model.as_str()), None, PAGE).await?;
            let Some(last) = page.last() else { break };
            from = last.seq + 1;
            take(past, &page)?;
        }
    }
    from = seq + 1;
    while past.wants_following() {
        let page = store.entries_from(from, PAGE).await?;
        let Some(last) = page.last() else { break };
        from = last.seq + 1;
        take(past, &page)?;
    }
    Ok(())
}

fn take(past: &mut Past, page: &[StoredEntry]) -> Result<(), RecomputeError> {
    page.iter().try_for_each(|stored| Ok(past.take(&read(stored.seq, &stored.bytes)?)?))
}

/// Recomputes an entry of an exported folder. That the entry is the ledger's own is `countersign verify`'s to say.
///
/// # Errors
/// As [`of_entry`]; or the export has no such entry.
pub fn of_export(seq: u64, folder: &Path) -> Result<Recomputation, RecomputeError> {
    let size = exported_size(folder)?;
    if seq >= size {
        return Err(RecomputeError::NoEntry(seq));
    }
    let inside = usize::try_from(seq % BUNDLE).ok();
    let bundle = exported(folder, seq / BUNDLE, size)?;
    let recorded = match inside.and_then(|inside| bundle::iter(&bundle).nth(inside)) {
        Some(Ok(entry)) => read(seq, entry)?,
        Some(Err(error)) => return Err(RecomputeError::UnreadableEntry { seq, reason: error.to_string() }),
        None => return Err(RecomputeError::NoEntry(seq)),
    };
    match &recorded.event {
        Event::EvidenceAttached(body) if grounds(&recorded.event) == Grounds::File => {
            again(seq, body, &folder.join(evidence_path(&body.file)))
        }
        event => {
            let mut past = Past::of(&recorded);
            if grounds(event) == Grounds::Ledger {
                gather_exported(folder, &mut past, seq, size)?;
            }
            Ok(Recomputation::of(seq, event, domain::recompute::of_entry(&recorded, &past)))
        }
    }
}

/// Gives the past the entries that concern it, from the beginning of the export.
fn gather_exported(folder: &Path, past: &mut Past, seq: u64, size: u64) -> Result<(), RecomputeError> {
    for index in 0..size.div_ceil(BUNDLE) {
        if index * BUNDLE > seq && !past.wants_following() {
            break;
        }
        let bundle = exported(folder, index, size)?;
        for (at, entry) in (index * BUNDLE..).zip(bundle::iter(&bundle)) {
            let unreadable = |reason: String| RecomputeError::UnreadableEntry { seq: at, reason };
            let bytes = entry.map_err(|error| unreadable(error.to_string()))?;
            let entry = Entry::from_bytes(bytes).map_err(|error| unreadable(error.to_string()))?;
            let of_model = past
                .model()
                .is_some_and(|model| entry.subject.get("model").is_some_and(|named| named == model.as_str()));
            if of_model || past.shared_events().contains(&entry.event.as_str()) || at > seq {
                past.take(&read(at, bytes)?)?;
            }
        }
    }
    Ok(())
}

/// The number of entries that the export's checkpoint states, in its second line (c2sp.org/tlog-checkpoint).
fn exported_size(folder: &Path) -> Result<u64, RecomputeError> {
    let checkpoint = contents(folder.join(CHECKPOINT))?;
    let text = String::from_utf8_lossy(&checkpoint).into_owned();
    Ok(text.lines().nth(1).and_then(|line| line.parse().ok()).unwrap_or(0))
}

fn exported(folder: &Path, index: u64, size: u64) -> Result<Vec<u8>, RecomputeError> {
    let width = u16::try_from((size - index * BUNDLE).min(BUNDLE)).unwrap_or(256);
    contents(folder.join(TilePath::entries(index, width).to_string()))
}

fn contents(path: PathBuf) -> Result<Vec<u8>, RecomputeError> {
    std::fs::read(&path).map_err(|error| RecomputeError::Io(path, error))
}

fn again(seq: u64, body: &AttachEvidence, file: &Path) -> Result<Recomputation, RecomputeError> {
    let failed = |error| RecomputeError::Io(file.to_owned(), error);
    let found = match std::fs::File::open(file) {
        Ok(opened) => digest_of(opened).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(RecomputeError::NoFile(body.file)),
        Err(error) => return Err(failed(error)),
    };
    let outcome = if found == body.file {
        facts_again(body, file).map_err(failed)?
    } else {
        Err(format!("the file was altered: the entry names {}, its digest is now {found}", body.file))
    };
    let done = outcome.unwrap_or_else(|fault| Recomputed { figures: 0, differences: vec![fault] });
    let event = Event::EvidenceAttached(Box::new(body.clone()));
    let kind = Some(body.facts.kind);
    Ok(Recomputation { kind, file: Some(body.file), ..Recomputation::of(seq, &event, done) })
}

/// Judges the file again; the inner error says why it can no longer be read.
fn facts_again(body: &AttachEvidence, file: &Path) -> io::Result<Result<Recomputed, String>> {
    if let Some(criteria @ (Criteria::Shadow(_) | Criteria::Canary(_))) = &body.facts.criteria {
        return match reread_facts(file, criteria) {
            Ok(facts) => Ok(Ok(Recomputed::compare(&body.facts, &facts))),
            Err(RowsError::Io(error)) => Err(error),
            Err(fault) => Ok(Err(fault.to_string())),
        };
    }
    Ok(recompute(&body.facts, &std::fs::read(file)?).map_err(|fault| fault.to_string()))
}

fn digest_of(mut file: std::fs::File) -> io::Result<Digest> {
    let mut hash = DigestBuilder::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finish()),
            read => hash.update(&buffer[..read]),
        }
    }
}
