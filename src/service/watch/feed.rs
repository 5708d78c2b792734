//! The newest events in memory, read from the store once for all watches.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{Notify, watch};

use super::event::Event;
use crate::store::Sequence;

/// Events in memory: about 5 MiB. A watch that is further behind reads the store.
const MOST_EVENTS: usize = 16_384;

/// How the following goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    Following,
    /// The store could not be read in that round.
    Failed,
    /// The process is going away: for good.
    Closed,
}

/// How far the feed was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tip {
    /// The last event that was read: at some moment of the round, the feed's end.
    pub(super) end: Sequence,
    /// The last round that is done: see [`Feed::begin_round`].
    pub(super) round: u64,
    pub(super) course: Course,
}

/// What the one reader of the feed and all watches share.
pub(super) struct Feed {
    newest: Mutex<Newest>,
    tip: watch::Sender<Tip>,
    /// Rounds begun.
    rounds: AtomicU64,
    joined: Notify,
}

struct Newest {
    /// The last event before those in memory.
    floor: Sequence,
    events: VecDeque<Arc<Event>>,
}

impl Feed {
    pub(super) fn new() -> Self {
        let tip = Tip { end: Sequence::default(), round: 0, course: Course::Following };
        Self {
            newest: Mutex::new(Newest { floor: Sequence::default(), events: VecDeque::new() }),
            tip: watch::Sender::new(tip),
            rounds: AtomicU64::new(0),
            joined: Notify::new(),
        }
    }

    /// A watch begins: the reader reads as long as anybody holds such a receiver.
    pub(super) fn join(&self) -> watch::Receiver<Tip> {
        let tip = self.tip.subscribe();
        self.joined.notify_one();
        tip
    }

    /// Waits until there is a watch.
    pub(super) async fn joined(&self) {
        while !self.is_watched() {
            self.joined.notified().await;
        }
    }

    pub(super) fn is_watched(&self) -> bool {
        self.tip.receiver_count() > 0
    }

    /// Rounds begun until now. What a later round finds was there after this moment.
    pub(super) fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::SeqCst)
    }

    /// The reader is about to look where the feed ends. Hands out the round's number.
    pub(super) fn begin_round(&self) -> u64 {
        self.rounds.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The round is done: everything up to `end` was added. Wakes the watches when that is news.
    pub(super) fn end_round(&self, round: u64, end: Sequence) {
        self.publish(Tip { end, round, course: Course::Following });
    }

    /// The store cannot be read: every watch that has begun ends. A round of its own, since there
    /// may not have been one since then.
    pub(super) fn fail(&self) {
        let round = self.begin_round();
        let Tip { end, .. } = *self.tip.borrow();
        self.publish(Tip { end, round, course: Course::Failed });
    }

    /// Ends every watch, and lets none begin.
    pub(super) fn close(&self) {
        self.tip.send_modify(|tip| tip.course = Course::Closed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.tip.borrow().course == Course::Closed
    }

    fn publish(&self, new: Tip) {
        self.tip.send_if_modified(|tip| {
            if tip.course == Course::Closed {
                return false;
            }
            let news = tip.end != new.end || tip.course != new.course;
            *tip = new;
            news
        });
    }

    /// The last event that was read.
    pub(super) fn end(&self) -> Sequence {
        self.tip.borrow().end
    }

    /// Begins anew behind `floor`.
    pub(super) fn restart(&self, floor: Sequence) {
        let mut newest = self.lock();
        newest.floor = floor;
        newest.events.clear();
    }

    /// Adds the events that come next.
    pub(super) fn add(&self, events: impl Iterator<Item = Arc<Event>>) {
        let mut newest = self.lock();
        for event in events {
            if newest.events.len() == MOST_EVENTS
                && let Some(oldest) = newest.events.pop_front()
            {
                newest.floor = oldest.sequence();
            }
            newest.events.push_back(event);
        }
    }

    /// At most `limit` events after `after`. `None` when some of them are in memory no more.
    pub(super) fn after(&self, after: Sequence, limit: usize) -> Option<Vec<Arc<Event>>> {
        let newest = self.lock();
        let skipped = usize::try_from(after.0.checked_sub(newest.floor.0)?).ok()?;
        Some(newest.events.iter().skip(skipped).take(limit).cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Newest> {
        // A panic while the lock is held leaves whole events behind.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
