//! What an error of the database means for whoever asked: happened, did not, or nobody knows.

use std::{error::Error as _, fmt};

use tokio_postgres::{Error, error::SqlState};

use crate::store::{ReadError, WriteError};

/// What the server said, if it said anything.
pub(super) fn told(error: &Error) -> Option<&SqlState> {
    error.code()
}

/// The database's own message and hint, or the driver's where the database said nothing. The detail is
/// left out: it may hold what is stored.
pub(super) struct Said<'a>(pub(super) &'a Error);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(told) = self.0.as_db_error() else {
            write!(f, "{}", self.0)?;
            return self.0.source().map_or(Ok(()), |cause| write!(f, ": {cause}"));
        };
        write!(f, "{} (SQLSTATE {})", told.message(), told.code().code())?;
        told.hint().map_or(Ok(()), |hint| write!(f, "; hint: {hint}"))
    }
}

/// How a statement ended that was to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// Nothing was written, and another attempt may succeed at once.
    Again,
    /// Nothing was written, for this reason.
    NotWritten(WriteError),
    /// The connection went, or the server stopped, before it was said: it may have been written, or
    /// may be yet.
    Unknown,
}

/// What became of a write that ended with `error`.
pub(super) fn of_write(error: &Error) -> Failed {
    let Some(state) = told(error) else { return Failed::Unknown };
    match *state {
        SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Failed::Again,
        SqlState::UNIQUE_VIOLATION => Failed::NotWritten(WriteError::Conflict),
        SqlState::DISK_FULL => Failed::NotWritten(WriteError::NoSpace),
        SqlState::TOO_MANY_CONNECTIONS | SqlState::LOCK_NOT_AVAILABLE => {
            Failed::NotWritten(WriteError::Busy)
        }
        // The server itself stops. A commit that it cut off while it waited for its standbys is
        // there, and will be on them or not.
        _ if state.code().starts_with("57") => Failed::Unknown,
        SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN => Failed::Unknown,
        _ => {
            tracing::error!(code = state.code(), said = %Said(error), "the database refuses a write");
            Failed::NotWritten(WriteError::Unavailable)
        }
    }
}

/// What a read that ended with `error` has for an answer.
pub(super) fn of_read(error: &Error) -> ReadError {
    if let Some(state) = told(error) {
        tracing::error!(code = state.code(), said = %Said(error), "the database refuses a read");
    }
    ReadError::Unavailable
}
