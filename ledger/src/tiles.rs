//! The tree cut into tiles of 256 hashes (tlog-tiles): how it grows, and what proofs are read from.
//!
//! Hash `i` of tile `n` at level `l` is the root over leaves `(256n+i)·256^l` up to `(256n+i+1)·256^l`. A full tile
//! never changes again; each level has at most one partial tile, its right-most.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::{
    Digest,
    merkle::{CompactTree, fold_roots, perfect_root, perfect_roots},
    tile_path::{low_byte, partial_width},
};

/// Hashes in a full tile.
pub const TILE_WIDTH: u16 = 256;
/// log2 of [`TILE_WIDTH`]: tree levels that one tile level spans.
const TILE_HEIGHT: u32 = 8;

/// Names a tile. Its path, which also tells its width, is a [`TilePath`](crate::TilePath).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TileId {
    /// 0 for leaf hashes; each level above stands for 256 hashes of the one below.
    pub level: u8,
    /// Position in the level, from the left, from 0.
    pub index: u64,
}

/// Tiles fetched to make a proof. They may be wider than the proof needs.
pub type TileMap = HashMap<TileId, Vec<Digest>>;

/// Where tiles are kept.
pub trait TileSource {
    /// Why a tile could not be had.
    type Error;

    /// The hashes present in tile `id`, all of them, left to right.
    fn tile(&self, id: TileId) -> Result<Vec<Digest>, Self::Error>;
}

impl TileSource for TileMap {
    type Error = TileError;

    fn tile(&self, id: TileId) -> Result<Vec<Digest>, TileError> {
        self.get(&id).cloned().ok_or(TileError::Missing(id))
    }
}

/// Tiles do not yield what was asked of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// A tile was not handed in.
    #[error("tile {} of level {} is missing", .0.index, .0.level)]
    Missing(TileId),
    /// A tile has fewer hashes than the tree has.
    #[error("tile {} of level {} holds {found} hashes, {needed} are needed", id.index, id.level)]
    Narrow {
        /// Which tile.
        id: TileId,
        /// Hashes needed.
        needed: usize,
        /// Hashes in it.
        found: usize,
    },
    /// The leaf lies outside the tree.
    #[error("there is no entry {index} in a tree of {size}")]
    NoSuchLeaf {
        /// Number of the leaf.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// The older tree is larger than the newer.
    #[error("a tree of {old} entries is not older than one of {new}")]
    NotOlder {
        /// Size given as the older.
        old: u64,
        /// Size given as the newer.
        new: u64,
    },
}

/// Why [`TreeHead::load`] failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError<E> {
    /// The source failed.
    #[error("reading a tile failed: {0}")]
    Source(E),
    /// The source holds a tile that does not fit the size.
    #[error(transparent)]
    Tile(#[from] TileError),
}

/// The growing edge of the tree: the right-most partial tile of each level, and the tiles changed since last asked.
///
/// Cloning copies at most a few kilobytes, so a writer can try a batch on a clone and drop it on failure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TreeHead {
    frontier: CompactTree,
    levels: Vec<Edge>,
    completed: Vec<(TileId, Vec<Digest>)>,
}

/// A level's right-most tile: never full, empty if the level ends with a full tile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Edge {
    index: u64,
    hashes: Vec<Digest>,
    changed: bool,
}

impl TreeHead {
    /// The head of an empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the head of a tree of `size` leaves: one partial tile per level.
    ///
    /// A tile of the source may be wider than `size` calls for, as when a batch was stored and not sealed; the
    /// excess is ignored.
    pub fn load<S: TileSource>(size: u64, source: &S) -> Result<Self, LoadError<S::Error>> {
        let mut levels = Vec::new();
        for level in (0..8_u8).take_while(|level| size >> (TILE_HEIGHT * u32::from(*level)) > 0) {
            let row = size >> (TILE_HEIGHT * u32::from(level));
            let (id, width) = (TileId { level, index: row / 256 }, usize::from(partial_width(row)));
            let hashes = if width == 0 { Vec::new() } else { source.tile(id).map_err(LoadError::Source)? };
            let hashes = hashes.get(..width).ok_or(TileError::Narrow { id, needed: width, found: hashes.len() })?;
            levels.push(Edge { index: id.index, hashes: hashes.to_vec(), changed: false });
        }
        let roots: Vec<_> = levels.iter().rev().flat_map(|edge| perfect_roots(&edge.hashes)).collect();
        let found = roots.len();
        let frontier = CompactTree::from_parts(size, roots).map_err(|_| TileError::Narrow {
            id: TileId { level: 0, index: 0 },
            needed: size.count_ones() as usize,
            found,
        })?;
        Ok(Self { frontier, levels, completed: Vec::new() })
    }

