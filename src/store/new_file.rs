//! Makes files that nobody else has made: not through a link that was planted, nor with a mode that was left.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown},
    path::Path,
};

use rustix::fs::OFlags;

/// The flag of `open(2)` that follows no link, for files that are added to.
pub const NOFOLLOW: i32 = OFlags::NOFOLLOW.bits().cast_signed();

/// Makes the file `path`, for its owner alone, in place of what a crash has left there.
///
/// # Errors
/// When what is there cannot be removed, when another process makes one at the same moment, or when the
/// file cannot be made.
pub fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // O_EXCL follows no link.
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Puts a file of these bytes under a name in a directory, in one step: whoever reads it finds the one before
/// or this one, also after a power failure.
///
/// # Errors
/// When it cannot be written, synced or renamed: then the one before is there.
pub fn replace(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    put(directory, name, bytes, |_| Ok(()))
}

/// [`replace`], by the directory's owner or by root, for the owner to read.
///
/// # Errors
/// As there.
pub fn replace_for_owner(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let owner = fs::metadata(directory)?;
    put(directory, name, bytes, |file| {
        if file.metadata()?.uid() == owner.uid() {
            return Ok(());
        }
        // Before the file has its name: nobody can have put another in its place.
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
        // Held open, so that its inode is not another's meanwhile.
        let held = File::options().write(true).create_new(true).mode(0o666).open(&path);
        let held = held.expect("a file");
        let before = held.metadata().expect("metadata");
        let after = create(&path).expect("a file").metadata().expect("metadata");
        assert_ne!(before.ino(), after.ino());
        assert_eq!((after.mode() & 0o777, after.len()), (0o600, 0));
    }
}
