//! The time of this machine.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970, by the clock that the servers have.
#[expect(clippy::disallowed_methods, reason = "claims are judged by the clock of the machine")]
pub(crate) fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}
