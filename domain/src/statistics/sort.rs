//! Sorting finite `f64`s by radix: their bits, mapped so that unsigned order is numeric order, are distributed by
//! 11-bit digits from the lowest to the highest. A digit that is the same everywhere costs nothing, as with scores
//! that were single-precision once.

const DIGIT_BITS: usize = 11;
const BUCKETS: usize = 1 << DIGIT_BITS;
const DIGITS: usize = 64_usize.div_ceil(DIGIT_BITS);
/// Below this many values comparing is faster than counting.
const SMALL: usize = 1_024;

/// The value's place in numeric order. Both zeros have the same.
pub(super) fn key(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    let flip = (bits.cast_signed() >> 63).cast_unsigned() | (1 << 63);
    bits ^ flip
}

/// The value of a key.
pub(super) fn value(key: u64) -> f64 {
    let flip = (!key.cast_signed() >> 63).cast_unsigned() | (1 << 63);
    f64::from_bits(key ^ flip)
}

/// The values' keys in ascending order. Needs two arrays of the input's size.
pub(super) fn sorted_keys(values: &[f64]) -> Vec<u64> {
    let mut keys: Vec<u64> = values.iter().copied().map(key).collect();
    if keys.len() < SMALL {
        keys.sort_unstable();
        return keys;
    }
    let counts = Counts::of(&keys);
    let mut spare = vec![0; keys.len()];
    for digit in 0..DIGITS {
        let Some(mut next) = counts.offsets(digit, keys.len()) else { continue };
        for &key in &keys {
            let at = &mut next[bucket(key, digit)];
            spare[*at as usize] = key;
            *at += 1;
        }
        std::mem::swap(&mut keys, &mut spare);
    }
    keys
}

/// The values' keys in ascending order, and the index of the value that each came from; equal values keep their
/// order. Needs twice the two arrays that it answers with. `values` has fewer than 2^32 elements.
pub(super) fn sorted_with_index(values: &[f64]) -> (Vec<u64>, Vec<u32>) {
    let mut keys: Vec<u64> = values.iter().copied().map(key).collect();
    let mut index: Vec<u32> = (0..).take(keys.len()).collect();
    if keys.len() < SMALL {
        index.sort_by_key(|&at| keys[at as usize]);
        keys.sort_unstable();
        return (keys, index);
    }
    let counts = Counts::of(&keys);
    let mut spare_keys = vec![0; keys.len()];
    let mut spare_index = vec![0; keys.len()];
    for digit in 0..DIGITS {
        let Some(mut next) = counts.offsets(digit, keys.len()) else { continue };
        for (&key, &from) in keys.iter().zip(&index) {
            let at = &mut next[bucket(key, digit)];
            spare_keys[*at as usize] = key;
            spare_index[*at as usize] = from;
            *at += 1;
        }
        std::mem::swap(&mut keys, &mut spare_keys);
        std::mem::swap(&mut index, &mut spare_index);
    }
    (keys, index)
}

#[expect(clippy::cast_possible_truncation, reason = "masked to 11 bits")]
fn bucket(key: u64, digit: usize) -> usize {
    (key >> (digit * DIGIT_BITS)) as usize & (BUCKETS - 1)
}

/// How many keys have each value of each digit, counted in one reading.
struct Counts(Vec<[u32; BUCKETS]>);

impl Counts {
    fn of(keys: &[u64]) -> Self {
        let mut counts = vec![[0; BUCKETS]; DIGITS];
        for &key in keys {
            for (digit, counts) in counts.iter_mut().enumerate() {
                counts[bucket(key, digit)] += 1;
            }
        }
        Self(counts)
    }

    /// Where each bucket of a digit begins; none if all keys are in one.
    fn offsets(&self, digit: usize, total: usize) -> Option<[u32; BUCKETS]> {
        let mut next = self.0[digit];
        if next.iter().any(|&count| count as usize == total) {
            return None;
        }
        let mut begin = 0;
        for slot in &mut next {
            let count = *slot;
            *slot = begin;
            begin += count;
        }
        Some(next)
    }
}
