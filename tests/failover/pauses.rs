//! The longest time in which no write was acknowledged by any instance.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// Times of acknowledged writes.
pub(crate) struct Pauses {
    writes: AtomicU64,
    /// The last write, and the longest pause before one.
    last: Mutex<(Instant, Duration)>,
}

impl Pauses {
    pub(crate) fn new() -> Self {
        Self { writes: AtomicU64::new(0), last: Mutex::new((Instant::now(), Duration::ZERO)) }
    }

    /// A write was acknowledged just now.
    pub(crate) fn wrote(&self) {
        let now = Instant::now();
        let mut last = self.last.lock().expect("no panic");
        last.1 = last.1.max(now.saturating_duration_since(last.0));
        last.0 = now;
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of writes so far.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Begins again at this moment.
    pub(crate) fn begin(&self) {
        *self.last.lock().expect("no panic") = (Instant::now(), Duration::ZERO);
    }

    /// Returns the longest pause since the beginning, the one that goes on included.
    pub(crate) fn longest(&self) -> Duration {
        let last = self.last.lock().expect("no panic");
        last.1.max(last.0.elapsed())
    }
}
