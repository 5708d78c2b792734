//! A look at a data directory from outside: what an opening would refuse before it writes anything.

use std::{fs, io, path::Path};

use rustix::fs::{Access, access};

use super::{OpenError, directory, guard::guarded};

/// Whether an opening by this process would be refused, as far as that can be seen without one: each file
/// that it reads and writes is asked for, and what was closed in order is compared with its seal, which
/// reads all of it. Nothing is written. What a process has open is not to be looked at.
///
/// # Errors
/// What the opening would say.
pub fn look(path: &Path) -> Result<(), OpenError> {
    reach(path)?;
    let path = path.to_owned();
    guarded(move || directory::judge(&path).map(drop))
}

/// Asks for everything below `path` as its owner would use it.
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
