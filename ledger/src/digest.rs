//! SHA-256 digests: the name of everything the ledger refers to.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

const PREFIX: &str = "sha256:";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// The value of each lower-case hex digit, 0xff for any other byte.
const NIBBLE: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut value = 0_u8;
    while value < 16 {
        table[HEX[value as usize] as usize] = value;
        value += 1;
    }
    table
};

/// A SHA-256 digest. Reads and writes as `sha256:` and 64 lower-case hex digits, in text and in JSON alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Why a text is not a digest, and what would make it one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The text does not start with `sha256:`.
    #[error("a digest starts with `sha256:`, this one with `{found}`: put `sha256:` in front of the 64 hex digits")]
    MissingPrefix {
        /// The first characters found instead.
        found: String,
    },
    /// There are not 64 hex digits.
    #[error("a SHA-256 digest has 64 hex digits, this one has {found}: {}", if *found < 64 { "it was cut short" } else { "it has something appended" })]
    Length {
        /// How many characters stand where 64 should.
        found: usize,
    },
    /// A hex digit is in upper case.
    #[error("digit {position} is `{found}`: write hex digits in lower case")]
    Uppercase {
        /// Position of the digit, from 1.
        position: usize,
        /// The digit.
        found: char,
    },
    /// A character is no hex digit.
    #[error("character {position} is `{found}`, which is not a hex digit (0-9, a-f)")]
    NotHex {
        /// Position of the character, from 1.
        position: usize,
        /// The character.
        found: char,
    },
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Wraps 32 bytes that already are a digest.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hex digits, without the prefix: the name of an evidence file.
    pub fn hex(&self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
        text
    }

    /// The first 12 hex digits, for reading by eye. Never compare these.
    pub fn short(&self) -> String {
        let mut text = self.hex();
        text.truncate(12);
        text
    }

    /// Reads 64 lower-case hex digits, without the prefix.
    pub fn from_hex(hex: &str) -> Result<Self, DigestError> {
        decode(hex.as_bytes()).ok_or_else(|| explain(hex)).map(Self)
    }
}

/// Decodes exactly 64 lower-case hex digits.
pub(crate) fn decode(hex: &[u8]) -> Option<[u8; 32]> {
    let hex: &[u8; 64] = hex.try_into().ok()?;
    let mut bytes = [0; 32];
    let mut bad = 0;
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        let (high, low) = (NIBBLE[usize::from(pair[0])], NIBBLE[usize::from(pair[1])]);
        bad |= high | low;
        *byte = high << 4 | (low & 15);
    }
    (bad < 16).then_some(bytes)
}

fn explain(hex: &str) -> DigestError {
    let wrong = hex.chars().enumerate().find(|(_, c)| !matches!(c, '0'..='9' | 'a'..='f'));
    match wrong {
        Some((index, found @ 'A'..='F')) => DigestError::Uppercase { position: index + 1, found },
        Some((index, found)) => DigestError::NotHex { position: index + 1, found },
        None => DigestError::Length { found: hex.len() },
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text.strip_prefix(PREFIX) {
            Some(hex) => Self::from_hex(hex),
            None => Err(DigestError::MissingPrefix { found: text.chars().take(PREFIX.len()).collect() }),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Digest;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a digest such as sha256:e3b0…")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Digest, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// Digests bytes that arrive in pieces, such as an upload.
#[derive(Clone, Default)]
pub struct DigestBuilder(Sha256);

impl DigestBuilder {
    /// Starts with no bytes seen.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all pieces in order.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl fmt::Debug for DigestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestBuilder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4 examples.
    #[test]
    fn published_vectors() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"").hex(), empty);
        assert_eq!(Digest::of(b"abc").to_string(), format!("sha256:{abc}"));
        assert_eq!(Digest::of(b"abc").short(), "ba7816bf8f01");
        let mut builder = DigestBuilder::new();
        builder.update(b"a");
        builder.update(b"bc");
        assert_eq!(builder.finish(), Digest::of(b"abc"));
    }

    #[test]
    fn text_round_trips() {
        let digest = Digest::of(b"x");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(Digest::from_hex(&digest.hex()), Ok(digest));
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        assert!(serde_json::from_str::<Digest>("\"sha256:00\"").is_err());
    }

    #[test]
    fn refusals_say_what_to_mend() {
        let hex = Digest::of(b"abc").hex();
        let parse = |text: &str| text.parse::<Digest>().unwrap_err();
        assert_eq!(parse(&hex), DigestError::MissingPrefix { found: hex[..7].into() });
        assert_eq!(parse(&format!("sha256:{}", &hex[..63])), DigestError::Length { found: 63 });
        assert_eq!(parse(&format!("sha256:{hex}0")), DigestError::Length { found: 65 });
        let upper = format!("sha256:{}", hex.to_uppercase());
        assert_eq!(parse(&upper), DigestError::Uppercase { position: 1, found: 'B' });
        assert_eq!(parse(&format!("sha256:zz{}", &hex[2..])), DigestError::NotHex { position: 1, found: 'z' });
        assert_eq!(parse(&format!("sha256:é{}", &hex[2..])), DigestError::NotHex { position: 1, found: 'é' });
    }
}
