//! The data directory: made whole or not at all, locked by one process, on the disk before it is served.
//!
//! sled alone does not see to all of this. It never syncs its `conf` file nor any directory, it
//! takes a snapshot that was half written when the process died for the newest one, and what it
//! recovers at an open it may have read from the page cache only.

use std::{
    fs::{self, DirBuilder, File, Permissions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use sled::Db;

use super::OpenError;

/// Bytes of log between two syncs must stay below a segment: sled frees and reuses segments on the
/// strength of its own flush, which does not reach the disk. And a page beyond a quarter of a
/// segment would go to a file of its own that is never synced. Fixed for ever when the store is
/// made. The committer's batches are bounded to stay well below it.
pub(super) const SEGMENT_BYTES: usize = 8 << 20;

/// sled's lock outlives the drop of a store by a moment, while its threads finish.
const REOPEN_ATTEMPTS: u32 = 2_000;

/// The data directory, locked for this process until it is dropped.
pub(super) struct DataDirectory {
    path: PathBuf,
    #[expect(dead_code, reason = "held, never looked at: dropping it is what unlocks")]
    lock: File,
}

impl DataDirectory {
    /// Makes the directory where there is none, for its owner only, and locks it.
    pub(super) fn lock(path: &Path) -> Result<Self, OpenError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let lock = File::options().create(true).append(true).mode(0o600).open(path.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse,
            TryLockError::Error(error) => OpenError::Io(error),
        })?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// The file that sled keeps everything in.
    pub(super) fn file(&self) -> io::Result<File> {
        File::open(self.store().join("db"))
    }

    /// Opens sled, making an empty store where there is none.
    pub(super) fn open(&self, cache_bytes: u64) -> Result<Db, OpenError> {
        if !self.store().exists() {
            self.create()?;
        }
        remove_half_written_snapshots(&self.store())?;
        // What the last process left in the page cache alone must be on the disk before recovery
        // builds a snapshot on it.
        sync_tree(&self.store())?;
        let db = open_sled(&self.store(), cache_bytes)?;
        db.flush()?;
        self.close_to_others()?;
        // What recovery found must be durable before any answer rests on it.
        sync_tree(&self.store())?;
        Ok(db)
    }

    /// A crash at any moment leaves either no store, and a leftover that the next start removes, or
    /// a whole one.
    fn create(&self) -> Result<(), OpenError> {
        let new = self.path.join("store.new");
        match fs::remove_dir_all(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        let db = open_sled(&new, 0)?;
        db.flush()?;
        drop(db);
        sync_tree(&new)?;
        fs::rename(&new, self.store())?;
        File::open(&self.path)?.sync_all()?;
        match self.path.canonicalize()?.parent() {
            Some(parent) => Ok(File::open(parent)?.sync_all()?),
            None => Ok(()),
        }
    }

    /// sled makes its files as the umask says.
    fn close_to_others(&self) -> io::Result<()> {
        fs::set_permissions(self.store(), Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(self.store())? {
            let entry = entry?;
            let mode = if entry.file_type()?.is_dir() { 0o700 } else { 0o600 };
            fs::set_permissions(entry.path(), Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    fn store(&self) -> PathBuf {
        self.path.join("store")
    }
}

fn open_sled(path: &Path, cache_bytes: u64) -> Result<Db, OpenError> {
    let config = sled::Config::default()
        .path(path)
        .cache_capacity(cache_bytes.max(1 << 20))
        .segment_size(SEGMENT_BYTES)
        // The committer flushes, and nobody else.
        .flush_every_ms(None)
        .use_compression(false);
    let mut attempts = 0;
    loop {
        match config.open().map_err(OpenError::from) {
            Err(OpenError::InUse) if attempts < REOPEN_ATTEMPTS => attempts += 1,
            opened => return opened,
        }
        #[expect(clippy::disallowed_methods, reason = "sled offers nothing to wait for")]
        thread::sleep(Duration::from_millis(1));
    }
}

fn remove_half_written_snapshots(store: &Path) -> io::Result<()> {
    for entry in fs::read_dir(store)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Syncs every file below `path`, then the directories that name them.
fn sync_tree(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(path)?.sync_all()
}
