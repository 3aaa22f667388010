//! Evidence files: a folder addressed by content. A file appears under its digest only when it is complete and on
//! stable storage; equal files are kept once.

use std::{
    io,
    path::{Path, PathBuf},
};

use futures_util::{Stream, StreamExt};
use ledger::{Digest, DigestBuilder};
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt as _, AsyncWriteExt as _},
};

/// Why a file was not kept. Nothing of it remains.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It is larger than allowed.
    #[error(
        "the file is larger than the limit of {limit_bytes} bytes; nothing was kept. Split it, or let an administrator raise max_upload_bytes"
    )]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// It broke off on its way.
    #[error("the upload broke off: {0}. Nothing was kept; send it again")]
    BrokenOff(String),
    /// The disk is full.
    #[error("the storage for evidence is full; nothing was kept. Free space and send it again")]
    Full,
    /// The folder cannot be used.
    #[error("the evidence folder failed: {0}")]
    Io(io::Error),
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io(error),
        }
    }
}

/// A kept file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// The folder.
#[derive(Debug, Clone)]
pub struct Blobs {
    folder: PathBuf,
    limit_bytes: u64,
}

impl Blobs {
    /// Opens the folder and removes what an interrupted upload left behind.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub async fn open(folder: PathBuf, limit_bytes: u64) -> Result<Self, BlobError> {
        let incoming = folder.join("incoming");
        fs::create_dir_all(&incoming).await?;
        let mut left = fs::read_dir(&incoming).await?;
        while let Some(file) = left.next_entry().await? {
            let age = file.metadata().await.and_then(|data| data.modified()).ok().and_then(|at| at.elapsed().ok());
            // Another server on the same folder may be receiving; only what is a day old is surely abandoned.
            if age.is_some_and(|age| age.as_secs() > 24 * 3600) {
                fs::remove_file(file.path()).await?;
            }
        }
        Ok(Self { folder, limit_bytes })
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.folder.join(&hex[..2]).join(hex)
    }

    /// Refuses a file that is said to have so many bytes, if that is more than is kept.
    ///
    /// # Errors
    /// It is too large.
    pub fn check_size(&self, size_bytes: u64) -> Result<(), BlobError> {
        if size_bytes <= self.limit_bytes { Ok(()) } else { Err(BlobError::TooLarge { limit_bytes: self.limit_bytes }) }
    }

    /// Receives a file.
    ///
    /// # Errors
    /// It is too large, broke off, or there is no room.
    pub async fn put<E: std::fmt::Display>(
        &self,
        mut chunks: impl Stream<Item = Result<impl AsRef<[u8]>, E>> + Unpin,
    ) -> Result<Blob, BlobError> {
        let incoming = self.folder.join("incoming").join(uuid::Uuid::new_v4().to_string());
        let outcome = async {
            let mut file = File::create_new(&incoming).await?;
            let mut hash = DigestBuilder::new();
            let mut size_bytes = 0_u64;
            while let Some(chunk) = chunks.next().await {
                let chunk = chunk.map_err(|error| BlobError::BrokenOff(error.to_string()))?;
                let chunk = chunk.as_ref();
                size_bytes += chunk.len() as u64;
                if size_bytes > self.limit_bytes {
                    return Err(BlobError::TooLarge { limit_bytes: self.limit_bytes });
                }
                hash.update(chunk);
                file.write_all(chunk).await?;
            }
            file.flush().await?;
            file.sync_all().await?;
            Ok(Blob { digest: hash.finish(), size_bytes })
        }
        .await;
        match outcome {
            Ok(blob) => {
                let target = self.path(&blob.digest);
                if let Some(parent) = target.parent() {
                    fs::create_dir_all(parent).await?;
                    fs::rename(&incoming, &target).await?;
                    sync_folder(parent).await?;
                    // The folder of these first two digits may be new itself.
                    sync_folder(&self.folder).await?;
                }
                Ok(blob)
            }
            Err(error) => {
                // The upload's own error is the one to tell.
                let _ = fs::remove_file(&incoming).await;
                Err(error)
            }
        }
    }

    /// Opens a kept file.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn open_file(&self, digest: &Digest) -> Result<Option<File>, BlobError> {
        match File::open(self.path(digest)).await {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a kept file whole, if it has at most `limit_bytes`; `None` if it is larger or not there.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn read(&self, digest: &Digest, limit_bytes: u64) -> Result<Option<Vec<u8>>, BlobError> {
        match fs::metadata(self.path(digest)).await {
            Ok(data) if data.len() <= limit_bytes => Ok(Some(fs::read(self.path(digest)).await?)),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The digest that a kept file has now, which is its name unless it was changed; `None` if it is not there.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn digest_of(&self, name: &Digest) -> Result<Option<Digest>, BlobError> {
        let Some(mut file) = self.open_file(name).await? else { return Ok(None) };
        let mut hash = DigestBuilder::new();
        let mut buffer = vec![0; 128 * 1024];
        loop {
            let count = file.read(&mut buffer).await?;
            if count == 0 {
                return Ok(Some(hash.finish()));
            }
            hash.update(&buffer[..count]);
        }
    }

    /// Where a kept file lies, for copying.
    pub fn location(&self, digest: &Digest) -> PathBuf {
        self.path(digest)
    }
}

async fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder).await?.sync_all().await
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    async fn blobs(limit: u64) -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().to_owned(), limit).await.unwrap();
        (folder, blobs)
    }

    fn leftovers(folder: &Path) -> usize {
        std::fs::read_dir(folder.join("incoming")).unwrap().count()
    }

    #[tokio::test]
    async fn a_file_is_found_again_by_its_digest() {
        let (folder, blobs) = blobs(100).await;
        let chunks = [Ok::<_, io::Error>(b"hello ".to_vec()), Ok(b"world".to_vec())];
        let blob = blobs.put(stream::iter(chunks)).await.unwrap();
        assert_eq!(blob, Blob { digest: Digest::of(b"hello world"), size_bytes: 11 });
        assert_eq!(blobs.read(&blob.digest, 100).await.unwrap().unwrap(), b"hello world");
        assert_eq!(leftovers(folder.path()), 0);
    }

    #[tokio::test]
    async fn a_file_over_the_limit_or_broken_off_leaves_nothing() {
        let (folder, blobs) = blobs(4).await;
        let large = stream::iter([Ok::<_, io::Error>(b"hello".to_vec())]);
        assert!(matches!(blobs.put(large).await, Err(BlobError::TooLarge { limit_bytes: 4 })));
        let broken = stream::iter([Ok(b"he".to_vec()), Err(io::Error::other("gone"))]);
        assert!(matches!(blobs.put(broken).await, Err(BlobError::BrokenOff(_))));
        assert_eq!(leftovers(folder.path()), 0);
        assert!(blobs.open_file(&Digest::of(b"hello")).await.unwrap().is_none());
    }
}
