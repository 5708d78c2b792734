//! The clock that all processes of a machine share.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the microseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "two processes have no other time in common")]
pub(crate) fn micros() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that was set");
    now.as_micros().try_into().expect("not the far future")
}
