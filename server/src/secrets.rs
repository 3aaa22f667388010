//! Secrets that the server must be able to read again, such as those that sign webhooks: they lie in the database sealed
//! with a key that is derived from the signing key, which lies beside the database and not in it.
//!
//! Sealed with ChaCha20-Poly1305 (RFC 8439) under a random nonce; the key comes from the signing key's secret text by
//! HKDF-SHA-256 (RFC 5869) with a label of its own, so that neither use tells anything of the other. What a secret is for
//! is authenticated with it: a sealed value that is moved to another row does not open there.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ledger::SigningKey;
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
};

use crate::accounts::random_bytes;

/// What a sealed value begins with: the form and its version.
const PREFIX: &str = "sealed:1:";
/// Separates this key from whatever else may ever be derived from the signing key.
const LABEL: &[u8] = b"countersign secrets at rest v1";

/// Why a secret cannot be sealed or opened. It never holds the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It was not sealed by this server's key, or for something else, or it was changed.
    #[error("a secret cannot be opened with this server's key: it was sealed with another one, or changed")]
    Closed,
    /// The cryptography failed, which it never should.
    #[error("a secret cannot be sealed")]
    Unsealable,
}

/// The key that seals secrets.
pub struct Secrets {
    key: LessSafeKey,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// Whether a stored value is sealed; earlier releases stored secrets as they are.
pub fn is_sealed(stored: &str) -> bool {
    stored.starts_with(PREFIX)
}

impl Secrets {
    /// The key that belongs to a signing key.
    ///
    /// # Errors
    /// The derivation failed.
    pub fn of(key: &SigningKey) -> Result<Self, SecretError> {
        let pseudorandom = Salt::new(HKDF_SHA256, LABEL).extract(key.to_secret_text().as_bytes());
        let info = [LABEL];
        let okm = pseudorandom.expand(&info, &CHACHA20_POLY1305).map_err(|_| SecretError::Unsealable)?;
        Ok(Self { key: LessSafeKey::new(UnboundKey::from(okm)) })
    }

    /// Seals a secret for what `purpose` names, such as a column and a row.
    ///
    /// # Errors
    /// The cryptography failed.
    pub fn seal(&self, purpose: &str, secret: &str) -> Result<String, SecretError> {
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&random_bytes()[..NONCE_LEN]);
        let mut sealed = secret.as_bytes().to_vec();
        let aad = Aad::from(purpose.as_bytes());
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| SecretError::Unsealable)?;
        Ok(format!("{PREFIX}{}", BASE64_STANDARD.encode([&nonce[..], &sealed].concat())))
    }

    /// Opens what was sealed for this purpose.
    ///
    /// # Errors
    /// It was sealed with another key or for something else, or it was changed.
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<String, SecretError> {
        let encoded = sealed.strip_prefix(PREFIX).ok_or(SecretError::Closed)?;
        let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| SecretError::Closed)?;
        let (nonce, text) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(SecretError::Closed)?;
        let mut text = text.to_vec();
        let aad = Aad::from(purpose.as_bytes());
        let opened = self.key.open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut text);
        let opened = opened.map_err(|_| SecretError::Closed)?;
        std::str::from_utf8(opened).map(str::to_owned).map_err(|_| SecretError::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(seed: u8) -> Secrets {
        Secrets::of(&SigningKey::from_seed("test.example/countersign", &[seed; 32]).unwrap()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_for_the_same_purpose_only() {
        let (ours, theirs) = (secrets(1), secrets(2));
        let sealed = ours.seal("webhook secret a", "whsec_c2VjcmV0").unwrap();
        assert!(is_sealed(&sealed) && !sealed.contains("c2VjcmV0") && !is_sealed("whsec_c2VjcmV0"));
        assert_ne!(sealed, ours.seal("webhook secret a", "whsec_c2VjcmV0").unwrap(), "a nonce of its own each time");
        assert_eq!(secrets(1).open("webhook secret a", &sealed).unwrap(), "whsec_c2VjcmV0", "after a restart too");
        assert_eq!(theirs.open("webhook secret a", &sealed), Err(SecretError::Closed));
        assert_eq!(ours.open("webhook secret b", &sealed), Err(SecretError::Closed), "moved to another row");
        for broken in ["whsec_c2VjcmV0", "sealed:1:", "sealed:1:AAAA", "sealed:1:!", &sealed[..sealed.len() - 4]] {
            assert_eq!(ours.open("webhook secret a", broken), Err(SecretError::Closed), "{broken}");
        }
        let mut bytes = BASE64_STANDARD.decode(sealed.strip_prefix(PREFIX).unwrap()).unwrap();
        for at in [0, NONCE_LEN, bytes.len() - 1] {
            bytes[at] ^= 1;
            let changed = format!("{PREFIX}{}", BASE64_STANDARD.encode(&bytes));
            assert_eq!(ours.open("webhook secret a", &changed), Err(SecretError::Closed), "byte {at}");
            bytes[at] ^= 1;
        }
        assert_eq!(format!("{ours:?}"), "Secrets { .. }");
    }
}
