//! Rates: how often something may happen.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, MonotonicClock},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

/// So often a second in the long run, and so often at once after a pause.
pub struct Rate(
    RateLimiter<
        NotKeyed,
        InMemoryState,
        MonotonicClock,
        NoOpMiddleware<<MonotonicClock as governor::clock::Clock>::Instant>,
    >,
);

impl Rate {
    /// A rate of which nothing is used yet.
    pub fn new(per_second: NonZeroU32, at_once: NonZeroU32) -> Self {
        // A period of nothing is no quota.
        let period = Duration::from_secs(1) / per_second.get();
        let quota = Quota::with_period(period.max(Duration::from_nanos(1)));
        let quota = quota.unwrap_or_else(|| Quota::per_second(per_second)).allow_burst(at_once);
        Self(RateLimiter::direct_with_clock(quota, MonotonicClock))
    }

    /// Returns whether it may happen once more, which is then used.
    pub fn allows(&self) -> bool {
        self.0.check().is_ok()
    }

    /// As [`Self::allows`].
    ///
    /// # Errors
    /// How long to wait.
    pub fn check(&self) -> Result<(), Duration> {
        self.0.check().map_err(|not_until| not_until.wait_time_from(MonotonicClock.now()))
    }
}
