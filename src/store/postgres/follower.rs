//! Follows the changes feed, so that nothing is kept that an event speaks of.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    cache::{Cache, Freshness},
    connections::Connection,
    feed,
    session::Server,
};
use crate::{
    domain::{change::Change, client::Client, grant::Grant, user::User},
    store::{FeedError, ReadError, Sequence},
};

/// Events read at a time.
const STEP: usize = 1_000;

/// What is kept of each type, and how fresh it is.
pub(super) struct Caches {
    pub(super) grants: Arc<Cache<Grant>>,
    pub(super) clients: Arc<Cache<Client>>,
    pub(super) users: Arc<Cache<User>>,
    pub(super) freshness: Arc<Freshness>,
}

/// How far the feed was applied to the caches.
pub(super) struct Follower {
    caches: Caches,
    /// `None` at first.
    applied: Option<Sequence>,
    /// The event there, where there is one, and the server that has shown it.
    last: Option<(Change, Server)>,
}

impl Follower {
    pub(super) const fn new(caches: Caches) -> Self {
        Self { caches, applied: None, last: None }
    }

    /// A barrier has found the feed's end at `head`.
    pub(super) fn passed(&self, head: Sequence) {
        self.caches.freshness.passed(head);
    }

    /// Whether the feed that ends at `head` on this connection is the one that was applied. The same
    /// server never loses a commit; another one has the same event at the same place.
    pub(super) async fn goes_on_at(
        &self,
        connection: &Connection,
        head: Sequence,
    ) -> Result<bool, ReadError> {
        let Some((applied, (last, server))) = self.applied.zip(self.last.as_ref()) else {
            return Ok(true);
        };
        if *server == connection.server {
            return Ok(true);
        }
        let before = Sequence(applied.0.saturating_sub(1));
        match feed::events(connection, before, 1).await {
            Ok(events) => Ok(head >= applied && events == [(applied, last.clone())]),
            Err(FeedError::Ahead | FeedError::TooOld { .. } | FeedError::Corrupt) => Ok(false),
            Err(FeedError::Unavailable) => Err(ReadError::Unavailable),
        }
    }

    /// The feed is another one now: nothing that is kept is of any use.
    pub(super) fn begin_again(&mut self) {
        self.forget_all();
        (self.applied, self.last) = (None, None);
        self.caches.freshness.end();
    }

    /// Applies every event up to `head`, which a barrier has found on this connection that began at
    /// `began`. When that does not succeed, freshness runs out by itself.
    pub(super) async fn follow(
        &mut self,
        connection: &Connection,
        head: Sequence,
        began: Instant,
    ) -> Result<(), ReadError> {
        if self.applied.is_none() {
            // A read that began before this barrier may lack an event that this one passes over.
            self.forget_all();
        }
        let mut applied = self.applied.unwrap_or(head);
        while applied < head {
            match feed::events(connection, applied, STEP).await {
                Ok(events) if !events.is_empty() => {
                    for (sequence, change) in events {
                        self.apply(&change);
                        applied = sequence;
                        self.last = Some((change, connection.server));
                    }
                }
                // Trimmed, or another store's: what was missed is not known.
                Ok(_) | Err(FeedError::TooOld { .. } | FeedError::Ahead | FeedError::Corrupt) => {
                    self.forget_all();
                    (applied, self.last) = (head, None);
                }
                Err(FeedError::Unavailable) => return Err(ReadError::Unavailable),
            }
            self.applied = Some(applied);
        }
        self.applied = Some(applied);
        self.look_at_last(connection, applied).await;
        self.caches.freshness.prove(began, applied);
        Ok(())
    }

    /// Keeps the last event, to know the feed by it at another server.
    async fn look_at_last(&mut self, connection: &Connection, applied: Sequence) {
        match &mut self.last {
            Some((_, server)) => *server = connection.server,
            None if applied > Sequence::default() => {
                let before = Sequence(applied.0 - 1);
                let found = feed::events(connection, before, 1).await.unwrap_or_default();
                let found = found.into_iter().next();
                self.last = found.map(|(_, change)| (change, connection.server));
            }
            None => {}
        }
    }

    fn forget_all(&self) {
        self.caches.grants.clear();
        self.caches.clients.clear();
        self.caches.users.clear();
    }

    fn apply(&self, change: &Change) {
        match change {
            Change::GrantEnded(change) | Change::AccessRevoked(change) => {
                self.caches.grants.forget(&change.grant_id);
            }
            Change::ClientEpochMoved(change) | Change::ClientChanged(change) => {
                self.caches.clients.forget(&change.client_id);
            }
            Change::UserEpochMoved(change) | Change::UserChanged(change) => {
                self.caches.users.forget(&change.user_id);
            }
        }
    }
}
