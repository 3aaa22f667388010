//! Signed notes (C2SP signed-note 1.0): text, an empty line, and lines that say who signed it.
//!
//! Two kinds of key are known: Ed25519 (type 0x01), which signs the text, and the Ed25519 cosignature of a witness
//! (type 0x04, tlog-cosignature 1.0), which signs the text together with the time it was seen.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _, VerifyingKey};

use crate::{Digest, DigestBuilder};

/// Most signature lines that are read. The specification asks for at least 16.
const MAX_SIGNATURES: usize = 100;
/// Longest note that is read, in bytes.
const MAX_NOTE_BYTES: usize = 1 << 20;
/// What a signature line starts with: an em dash and a space.
const DASH: &str = "\u{2014} ";
const PRIVATE: &str = "PRIVATE+KEY+";

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// The text of the note (type 0x01).
    Ed25519,
    /// The text of a checkpoint and the time at which a witness saw it (type 0x04).
    Cosignature,
}

impl KeyKind {
    const fn type_byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }
}

/// Why a key's text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not of the form `name+hash+key`.
    #[error("a verifier key reads name+8 hex digits+base64, a signing key has PRIVATE+KEY+ in front")]
    Form,
    /// The name is empty or has a space or `+` in it.
    #[error("a key's name is not empty and has neither spaces nor `+`")]
    Name,
    /// The key is of a type that this program does not know, or has the wrong length.
    #[error("the key is not an Ed25519 key of 32 bytes")]
    Kind,
    /// The hash does not belong to name and key.
    #[error("the key's hash does not fit its name and key: it was mistyped or altered")]
    Hash,
}

/// Why a note cannot be written or trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text is empty, does not end in a line feed, or has control characters.
    #[error("the text of a note ends in a line feed and has no other control characters")]
    Text,
    /// The note is not text, an empty line and signature lines.
    #[error("the note is malformed: {0}")]
    Malformed(&'static str),
    /// A key that is known did not make the signature that bears its name.
    #[error("the signature of {name} is not valid: text or signature were altered")]
    Invalid {
        /// The key's name.
        name: String,
    },
    /// None of the signatures is by a key that is known.
    #[error("none of the signatures is by a key that is known here")]
    Unverified,
}

fn valid_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

fn key_id(name: &str, kind: KeyKind, public: &[u8; 32]) -> [u8; 4] {
    let mut builder = DigestBuilder::new();
    builder.update(name.as_bytes());
    builder.update(&[b'\n', kind.type_byte()]);
    builder.update(public);
    let [a, b, c, d, ..] = *builder.finish().as_bytes();
    [a, b, c, d]
}

/// Splits `name+hash+base64` and decodes the latter two.
fn parse_key(text: &str) -> Result<(&str, u32, Vec<u8>), KeyError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyError::Form);
    };
    if !valid_name(name) {
        return Err(KeyError::Name);
    }
    if hash.len() != 8 || !hash.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(KeyError::Form);
    }
    let hash = u32::from_str_radix(hash, 16).map_err(|_| KeyError::Form)?;
    Ok((name, hash, STANDARD.decode(key).map_err(|_| KeyError::Form)?))
}

/// A key that signs notes. Its text form is a secret.
#[derive(Clone)]
pub struct SigningKey {
    verifier: VerifierKey,
    secret: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// A key of this name from 32 random bytes, for signing notes and checkpoints.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        Self::with_kind(name, KeyKind::Ed25519, seed)
    }

    /// A witness's key from 32 random bytes, for [`cosign`].
    pub fn cosigner_from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        Self::with_kind(name, KeyKind::Cosignature, seed)
    }

    fn with_kind(name: &str, kind: KeyKind, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(name, kind, secret.verifying_key())?;
        Ok(Self { verifier, secret })
    }

    /// The key's name; a log's key bears the log's origin.
    pub fn name(&self) -> &str {
        self.verifier.name()
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The text to keep in a key file: `PRIVATE+KEY+name+hash+base64(type ‖ seed)`. A secret.
    pub fn to_secret_text(&self) -> String {
        let mut key = vec![self.verifier.kind.type_byte()];
        key.extend_from_slice(self.secret.as_bytes());
        let VerifierKey { name, id, .. } = &self.verifier;
        format!("{PRIVATE}{name}+{:08x}+{}", u32::from_be_bytes(*id), STANDARD.encode(key))
    }

    fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message).to_bytes()
    }
}

