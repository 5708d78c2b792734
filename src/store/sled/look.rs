//! Inspects a data directory without opening it: finds everything that an opening would refuse
//! before its first write.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

use rustix::fs::{Access, access};

use super::{OpenError, directory, guard::guarded};

/// Checks, without writing, whether this process could open the store, as far as that shows from
/// outside: accesses each file that an opening reads and writes, and compares a store that was
/// closed in order with its seal, which reads all of the store. The store must not be open in any
/// process.
///
/// # Errors
/// Returns the error that an opening would return.
pub fn look(path: &Path) -> Result<(), OpenError> {
    reach(path)?;
    let path = path.to_owned();
    guarded(move || directory::judge(&path).map(drop))
}

/// Returns `true` if a process has the store in the data directory `path` open. A lock that cannot be
/// opened counts as free.
pub fn is_open(path: &Path) -> bool {
    let locked = File::open(path.join("lock")).map(|file| file.try_lock());
    matches!(locked, Ok(Err(TryLockError::WouldBlock)))
}

/// Accesses everything below `path` as its owner would.
fn reach(path: &Path) -> io::Result<()> {
    let found = fs::metadata(path)?;
    let directory = found.is_dir();
    let wanted = Access::READ_OK | Access::WRITE_OK;
    access(path, if directory { wanted | Access::EXEC_OK } else { wanted })?;
    if directory {
        for entry in fs::read_dir(path)? {
            reach(&entry?.path())?;
        }
    }
    Ok(())
}
