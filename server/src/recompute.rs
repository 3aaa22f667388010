//! Recomputing an entry's figures: the file that it names is read again and judged by the thresholds recorded in the
//! entry, whatever policy says today.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use domain::{
    Event,
    command::AttachEvidence,
    evidence::{Criteria, EvidenceKind, Recomputed, recompute},
};
use ledger::{
    Digest, DigestBuilder, TilePath, bundle,
    export::{CHECKPOINT, evidence_path},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    blobs::Blobs,
    narrate,
    rows::{RowsError, read_facts},
};

/// Whether a file still says what an entry says of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Recomputation {
    /// The entry.
    pub seq: u64,
    /// What kind of file it is.
    pub kind: EvidenceKind,
    /// The file.
    pub file: Digest,
    /// Whether all is equal.
    pub equal: bool,
    /// Figures that were compared.
    pub figures: usize,
    /// What differs, one by one.
    pub differences: Vec<String>,
}

/// Why an entry cannot be recomputed.
#[derive(Debug, thiserror::Error)]
pub enum RecomputeError {
    /// There is nothing to compute.
    #[error("entry {0} holds no figures that were computed from a file; entries of the type evidence.attached do")]
    NoFigures(u64),
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
    /// The file is not there, so nobody can say.
    #[error("the file {0} is not there; it was left out or lost")]
    NoFile(Digest),
    /// Reading failed.
    #[error("{0} cannot be read: {1}")]
    Io(PathBuf, io::Error),
}

/// The evidence that an entry attached.
fn attached(seq: u64, entry: &[u8]) -> Result<AttachEvidence, RecomputeError> {
    let recorded = narrate::read(entry).map_err(|reason| RecomputeError::UnreadableEntry { seq, reason })?;
    match recorded.event {
        Event::EvidenceAttached(body) if body.facts.kind != EvidenceKind::Attachment => Ok(*body),
        _ => Err(RecomputeError::NoFigures(seq)),
    }
}

/// Recomputes an entry from a folder of evidence files.
///
/// # Errors
/// It holds no figures, or its file is missing. A file that was altered or can no longer be read is a difference.
pub fn of_entry(seq: u64, entry: &[u8], blobs: &Blobs) -> Result<Recomputation, RecomputeError> {
    let body = attached(seq, entry)?;
    again(seq, &body, &blobs.location(&body.file))
}

/// Recomputes an entry of an exported folder. That the entry is the ledger's own is `countersign verify`'s to say.
///
/// # Errors
/// As [`of_entry`]; or the export has no such entry.
pub fn of_export(seq: u64, folder: &Path) -> Result<Recomputation, RecomputeError> {
    let entry = exported_entry(seq, folder)?;
    let body = attached(seq, &entry)?;
    again(seq, &body, &folder.join(evidence_path(&body.file)))
}

fn exported_entry(seq: u64, folder: &Path) -> Result<Vec<u8>, RecomputeError> {
    let read = |path: PathBuf| std::fs::read(&path).map_err(|error| RecomputeError::Io(path, error));
    let checkpoint = read(folder.join(CHECKPOINT))?;
    // A checkpoint's second line is the size of the tree (c2sp.org/tlog-checkpoint).
    let text = String::from_utf8_lossy(&checkpoint).into_owned();
    let size: u64 = text.lines().nth(1).and_then(|line| line.parse().ok()).unwrap_or(0);
    if seq >= size {
        return Err(RecomputeError::NoEntry(seq));
    }
    let (index, place) = (seq / 256, seq % 256);
    let width = u16::try_from((size - index * 256).min(256)).unwrap_or(256);
    let bundle = read(folder.join(TilePath::entries(index, width).to_string()))?;
    let mut entries = bundle::iter(&bundle);
    let entry = usize::try_from(place).ok().and_then(|place| entries.nth(place));
    match entry {
        Some(Ok(entry)) => Ok(entry.to_vec()),
        Some(Err(error)) => Err(RecomputeError::UnreadableEntry { seq, reason: error.to_string() }),
        None => Err(RecomputeError::NoEntry(seq)),
    }
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
    let (figures, differences) = match outcome {
        Ok(done) => (done.figures, done.differences),
        Err(fault) => (0, vec![fault]),
    };
    let equal = differences.is_empty();
    Ok(Recomputation { seq, kind: body.facts.kind, file: body.file, equal, figures, differences })
}

/// Judges the file again; the inner error says why it can no longer be read.
fn facts_again(body: &AttachEvidence, file: &Path) -> io::Result<Result<Recomputed, String>> {
    if let Some(criteria @ (Criteria::Shadow(_) | Criteria::Canary(_))) = &body.facts.criteria {
        return match read_facts(file, criteria, None) {
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
