//! Paths, and the values that are mistaken for paths.

use std::path::PathBuf;

use super::pasted::may_be_secret;
use crate::domain::invalid::Invalid;

/// Returns `true` if the text can be a database's URL, even with a missing slash, or one of libpq's
/// connection strings: all of them can contain a password.
pub fn says_where_a_database_is(text: &str) -> bool {
    let is_scheme = |text: &str| text.starts_with("postgres:") || text.starts_with("postgresql:");
    text.contains("://")
        || text.contains("password=")
        || is_scheme(text.trim_start_matches(['"', '\'', ' ']))
}

/// Parses a path. An empty path comes from a variable that was not filled in. A URL can contain a
/// password, and several lines can be a key: a fault about the path would show them.
pub(super) fn path(text: &str) -> Result<PathBuf, Invalid> {
    if text.is_empty() || text.contains('\0') {
        return Err(Invalid("must be a path"));
    }
    if text.contains(['\n', '\r']) {
        return Err(Invalid("must be the path of a file, not what is in it"));
    }
    if says_where_a_database_is(text) {
        return Err(Invalid(
            "must be a path: the URL of a database is for store.url or JETON_STORE_URL",
        ));
    }
    if may_be_secret(text) {
        return Err(Invalid("must be a path, not a token or a secret"));
    }
    Ok(text.into())
}
