//! Upkeep of the store beside the calls: sweeping, times of last use, backups.
//!
//! Contents: work that no caller waits for, and how long records are kept.

pub(super) mod backup;
pub(super) mod horizon;
pub(super) mod last_used;
pub(super) mod retention;
pub(super) mod sweep;
pub(super) mod use_records;
