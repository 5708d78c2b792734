//! The data directory: created whole or not at all, locked by one process, durable before it is
//! served.
//!
//! | name | contents |
//! |---|---|
//! | `lock` | locked while a process has the store open |
//! | `floor` | the last acknowledged batch, see [`Floor`]; if it exists no new store is created |
//! | `seal` | checksums of a store that was closed in order, see [`seal`] |
//! | `store` | sled's own files |
//! | `ballast` | space for a start on a full disk, see [`Ballast`] |
//! | `copy` | a copy of the store that is only read, see [`spare_copy`](super::spare_copy) |
//! | `filling` | a store that is being restored, see [`FreshStore`](super::FreshStore) |
//!
//! sled alone does not ensure all of this. It never syncs its `conf` file or any directory, it
//! takes a snapshot that was half written at a crash for the newest one, and it can recover data at
//! an open that exists only in the page cache.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, Permissions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use sled::Db;

use super::{OpenError, ballast::Ballast, floor::Floor, seal};
use crate::store::new_file::{self, NOFOLLOW};

/// Size of a segment, which the log between two syncs must stay below: sled frees and reuses
/// segments based on its own flush, which does not reach the disk. Also, a page larger than a
/// quarter of a segment would go to a separate file that is never synced. The size is fixed when
/// the store is created. The committer's batches are bounded to stay well below it.
pub(super) const SEGMENT_BYTES: usize = 8 << 20;

/// Number of attempts to open a store: sled's lock outlives the drop of a store by a moment, while
/// its threads finish.
const REOPEN_ATTEMPTS: u32 = 2_000;

/// Name of the data directory, inside this one, for a store that is filled before it is put in
/// place.
pub(super) const FILLING: &str = "filling";

/// Number of attempts to wait for the end of a close: sled's threads and the last reader may be at
/// work for a moment.
const CLOSE_ATTEMPTS: u32 = 10_000;

/// The data directory, locked for this process until the value is dropped.
pub(super) struct DataDirectory {
    path: PathBuf,
    /// `true` if some space is reserved for a full disk.
    holds_space: bool,
    #[expect(dead_code, reason = "held, never looked at: dropping it is what unlocks")]
    lock: File,
}

impl DataDirectory {
    /// Creates the directory if it is absent, for its owner only, and locks it.
    pub(super) fn lock(path: &Path) -> Result<Self, OpenError> {
        make_durably(path)?;
        let options = &mut File::options();
        let options = options.create(true).append(true).mode(0o600).custom_flags(NOFOLLOW);
        let lock = options.open(path.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse,
            TryLockError::Error(error) => OpenError::Io(error),
        })?;
        Ok(Self { path: path.to_owned(), holds_space: false, lock })
    }

    /// Reserves space from now on for a start on a full disk. Uses the reserve if the disk is full
    /// now.
    pub(super) fn hold_space(&mut self) {
        self.holds_space = true;
        self.ballast().release();
    }

    /// Returns the reserve, sized for the store.
    pub(super) fn ballast(&self) -> Ballast {
        Ballast::of(&self.path, &self.store())
    }

    /// Opens sled's data file.
    pub(super) fn file(&self) -> io::Result<File> {
        File::open(self.store().join("db"))
    }

    /// Opens sled, and creates an empty store if there never was one. Refuses a store that was
    /// closed in order and has changed since, before anything is written.
    pub(super) fn open(&self, cache_bytes: u64) -> Result<Opened, OpenError> {
        self.finish_placing()?;
        let Judged { floor, was_sealed } = judge(&self.path)?;
        if !self.store().exists() {
            self.create()?;
        }
        self.put_back_snapshot()?;
        seal::break_off(&self.path)?;
        remove_half_written_snapshots(&self.store())?;
        // Everything that the last process left in the page cache must be on the disk before
        // recovery builds a snapshot on it.
        sync_tree(&self.store())?;
        self.copy_snapshot()?;
        let db = open_sled(&self.store(), cache_bytes)?;
        db.flush()?;
        self.close_to_others()?;
        // The recovered data must be durable before any answer rests on it.
        sync_tree(&self.store())?;
        remove_snapshots(&self.path)?;
        Ok(Opened { db, floor, was_sealed })
    }

    /// Copies the snapshot. sled writes a snapshot at each opening and removes the previous one
    /// without syncing either name, so a power failure can leave none. The copy lasts until a new
    /// snapshot is durable.
    fn copy_snapshot(&self) -> io::Result<()> {
        remove_snapshots(&self.path)?;
        for name in snapshots(&self.store())? {
            let mut copy = new_file::create(&self.path.join(&name))?;
            copy.write_all(&fs::read(self.store().join(&name))?)?;
            copy.sync_all()?;
        }
        File::open(&self.path)?.sync_all()
    }

    /// Restores the copy of the snapshot if a power failure during an opening lost the snapshot.
    fn put_back_snapshot(&self) -> io::Result<()> {
        let copies = snapshots(&self.path)?;
        if let Some(newest) = copies.iter().max()
            && snapshots(&self.store())?.is_empty()
        {
            fs::rename(self.path.join(newest), self.store().join(newest))?;
            File::open(self.store())?.sync_all()?;
        }
        Ok(())
    }

    /// Finishes putting a restored store in place if that was cut short.
    fn finish_placing(&self) -> io::Result<()> {
        let begun = self.path.join(FILLING).exists() && self.store().exists();
        if begun { self.place_rest() } else { Ok(()) }
    }

    /// Puts the closed store of the inner data directory in place. The data comes first: if this is
    /// cut short afterwards, the next opening puts the rest in place.
    pub(super) fn place_filled(&self) -> io::Result<()> {
        fs::rename(self.path.join(FILLING).join("store"), self.store())?;
        File::open(&self.path)?.sync_all()?;
        self.place_rest()
    }

    /// Puts the files in place that belong to the data: its floor and its seal.
    fn place_rest(&self) -> io::Result<()> {
        let filling = self.path.join(FILLING);
        for name in ["floor", "seal"] {
            match fs::rename(filling.join(name), self.path.join(name)) {
                // The seal was placed before, or the store could not be sealed.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => File::open(&self.path)?.sync_all()?,
            }
        }
        fs::remove_dir_all(filling)
    }

    /// Notes durably that a complete store exists, and its last batch.
    pub(super) fn put_floor(&self, batch: u64) -> io::Result<Floor> {
        Floor::put(&self.path, batch)
    }

    /// Seals the store once sled has closed it. Without a seal the next opening takes longer and
    /// detects less.
    pub(super) fn seal(&self) {
        if self.holds_space {
            self.ballast().release();
        }
        match self.until_closed().and_then(|()| seal::put(&self.path, &self.store())) {
            Ok(()) => tracing::debug!("the store is sealed"),
            Err(error) => tracing::warn!(%error, "the store could not be sealed"),
        }
        if self.holds_space {
            self.ballast().hold();
        }
    }

    /// Waits until sled has released its lock, which is its last action.
    pub(super) fn until_closed(&self) -> io::Result<()> {
        let file = self.file()?;
        for _ in 0..CLOSE_ATTEMPTS {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => pause(),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "sled is still at work"))
    }

    /// Creates the store. A crash at any moment leaves either no store, with a leftover that the
    /// next start removes, or a complete one.
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
        Ok(File::open(&self.path)?.sync_all()?)
    }

    /// Restricts the modes of sled's files, which follow the umask, to their owner.
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

