//! The entry: one fact, who established it, what it is about, and the entry before it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Digest, Timestamp,
    canonical::{CanonicalError, canonical_json, canonical_number},
    scan::{self, ScanError},
};

/// The schema that entries are written in.
pub const SCHEMA: u32 = 1;
/// Most bytes of an entry: an entry bundle gives its length in two.
pub const MAX_ENTRY_BYTES: usize = 65_535;
/// Deepest nesting of arrays and objects in an entry, the entry itself counted.
pub const MAX_DEPTH: usize = 64;

/// One record of the ledger. Its bytes are its canonical JSON (RFC 8785), fields in alphabetical order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Shape of the entry: [`SCHEMA`].
    pub schema: u32,
    /// Number of the entry, from 0; its leaf in the tree.
    pub seq: u64,
    /// When it was sealed; never before the entry before it.
    pub time: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What happened, as a name such as `version.registered`.
    pub event: String,
    /// What it happened to, such as `{"model":"churn","version":"3"}`.
    pub subject: BTreeMap<String, String>,
    /// The details, in a shape that `event` tells.
    pub payload: Value,
    /// Digests of the files that bear it out; sorted, each once.
    pub evidence: Vec<Digest>,
    /// Digest of the bytes of the entry before it; of no bytes for the first.
    pub prev: Digest,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The account's id; never a name or an address, which are personal data.
    pub id: String,
    /// What kind of account it is.
    pub kind: ActorKind,
}

/// Kinds of actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A person.
    Human,
    /// A program with an account of its own.
    Service,
    /// Countersign itself, such as its clock.
    System,
}

/// Why something is not an entry, or not in its one form.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// The entry has too many bytes.
    #[error("the entry has {found} bytes and {MAX_ENTRY_BYTES} is the most: keep large content as evidence")]
    TooLarge {
        /// Bytes it has.
        found: usize,
    },
    /// A number would be rounded.
    #[error("the number {0} would be rounded, since JSON numbers are doubles: write it as text")]
    Rounded(String),
    /// The bytes are not the canonical JSON of an entry.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// It has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The JSON is canonical but not read.
    #[error("the entry cannot be read: {0}")]
    Json(#[from] serde_json::Error),
}

impl Entry {
    /// The canonical bytes: what is hashed, chained and exported.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        check_number(&self.seq.into())?;
        check_numbers(&self.payload)?;
        let bytes = canonical_json(self)?;
        check_size(&bytes)?;
        scan::entry(&bytes)?;
        Ok(bytes)
    }

    /// Reads canonical bytes, and refuses anything that [`Entry::to_bytes`] would not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        check_size(bytes)?;
        scan::entry(bytes)?;
        Ok(serde_json::from_slice(bytes)?)
    }
}

fn check_size(bytes: &[u8]) -> Result<(), EntryError> {
    if bytes.len() > MAX_ENTRY_BYTES { Err(EntryError::TooLarge { found: bytes.len() }) } else { Ok(()) }
}

fn check_numbers(value: &Value) -> Result<(), EntryError> {
    match value {
        Value::Number(number) => check_number(number),
        Value::Array(values) => values.iter().try_for_each(check_numbers),
        Value::Object(fields) => fields.values().try_for_each(check_numbers),
        _ => Ok(()),
    }
}

/// Refuses integers that a double does not hold digit by digit.
fn check_number(number: &serde_json::Number) -> Result<(), EntryError> {
    let digits = number.to_string();
    let rounded =
        !number.is_f64() && number.as_f64().and_then(canonical_number).is_none_or(|canonical| canonical != digits);
    if rounded { Err(EntryError::Rounded(digits)) } else { Ok(()) }
}
