//! One tree of records behind its cache: readers see published states, and the committer publishes
//! them.
//!
//! A batch has three steps: [`Table::open`] for each key that it writes, the writes to the tree
//! with their sync, and [`Table::publish`] for each key. In between readers get the state from
//! before the batch: the cache holds nothing of an open key. A key becomes visible in one step,
//! when it leaves the map of open keys.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{Arc, PoisonError, RwLock},
};

use super::{
    OpenError,
    index::Indexed,
    metrics::Lookups,
    tree::{Tree, read_error},
};
use crate::store::{
    ReadError, Stored, Version,
    cache::{Fill, RecordCache},
    damage::Damage,
};

/// The records of one type.
pub(super) struct Table<R: Indexed> {
    tree: Tree,
    cache: RecordCache<R::Key, Stored<R>>,
    /// The states of the open batch's keys before the batch. Empty between batches.
    open: RwLock<HashMap<R::Key, Option<Stored<R>>>>,
    damage: Damage,
    pub(super) lookups: Arc<Lookups>,
}

/// State of the tree at some moment.
pub(super) struct Reading<R> {
    fill: Fill,
    found: Option<Stored<R>>,
}

/// Number of bytes before a record in the tree: its version, big-endian.
pub(super) const VERSION_BYTES: usize = 8;

impl<R: Indexed> Table<R> {
    /// Creates a table over `tree` whose cache holds at most `cache_bytes` of records. Undecodable
    /// records are noted in `damage`.
    pub(super) fn new(tree: Tree, cache_bytes: u64, damage: &Damage) -> Arc<Self> {
        let cache = RecordCache::new(cache_bytes);
        let damage = damage.clone();
        Arc::new(Self { tree, cache, open: RwLock::default(), damage, lookups: Arc::default() })
    }

    /// Returns the published record if it is in memory.
    pub(super) fn cached(&self, key: &R::Key) -> Option<Stored<R>> {
        let record = self.cache.get(key).or_else(|| self.before_open_batch(key).flatten());
        if record.is_some() {
            self.lookups.hit(R::key_bytes(key));
        }
        record
    }

    /// Returns the published record. Can wait for the disk: never call this on a runtime thread.
    pub(super) fn read(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        if let Some(record) = self.cache.get(key) {
            return Ok(Some(record));
        }
        let reading = self.begin(key)?;
        Ok(self.finish(key, reading))
    }

    /// Reads the tree's state, published or not.
    pub(super) fn begin(&self, key: &R::Key) -> Result<Reading<R>, ReadError> {
        let fill = self.cache.begin(key);
        Ok(Reading { fill, found: self.load(key)? })
    }

    /// Returns the published record for a reading. Order matters: read the tree first, then check
    /// the open batch. Writes of earlier batches in the reading have been published; those of the
    /// open batch are not shown.
    pub(super) fn finish(&self, key: &R::Key, reading: Reading<R>) -> Option<Stored<R>> {
        if let Some(before) = self.before_open_batch(key) {
            return before;
        }
        if let Some(record) = &reading.found {
            self.cache.fill(reading.fill, key, record.clone());
        }
        reading.found
    }

    /// Returns the published records after `after` in key order, at most `limit`. Can wait for the
    /// disk: never call this on a runtime thread. Does not fill the cache, which serves lookups of
    /// single records.
    pub(super) fn page(
        &self,
        after: Option<R::Key>,
        limit: usize,
    ) -> Result<Vec<Stored<R>>, ReadError> {
        let mut page = Vec::new();
        let mut after: Option<Vec<u8>> = after.map(|key| R::key_bytes(&key).to_vec());
        while page.len() < limit {
            let mut found = BTreeMap::new();
            let (mut entries, mut last) = (0, None);
            let start = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let range = self.tree.range::<&[u8]>((start, Bound::Unbounded)).map_err(read_error)?;
            for entry in range.take(limit) {
                let (key, bytes) = entry.map_err(read_error)?;
                found.extend(self.readable(&key, &bytes));
                entries += 1;
                last = Some(key.to_vec());
            }
            let more = entries == limit;
            let last = last.filter(|_| more);
            // Order matters: read the tree first, then check the open batch. Writes of earlier
            // batches in the tree have been published; those of the open batch are undone here.
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            for (key, before) in open.iter() {
                let place = R::key_bytes(key);
                let follows = after.as_deref().is_none_or(|after| place > after);
                if follows && last.as_deref().is_none_or(|last| place <= last) {
                    match before {
                        Some(before) => found.insert(key.clone(), before.clone()),
                        None => found.remove(key),
                    };
                }
            }
            drop(open);
            page.extend(found.into_values().take(limit - page.len()));
            if !more {
                break;
            }
            after = last;
        }
        Ok(page)
    }

