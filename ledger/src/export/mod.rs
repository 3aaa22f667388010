//! An exported log in a folder: how it is written, and how anyone checks all of it.
//!
//! | path | content |
//! |---|---|
//! | `checkpoint` | the signed checkpoint |
//! | `verifier-key` | the log's public key as text, and a line feed |
//! | `tile/<L>/<N>[.p/<W>]` | the tree, as [tiles](crate::tiles) |
//! | `tile/entries/<N>[.p/<W>]` | the entries, as [bundles](crate::bundle) |
//! | `evidence/<64 hex digits>` | the files that entries refer to, named by their SHA-256 |
//! | `evidence-omitted` | digests (`sha256:…`) of files left out, ascending, a line each; absent if there are none |
//! | `README.txt` | [`README`], word for word; may be absent |
//!
//! Nothing else may lie in the folder, so every byte of it is checked.

mod parallel;
mod source;
mod verify;
mod writer;

#[cfg(feature = "fs")]
pub use source::FolderSource;
pub use source::{ExportSource, Listed, ListedKind, MemorySource};
pub use verify::{ExportFault, ExportOptions, Verified, verify_export};
pub use writer::{ExportWriter, evidence_path, omitted_text};

/// Path of the signed checkpoint.
pub const CHECKPOINT: &str = "checkpoint";
/// Path of the log's public key.
pub const VERIFIER_KEY: &str = "verifier-key";
/// Folder of the evidence files.
pub const EVIDENCE: &str = "evidence";
/// Path of the list of evidence files left out.
pub const EVIDENCE_OMITTED: &str = "evidence-omitted";
/// Path of the explanation.
pub const README_PATH: &str = "README.txt";

/// The explanation that an export carries.
pub const README: &str = "\
This folder is a complete export of a Countersign ledger.

checkpoint        the signed head of the log: its name, its size and the root of its Merkle tree (C2SP tlog-checkpoint)
verifier-key      the public key that signed it; compare it with the key you were given by another way
tile/entries/     the entries: bundles of up to 256, each entry after its length in two bytes, most significant first
tile/0/, 1/, ...  the Merkle tree of RFC 6962 over the entries, in tiles of 256 hashes (C2SP tlog-tiles)
evidence/         the files that entries refer to, each named by its SHA-256
evidence-omitted  the digests of files that were left out, if any

Each entry is canonical JSON (RFC 8785). It carries the SHA-256 of the entry before it in the field prev, and of its
evidence files in the field evidence. No file may be added to this folder, and no byte of it may change: a verifier
recomputes every hash from the entries up to the signed root.
";
