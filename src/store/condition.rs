//! How a store is.

/// What an engine knows of itself without asking the disk for much; zero where it does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Whether it takes new records.
    pub writable: bool,
    /// Free bytes of its file system.
    pub free_bytes: u64,
    /// Bytes that it takes on disk.
    pub disk_bytes: u64,
    /// About how many grants it holds, those included that have ended and are not yet freed.
    pub grants: u64,
    /// By how many milliseconds this process's own clock is ahead of the database's, where the
    /// database's is what counts.
    pub clock_skew: Option<i64>,
    /// How many records were met since the process began that do not decode.
    pub damaged: u64,
}
