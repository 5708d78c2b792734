//! Follows the key ring on disk while the process serves: keys are added, activated and removed without a restart.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use super::{KeyFiles, hangup::Reread, key_files::Fingerprint};
use crate::{
    domain::key_ring::KeyRing,
    service::{RingRefused, Service},
    store::Store,
};

/// How often the directory is looked at.
const PERIOD: Duration = Duration::from_secs(1);

/// Brings each change of the ring to the service, until it is dropped. A ring that cannot be read
/// or used is told of once, and the keys before stay in use.
pub(super) async fn follow_keys<S: Store>(
    files: KeyFiles,
    service: Arc<Service<S>>,
    mut hangups: mpsc::Receiver<Reread>,
) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Unlike any directory's: what changed since the start is not missed.
    let mut seen = Fingerprint::default();
    loop {
        let _until_read = tokio::select! {
            _ = ticks.tick() => None,
            Some(asked) = hangups.recv() => Some(asked),
        };
        let (looked_at, before) = (files.clone(), seen.clone());
        let look = spawn_blocking(move || {
            let found = looked_at.fingerprint();
            // The fingerprint comes first: a change in between is met by the next look.
            (found != before).then(|| (found, looked_at.load()))
        });
        let Ok(Some((found, loaded))) = look.await else { continue };
        match loaded {
            Ok(Some(ring)) => {
                if take(&service, ring).await {
                    seen = found;
                }
            }
            Ok(None) => {
                tracing::error!("the key ring on disk is empty: the keys before stay in use");
                seen = found;
            }
            Err(error) => {
                tracing::error!(%error, "the key ring on disk is refused: the keys before stay in use");
                seen = found;
            }
        }
    }
}

/// Whether this ring was judged for good; otherwise it is to be tried again.
async fn take<S: Store>(service: &Service<S>, ring: KeyRing) -> bool {
    if is_same(&ring, service) {
        return true;
    }
    let (active, keys) = (ring.active().id(), ring.ids().count());
    match service.use_keys(ring).await {
        Ok(()) => {
            tracing::info!(%active, keys, "the key ring has changed");
            true
        }
        Err(error @ RingRefused::Missing { .. }) => {
            tracing::error!(%error, "the key ring on disk is refused: the keys before stay in use");
            true
        }
        Err(error) => {
            tracing::warn!(%error, "the key ring on disk is not in use yet");
            false
        }
    }
}

fn is_same<S: Store>(ring: &KeyRing, service: &Service<S>) -> bool {
    let used = service.key_ids();
    used.first() == Some(&ring.active().id())
        && used.len() == ring.ids().count()
        && used.iter().all(|id| ring.get(*id).is_some())
}
