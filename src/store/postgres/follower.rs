//! Follows the changes feed, so that nothing is kept that an event speaks of.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    cache::{Cache, Freshness},
    connections::Connection,
    feed,
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
}

impl Follower {
    pub(super) const fn new(caches: Caches) -> Self {
        Self { caches, applied: None }
    }

    /// A barrier has found the feed's end at `head`.
    pub(super) fn passed(&self, head: Sequence) {
        self.caches.freshness.passed(head);
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
                    }
                }
                // Trimmed, or another store's: what was missed is not known.
                Ok(_) | Err(FeedError::TooOld { .. } | FeedError::Ahead | FeedError::Corrupt) => {
                    self.forget_all();
                    applied = head;
                }
                Err(FeedError::Unavailable) => return Err(ReadError::Unavailable),
            }
            self.applied = Some(applied);
        }
        self.applied = Some(applied);
        self.caches.freshness.prove(began, applied);
        Ok(())
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
