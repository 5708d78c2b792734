//! Reads records of a store that has to stay as it is: opening a store writes to it, so a copy is opened.
//!
//! The copy lies in the data directory, so that it has the store's file system and access rights. The
//! store itself is not locked meanwhile, so that no start is refused because of a copy: one that began
//! while files were copied is noticed afterwards.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::statvfs;
use thiserror::Error;

use super::{
    OpenError, SledOptions,
    contents::Contents,
    directory::{DataDirectory, snapshots},
    guard::guarded,
    look::is_open,
};
use crate::{
    domain::{
        client::Client,
        client_id::ClientId,
        entropy::{Entropy, draw},
    },
    store::{ReadError, StoreId, Stored},
};

/// Name of the copy in the data directory.
const COPY: &str = "copy";
/// Size of the caches while a few records are read, in bytes.
const CACHE_BYTES: u64 = 4 << 20;
/// Most bytes that an opening of the copy writes: a segment of the log and two snapshots, of a store of
/// moderate size.
const OPENING_BYTES: u64 = 64 << 20;

/// The reason for which nothing was read from a copy.
#[derive(Debug, Error)]
pub enum CopyError {
    /// A process opened the store, or another copy of it, meanwhile.
    #[error("it is in use by another process")]
    InUse,
    /// The file system has too little space for a copy.
    #[error("a copy of it takes {needed} bytes, and {free} are free above store.min_free_space")]
    NoSpace {
        /// Size of the copy, in bytes.
        needed: u64,
        /// Bytes that a copy can take.
        free: u64,
    },
    /// A file cannot be copied.
    #[error("it cannot be copied: {0}")]
    Io(#[from] io::Error),
    /// The copy cannot be opened, and neither can the store.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Records of clients, in the order of the ids asked for.
pub type FoundClients = Vec<Result<Option<Stored<Client>>, ReadError>>;

/// Reads clients of the store in the data directory `path`, which no process has open, from a copy that is
/// removed again. Leaves `keep_free` bytes of the file system free. Blocks for as long as copying and
/// opening take.
///
/// # Errors
/// Returns a [`CopyError`] if nothing was read.
pub fn read_clients(
    path: &Path,
    ids: &[ClientId],
    keep_free: u64,
    entropy: &dyn Entropy,
) -> Result<FoundClients, CopyError> {
    let (path, ids, id) = (path.to_owned(), ids.to_vec(), draw(entropy));
    guarded(move || Ok(read(&path, &ids, keep_free, id)))?
}

fn read(
    path: &Path,
    ids: &[ClientId],
    keep_free: u64,
    id: StoreId,
) -> Result<FoundClients, CopyError> {
    let copy = SpareCopy::begin(path)?;
    let before = Marks::of(path)?;
    copy.fill(path, keep_free)?;
    let found = copy.clients(ids, id);
    // A process that opened the store meanwhile made the copy a mixture of two states.
    if is_open(path) || Marks::of(path)? != before {
        return Err(CopyError::InUse);
    }
    Ok(found?)
}

/// Removes what a copy left that was cut short. Leaves one alone that is in use.
pub(super) fn remove_leftover(path: &Path) -> io::Result<()> {
    let copy = path.join(COPY);
    if is_open(&copy) { Ok(()) } else { remove(&copy) }
}

/// The files that every opening of a store changes.
#[derive(PartialEq, Eq)]
struct Marks {
    seal: Option<Vec<u8>>,
    floor: Option<Vec<u8>>,
}

impl Marks {
    fn of(path: &Path) -> io::Result<Self> {
        let read = |name| match fs::read(path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        };
        Ok(Self { seal: read("seal")?, floor: read("floor")? })
    }
}

/// A copy of a store, locked by this process, that is removed when it is dropped.
struct SpareCopy {
    path: PathBuf,
    directory: DataDirectory,
}

impl Drop for SpareCopy {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            let path = self.path.display();
            tracing::warn!(%error, %path, "a copy of the store stays until the next start");
        }
    }
}

impl SpareCopy {
    /// Makes an empty one in the data directory `path`.
    fn begin(path: &Path) -> Result<Self, CopyError> {
        remove_leftover(path)?;
        let path = path.join(COPY);
        match DataDirectory::lock(&path) {
            Ok(directory) => Ok(Self { path, directory }),
            Err(OpenError::InUse) => Err(CopyError::InUse),
            Err(error) => Err(error.into()),
        }
    }

    fn fill(&self, path: &Path, keep_free: u64) -> Result<(), CopyError> {
        let found = statvfs(path).map_err(io::Error::from)?;
        let free = found.f_bavail.saturating_mul(found.f_frsize).saturating_sub(keep_free);
        let needed = size(&path.join("store"))?.saturating_add(OPENING_BYTES);
        if needed > free {
            return Err(CopyError::NoSpace { needed, free });
        }
        let beside = ["seal", "floor"].map(OsString::from);
        for name in beside.into_iter().chain(snapshots(path)?) {
            match fs::copy(path.join(&name), self.path.join(&name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                copied => drop(copied?),
            }
        }
        Ok(copy_tree(&path.join("store"), &self.path.join("store"))?)
    }

    fn clients(&self, ids: &[ClientId], id: StoreId) -> Result<FoundClients, OpenError> {
        let options = SledOptions::new(self.path.clone(), CACHE_BYTES);
        let contents = Contents::open(&self.directory, &options, id)?;
        let found = ids.iter().map(|id| contents.tables.clients.read(id)).collect();
        contents.engine.close();
        drop(contents);
        self.directory.until_closed()?;
        Ok(found)
    }
}

/// Returns the bytes of all files below a directory.
fn size(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let found = fs::metadata(&path)?;
        bytes += if found.is_dir() { size(&path)? } else { found.len() };
    }
    Ok(bytes)
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if fs::metadata(&from)?.is_dir() {
            copy_tree(&from, &to)?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
