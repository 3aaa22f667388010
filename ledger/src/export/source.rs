//! Where an export is read from.

use std::{collections::BTreeMap, io};

use crate::Digest;

/// What stands in a folder under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Name, without the folder.
    pub name: String,
    /// What it is.
    pub kind: ListedKind,
}

/// Kinds of things in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListedKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A link, a device, or another thing that an export does not have.
    Other,
}

/// Reads an export. Paths are relative, with `/` between their parts.
pub trait ExportSource: Sync {
    /// The bytes of a file; none if there is no such file.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;

    /// What a folder holds, in any order; nothing if there is no such folder. `""` is the export itself.
    fn list(&self, folder: &str) -> io::Result<Vec<Listed>>;

    /// The SHA-256 of a file, without holding all of it in memory if it can be helped.
    fn digest(&self, path: &str) -> io::Result<Option<Digest>> {
        Ok(self.read(path)?.map(|bytes| Digest::of(&bytes)))
    }
}

/// An export held in memory, by path.
pub type MemorySource = BTreeMap<String, Vec<u8>>;

impl ExportSource for MemorySource {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.get(path).cloned())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Listed>> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut listed: Vec<Listed> = Vec::new();
        for path in self.range(prefix.clone()..).map(|(path, _)| path).take_while(|path| path.starts_with(&prefix)) {
            let rest = &path[prefix.len()..];
            let (name, kind) = match rest.split_once('/') {
                Some((name, _)) => (name, ListedKind::Folder),
                None => (rest, ListedKind::File),
            };
            let listing = Listed { name: name.to_owned(), kind };
            if listed.last() != Some(&listing) {
                listed.push(listing);
            }
        }
        Ok(listed)
    }
}

#[cfg(feature = "fs")]
pub use folder::FolderSource;

#[cfg(feature = "fs")]
mod folder {
    use std::{
        fs::{self, File},
        io::{self, Read as _},
        path::PathBuf,
    };

    use super::{ExportSource, Listed, ListedKind};
    use crate::{Digest, DigestBuilder};

    /// Greatest file that is read whole; a bundle has at most 16 MiB.
    const MAX_READ_BYTES: u64 = 256 << 20;
    /// Piece in which evidence is read.
    const PIECE_BYTES: usize = 256 << 10;

    /// An export in a folder on disk.
    #[derive(Debug, Clone)]
    pub struct FolderSource(pub PathBuf);

    impl FolderSource {
        fn open(&self, path: &str) -> io::Result<Option<File>> {
            match File::open(self.0.join(path)) {
                Ok(file) => Ok(Some(file)),
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    Ok(None)
                }
                Err(error) => Err(error),
            }
        }
    }

    impl ExportSource for FolderSource {
        fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
            let Some(mut file) = self.open(path)? else { return Ok(None) };
            let length = file.metadata()?.len();
            if length > MAX_READ_BYTES {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is far larger than any of its kind"));
            }
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
            file.read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        }

        fn list(&self, folder: &str) -> io::Result<Vec<Listed>> {
            let entries = match fs::read_dir(self.0.join(folder)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.is_empty() => return Ok(Vec::new()),
                entries => entries?,
            };
            entries
                .map(|entry| {
                    let entry = entry?;
                    let kind = match entry.file_type()? {
                        kind if kind.is_file() => ListedKind::File,
                        kind if kind.is_dir() => ListedKind::Folder,
                        _ => ListedKind::Other,
                    };
                    Ok(Listed { name: entry.file_name().to_string_lossy().into_owned(), kind })
                })
                .collect()
        }

        fn digest(&self, path: &str) -> io::Result<Option<Digest>> {
            let Some(mut file) = self.open(path)? else { return Ok(None) };
            let (mut builder, mut piece) = (DigestBuilder::new(), vec![0; PIECE_BYTES]);
            loop {
                match file.read(&mut piece)? {
                    0 => return Ok(Some(builder.finish())),
                    count => builder.update(&piece[..count]),
                }
            }
        }
    }
}
