//! The SQL statements of one record type, in the common dialect of PostgreSQL, CockroachDB and
//! YugabyteDB.

use super::columns::Tabled;
use crate::store::Write;

/// The statements. `$1` is the key in each, unless stated otherwise.
pub(super) struct Statements {
    /// Selects the row of one key: version, record.
    pub(super) get: String,
    /// Selects the rows of the keys in the array `$1`: key, version, record.
    pub(super) get_many: String,
    /// Selects the rows of keys after `$1`, at most `$2`: key, version, record.
    pub(super) page: String,
    /// Selects the first rows, at most `$1`.
    pub(super) first_page: String,
    /// Inserts a row if there is none. `$2` version, `$3` record, then the columns.
    pub(super) insert: String,
    /// Replaces a row of version `$4`. `$2` new version, `$3` record, then the columns that change.
    pub(super) replace: String,
    /// Deletes a row of version `$2`.
    pub(super) delete: String,
}

impl Statements {
    pub(super) fn of<R: Tabled>() -> Self {
        let table = R::TABLE;
        let names = listed(R::COLUMNS.iter().map(|name| (*name).to_owned()));
        let values = listed((4..4 + R::COLUMNS.len()).map(|place| format!("${place}")));
        let changing = R::COLUMNS[..R::COLUMNS.len() - R::FIXED].iter().zip(5..);
        let set = listed(changing.map(|(name, place)| format!("{name} = ${place}")));
        Self {
            get: format!("SELECT version, record FROM {table} WHERE key = $1"),
            get_many: format!("SELECT key, version, record FROM {table} WHERE key = ANY($1)"),
            page: format!(
                "SELECT key, version, record FROM {table} WHERE key > $1 ORDER BY key LIMIT $2"
            ),
            first_page: format!("SELECT key, version, record FROM {table} ORDER BY key LIMIT $1"),
            insert: format!(
                "INSERT INTO {table} (key, version, record{names}) VALUES ($1, $2, $3{values}) \
                 ON CONFLICT (key) DO NOTHING"
            ),
            replace: format!(
                "UPDATE {table} SET version = $2, record = $3{set} WHERE key = $1 AND version = $4"
            ),
            delete: format!("DELETE FROM {table} WHERE key = $1 AND version = $2"),
        }
    }
}

impl Statements {
    /// Returns the statement of a write.
    pub(super) fn of_write<R: Tabled>(&self, write: &Write<R>) -> &str {
        match write {
            Write::Insert(_) => &self.insert,
            Write::Replace(..) => &self.replace,
            Write::Delete(..) => &self.delete,
        }
    }
}

/// Joins items that follow other items of a list.
fn listed(items: impl Iterator<Item = String>) -> String {
    items.flat_map(|item| [", ".to_owned(), item]).collect()
}
