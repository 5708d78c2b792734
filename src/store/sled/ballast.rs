//! Space that is held for a start on a full disk: opening a store writes a little before it serves anything.
//!
//! The file takes its blocks of the file system without having a length. A start or a stop that finds the
//! disk full removes it and takes it again once it is through, as far as there is space.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::store::new_file::NOFOLLOW;

const NAME: &str = "ballast";
/// What an opening writes to the log at most, and a little besides.
const LOG_BYTES: u64 = 8 << 20;
/// Snapshots that lie there at a time: the one that is read, its copy, and the one that is written.
const SNAPSHOTS: u64 = 3;
/// Less is not worth a file.
const LEAST: u64 = 64 << 10;
/// What a file's size on disk is counted in (POSIX `st_blocks`).
const BLOCK_BYTES: u64 = 512;

/// The space that is held in one data directory.
#[derive(Clone, Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    wanted: u64,
}

impl Ballast {
    /// What an opening of the store `files` within `directory` may need.
    pub(super) fn of(directory: &Path, files: &Path) -> Self {
        let entries = fs::read_dir(files).into_iter().flatten().flatten();
        let snapshots =
            entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("snap."));
        let longest = snapshots.filter_map(|entry| Some(entry.metadata().ok()?.len())).max();
        let wanted = LOG_BYTES + SNAPSHOTS * longest.unwrap_or(0);
        Self { path: directory.join(NAME), wanted }
    }

    /// Gives the space back to the file system where it has less than that.
    pub(super) fn release(&self) {
        if self.free().is_some_and(|free| free < self.wanted) && fs::remove_file(&self.path).is_ok()
        {
            tracing::warn!("the disk is full: the space held for that is used");
        }
    }

    /// Takes the space, or as much as there is. A file system that cannot is let be.
    pub(super) fn hold(&self) {
        if let Err(error) = self.try_hold() {
            tracing::debug!(%error, "no space is held for a start on a full disk");
        }
    }

    fn try_hold(&self) -> io::Result<()> {
        let options = &mut File::options();
        let options = options.create(true).append(true).mode(0o600).custom_flags(NOFOLLOW);
        let file = options.open(&self.path)?;
        let held = file.metadata()?.blocks() * BLOCK_BYTES;
        let mut size = self.wanted.min(held + self.free().unwrap_or(0));
        while size >= held.max(LEAST) && held < self.wanted {
            match fallocate(&file, FallocateFlags::KEEP_SIZE, 0, size) {
                Ok(()) => return Ok(()),
                // The file system needs some for itself.
                Err(rustix::io::Errno::NOSPC) => size /= 2,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn free(&self) -> Option<u64> {
        let found = statvfs(self.path.parent()?).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
}
