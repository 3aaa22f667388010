//! Checking proofs (RFC 9162, sections 2.1.3.2 and 2.1.4.2): what a reader needs who trusts a root and nothing else.

use crate::{Digest, merkle::empty_root, merkle::node_hash};

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf lies outside the tree.
    #[error("there is no entry {index} in a tree of {size}")]
    NoSuchLeaf {
        /// Number of the leaf.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// The older tree is larger than the newer.
    #[error("a tree of {old} entries cannot have grown into one of {new}")]
    NotOlder {
        /// Size given as the older.
        old: u64,
        /// Size given as the newer.
        new: u64,
    },
    /// The proof has too few or too many hashes.
    #[error("the proof has {found} hashes, which is not what sizes and position call for")]
    Length {
        /// Hashes in the proof.
        found: usize,
    },
    /// The proof leads to another root than the older tree's.
    #[error("the proof leads to another root than the older tree's: entries were altered or dropped")]
    OldRoot,
    /// The proof leads to another root than the tree's.
    #[error("the proof leads to another root than the tree's")]
    Root,
}

/// Checks that the leaf with hash `leaf` is number `index` in the tree of `size` leaves with `root`.
pub fn verify_inclusion(index: u64, size: u64, leaf: Digest, proof: &[Digest], root: Digest) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::NoSuchLeaf { index, size });
    }
    let wrong_length = ProofError::Length { found: proof.len() };
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return Err(wrong_length);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // On the right edge a subtree without sibling is its own parent.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    if hash == root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree of `new` leaves with `new_root` starts with the tree of `old` leaves with `old_root`.
///
/// Every tree starts with the empty one: for `old` = 0 the proof is empty and `old_root` is the empty root.
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: Digest,
    new_root: Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::NotOlder { old, new });
    }
    let wrong_length = ProofError::Length { found: proof.len() };
    if old == 0 && old_root != empty_root() {
        return Err(ProofError::OldRoot);
    }
    if old == new && old_root != new_root {
        return Err(ProofError::Root);
    }
    if old == new || old == 0 {
        return if proof.is_empty() { Ok(()) } else { Err(wrong_length) };
    }
    // A whole left subtree is its own first hash, so the proof leaves it out.
    let (&first, rest) = match proof.split_first() {
        None => return Err(wrong_length),
        Some(_) if old.is_power_of_two() => (&old_root, proof),
        Some(both) => both,
    };
    let (mut node, mut last) = (old - 1, new - 1);
    let shift = node.trailing_ones();
    node = node.checked_shr(shift).unwrap_or(0);
    last = last.checked_shr(shift).unwrap_or(0);
    let (mut old_hash, mut new_hash) = (first, first);
    for sibling in rest {
        if last == 0 {
            return Err(wrong_length);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    if old_hash != old_root {
        return Err(ProofError::OldRoot);
    }
    if new_hash == new_root { Ok(()) } else { Err(ProofError::Root) }
}
