//! The two hashes of an entry, side by side.
//!
//! Each entry is hashed twice, for the chain and as a leaf. With SHA instructions a processor spends most of a hash
//! waiting for its own last result; when the two hashes take turns block by block, it works on one while the other
//! waits. The same goes for the inner nodes of a tree, which are too short to wait for.

use sha2::block_api::compress256;

use crate::Digest;

const BLOCK: usize = 64;

/// The state that SHA-256 starts from (FIPS 180-4, section 5.3.3).
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Digest of `data`, and its hash as a leaf: `SHA-256(data)` and `SHA-256(0x00 ‖ data)`.
pub(crate) fn digest_and_leaf(data: &[u8]) -> (Digest, Digest) {
    let (mut plain, mut leaf) = (START, START);
    let (plain_whole, leaf_whole) = (data.len() / BLOCK, (data.len() + 1) / BLOCK);
    let plain_tail = tail(&data[plain_whole * BLOCK..], data.len());
    let leaf_tail = match (leaf_whole * BLOCK).checked_sub(1) {
        Some(rest) => tail(&data[rest..], data.len() + 1),
        None => tail(&[&[0], data].concat(), data.len() + 1),
    };
    let blocks = data.as_chunks::<BLOCK>().0;
    // All but the first of the leaf's whole blocks lie in the data too, one byte earlier.
    let shifted = data.get(BLOCK - 1..).unwrap_or_default().as_chunks::<BLOCK>().0;
    if leaf_whole > 0 {
        let mut first = [0; BLOCK];
        first[1..].copy_from_slice(&data[..BLOCK - 1]);
        compress256(&mut leaf, &[first]);
    }
    for (block, shifted) in blocks.iter().zip(shifted) {
        compress256(&mut plain, std::slice::from_ref(block));
        compress256(&mut leaf, std::slice::from_ref(shifted));
    }
    let turns = blocks.len().min(shifted.len());
    compress256(&mut plain, &blocks[turns..]);
    compress256(&mut leaf, &shifted[turns..]);
    compress256(&mut plain, plain_tail.blocks());
    compress256(&mut leaf, leaf_tail.blocks());
    (digest(plain), digest(leaf))
}

/// Hash of an inner node of the tree: `SHA-256(0x01 ‖ left ‖ right)`.
pub(crate) fn node(left: &Digest, right: &Digest) -> Digest {
    // 65 bytes: a whole block, and one that holds the last byte and the padding (520 bits).
    let mut blocks = [[0; BLOCK]; 2];
    let (right, last) = right.as_bytes().split_at(31);
    blocks[0][0] = 1;
    blocks[0][1..33].copy_from_slice(left.as_bytes());
    blocks[0][33..].copy_from_slice(right);
    blocks[1][0] = last[0];
    blocks[1][1] = 0x80;
    blocks[1][62..].copy_from_slice(&520_u16.to_be_bytes());
    let mut state = START;
    compress256(&mut state, &blocks);
    digest(state)
}

/// The last, padded blocks of a message.
struct Tail {
    blocks: [[u8; BLOCK]; 2],
    count: usize,
}

impl Tail {
    fn blocks(&self) -> &[[u8; BLOCK]] {
        &self.blocks[..self.count]
    }
}

/// Pads the `rest` (less than a block) of a message of `length` bytes.
fn tail(rest: &[u8], length: usize) -> Tail {
    let mut blocks = [[0; BLOCK]; 2];
    let count = if rest.len() + 9 <= BLOCK { 1 } else { 2 };
    blocks[0][..rest.len()].copy_from_slice(rest);
    blocks[0][rest.len()] = 0x80;
    blocks[count - 1][BLOCK - 8..].copy_from_slice(&(length as u64 * 8).to_be_bytes());
    Tail { blocks, count }
}

fn digest(state: [u32; 8]) -> Digest {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    Digest::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::merkle::leaf_hash;

    #[test]
    fn every_length_agrees_with_the_plain_hashes() {
        let data: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for length in 0..=data.len() {
            let data = &data[..length];
            assert_eq!(digest_and_leaf(data), (Digest::of(data), leaf_hash(data)), "{length}");
        }
    }

    proptest! {
        #[test]
        fn nodes_agree_with_the_plain_hash(left: [u8; 32], right: [u8; 32]) {
            let data = [&[1], left.as_slice(), &right].concat();
            prop_assert_eq!(node(&Digest::from_bytes(left), &Digest::from_bytes(right)), Digest::of(&data));
        }
    }
}
