//! Turns entries into the files of an export, one after the other, holding one bundle at a time.

use super::EVIDENCE;
use crate::{
    Digest, TilePath, TreeHead,
    bundle::{self, BundleError},
    merkle::leaf_hash,
    tile_path::partial_width,
    tiles::{TILE_WIDTH, TileId},
};

/// Takes the entries in order and gives the files of `tile/` as they fill up.
///
/// The other files are the caller's to write: the checkpoint for this size, the key, the evidence and what is
/// omitted of it, the readme.
#[derive(Debug, Default)]
pub struct ExportWriter {
    head: TreeHead,
    bundle: Vec<u8>,
}

impl ExportWriter {
    /// Starts before the first entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the bytes of the next entry; gives the files that it completes, each a path and its content.
    pub fn push(&mut self, entry: &[u8]) -> Result<Vec<(String, Vec<u8>)>, BundleError> {
        let position = usize::from(partial_width(self.head.size()));
        bundle::push(&mut self.bundle, entry).map_err(|length| BundleError::EntryTooLong { position, length })?;
        self.head.append(leaf_hash(entry));
        if !self.head.size().is_multiple_of(u64::from(TILE_WIDTH)) {
            return Ok(Vec::new());
        }
        let path = TilePath::entries(self.head.size() / 256 - 1, TILE_WIDTH);
        let mut files = vec![(path.to_string(), std::mem::take(&mut self.bundle))];
        files.extend(self.head.completed_tiles().iter().map(tile_file));
        Ok(files)
    }

    /// Entries so far.
    pub fn size(&self) -> u64 {
        self.head.size()
    }

    /// Root over the entries so far; it has to be the checkpoint's.
    pub fn root(&self) -> Digest {
        self.head.root()
    }

    /// The partial files at the end.
    pub fn finish(mut self) -> Vec<(String, Vec<u8>)> {
        let size = self.head.size();
        let mut files: Vec<_> = self.head.changed_tiles().iter().map(tile_file).collect();
        if !self.bundle.is_empty() {
            let path = TilePath::entries(size / 256, partial_width(size));
            files.push((path.to_string(), self.bundle));
        }
        files
    }
}

fn tile_file((id, hashes): &(TileId, Vec<Digest>)) -> (String, Vec<u8>) {
    // A tile has at most 256 hashes.
    let width = u16::try_from(hashes.len()).unwrap_or(TILE_WIDTH);
    let bytes = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
    (TilePath::hashes(*id, width).to_string(), bytes)
}

/// Path of an evidence file.
pub fn evidence_path(digest: &Digest) -> String {
    format!("{EVIDENCE}/{}", digest.hex())
}

/// Content of the file that lists the evidence left out.
pub fn omitted_text(omitted: impl IntoIterator<Item = Digest>) -> String {
    let omitted: std::collections::BTreeSet<_> = omitted.into_iter().collect();
    omitted.iter().fold(String::new(), |text, digest| text + &digest.to_string() + "\n")
}
