//! Reasons for which what is declared cannot be brought into the store.

use std::fmt::Display;

use thiserror::Error;

use crate::{
    domain::error::Error as Refusal,
    store::{ReadError, WriteError},
};

/// Reason for which a declaration cannot be applied.
#[derive(Debug, Error)]
pub enum DeclareError {
    /// It is refused, or does not fit what an administrator has changed.
    #[error(
        "the declared {what}: {error}. What an administrator changed counts as well: see jeton \
         client get, and declare the field or change it back"
    )]
    Refused {
        /// Kind and name of the client or user.
        what: String,
        /// Cause.
        error: Refusal,
    },
    /// The store failed.
    #[error("the store: {0}")]
    Write(#[from] WriteError),
    /// The store failed.
    #[error("the store: {0}")]
    Read(#[from] ReadError),
}

/// Returns the refusal of a client, a user, or what they have in common.
pub(super) fn refused(kind: &str, name: impl Display, error: Refusal) -> DeclareError {
    DeclareError::Refused { what: format!("{kind} {name}"), error }
}
