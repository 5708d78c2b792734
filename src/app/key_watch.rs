//! Follows the key ring on disk while the process serves: keys are added, activated and removed without a restart.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use super::{
    KeyFiles, KeyRingError, NewSigningKey, SigningKeyError, SystemEntropy, hangup::Reread,
    key_files::Fingerprint, named_keys::NamedKeys,
};
use crate::{
    domain::{
        algorithm::Algorithm,
        key_ring::{KeyId, KeyRing},
        signing_key_id::SigningKeyId,
        time::Timestamp,
    },
    jose::SigningRing,
    ops::Readiness,
    service::{RingChangeError, Service, SigningKeys},
    store::Store,
};

/// Interval between two looks at the directory.
const PERIOD: Duration = Duration::from_secs(1);
/// Looks between two questions to the store which keys its records name.
const LOOKS: u32 = 5;

/// Brings each change of the ring to the service, until it is dropped. A ring that cannot be read
/// or used is named once in the log, and everywhere else as long as it is so; the keys before stay in use.
pub(super) async fn follow_keys<S: Store>(
    files: KeyFiles,
    mut named: NamedKeys,
    service: Arc<Service<S>>,
    readiness: Readiness,
    mut hangups: mpsc::Receiver<Reread>,
) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Unlike any directory's: what changed since the start is not missed.
    let mut seen = Fingerprint::default();
    let mut fault = Fault::default();
    let first_key = named.is_of_one();
    for look in (0..LOOKS).cycle() {
        let _until_read = tokio::select! {
            _ = ticks.tick() => None,
            Some(asked) = hangups.recv() => Some(asked),
        };
        let (looked_at, before) = (files.clone(), seen.clone());
        let read = spawn_blocking(move || {
            let found = looked_at.fingerprint();
            // The fingerprint comes first: a change in between is met by the next look.
            (found != before).then(|| (found, looked_at.load(), looked_at.signing()))
        });
        let Ok(changed) = read.await else { continue };
        if first_key && service.signing_keys().lacks_key() {
            make_first(files.clone(), service.now()).await;
        }
        if let Some((found, loaded, signing)) = changed {
            let Some(signing) = take_signing(&service, signing).await else { continue };
            if let Some(refused) = judge(&service, loaded).await {
                seen = found;
                fault.refused = refused.or(signing);
            }
        } else if look != 0 {
            keep_signing(&service).await;
            continue;
        }
        keep_signing(&service).await;
        if let Ok(keys) = service.keys.named_keys().await
            && let Ok(signing) = service.signing_leases.needed_keys().await
        {
            fault.compare(&keys, &service.keys.key_ids());
            named.put(&keys, &signing);
        }
        if let Ok(lacking) = service.signing_leases.lacking_keys().await {
            fault.lack(&lacking);
        }
        let text = fault.text();
        readiness.set_next_start(text.is_none());
        service.keys.set_key_ring_fault(text);
    }
}

/// Makes the first key that signs access tokens, which the next look at the ring meets. One server alone
/// needs no word of an operator: nothing was signed before, and no verifier has a key set to keep.
async fn make_first(files: KeyFiles, now: Timestamp) {
    let made = spawn_blocking(move || {
        let new = NewSigningKey { algorithm: Algorithm::Es256, import: None };
        if files.signing()?.keys().is_empty() {
            files.add_signing(new, &SystemEntropy, now)?;
        }
        Ok::<_, SigningKeyError>(())
    });
    if let Ok(Err(error)) = made.await {
        tracing::error!(%error, "the first key that signs access tokens cannot be made");
    }
}

/// Fault of the ring on disk.
#[derive(Default)]
struct Fault {
    /// Reason for which it was refused.
    refused: Option<String>,
    /// Text about the keys that it lacks and that records name.
    missing: Option<String>,
    /// Text about the signing keys that it lacks and whose tokens can be good.
    lacking: Option<String>,
}

impl Fault {
    /// Looks for keys that records name and the ring in use lacks.
    fn compare(&mut self, named: &[KeyId], used: &[KeyId]) {
        let missing = named.iter().filter(|id| !used.contains(id));
        let ids: Vec<_> = missing.map(ToString::to_string).collect();
        let missing = (!ids.is_empty()).then(|| {
            format!(
                "the key ring lacks keys that records name: {}: copy them to it (or, where \
                 nothing needs them, jeton key remove --store while no server runs)",
                ids.join(", ")
            )
        });
        if missing != self.missing {
            if let Some(missing) = &missing {
                tracing::error!("{missing}");
            }
            self.missing = missing;
        }
    }

