//! The reasons for a database that does not open as a store, with their remedies.

use thiserror::Error;

use super::outcome::Said;

/// The reason for a failed opening of a store.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The URL is not a PostgreSQL URL.
    #[error("the store's URL cannot be read")]
    Url,
    /// No server answers, or it rejects the user.
    #[error("the database cannot be reached: {0}")]
    Unreachable(Box<str>),
    /// TLS cannot be set up.
    #[error("TLS to the database: {0}")]
    Tls(Box<str>),
    /// The store was written by a newer release.
    #[error("the store has schema {found}, this release knows {known}: run the newer release")]
    Schema {
        /// Version of the store's schema.
        found: i64,
        /// Newest schema version that this release knows.
        known: usize,
    },
    /// A restore of the store was cut short. There is no store yet.
    #[error("a migration or restore into it did not finish: run it again")]
    Unfinished,
    /// A server has the store open, or another process fills it.
    #[error("the store is in use: stop every server and every other command on it first")]
    InUse,
    /// The database holds a store already.
    #[error("the database holds a store already")]
    NotEmpty,
    /// There is nothing to copy.
    #[error("the database holds no store")]
    NoStore,
    /// The store's own row is invalid.
    #[error("the store is damaged: its id is unreadable; restore a backup")]
    Damaged,
    /// A pooler gives each transaction another session.
    #[error(
        "a connection pooler in transaction mode is in between, in which notices and locks are lost: \
         connect past it, or have it pool sessions"
    )]
    Pooled,
    /// The database returned an error.
    #[error("the database refuses: {}", Said(.0))]
    Refused(#[from] tokio_postgres::Error),
}