/// State of a store before anything was written to it.
pub(super) struct Judged {
    /// Number of the batch that the store must have reached, or `None` for a new store.
    floor: Option<u64>,
    /// `true` if the store was closed in order and has not changed since.
    was_sealed: bool,
}

/// Refuses the data directory `path` if the store in it is incomplete or was changed. Writes
/// nothing.
pub(super) fn judge(path: &Path) -> Result<Judged, OpenError> {
    let store = path.join("store");
    // An unfinished store does not count before it is in place.
    if path.join(FILLING).exists() && !store.exists() {
        return Err(OpenError::Unfinished);
    }
    let floor = Floor::read(path)?;
    match (floor, store.exists()) {
        (Some(_), false) => return Err(OpenError::damaged("its directory `store` is gone")),
        (None, false) if path.join("seal").exists() => {
            return Err(OpenError::damaged("its directory `store` is gone"));
        }
        (None, false) => return Ok(Judged { floor, was_sealed: false }),
        (Some(_), true) => check_parts(path, &store)?,
        (None, true) => {}
    }
    let was_sealed = seal::check(path, &store)?;
    Ok(Judged { floor, was_sealed })
}

/// Checks that sled's files are complete: sled creates missing ones, as for a new store. The
/// snapshot can still lie beside the store, as left by [`DataDirectory::copy_snapshot`].
fn check_parts(path: &Path, store: &Path) -> Result<(), OpenError> {
    for name in ["db", "conf"] {
        let found = fs::metadata(store.join(name));
        if found.map_or(0, |found| found.len()) == 0 {
            return Err(OpenError::damaged(format!("its file {name} is gone or empty")));
        }
    }
    if snapshots(store)?.is_empty() && snapshots(path)?.is_empty() {
        return Err(OpenError::damaged("its snapshot is gone"));
    }
    Ok(())
}

/// The open sled and the state that it was opened with.
pub(super) struct Opened {
    pub(super) db: Db,
    /// Number of the batch that the store must have reached, or `None` for a new store.
    pub(super) floor: Option<u64>,
    /// `true` if the store was closed in order and has not changed since.
    pub(super) was_sealed: bool,
}

/// Creates a directory and its parents if they are absent, for their owner only, each synced into
/// its parent.
///
/// # Errors
/// Fails if a directory cannot be created or synced.
pub fn make_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    make_durably(parent)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => File::open(parent)?.sync_all(),
    }
}

#[expect(clippy::disallowed_methods, reason = "sled offers nothing to wait for")]
fn pause() {
    thread::sleep(Duration::from_millis(1));
}

fn open_sled(path: &Path, cache_bytes: u64) -> Result<Db, OpenError> {
    let config = sled::Config::default()
        .path(path)
        .cache_capacity(cache_bytes.max(1 << 20))
        .segment_size(SEGMENT_BYTES)
        // Only the committer flushes.
        .flush_every_ms(None)
        .use_compression(false);
    let mut attempts = 0;
    loop {
        match config.open().map_err(OpenError::from) {
            Err(OpenError::InUse) if attempts < REOPEN_ATTEMPTS => attempts += 1,
            opened => return opened,
        }
        pause();
    }
}

/// Returns the names of the complete snapshots in a directory.
pub(super) fn snapshots(directory: &Path) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        if text.starts_with("snap.") && !text.ends_with(".generating") {
            names.push(name);
        }
    }
    Ok(names)
}

fn remove_snapshots(directory: &Path) -> io::Result<()> {
    snapshots(directory)?.iter().try_for_each(|name| fs::remove_file(directory.join(name)))
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

/// Syncs every file below `path`, then the directories that contain them.
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
