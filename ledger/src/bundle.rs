//! Entry bundles (tlog-tiles): up to 256 entries in one file, each after its length in two bytes.

use crate::tiles::TILE_WIDTH;

/// Why bytes and entries do not make a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// An entry is longer than two bytes can tell.
    #[error("entry {position} of the bundle has {length} bytes; 65,535 is the most")]
    EntryTooLong {
        /// Position in the bundle, from 0.
        position: usize,
        /// Bytes of the entry.
        length: usize,
    },
    /// More entries than a bundle holds.
    #[error("a bundle holds at most 256 entries")]
    TooMany,
    /// The bytes end within an entry.
    #[error("the bundle ends within entry {position}")]
    Truncated {
        /// Position in the bundle, from 0.
        position: usize,
    },
}

/// Writes a bundle of these entries.
pub fn encode(entries: &[&[u8]]) -> Result<Vec<u8>, BundleError> {
    if entries.len() > usize::from(TILE_WIDTH) {
        return Err(BundleError::TooMany);
    }
    let mut bundle = Vec::with_capacity(entries.iter().map(|entry| entry.len() + 2).sum());
    for (position, entry) in entries.iter().enumerate() {
        push(&mut bundle, entry).map_err(|length| BundleError::EntryTooLong { position, length })?;
    }
    Ok(bundle)
}

/// Appends one entry; gives back its length if that is too great.
pub(crate) fn push(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), usize> {
    let length = u16::try_from(entry.len()).map_err(|_| entry.len())?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// Reads the entries of a bundle, without copying them.
pub fn iter(bundle: &[u8]) -> impl Iterator<Item = Result<&[u8], BundleError>> {
    let (mut rest, mut position) = (bundle, 0);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if position == usize::from(TILE_WIDTH) {
            rest = &[];
            return Some(Err(BundleError::TooMany));
        }
        let entry = rest
            .split_first_chunk()
            .and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_be_bytes(*length))));
        if let Some((entry, tail)) = entry {
            rest = tail;
            position += 1;
            Some(Ok(entry))
        } else {
            rest = &[];
            Some(Err(BundleError::Truncated { position }))
        }
    })
}

/// Reads a bundle: exactly what [`encode`] writes.
pub fn decode(bundle: &[u8]) -> Result<Vec<Vec<u8>>, BundleError> {
    iter(bundle).map(|entry| entry.map(<[u8]>::to_vec)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn layout() {
        assert_eq!(encode(&[b"ab", b"", b"c"]).unwrap(), b"\0\x02ab\0\0\0\x01c");
        assert_eq!(decode(b""), Ok(vec![]));
        assert_eq!(decode(b"\0"), Err(BundleError::Truncated { position: 0 }));
        assert_eq!(decode(b"\0\x01a\0\x02b"), Err(BundleError::Truncated { position: 1 }));
        let long = vec![0; 65_536];
        assert!(encode(&[&long[..65_535]]).is_ok());
        assert_eq!(encode(&[&long]), Err(BundleError::EntryTooLong { position: 0, length: 65_536 }));
        assert_eq!(encode(&[b"".as_slice(); 257]), Err(BundleError::TooMany));
        assert!(decode(&[0; 512]).is_ok());
        assert_eq!(decode(&[0; 514]), Err(BundleError::TooMany));
    }

    proptest! {
        #[test]
        fn round_trip(entries in vec(vec(any::<u8>(), 0..300), 0..256)) {
            let slices: Vec<_> = entries.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(decode(&encode(&slices).unwrap()), Ok(entries));
        }

        #[test]
        fn whatever_decodes_encodes_back(bytes in vec(0_u8..4, 0..60)) {
            if let Ok(entries) = decode(&bytes) {
                let slices: Vec<_> = entries.iter().map(Vec::as_slice).collect();
                prop_assert_eq!(encode(&slices).unwrap(), bytes);
            }
        }
    }
}
