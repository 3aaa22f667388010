//! Evidence from standard input: kept in a file while it is sent, because an upload that broke is sent again.

use std::{
    io::{self, Read, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::cli::CliError;

/// A file that is there for as long as this lives.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
}

impl Spool {
    /// Reads `input` to its end.
    ///
    /// # Errors
    /// It cannot be read or kept, or there is nothing in it.
    pub(super) fn of(mut input: impl Read) -> Result<Self, CliError> {
        let path = std::env::temp_dir().join(format!("countersign-{}", uuid::Uuid::new_v4().simple()));
        let failed = |error: io::Error| CliError::Failed(format!("standard input cannot be kept: {error}"));
        // Only its owner reads it: evidence can hold what is nobody else's business.
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
        let spool = Self { path };
        let bytes = io::copy(&mut input, &mut file).map_err(failed)?;
        file.flush().map_err(failed)?;
        if bytes == 0 {
            return Err(CliError::Failed("standard input is empty".into()));
        }
        Ok(spool)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // What is left in a folder for temporary files does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Standard input, if the file is `-`.
pub(super) fn stdin_if_dash(path: &Path) -> Result<Option<Spool>, CliError> {
    if path.as_os_str() == "-" { Spool::of(io::stdin().lock()).map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn what_is_piped_is_kept_until_it_is_sent_and_no_longer() {
        let spool = Spool::of(&b"time,score\n"[..]).unwrap();
        let path = spool.path().to_owned();
        let mut text = String::new();
        File::open(&path).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "time,score\n");
        drop(spool);
        assert!(!path.exists());
        assert!(Spool::of(&b""[..]).unwrap_err().to_string().contains("empty"));
    }
}
