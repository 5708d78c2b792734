//! The state of a store: space, size and damage.

/// State of an engine, as far as it is known without much disk access. Unknown numbers are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// `true` if the store accepts new records.
    pub writable: bool,
    /// Free bytes of the store's file system.
    pub free_bytes: u64,
    /// Bytes that the store takes on disk.
    pub disk_bytes: u64,
    /// Approximate number of grants, including ended grants that are not yet deleted.
    pub grants: u64,
    /// Milliseconds by which this process's clock is ahead of the database's clock. Set if the
    /// store judges time by the database's clock.
    pub clock_skew: Option<i64>,
    /// Number of records found since the process began that cannot be decoded.
    pub damaged: u64,
}
