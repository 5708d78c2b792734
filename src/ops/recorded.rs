//! Contents of the page: the newest figures, their history and recent refusals.

use crate::figures::{History, Snapshot};

/// Refusals for one cause.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lately {
    pub(super) cause: String,
    /// In the last 15 minutes.
    pub(super) recent: f64,
    /// Since the start.
    pub(super) total: f64,
}

/// Contents of the page.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) snapshot: Snapshot,
    pub(super) history: History,
    pub(super) lately: Vec<Lately>,
}
