//! The hash chain: each entry names the digest of the one before it.

use crate::{Digest, Entry, Timestamp};

/// What the next entry has to fit: the number of entries so far, and the last one's digest and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    /// Entries in the chain, so the sequence number of the next.
    pub size: u64,
    /// Digest of the last entry's bytes; of no bytes before the first entry.
    pub last: Digest,
    /// When the last entry was made; none before the first.
    pub time: Option<Timestamp>,
}

/// Why an entry does not follow the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The sequence number is not the next one.
    #[error("the entry says it is number {found}, but number {expected} comes next")]
    Seq {
        /// Number that comes next.
        expected: u64,
        /// Number the entry carries.
        found: u64,
    },
    /// The entry names another predecessor.
    #[error("the entry follows {found}, but the entry before it has the digest {expected}")]
    Prev {
        /// Digest of the chain's last entry.
        expected: Digest,
        /// Digest the entry carries.
        found: Digest,
    },
    /// The entry is older than the one before it.
    #[error("the entry's time {found} is before {last}, the time of the entry before it")]
    Time {
        /// Time of the chain's last entry.
        last: Timestamp,
        /// Time the entry carries.
        found: Timestamp,
    },
}

impl ChainHead {
    /// The head of a chain without entries.
    pub fn genesis() -> Self {
        Self { size: 0, last: Digest::of(b""), time: None }
    }

    /// Checks that `entry`, whose canonical bytes are `bytes`, comes next; gives the head after it.
    pub fn check_next(&self, entry: &Entry, bytes: &[u8]) -> Result<Self, ChainError> {
        self.check_link(entry.seq, entry.prev, entry.time)?;
        Ok(Self { size: self.size + 1, last: Digest::of(bytes), time: Some(entry.time) })
    }

    /// Checks the three fields that tie an entry to this head.
    pub(crate) fn check_link(&self, seq: u64, prev: Digest, time: Timestamp) -> Result<(), ChainError> {
        if seq != self.size {
            return Err(ChainError::Seq { expected: self.size, found: seq });
        }
        if prev != self.last {
            return Err(ChainError::Prev { expected: self.last, found: prev });
        }
        match self.time {
            Some(last) if time < last => Err(ChainError::Time { last, found: time }),
            _ => Ok(()),
        }
    }
}

impl Default for ChainHead {
    fn default() -> Self {
        Self::genesis()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Actor, ActorKind, SCHEMA};

    fn following(head: &ChainHead, micros: i64) -> Entry {
        Entry {
            schema: SCHEMA,
            seq: head.size,
            time: Timestamp::from_micros(micros),
            actor: Actor { id: "clock".into(), kind: ActorKind::System },
            event: "clock.ticked".into(),
            subject: BTreeMap::new(),
            payload: serde_json::Value::Null,
            evidence: vec![],
            prev: head.last,
        }
    }

    #[test]
    fn each_entry_follows_the_one_before() {
        let mut head = ChainHead::genesis();
        for micros in [5, 5, 9] {
            let entry = following(&head, micros);
            let bytes = entry.to_bytes().unwrap();
            let next = head.check_next(&entry, &bytes).unwrap();
            assert_eq!(next, ChainHead { size: head.size + 1, last: Digest::of(&bytes), time: Some(entry.time) });
            head = next;
        }
        let good = following(&head, 9);
        let check = |entry: Entry| head.check_next(&entry, &entry.to_bytes().unwrap());
        assert!(check(good.clone()).is_ok());
        assert_eq!(check(Entry { seq: 4, ..good.clone() }), Err(ChainError::Seq { expected: 3, found: 4 }));
        let other = Digest::of(b"other");
        assert_eq!(check(Entry { prev: other, ..good }), Err(ChainError::Prev { expected: head.last, found: other }));
        let (last, found) = (Timestamp::from_micros(9), Timestamp::from_micros(8));
        assert_eq!(check(following(&head, 8)), Err(ChainError::Time { last, found }));
    }
}
