//! Tiles and proofs, at every small size and at chosen large ones.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use ledger::{
    Digest, ProofError, TileId, TileMap, TilePath, TreeHead,
    merkle::{CompactTree, empty_root, leaf_hash, node_hash},
    tiles::{
        TileError, consistency_proof, inclusion_proof, root_at, tiles_for_consistency, tiles_for_inclusion,
        tiles_for_root,
    },
    verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

fn leaf(i: u64) -> Digest {
    leaf_hash(&i.to_be_bytes())
}

/// The tiles of a tree and its root at every size up to the last.
fn grown(size: u64) -> (TileMap, Vec<Digest>) {
    let (mut head, mut tiles, mut roots) = (TreeHead::new(), TileMap::new(), vec![empty_root()]);
    for i in 0..size {
        head.append(leaf(i));
        roots.push(head.root());
        tiles.extend(head.changed_tiles());
    }
    (tiles, roots)
}

fn only(tiles: &TileMap, ids: &[TileId]) -> TileMap {
    ids.iter().map(|id| (*id, tiles[id].clone())).collect()
}

/// Every way to spoil a proof a little.
fn spoilt(proof: &[Digest]) -> Vec<Vec<Digest>> {
    let mut all = vec![];
    for i in 0..proof.len() {
        let mut flipped = proof.to_vec();
        let mut bytes = *flipped[i].as_bytes();
        bytes[i % 32] ^= 1 << (i % 8);
        flipped[i] = Digest::from_bytes(bytes);
        let mut dropped = proof.to_vec();
        dropped.remove(i);
        let mut doubled = proof.to_vec();
        doubled.insert(i, proof[i]);
        all.extend([flipped, dropped, doubled]);
        if i > 0 {
            let mut swapped = proof.to_vec();
            swapped.swap(i - 1, i);
            all.push(swapped);
        }
    }
    let mut longer = proof.to_vec();
    longer.push(empty_root());
    all.push(longer);
    all
}

#[test]
fn every_inclusion_proof_up_to_300() {
    let (tiles, roots) = grown(300);
    for size in 0..=300 {
        for index in 0..size {
            let root = roots[usize::try_from(size).unwrap()];
            let proof = inclusion_proof(index, size, &tiles).unwrap();
            assert_eq!(verify_inclusion(index, size, leaf(index), &proof, root), Ok(()), "{index} of {size}");
            assert!(verify_inclusion(index, size, leaf(index + 1), &proof, root).is_err());
            // Spoiling all of them would take minutes; these sizes have every shape of right edge.
            if size < 40 || [64, 65, 127, 255, 256, 257, 300].contains(&size) && index % 7 == 0 {
                for bad in spoilt(&proof) {
                    assert!(verify_inclusion(index, size, leaf(index), &bad, root).is_err(), "{index} of {size}");
                }
            }
        }
        assert_eq!(inclusion_proof(size, size, &tiles), Err(TileError::NoSuchLeaf { index: size, size }));
    }
}

#[test]
fn every_consistency_proof_up_to_130() {
    let (tiles, roots) = grown(130);
    for new in 0..=130_u64 {
        for old in 0..=new {
            let (old_root, new_root) = (roots[usize::try_from(old).unwrap()], roots[usize::try_from(new).unwrap()]);
            let proof = consistency_proof(old, new, &tiles).unwrap();
            assert_eq!(verify_consistency(old, new, old_root, new_root, &proof), Ok(()), "{old} to {new}");
            let other = leaf(1000);
            assert!(verify_consistency(old, new, other, new_root, &proof).is_err(), "{old} to {new}");
            // The empty tree is a prefix of any: its proof says nothing about the new root.
            if old > 0 {
                assert!(verify_consistency(old, new, old_root, other, &proof).is_err(), "{old} to {new}");
            }
            if new < 34 || new % 13 == 0 {
                for bad in spoilt(&proof) {
                    assert!(verify_consistency(old, new, old_root, new_root, &bad).is_err(), "{old} to {new}");
                }
            }
        }
        assert_eq!(consistency_proof(new + 1, new, &tiles), Err(TileError::NotOlder { old: new + 1, new }));
    }
}

/// The proofs of certificate-transparency's reference tests, over its eight leaves.
#[test]
fn published_proofs() {
    let inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    let mut head = TreeHead::new();
    for input in inputs {
        let bytes: Vec<_> =
            (0..input.len()).step_by(2).map(|i| u8::from_str_radix(&input[i..i + 2], 16).unwrap()).collect();
        head.append(leaf_hash(&bytes));
    }
    let tiles: TileMap = head.changed_tiles().into_iter().collect();
    let hexes = |proof: Vec<Digest>| proof.iter().map(Digest::hex).collect::<Vec<_>>();
    assert_eq!(hexes(inclusion_proof(0, 1, &tiles).unwrap()), [""; 0]);
    assert_eq!(
        hexes(inclusion_proof(0, 8, &tiles).unwrap()),
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]
    );
    assert_eq!(
        hexes(inclusion_proof(5, 8, &tiles).unwrap()),
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    assert_eq!(
        hexes(inclusion_proof(2, 3, &tiles).unwrap()),
        ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]
    );
    assert_eq!(hexes(consistency_proof(1, 1, &tiles).unwrap()), [""; 0]);
    assert_eq!(
        hexes(consistency_proof(1, 8, &tiles).unwrap()),
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]
    );
    assert_eq!(
        hexes(consistency_proof(6, 8, &tiles).unwrap()),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    assert_eq!(
        hexes(consistency_proof(2, 5, &tiles).unwrap()),
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ]
    );
}

