//! A clock that moves by hand.

use std::sync::atomic::{AtomicU64, Ordering};

use jeton::domain::time::{Clock, Timestamp};

pub(crate) struct HandClock(AtomicU64);

impl HandClock {
    pub(crate) fn new() -> Self {
        Self(1_800_000_000_000.into())
    }

    pub(crate) fn set_back(&self, millis: u64) {
        self.0.fetch_sub(millis, Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
