//! The key that signs checkpoints: made on the first start, readable by its owner only, never replaced silently.

use std::{
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use ledger::{Checkpoint, SigningKey};

use crate::storage::{Store, StoreError};

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Reading or writing failed.
    #[error("the signing key {path} cannot be used: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others may read it.
    #[error("the signing key {0} can be read by others than its owner; run `chmod 600 {0}` and consider the key known")]
    Exposed(PathBuf),
    /// Its content is not a key.
    #[error("the signing key {path} is not readable as a key: {reason}")]
    Broken {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The ledger has another key.
    #[error(
        "the ledger was signed by {expected}, but the key at hand is {found}. Put the ledger's own key into place; \
         a ledger never changes its key silently"
    )]
    Other {
        /// Verifier key of the ledger.
        expected: String,
        /// Verifier key at hand.
        found: String,
    },
    /// The key is gone.
    #[error("the ledger was signed by {0}, but there is no signing key file. Restore it from the backup")]
    Gone(String),
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const SETTING: &str = "verifier_key";

/// Reads the key, or makes one for a ledger that has none yet.
///
/// # Errors
/// The file cannot be used, or the ledger has another key.
pub async fn load(path: &Path, origin: Option<&str>, store: &Store) -> Result<SigningKey, KeyFileError> {
    let known = store.setting(SETTING).await?;
    let key = match read(path)? {
        Some(key) => key,
        None => match known {
            Some(known) => return Err(KeyFileError::Gone(known)),
            None => create(path, origin)?,
        },
    };
    let verifier = key.verifier().to_string();
    // Of several servers that start on an empty database at once, one names the key and the others must have it.
    let known = match known {
        None => store.settle(SETTING, &verifier).await?,
        Some(known) => known,
    };
    if known == verifier { Ok(key) } else { Err(KeyFileError::Other { expected: known, found: verifier }) }
}

/// The key for the kill switch, when the table of settings cannot be read: the file's, held against the checkpoint that
/// it is to carry on.
///
/// # Errors
/// There is no key file, it cannot be used, or the ledger was signed by another key.
pub async fn load_in_need(path: &Path, origin: Option<&str>, store: &Store) -> Result<SigningKey, KeyFileError> {
    let error = match load(path, origin, store).await {
        Err(KeyFileError::Store(error)) => error,
        other => return other,
    };
    let head = store.head().await?;
    let Some(key) = read(path)? else { return Err(error.into()) };
    let found = key.verifier();
    match Checkpoint::open(&head.checkpoint, std::slice::from_ref(found)) {
        Ok(_) => Ok(key),
        Err(_) if head.size == 0 => Ok(key),
        Err(error) => Err(KeyFileError::Other { expected: format!("another key ({error})"), found: found.to_string() }),
    }
}

fn read(path: &Path) -> Result<Option<SigningKey>, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    let mode = std::fs::metadata(path).map_err(io)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed(path.to_owned()));
    }
    let key = text.trim().parse().map_err(|error: ledger::note::KeyError| KeyFileError::Broken {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Some(key))
}

fn create(path: &Path, origin: Option<&str>) -> Result<SigningKey, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let random = |size: usize| -> Result<Vec<u8>, KeyFileError> {
        let mut bytes = vec![0; size];
        getrandom::fill(&mut bytes).map_err(|error| io(std::io::Error::other(error.to_string())))?;
        Ok(bytes)
    };
    let origin = match origin {
        Some(origin) => origin.to_owned(),
        None => format!("countersign/{}", &ledger::Digest::of(&random(16)?).short()),
    };
    let seed: [u8; 32] = random(32)?.try_into().unwrap_or_default();
    let key = SigningKey::from_seed(&origin, &seed)
        .map_err(|error| KeyFileError::Broken { path: path.to_owned(), reason: error.to_string() })?;
    // Whole or not at all: whoever is killed here must not leave half a key, nor replace one that is there by now.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = folder.join(format!(".signing-key-{}", uuid::Uuid::new_v4().simple()));
    let written =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).and_then(|mut file| {
            writeln!(file, "{}", key.to_secret_text())?;
            file.sync_all()?;
            std::fs::hard_link(&draft, path)
        });
    // The draft is a second name of the key file by now, or of no use.
    let _ = std::fs::remove_file(&draft);
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return read(path)?.ok_or_else(|| io(std::io::ErrorKind::NotFound.into()));
        }
        written => written.map_err(io)?,
    }
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
    Ok(key)
}
