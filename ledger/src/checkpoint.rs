//! Checkpoints (C2SP tlog-checkpoint 1.0): a log's name, size and root, signed by the log and its witnesses.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    Digest,
    note::{self, KeyKind, Note, NoteError, SigningKey, VerifierKey},
    tile_path::parse_decimal,
};

/// The head of a log. Text form: origin, size in decimal and root in base64, a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log, such as `countersign.example.org/log`; its key bears the same name.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Digest,
}

/// Why a checkpoint cannot be written, read or trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The text is not origin, size and root.
    #[error("a checkpoint has three lines (origin, size, root in base64): {0}")]
    Malformed(&'static str),
    /// The note around it is not good.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The key is not named like the log, or the log did not sign.
    #[error("the log's own key, named {origin}, has not signed")]
    NotByLog {
        /// Name of the log.
        origin: String,
    },
}

/// A checkpoint whose signatures were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCheckpoint {
    /// The head of the log.
    pub checkpoint: Checkpoint,
    /// The note it came in: who signed it.
    pub note: Note,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, encode_hash(&self.root))
    }

    /// Reads exactly what [`Checkpoint::to_text`] writes; extension lines are refused.
    pub fn from_text(text: &str) -> Result<Self, CheckpointError> {
        let text =
            text.strip_suffix('\n').ok_or(CheckpointError::Malformed("the last line does not end in a line feed"))?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Malformed("there are fewer or more"));
        };
        if origin.is_empty() || origin.contains(char::is_control) {
            return Err(CheckpointError::Malformed("the origin is empty or has control characters"));
        }
        let size = parse_decimal(size).ok_or(CheckpointError::Malformed("the size is not a plain decimal number"))?;
        let root = decode_hash(root).ok_or(CheckpointError::Malformed("the root is not 32 bytes in base64"))?;
        Ok(Self { origin: origin.into(), size, root })
    }

    /// Writes the signed note. One of the keys must be named like the origin.
    pub fn sign(&self, keys: &[&SigningKey]) -> Result<String, CheckpointError> {
        let text = self.to_text();
        Self::from_text(&text)?;
        if keys.iter().any(|key| key.name() == self.origin) {
            Ok(note::sign(&text, keys)?)
        } else {
            Err(CheckpointError::NotByLog { origin: self.origin.clone() })
        }
    }

    /// Checks a signed checkpoint against the known keys of logs and witnesses; the log's own must have signed.
    pub fn open(note: &str, keys: &[VerifierKey]) -> Result<OpenCheckpoint, CheckpointError> {
        let note = note::open(note, keys)?;
        let checkpoint = Self::from_text(&note.text)?;
        let by_log = note.verified.iter().any(|by| by.kind == KeyKind::Ed25519 && by.name == checkpoint.origin);
        if by_log {
            Ok(OpenCheckpoint { checkpoint, note })
        } else {
            Err(CheckpointError::NotByLog { origin: checkpoint.origin })
        }
    }
}

/// A hash as proofs and checkpoints write it: padded base64.
pub fn encode_hash(hash: &Digest) -> String {
    STANDARD.encode(hash.as_bytes())
}

/// Reads the one base64 spelling of 32 bytes.
pub fn decode_hash(base64: &str) -> Option<Digest> {
    STANDARD.decode(base64).ok()?.try_into().ok().map(Digest::from_bytes)
}
