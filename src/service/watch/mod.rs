//! Watches: events that end or change cached answers of introspection, for callers that may see
//! them.
//!
//! One task reads the feed and shares its newest events ([`feed`]); each watch has a position in
//! it, takes what comes next, and passes on what its caller may introspect ([`event`]).
//!
//! # Completeness for callers that apply every event
//!
//! *In order, without gaps.* A watch takes the events after its position, from memory or from the
//! store, and its position moves over them only as they are handed out. A cursor stands for that
//! position, so a caller who resumes goes on with the next event.
//!
//! *Nothing of theirs is hidden.* An event is shown after its state. The caller's record is read
//! after the events were taken, so its record shows what it could introspect when they happened. If
//! its reach has shrunk, the wider one counts until the event of that change has passed; that event
//! itself has the caller forget everything, since answers about tokens that it may not introspect
//! any more would never be corrected.
//!
//! *A checkpoint is no promise of the past.* It says that the end of the feed was looked up after
//! the checkpoint before it was handed out, and that the watch has come to that end.

mod batch;
pub(super) mod cursor;
mod event;
mod feed;
mod follow;
mod holders;
mod positions;
mod searches;
pub(super) mod watching;

use std::{future::pending, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};

pub use self::{
    batch::{Notification, NotificationBatch, WatchCaller},
    event::Event,
};
use self::{
    event::{Holders, Visibility},
    feed::{FeedState, FeedTail, PAGE},
    positions::WatcherSlot,
    watching::Revocations,
};
use super::{Caller, Credentials, Cursor, holder::Holder};
use crate::{
    domain::{client::IntrospectReach, error::Error, time::Timestamp},
    store::{FeedError, Sequence, Store, StoreId},
};

/// The time between two checkpoints while nothing happens. Half of what is promised, for a busy
/// machine to keep the promise too.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// The pause before a checkpoint is tried again that had no look at the feed's end to rest on.
const RETRY: Duration = Duration::from_millis(50);

/// Start of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchFrom {
    /// The end of the feed.
    Now,
    /// Its beginning, as far as it is kept: longer than anybody may keep an answer.
    Kept,
    /// Behind what was given before.
    Cursor(Cursor),
}

/// A watch under way. It continues as its notifications are fetched.
pub struct Watch {
    /// Store of the feed.
    store: StoreId,
    credentials: Credentials,
    /// As far as the caller reached when its registration last changed, or farther.
    reach: IntrospectReach,
    position: Sequence,
    tails: watch::Receiver<FeedTail>,
    /// The feed's end, as far as is known.
    end: Sequence,
    /// True if [`Self::end`] was looked up since the last checkpoint.
    looked_up: bool,
    /// Rounds of the reader that had begun by the last checkpoint.
    rounds: u64,
    /// The same when the watch began.
    first_round: u64,
    begun: bool,
    next_checkpoint: Instant,
    place: WatcherSlot,
    /// Of a watch from the beginning, until its first batch.
    complete_since: Option<Timestamp>,
    /// The caller's reach when its last page was looked at.
    caller: WatchCaller,
}

/// Notifications of the first events of a page.
struct PageNotifications {
    notifications: Vec<Notification>,
    /// Number of events that were read.
    events: usize,
}

impl<S: Store> Revocations<S> {
    /// Begins a watch for `caller`, whose `credentials` are judged again for as long as it lasts.
    ///
    /// # Errors
    /// `CursorOutOfRange`, `Overloaded` when there are too many watches, of all or of the caller's
    /// client, `Unavailable`.
    pub async fn watch_revocations(
        &self,
        caller: &Caller,
        credentials: Credentials,
        from: WatchFrom,
    ) -> Result<Watch, Error> {
        if self.watching.feed.is_closed() {
            return Err(Error::UNAVAILABLE);
        }
        let store = self.records.store.id();
        let first_round = self.watching.feed.rounds();
        let tails = self.watching.feed.join();
        let position = self.position(from).await?;
        // Order matters: a watch whose next event is freed after its position was read ends.
        let complete_since = match from {
            WatchFrom::Kept => Some(self.complete_since(store).await?),
            WatchFrom::Now | WatchFrom::Cursor(_) => None,
        };
        let end = self.records.head().await?;
        let position = position.unwrap_or(end);
        Ok(Watch {
            store,
            credentials,
            reach: caller.client().introspect,
            position,
            tails,
            end,
            looked_up: true,
            rounds: first_round,
            first_round,
            begun: false,
            next_checkpoint: Instant::now(),
            place: self.watching.places.take(Holder::client(caller.id()), position)?,
            complete_since,
            caller: WatchCaller {
                client_id: caller.id().clone(),
                reach: caller.client().introspect,
            },
        })
    }

