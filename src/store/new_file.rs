//! Creates files safely: never through a planted link, never with the mode of a leftover file.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown},
    path::Path,
};

use rustix::fs::OFlags;

/// Flag of `open(2)` that refuses links, for files that are appended to.
pub const NOFOLLOW: i32 = OFlags::NOFOLLOW.bits().cast_signed();

/// Creates the file `path`, readable by its owner alone, in place of the leftovers of a crash.
///
/// # Errors
/// Fails if a leftover cannot be removed, if another process creates the file at the same moment,
/// or if the file cannot be created.
pub fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // O_EXCL follows no link.
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Writes `bytes` to a file `name` in a directory, in one step. A reader finds the old file or the
/// new one, even after a power failure.
///
/// # Errors
/// Fails if the file cannot be written, synced or renamed. The old file stays then.
pub fn replace(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    put(directory, name, bytes, |_| Ok(()))
}

/// Does the same as [`replace`], run by the directory's owner or by root. The owner can read the
/// file.
///
/// # Errors
/// Fails as [`replace`] does.
pub fn replace_for_owner(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let owner = fs::metadata(directory)?;
    put(directory, name, bytes, |file| {
        if file.metadata()?.uid() == owner.uid() {
            return Ok(());
        }
        // The owner is set before the file has its name, so no other process can have replaced the
        // file.
        fchown(file, Some(owner.uid()), Some(owner.gid()))
    })
}

fn put(
    directory: &Path,
    name: &str,
    bytes: &[u8],
    hand_over: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let half_made = directory.join(format!("{name}.new"));
    let mut file = create(&half_made)?;
    file.write_all(bytes)?;
    hand_over(&file)?;
    file.sync_all()?;
    fs::rename(half_made, directory.join(name))?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;

    #[test]
    fn a_link_that_was_planted_is_replaced_and_not_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        let (victim, path) = (directory.path().join("victim"), directory.path().join("floor.new"));
        fs::write(&victim, "letter").expect("a file");
        symlink(&victim, &path).expect("a link");
        let made = create(&path).expect("a file").metadata().expect("metadata");
        assert_eq!(made.mode() & 0o777, 0o600);
        assert!(fs::symlink_metadata(&path).expect("metadata").is_file());
        assert_eq!(fs::read(&victim).expect("the file"), b"letter");
    }

    #[test]
    fn a_file_that_was_left_open_to_others_is_another_one_afterwards() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("seal.new");
        // The file stays open, so that no other file can take its inode meanwhile.
        let held = File::options().write(true).create_new(true).mode(0o666).open(&path);
        let held = held.expect("a file");
        let before = held.metadata().expect("metadata");
        let after = create(&path).expect("a file").metadata().expect("metadata");
        assert_ne!(before.ino(), after.ino());
        assert_eq!((after.mode() & 0o777, after.len()), (0o600, 0));
    }
}
