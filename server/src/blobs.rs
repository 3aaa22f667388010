//! Evidence files: a folder addressed by content. A file appears under its digest only when it is complete and on
//! stable storage; equal files are kept once.
//!
//! An upload stays claimed, by a second name of the file among the incoming ones, until it is known what became of the
//! command that it was sent for. A refused one is taken back, unless somebody else's upload of the same content stands
//! in its place: every accepted upload puts its own copy there, so the file that a refused one brought is told by its
//! inode, without a lock, also where several servers share the folder. What a crash leaves behind is found by
//! [`Blobs::strays`].

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::{Stream, StreamExt};
use ledger::{Digest, DigestBuilder};
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Mutex,
};

/// Seconds after which nobody can still be sending a file.
const ABANDONED_SECONDS: u64 = 24 * 3_600;

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

/// A file just received, whose use is not decided yet. Dropped undecided, it stays, and is a stray if no entry names it.
#[derive(Debug)]
#[must_use = "an upload is accepted or refused"]
pub struct Upload {
    /// The file.
    pub blob: Blob,
    /// The second name, where the file system gives a file two.
    claim: Option<PathBuf>,
    blobs: Blobs,
}

impl Upload {
    /// An entry names the file now: it stays for good.
    pub async fn accept(self) {
        let Some(claim) = self.claim else { return };
        let target = self.blobs.path(&self.blob.digest);
        let _names = self.blobs.names.lock().await;
        // Puts this very copy there, whoever's was there and may be taken back.
        let moved = async {
            fs::rename(&claim, &target).await?;
            // Two names of one file are both left by a rename (POSIX).
            match fs::remove_file(&claim).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => sync_folder(target.parent().unwrap_or(&self.blobs.folder)).await,
            }
        };
        if let Err(error) = moved.await {
            tracing::warn!(%error, digest = %self.blob.digest, "an upload's claim could not be settled");
        }
    }

    /// Nothing names the file because of this upload: it is taken back, if it is not somebody else's too.
    pub async fn refuse(self) {
        let Some(claim) = &self.claim else { return };
        if let Err(error) = self.take_back(claim).await {
            tracing::warn!(%error, digest = %self.blob.digest, "a refused upload could not be taken back");
        }
    }

    async fn take_back(&self, claim: &Path) -> io::Result<()> {
        let target = self.blobs.path(&self.blob.digest);
        let _names = self.blobs.names.lock().await;
        let own = identity(&fs::metadata(claim).await?);
        let is_own = |data: io::Result<std::fs::Metadata>| data.is_ok_and(|data| identity(&data) == own);
        if !is_own(fs::metadata(&target).await) {
            return fs::remove_file(claim).await;
        }
        // Moved out of the way first and looked at there: between a look and a removal it could become another's, of an
        // upload that was accepted.
        let aside = self.blobs.incoming(&format!("aside.{}.{}", self.blob.digest.hex(), uuid::Uuid::new_v4()));
        fs::rename(&target, &aside).await?;
        if !is_own(fs::metadata(&aside).await) {
            fs::rename(&aside, &target).await?;
            return fs::remove_file(claim).await;
        }
        // Whoever else is sending the same content reads it there, and takes it back if need be.
        while let Some(other) = self.blobs.other_claim(&self.blob.digest, claim).await? {
            match fs::hard_link(&other, &target).await {
                // Settled meanwhile: look again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => break,
            }
        }
        fs::remove_file(&aside).await?;
        fs::remove_file(claim).await
    }
}

/// What tells a file from its copies.
fn identity(data: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (data.dev(), data.ino())
}

