//! How long something took, by a clock that never goes back.

use std::time::Instant;

/// Runs from when it was made.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    #[expect(clippy::disallowed_methods, reason = "the one home of the monotonic clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    #[expect(clippy::disallowed_methods, reason = "the one home of the monotonic clock")]
    pub fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
