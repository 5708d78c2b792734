//! State of the store as one process knows it, and the counts that it shares with the others.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use tokio_postgres::Row;

use super::{
    connections::{Connection, rows},
    schema::{BESIDE_OLDER, Identity},
};
use crate::{
    domain::{
        key_ring::KeyId,
        signing_register::{NeededKey, SigningRegister},
    },
    store::{ReadError, Record, StoreId, Write},
};

/// One opening of the store.
pub(super) struct Instance {
    /// Number of its row in `jeton_instances`.
    pub(super) number: i64,
    /// Grants made minus grants deleted by this instance.
    grants: AtomicI64,
    /// Grants of all other instances at the last count.
    others: AtomicI64,
    keys: Mutex<Keys>,
    /// The store's id at the last barrier.
    id: Mutex<StoreId>,
    /// `true` while an instance of a release that numbers its own events is running.
    beside_older: AtomicBool,
}

#[derive(Default)]
struct Keys {
    /// Version of the store's list of keys: 0 for no list, incremented by each change.
    version: i64,
    listed: BTreeSet<KeyId>,
    /// Keys that signed something that can be good.
    signing: Vec<NeededKey>,
}

impl Instance {
    pub(super) fn new(identity: &Identity) -> Self {
        if identity.beside_older {
            tell_of_older(true);
        }
        Self {
            number: identity.opening,
            grants: AtomicI64::new(0),
            others: AtomicI64::new(0),
            keys: Mutex::default(),
            id: Mutex::new(identity.id),
            beside_older: AtomicBool::new(identity.beside_older),
        }
    }

    /// Returns `true` if events must be numbered as an older release does it: its instances do not
    /// number the events of others, and would answer for a state whose event has no number yet.
    pub(super) fn is_beside_older(&self) -> bool {
        self.beside_older.load(Ordering::Relaxed)
    }

    /// Returns the store's id at the last barrier.
    pub(super) fn id(&self) -> StoreId {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_id(&self, id: StoreId) {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner) = id;
    }

    /// Counts a write of a grant that inserted or deleted it.
    pub(super) fn wrote<R: Record>(&self, write: &Write<R>) {
        match write {
            Write::Insert(_) => self.grants.fetch_add(1, Ordering::Relaxed),
            Write::Delete(..) => self.grants.fetch_sub(1, Ordering::Relaxed),
            Write::Replace(..) => return,
        };
    }

    /// Returns this instance's grants, for the other instances' counts.
    pub(super) fn own_grants(&self) -> i64 {
        self.grants.load(Ordering::Relaxed)
    }

    /// Returns the approximate number of grants.
    pub(super) fn grants(&self) -> u64 {
        let all = self.others.load(Ordering::Relaxed) + self.own_grants();
        u64::try_from(all).unwrap_or(0)
    }

    /// Adds up the other instances' grants, and looks for instances of an older release.
    pub(super) async fn count(&self, connection: &Connection) -> Result<(), ReadError> {
        let sql = "SELECT coalesce(sum(grants), 0)::bigint FROM jeton_instances WHERE number <> $1";
        let row = rows(connection, sql, &[&self.number]).await?;
        let others = row.first().and_then(|row| row.try_get(0).ok()).ok_or(ReadError::Corrupt)?;
        self.others.store(others, Ordering::Relaxed);
        let row = rows(connection, BESIDE_OLDER, &[]).await?;
        let older = row.first().and_then(|row| row.try_get(0).ok()).ok_or(ReadError::Corrupt)?;
        if self.beside_older.swap(older, Ordering::Relaxed) != older {
            tell_of_older(older);
        }
        Ok(())
    }

    /// Returns the keys that records may name, as of the last barrier.
    pub(super) fn keys(&self) -> Vec<KeyId> {
        self.lock().listed.iter().copied().collect()
    }

    /// Returns the keys that signed something that can be good, as of the last barrier.
    pub(super) fn needed_signing_keys(&self) -> Vec<NeededKey> {
        self.lock().signing.clone()
    }

    /// Reads the lists of keys again if its version is not `version`.
    pub(super) async fn follow_keys(
        &self,
        connection: &Connection,
        version: i64,
    ) -> Result<(), ReadError> {
        if self.lock().version == version {
            return Ok(());
        }
        let listed = "SELECT key_id FROM jeton_keys";
        let rows = rows(connection, listed, &[]).await?;
        let listed = rows.iter().map(key_id).collect::<Result<_, _>>()?;
        let signing = needed_signing_keys(connection).await?;
        *self.lock() = Keys { version, listed, signing };
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs that an instance of an older release is running, or that none is any more.
fn tell_of_older(running: bool) {
    if running {
        tracing::warn!(
            "an instance of an older release is running: one revocation commits at a time, and each \
             instance counts login attempts under way for itself, until it has been gone for a minute"
        );
    } else {
        tracing::info!("all instances are of this release: revocations commit side by side");
    }
}

/// Reads the signing keys that are needed.
async fn needed_signing_keys(connection: &Connection) -> Result<Vec<NeededKey>, ReadError> {
    let rows = rows(connection, "SELECT register FROM jeton_signing_keys", &[]).await?;
    let text = rows.first().and_then(|row| row.try_get(0).ok()).ok_or(ReadError::Corrupt)?;
    Ok(SigningRegister::parse(text)?.needed().to_vec())
}

fn key_id(row: &Row) -> Result<KeyId, ReadError> {
    let bytes: &[u8] = row.try_get(0).map_err(|_| ReadError::Corrupt)?;
    bytes.try_into().map(KeyId::from_bytes).map_err(|_| ReadError::Corrupt)
}
