//! Paths, and what is taken for one by mistake.

use std::path::{Path, PathBuf};

use crate::domain::invalid::Invalid;

/// Whether a path is the URL of a database.
pub(super) fn is_url(path: &Path) -> bool {
    says_where_a_database_is(&path.to_string_lossy())
}

/// Whether it may be a database's URL, if with a slash too few, or one of libpq's connection strings: either
/// may hold a password.
pub fn says_where_a_database_is(text: &str) -> bool {
    let is_scheme = |text: &str| text.starts_with("postgres:") || text.starts_with("postgresql:");
    text.contains("://")
        || text.contains("password=")
        || is_scheme(text.trim_start_matches(['"', '\'', ' ']))
}

/// Reads a path; an empty one is a variable that was not filled in. A URL may hold a password, and several
/// lines a key, which what is said of a path would show.
pub(super) fn path(text: &str) -> Result<PathBuf, Invalid> {
    if text.is_empty() || text.contains('\0') {
        return Err(Invalid("must be a path"));
    }
    if text.contains(['\n', '\r']) {
        return Err(Invalid("must be the path of a file, not what is in it"));
    }
    if is_url(Path::new(text)) {
        return Err(Invalid("must be a path: the URL of a database goes into store.url"));
    }
    Ok(text.into())
}
