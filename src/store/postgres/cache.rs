//! Records kept in memory, as long as it is proven that no revocation of them was missed.
//!
//! What is kept may lag behind rotations that other instances make, never behind a revocation by
//! more than the staleness that is allowed: whoever reads it may say "active" and nothing else.

use std::{
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use quick_cache::{Weighter, sync::Cache as Kept};
use tokio::time::Instant;

use super::columns::Tabled;
use crate::store::Stored;

/// How long a record is kept: rotations are no events, and a token rotated out must run out here
/// too.
const KEPT: Duration = Duration::from_secs(60);
/// Counters of what was dropped. Records that share one lose a fill now and then.
const STRIPES: usize = 256;

#[derive(Clone)]
struct MemoryBytes;

impl<R: Tabled> Weighter<R::Key, Entry<R>> for MemoryBytes {
    fn weight(&self, _key: &R::Key, entry: &Entry<R>) -> u64 {
        entry.record.memory_bytes() as u64
    }
}

struct Entry<R> {
    record: Stored<R>,
    read: Instant,
}

impl<R> Clone for Entry<R> {
    fn clone(&self) -> Self {
        Self { record: self.record.clone(), read: self.read }
    }
}

/// Until when it is proven that every event was seen.
pub(super) struct Freshness {
    origin: Instant,
    /// In milliseconds after `origin`; 0 at first.
    until: AtomicU64,
    max_staleness: Duration,
}

impl Freshness {
    pub(super) fn new(max_staleness: Duration) -> Self {
        Self { origin: Instant::now(), until: AtomicU64::new(0), max_staleness }
    }

    /// Every event that was committed before `proven` has been applied.
    pub(super) fn prove(&self, proven: Instant) {
        let until = (proven + self.max_staleness).duration_since(self.origin);
        self.until.fetch_max(millis(until), Ordering::SeqCst);
    }

    fn holds(&self) -> bool {
        millis(self.origin.elapsed()) < self.until.load(Ordering::SeqCst)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The kept records of one type.
pub(super) struct Cache<R: Tabled> {
    kept: Kept<R::Key, Entry<R>, MemoryBytes>,
    drops: Box<[AtomicU64]>,
    freshness: Arc<Freshness>,
}

/// What a fill must find unchanged, or it loses.
#[derive(Clone, Copy)]
pub(super) struct Fill {
    drops: u64,
    began: Instant,
}

impl<R: Tabled> Cache<R> {
    pub(super) fn new(bytes: u64, freshness: Arc<Freshness>) -> Self {
        // The estimate sizes the cache's index up front: small, it grows by itself.
        const ESTIMATED_RECORDS: usize = 1_000;
        Self {
            kept: Kept::with_weighter(ESTIMATED_RECORDS, bytes, MemoryBytes),
            drops: (0..STRIPES).map(|_| AtomicU64::new(0)).collect(),
            freshness,
        }
    }

    /// The record, if it is kept and fresh.
    pub(super) fn get(&self, key: &R::Key) -> Option<Stored<R>> {
        if !self.freshness.holds() {
            return None;
        }
        let entry = self.kept.get(key)?;
        (entry.read.elapsed() < KEPT).then_some(entry.record)
    }

    /// The record, if it is kept, however old it may be.
    pub(super) fn kept(&self, key: &R::Key) -> Option<Stored<R>> {
        self.kept.get(key).map(|entry| entry.record)
    }

    /// Begins to read a record that is to be kept.
    pub(super) fn begin(&self, key: &R::Key) -> Fill {
        Fill { drops: self.drops_of(key).load(Ordering::SeqCst), began: Instant::now() }
    }

    /// Keeps what was read, unless it was dropped since the reading began.
    pub(super) fn fill(&self, fill: Fill, key: &R::Key, record: Stored<R>) {
        self.kept.insert(key.clone(), Entry { record, read: fill.began });
        // Order matters: whoever drops counts first. Either this look sees the count, or the drop
        // finds the entry.
        if self.drops_of(key).load(Ordering::SeqCst) != fill.drops {
            self.kept.remove(key);
        }
    }

    /// Forgets a record whose state is another now.
    pub(super) fn forget(&self, key: &R::Key) {
        self.drops_of(key).fetch_add(1, Ordering::SeqCst);
        self.kept.remove(key);
    }

    /// Forgets everything: nobody knows what was missed.
    pub(super) fn clear(&self) {
        for drops in &self.drops {
            drops.fetch_add(1, Ordering::SeqCst);
        }
        self.kept.clear();
    }

    fn drops_of(&self, key: &R::Key) -> &AtomicU64 {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
        &self.drops[usize::try_from(hash % STRIPES as u64).unwrap_or(0)]
    }
}
