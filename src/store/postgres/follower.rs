//! Follows the changes feed and drops each cached record that an event names.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    cache::{Cache, Freshness},
    connections::{Connection, rows},
    feed,
    session::Server,
    succession::Succession,
};
use crate::{
    domain::{
        change::{Change, FamilyChange},
        client::Client,
        grant::Grant,
        user::User,
    },
    store::{FeedError, ReadError, Sequence},
};

/// Number of events in one read.
const STEP: usize = 1_000;

/// The caches of all types, with their freshness.
pub(super) struct Caches {
    pub(super) grants: Arc<Cache<Grant>>,
    pub(super) clients: Arc<Cache<Client>>,
    pub(super) users: Arc<Cache<User>>,
    pub(super) freshness: Arc<Freshness>,
}

/// The feed's end as a barrier has found it. Every reader of that barrier has seen the same end.
pub(super) struct End {
    pub(super) head: Sequence,
    /// The encoded event at the head. `None` if it was trimmed or there was no event yet.
    pub(super) event: Option<Box<[u8]>>,
    /// The server that the barrier was passed at.
    pub(super) server: Server,
}

/// The position up to which the feed was seen, and the position up to which it was applied.
pub(super) struct Follower {
    caches: Caches,
    /// `None` at first.
    applied: Option<Sequence>,
    /// The end at the last barrier, possibly beyond `applied`. `None` at first.
    seen: Option<End>,
    pub(super) succession: Succession,
}

impl Follower {
    pub(super) const fn new(caches: Caches, succession: Succession) -> Self {
        Self { caches, applied: None, seen: None, succession }
    }

    /// Notes that a barrier has found the feed's end at `head`.
    pub(super) fn passed(&self, head: Sequence) {
        self.caches.freshness.passed(head);
    }

    /// Notes the feed's end at a barrier. The feed is the same as before or the one begun by
    /// [`Self::begin_again`].
    pub(super) fn saw(&mut self, end: End) {
        self.seen = Some(end);
    }

    /// Returns `true` if the old feed had events beyond `head`, the end of the feed that replaces
    /// it.
    pub(super) fn has_seen_beyond(&self, head: Sequence) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.head > head)
    }

    /// Returns `true` if the feed that ends at `head` on this connection continues the whole feed
    /// seen so far, including events not applied yet, since a watch may have delivered them. The
    /// same server never loses a commit; another server continues the feed if it has the same event
    /// at the same position.
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
        // Trimmed events are older than any commit that a standby can lack.
        let Some(found) = found.first() else { return Ok(true) };
        let found: &[u8] = found.try_get(0).map_err(|_| ReadError::Corrupt)?;
        Ok(*found == **event)
    }

    /// Starts with another feed: no cached record is valid any more.
    pub(super) fn begin_again(&mut self) {
        self.forget_all();
        (self.applied, self.seen) = (None, None);
        self.caches.freshness.end();
    }

    /// Applies every event up to `head`, which a barrier that began at `began` has found on this
    /// connection. If this fails, the caches' freshness expires by itself.
    pub(super) async fn follow(
        &mut self,
        connection: &Connection,
        head: Sequence,
        began: Instant,
    ) -> Result<(), ReadError> {
        if self.applied.is_none() {
            // A read that began before this barrier can lack an event that this call skips.
            self.forget_all();
        }
        let mut applied = self.applied.unwrap_or(head);
        while applied < head {
            // No events beyond the head: another barrier must find them.
            let missing = usize::try_from(head.0 - applied.0).unwrap_or(STEP);
            match feed::events(connection, applied, STEP.min(missing)).await {
                Ok(events) if !events.is_empty() => {
                    for (sequence, change) in events {
                        self.apply(&change);
                        applied = sequence;
                    }
                }
                // Events were trimmed, or the feed is another store's: the missed events are
                // unknown.
                Ok(_) | Err(FeedError::TooOld { .. } | FeedError::Ahead) => {
                    self.forget_all();
                    applied = head;
                }
                // The event could be about any record.
                Err(FeedError::Corrupt) => {
                    tracing::error!(
                        after = applied.0,
                        through = head.0,
                        "an event of the feed is damaged: it is passed over, and all records are read again"
                    );
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
            Change::GrantEnded(change)
            | Change::AccessRevoked(change)
            | Change::FamilyEnded(FamilyChange { grant: change, .. }) => {
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
