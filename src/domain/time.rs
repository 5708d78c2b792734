//! Points in time as the domain sees them: always an argument, never read here.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Maximum of every duration that a file or a call sets: 100 years. A longer one is a typing error.
pub const LONGEST_DURATION: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Milliseconds since the Unix epoch, UTC, without leap seconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timestamp(u64);

impl Timestamp {
    /// A timestamp from milliseconds since the Unix epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000
    }

    /// This moment plus `duration`; stays at the largest timestamp instead of overflowing.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// This moment less `duration`; stays at the epoch instead of going before it.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// Returns the time from `earlier` to this moment; zero if `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Source of `now`. The process has one, named in `app`; tests move theirs by hand.
pub trait Clock: Send + Sync + 'static {
    /// The current wall-clock time. It may go backwards; no order is ever taken from it.
    fn now(&self) -> Timestamp;

    /// Returns the age of the process by a monotonic clock.
    fn age(&self) -> Duration;
}
