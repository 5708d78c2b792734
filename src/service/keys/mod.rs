//! Changes of a running service's key ring, and the keys that are still needed.

pub(super) mod key_search;
pub(super) mod key_use;

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use thiserror::Error;

use self::key_use::RetiringKeys;
use super::{
    KeyNamed, KeySearch, audit::stranger_audit::StrangerAudit, records::Records,
    upkeep::horizon::Horizon,
};
use crate::{
    domain::{
        error::Error,
        grant_id::GrantId,
        key_ring::{KeyId, KeyRing, ServerKey},
        presented_token::PresentedToken,
        time::Timestamp,
    },
    store::{ReadError, Store, WriteError},
};

/// Reads that one look at a key may cost: some tens of milliseconds.
const PAGES: usize = 64;
/// Refusal of another ring. The previous keys stay in use.
#[derive(Debug, Error)]
pub enum RingChangeError {
    /// It lacks a key that something live names.
    #[error("the key {id} is missing, and the grant {grant} needs it: put it back")]
    Missing {
        /// The key.
        id: KeyId,
        /// One of the grants.
        grant: GrantId,
    },
    /// Requests still use the ring before. Try again.
    #[error("requests under way still use the keys before")]
    Draining,
    /// The store cannot be read. Try again.
    #[error("the store: {0}")]
    Read(#[from] ReadError),
    /// The store cannot note which keys records may name. Try again.
    #[error("the store: {0}")]
    Write(#[from] WriteError),
}

/// The server keys in use.
pub struct Keys<S> {
    records: Records<S>,
    ring: ArcSwap<KeyRing>,
    retiring: RetiringKeys,
    horizon: Arc<Horizon>,
    /// Rations the complaints about tokens of keys that the ring lacks.
    strangers: Arc<StrangerAudit>,
}

impl<S> Keys<S> {
    pub(super) fn new(
        records: Records<S>,
        ring: KeyRing,
        horizon: Arc<Horizon>,
        strangers: Arc<StrangerAudit>,
    ) -> Self {
        let (ring, retiring) = (ArcSwap::from_pointee(ring), RetiringKeys::default());
        Self { records, ring, retiring, horizon, strangers }
    }
}

impl<S: Store> Keys<S> {
    /// Returns the ring in use. Its holder can still write what its keys made.
    pub(super) fn load(&self) -> Guard<Arc<KeyRing>> {
        self.ring.load()
    }

    /// The names of the keys in use, the active one first.
    pub fn key_ids(&self) -> Vec<KeyId> {
        self.ring.load().ids().collect()
    }

    /// Returns the keys that records of the store can name. Tokens of keys that the ring lacks are
    /// answered with `Unavailable`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn named_keys(&self) -> Result<Vec<KeyId>, ReadError> {
        self.records.store.key_ids().await
    }

    /// Notes what is wrong with the ring on disk, for the status of the server.
    pub fn set_key_ring_fault(&self, fault: Option<String>) {
        self.retiring.set_fault(fault);
    }

    /// Returns the fault of the ring on disk, if there is one.
    pub(super) fn key_ring_fault(&self) -> Option<String> {
        self.retiring.fault()
    }

    /// Uses another ring from now on. Its active key is noted in the store, durably, before the
    /// first record names it. A key that it lacks and that nothing live names is forgotten: tokens
    /// that name it are unknown from then on.
    ///
    /// # Errors
    /// See [`RingChangeError`].
    pub async fn use_keys(&self, ring: KeyRing) -> Result<(), RingChangeError> {
        let mut searches = self.retiring.searches.lock().await;
        let lost = lost(&self.ring.load(), &ring);
        for key in &lost {
            self.refuse_if_named(key.id()).await?;
        }
        let active = ring.active().id();
        self.records.store.add_key_id(active).await?;
        searches.clear();
        if lost.is_empty() {
            self.retiring.retire(self.ring.swap(Arc::new(ring)));
            return Ok(());
        }
        // Requests under way may yet write what names a lost key, if it was the active one. They
        // and their retries are served until the last of them is through; then all are looked at.
        let both = KeyRing::new(ring.active().clone(), all(&ring).chain(lost.iter().cloned()));
        self.retiring.retire(self.ring.swap(Arc::new(both)));
        if !self.retiring.drained().await {
            return Err(RingChangeError::Draining);
        }
        self.settle(active).await?;
        for key in &lost {
            self.refuse_if_named(key.id()).await?;
        }
        for key in &lost {
            self.records.store.remove_key_id(key.id()).await?;
        }
        self.retiring.retire(self.ring.swap(Arc::new(ring)));
        Ok(())
    }

    /// Returns whether a live grant can name a key of the ring: true until all grants have been
    /// scanned; each call scans some more of them.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read.
    pub async fn is_key_in_use(&self, id: KeyId) -> Result<bool, Error> {
        // Another search can take long.
        let Ok(mut searches) = self.retiring.searches.try_lock() else { return Ok(true) };
        let active = self.ring.load().active().id();
        if id == active || !self.retiring.is_drained() {
            return Ok(true);
        }
        if !searches.contains_key(&id) {
            self.settle(active).await.map_err(|error| self.records.write_failed(error))?;
        }
        let search = searches.entry(id).or_insert_with(|| KeySearch::new(id));
        let named = search.advance(&*self.records.store, PAGES, self.spent_by()).await;
        let named = named.map_err(|error| self.records.read_failed(error))?;
        Ok(named != KeyNamed::ByNobody)
    }

    /// The server key that `token` names: `None` when no key of ours ever had that name, and for a signed
    /// token, which names none.
    ///
    /// # Errors
    /// `Unavailable` when records name the key and this ring lacks it: the token may be good.
    pub(super) async fn key_of<'a>(
        &self,
        keys: &'a KeyRing,
        token: &PresentedToken,
    ) -> Result<Option<&'a ServerKey>, Error> {
        let Some(key_id) = token.key_id() else { return Ok(None) };
        let key = keys.get(key_id);
        if key.is_some() {
            return Ok(key);
        }
        let named = self.records.read(self.records.store.key_ids()).await?;
        if named.contains(&key_id) {
            if self.strangers.may_tell() {
                tracing::error!(%key_id, "a token names a key that the ring lacks");
            }
            return Err(Error::UNAVAILABLE);
        }
        Ok(None)
    }

    /// Waits until every write that was queued before is visible: the store takes them in order,
    /// those too whose callers have gone away.
    async fn settle(&self, active: KeyId) -> Result<(), WriteError> {
        self.records.store.add_key_id(active).await
    }

    /// Grants that expired before it are over for good: a corrected clock does not revive them. In
    /// the first hour of the process there are none.
    fn spent_by(&self) -> Timestamp {
        self.horizon.look(&*self.records.clock).unwrap_or_default()
    }

    async fn refuse_if_named(&self, id: KeyId) -> Result<(), RingChangeError> {
        match KeySearch::new(id).finish(&*self.records.store, self.spent_by()).await? {
            Some(grant) => Err(RingChangeError::Missing { id, grant }),
            None => Ok(()),
        }
    }
}

/// The keys of `old` that `new` lacks.
fn lost(old: &KeyRing, new: &KeyRing) -> Vec<ServerKey> {
    all(old).filter(|key| new.get(key.id()).is_none()).collect()
}

fn all(ring: &KeyRing) -> impl Iterator<Item = ServerKey> {
    ring.ids().filter_map(|id| ring.get(id)).cloned()
}
