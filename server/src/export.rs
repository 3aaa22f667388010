//! Exporting the ledger: the folder that `countersign verify` and independent tools read, as files or as a tar stream.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::Stream;
use ledger::{
    Digest, Entry,
    export::{
        CHECKPOINT, EVIDENCE_OMITTED, ExportWriter, README, README_PATH, VERIFIER_KEY, evidence_path, omitted_text,
    },
};
use tokio::{io::AsyncReadExt as _, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    blobs::{BlobError, Blobs},
    service::Service,
    storage::{Store, StoreError},
};

/// Entries read from the database at a time: one bundle.
const PAGE: u64 = 256;

/// Why an export is not whole. What was written of it must not be used.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The evidence folder failed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// Writing failed.
    #[error("the export cannot be written to {0}: {1}")]
    Write(PathBuf, io::Error),
    /// The target is in the way.
    #[error("{0} exists and is not an empty folder; name another one")]
    InTheWay(PathBuf),
    /// The ledger contradicts itself.
    #[error("the ledger is inconsistent at entry {seq}: {reason}. Run `countersign fsck`")]
    Ledger {
        /// The entry.
        seq: u64,
        /// What is wrong.
        reason: String,
    },
    /// Whoever wanted it went away.
    #[error("the reader of the export went away")]
    Gone,
}

/// One file of an export.
enum Item {
    /// Content in memory.
    Bytes(String, Vec<u8>),
    /// A kept evidence file.
    Evidence(Digest),
}

/// Where the files of an export go.
#[async_trait::async_trait]
trait Target: Send {
    async fn put(&mut self, item: Item) -> Result<(), ExportError>;
}

/// Walks the ledger up to its present head and puts every file of the export.
async fn walk(
    store: &Store,
    blobs: &Blobs,
    verifier_key: &str,
    omit_evidence: bool,
    target: &mut dyn Target,
) -> Result<u64, ExportError> {
    let head = store.head().await?;
    let mut writer = ExportWriter::new();
    let mut evidence: BTreeSet<Digest> = BTreeSet::new();
    while writer.size() < head.size {
        let page = store.entries_from(writer.size(), PAGE.min(head.size - writer.size())).await?;
        if page.is_empty() {
            return Err(ExportError::Ledger { seq: writer.size(), reason: "the entry is missing".into() });
        }
        for stored in page {
            let fault = |reason: String| ExportError::Ledger { seq: stored.seq, reason };
            if stored.seq != writer.size() {
                return Err(fault(format!("entry {} is missing", writer.size())));
            }
            let entry = Entry::from_bytes(&stored.bytes).map_err(|error| fault(error.to_string()))?;
            evidence.extend(entry.evidence);
            for (path, bytes) in writer.push(&stored.bytes).map_err(|error| fault(error.to_string()))? {
                target.put(Item::Bytes(path, bytes)).await?;
            }
        }
    }
    for (path, bytes) in writer.finish() {
        target.put(Item::Bytes(path, bytes)).await?;
    }
    let mut omitted = Vec::new();
    for digest in evidence {
        if omit_evidence || blobs.open_file(&digest).await?.is_none() {
            omitted.push(digest);
        } else {
            target.put(Item::Evidence(digest)).await?;
        }
    }
    if !omitted.is_empty() {
        target.put(Item::Bytes(EVIDENCE_OMITTED.into(), omitted_text(omitted).into_bytes())).await?;
    }
    target.put(Item::Bytes(VERIFIER_KEY.into(), format!("{verifier_key}\n").into_bytes())).await?;
    target.put(Item::Bytes(README_PATH.into(), README.as_bytes().to_vec())).await?;
    // Last, so that an export that broke off has no checkpoint to pass for whole.
    target.put(Item::Bytes(CHECKPOINT.into(), head.checkpoint.into_bytes())).await?;
    Ok(head.size)
}

struct Folder {
    root: PathBuf,
    blobs: Blobs,
}

