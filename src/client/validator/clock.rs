//! The validator's only clock, monotonic, so that setting the wall clock has no effect.

use std::time::Duration;

use tokio::time::Instant;

/// Nanoseconds since the validator was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub(super) u64);

impl Moment {
    /// Returns this moment plus `duration`, or the last possible moment.
    pub(super) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }

    /// Returns the time since `earlier`, zero if `earlier` is in the future.
    pub(super) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Counts from the creation of the validator.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now(self) -> Moment {
        Moment(nanos(self.0.elapsed()))
    }
}

/// Converts to nanoseconds: enough for 584 years.
fn nanos(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}
