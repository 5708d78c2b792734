//! What settings read besides their arguments: environment variables and files.

use std::{
    env,
    ffi::OsString,
    fs::{File, Metadata},
    io,
    path::Path,
};

use zeroize::Zeroizing;

use super::regular_file::{RegularFile, read_bounded};

/// Where variables and files come from. The process has one; tests pass their own.
pub trait Environment {
    /// The value of an environment variable; `None` when it is not set, or set to nothing.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// Reads a whole file. A relative path starts at the working directory.
    ///
    /// # Errors
    /// When the file cannot be read or is too large to be what it should be.
    fn read(&self, path: &Path) -> io::Result<TextFile>;
}

/// A file that was read.
pub struct TextFile {
    /// What it holds: possibly secrets, so it is wiped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Whether its mode lets group or others read it.
    pub exposed: bool,
}

/// The environment of this process. It reads whatever can be read, a pipe of the shell's too, and waits
/// for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl ProcessEnvironment {
    /// Largest file that is read, in bytes: room for tens of thousands of clients.
    pub const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
}

impl Environment for ProcessEnvironment {
    #[expect(clippy::disallowed_methods, reason = "the one home of the process environment")]
    fn variable(&self, name: &str) -> Option<OsString> {
        env::var_os(name).filter(|value| !value.is_empty())
    }

    fn read(&self, path: &Path) -> io::Result<TextFile> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let bytes = read_bounded(file, &metadata, Self::MAX_FILE_BYTES)?;
        Ok(TextFile { bytes, exposed: is_exposed(&metadata) })
    }
}

/// The environment of this process while it serves: of files it reads regular ones only, since nothing
/// says when another one ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServingEnvironment;

impl Environment for ServingEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        ProcessEnvironment.variable(name)
    }

    fn read(&self, path: &Path) -> io::Result<TextFile> {
        let file = RegularFile::read(path, ProcessEnvironment::MAX_FILE_BYTES)?;
        Ok(TextFile { bytes: file.bytes, exposed: is_exposed(&file.metadata) })
    }
}

#[cfg(unix)]
fn is_exposed(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o044 != 0
}

#[cfg(not(unix))]
fn is_exposed(_: &Metadata) -> bool {
    false
}
