//! Caches records for as long as it is proven that no revocation of them was missed.
//!
//! Cached records can lag behind rotations by other instances, but never behind a revocation by
//! more than the allowed staleness: a cached record can only prove a token active.
//!
//! States of this process's own writes and of reads without a proof are remembered too, at any age:
//! for writes that prove what they rest on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::columns::Tabled;
use crate::store::{
    Sequence, Stored,
    cache::{self, RecordCache, Weighed},
};

/// Time for which a record is cached. Rotations are no events, so this bounds the use of a token
/// that was rotated out.
const KEPT: Duration = Duration::from_secs(60);

struct Entry<R> {
    record: Stored<R>,
    /// The begin of the read, if a barrier has proven it.
    read: Option<Instant>,
}

impl<R> Clone for Entry<R> {
    fn clone(&self) -> Self {
        Self { record: self.record.clone(), read: self.read }
    }
}

impl<R: Tabled> Weighed for Entry<R> {
    fn memory_bytes(&self) -> usize {
        self.record.memory_bytes()
    }
}

/// The time until which it is proven that every event was seen, and the last event seen.
pub(super) struct Freshness {
    origin: Instant,
    /// Milliseconds after `origin`. 0 at first.
    until: AtomicU64,
    max_staleness: Duration,
    /// The last event that was applied to the caches.
    applied: AtomicU64,
    /// The last event that a barrier has found.
    passed: AtomicU64,
}

impl Freshness {
    pub(super) fn new(max_staleness: Duration) -> Self {
        let [until, applied, passed] = Default::default();
        Self { origin: Instant::now(), until, max_staleness, applied, passed }
    }

    /// Notes that a barrier has found the feed's end at `head`: all later reads are at least that
    /// new.
    pub(super) fn passed(&self, head: Sequence) {
        self.passed.store(head.0, Ordering::SeqCst);
    }

    /// Ends the current feed. The next barrier finds the end of the new one.
    pub(super) fn end(&self) {
        self.until.store(0, Ordering::SeqCst);
        self.passed.store(0, Ordering::SeqCst);
        self.applied.store(0, Ordering::SeqCst);
    }

    /// Returns the position that every later read reflects.
    pub(super) fn position(&self) -> Sequence {
        // While no cached record is valid, everything is read from the database. Cached records
        // become valid again only once all events were applied up to one that a later barrier has
        // found.
        let known = if self.holds() { &self.applied } else { &self.passed };
        Sequence(known.load(Ordering::SeqCst))
    }

    /// Notes that every event committed before `proven` has been applied: the events up to
    /// `applied`.
    pub(super) fn prove(&self, proven: Instant, applied: Sequence) {
        // Order matters: a reader that finds the cache fresh must find its position.
        self.applied.store(applied.0, Ordering::SeqCst);
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

/// The cached records of one type.
pub(super) struct Cache<R: Tabled> {
    kept: RecordCache<R::Key, Entry<R>>,
    freshness: Arc<Freshness>,
}

/// A read whose result is to be cached.
#[derive(Clone, Copy)]
pub(super) struct Fill {
    fill: cache::Fill,
    began: Instant,
}

impl<R: Tabled> Cache<R> {
    pub(super) fn new(bytes: u64, freshness: Arc<Freshness>) -> Self {
        Self { kept: RecordCache::new(bytes), freshness }
    }

    /// Returns the record if it is cached and fresh.
    pub(super) fn get(&self, key: &R::Key) -> Option<Stored<R>> {
        if !self.freshness.holds() {
            return None;
        }
        let entry = self.kept.get(key)?;
        entry.read.is_some_and(|read| read.elapsed() < KEPT).then_some(entry.record)
    }

    /// Returns a state of the record if one is cached, at any age.
    pub(super) fn kept(&self, key: &R::Key) -> Option<Stored<R>> {
        self.kept.get(key).map(|entry| entry.record)
    }

    /// Begins to read a record for the cache.
    pub(super) fn begin(&self, key: &R::Key) -> Fill {
        Fill { fill: self.kept.begin(key), began: Instant::now() }
    }

    /// Caches the read record, unless it was dropped since the reading began.
    pub(super) fn fill(&self, fill: Fill, key: &R::Key, record: Stored<R>) {
        self.kept.fill(fill.fill, key, Entry { record, read: Some(fill.began) });
    }

    /// Remembers a state that a read without a proof has shown.
    pub(super) fn presume(&self, key: &R::Key, record: Stored<R>) {
        // The same state with a proof is worth more.
        if self.kept(key).is_none_or(|kept| kept.version() != record.version()) {
            self.kept.put(key, Entry { record, read: None });
        }
    }

    /// Drops a record that this process has written, and remembers its new state. It serves no reader:
    /// one could miss a later write of another process, which is no event.
    pub(super) fn wrote(&self, key: &R::Key, record: Stored<R>) {
        self.forget(key);
        self.kept.put(key, Entry { record, read: None });
    }

    /// Drops a record whose state has changed.
    pub(super) fn forget(&self, key: &R::Key) {
        self.kept.forget(key);
    }

    /// Drops all records after an unknown number of missed events.
    pub(super) fn clear(&self) {
        self.kept.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicBool, thread};

    use super::*;
    use crate::{
        domain::{grant::Grant, grant_id::GrantId},
        store::{Version, conformance::grant},
    };

    fn cache() -> Cache<Grant> {
        let freshness = Freshness::new(Duration::from_secs(3_600));
        freshness.prove(Instant::now(), Sequence(1));
        Cache::new(1 << 20, Arc::new(freshness))
    }

    /// Not even between the fill and its check for records dropped meanwhile.
    #[test]
    fn nobody_finds_what_was_dropped_while_it_was_read() {
        const ROUNDS: usize = 20_000;
        let (cache, id) = (cache(), GrantId::from_bytes([1; 16]));
        let record = Stored::new(Version::from_u64(1), grant(1));
        let done = AtomicBool::new(false);
        thread::scope(|threads| {
            threads.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    assert!(cache.get(&id).is_none(), "it was dropped before it was kept");
                }
            });
            for _ in 0..ROUNDS {
                let fill = cache.begin(&id);
                cache.forget(&id);
                cache.fill(fill, &id, record.clone());
            }
            done.store(true, Ordering::SeqCst);
        });
    }

    #[test]
    fn the_position_is_that_of_what_is_kept_or_of_the_last_barrier_where_nothing_may_be_used() {
        let freshness = Freshness::new(Duration::ZERO);
        freshness.passed(Sequence(7));
        assert_eq!(freshness.position(), Sequence(7));
        let freshness = Freshness::new(Duration::from_secs(3_600));
        assert_eq!(freshness.position(), Sequence(0));
        freshness.prove(Instant::now(), Sequence(3));
        freshness.passed(Sequence(7));
        assert_eq!(freshness.position(), Sequence(3));
    }
}
