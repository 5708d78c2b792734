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
use crate::store::{Sequence, StoreId};

/// Events read at once.
pub(super) const PAGE: usize = 256;
/// Events in memory: about 5 MiB. A watch that is further behind reads the store.
const MOST_EVENTS: usize = 16_384;

/// State of following the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FeedState {
    Following,
    /// The store could not be read in that round.
    Failed,
    /// The process is going away: for good.
    Closed,
}

/// Position up to which the feed was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct FeedTail {
    /// Store of the feed; `None` before the first read.
    pub(super) store: Option<StoreId>,
    /// The last event that was read: at some moment of the round, the feed's end.
    pub(super) end: Sequence,
    /// The last round that is done: see [`Feed::begin_round`].
    pub(super) round: u64,
    pub(super) state: FeedState,
}

/// State shared by the one reader of the feed and all watches.
pub(super) struct Feed {
    newest: Mutex<Newest>,
    tail: watch::Sender<FeedTail>,
    /// Rounds begun.
    rounds: AtomicU64,
    joined: Notify,
}

struct Newest {
    /// Store of the events: another one has other events by the same numbers.
    store: Option<StoreId>,
    /// The last event before those in memory.
    floor: Sequence,
    events: VecDeque<Arc<Event>>,
}

impl Feed {
    pub(super) fn new() -> Self {
        let (store, floor) = (None, Sequence::default());
        let tail = FeedTail { store, end: floor, round: 0, state: FeedState::Following };
        Self {
            newest: Mutex::new(Newest { store, floor, events: VecDeque::new() }),
            tail: watch::Sender::new(tail),
            rounds: AtomicU64::new(0),
            joined: Notify::new(),
        }
    }

    /// A watch begins: the reader reads as long as anybody holds such a receiver.
    pub(super) fn join(&self) -> watch::Receiver<FeedTail> {
        let tail = self.tail.subscribe();
        self.joined.notify_one();
        tail
    }

    /// Waits until there is a watch.
    pub(super) async fn joined(&self) {
        while !self.is_watched() {
            self.joined.notified().await;
        }
    }

    pub(super) fn is_watched(&self) -> bool {
        self.tail.receiver_count() > 0
    }

    /// Returns the number of rounds begun until now. A later round reads the feed after this
    /// moment.
    pub(super) fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::SeqCst)
    }

    /// The reader is about to look where the feed ends. Hands out the round's number.
    pub(super) fn begin_round(&self) -> u64 {
        self.rounds.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The round is done: everything up to `end` in the feed of `store` was added. Wakes the watches
    /// when that is news.
    pub(super) fn end_round(&self, round: u64, store: StoreId, end: Sequence) {
        self.publish(FeedTail { store: Some(store), end, round, state: FeedState::Following });
    }

    /// The store cannot be read: every watch that has begun ends. A round of its own, since there
    /// may not have been one since then.
    pub(super) fn fail(&self) {
        let round = self.begin_round();
        let tail = *self.tail.borrow();
        self.publish(FeedTail { round, state: FeedState::Failed, ..tail });
    }

    /// Ends every watch, and lets none begin.
    pub(super) fn close(&self) {
        self.tail.send_modify(|tail| tail.state = FeedState::Closed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.tail.borrow().state == FeedState::Closed
    }

    fn publish(&self, new: FeedTail) {
        self.tail.send_if_modified(|tail| {
            if tail.state == FeedState::Closed {
                return false;
            }
            let moved = (tail.store, tail.end) != (new.store, new.end);
            let news = moved || tail.state != new.state;
            *tail = new;
            news
        });
    }

    /// The last event that was read.
    pub(super) fn end(&self) -> Sequence {
        self.tail.borrow().end
    }

    /// Restarts behind `floor` in the feed of `store`.
    pub(super) fn restart(&self, store: StoreId, floor: Sequence) {
        let mut newest = self.lock();
        newest.store = Some(store);
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

    /// At most `limit` events after `after` in the feed of `store`. `None` when some of them are in
    /// memory no more, or those of another feed are.
    pub(super) fn after(
        &self,
        store: StoreId,
        after: Sequence,
        limit: usize,
    ) -> Option<Vec<Arc<Event>>> {
        let newest = self.lock();
        if newest.store != Some(store) {
            return None;
        }
        let skipped = usize::try_from(after.0.checked_sub(newest.floor.0)?).ok()?;
        Some(newest.events.iter().skip(skipped).take(limit).cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Newest> {
        // A panic while the lock is held leaves whole events behind.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        change::{Change, UserChange},
        subject::UserId,
    };

    fn event(number: u64) -> Arc<Event> {
        let user_id = UserId::from_bytes([1; 16]);
        let change = Change::UserChanged(UserChange { user_id, refused: false, time: None });
        Arc::new(Event::new(Sequence(number), change))
    }

    #[test]
    fn events_that_the_store_has_lost_are_shown_to_no_watch_of_its_next_feed() {
        let feed = Feed::new();
        let shown = |store, after| {
            let events = feed.after(store, Sequence(after), 10);
            events.map(|events| events.len())
        };
        let (lost, next) = ([1; 16], [2; 16]);
        assert_eq!(shown(lost, 0), None);
        feed.restart(lost, Sequence(7));
        feed.add([event(8), event(9)].into_iter());
        feed.end_round(feed.begin_round(), lost, Sequence(9));
        feed.fail();
        assert_eq!((shown(lost, 7), shown(next, 7)), (Some(2), None));
        assert_eq!(feed.join().borrow().store, Some(lost));
        feed.restart(next, Sequence(8));
        assert_eq!((shown(lost, 8), shown(next, 8)), (None, Some(0)));
    }
}
