//! Use of the keys that are not active, and of the rings that requests can still hold.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{sleep, timeout};

use super::key_search::KeySearch;
use crate::domain::key_ring::{KeyId, KeyRing};

/// Time for requests that still hold the previous ring to finish.
const DRAIN: Duration = Duration::from_secs(60);
/// Interval between looks for such requests.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Use of the keys that are not active.
#[derive(Default)]
pub(in crate::service) struct RetiringKeys {
    /// One at a time looks, or changes the ring.
    pub(in crate::service) searches: tokio::sync::Mutex<BTreeMap<KeyId, KeySearch>>,
    /// Rings that requests may still hold.
    retired: Mutex<Vec<Arc<KeyRing>>>,
    /// Fault of the ring on disk; the ring in use can be an earlier state of it.
    fault: Mutex<Option<String>>,
}

impl RetiringKeys {
    /// Keeps a ring that requests may still hold.
    pub(in crate::service) fn retire(&self, ring: Arc<KeyRing>) {
        self.retired.lock().unwrap_or_else(PoisonError::into_inner).push(ring);
    }

    /// Returns whether no request holds a previous ring any more. A request that loads a ring holds
    /// it until its write is queued.
    pub(in crate::service) fn is_drained(&self) -> bool {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.retain(|ring| Arc::strong_count(ring) > 1);
        retired.is_empty()
    }

    /// Waits until no request holds a ring from before any more. `false` when that takes too long.
    pub(in crate::service) async fn drained(&self) -> bool {
        let drain = async {
            while !self.is_drained() {
                sleep(POLL_INTERVAL).await;
            }
        };
        timeout(DRAIN, drain).await.is_ok()
    }

    /// Notes what is wrong with the ring on disk.
    pub(in crate::service) fn set_fault(&self, fault: Option<String>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Returns the fault of the ring on disk, if there is one.
    pub(in crate::service) fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