#[async_trait::async_trait]
impl Target for Folder {
    async fn put(&mut self, item: Item) -> Result<(), ExportError> {
        let path = match &item {
            Item::Bytes(path, _) => self.root.join(path),
            Item::Evidence(digest) => self.root.join(evidence_path(digest)),
        };
        let write = |error| ExportError::Write(path.clone(), error);
        if let Some(parent) = path.parent() {
            tokio::fs::create_dir_all(parent).await.map_err(write)?;
        }
        match item {
            Item::Bytes(_, bytes) => tokio::fs::write(&path, bytes).await.map_err(write),
            Item::Evidence(digest) => {
                tokio::fs::copy(self.blobs.location(&digest), &path).await.map(drop).map_err(write)
            }
        }
    }
}

/// Exports into a new or empty folder and answers the number of entries.
///
/// # Errors
/// See [`ExportError`].
pub async fn to_folder(
    store: &Store,
    blobs: &Blobs,
    verifier_key: &str,
    omit_evidence: bool,
    folder: &Path,
) -> Result<u64, ExportError> {
    let in_use = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(_) => true,
    };
    if in_use {
        return Err(ExportError::InTheWay(folder.to_owned()));
    }
    tokio::fs::create_dir_all(folder).await.map_err(|error| ExportError::Write(folder.to_owned(), error))?;
    let mut target = Folder { root: folder.to_owned(), blobs: blobs.clone() };
    walk(store, blobs, verifier_key, omit_evidence, &mut target).await
}

type Chunk = Result<Vec<u8>, io::Error>;

struct Tar {
    chunks: mpsc::Sender<Chunk>,
    blobs: Blobs,
}

impl Tar {
    async fn send(&self, bytes: Vec<u8>) -> Result<(), ExportError> {
        self.chunks.send(Ok(bytes)).await.map_err(|_| ExportError::Gone)
    }

    async fn header(&self, path: &str, size: u64) -> Result<(), ExportError> {
        let mut header = tar::Header::new_ustar();
        header.set_path(path).map_err(|error| ExportError::Write(path.into(), error))?;
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        self.send(header.as_bytes().to_vec()).await
    }

    /// A file's content ends at a multiple of 512 bytes.
    async fn pad(&self, size: u64) -> Result<(), ExportError> {
        let rest = usize::try_from(size % 512).unwrap_or(0);
        if rest == 0 { Ok(()) } else { self.send(vec![0; 512 - rest]).await }
    }
}

#[async_trait::async_trait]
impl Target for Tar {
    async fn put(&mut self, item: Item) -> Result<(), ExportError> {
        match item {
            Item::Bytes(path, bytes) => {
                let size = bytes.len() as u64;
                self.header(&path, size).await?;
                self.send(bytes).await?;
                self.pad(size).await
            }
            Item::Evidence(digest) => {
                let path = evidence_path(&digest);
                let read = |error| ExportError::Write(PathBuf::from(&path), error);
                let Some(mut file) = self.blobs.open_file(&digest).await? else {
                    return Err(read(io::ErrorKind::NotFound.into()));
                };
                let size = file.metadata().await.map_err(read)?.len();
                self.header(&path, size).await?;
                let mut buffer = vec![0; 128 * 1024];
                loop {
                    let count = file.read(&mut buffer).await.map_err(read)?;
                    if count == 0 {
                        break;
                    }
                    self.send(buffer[..count].to_vec()).await?;
                }
                self.pad(size).await
            }
        }
    }
}

/// The export as a tar archive, made while it is read.
pub fn tar_stream(app: Arc<Service>, omit_evidence: bool) -> impl Stream<Item = Chunk> + use<> {
    let (chunks, receiver) = mpsc::channel(8);
    tokio::spawn(async move {
        let mut target = Tar { chunks: chunks.clone(), blobs: app.blobs.clone() };
        let key = app.key.verifier().to_string();
        let outcome = walk(&app.store, &app.blobs, &key, omit_evidence, &mut target).await;
        let end = match outcome {
            // Two empty blocks end an archive.
            Ok(_) => Ok(vec![0; 1_024]),
            Err(error) => {
                tracing::error!(%error, "an export broke off");
                Err(io::Error::other(error.to_string()))
            }
        };
        // Nobody reading any more is no fault.
        let _ = chunks.send(end).await;
    });
    ReceiverStream::new(receiver)
}
