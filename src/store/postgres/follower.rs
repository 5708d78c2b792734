//! Follows the changes feed, so that nothing is kept that an event speaks of.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    cache::{Cache, Freshness},
    connections::{Connection, rows},
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

/// The feed's end as a barrier has found it, and with it all who were told of that barrier.
pub(super) struct End {
    pub(super) head: Sequence,
    /// The event there, as it is stored; `None` where it was trimmed, or there was none yet.
    pub(super) event: Option<Box<[u8]>>,
    /// Where.
    pub(super) server: Server,
}

/// How far the feed was seen, and how far it was applied to the caches.
pub(super) struct Follower {
    caches: Caches,
    /// `None` at first.
    applied: Option<Sequence>,
    /// At the last barrier, which may be further than what was applied. `None` at first.
    seen: Option<End>,
}

impl Follower {
    pub(super) const fn new(caches: Caches) -> Self {
        Self { caches, applied: None, seen: None }
    }

    /// A barrier has found the feed's end at `head`.
    pub(super) fn passed(&self, head: Sequence) {
        self.caches.freshness.passed(head);
    }

    /// A barrier has found the feed's end, of the same feed as before or of the one that
    /// [`Self::begin_again`] has begun.
    pub(super) fn saw(&mut self, end: End) {
        self.seen = Some(end);
    }

    /// Whether there were events beyond `head`, the end of a feed that takes this one's place.
    pub(super) fn has_seen_beyond(&self, head: Sequence) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.head > head)
    }

    /// Whether the feed that ends at `head` on this connection is the one that was seen, all of it: also
    /// what was not applied yet, since a watch may have told it. The same server never loses a commit;
    /// another one has the same event at the same place.
    pub(super) async fn goes_on_at(
        &self,
        connection: &Connection,
        head: Sequence,
    ) -> Result<bool, ReadError> {
        let Some(seen) = &self.seen else { return Ok(true) };
        if seen.server == connection.server {
            return Ok(true);
        }
        if self.has_seen_beyond(head) {
            return Ok(false);
        }
        let Some(event) = &seen.event else { return Ok(true) };
        let number = i64::try_from(seen.head.0).map_err(|_| ReadError::Corrupt)?;
        let sql = "SELECT change FROM jeton_changes WHERE sequence = $1";
        let found = rows(connection, sql, &[&number]).await?;
        // What is trimmed there is older than any commit that a standby may lack.
        let Some(found) = found.first() else { return Ok(true) };
        let found: &[u8] = found.try_get(0).map_err(|_| ReadError::Corrupt)?;
        Ok(*found == **event)
    }

    /// The feed is another one now: nothing that is kept is of any use.
    pub(super) fn begin_again(&mut self) {
        self.forget_all();
        (self.applied, self.seen) = (None, None);
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
            // None beyond the head: another barrier is to find what comes after it.
            let missing = usize::try_from(head.0 - applied.0).unwrap_or(STEP);
            match feed::events(connection, applied, STEP.min(missing)).await {
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
