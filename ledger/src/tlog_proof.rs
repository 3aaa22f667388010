//! `.tlog-proof` files (C2SP tlog-proof): one entry's place in the log, to be checked by anyone, off line.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    Digest,
    checkpoint::{Checkpoint, CheckpointError, OpenCheckpoint, decode_hash, encode_hash},
    merkle::leaf_hash,
    note::VerifierKey,
    proof::{ProofError, verify_inclusion},
    tile_path::parse_decimal,
};

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// A tree of at most 2^64 leaves has at most 64 levels.
const MAX_HASHES: usize = 64;

/// An entry's inclusion proof and the checkpoint it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Anything the application adds. Nobody signs it: never trust it.
    pub extra: Option<Vec<u8>>,
    /// Number of the entry, from 0.
    pub index: u64,
    /// The inclusion proof, leaf sibling first.
    pub hashes: Vec<Digest>,
    /// The signed checkpoint, verbatim, with its cosignatures.
    pub checkpoint: String,
}

/// Why a proof cannot be read or trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// The text is no proof.
    #[error("not a tlog-proof: {0}")]
    Malformed(&'static str),
    /// The checkpoint in it is not good.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The proof does not tie the entry to the checkpoint.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl TlogProof {
    /// The contents of the file.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        if let Some(extra) = self.extra.as_ref().filter(|extra| !extra.is_empty()) {
            text += "extra ";
            text += &STANDARD.encode(extra);
            text.push('\n');
        }
        text += "index ";
        text += &self.index.to_string();
        text.push('\n');
        for hash in &self.hashes {
            text += &encode_hash(hash);
            text.push('\n');
        }
        text.push('\n');
        text + &self.checkpoint
    }

    /// Reads a file. Says nothing of whether it proves anything: see [`TlogProof::verify`].
    pub fn from_text(text: &str) -> Result<Self, TlogProofError> {
        let malformed = TlogProofError::Malformed;
        let (head, checkpoint) =
            text.split_once("\n\n").ok_or(malformed("no empty line comes before the checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(malformed("it does not start with c2sp.org/tlog-proof@v1"));
        }
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            Some(line) => Some(STANDARD.decode(&line[6..]).map_err(|_| malformed("the extra line is not base64"))?),
            None => None,
        };
        if extra.as_ref().is_some_and(Vec::is_empty) {
            return Err(malformed("an empty extra line is left out"));
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(parse_decimal);
        let index = index.ok_or(malformed("the index line is missing or not a plain decimal number"))?;
        let hashes: Option<Vec<_>> = lines.map(decode_hash).collect();
        let hashes = hashes.ok_or(malformed("a proof line is not 32 bytes in base64"))?;
        if hashes.len() > MAX_HASHES {
            return Err(malformed("it has more than 64 hashes"));
        }
        Ok(Self { extra, index, hashes, checkpoint: checkpoint.to_owned() })
    }

    /// Checks that the log signed a tree which holds `entry` (its canonical bytes) at this index.
    pub fn verify(&self, entry: &[u8], keys: &[VerifierKey]) -> Result<OpenCheckpoint, TlogProofError> {
        let open = Checkpoint::open(&self.checkpoint, keys)?;
        verify_inclusion(self.index, open.checkpoint.size, leaf_hash(entry), &self.hashes, open.checkpoint.root)?;
        Ok(open)
    }
}
