//! The proof that memory is within the allowed staleness.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{clock::Moment, cursor::Cursor};

/// Maximum number of waiting barriers. There are more only while the watch stands still, and then
/// it passes the earliest ones first.
const BARRIERS: usize = 64;

/// The time until which everything that the watch has kept in memory can be used.
///
/// A *barrier* is the end of the feed as the server reported it for a question at a certain moment.
/// Once the watch has applied everything up to a barrier, memory lacks nothing that was
/// acknowledged before the *question* was sent. A checkpoint alone proves nothing: it can have been
/// in a buffer for any time.
pub(super) struct Freshness {
    max_staleness: Duration,
    /// A [`Moment`]: the last passed barrier plus `max_staleness`. Zero if nothing is proven.
    until: AtomicU64,
    watch: Mutex<Watch>,
}

#[derive(Default)]
struct Watch {
    /// The position up to which the feed was applied. `None` if the feed is not followed.
    applied: Option<Cursor>,
    /// The time of each question and its answer, in the order of the questions.
    barriers: VecDeque<(Moment, Cursor)>,
}

impl Freshness {
    pub(super) fn new(max_staleness: Duration) -> Self {
        Self { max_staleness, until: AtomicU64::new(0), watch: Mutex::default() }
    }

    /// Returns the time until which memory is proven. Read this *before* memory: the entries found
    /// afterwards were stored under this proof or a later one.
    pub(super) fn until(&self) -> Moment {
        Moment(self.until.load(Ordering::Acquire))
    }

    /// Returns the cursor to resume from.
    pub(super) fn cursor(&self) -> Option<Cursor> {
        self.watch().applied.clone()
    }

    /// Starts to follow the feed from `cursor`. Memory contains no answer to an earlier question.
    pub(super) fn begin(&self, cursor: Cursor) {
        *self.watch() = Watch { applied: Some(cursor), barriers: VecDeque::new() };
    }

    /// Stops following the feed. Memory is cleared afterwards.
    pub(super) fn end(&self) {
        let mut watch = self.watch();
        *watch = Watch::default();
        self.until.store(0, Ordering::Release);
    }

    /// Notes that everything up to `cursor` was applied.
    pub(super) fn applied(&self, cursor: Cursor) {
        let mut watch = self.watch();
        watch.applied = Some(cursor);
        self.pass(&mut watch);
    }

    /// Notes that `cursor` was the end of the feed for a question sent at `sent`.
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
