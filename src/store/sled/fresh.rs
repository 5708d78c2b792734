//! Fills a store aside and puts it in place whole: a crash leaves no partial store that could be
//! served.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;
use tokio::task::spawn_blocking;

use super::{
    Failure, OpenError, SledOptions, SledStore,
    directory::{DataDirectory, FILLING},
};
use crate::domain::entropy::Entropy;

/// Size of the cache, in bytes: the written data is not read again.
const CACHE_BYTES: u64 = 32 << 20;
/// Entries that an empty directory can have: the lock, the leftover of an unfinished attempt, and
/// the file system's own entry in its root.
const IGNORED: [&str; 3] = ["lock", FILLING, "lost+found"];

/// The reason for a store that was not put in place. An opening of the directory then finds no
/// store and reports it.
#[derive(Debug, Error)]
pub enum FreshError {
    /// The directory is not empty.
    #[error("the directory is not empty")]
    NotEmpty,
    /// The store cannot be created.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store stopped while it was filled.
    #[error(transparent)]
    Stopped(#[from] Failure),
}

impl From<io::Error> for FreshError {
    fn from(error: io::Error) -> Self {
        Self::Open(error.into())
    }
}

/// A new store with its own id, in a directory that had none.
pub struct FreshStore {
    directory: DataDirectory,
    /// Directory of the store until it is complete.
    filling: PathBuf,
    store: SledStore,
}

impl FreshStore {
    /// Begins a new store in an empty or absent directory, and holds the directory's lock from now
    /// on.
    ///
    /// # Errors
    /// Returns a [`FreshError`] if the directory is not empty or the store cannot be created.
    pub fn begin(path: &Path, entropy: &dyn Entropy) -> Result<Self, FreshError> {
        check_empty(path)?;
        let directory = DataDirectory::lock(path)?;
        // This check runs under the lock.
        check_empty(path)?;
        let filling = path.join(FILLING);
        remove(&filling)?;
        let options = SledOptions::new(filling.clone(), CACHE_BYTES);
        let store = SledStore::open(&options, entropy)?;
        Ok(Self { directory, filling, store })
    }

    /// Returns the store to be filled.
    pub fn store(&self) -> &SledStore {
        &self.store
    }

    /// Abandons the store and removes everything that was filled.
    pub async fn abandon(self) {
        // The next attempt removes leftovers, so errors are ignored here.
        drop(self.store.close().await);
        drop(remove(&self.filling));
    }

    /// Puts the store in place.
    ///
    /// # Errors
    /// Fails if the store cannot be closed or renamed durably.
    pub async fn finish(self) -> Result<(), FreshError> {
        self.store.close().await?;
        let directory = self.directory;
        let placed = spawn_blocking(move || directory.place_filled());
        Ok(placed.await.map_err(io::Error::other)??)
    }
}

fn check_empty(path: &Path) -> Result<(), FreshError> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name();
        if !IGNORED.into_iter().any(|ignored| name == OsStr::new(ignored)) {
            return Err(FreshError::NotEmpty);
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
