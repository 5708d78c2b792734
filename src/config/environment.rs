//! What settings read besides their arguments: environment variables and files.

use std::{
    env,
    ffi::OsString,
    fs::{File, Metadata},
    io::{self, Read as _},
    path::Path,
};

use zeroize::Zeroizing;

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

/// The environment of this process.
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
        // Room for all of it at once: a buffer that grows leaves copies behind that are not wiped.
        let room = metadata.len().min(Self::MAX_FILE_BYTES) + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(room).unwrap_or(0)));
        file.take(Self::MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).is_ok_and(|read| read > Self::MAX_FILE_BYTES) {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 16 MiB"));
        }
        Ok(TextFile { bytes, exposed: is_exposed(&metadata) })
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
