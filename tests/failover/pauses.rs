//! The longest time in which no write was acknowledged by any instance.

use std::{sync::Mutex, time::Duration};

use tokio::{sync::watch, time::Instant};

/// Times of acknowledged writes.
pub(crate) struct Pauses {
    writes: watch::Sender<u64>,
    last: Mutex<Last>,
}

/// The last write, and the longest pause before one.
struct Last {
    at: Instant,
    longest: Duration,
}

impl Pauses {
    pub(crate) fn new() -> Self {
        Self { writes: watch::Sender::new(0), last: Mutex::new(Last::now()) }
    }

    /// A write was acknowledged just now.
    pub(crate) fn wrote(&self) {
        let mut last = self.last.lock().expect("no panic");
        last.longest = last.longest.max(last.at.elapsed());
        last.at = Instant::now();
        self.writes.send_modify(|writes| *writes += 1);
    }

    /// Returns the number of writes so far.
    pub(crate) fn writes(&self) -> u64 {
        *self.writes.borrow()
    }

    /// Waits for so many more writes.
    pub(crate) async fn more(&self, count: u64) {
        let enough = self.writes() + count;
        let mut writes = self.writes.subscribe();
        writes.wait_for(|writes| *writes >= enough).await.expect("the load goes on");
    }

    /// Begins again at this moment.
    pub(crate) fn begin(&self) {
        *self.last.lock().expect("no panic") = Last::now();
    }

    /// Returns the longest pause since the beginning, the one that goes on included.
    pub(crate) fn longest(&self) -> Duration {
        let last = self.last.lock().expect("no panic");
        last.longest.max(last.at.elapsed())
    }
}

impl Last {
    fn now() -> Self {
        Self { at: Instant::now(), longest: Duration::ZERO }
    }
}
