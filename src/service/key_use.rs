//! What is known of the keys that are not active, and of the rings that requests may still hold.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{sleep, timeout};

use super::key_search::KeySearch;
use crate::domain::key_ring::{KeyId, KeyRing};

/// How long requests that still hold the ring before may take to finish.
const DRAIN: Duration = Duration::from_secs(60);
/// How often it is looked whether they have.
const GLANCE: Duration = Duration::from_millis(10);

/// What is known of the keys that are not active.
#[derive(Default)]
pub(super) struct KeyUse {
    /// One at a time looks, or changes the ring.
    pub(super) searches: tokio::sync::Mutex<BTreeMap<KeyId, KeySearch>>,
    /// Rings that requests may still hold.
    retired: Mutex<Vec<Arc<KeyRing>>>,
    /// What is wrong with the ring on disk, of which the one in use may be an earlier state.
    fault: Mutex<Option<String>>,
}

impl KeyUse {
    /// Keeps a ring that requests may still hold.
    pub(super) fn retire(&self, ring: Arc<KeyRing>) {
        self.retired.lock().unwrap_or_else(PoisonError::into_inner).push(ring);
    }

    /// Whether no request holds a ring from before any more. A request that loads a ring holds it
    /// until its write is queued.
    pub(super) fn is_drained(&self) -> bool {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.retain(|ring| Arc::strong_count(ring) > 1);
        retired.is_empty()
    }

    /// Waits until no request holds a ring from before any more. `false` when that takes too long.
    pub(super) async fn drained(&self) -> bool {
        let drain = async {
            while !self.is_drained() {
                sleep(GLANCE).await;
            }
        };
        timeout(DRAIN, drain).await.is_ok()
    }

    /// Notes what is wrong with the ring on disk.
    pub(super) fn set_fault(&self, fault: Option<String>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// What is wrong with the ring on disk, if anything is.
    pub(super) fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
