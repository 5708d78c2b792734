//! Caches records in memory, except a record that changes while it is read for the cache.

use std::{
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, Hash},
    sync::{Mutex, MutexGuard, PoisonError},
};

use quick_cache::{Weighter, sync::Cache};

use super::{Record, Stored};

/// Number of change counters. Records that share a counter lose a fill now and then.
const STRIPES: usize = 256;

/// A value with a known memory size.
pub(super) trait Weighed: Clone {
    /// Returns the number of bytes that the value takes in memory.
    fn memory_bytes(&self) -> usize;
}

impl<R: Record> Weighed for Stored<R> {
    fn memory_bytes(&self) -> usize {
        R::memory_bytes(self)
    }
}

#[derive(Clone)]
struct MemoryBytes;

impl<K, V: Weighed> Weighter<K, V> for MemoryBytes {
    fn weight(&self, _key: &K, value: &V) -> u64 {
        value.memory_bytes() as u64
    }
}

/// Values by key, limited to a total number of bytes.
pub(super) struct RecordCache<K, V> {
    kept: Cache<K, V, MemoryBytes>,
    changes: Box<[Mutex<u64>]>,
}

/// The change count at the start of a fill. The fill succeeds only if the count is still the same.
#[derive(Clone, Copy)]
pub(super) struct Fill(u64);

impl<K: Clone + Eq + Hash, V: Weighed> RecordCache<K, V> {
    /// Creates an empty cache of at most `bytes` bytes.
    pub(super) fn new(bytes: u64) -> Self {
        // The estimate sizes the cache's index at the start. A small index grows by itself.
        const ESTIMATED_RECORDS: usize = 1_000;
        Self {
            kept: Cache::with_weighter(ESTIMATED_RECORDS, bytes, MemoryBytes),
            changes: (0..STRIPES).map(|_| Mutex::new(0)).collect(),
        }
    }

    /// Returns the value if it is cached. Takes no lock that a change holds.
    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.kept.get(key)
    }

    /// Begins a fill. Call this before the read that supplies the value.
    pub(super) fn begin(&self, key: &K) -> Fill {
        Fill(*self.changes_of(key))
    }

    /// Stores a value that was read, unless the key has changed since the fill began. The check and
    /// the insertion are one step, so no reader finds an outdated value here.
    pub(super) fn fill(&self, fill: Fill, key: &K, value: V) {
        let changes = self.changes_of(key);
        if *changes == fill.0 {
            self.kept.insert(key.clone(), value);
        }
    }

    /// Stores a value even if its key has changed meanwhile: it may be outdated.
    pub(super) fn put(&self, key: &K, value: V) {
        let _changes = self.changes_of(key);
        self.kept.insert(key.clone(), value);
    }

    /// Drops the value of a key that changes. Fills that began earlier fail.
    pub(super) fn forget(&self, key: &K) {
        let mut changes = self.changes_of(key);
        *changes += 1;
        self.kept.remove(key);
    }

    /// Drops all values. Fills that began earlier fail.
    pub(super) fn clear(&self) {
        for changes in &self.changes {
            *changes.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
        self.kept.clear();
    }

    fn changes_of(&self, key: &K) -> MutexGuard<'_, u64> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
        let stripe = &self.changes[usize::try_from(hash % STRIPES as u64).unwrap_or(0)];
        stripe.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weighed for u32 {
        fn memory_bytes(&self) -> usize {
            1
        }
    }

    fn cache() -> RecordCache<u8, u32> {
        RecordCache::new(1_000)
    }

    #[test]
    fn what_was_read_is_kept() {
        let cache = cache();
        cache.fill(cache.begin(&1), &1, 10);
        assert_eq!((cache.get(&1), cache.get(&2)), (Some(10), None));
    }

    #[test]
    fn a_fill_that_a_change_overtook_is_lost() {
        let cache = cache();
        let fill = cache.begin(&1);
        cache.forget(&1);
        cache.fill(fill, &1, 10);
        assert_eq!(cache.get(&1), None);
        cache.fill(cache.begin(&1), &1, 11);
        assert_eq!(cache.get(&1), Some(11));
    }

    #[test]
    fn a_fill_that_began_before_everything_was_dropped_is_lost() {
        let cache = cache();
        cache.fill(cache.begin(&2), &2, 20);
        let fill = cache.begin(&1);
        cache.clear();
        cache.fill(fill, &1, 10);
        assert_eq!((cache.get(&1), cache.get(&2)), (None, None));
    }
}