impl FromStr for SigningKey {
    type Err = KeyError;

    /// Reads what [`SigningKey::to_secret_text`] wrote.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, hash, key) = parse_key(text.strip_prefix(PRIVATE).ok_or(KeyError::Form)?)?;
        let (kind, seed) = typed_key(&key)?;
        let key = Self::with_kind(name, kind, &seed)?;
        if key.verifier.id == hash.to_be_bytes() { Ok(key) } else { Err(KeyError::Hash) }
    }
}

impl fmt::Debug for SigningKey {
    /// Shows the public half only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifier)
    }
}

fn typed_key(key: &[u8]) -> Result<(KeyKind, [u8; 32]), KeyError> {
    let (kind, key) = key.split_first().ok_or(KeyError::Kind)?;
    let kind = match kind {
        0x01 => KeyKind::Ed25519,
        0x04 => KeyKind::Cosignature,
        _ => return Err(KeyError::Kind),
    };
    Ok((kind, key.try_into().map_err(|_| KeyError::Kind)?))
}

/// A key that checks notes. Reads and writes as `name+<8 hex digits>+base64(type ‖ public key)`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    id: [u8; 4],
    public: VerifyingKey,
}

impl VerifierKey {
    fn new(name: &str, kind: KeyKind, public: VerifyingKey) -> Result<Self, KeyError> {
        if valid_name(name) {
            let id = key_id(name, kind, public.as_bytes());
            Ok(Self { name: name.into(), kind, id, public })
        } else {
            Err(KeyError::Name)
        }
    }

    /// The key's name; a log's key bears the log's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key signs.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The first four bytes of the digest over name, type and key, by which signature lines refer to the key.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Digest of the public key's text form: a fingerprint to read out.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(self.to_string().as_bytes())
    }

    /// Checks what follows the key ID in a signature line.
    fn verify(&self, text: &str, blob: &[u8]) -> Option<Verified> {
        let (time, signature) = match self.kind {
            KeyKind::Ed25519 => (None, blob),
            KeyKind::Cosignature => {
                let (time, signature) = blob.split_first_chunk()?;
                (Some(u64::from_be_bytes(*time)), signature)
            }
        };
        let message = time.map_or_else(|| text.to_owned(), |time| cosigned_message(text, time));
        let signature = Signature::from_slice(signature).ok()?;
        self.public.verify_strict(message.as_bytes(), &signature).ok()?;
        Some(Verified { name: self.name.clone(), kind: self.kind, time })
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, hash, key) = parse_key(text)?;
        let (kind, public) = typed_key(&key)?;
        let public = VerifyingKey::from_bytes(&public).map_err(|_| KeyError::Kind)?;
        let key = Self::new(name, kind, public)?;
        if key.id == hash.to_be_bytes() { Ok(key) } else { Err(KeyError::Hash) }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.kind.type_byte()];
        key.extend_from_slice(self.public.as_bytes());
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id), STANDARD.encode(key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A signature that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Name of the key.
    pub name: String,
    /// What the key signs.
    pub kind: KeyKind,
    /// When a witness saw the checkpoint, in Unix seconds; none for other signatures.
    pub time: Option<u64>,
}

/// A note whose signatures were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The signed text, with its final line feed.
    pub text: String,
    /// Who signed, in the order of the lines; each key once.
    pub verified: Vec<Verified>,
    /// Signature lines by keys that are not known, and so count for nothing.
    pub ignored: usize,
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if text.ends_with('\n') && !text.contains(|c: char| c < ' ' && c != '\n') { Ok(()) } else { Err(NoteError::Text) }
}

fn signature_line(key: &VerifierKey, blob: &[u8]) -> String {
    let blob = [key.id.as_slice(), blob].concat();
    format!("{DASH}{} {}\n", key.name, STANDARD.encode(blob))
}

