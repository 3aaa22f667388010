//! Checks in one pass that bytes are the canonical JSON of an entry, without building anything.
//!
//! Verifying a log would otherwise parse each entry and write it again to compare the bytes, which costs several
//! times as much as hashing it. Here canonical form is a grammar: keys in order, shortest escapes, one spelling of
//! each number, no white space.

use crate::{
    Digest, Timestamp,
    canonical::canonical_number,
    digest,
    entry::{MAX_DEPTH, SCHEMA},
};

/// Where bytes leave the canonical form of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an entry in canonical form: at byte {position}, {reason}")]
pub struct ScanError {
    /// Offset into the entry, from 0.
    pub position: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

/// The fields that tie an entry to the log.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    pub seq: u64,
    pub prev: Digest,
    pub time: Timestamp,
    pub evidence: Vec<Digest>,
}

/// Checks an entry; gives the fields that tie it to the log.
pub(crate) fn entry(bytes: &[u8]) -> Result<Links, ScanError> {
    if let Err(error) = std::str::from_utf8(bytes) {
        return Err(ScanError { position: error.valid_up_to(), reason: "the text is not UTF-8" });
    }
    let mut scan = Scan { bytes, at: 0 };
    scan.expect(b"{\"actor\":{\"id\":", "the entry should start with its actor's id")?;
    scan.nonempty_string("the actor's id is empty")?;
    scan.expect(b",\"kind\":", "the actor's kind should follow")?;
    scan.actor_kind()?;
    scan.expect(b"},\"event\":", "the field event should follow")?;
    scan.nonempty_string("the event is empty")?;
    scan.expect(b",\"evidence\":[", "the field evidence should follow")?;
    let evidence = scan.evidence()?;
    scan.expect(b",\"payload\":", "the field payload should follow")?;
    scan.value(1)?;
    scan.expect(b",\"prev\":", "the field prev should follow")?;
    let prev = scan.digest()?;
    scan.expect(b",\"schema\":", "the field schema should follow")?;
    let at = scan.at;
    if scan.integer()? != u64::from(SCHEMA) {
        return Err(ScanError { position: at, reason: "this schema is not known; a newer version may know it" });
    }
    scan.expect(b",\"seq\":", "the field seq should follow")?;
    let seq = scan.integer()?;
    scan.expect(b",\"subject\":", "the field subject should follow")?;
    scan.subject()?;
    scan.expect(b",\"time\":\"", "the field time should follow")?;
    let time = scan.time()?;
    scan.expect(b"\"}", "the entry should end")?;
    if scan.at == bytes.len() {
        Ok(Links { seq, prev, time, evidence })
    } else {
        scan.fail("something follows the entry")
    }
}

/// Checks any JSON value.
#[cfg(test)]
pub(crate) fn value(bytes: &[u8]) -> Result<(), ScanError> {
    if std::str::from_utf8(bytes).is_err() {
        return Err(ScanError { position: 0, reason: "the text is not UTF-8" });
    }
    let mut scan = Scan { bytes, at: 0 };
    scan.value(0)?;
    if scan.at == bytes.len() { Ok(()) } else { scan.fail("something follows the value") }
}

