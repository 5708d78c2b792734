//! Shared state of all watches: the feed, their positions in it, and the searches for holders.

use std::sync::Arc;

use super::{feed::Feed, positions::WatcherPositions, searches::Searches};
use crate::{
    metrics::Registry,
    service::{authentication::authenticate::Authentication, records::Records},
};

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

/// Watches of revocations.
pub struct Revocations<S> {
    pub(super) records: Records<S>,
    pub(super) authentication: Arc<Authentication<S>>,
    pub(super) watching: Watching,
}

impl<S> Revocations<S> {
    pub(in crate::service) fn new(
        records: Records<S>,
        authentication: Arc<Authentication<S>>,
        watching: Watching,
    ) -> Self {
        Self { records, authentication, watching }
    }
}
