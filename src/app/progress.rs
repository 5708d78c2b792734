//! Says how far work is that takes long, so that nobody takes it for a hang.

use std::time::Duration;

use tokio::time::Instant;

/// Interval between two reports.
const EVERY: Duration = Duration::from_secs(2);

/// One piece of work.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    done: usize,
    said: Instant,
}

impl Progress {
    /// Work that begins now.
    pub(super) fn of(what: &'static str) -> Self {
        Self { what, done: 0, said: Instant::now() }
    }

    /// One more of `all` is done.
    pub(super) fn step(&mut self, all: usize) {
        self.done += 1;
        if self.said.elapsed() >= EVERY {
            tracing::info!(done = self.done, of = all, "{}", self.what);
            self.said = Instant::now();
        }
    }
}