    /// Decodes a record of a page. Returns `None` for a damaged one, so that the others are still
    /// read.
    fn readable(&self, key: &[u8], bytes: &[u8]) -> Option<(R::Key, Stored<R>)> {
        let record = R::parse_key(key).map_err(ReadError::from);
        let record = record.and_then(|key| Ok((decode(&key, bytes)?, key)));
        if record.is_err() {
            self.damage.met::<R>(key);
        }
        record.ok().map(|(record, key)| (key, record))
    }

    /// Begins to write `key`: readers still see `before`, and fills under way fail. Returns `false`
    /// if the open batch writes the key already.
    pub(super) fn open(&self, key: &R::Key, before: Option<Stored<R>>) -> bool {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.contains_key(key) {
            return false;
        }
        open.insert(key.clone(), before);
        drop(open);
        self.cache.forget(key);
        true
    }

    /// Returns `true` if the open batch writes `key`.
    pub(super) fn is_open(&self, key: &R::Key) -> bool {
        self.open.read().unwrap_or_else(PoisonError::into_inner).contains_key(key)
    }

    /// Writes the new state of an opened key to the tree, not yet visible to readers.
    pub(super) fn apply(&self, key: &R::Key, new: Option<&Stored<R>>) -> sled::Result<()> {
        match new {
            None => self.tree.remove(R::key_bytes(key))?,
            Some(record) => {
                let mut bytes = record.version().as_u64().to_be_bytes().to_vec();
                bytes.extend(record.encode());
                self.tree.insert(R::key_bytes(key), bytes)?
            }
        };
        Ok(())
    }

    /// Makes the synced state of an opened key visible.
    pub(super) fn publish(&self, key: &R::Key, new: Option<Stored<R>>) {
        // Fills that began while the key was open fail in any case.
        self.cache.forget(key);
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(key);
        if let Some(record) = new {
            self.cache.fill(self.cache.begin(key), key, record);
        }
    }

    /// Reads every record without the cache.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        for entry in self.tree.entries()? {
            let (key, record) = entry?;
            let key = R::parse_key(&key).map_err(|_| OpenError::damaged("a key is unreadable"))?;
            decode::<R>(&key, &record).map_err(|_| OpenError::damaged("a record is unreadable"))?;
        }
        Ok(())
    }

    /// Returns a record, written by the open batch, in its state from before.
    pub(super) fn find_before_open_batch(&self, is: impl Fn(&R) -> bool) -> Option<Stored<R>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.values().flatten().find(|before| is(before)).cloned()
    }

    #[expect(clippy::option_option, reason = "not written by the batch, or absent before it")]
    fn before_open_batch(&self, key: &R::Key) -> Option<Option<Stored<R>>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn load(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        let bytes = self.tree.get(R::key_bytes(key)).map_err(read_error)?;
        let record = bytes.map(|bytes| decode(key, &bytes)).transpose();
        if record.is_err() {
            self.damage.met::<R>(R::key_bytes(key));
        }
        record
    }
}

/// Decodes the tree's value for `key`.
pub(super) fn decode<R: Indexed>(key: &R::Key, bytes: &[u8]) -> Result<Stored<R>, ReadError> {
    let (version, body) = bytes.split_first_chunk::<VERSION_BYTES>().ok_or(ReadError::Corrupt)?;
    let version = Version::from_u64(u64::from_be_bytes(*version));
    Ok(Stored::new(version, R::decode(key, body)?))
}
