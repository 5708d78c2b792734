//! What all watches share: the feed, their places in it, and the searches for whom it concerns.

use std::sync::Arc;

use super::{feed::Feed, places::Places, searches::Searches};
use crate::metrics::Registry;

/// What all watches share.
pub(in crate::service) struct Watching {
    pub(super) feed: Arc<Feed>,
    pub(super) places: Places,
    pub(super) searches: Searches,
}

impl Watching {
    pub(in crate::service) fn new(registry: &Registry) -> Self {
        let feed = Arc::new(Feed::new());
        let places = Places::new(registry, Arc::clone(&feed));
        Self { feed, places, searches: Searches::new() }
    }
}
