//! Two clocks: a simulated one for the service, and a real one for rates.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use jeton::domain::time::{Clock, Timestamp};

/// Start of the simulated time, in milliseconds.
const BEGINNING: u64 = 1_800_000_000_000;

/// A clock that is moved by hand.
pub(crate) struct HandClock(AtomicU64);

impl HandClock {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(BEGINNING))
    }

    pub(crate) fn advance(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).expect("a short time");
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    /// Returns the simulated time since the start.
    pub(crate) fn passed(&self) -> Duration {
        self.now().since(Timestamp::from_millis(BEGINNING))
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn age(&self) -> Duration {
        self.passed()
    }
}

/// Measures real time.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "the one place where real time is read")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where real time is read")]
    pub(crate) fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
