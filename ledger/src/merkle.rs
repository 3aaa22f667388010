//! The Merkle tree of RFC 6962, section 2.1: its hashes, and a tree that keeps only its frontier.

use sha2::{Digest as _, Sha256};

use crate::{Digest, pair};

/// Hash of a leaf: `SHA-256(0x00 ‖ data)`.
pub fn leaf_hash(data: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(data);
    Digest::from_bytes(hasher.finalize().into())
}

/// Hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)`.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    pair::node(left, right)
}

/// Root of the tree without leaves: `SHA-256("")`.
pub fn empty_root() -> Digest {
    Digest::of(b"")
}

/// Root of a perfect tree over `hashes`; their number must be a power of two.
pub(crate) fn perfect_root(hashes: &[Digest]) -> Digest {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        for i in 0..row.len() / 2 {
            row[i] = node_hash(&row[2 * i], &row[2 * i + 1]);
        }
        row.truncate(row.len() / 2);
    }
    row.first().copied().unwrap_or_else(empty_root)
}

/// Roots of the perfect subtrees over a row of `hashes` that starts a tree, largest first.
pub(crate) fn perfect_roots(hashes: &[Digest]) -> Vec<Digest> {
    let (mut rest, mut roots) = (hashes, Vec::new());
    while !rest.is_empty() {
        let (perfect, tail) = rest.split_at(1 << rest.len().ilog2());
        roots.push(perfect_root(perfect));
        rest = tail;
    }
    roots
}

/// Folds the roots of perfect subtrees, largest (leftmost) first, into the root of the whole.
pub(crate) fn fold_roots(roots: &[Digest]) -> Digest {
    let mut rest = roots.iter().rev();
    let Some(&last) = rest.next() else { return empty_root() };
    rest.fold(last, |right, left| node_hash(left, &right))
}

/// An append-only tree that holds only the roots of its perfect subtrees: at most 64 hashes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompactTree {
    size: u64,
    /// Largest subtree first; one for each set bit of `size`.
    roots: Vec<Digest>,
}

/// A frontier does not fit its size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a tree of {size} leaves has {} subtree roots, {found} were given", size.count_ones())]
pub struct FrontierError {
    /// Leaves in the tree.
    pub size: u64,
    /// Hashes handed in.
    pub found: usize,
}

impl CompactTree {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// From what [`size`](Self::size) and [`roots`](Self::roots) gave.
    pub fn from_parts(size: u64, roots: Vec<Digest>) -> Result<Self, FrontierError> {
        if roots.len() == size.count_ones() as usize {
            Ok(Self { size, roots })
        } else {
            Err(FrontierError { size, found: roots.len() })
        }
    }

    /// Adds a leaf by its [`leaf_hash`].
    pub fn append(&mut self, leaf: Digest) {
        self.append_with(leaf, |_, _| {});
    }

    /// Adds a leaf and hands over every perfect subtree this completes: its height (0 for the leaf) and its root.
    pub(crate) fn append_with(&mut self, leaf: Digest, mut completed: impl FnMut(u32, Digest)) {
        let mut hash = leaf;
        completed(0, hash);
        for height in 1..=self.size.trailing_ones() {
            // One root per set bit, so there is one to take for each trailing one.
            let Some(left) = self.roots.pop() else { break };
            hash = node_hash(&left, &hash);
            completed(height, hash);
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the perfect subtrees, largest first.
    pub fn roots(&self) -> &[Digest] {
        &self.roots
    }

    /// Root of the whole tree.
    pub fn root(&self) -> Digest {
        fold_roots(&self.roots)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The eight inputs of certificate-transparency's reference tests.
    pub(crate) const LEAVES: [&[u8]; 8] = [
        b"",
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];

    /// Their roots, for one leaf up to eight.
    pub(crate) const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    /// The definition, word by word.
    pub(crate) fn mth(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let mut split = 1;
                while split * 2 < leaves.len() {
                    split *= 2;
                }
                node_hash(&mth(&leaves[..split]), &mth(&leaves[split..]))
            }
        }
    }

    #[test]
    fn published_roots() {
        let mut tree = CompactTree::new();
        assert_eq!(tree.root(), empty_root());
        assert_eq!(empty_root().hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (leaf, root) in LEAVES.iter().zip(ROOTS) {
            tree.append(leaf_hash(leaf));
            assert_eq!(tree.root().hex(), root, "at size {}", tree.size());
        }
    }

    #[test]
    fn every_size_follows_the_definition() {
        let leaves: Vec<_> = (0..300_u32).map(|i| leaf_hash(&i.to_be_bytes())).collect();
        let mut tree = CompactTree::new();
        for (i, leaf) in leaves.iter().enumerate() {
            tree.append(*leaf);
            assert_eq!(tree.root(), mth(&leaves[..=i]));
            assert_eq!(CompactTree::from_parts(tree.size(), tree.roots().to_vec()), Ok(tree.clone()));
        }
        assert!(CompactTree::from_parts(3, vec![empty_root()]).is_err());
    }

    proptest! {
        #[test]
        fn any_size_follows_the_definition(size in 0_u32..5000) {
            let leaves: Vec<_> = (0..size).map(|i| leaf_hash(&i.to_le_bytes())).collect();
            let mut tree = CompactTree::new();
            for leaf in &leaves {
                tree.append(*leaf);
            }
            prop_assert_eq!(tree.root(), mth(&leaves));
        }
    }
}
