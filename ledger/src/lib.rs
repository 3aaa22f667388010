//! Countersign's evidence: what an entry is, how entries hang together, and how anyone can check that.
//!
//! An [`Entry`] is canonical JSON. Each one carries the digest of the entry before it (the chain) and is a leaf
//! of an RFC 6962 Merkle tree, so chain and tree bind each other: neither can be rewritten without the other.
//! The tree is stored as [tiles], its head is published as a signed [`Checkpoint`], and [proofs](proof) tie an
//! entry or an older checkpoint to a newer one. [`export::verify_export`] checks a whole log that somebody was handed.
//!
//! Nothing here does I/O, reads a clock or draws randomness: callers hand those in. The crate compiles for the
//! server and, without its default features, for the browser.

pub mod bundle;
pub mod canonical;
pub mod chain;
pub mod checkpoint;
pub mod digest;
pub mod entry;
pub mod export;
pub mod merkle;
pub mod note;
#[cfg(feature = "openapi")]
mod openapi;
mod pair;
pub mod proof;
mod scan;
pub mod tile_path;
pub mod tiles;
pub mod time;
pub mod tlog_proof;

pub use canonical::canonical_json;
pub use chain::{ChainError, ChainHead};
pub use checkpoint::Checkpoint;
pub use digest::{Digest, DigestBuilder, DigestError};
pub use entry::{Actor, ActorKind, Entry, EntryError, MAX_ENTRY_BYTES, SCHEMA};
pub use note::{SigningKey, VerifierKey};
pub use proof::{ProofError, verify_consistency, verify_inclusion};
pub use tile_path::TilePath;
pub use tiles::{TileId, TileMap, TreeHead};
pub use time::Timestamp;
pub use tlog_proof::TlogProof;