    /// The position in the feed of revocations that is durable now.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read.
    pub async fn revocation_cursor(&self, _caller: &Caller) -> Result<Cursor, Error> {
        // Order matters: a cursor of a feed that ends in between is refused, never misread.
        let store = self.records.store.id();
        Ok(Cursor::new(store, self.records.head().await?))
    }

    /// Waits for what comes next: at once for the first time, and after half a second at the latest
    /// while the end of the feed can be looked up. Fetched notifications do not repeat: a call that
    /// is dropped before its end loses nothing.
    ///
    /// # Errors
    /// Ends the watch. `InvalidClient` or `InvalidToken` when the caller's credentials have ended,
    /// `CursorOutOfRange` when it is so far behind that events are gone, `Unavailable` when the
    /// store cannot be read or the process is going away.
    pub async fn next_revocations(&self, watch: &mut Watch) -> Result<NotificationBatch, Error> {
        let next = self.advance(watch).await;
        match &next {
            Ok(watched) => self.watching.places.sent.inc_by(watched.notifications.len() as u64),
            Err(error) => watch.place.end(error),
        }
        next
    }

    /// Ends every watch as `Unavailable`, and lets none begin: the process is going away.
    pub fn end_watches(&self) {
        self.watching.feed.close();
    }

    async fn advance(&self, watch: &mut Watch) -> Result<NotificationBatch, Error> {
        loop {
            watch.look()?;
            let page = self.page(watch).await?;
            // The events read can be of another feed, by the same numbers.
            if self.records.store.id() != watch.store {
                return Err(self.out_of_range(FeedError::Ahead).await);
            }
            let due = !watch.begun || watch.next_checkpoint <= Instant::now();
            if page.is_empty() && !(due && watch.is_at_end()) {
                watch.wait().await;
                continue;
            }
            let PageNotifications { notifications, events } = self.tell(watch, &page).await?;
            let paused = events < page.len();
            watch.move_over(&page[..events]);
            // A caller that waits for a search sees that the watch goes on.
            if !notifications.is_empty() || due || paused {
                let checkpoint = watch.checkpoint(self.watching.feed.rounds());
                return Ok(NotificationBatch {
                    notifications,
                    cursor: Cursor::new(watch.store, watch.position),
                    checkpoint,
                    complete_since: watch.complete_since.take(),
                    time: self.records.now(),
                    caller: watch.caller.clone(),
                });
            }
        }
    }

    /// The next events, none at the end.
    async fn page(&self, watch: &Watch) -> Result<Vec<Arc<Event>>, Error> {
        let position = watch.position;
        if position >= watch.end {
            return Ok(Vec::new());
        }
        let known = self.watching.feed.after(watch.store, position, PAGE);
        if let Some(events) = known.filter(|new| !new.is_empty()) {
            return Ok(events);
        }
        let events = match self.records.store.changes(position, PAGE).await {
            Ok(events) => events,
            Err(error) => return Err(self.out_of_range(error).await),
        };
        let events = events.into_iter();
        Ok(events.map(|(sequence, change)| Arc::new(Event::new(sequence, change))).collect())
    }

    /// Returns what the caller may see by its present registration. The search ends with the next
    /// heartbeat: the rest comes later.
    async fn tell(
        &self,
        watch: &mut Watch,
        page: &[Arc<Event>],
    ) -> Result<PageNotifications, Error> {
        let until = Instant::now() + HEARTBEAT;
        let caller = self.authentication.identify(&watch.credentials).await?;
        let now = caller.client().introspect;
        watch.caller.reach = now;
        // Kept aside until the page is done: a dropped call gets the page again.
        let mut reach = watch.reach.max(now);
        for event in page.iter().filter(|event| event.takes_a_search(caller.id(), reach)) {
            // All of them are under way while the first is waited for.
            let _goes_on =
                self.watching.searches.find(&self.records.store, event.sequence(), event.change());
        }
        let (mut notifications, mut events) = (Vec::new(), 0);
        for event in page {
            let find = || self.holders(event);
            let heard = timeout_at(until, event.visible_to(caller.id(), reach, find));
            let Ok(heard) = heard.await else { break };
            match heard? {
                Visibility::Hidden => {}
                Visibility::Full => notifications.push(Notification::Event(Arc::clone(event))),
                Visibility::Redacted => notifications.push(Notification::Everything(event.time())),
            }
            events += 1;
            if event.is_change_of(caller.id()) {
                notifications.push(Notification::Everything(event.time()));
                reach = now;
            }
        }
        watch.reach = reach;
        Ok(PageNotifications { notifications, events })
    }

