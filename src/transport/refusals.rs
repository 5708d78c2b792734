//! Lets a few lines a second into the log: what peers can bring about must not fill it.

use std::num::NonZeroU32;

use crate::metrics::Rate;

/// Lines a second, and at once.
const LINES: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");

/// Lines about one kind of event.
pub(super) struct Refusals(Rate);

impl Refusals {
    pub(super) fn new() -> Self {
        Self(Rate::new(LINES, LINES))
    }

    /// Returns whether one more may be logged.
    pub(super) fn may_tell(&self) -> bool {
        self.0.allows()
    }
}