/// Greatest integer up to which every one has a double of its own.
const MAX_EXACT: u64 = 1 << 53;
/// Decimals with at most this many significant digits come back from a double unchanged.
const EXACT_DIGITS: usize = 15;

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    #[cold]
    fn fail<T>(&self, reason: &'static str) -> Result<T, ScanError> {
        Err(ScanError { position: self.at, reason })
    }

    #[inline]
    fn peek(&self) -> u8 {
        // 0 stands for the end: it is no part of any JSON token.
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    fn expect(&mut self, token: &[u8], reason: &'static str) -> Result<(), ScanError> {
        if self.bytes[self.at..].starts_with(token) {
            self.at += token.len();
            Ok(())
        } else {
            self.fail(reason)
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), ScanError> {
        if depth >= MAX_DEPTH {
            return self.fail("arrays and objects are nested too deeply");
        }
        match self.peek() {
            b'"' => self.string().map(|_| ()),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b't' => self.expect(b"true", "a value should stand here"),
            b'f' => self.expect(b"false", "a value should stand here"),
            b'n' => self.expect(b"null", "a value should stand here"),
            _ => self.number(),
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), ScanError> {
        self.at += 1;
        if self.peek() == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            match self.peek() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.fail("`,` or `]` should stand here"),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), ScanError> {
        self.fields(|scan| scan.value(depth + 1))
    }

    /// The subject: an object of strings.
    fn subject(&mut self) -> Result<(), ScanError> {
        if self.peek() != b'{' {
            return self.fail("the subject should be an object");
        }
        self.fields(|scan| scan.string().map(|_| ()))
    }

    fn fields(&mut self, mut value: impl FnMut(&mut Self) -> Result<(), ScanError>) -> Result<(), ScanError> {
        self.at += 1;
        if self.peek() == b'}' {
            self.at += 1;
            return Ok(());
        }
        let mut previous: Option<&[u8]> = None;
        loop {
            let start = self.at;
            let key = self.string()?;
            if previous.is_some_and(|previous| !ascending(previous, key)) {
                return Err(ScanError {
                    position: start,
                    reason: "the keys of an object are not in order, or one is there twice",
                });
            }
            previous = Some(key);
            self.expect(b":", "`:` should stand here")?;
            value(self)?;
            match self.peek() {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.fail("`,` or `}` should stand here"),
            }
        }
    }

    fn nonempty_string(&mut self, reason: &'static str) -> Result<(), ScanError> {
        if self.string()?.is_empty() { self.fail(reason) } else { Ok(()) }
    }

    /// A string; gives what stands between the quotes, escapes and all.
    #[inline]
    fn string(&mut self) -> Result<&'a [u8], ScanError> {
        if self.peek() != b'"' {
            return self.fail("a string should stand here");
        }
        self.at += 1;
        let start = self.at;
        loop {
            self.skip_plain();
            match self.peek() {
                b'"' => {
                    let content = &self.bytes[start..self.at];
                    self.at += 1;
                    return Ok(content);
                }
                b'\\' => self.escape()?,
                _ => return self.fail("a string has a bare control character, or no end"),
            }
        }
    }

    /// Skips what stands for itself in a string, eight bytes at a time.
    #[inline]
    fn skip_plain(&mut self) {
        const ONES: u64 = u64::MAX / 255;
        const TOPS: u64 = ONES << 7;
        let zero_bytes = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
        while let Some(chunk) = self.bytes[self.at..].first_chunk::<8>() {
            let word = u64::from_le_bytes(*chunk);
            let quotes = zero_bytes(word ^ (ONES * 0x22));
            let backslashes = zero_bytes(word ^ (ONES * 0x5c));
            let controls = word.wrapping_sub(ONES * 0x20) & !word & TOPS;
            let special = quotes | backslashes | controls;
            if special != 0 {
                // Borrows only run upwards, so the lowest mark is exact.
                self.at += special.trailing_zeros() as usize / 8;
                return;
            }
            self.at += 8;
        }
        while self.bytes.get(self.at).is_some_and(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\') {
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Result<(), ScanError> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            // Control characters without a short escape.
            Some(b'u') => match self.bytes.get(self.at + 2..self.at + 6) {
                Some(
                    [b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f']
                    | [b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f'],
                ) => {
                    self.at += 6;
                    Ok(())
                }
                _ => self.fail("a character is escaped at greater length than need be"),
            },
            _ => self.fail("a character is escaped that needs no escape"),
        }
    }

    #[inline]
    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        self.at - start
    }

    /// A whole number from 0 to 2^53.
    fn integer(&mut self) -> Result<u64, ScanError> {
        let start = self.at;
        let count = self.digits();
        let digits = &self.bytes[start..self.at];
        let plain = (1..=16).contains(&count) && (count == 1 || digits[0] != b'0');
        let value = digits.iter().take(16).fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
        if plain && value <= MAX_EXACT {
            Ok(value)
        } else {
            Err(ScanError { position: start, reason: "a whole number from 0 to 2^53 should stand here" })
        }
    }

    fn number(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        if self.peek() == b'-' {
            self.at += 1;
        }
        let whole_start = self.at;
        let whole = self.digits();
        if whole == 0 {
            self.at = start;
            return self.fail("a value should stand here");
        }
        let zero = self.bytes[whole_start] == b'0';
        if zero && whole > 1 {
            return self.fail("a number has leading zeros");
        }
        let mut fraction: &[u8] = &[];
        if self.peek() == b'.' {
            self.at += 1;
            let fraction_start = self.at;
            if self.digits() == 0 {
                return self.fail("digits should follow the decimal point");
            }
            fraction = &self.bytes[fraction_start..self.at];
        }
        let exponent = matches!(self.peek(), b'e' | b'E');
        if !exponent && whole + fraction.len() <= EXACT_DIGITS + usize::from(zero) {
            // Few enough digits for a double to hold them as they stand: only the spelling is left to check.
            let spelling = match fraction.split_last() {
                None => !(zero && whole_start > start),
                Some((last, _)) => *last != b'0' && !(zero && fraction.starts_with(b"000000")),
            };
            if spelling {
                return Ok(());
            }
            return Err(ScanError { position: start, reason: NUMBER });
        }
        if exponent {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.fail("digits should follow the exponent");
            }
        }
        let text = std::str::from_utf8(&self.bytes[start..self.at]).unwrap_or_default();
        let canonical = text.parse().ok().filter(|value: &f64| value.is_finite()).and_then(canonical_number);
        if canonical.as_deref() == Some(text) { Ok(()) } else { Err(ScanError { position: start, reason: NUMBER }) }
    }

    fn actor_kind(&mut self) -> Result<(), ScanError> {
        for kind in [b"\"human\"".as_slice(), b"\"service\"", b"\"system\""] {
            if self.bytes[self.at..].starts_with(kind) {
                self.at += kind.len();
                return Ok(());
            }
        }
        self.fail("an actor is human, service or system")
    }

    fn digest(&mut self) -> Result<Digest, ScanError> {
        const LENGTH: usize = 8 + 64 + 1;
        let text = self.bytes.get(self.at..self.at + LENGTH);
        let hex = text.and_then(|text| text.strip_prefix(b"\"sha256:")).and_then(|text| text.strip_suffix(b"\""));
        let Some(bytes) = hex.and_then(digest::decode) else {
            return self.fail("a digest, sha256: and 64 lower-case hex digits, should stand here");
        };
        self.at += LENGTH;
        Ok(Digest::from_bytes(bytes))
    }

    /// The digests up to the closing bracket, ascending.
    fn evidence(&mut self) -> Result<Vec<Digest>, ScanError> {
        let mut digests: Vec<Digest> = Vec::new();
        if self.peek() == b']' {
            self.at += 1;
            return Ok(digests);
        }
        loop {
            let start = self.at;
            let digest = self.digest()?;
            if digests.last().is_some_and(|last| *last >= digest) {
                return Err(ScanError {
                    position: start,
                    reason: "the evidence is not in order, or a digest is there twice",
                });
            }
            digests.push(digest);
            match self.peek() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(digests);
                }
                _ => return self.fail("`,` or `]` should stand here"),
            }
        }
    }

    fn time(&mut self) -> Result<Timestamp, ScanError> {
        const LENGTH: usize = 27;
        let Some(time) = self.bytes.get(self.at..self.at + LENGTH).and_then(Timestamp::from_ascii) else {
            return self.fail("a time of the form 2026-11-23T11:02:35.123456Z should stand here");
        };
        self.at += LENGTH;
        Ok(time)
    }
}

const NUMBER: &str = "a number is not written the one way it should be (RFC 8785)";

/// Whether one key comes before another by their UTF-16 units. Both are JSON string contents.
#[inline]
fn ascending(a: &[u8], b: &[u8]) -> bool {
    let common = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let plain = |byte: Option<&u8>| byte.is_none_or(|byte| byte.is_ascii() && *byte != b'\\');
    let (next_a, next_b) = (a.get(common), b.get(common));
    // Outside escapes, what is alike in UTF-8 is alike in UTF-16, and ASCII is ordered the same in both.
    if plain(next_a) && plain(next_b) && !a[..common].contains(&b'\\') {
        return next_a < next_b;
    }
    let units = |key: &[u8]| {
        let quoted = [b"\"", key, b"\""].concat();
        serde_json::from_slice::<String>(&quoted).map(|key| key.encode_utf16().collect::<Vec<_>>())
    };
    matches!((units(a), units(b)), (Ok(a), Ok(b)) if a < b)
}

#[cfg(test)]
mod tests;
