//! The reasons for a failed opening of a store, with their remedies.

use std::io;

use thiserror::Error;

/// The reason for a failed opening of a store.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has the store open.
    #[error("the data directory is in use by another process")]
    InUse,
    /// The store was written by a newer release.
    #[error("the store has format {found}, this release knows {known}: run the newer release")]
    Schema {
        /// The format of the store.
        found: u8,
        /// The newest format that this release knows.
        known: u8,
    },
    /// The store cannot be read, or a part of it is missing. Nothing is served from it.
    #[error("the store is damaged: {0}; set it aside and restore a backup")]
    Damaged(Box<str>),
    /// A restore of the store was cut short. There is no store yet.
    #[error("a restore into it did not finish: run it again")]
    Unfinished,
    /// The file system or sled returned an error.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl OpenError {
    pub(super) fn damaged(what: impl Into<Box<str>>) -> Self {
        Self::Damaged(what.into())
    }
}

impl From<sled::Error> for OpenError {
    fn from(error: sled::Error) -> Self {
        match error {
            // sled reports a taken lock only in the error's text.
            sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => {
                Self::InUse
            }
            sled::Error::Io(error) => Self::Io(error),
            sled::Error::Corruption { .. } => Self::damaged("sled found a corrupt page"),
            sled::Error::CollectionNotFound(_)
            | sled::Error::Unsupported(_)
            | sled::Error::ReportableBug(_) => Self::damaged("sled cannot make sense of it"),
        }
    }
}
