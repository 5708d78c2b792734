//! What the store knows of itself: its format, its id, how often it was opened, the keys its records name.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use sled::Tree;

use super::OpenError;
use crate::{
    domain::{
        entropy::{Entropy, draw},
        key_ring::KeyId,
    },
    store::{StoreId, Version},
};

/// The layout of trees and keys. Raised when an older release could not read the store any more.
const SCHEMA: u8 = 1;
/// Writes of one opening that versions can tell apart: a trillion.
const VERSION_BITS: u32 = 40;

const SCHEMA_KEY: &[u8] = b"schema";
const ID_KEY: &[u8] = b"id";
const OPENINGS_KEY: &[u8] = b"openings";
const SERVER_KEY_PREFIX: &[u8] = b"key/";

pub(super) struct Meta {
    tree: Tree,
    id: StoreId,
    keys: Mutex<BTreeSet<KeyId>>,
    last_version: AtomicU64,
}

impl Meta {
    /// Reads, or makes in a new store, what the store knows of itself, and counts this opening.
    /// Durable only after the next sync.
    pub(super) fn open(tree: Tree, entropy: &dyn Entropy) -> Result<Self, OpenError> {
        let schema = tree.get(SCHEMA_KEY)?;
        match schema.as_deref() {
            None => {
                tree.insert(ID_KEY, &draw::<16>(entropy))?;
                tree.insert(SCHEMA_KEY, &[SCHEMA])?;
            }
            Some([SCHEMA]) => {}
            Some([newer]) => {
                return Err(OpenError::Schema { found: *newer, known: SCHEMA });
            }
            Some(_) => return Err(OpenError::Damaged("its schema version is unreadable")),
        }
        let id = tree.get(ID_KEY)?.and_then(|id| id.as_ref().try_into().ok());
        let id = id.ok_or(OpenError::Damaged("its id is missing"))?;
        let openings = tree.update_and_fetch(OPENINGS_KEY, |count| Some(next_count(count)))?;
        let openings = openings.and_then(|count| count.as_ref().try_into().ok());
        let openings = openings.map(u64::from_be_bytes);
        let openings = openings.ok_or(OpenError::Damaged("its count of openings is unreadable"))?;
        let keys = server_keys(&tree)?;
        Ok(Self {
            tree,
            id,
            keys: Mutex::new(keys),
            last_version: AtomicU64::new(openings << VERSION_BITS),
        })
    }

    pub(super) fn id(&self) -> StoreId {
        self.id
    }

    /// A version that no state of any record has had: the count of openings in front of a counter.
    pub(super) fn next_version(&self) -> Version {
        Version::from_u64(self.last_version.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(super) fn keys(&self) -> Vec<KeyId> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Durable only after the next sync.
    pub(super) fn add_key(&self, id: KeyId) -> sled::Result<()> {
        self.tree.insert([SERVER_KEY_PREFIX, id.as_bytes()].concat(), &[])?;
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        Ok(())
    }
}

fn next_count(count: Option<&[u8]>) -> Vec<u8> {
    let count = count.and_then(|count| count.try_into().ok()).map_or(0, u64::from_be_bytes);
    (count + 1).to_be_bytes().to_vec()
}

fn server_keys(tree: &Tree) -> Result<BTreeSet<KeyId>, OpenError> {
    let mut keys = BTreeSet::new();
    for entry in tree.scan_prefix(SERVER_KEY_PREFIX).keys() {
        let entry = entry?;
        let id = entry[SERVER_KEY_PREFIX.len()..].try_into();
        let id = id.map_err(|_| OpenError::Damaged("a server key's name is unreadable"))?;
        keys.insert(KeyId::from_bytes(id));
    }
    Ok(keys)
}