fn cosigned_message(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// Signs `text` with every key of type 0x01 and writes the note.
pub fn sign(text: &str, keys: &[&SigningKey]) -> Result<String, NoteError> {
    check_text(text)?;
    if keys.is_empty() || keys.iter().any(|key| key.verifier.kind != KeyKind::Ed25519) {
        return Err(NoteError::Malformed("a note is signed by one or more Ed25519 keys; witnesses cosign"));
    }
    let lines: String =
        keys.iter().map(|key| signature_line(&key.verifier, &key.sign_bytes(text.as_bytes()))).collect();
    Ok(format!("{text}\n{lines}"))
}

/// A witness's signature line for the checkpoint `text`, seen at `time` in Unix seconds.
pub fn cosign(text: &str, time: u64, key: &SigningKey) -> Result<String, NoteError> {
    check_text(text)?;
    if key.verifier.kind != KeyKind::Cosignature {
        return Err(NoteError::Malformed("a cosignature is made with a key of type 0x04"));
    }
    let signature = key.sign_bytes(cosigned_message(text, time).as_bytes());
    Ok(signature_line(&key.verifier, &[time.to_be_bytes().as_slice(), &signature].concat()))
}

/// A signature line, read but not checked.
struct Line<'a> {
    name: &'a str,
    id: [u8; 4],
    blob: Vec<u8>,
}

fn parse_line(line: &str) -> Option<Line<'_>> {
    let (name, base64) = line.strip_prefix(DASH)?.split_once(' ')?;
    // The engine refuses missing padding and stray trailing bits, so a line has one spelling.
    let bytes = STANDARD.decode(base64).ok()?;
    let (id, blob) = bytes.split_first_chunk()?;
    (valid_name(name) && !blob.is_empty()).then(|| Line { name, id: *id, blob: blob.to_vec() })
}

/// Splits a note at its last empty line into text and signature lines.
fn parse(note: &str) -> Result<(&str, Vec<Line<'_>>), NoteError> {
    if note.len() > MAX_NOTE_BYTES {
        return Err(NoteError::Malformed("it is longer than a mebibyte"));
    }
    let split = note.rfind("\n\n").ok_or(NoteError::Malformed("no empty line comes before the signatures"))?;
    let (text, signatures) = (&note[..=split], &note[split + 2..]);
    check_text(text)?;
    let lines =
        signatures.strip_suffix('\n').ok_or(NoteError::Malformed("the last line does not end in a line feed"))?;
    let lines: Option<Vec<_>> = lines.split('\n').map(parse_line).collect();
    match lines {
        Some(lines) if lines.len() <= MAX_SIGNATURES => Ok((text, lines)),
        Some(_) => Err(NoteError::Malformed("it has more than 100 signatures")),
        None => Err(NoteError::Malformed("a signature line does not read `\u{2014} name base64`")),
    }
}

/// Checks a note against the keys that are known.
///
/// Lines by other keys are ignored; a known key whose signature fails spoils the whole note; at least one known
/// key must have signed.
pub fn open(note: &str, keys: &[VerifierKey]) -> Result<Note, NoteError> {
    let (text, lines) = parse(note)?;
    let mut result = Note { text: text.to_owned(), verified: Vec::new(), ignored: 0 };
    let mut seen: Vec<&VerifierKey> = Vec::new();
    for line in lines {
        let Some(key) = keys.iter().find(|key| key.name == line.name && key.id == line.id) else {
            result.ignored += 1;
            continue;
        };
        let Some(verified) = key.verify(text, &line.blob) else {
            return Err(NoteError::Invalid { name: key.name.clone() });
        };
        if !seen.contains(&key) {
            seen.push(key);
            result.verified.push(verified);
        }
    }
    if result.verified.is_empty() { Err(NoteError::Unverified) } else { Ok(result) }
}

/// The text of a note, without checking who signed it. For showing only.
pub fn text_unverified(note: &str) -> Result<&str, NoteError> {
    parse(note).map(|(text, _)| text)
}

/// Adds signature lines, as a witness returned them, to a note. They are checked for form only.
pub fn with_signatures(note: &str, lines: &str) -> Result<String, NoteError> {
    let joined = format!("{note}{lines}");
    let (text, _) = parse(&joined)?;
    if text == parse(note)?.0 {
        Ok(joined)
    } else {
        Err(NoteError::Malformed("the added lines are not signature lines"))
    }
}
