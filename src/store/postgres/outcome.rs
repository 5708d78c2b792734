//! The meaning of a database error for the caller: written, not written, or unknown.

use std::{error::Error as _, fmt};

use tokio_postgres::{Error, error::SqlState};

use crate::store::{ReadError, WriteError};

/// Returns the server's SQL state, if the server sent an error.
pub(super) fn told(error: &Error) -> Option<&SqlState> {
    error.code()
}

/// The database's own message and hint, or the driver's if the database sent none. The detail is
/// left out because it can contain stored data.
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

/// The result of a failed write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// Nothing was written. Another attempt can succeed at once.
    Again,
    /// Nothing was written, for this reason.
    NotWritten(WriteError),
    /// The connection was cut, or the server stopped, before the result arrived: the write may have
    /// happened, or may still happen.
    Unknown,
}

/// Classifies the `error` of a write.
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
        // The server is shutting down. A commit that it cut off while waiting for the standbys is
        // stored locally and may or may not reach them.
        _ if state.code().starts_with("57") => Failed::Unknown,
        SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN => Failed::Unknown,
        _ => {
            tracing::error!(code = state.code(), said = %Said(error), "the database refuses a write");
            Failed::NotWritten(WriteError::Unavailable)
        }
    }
}

/// Classifies the `error` of a read.
pub(super) fn of_read(error: &Error) -> ReadError {
    if let Some(state) = told(error) {
        tracing::error!(code = state.code(), said = %Said(error), "the database refuses a read");
    }
    ReadError::Unavailable
}
