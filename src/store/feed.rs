//! Positions in the changes feed, and the reasons for a read from a position to fail.

use thiserror::Error;

use super::ReadError;

/// Position of an event in the changes feed. The first event is 1. As a cursor it stands for all
/// events up to that one; 0 stands for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// The reason for a failed read of events after a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FeedError {
    /// Events after the cursor have been trimmed. The holder of the cursor must read all records
    /// again and go on from the head as it was before that read.
    #[error("the cursor is too old")]
    TooOld {
        /// The oldest cursor that can still be read from.
        oldest: Sequence,
    },
    /// The cursor lies beyond the last event: it belongs to another store, or this store went back
    /// in time.
    #[error("the cursor is ahead of the store")]
    Ahead,
    /// The engine is unavailable, as in [`ReadError::Unavailable`].
    #[error("the store cannot be read")]
    Unavailable,
    /// An event cannot be decoded, as in [`ReadError::Corrupt`], or is missing.
    #[error("the feed is damaged")]
    Corrupt,
}

impl From<ReadError> for FeedError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable => Self::Unavailable,
            ReadError::Corrupt => Self::Corrupt,
        }
    }
}