    /// Returns the possible holders of tokens that `event` ends or changes.
    async fn holders(&self, event: &Event) -> Result<Arc<Holders>, Error> {
        let finding =
            self.watching.searches.find(&self.records.store, event.sequence(), event.change());
        finding.await.map_err(|error| self.records.read_failed(error))
    }

    /// Returns the time since which the feed of `store` has every event. It has none from before it began, with a
    /// new or restored store, or after commits were lost.
    async fn complete_since(&self, store: StoreId) -> Result<Timestamp, Error> {
        let start = self.records.read(self.records.store.feed_start()).await?;
        let since = start.filter(|start| start.feed == store).map(|start| start.since);
        Ok(since.unwrap_or_else(|| self.records.now()))
    }

    /// Returns the start of a watch; `None` for the end.
    async fn position(&self, from: WatchFrom) -> Result<Option<Sequence>, Error> {
        let first = match from {
            WatchFrom::Now => return Ok(None),
            WatchFrom::Kept => match self.records.store.changes(Sequence::default(), 1).await {
                Err(FeedError::TooOld { oldest }) => return Ok(Some(oldest)),
                first => first.map(|_| Sequence::default()),
            },
            WatchFrom::Cursor(cursor) => match cursor.of_store(self.records.store.id()) {
                Some(sequence) => self.records.store.changes(sequence, 1).await.map(|_| sequence),
                None => Err(FeedError::Ahead),
            },
        };
        match first {
            Ok(position) => Ok(Some(position)),
            Err(error) => Err(self.out_of_range(error).await),
        }
    }

    async fn out_of_range(&self, error: FeedError) -> Error {
        match error {
            FeedError::TooOld { .. } | FeedError::Ahead => {
                // Order matters: a cursor of a feed that ends in between is refused, never misread.
                let store = self.records.store.id();
                match self.records.head().await {
                    Ok(head) => {
                        let restart = Cursor::new(store, head).to_text();
                        Error::CursorOutOfRange { restart: restart.into() }
                    }
                    Err(error) => error,
                }
            }
            FeedError::Unavailable | FeedError::Corrupt => self.records.feed_failed(error),
        }
    }
}

impl Watch {
    /// Waits until the watch has to end although its caller takes nothing, and says why. Lasts for
    /// ever otherwise.
    ///
    /// # Errors
    /// That is what it is for.
    pub async fn interrupted(&mut self) -> Error {
        loop {
            if let Err(error) = self.look() {
                self.place.end(&error);
                return error;
            }
            if self.tails.changed().await.is_err() {
                return pending().await;
            }
        }
    }

    /// Ends the watch because its caller takes nothing.
    pub fn too_slow(&mut self) -> Error {
        self.place.end(&Error::TooSlow);
        Error::TooSlow
    }

    /// Takes notice of what the reader has found.
    fn look(&mut self) -> Result<(), Error> {
        let tail = *self.tails.borrow_and_update();
        match tail.state {
            FeedState::Closed => return Err(Error::UNAVAILABLE),
            // An attempt that failed before the watch began was repeated by it.
            FeedState::Failed if tail.round > self.first_round => return Err(Error::UNAVAILABLE),
            FeedState::Failed | FeedState::Following => {}
        }
        // The end of another feed says nothing of this one's.
        if tail.store == Some(self.store) {
            self.end = self.end.max(tail.end);
            self.looked_up |= tail.state == FeedState::Following && tail.round > self.rounds;
        }
        Ok(())
    }

    /// Waits for news, and no longer than to the next checkpoint.
    async fn wait(&mut self) {
        let until = self.next_checkpoint.max(Instant::now() + RETRY);
        tokio::select! {
            // The feed outlives every watch.
            _ = self.tails.changed() => {}
            () = sleep_until(until) => {}
        }
    }

    /// Returns whether it has reached the end of the feed as looked up since the last checkpoint.
    fn is_at_end(&self) -> bool {
        self.looked_up && self.position >= self.end
    }

    fn move_over(&mut self, page: &[Arc<Event>]) {
        if let Some(last) = page.last() {
            self.position = last.sequence();
            self.place.advance_to(self.position);
        }
    }

    /// Returns whether this batch is a checkpoint. `rounds` have begun.
    fn checkpoint(&mut self, rounds: u64) -> bool {
        self.begun = true;
        let checkpoint = self.is_at_end();
        if checkpoint {
            self.looked_up = false;
            self.rounds = rounds;
            self.next_checkpoint = Instant::now() + HEARTBEAT;
        }
        checkpoint
    }
}
