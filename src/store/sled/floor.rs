//! The floor: the number of the last acknowledged batch, in a file of its own, which also marks
//! that a store exists.
//!
//! sled drops an unreadable end of its log as if it had never been written. The store therefore
//! counts its batches, and an opened store must have reached the floor. The floor is written after
//! each batch's sync and before its answers: a kill cannot lose an acknowledged batch unnoticed.
//! The floor's own file is synced only every second, so a power failure can set it back by that
//! time.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use super::OpenError;
use crate::store::new_file;

const NAME: &str = "floor";

/// Size of a slot, in bytes. Each of the two slots is one sector, and they are written in turn, so
/// one is always intact.
const SLOT_BYTES: u64 = 512;
/// Length of a note, in bytes: a batch's number and its CRC-32, both big-endian.
const NOTE_BYTES: usize = 12;

/// The stored number of the last batch.
pub(super) struct Floor {
    file: File,
    raised: AtomicBool,
}

impl Floor {
    /// Returns the stored floor, or `None` if there is no store yet.
    pub(super) fn read(directory: &Path) -> Result<Option<u64>, OpenError> {
        let file = match File::open(directory.join(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let slots = [0, 1].map(|slot| read_slot(&file, slot));
        let highest = slots.into_iter().flatten().max();
        highest.map(Some).ok_or_else(|| OpenError::damaged("its file `floor` is unreadable"))
    }

    /// Notes durably that a store exists, and its last batch. A new floor gets its name once it is
    /// complete, so an unreadable floor is damage.
    pub(super) fn put(directory: &Path, batch: u64) -> io::Result<Self> {
        let (path, new) = (directory.join(NAME), directory.join("floor.new"));
        let is_new = !path.exists();
        let open = || File::options().write(true).open(&path);
        let file = if is_new { new_file::create(&new)? } else { open()? };
        let floor = Self { file, raised: AtomicBool::new(false) };
        floor.raise(batch)?;
        floor.file.sync_all()?;
        if is_new {
            fs::rename(new, path)?;
        }
        File::open(directory)?.sync_all()?;
        Ok(floor)
    }

    /// Stores the number of a durable batch.
    pub(super) fn raise(&self, batch: u64) -> io::Result<()> {
        let number = batch.to_be_bytes();
        let note = [number.as_slice(), &crc32fast::hash(&number).to_be_bytes()].concat();
        self.file.write_all_at(&note, batch % 2 * SLOT_BYTES)?;
        self.raised.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Makes the stored number durable. A floor that is too low does no harm.
    pub(super) fn sync(&self) {
        if self.raised.swap(false, Ordering::Relaxed)
            && let Err(error) = self.file.sync_data()
        {
            tracing::warn!(%error, "the store's floor could not be synced");
        }
    }
}

fn read_slot(file: &File, slot: u64) -> Option<u64> {
    let mut note = [0; NOTE_BYTES];
    file.read_exact_at(&mut note, slot * SLOT_BYTES).ok()?;
    let (number, checksum) = note.split_first_chunk()?;
    let whole = crc32fast::hash(number).to_be_bytes() == *checksum;
    whole.then(|| u64::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_the_highest_batch_that_was_noted() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(Floor::read(directory.path()).expect("nothing yet"), None);
        let floor = Floor::put(directory.path(), 0).expect("a floor");
        for batch in 0..10 {
            floor.raise(batch).expect("it is noted");
            assert_eq!(Floor::read(directory.path()).expect("a floor"), Some(batch));
        }
    }

    #[test]
    fn a_floor_whose_making_was_cut_off_is_none() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("floor.new"), [0; 12]).expect("what a power failure left");
        assert_eq!(Floor::read(directory.path()).expect("nothing yet"), None);
        Floor::put(directory.path(), 3).expect("a floor");
        assert_eq!(Floor::read(directory.path()).expect("a floor"), Some(3));
        assert!(!directory.path().join("floor.new").exists());
    }

    #[test]
    fn a_torn_note_leaves_the_one_before_and_without_any_the_store_is_damaged() {
        let directory = tempfile::tempdir().expect("a directory");
        let floor = Floor::put(directory.path(), 6).expect("a floor");
        floor.raise(7).expect("it is noted");
        let path = directory.path().join(NAME);
        let mut bytes = fs::read(&path).expect("a file");
        bytes[512] ^= 1;
        fs::write(&path, &bytes).expect("damage");
        assert_eq!(Floor::read(directory.path()).expect("a floor"), Some(6));
        bytes[0] ^= 1;
        fs::write(&path, &bytes).expect("damage");
        assert!(Floor::read(directory.path()).is_err());
        fs::write(&path, vec![0; bytes.len()]).expect("zeros");
        assert!(Floor::read(directory.path()).is_err());
        fs::write(&path, "").expect("nothing");
        assert!(Floor::read(directory.path()).is_err());
    }
}
