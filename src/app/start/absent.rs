//! A directory that a start would make.

use std::{
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

/// Asks whether `path` could be made, in the nearest directory above it that is there.
///
/// # Errors
/// The error that making it would have.
pub(super) fn nearest(path: &Path) -> io::Result<()> {
    let found = path.ancestors().skip(1).map(or_here).find(|parent| parent.exists());
    let found = found.unwrap_or_else(|| PathBuf::from("/"));
    Ok(access(&found, Access::WRITE_OK | Access::EXEC_OK)?)
}

/// The empty path is the working directory.
fn or_here(path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { ".".into() } else { path.into() }
}