/// The folder.
#[derive(Debug, Clone)]
pub struct Blobs {
    folder: PathBuf,
    limit_bytes: u64,
    /// Held where a file gets its name or loses it, so that within one program none vanishes from under an upload of the
    /// same content.
    names: Arc<Mutex<()>>,
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
            if age.is_some_and(|age| age.as_secs() > ABANDONED_SECONDS) {
                // A whole file keeps its place under its digest, whatever its claim came to.
                let name = file.file_name().to_string_lossy().into_owned();
                let digest = name.split('.').find_map(|part| Digest::from_hex(part).ok());
                match digest.map(|digest| blob_path(&folder, &digest)) {
                    Some(target) if !fs::try_exists(&target).await? => {
                        fs::create_dir_all(target.parent().unwrap_or(&folder)).await?;
                        fs::rename(file.path(), &target).await?;
                    }
                    _ => fs::remove_file(file.path()).await?,
                }
            }
        }
        Ok(Self { folder, limit_bytes, names: Arc::default() })
    }

    fn incoming(&self, name: &str) -> PathBuf {
        self.folder.join("incoming").join(name)
    }

    /// Another upload's claim on the same content.
    async fn other_claim(&self, digest: &Digest, own: &Path) -> io::Result<Option<PathBuf>> {
        let mut claims = fs::read_dir(self.incoming("")).await?;
        let prefix = format!("{}.", digest.hex());
        while let Some(file) = claims.next_entry().await? {
            if file.file_name().to_string_lossy().starts_with(&prefix) && file.path() != own {
                return Ok(Some(file.path()));
            }
        }
        Ok(None)
    }

    /// Files of the folder that `named` does not hold and that are older than a day, so that no upload of them is under
    /// way.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn strays(&self, named: impl Fn(&Digest) -> bool) -> Result<Vec<Blob>, BlobError> {
        let mut found = Vec::new();
        let mut folders = fs::read_dir(&self.folder).await?;
        while let Some(folder) = folders.next_entry().await? {
            if folder.file_name() == "incoming" || !folder.file_type().await?.is_dir() {
                continue;
            }
            let mut files = fs::read_dir(folder.path()).await?;
            while let Some(file) = files.next_entry().await? {
                let Ok(digest) = Digest::from_hex(&file.file_name().to_string_lossy()) else { continue };
                let data = file.metadata().await?;
                let age = data.modified().ok().and_then(|at| at.elapsed().ok());
                if !named(&digest) && age.is_some_and(|age| age.as_secs() > ABANDONED_SECONDS) {
                    found.push(Blob { digest, size_bytes: data.len() });
                }
            }
        }
        found.sort_by_key(|blob| blob.digest);
        Ok(found)
    }

    /// Removes a stray.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub async fn remove(&self, digest: &Digest) -> Result<(), BlobError> {
        Ok(fs::remove_file(self.path(digest)).await?)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        blob_path(&self.folder, digest)
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
    ) -> Result<Upload, BlobError> {
        let incoming = self.incoming(&uuid::Uuid::new_v4().to_string());
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
                let claim = self.claim(&blob, &incoming).await?;
                Ok(Upload { blob, claim, blobs: self.clone() })
            }
            Err(error) => {
                // The upload's own error is the one to tell.
                let _ = fs::remove_file(&incoming).await;
                Err(error)
            }
        }
    }

    /// Gives a whole file its name beside its claim; answers the claim, if the file system gives a file two names.
    async fn claim(&self, blob: &Blob, incoming: &Path) -> io::Result<Option<PathBuf>> {
        let target = self.path(&blob.digest);
        let parent = target.parent().unwrap_or(&self.folder);
        fs::create_dir_all(parent).await?;
        let claim = self.incoming(&format!("{}.{}", blob.digest.hex(), uuid::Uuid::new_v4()));
        let named = {
            let _names = self.names.lock().await;
            fs::rename(incoming, &claim).await?;
            fs::hard_link(&claim, &target).await
        };
        let kept = match named {
            Ok(()) => Some(claim),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // What lies there may have been damaged; this copy is whole.
                if self.digest_of(&blob.digest).await.ok().flatten() == Some(blob.digest) {
                    Some(claim)
                } else {
                    fs::rename(&claim, &target).await?;
                    // What is mended stays, whatever becomes of this upload: an entry may name it.
                    None
                }
            }
            Err(error) => {
                tracing::debug!(%error, "the evidence folder gives no file two names; refused uploads stay");
                fs::rename(&claim, &target).await?;
                None
            }
        };
        sync_folder(parent).await?;
        // The folder of these first two digits may be new itself.
        sync_folder(&self.folder).await?;
        Ok(kept)
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

