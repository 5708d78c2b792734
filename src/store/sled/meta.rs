//! The store's own data: its id, the number of its openings and batches, the length of its longest
//! record, the keys that its records name, the register of signing keys.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use super::{OpenError, schema, tree::Tree};
use crate::{
    domain::{key_ring::KeyId, record::Corrupt, signing_register::SigningRegister},
    store::{MAX_RECORD_BYTES, StoreId, Version},
};

/// Length below which the longest record is not noted, in bytes.
const SHORT_RECORD_BYTES: usize = 1 << 10;

/// Bits of a version that count the writes of one opening: enough for a trillion.
const VERSION_BITS: u32 = 40;

const ID_KEY: &[u8] = b"id";
const OPENINGS_KEY: &[u8] = b"openings";
const BATCHES_KEY: &[u8] = b"batches";
const LONGEST_KEY: &[u8] = b"longest";
const SIGNING_KEY: &[u8] = b"signing";
const SERVER_KEY_PREFIX: &[u8] = b"key/";

pub(super) struct Meta {
    tree: Tree,
    id: StoreId,
    keys: Mutex<BTreeSet<KeyId>>,
    signing: Mutex<SigningRegister>,
    last_version: AtomicU64,
    batches: AtomicU64,
    longest: AtomicUsize,
}

impl Meta {
    /// Writes the id and the layout of a new store. Durable only after the next sync.
    pub(super) fn create(tree: &Tree, id: StoreId) -> sled::Result<()> {
        tree.insert(ID_KEY, &id)?;
        put_longest(tree, SHORT_RECORD_BYTES)?;
        schema::write_newest(tree)
    }

    /// Reads the store's own data and counts this opening. Durable only after the next sync.
    pub(super) fn open(tree: Tree) -> Result<Self, OpenError> {
        let id = tree.get(ID_KEY)?.and_then(|id| id.as_ref().try_into().ok());
        let id = id.ok_or_else(|| OpenError::damaged("its id is missing"))?;
        let openings = count(&tree, OPENINGS_KEY)? + 1;
        tree.insert(OPENINGS_KEY, &openings.to_be_bytes())?;
        let batches = count(&tree, BATCHES_KEY)?;
        let longest = match count(&tree, LONGEST_KEY)? {
            0 => MAX_RECORD_BYTES,
            longest => usize::try_from(longest).unwrap_or(MAX_RECORD_BYTES),
        };
        let keys = server_keys(&tree)?;
        let signing = signing_register(&tree)?;
        Ok(Self {
            tree,
            id,
            keys: Mutex::new(keys),
            signing: Mutex::new(signing),
            last_version: AtomicU64::new(openings << VERSION_BITS),
            batches: AtomicU64::new(batches),
            longest: AtomicUsize::new(longest),
        })
    }

    pub(super) fn id(&self) -> StoreId {
        self.id
    }

    /// Gives the store a new id: cursors into its feed become invalid. Takes effect at the next
    /// opening, durable only after the next sync.
    pub(super) fn renew_id(&self, id: StoreId) -> sled::Result<()> {
        self.tree.insert(ID_KEY, &id).map(drop)
    }

    /// Returns a version that no state of any record has had: the number of openings followed by a
    /// counter.
    pub(super) fn next_version(&self) -> Version {
        Version::from_u64(self.last_version.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Returns the number of batches in the store.
    pub(super) fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Counts a batch, as its last write. Durable only after the next sync.
    pub(super) fn count_batch(&self) -> sled::Result<u64> {
        let batch = self.batches.fetch_add(1, Ordering::Relaxed) + 1;
        self.tree.insert(BATCHES_KEY, &batch.to_be_bytes())?;
        Ok(batch)
    }

    /// Returns an upper bound, in bytes, for the length of all records that the store has ever
    /// held.
    pub(super) fn longest_record(&self) -> usize {
        self.longest.load(Ordering::Relaxed)
    }

    /// Notes the length of a record that is about to be written, rounded up to a power of two.
    /// Durable only after the next sync.
    pub(super) fn note_record(&self, bytes: usize) -> sled::Result<()> {
        if bytes > self.longest_record() {
            let longest = bytes.next_power_of_two();
            put_longest(&self.tree, longest)?;
            self.longest.store(longest, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Returns the register of signing keys.
    pub(super) fn signing(&self) -> SigningRegister {
        self.signing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the register of signing keys. Durable only after the next sync.
    pub(super) fn set_signing(&self, register: &SigningRegister) -> sled::Result<()> {
        self.tree.insert(SIGNING_KEY, register.to_text().as_bytes())?;
        self.signing.lock().unwrap_or_else(PoisonError::into_inner).clone_from(register);
        Ok(())
    }

    pub(super) fn keys(&self) -> Vec<KeyId> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Notes that records may name a key, or that none does. Durable only after the next sync.
    pub(super) fn set_key(&self, id: KeyId, named: bool) -> sled::Result<()> {
        let entry = [SERVER_KEY_PREFIX, id.as_bytes()].concat();
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if named {
            self.tree.insert(entry, &[])?;
            keys.insert(id);
        } else {
            self.tree.remove(entry)?;
            keys.remove(&id);
        }
        Ok(())
    }
}

fn put_longest(tree: &Tree, bytes: usize) -> sled::Result<()> {
    tree.insert(LONGEST_KEY, &(bytes as u64).to_be_bytes()).map(drop)
}

/// Reads a counter that begins at 0.
fn count(tree: &Tree, key: &[u8]) -> Result<u64, OpenError> {
    let Some(count) = tree.get(key)? else { return Ok(0) };
    let count = count.as_ref().try_into().map(u64::from_be_bytes);
    count.map_err(|_| OpenError::damaged("one of its counts is unreadable"))
}

fn signing_register(tree: &Tree) -> Result<SigningRegister, OpenError> {
    let Some(text) = tree.get(SIGNING_KEY)? else { return Ok(SigningRegister::default()) };
    let text = str::from_utf8(&text).map_err(|_| Corrupt);
    let register = text.and_then(SigningRegister::parse);
    register.map_err(|Corrupt| OpenError::damaged("its list of signing keys is unreadable"))
}

fn server_keys(tree: &Tree) -> Result<BTreeSet<KeyId>, OpenError> {
    let mut keys = BTreeSet::new();
    for entry in tree.scan_prefix(SERVER_KEY_PREFIX)?.keys() {
        let entry = entry?;
        let id = entry[SERVER_KEY_PREFIX.len()..].try_into();
        let id = id.map_err(|_| OpenError::damaged("a server key's name is unreadable"))?;
        keys.insert(KeyId::from_bytes(id));
    }
    Ok(keys)
}
