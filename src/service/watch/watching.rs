//! Shared state of all watches: the feed, their positions in it, and the searches for holders.

use std::sync::Arc;

use super::{feed::Feed, positions::WatcherPositions, searches::Searches};
use crate::metrics::Registry;

/// Shared state of all watches.
pub(in crate::service) struct Watching {
    pub(super) feed: Arc<Feed>,
    pub(super) places: WatcherPositions,
    pub(super) searches: Searches,
}

impl Watching {
    pub(in crate::service) fn new(registry: &Registry) -> Self {
        let feed = Arc::new(Feed::new());
        let places = WatcherPositions::new(registry, Arc::clone(&feed));
        Self { feed, places, searches: Searches::new() }
    }
}