    /// Adds a leaf by its [`leaf_hash`](crate::merkle::leaf_hash).
    pub fn append(&mut self, leaf: Digest) {
        let (levels, done) = (&mut self.levels, &mut self.completed);
        self.frontier.append_with(leaf, |height, hash| {
            if !height.is_multiple_of(TILE_HEIGHT) {
                return;
            }
            let level = low_byte(u64::from(height / TILE_HEIGHT));
            if usize::from(level) == levels.len() {
                levels.push(Edge::default());
            }
            let edge = &mut levels[usize::from(level)];
            edge.hashes.push(hash);
            edge.changed = true;
            if edge.hashes.len() == usize::from(TILE_WIDTH) {
                done.push((TileId { level, index: edge.index }, std::mem::take(&mut edge.hashes)));
                edge.index += 1;
                edge.changed = false;
            }
        });
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Root of the tree.
    pub fn root(&self) -> Digest {
        self.frontier.root()
    }

    /// Roots of the perfect subtrees, largest first.
    pub(crate) fn roots(&self) -> &[Digest] {
        self.frontier.roots()
    }

    /// The tiles filled since this or [`changed_tiles`](Self::changed_tiles) was last called.
    pub(crate) fn completed_tiles(&mut self) -> Vec<(TileId, Vec<Digest>)> {
        std::mem::take(&mut self.completed)
    }

    /// The tiles that differ from when this was last called (or from the load): write each over what was stored.
    pub fn changed_tiles(&mut self) -> Vec<(TileId, Vec<Digest>)> {
        let mut tiles = self.completed_tiles();
        for (level, edge) in (0_u8..).zip(&mut self.levels) {
            if std::mem::take(&mut edge.changed) {
                tiles.push((TileId { level, index: edge.index }, edge.hashes.clone()));
            }
        }
        tiles
    }
}

/// A range of leaves whose root is one hash of a proof.
type Range = (u64, u64);

/// A perfect subtree: its height and its position among those of that height.
type Node = (u32, u64);

/// Largest power of two below `n`, for `n` > 1.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// Ranges of an inclusion proof (RFC 6962, 2.1.1), leaf sibling first.
fn inclusion_ranges(index: u64, size: u64) -> Result<Vec<Range>, TileError> {
    if index >= size {
        return Err(TileError::NoSuchLeaf { index, size });
    }
    let (mut low, mut high, mut ranges) = (0, size, Vec::new());
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            ranges.push((middle, high));
            high = middle;
        } else {
            ranges.push((low, middle));
            low = middle;
        }
    }
    ranges.reverse();
    Ok(ranges)
}

/// Ranges of a consistency proof (RFC 6962, 2.1.2).
fn consistency_ranges(old: u64, new: u64) -> Result<Vec<Range>, TileError> {
    if old > new {
        return Err(TileError::NotOlder { old, new });
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut low, mut high, mut ranges) = (0, new, Vec::new());
    while old != high {
        let middle = low + split(high - low);
        if old <= middle {
            ranges.push((middle, high));
            high = middle;
        } else {
            ranges.push((low, middle));
            low = middle;
        }
    }
    // The old tree itself is known to the verifier if it is a whole left subtree.
    if low > 0 {
        ranges.push((low, high));
    }
    ranges.reverse();
    Ok(ranges)
}

/// The perfect subtrees that make up a range, leftmost first.
fn nodes((mut low, high): Range) -> impl Iterator<Item = Node> {
    std::iter::from_fn(move || {
        let left = high.checked_sub(low).filter(|left| *left > 0)?;
        let height = left.ilog2().min(low.trailing_zeros());
        let node = (height, low >> height);
        low += 1 << height;
        Some(node)
    })
}

/// The tile that holds a node, and where in it the hashes under the node start and how many they are.
fn place((height, position): Node) -> (TileId, usize, usize) {
    let (level, inner) = (height / TILE_HEIGHT, height % TILE_HEIGHT);
    let first = position << inner;
    let id = TileId { level: low_byte(u64::from(level)), index: first / 256 };
    (id, usize::from(low_byte(first)), 1 << inner)
}

fn tiles_of(ranges: impl IntoIterator<Item = Range>) -> Vec<TileId> {
    let tiles: BTreeSet<_> = ranges.into_iter().flat_map(nodes).map(|node| place(node).0).collect();
    tiles.into_iter().collect()
}

fn range_root(range: Range, tiles: &TileMap) -> Result<Digest, TileError> {
    let roots = nodes(range).map(|node| {
        let (id, first, count) = place(node);
        let tile = tiles.get(&id).ok_or(TileError::Missing(id))?;
        let hashes = tile.get(first..first + count);
        hashes.map(perfect_root).ok_or(TileError::Narrow { id, needed: first + count, found: tile.len() })
    });
    Ok(fold_roots(&roots.collect::<Result<Vec<_>, _>>()?))
}

/// Tiles that [`inclusion_proof`] needs; none if there is no such leaf.
pub fn tiles_for_inclusion(index: u64, size: u64) -> Vec<TileId> {
    tiles_of(inclusion_ranges(index, size).unwrap_or_default())
}

/// Tiles that [`consistency_proof`] needs; none if `old` is not older.
pub fn tiles_for_consistency(old: u64, new: u64) -> Vec<TileId> {
    tiles_of(consistency_ranges(old, new).unwrap_or_default())
}

/// Tiles that [`root_at`] needs.
pub fn tiles_for_root(size: u64) -> Vec<TileId> {
    tiles_of([(0, size)])
}

/// Proof that leaf `index` is in the tree of `size` leaves, leaf sibling first.
pub fn inclusion_proof(index: u64, size: u64, tiles: &TileMap) -> Result<Vec<Digest>, TileError> {
    inclusion_ranges(index, size)?.into_iter().map(|range| range_root(range, tiles)).collect()
}

/// Proof that the tree of `new` leaves starts with the tree of `old` leaves. Empty for `old` = 0 and `old` = `new`.
pub fn consistency_proof(old: u64, new: u64, tiles: &TileMap) -> Result<Vec<Digest>, TileError> {
    consistency_ranges(old, new)?.into_iter().map(|range| range_root(range, tiles)).collect()
}

/// Root that the tree had at `size` leaves.
pub fn root_at(size: u64, tiles: &TileMap) -> Result<Digest, TileError> {
    range_root((0, size), tiles)
}
