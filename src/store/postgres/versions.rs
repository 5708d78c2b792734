//! Versions that no state of any record has had: the number of this opening in front of a counter.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::Version;

/// Writes of one opening that versions can tell apart: a trillion.
const VERSION_BITS: u32 = 40;

/// Drawn before a write, so that an attempt whose outcome is unknown can be recognised.
pub(super) struct Versions(AtomicU64);

impl Versions {
    /// Those of one opening.
    pub(super) const fn of(opening: i64) -> Self {
        Self(AtomicU64::new(opening.cast_unsigned() << VERSION_BITS))
    }

    /// The next one.
    pub(super) fn next(&self) -> Version {
        Version::from_u64(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
