//! Versions that no state of any record has had: the number of this opening followed by a counter.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::Version;

/// Bits of a version that count the writes of one opening: enough for a trillion.
const VERSION_BITS: u32 = 40;

/// A source of versions. Each is drawn before its write, so that an attempt with an unknown result
/// can be recognised.
pub(super) struct Versions(AtomicU64);

impl Versions {
    /// Creates the versions of one opening.
    pub(super) const fn of(opening: i64) -> Self {
        Self(AtomicU64::new(opening.cast_unsigned() << VERSION_BITS))
    }

    /// Returns the next version.
    pub(super) fn next(&self) -> Version {
        Version::from_u64(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
