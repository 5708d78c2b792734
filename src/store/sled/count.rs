//! Counts the grants of a store in use without delaying other work.

use std::time::Duration;

use tokio::time::sleep;

use super::{SledStore, records::blocking};
use crate::{domain::time::Timestamp, metrics::Registry, store::ReadError};

/// Number of index entries counted in one round. A pause follows each round, since nothing waits
/// for the count.
const STEP: usize = 4096;
const PAUSE: Duration = Duration::from_millis(20);

impl SledStore {
    /// Returns the engine's metrics.
    pub fn metrics(&self) -> Registry {
        self.metrics.registry.clone()
    }

    /// Counts the grants that existed at `opened`, the time at which this store was opened. Until
    /// the count is complete the store counts only newer grants. Takes a long time.
    ///
    /// # Errors
    /// Returns `Unavailable` or `Corrupt`. The count stays too low then.
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
