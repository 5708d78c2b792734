//! Places in the changes feed, and why it cannot be read from one.

use thiserror::Error;

use super::ReadError;

/// The position of an event in the changes feed; the first is 1. As a cursor it stands for
/// everything up to that event, and 0 for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// Why events cannot be read from a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FeedError {
    /// Events after the cursor have been trimmed: whoever holds it must read everything anew and
    /// go on from the head as it was before that.
    #[error("the cursor is too old")]
    TooOld {
        /// The oldest cursor that is still good.
        oldest: Sequence,
    },
    /// The cursor lies beyond the last event: it is another store's, or this store went back in
    /// time.
    #[error("the cursor is ahead of the store")]
    Ahead,
    /// As [`ReadError::Unavailable`].
    #[error("the store cannot be read")]
    Unavailable,
    /// As [`ReadError::Corrupt`], or an event is missing.
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
