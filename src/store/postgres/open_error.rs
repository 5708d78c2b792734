//! Why a database does not open as a store, and what to do about it.

use thiserror::Error;

use super::outcome::Said;

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The URL is none of PostgreSQL's.
    #[error("the store's URL cannot be read")]
    Url,
    /// Nobody answers there, or not to this user.
    #[error("the database cannot be reached: {0}")]
    Unreachable(Box<str>),
    /// There is no TLS to be had.
    #[error("TLS to the database: {0}")]
    Tls(Box<str>),
    /// A newer release wrote it.
    #[error("the store has schema {found}, this release knows {known}: run the newer release")]
    Schema {
        /// The schema found.
        found: i64,
        /// The newest schema this release knows.
        known: usize,
    },
    /// It was being filled, and that was cut short. There is no store yet.
    #[error("a migration or restore into it did not finish: run it again")]
    Unfinished,
    /// A server has it open, or another process fills it.
    #[error("the store is in use: stop every server and every other command on it first")]
    InUse,
    /// There is a store already.
    #[error("the database holds a store already")]
    NotEmpty,
    /// The store's own row makes no sense.
    #[error("the store is damaged: its id is unreadable; restore a backup")]
    Damaged,
    /// Something in between gives each transaction another session.
    #[error(
        "a connection pooler in transaction mode is in between, in which notices and locks are lost: \
         connect past it, or have it pool sessions"
    )]
    Pooled,
    /// The database refused.
    #[error("the database refuses: {}", Said(.0))]
    Refused(#[from] tokio_postgres::Error),
}
