//! Names of a store on the command line: a data directory, or the URL of a database.

use std::path::Path;

use crate::config::says_where_a_database_is;

/// Returns whether it is the URL of a database, well-formed or not: it may hold a password, and what is
/// said of a directory would show it.
pub(super) fn is_database(store: &Path) -> bool {
    says_where_a_database_is(&store.to_string_lossy())
}
