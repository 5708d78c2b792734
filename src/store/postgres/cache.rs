//! Records kept in memory, as long as it is proven that no revocation of them was missed.
//!
//! What is kept may lag behind rotations that other instances make, never behind a revocation by
//! more than the staleness that is allowed: whoever reads it may say "active" and nothing else.

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

/// How long a record is kept: rotations are no events, and a token rotated out must run out here
/// too.
const KEPT: Duration = Duration::from_secs(60);

struct Entry<R> {
    record: Stored<R>,
    read: Instant,
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

/// Until when it is proven that every event was seen, and up to which.
pub(super) struct Freshness {
    origin: Instant,
    /// In milliseconds after `origin`; 0 at first.
    until: AtomicU64,
    max_staleness: Duration,
    /// The last event that was applied to what is kept.
    applied: AtomicU64,
    /// The last event that a barrier has found.
    passed: AtomicU64,
}

impl Freshness {
    pub(super) fn new(max_staleness: Duration) -> Self {
        let [until, applied, passed] = Default::default();
        Self { origin: Instant::now(), until, max_staleness, applied, passed }
    }

    /// A barrier has found the feed's end at `head`: whatever is read from now on is no older.
    pub(super) fn passed(&self, head: Sequence) {
        self.passed.store(head.0, Ordering::SeqCst);
    }

    /// The feed is another one from now on, whose end a barrier tells.
    pub(super) fn end(&self) {
        self.until.store(0, Ordering::SeqCst);
        self.passed.store(0, Ordering::SeqCst);
        self.applied.store(0, Ordering::SeqCst);
    }

    /// What every read reflects that begins from now on.
    pub(super) fn position(&self) -> Sequence {
        // While nothing that is kept may be used, everything is read from the database. It may be used
        // again only once every event was applied up to one that a barrier has found later.
        let known = if self.holds() { &self.applied } else { &self.passed };
        Sequence(known.load(Ordering::SeqCst))
    }

    /// Every event that was committed before `proven` has been applied, which are those up to `applied`.
    pub(super) fn prove(&self, proven: Instant, applied: Sequence) {
        // Order matters: whoever finds what is kept to be fresh finds how far it is.
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

/// The kept records of one type.
pub(super) struct Cache<R: Tabled> {
    kept: RecordCache<R::Key, Entry<R>>,
    freshness: Arc<Freshness>,
}

/// A read whose result is to be kept.
#[derive(Clone, Copy)]
pub(super) struct Fill {
    fill: cache::Fill,
    began: Instant,
}

impl<R: Tabled> Cache<R> {
    pub(super) fn new(bytes: u64, freshness: Arc<Freshness>) -> Self {
        Self { kept: RecordCache::new(bytes), freshness }
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
        Fill { fill: self.kept.begin(key), began: Instant::now() }
    }

    /// Keeps what was read, unless it was dropped since the reading began.
    pub(super) fn fill(&self, fill: Fill, key: &R::Key, record: Stored<R>) {
        self.kept.fill(fill.fill, key, Entry { record, read: fill.began });
    }

    /// Forgets a record whose state is another now.
    pub(super) fn forget(&self, key: &R::Key) {
        self.kept.forget(key);
    }

    /// Forgets everything: nobody knows what was missed.
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

    /// Not even for the moment between the fill and a look at what was dropped meanwhile.
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
