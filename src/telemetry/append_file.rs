//! The audit's own file: appended to, and created again when it was moved away.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

/// A file that is appended to, and created again when it was moved away.
pub(super) struct AppendFile {
    path: PathBuf,
    file: File,
    /// True if a line was cut off at the file's end.
    torn: bool,
}

impl AppendFile {
    /// # Errors
    /// When the file cannot be opened for appending.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: append(path)?, path: path.to_owned(), torn: false })
    }

    /// Asks whether the file could be opened, and does not make it.
    ///
    /// # Errors
    /// Those of an opening.
    pub(super) fn look(path: &Path) -> io::Result<()> {
        match OpenOptions::new().append(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let directory = directory.unwrap_or(Path::new("."));
                Ok(access(directory, Access::WRITE_OK | Access::EXEC_OK)?)
            }
            opened => opened.map(drop),
        }
    }

    fn is_in_place(&self) -> bool {
        let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let there = fs::metadata(&self.path).map(place).ok();
        there.is_some() && there == self.file.metadata().map(place).ok()
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

impl Write for AppendFile {
    /// Writes a whole line or fails.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !self.is_in_place() {
            self.file = append(&self.path)?;
            self.torn = false;
        }
        if self.torn {
            self.file.write_all(b"\n")?;
        }
        self.torn = true;
        self.file.write_all(line)?;
        self.torn = false;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_closed_to_others_appended_to_and_made_anew_when_moved_away() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("audit.jsonl");
        AppendFile::open(&path).expect("a file").write_all(b"one\n").expect("written");
        let mut file = AppendFile::open(&path).expect("the file");
        file.write_all(b"two\n").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("the file"), "one\ntwo\n");
        let mode = fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let moved = directory.path().join("audit.jsonl.1");
        fs::rename(&path, &moved).expect("moved");
        file.write_all(b"three\n").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("the new file"), "three\n");
        assert_eq!(fs::read_to_string(&moved).expect("the old file"), "one\ntwo\n");
    }

    /// Every write to the first file fails for want of space.
    #[test]
    fn a_file_that_failed_is_written_again_at_the_next_line() {
        let mut file = AppendFile::open(Path::new("/dev/full")).expect("the device");
        assert!(file.write_all(b"one\n").is_err());
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("audit.jsonl");
        file.path.clone_from(&path);
        file.write_all(b"two\n").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("the file"), "two\n");
    }
}
