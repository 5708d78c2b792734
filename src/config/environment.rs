//! Inputs of the settings besides arguments: environment variables and files.

use std::{
    env,
    ffi::OsString,
    fs::{File, Metadata},
    io,
    path::Path,
};

use zeroize::Zeroizing;

use super::regular_file::{RegularFile, read_bounded};

/// A source of variables and files. The process has one; tests pass their own.
pub trait Environment {
    /// Returns the value of an environment variable, or `None` if it is not set or empty.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// Reads a whole file. A relative path starts at the working directory.
    ///
    /// # Errors
    /// Fails if the file cannot be read or is too large.
    fn read(&self, path: &Path) -> io::Result<TextFile>;
}

/// Contents of a file.
pub struct TextFile {
    /// The file's bytes. They can contain secrets, so they are wiped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// `true` if the file's mode lets its group or others read it.
    pub exposed: bool,
}

/// The environment of this process. It reads any file, including a shell's pipe, and waits for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl ProcessEnvironment {
    /// Maximum size of a file, in bytes: enough for tens of thousands of clients.
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

/// The environment of a serving process. It reads only regular files, since the end of another kind
/// of file may never come.
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