#[test]
fn head_loaded_at_any_size_grows_alike() {
    let (mut head, mut tiles) = (TreeHead::new(), TileMap::new());
    for size in 0..700 {
        let mut loaded = TreeHead::load(size, &tiles).unwrap();
        assert_eq!(loaded.root(), head.root());
        assert_eq!(loaded.changed_tiles(), []);
        head.append(leaf(size));
        loaded.append(leaf(size));
        let changed = head.changed_tiles();
        assert_eq!(loaded.changed_tiles(), changed, "{size}");
        assert_eq!(loaded, head);
        tiles.extend(changed);
    }
}

#[test]
fn tiles_are_those_of_the_layout() {
    for size in [0, 1, 255, 256, 257, 700] {
        let (tiles, _) = grown(size);
        let mut stored: Vec<_> =
            tiles.iter().map(|(id, hashes)| TilePath::hashes(*id, u16::try_from(hashes.len()).unwrap())).collect();
        let mut expected: Vec<_> = TilePath::all(size).filter(|path| matches!(path, TilePath::Hashes { .. })).collect();
        stored.sort_unstable();
        expected.sort_unstable();
        assert_eq!(stored, expected, "{size}");
    }
}

#[test]
fn missing_and_narrow_tiles_are_named() {
    let (mut tiles, _) = grown(300);
    let id = TileId { level: 0, index: 1 };
    tiles.get_mut(&id).unwrap().truncate(43);
    assert_eq!(inclusion_proof(298, 300, &tiles), Err(TileError::Narrow { id, needed: 44, found: 43 }));
    assert!(TreeHead::load(300, &tiles).is_err());
    tiles.remove(&id);
    assert_eq!(inclusion_proof(298, 300, &tiles), Err(TileError::Missing(id)));
    assert!(TreeHead::load(300, &tiles).is_err());
}

/// An inner node passed off as a leaf leads to the root by a shorter proof.
#[test]
fn an_inner_node_is_no_leaf() {
    let (tiles, roots) = grown(8);
    for index in [0, 7] {
        let proof = inclusion_proof(index, 8, &tiles).unwrap();
        let (left, right) = if index == 0 { (leaf(0), proof[0]) } else { (proof[0], leaf(7)) };
        let inner = node_hash(&left, &right);
        assert_eq!(verify_inclusion(index / 2, 4, inner, &proof[1..], roots[8]), Ok(()));
        let short = Err(ProofError::Length { found: 2 });
        assert_eq!(verify_inclusion(index, 8, inner, &proof[1..], roots[8]), short);
    }
}

/// A server that lost entries must not pass for one that has them.
#[test]
fn shrunken_and_rewritten_trees_are_inconsistent() {
    let (tiles, roots) = grown(20);
    let mut other = CompactTree::new();
    for i in 0..20 {
        other.append(leaf(if i == 3 { 99 } else { i }));
    }
    let proof = consistency_proof(10, 20, &tiles).unwrap();
    assert!(verify_consistency(10, 20, roots[10], other.root(), &proof).is_err());
    assert_eq!(
        verify_consistency(20, 10, roots[20], roots[10], &proof),
        Err(ProofError::NotOlder { old: 20, new: 10 })
    );
    assert_eq!(verify_consistency(0, 10, roots[1], roots[10], &[]), Err(ProofError::OldRoot));
    assert!(verify_consistency(0, 10, roots[0], roots[10], &proof).is_err());
}

#[test]
fn huge_numbers_do_not_overflow() {
    let top = u64::MAX;
    assert!(verify_inclusion(top - 1, top, empty_root(), &[empty_root(); 64], empty_root()).is_err());
    assert!(verify_consistency(1 << 63, top, empty_root(), empty_root(), &[empty_root(); 64]).is_err());
    assert!(verify_consistency(top - 1, top, empty_root(), empty_root(), &[empty_root(); 64]).is_err());
    assert!(!tiles_for_inclusion(top - 1, top).is_empty());
    assert!(!tiles_for_root(top).is_empty());
    assert!(inclusion_proof(top - 1, top, &TileMap::new()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn large_trees(size in 1_u64..140_000, a: u64, b: u64) {
        let (mut head, mut old_root) = (TreeHead::new(), empty_root());
        let (index, old) = (a % size, b % (size + 1));
        let mut tiles = TileMap::new();
        for i in 0..size {
            if i == old {
                old_root = head.root();
                tiles.extend(head.changed_tiles());
            }
            head.append(leaf(i));
        }
        tiles.extend(head.changed_tiles());
        let old_root = if old == size { head.root() } else { old_root };

        let proof = inclusion_proof(index, size, &only(&tiles, &tiles_for_inclusion(index, size))).unwrap();
        prop_assert_eq!(verify_inclusion(index, size, leaf(index), &proof, head.root()), Ok(()));
        for bad in spoilt(&proof) {
            prop_assert!(verify_inclusion(index, size, leaf(index), &bad, head.root()).is_err());
        }
        let proof = consistency_proof(old, size, &only(&tiles, &tiles_for_consistency(old, size))).unwrap();
        prop_assert_eq!(verify_consistency(old, size, old_root, head.root(), &proof), Ok(()));
        for bad in spoilt(&proof) {
            prop_assert!(verify_consistency(old, size, old_root, head.root(), &bad).is_err());
        }
        prop_assert_eq!(root_at(old, &only(&tiles, &tiles_for_root(old))), Ok(old_root));
        prop_assert_eq!(TreeHead::load(size, &tiles).unwrap().root(), head.root());
    }
}
