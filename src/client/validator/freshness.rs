//! The proof that memory is not older than it may be.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{clock::Moment, cursor::Cursor};

/// How many barriers wait at most. More come only while the watch stands still, and then the
/// earliest ones are what it passes first.
const BARRIERS: usize = 64;

/// Until when everything that the watch has kept in memory may be used.
///
/// A *barrier* is the end of the feed as the server told it when asked at a certain moment. Once
/// the watch has applied everything up to a barrier, memory lacks nothing that was acknowledged
/// before the barrier was *asked for*. A checkpoint alone proves nothing: it may have sat in a
/// buffer for as long as it liked.
pub(super) struct Freshness {
    max_staleness: Duration,
    /// A [`Moment`]: the last barrier passed and `max_staleness`. Zero: nothing is proven.
    until: AtomicU64,
    watch: Mutex<Watch>,
}

#[derive(Default)]
struct Watch {
    /// Up to where the feed was applied. `None`: it is not followed.
    applied: Option<Cursor>,
    /// When each was asked for, and what came; in the order in which they were asked for.
    barriers: VecDeque<(Moment, Cursor)>,
}

impl Freshness {
    pub(super) fn new(max_staleness: Duration) -> Self {
        Self { max_staleness, until: AtomicU64::new(0), watch: Mutex::default() }
    }

    /// Until when memory is proven. To be read *before* memory is: what is found in there then was
    /// put there under this proof or a later one.
    pub(super) fn until(&self) -> Moment {
        Moment(self.until.load(Ordering::Acquire))
    }

    /// Where to resume.
    pub(super) fn cursor(&self) -> Option<Cursor> {
        self.watch().applied.clone()
    }

    /// The feed is followed from `cursor` on. Memory holds nothing that was asked for earlier.
    pub(super) fn begin(&self, cursor: Cursor) {
        *self.watch() = Watch { applied: Some(cursor), barriers: VecDeque::new() };
    }

    /// The feed is followed no more; memory is about to be emptied.
    pub(super) fn end(&self) {
        let mut watch = self.watch();
        *watch = Watch::default();
        self.until.store(0, Ordering::Release);
    }

    /// Everything up to `cursor` was applied.
    pub(super) fn applied(&self, cursor: Cursor) {
        let mut watch = self.watch();
        watch.applied = Some(cursor);
        self.pass(&mut watch);
    }

    /// The end of the feed was `cursor` when it was asked for at `sent`.
    pub(super) fn barrier(&self, sent: Moment, cursor: Cursor) {
        let mut watch = self.watch();
        if watch.barriers.len() < BARRIERS {
            watch.barriers.push_back((sent, cursor));
        }
        self.pass(&mut watch);
    }

    fn pass(&self, watch: &mut Watch) {
        let Watch { applied: Some(applied), barriers } = watch else { return };
        let passed = barriers.iter().filter(|(_, barrier)| applied.covers(barrier));
        let Some(&(sent, _)) = passed.max_by_key(|(sent, _)| *sent) else { return };
        // A later barrier that is passed proves more than the earlier ones.
        barriers.retain(|(asked, _)| *asked > sent);
        self.until.fetch_max(sent.after(self.max_staleness).0, Ordering::Release);
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALE: Duration = Duration::from_nanos(100);

    fn cursor(position: u32) -> Cursor {
        Cursor::new(format!("{}{position:011}", "a".repeat(22))).expect("a cursor")
    }

    fn following(position: u32) -> Freshness {
        let freshness = Freshness::new(STALE);
        freshness.begin(cursor(position));
        freshness
    }

    #[test]
    fn nothing_is_proven_without_a_barrier() {
        let freshness = following(1);
        freshness.applied(cursor(9));
        assert_eq!(freshness.until(), Moment(0));
    }

    #[test]
    fn a_barrier_counts_from_when_it_was_asked_for_once_the_watch_has_passed_it() {
        let freshness = following(1);
        freshness.barrier(Moment(5), cursor(3));
        freshness.applied(cursor(2));
        assert_eq!(freshness.until(), Moment(0));
        freshness.applied(cursor(3));
        assert_eq!(freshness.until(), Moment(105));
    }

    #[test]
    fn barriers_that_the_watch_has_not_reached_wait() {
        let freshness = following(1);
        for (sent, position) in [(5, 2), (10, 4), (15, 6)] {
            freshness.barrier(Moment(sent), cursor(position));
        }
        freshness.applied(cursor(4));
        assert_eq!(freshness.until(), Moment(110));
        freshness.applied(cursor(6));
        assert_eq!(freshness.until(), Moment(115));
    }

    #[test]
    fn a_watch_that_stands_still_collects_a_bounded_number_of_barriers_and_passes_the_first() {
        let freshness = following(1);
        for sent in 0..10_000 {
            freshness.barrier(Moment(sent), cursor(2 + u32::try_from(sent).expect("small")));
        }
        assert_eq!(freshness.watch().barriers.len(), BARRIERS);
        freshness.applied(cursor(2));
        assert_eq!(freshness.until(), Moment(100));
    }

    #[test]
    fn the_end_of_the_watch_takes_the_proof_and_the_barriers_with_it() {
        let freshness = following(1);
        freshness.barrier(Moment(5), cursor(1));
        freshness.barrier(Moment(6), cursor(2));
        assert_eq!(freshness.until(), Moment(105));
        freshness.end();
        assert_eq!((freshness.until(), freshness.cursor()), (Moment(0), None));
        freshness.begin(cursor(2));
        assert_eq!(freshness.until(), Moment(0));
    }

    #[test]
    fn a_proof_that_comes_late_takes_nothing_back() {
        let freshness = following(4);
        freshness.barrier(Moment(50), cursor(4));
        freshness.barrier(Moment(20), cursor(3));
        assert_eq!(freshness.until(), Moment(150));
    }
}
