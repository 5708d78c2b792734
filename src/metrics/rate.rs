//! Limits the rate of an action.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, MonotonicClock},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

/// A maximum rate a second in the long run, and a maximum burst after a pause.
pub struct Rate(
    RateLimiter<
        NotKeyed,
        InMemoryState,
        MonotonicClock,
        NoOpMiddleware<<MonotonicClock as governor::clock::Clock>::Instant>,
    >,
);

impl Rate {
    /// Creates an unused rate.
    pub fn new(per_second: NonZeroU32, at_once: NonZeroU32) -> Self {
        // A quota's period cannot be zero.
        let period = Duration::from_secs(1) / per_second.get();
        let quota = Quota::with_period(period.max(Duration::from_nanos(1)));
        let quota = quota.unwrap_or_else(|| Quota::per_second(per_second)).allow_burst(at_once);
        Self(RateLimiter::direct_with_clock(quota, MonotonicClock))
    }

    /// Returns `true` if the action is allowed now, and counts it.
    pub fn allows(&self) -> bool {
        self.0.check().is_ok()
    }

    /// Counts the action as [`Self::allows`] does.
    ///
    /// # Errors
    /// Returns the time to wait.
    pub fn check(&self) -> Result<(), Duration> {
        self.0.check().map_err(|not_until| not_until.wait_time_from(MonotonicClock.now()))
    }
}
