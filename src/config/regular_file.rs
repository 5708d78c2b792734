//! Reads a regular file whole: the read of another kind of file could block forever.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use bytesize::ByteSize;
use rustix::fs::OFlags;
use zeroize::Zeroizing;

/// Contents of a regular file.
pub struct RegularFile {
    /// The file's bytes. They can contain secrets, so they are wiped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Owner, mode and times of the file.
    pub metadata: Metadata,
}

impl RegularFile {
    /// Reads the file at `path`, following links. A file system that hangs still blocks this call,
    /// so no other work must wait for it.
    ///
    /// # Errors
    /// Fails if the file cannot be read, is not a regular file, or is longer than `most` bytes.
    pub fn read(path: &Path, most: u64) -> io::Result<Self> {
        // A FIFO without a writer is opened at once instead of waiting.
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let bytes = read_bounded(file, &metadata, most)?;
        Ok(Self { bytes, metadata })
    }
}

/// Reads `file` to its end.
///
/// # Errors
/// Fails if the file cannot be read or is longer than `most` bytes.
pub(super) fn read_bounded(
    file: File,
    metadata: &Metadata,
    most: u64,
) -> io::Result<Zeroizing<Vec<u8>>> {
    // The buffer has room for everything: a buffer that grows leaves copies behind that are not
    // wiped.
    let room = metadata.len().min(most) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(room).unwrap_or(0)));
    file.take(most + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|read| read > most) {
        let problem = format!("larger than {}", ByteSize::b(most));
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::net::UnixListener};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn problem(path: &Path) -> String {
        RegularFile::read(path, 16).map(|_| ()).expect_err("it is refused").to_string()
    }

    #[test]
    fn a_file_is_read_through_links_up_to_the_bound() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, link) = (directory.path().join("file"), directory.path().join("link"));
        fs::write(&path, [7; 16]).expect("a file");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        for path in [&path, &link] {
            let file = RegularFile::read(path, 16).expect("it is read");
            assert_eq!((&*file.bytes, file.metadata.len()), (&vec![7; 16], 16));
        }
        fs::write(&path, [7; 17]).expect("a longer file");
        assert_eq!(problem(&path), "larger than 16 B");
    }

    /// The test would hang if the read waited for a writer.
    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let fifo = directory.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
        for path in [&*fifo, directory.path(), Path::new("/dev/zero"), Path::new("/dev/tty")] {
            let refused = RegularFile::read(path, 16).map(|_| ());
            assert!(refused.is_err(), "{}", path.display());
        }
        assert_eq!(problem(&fifo), "not a regular file");
        let socket = directory.path().join("socket");
        let _listener = UnixListener::bind(&socket).expect("a socket");
        assert!(RegularFile::read(&socket, 16).is_err());
    }
}
