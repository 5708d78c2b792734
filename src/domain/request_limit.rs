//! Limit of the requests of one client.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// A client's request budget: refilled steadily, spent by each call that authenticates as it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestLimit {
    /// Requests a second, in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once, after a pause.
    pub burst: NonZeroU32,
}

impl RequestLimit {
    /// The highest of either.
    pub const MOST: u32 = 1_000_000;
}
