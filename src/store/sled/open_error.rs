//! Why a store does not open, and what to do about it.

use std::io;

use thiserror::Error;

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the data directory is in use by another process")]
    InUse,
    /// A newer release wrote it.
    #[error("the store has format {found}, this release knows {known}: run the newer release")]
    Schema {
        /// The format found.
        found: u8,
        /// The newest format this release knows.
        known: u8,
    },
    /// It cannot be read, or something of it is missing. Nothing is served from it.
    #[error("the store is damaged: {0}; set it aside and restore a backup")]
    Damaged(Box<str>),
    /// It was being restored, and that was cut short. There is no store yet.
    #[error("a restore into it did not finish: run it again")]
    Unfinished,
    /// The file system or sled refused.
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
            // sled says only in words that its lock is taken.
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
