//! The transition that notes when a grant was last used: coarse, so that it costs almost no writes.

use std::time::Duration;

use super::{grant::Grant, time::Timestamp};

/// A use is noted when the last one that was noted, or the issue of the grant, is longer ago.
pub const COARSENESS: Duration = Duration::from_secs(15 * 60);

/// Returns whether a use of `grant` at `time` is worth a write, also if the clock was ahead when
/// the last use was recorded.
pub fn is_news(grant: &Grant, time: Timestamp) -> bool {
    let noted = grant.last_used.unwrap_or(grant.issue_time);
    grant.end.is_none() && time.since(noted).max(noted.since(time)) >= COARSENESS
}

/// The grant, last used at `time`; `None` when that is no news. Nothing else of it changes.
pub fn note(grant: &Grant, time: Timestamp) -> Option<Grant> {
    is_news(grant, time).then(|| Grant { last_used: Some(time), ..grant.clone() })
}