fn blob_path(folder: &Path, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    folder.join(&hex[..2]).join(hex)
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
        let upload = blobs.put(stream::iter(chunks)).await.unwrap();
        let blob = upload.blob;
        upload.accept().await;
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

    async fn send(blobs: &Blobs, content: &str) -> Upload {
        blobs.put(stream::iter([Ok::<_, io::Error>(content.as_bytes().to_vec())])).await.unwrap()
    }

    async fn holds(blobs: &Blobs, content: &str) -> bool {
        let read = blobs.read(&Digest::of(content.as_bytes()), 100).await.unwrap();
        read.is_some_and(|bytes| bytes == content.as_bytes())
    }

    #[tokio::test]
    async fn a_refused_upload_is_taken_back() {
        let (folder, blobs) = blobs(100).await;
        let upload = send(&blobs, "refused").await;
        assert!(holds(&blobs, "refused").await, "it can be read while it is judged");
        upload.refuse().await;
        assert!(!holds(&blobs, "refused").await);
        assert_eq!(leftovers(folder.path()), 0);
    }

    #[tokio::test]
    async fn what_an_entry_names_stays_though_the_same_content_is_refused() {
        let (folder, blobs) = blobs(100).await;
        send(&blobs, "named").await.accept().await;
        send(&blobs, "named").await.refuse().await;
        assert!(holds(&blobs, "named").await);
        // Whatever the order in which two that are sent at once are settled, one that is accepted stays.
        for (first, accepts_first) in [(0, true), (0, false), (1, true), (1, false)] {
            let content = format!("both {first} {accepts_first}");
            let mut two = [Some(send(&blobs, &content).await), Some(send(&blobs, &content).await)];
            for (place, accepts) in [(first, accepts_first), (1 - first, !accepts_first)] {
                let upload = two[place].take().unwrap();
                if accepts {
                    upload.accept().await;
                } else {
                    upload.refuse().await;
                }
                assert!(holds(&blobs, &content).await, "{content}: one is still to be settled, or was accepted");
            }
        }
        // Both refused: nothing stays, in whatever order.
        for order in [[0, 1], [1, 0]] {
            let mut two = [Some(send(&blobs, "neither").await), Some(send(&blobs, "neither").await)];
            for place in order {
                two[place].take().unwrap().refuse().await;
            }
            assert!(!holds(&blobs, "neither").await, "{order:?}");
        }
        assert_eq!(leftovers(folder.path()), 0);
    }

    #[tokio::test]
    async fn many_at_once_lose_nothing_that_was_accepted() {
        let (folder, blobs) = blobs(100).await;
        for round in 0..20 {
            let content = format!("round {round}");
            let one = async |accepts: bool| {
                let upload = send(&blobs, &content).await;
                if accepts { upload.accept().await } else { upload.refuse().await }
            };
            tokio::join!(one(false), one(round % 2 == 0), one(false), one(false), one(round % 4 == 0));
            assert_eq!(holds(&blobs, &content).await, round % 2 == 0, "{content}");
        }
        assert_eq!(leftovers(folder.path()), 0);
    }

    #[tokio::test]
    async fn a_damaged_file_is_mended_by_sending_it_again() {
        let (_folder, blobs) = blobs(100).await;
        let upload = send(&blobs, "whole").await;
        let digest = upload.blob.digest;
        upload.accept().await;
        std::fs::write(blobs.location(&digest), "harmed").unwrap();
        send(&blobs, "whole").await.accept().await;
        assert!(holds(&blobs, "whole").await);
    }

    #[tokio::test]
    async fn what_a_crash_left_is_found_after_a_day() {
        let (folder, blobs) = blobs(100).await;
        let (named, stray) = (send(&blobs, "named").await, send(&blobs, "stray").await);
        let (named_digest, stray_digest) = (named.blob.digest, stray.blob.digest);
        named.accept().await;
        // The program ends here.
        drop(stray);
        let found = |blobs: Blobs| async move { blobs.strays(|digest| *digest == named_digest).await.unwrap() };
        assert_eq!(found(blobs.clone()).await, [], "somebody may be sending it");
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(ABANDONED_SECONDS + 60);
        for digest in [named_digest, stray_digest] {
            let file = std::fs::File::options().write(true).open(blobs.location(&digest)).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        let again = Blobs::open(folder.path().to_owned(), 100).await.unwrap();
        assert_eq!(leftovers(folder.path()), 0, "its claim has lapsed");
        assert_eq!(found(again.clone()).await, [Blob { digest: stray_digest, size_bytes: 5 }]);
        again.remove(&stray_digest).await.unwrap();
        assert!(holds(&again, "named").await && !holds(&again, "stray").await);
    }
}