    /// Notes the signing keys that others have signed with, or a server before this one, and that the ring in
    /// use lacks.
    fn lack(&mut self, lacking: &[SigningKeyId]) {
        let ids: Vec<_> = lacking.iter().map(ToString::to_string).collect();
        let lacking = (!ids.is_empty()).then(|| {
            format!(
                "the key ring lacks signing keys whose tokens can be good: {}: copy their files to it",
                ids.join(", ")
            )
        });
        if lacking != self.lacking {
            if let Some(lacking) = &lacking {
                tracing::error!("{lacking}");
            }
            self.lacking = lacking;
        }
    }

    fn text(&self) -> Option<String> {
        let faults = [&self.refused, &self.missing, &self.lacking];
        faults.into_iter().flatten().next().cloned()
    }
}

/// Puts the ring that was read into use. Returns the reason if it is refused, `Some(None)` if it is
/// in use, and `None` if it must be tried again.
async fn judge<S: Store>(
    service: &Service<S>,
    loaded: Result<Option<KeyRing>, KeyRingError>,
) -> Option<Option<String>> {
    const STAY: &str = "the keys before stay in use, and the next start would fail";
    match loaded {
        Ok(Some(ring)) => take(service, ring).await,
        Ok(None) => {
            tracing::error!("the key ring on disk is empty: {STAY}");
            Some(Some("it is empty".to_owned()))
        }
        Err(error) => {
            tracing::error!(%error, "the key ring on disk is refused: {STAY}");
            Some(Some(error.to_string()))
        }
    }
}

/// Puts a ring that was read into use, with the results of [`judge`].
async fn take<S: Store>(service: &Service<S>, ring: KeyRing) -> Option<Option<String>> {
    if is_same(&ring, service) {
        return Some(None);
    }
    let (active, keys) = (ring.active().id(), ring.ids().count());
    match service.keys.use_keys(ring).await {
        Ok(()) => {
            tracing::info!(%active, keys, "the key ring has changed");
            Some(None)
        }
        Err(error @ RingChangeError::Missing { .. }) => {
            tracing::error!(%error, "the key ring on disk is refused: the keys before stay in use");
            Some(Some(error.to_string()))
        }
        Err(error) => {
            tracing::warn!(%error, "the key ring on disk is not in use yet");
            None
        }
    }
}

/// Announces the signing keys and renews their leases, where that is due. A failed attempt is
/// repeated at the next look, long before a lease ends.
async fn keep_signing<S: Store>(service: &Service<S>) {
    if let Err(error) = service.signing_leases.keep().await {
        tracing::debug!(%error, "the signing keys were not announced");
    }
}

/// Puts the signing keys that were read into use, with the results of [`judge`].
async fn take_signing<S: Store>(
    service: &Service<S>,
    loaded: Result<SigningRing, KeyRingError>,
) -> Option<Option<String>> {
    let ring = match loaded {
        Ok(ring) => ring,
        Err(error) => {
            tracing::error!(%error, "the signing keys on disk are refused: those before stay in use");
            return Some(Some(error.to_string()));
        }
    };
    let (keys, active) = (ring.keys().len(), ring.begun(service.now()).first().copied());
    match service.signing_leases.replace(ring).await {
        Ok(SigningKeys { changed, kept }) => {
            if changed {
                let active = active.map(|key| key.to_string());
                tracing::info!(active, keys, "the signing keys have changed");
            }
            let ids: Vec<_> = kept.iter().map(ToString::to_string).collect();
            let fault = (!ids.is_empty()).then(|| {
                let ids = ids.join(", ");
                format!("signing keys whose tokens can be good are gone: {ids}: put them back")
            });
            if let Some(fault) = &fault {
                tracing::error!("{fault}; they stay in use until the next start");
            }
            Some(fault)
        }
        Err(error) => {
            tracing::warn!(%error, "the signing keys on disk are not in use yet");
            None
        }
    }
}

fn is_same<S: Store>(ring: &KeyRing, service: &Service<S>) -> bool {
    let used = service.keys.key_ids();
    used.first() == Some(&ring.active().id())
        && used.len() == ring.ids().count()
        && used.iter().all(|id| ring.get(*id).is_some())
}
