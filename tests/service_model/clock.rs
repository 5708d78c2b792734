//! A clock that moves by hand.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use jeton::domain::time::{Clock, Timestamp};

/// Its time, and the age of the process, in milliseconds.
pub(crate) struct HandClock {
    now: AtomicU64,
    age: AtomicU64,
}

impl HandClock {
    pub(crate) fn new() -> Self {
        Self { now: 1_800_000_000_000.into(), age: 0.into() }
    }

    /// Time passes.
    pub(crate) fn advance(&self, millis: u64) {
        self.now.fetch_add(millis, Ordering::SeqCst);
        self.age.fetch_add(millis, Ordering::SeqCst);
    }

    /// Somebody sets the clock, or another instance's is meant.
    pub(crate) fn set_back(&self, millis: u64) {
        self.now.fetch_sub(millis, Ordering::SeqCst);
    }

    /// Somebody sets the clock, or another instance's is meant.
    pub(crate) fn set_ahead(&self, millis: u64) {
        self.now.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn age(&self) -> Duration {
        Duration::from_millis(self.age.load(Ordering::SeqCst))
    }
}
