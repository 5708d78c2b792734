//! The one reader of the feed: as long as anybody watches, it reads what is new as soon as it is shown.

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{event::Event, feed::PAGE, watching::Revocations};
use crate::{
    domain::error::Error,
    store::{FeedError, Sequence, Store, StoreId},
};

/// Interval of reads of an idle feed: more than one a heartbeat, so that each heartbeat rests on a
/// read of its own.
const ROUND: Duration = Duration::from_millis(200);
/// The pause after the store could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// The store has lost a part of its feed, and makes its numbers again: watches end, and their
/// cursors are refused when they resume.
const ANOTHER_FEED: Error = Error::UNAVAILABLE;

impl<S: Store> Revocations<S> {
    /// Reads the feed for every watch, for as long as the process serves. One task does it.
    pub async fn follow_revocations(&self) -> Infallible {
        loop {
            self.watching.feed.joined().await;
            if let Err(error) = self.read_while_watched().await {
                tracing::warn!(%error, "the feed of revocations cannot be followed");
                self.watching.feed.fail();
                sleep(PAUSE).await;
            }
        }
    }

    /// Until nobody watches any more.
    async fn read_while_watched(&self) -> Result<(), Error> {
        let feed = &self.watching.feed;
        // Order matters: if another feed begins in between, the next look at the id shows it.
        let store = self.records.store.id();
        let mut end = self.records.head().await?;
        feed.restart(store, end);
        while feed.is_watched() {
            let round = feed.begin_round();
            let head = self.records.head().await?;
            while end < head {
                end = self.read_on(end, store).await?;
            }
            if self.records.store.id() != store {
                return Err(ANOTHER_FEED);
            }
            feed.end_round(round, store, end);
            tokio::select! {
                changed = self.records.store.changed(end) => {
                    changed.map_err(|error| self.records.read_failed(error))?;
                }
                () = sleep(ROUND) => {}
            }
        }
        Ok(())
    }

    /// Adds the next events after `end` in the feed of `store`, once they are shown, and says which was
    /// the last.
    async fn read_on(&self, end: Sequence, store: StoreId) -> Result<Sequence, Error> {
        // The head moves a moment before its events are shown.
        self.records.read(self.records.store.changed(end)).await?;
        let events = match self.records.store.changes(end, PAGE).await {
            Ok(events) => events,
            // Trimmed before they were read: no watch can see them. A watch that needs them meets
            // the same error at the store.
            Err(FeedError::TooOld { oldest }) => {
                self.watching.feed.restart(store, oldest);
                return Ok(oldest);
            }
            Err(error @ (FeedError::Ahead | FeedError::Unavailable | FeedError::Corrupt)) => {
                return Err(self.records.feed_failed(error));
            }
        };
        if self.records.store.id() != store {
            return Err(ANOTHER_FEED);
        }
        let last = events.last().map_or(end, |(sequence, _)| *sequence);
        let events = events.into_iter();
        let events = events.map(|(sequence, change)| Arc::new(Event::new(sequence, change)));
        self.watching.feed.add(events);
        Ok(last)
    }
}
