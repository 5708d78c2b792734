//! Removes a server key while no server runs: only when nothing live names it.

use std::path::Path;

use thiserror::Error;

use super::{KeyFiles, KeyRingError, SystemClock, SystemEntropy};
use crate::{
    domain::{
        client::Client,
        grant::Grant,
        grant_id::GrantId,
        key_ring::KeyId,
        time::{Clock as _, Timestamp},
        user::User,
    },
    service::KeySearch,
    store::{
        Pages, ReadError, Record, Records, Store as _, WriteError,
        sled::{Failure, OpenError, SledOptions, SledStore},
    },
};

/// Bytes of cache for one pass over all grants.
const CACHE_BYTES: u64 = 64 << 20;
/// Records read at a time.
const PAGE: usize = 256;

/// Reason for which a key was not removed.
#[derive(Debug, Error)]
pub enum KeyRemovalError {
    /// The key ring cannot be used, does not hold the key, or makes new tokens with it.
    #[error(transparent)]
    Keys(#[from] KeyRingError),
    /// Something live names the key.
    #[error("the key {id} is needed: the grant {grant} names it")]
    Needed {
        /// The key.
        id: KeyId,
        /// One of the grants.
        grant: GrantId,
    },
    /// There is no store to look at.
    #[error("there is no store at {0}")]
    NoStore(String),
    /// The store cannot be opened.
    #[error("the store: {0}")]
    Open(#[from] OpenError),
    /// The store cannot be read.
    #[error("the store: {0}")]
    Read(#[from] ReadError),
    /// The store cannot be written.
    #[error("the store: {0}")]
    Write(#[from] WriteError),
    /// The store did not close in order.
    #[error(transparent)]
    Stopped(#[from] Failure),
}

/// Removes the key `id` from the ring, and from the list of keys that the store's records may name.
/// Completes an earlier attempt that was cut off. A grant that has expired since the newest record
/// of the store counts as live: the clock may be wrong.
///
/// # Errors
/// See [`KeyRemovalError`]. The key's file is the last thing to go.
pub async fn remove_key(files: &KeyFiles, store: &Path, id: KeyId) -> Result<(), KeyRemovalError> {
    if files.load()?.is_some_and(|ring| ring.active().id() == id) {
        return Err(KeyRingError::IsActive(id).into());
    }
    if !SledStore::exists(store) {
        return Err(KeyRemovalError::NoStore(store.display().to_string()));
    }
    let options = SledOptions::new(store.to_owned(), CACHE_BYTES);
    let store = SledStore::open(&options, &SystemEntropy)?;
    let removed = forget(&store, id).await;
    store.close().await?;
    let was_listed = removed?;
    match files.remove(id) {
        Err(KeyRingError::Absent { .. }) if was_listed => Ok(()),
        removed => Ok(removed?),
    }
}

/// Removes the key from the store's list; returns whether it was there.
async fn forget(store: &SledStore, id: KeyId) -> Result<bool, KeyRemovalError> {
    let spent_by = newest(store).await?.min(SystemClock.now());
    if let Some(grant) = KeySearch::new(id).finish(store, spent_by).await? {
        return Err(KeyRemovalError::Needed { id, grant });
    }
    let was_listed = store.key_ids().await?.contains(&id);
    store.remove_key_id(id).await?;
    Ok(was_listed)
}

/// Returns the newest time in the store's records. A grant that expired before it was expired by
/// the clock of a server that served; one that has expired since may have done so by a clock that
/// is ahead at this moment only.
async fn newest(store: &SledStore) -> Result<Timestamp, ReadError> {
    let grants = newest_of(store.grants(), |grant: &Grant| grant.current.issue_time);
    let clients = newest_of(store.clients(), |client: &Client| client.update_time);
    let users = newest_of(store.users(), |user: &User| user.update_time);
    Ok(grants.await?.max(clients.await?).max(users.await?))
}

async fn newest_of<R: Record>(
    records: &impl Records<R>,
    time: impl Fn(&R) -> Timestamp,
) -> Result<Timestamp, ReadError> {
    let (mut newest, mut pages) = (Timestamp::default(), Pages::of(records, PAGE));
    while let Some(page) = pages.next().await? {
        newest = page.iter().map(|record| time(record)).fold(newest, Timestamp::max);
    }
    Ok(newest)
}
