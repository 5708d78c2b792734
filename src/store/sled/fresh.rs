//! A store that is filled aside and put in place whole: a crash meanwhile leaves no half of one to be served.

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

/// Bytes of cache: what is written is not read again.
const CACHE_BYTES: u64 = 32 << 20;
/// What an empty directory may hold: the lock, what an attempt that was cut short left, and what a
/// file system puts into its root.
const IGNORED: [&str; 3] = ["lock", FILLING, "lost+found"];

/// Why a store is not put in place. The directory is no store then, and says so when it is opened.
#[derive(Debug, Error)]
pub enum FreshError {
    /// There is something in the directory.
    #[error("the directory is not empty")]
    NotEmpty,
    /// It cannot be made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It stopped while it was filled.
    #[error(transparent)]
    Stopped(#[from] Failure),
}

impl From<io::Error> for FreshError {
    fn from(error: io::Error) -> Self {
        Self::Open(error.into())
    }
}

/// A new store, with an id of its own, in a directory that had none.
pub struct FreshStore {
    directory: DataDirectory,
    /// Where the store lies until it is whole.
    filling: PathBuf,
    store: SledStore,
}

impl FreshStore {
    /// Begins one in an empty or absent directory, and holds its lock from now on.
    ///
    /// # Errors
    /// See [`FreshError`].
    pub fn begin(path: &Path, entropy: &dyn Entropy) -> Result<Self, FreshError> {
        check_empty(path)?;
        let directory = DataDirectory::lock(path)?;
        // Again, under the lock.
        check_empty(path)?;
        let filling = path.join(FILLING);
        remove(&filling)?;
        let options = SledOptions::new(filling.clone(), CACHE_BYTES);
        let store = SledStore::open(&options, entropy)?;
        Ok(Self { directory, filling, store })
    }

    /// The store to be filled.
    pub fn store(&self) -> &SledStore {
        &self.store
    }

    /// Gives up, and leaves nothing of what was filled.
    pub async fn abandon(self) {
        // Why it is given up matters more than what is left of it, which the next attempt removes.
        drop(self.store.close().await);
        drop(remove(&self.filling));
    }

    /// Puts the store in place.
    ///
    /// # Errors
    /// When it cannot be closed or renamed, durably.
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
