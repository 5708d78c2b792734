//! The SQL statements of one record type, in the common dialect of PostgreSQL, CockroachDB and
//! YugabyteDB.

use std::borrow::Cow;

use super::columns::Tabled;
use crate::{
    domain::{client::Client, grant::Grant, user::User},
    store::{Premise, Write},
};

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
    /// The same three, each with an event, which is the last parameter.
    pub(super) with_event: WithEvent,
}

/// Statements of writes that add an event without a number.
pub(super) struct WithEvent {
    insert: String,
    replace: String,
    delete: String,
}

impl Statements {
    pub(super) fn of<R: Tabled>() -> Self {
        let table = R::TABLE;
        let names = listed(R::COLUMNS.iter().map(|name| (*name).to_owned()));
        let values = listed((4..4 + R::COLUMNS.len()).map(|place| format!("${place}")));
        let changing = R::COLUMNS[..R::COLUMNS.len() - R::FIXED].iter().zip(5..);
        let set = listed(changing.map(|(name, place)| format!("{name} = ${place}")));
        let insert = format!(
            "INSERT INTO {table} (key, version, record{names}) VALUES ($1, $2, $3{values}) \
             ON CONFLICT (key) DO NOTHING"
        );
        let replace = format!(
            "UPDATE {table} SET version = $2, record = $3{set} WHERE key = $1 AND version = $4"
        );
        let delete = format!("DELETE FROM {table} WHERE key = $1 AND version = $2");
        let with_event = WithEvent {
            insert: and_event(&insert, 4 + R::COLUMNS.len()),
            replace: and_event(&replace, 5 + R::COLUMNS.len() - R::FIXED),
            delete: and_event(&delete, 3),
        };
        Self {
            get: format!("SELECT version, record FROM {table} WHERE key = $1"),
            get_many: format!("SELECT key, version, record FROM {table} WHERE key = ANY($1)"),
            page: format!(
                "SELECT key, version, record FROM {table} WHERE key > $1 ORDER BY key LIMIT $2"
            ),
            first_page: format!("SELECT key, version, record FROM {table} ORDER BY key LIMIT $1"),
            insert,
            replace,
            delete,
            with_event,
        }
    }
}

/// The statement of a write, without an event and with one.
pub(super) struct Statement<'a> {
    pub(super) plain: Cow<'a, str>,
    /// Adds an event without a number, the last parameter.
    pub(super) with_event: Cow<'a, str>,
}

impl Statements {
    /// Returns the statement of a write. A replacement happens only while each of `premises` has its
    /// version: their keys and versions follow the parameters of a replacement.
    pub(super) fn of_write<R: Tabled>(
        &self,
        write: &Write<R>,
        premises: &[Premise],
    ) -> Statement<'_> {
        let (plain, with_event) = match write {
            Write::Insert(_) => (&self.insert, &self.with_event.insert),
            Write::Delete(..) => (&self.delete, &self.with_event.delete),
            Write::Replace(..) if premises.is_empty() => (&self.replace, &self.with_event.replace),
            Write::Replace(..) => return self.replace_if::<R>(premises),
        };
        Statement { plain: plain.into(), with_event: with_event.into() }
    }

    fn replace_if<R: Tabled>(&self, premises: &[Premise]) -> Statement<'_> {
        let first = 5 + R::COLUMNS.len() - R::FIXED;
        let holds = premises.iter().zip((first..).step_by(2)).map(|(premise, place)| {
            let (table, version) = (table_of(premise), place + 1);
            format!(
                " AND EXISTS (SELECT FROM {table} WHERE key = ${place} AND version = ${version})"
            )
        });
        let plain = self.replace.clone() + &holds.collect::<String>();
        let with_event = and_event(&plain, first + 2 * premises.len());
        Statement { plain: plain.into(), with_event: with_event.into() }
    }
}

fn table_of(premise: &Premise) -> &'static str {
    match premise {
        Premise::Grant(..) => Grant::TABLE,
        Premise::Client(..) => Client::TABLE,
        Premise::User(..) => User::TABLE,
    }
}

/// Adds the event `$place` to a write. The event's id is drawn after the row was written, so that
/// the events of one record have ids in the order of its states.
fn and_event(write: &str, place: usize) -> String {
    format!(
        "WITH written AS ({write} RETURNING key) \
         INSERT INTO jeton_unnumbered (change) SELECT ${place}::bytea FROM written"
    )
}

/// Joins items that follow other items of a list.
fn listed(items: impl Iterator<Item = String>) -> String {
    items.flat_map(|item| [", ".to_owned(), item]).collect()
}
