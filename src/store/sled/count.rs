//! Counts the grants of a store that is in use, without getting in anybody's way.

use std::time::Duration;

use tokio::time::sleep;

use super::{SledStore, records::blocking};
use crate::{domain::time::Timestamp, metrics::Registry, store::ReadError};

/// Index entries that are counted in one go, and the pause after them: nothing waits for the count.
const STEP: usize = 4096;
const PAUSE: Duration = Duration::from_millis(20);

impl SledStore {
    /// What the engine counts.
    pub fn metrics(&self) -> Registry {
        self.metrics.registry.clone()
    }

    /// Counts the grants that were there at `opened`, when this store was opened: until it is through
    /// the store tells of those made since only. Takes its time.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt`: then the count stays behind.
    pub async fn count_grants(&self, opened: Timestamp) -> Result<(), ReadError> {
        let mut after = None;
        loop {
            let trees = self.trees.clone();
            let counted = blocking(move || trees.count_grants(after, opened, STEP)).await;
            let (count, next) = counted?;
            self.metrics.grants.add(count);
            if next.is_none() {
                return Ok(());
            }
            after = next;
            sleep(PAUSE).await;
        }
    }
}
