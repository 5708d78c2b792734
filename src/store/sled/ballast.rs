//! Reserves space for a start on a full disk: opening a store writes a little before it serves.
//!
//! The file has blocks of the file system but no length. A start or a stop on a full disk removes
//! the file and creates it again afterwards, as large as the space allows.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::store::new_file::NOFOLLOW;

const NAME: &str = "ballast";
/// Most bytes that an opening writes to the log, with a small margin.
const LOG_BYTES: u64 = 8 << 20;
/// Number of snapshots on disk at one time: the old one, its copy, and the new one.
const SNAPSHOTS: u64 = 3;
/// Smallest reserve that is worth a file, in bytes.
const LEAST: u64 = 64 << 10;
/// Unit of a file's size on disk (POSIX `st_blocks`), in bytes.
const BLOCK_BYTES: u64 = 512;

/// The reserved space in one data directory.
#[derive(Clone, Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    wanted: u64,
}

impl Ballast {
    /// Returns the reserve for an opening of the store `files` within `directory`.
    pub(super) fn of(directory: &Path, files: &Path) -> Self {
        let entries = fs::read_dir(files).into_iter().flatten().flatten();
        let snapshots =
            entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("snap."));
        let longest = snapshots.filter_map(|entry| Some(entry.metadata().ok()?.len())).max();
        let wanted = LOG_BYTES + SNAPSHOTS * longest.unwrap_or(0);
        Self { path: directory.join(NAME), wanted }
    }

    /// Gives the space back if the file system has fewer free bytes than the reserve.
    pub(super) fn release(&self) {
        if self.free().is_some_and(|free| free < self.wanted) && fs::remove_file(&self.path).is_ok()
        {
            tracing::warn!("the disk is full: the space held for that is used");
        }
    }

    /// Allocates the reserve, or as much as there is. Does nothing if the file system cannot
    /// allocate.
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
                // The file system needs some space for itself.
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
