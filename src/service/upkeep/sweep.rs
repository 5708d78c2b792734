//! Frees what nothing rests on any more: spent grants, old events of the feed, forgotten failures of logins,
//! expired assertions.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;

use super::{horizon::Horizon, last_used::LastUseQueue, retention::Retention};
use crate::{
    domain::{
        attempts::AttemptsId, error::Error, lockout::LockoutPolicy,
        signing_register::SigningChange, time::Timestamp, used_assertion::AssertionId,
    },
    service::{metrics::ServiceMetrics, records::Records},
    store::{FeedError, Records as _, Sequence, Store, Write, WriteError},
};

/// Most records freed in one step: a batch of the committer's, so that a request never waits behind
/// more than one.
pub const SWEEP_STEP: usize = 256;

/// Grants up to which the backlog is counted. Beyond it the sweeper is far behind, and counting on
/// would only slow it down.
const COUNT_LIMIT: usize = 100_000;

/// Work on the store beside the calls.
pub struct Upkeep<S> {
    pub(super) records: Records<S>,
    pub(super) horizon: Arc<Horizon>,
    pub(super) lockout: LockoutPolicy,
    pub(super) last_used: Arc<LastUseQueue>,
    pub(super) metrics: Arc<ServiceMetrics>,
    pub(super) retention: Mutex<Retention>,
    /// Position of the sweeper in the records of failed logins.
    pub(super) attempts_swept: Mutex<Option<AttemptsId>>,
    /// Position of the sweeper in the used assertions.
    pub(super) assertions_swept: Mutex<Option<AssertionId>>,
}

impl<S> Upkeep<S> {
    pub(in crate::service) fn new(
        records: Records<S>,
        horizon: Arc<Horizon>,
        lockout: LockoutPolicy,
        last_used: Arc<LastUseQueue>,
        metrics: Arc<ServiceMetrics>,
    ) -> Self {
        Self {
            records,
            horizon,
            lockout,
            last_used,
            metrics,
            retention: Mutex::default(),
            attempts_swept: Mutex::default(),
            assertions_swept: Mutex::default(),
        }
    }
}

impl<S: Store> Upkeep<S> {
    /// Frees up to `step` spent grants, the longest expired first, and as many events of the feed
    /// that need not be kept, and returns the larger of both numbers; [`SWEEP_STEP`] is the largest
    /// step. Zero if another process that shares the store sweeps. Expiry is decided where tokens
    /// are used; this only makes room, and only where the clock has said for an hour that a grant
    /// is spent.
    ///
    /// # Errors
    /// `Unavailable` or `Overloaded`: the next step takes up what this one left.
    pub async fn sweep(&self, step: usize) -> Result<usize, Error> {
        // Also where another one sweeps, which may leave it to this one at any time.
        let horizon = self.horizon.look(&*self.records.clock);
        if !self.may_sweep().await? {
            return Ok(0);
        }
        let step = step.min(SWEEP_STEP);
        // One that fails does not keep the other from its turn.
        let grants = match horizon {
            Some(horizon) => self.free_spent_grants(horizon, step).await,
            None => Ok(0),
        };
        let events = self.trim_feed(step).await;
        Ok(grants?.max(events?))
    }

    async fn may_sweep(&self) -> Result<bool, Error> {
        self.records.read(self.records.store.may_sweep()).await
    }

    /// About how many grants the store holds, spent ones included.
    pub fn grants_held(&self) -> u64 {
        self.records.store.condition().grants
    }

    async fn trim_feed(&self, step: usize) -> Result<usize, Error> {
        let head = self.records.read(self.records.store.head()).await?;
        let through = {
            let mut retention = self.retention.lock().unwrap_or_else(PoisonError::into_inner);
            retention.trimmable(head, self.records.clock.age())
        };
        if through == Sequence::default() {
            return Ok(0);
        }
        let store = &self.records.store;
        let trimmed = match store.changes(Sequence::default(), 1).await {
            Ok(_) => Sequence::default(),
            Err(FeedError::TooOld { oldest }) => oldest,
            Err(error) => return Err(self.records.feed_failed(error)),
        };
        if through <= trimmed {
            return Ok(0);
        }
        // Of a few more: one of the last may have no time.
        let events = store.changes(trimmed, step + SWEEP_STEP).await;
        let events = events.map_err(|error| self.records.feed_failed(error))?;
        let now = self.records.now();
        let until = events.iter().filter_map(|(_, change)| change.time()).max().unwrap_or(now);
        // Order matters: a watch that begins after events were freed knows of it.
        let noted = store.register_signing(SigningChange::Trim(until), now).await;
        noted.map_err(|error| self.records.write_failed(error))?;
        let trimmed = store.trim_changes(through, step).await;
        trimmed.map_err(|error| self.records.write_failed(error))
    }

    async fn free_spent_grants(&self, horizon: Timestamp, step: usize) -> Result<usize, Error> {
        let spent = self.records.read(self.records.store.spent_grants(horizon, step)).await?;
        let found = spent.len();
        let freed = join_all(spent.into_iter().map(|grant| {
            self.records.store.grants().write(Write::Delete(grant.version(), grant.id))
        }));
        for outcome in freed.await {
            match outcome {
                // A grant that changed meanwhile is looked at again when it is due again.
                Ok(_) => self.metrics.swept.inc(),
                Err(WriteError::Conflict) => {}
                Err(error) => return Err(self.records.write_failed(error)),
            }
        }
        if found < step {
            self.metrics.backlog.set(0);
        }
        Ok(found)
    }

    /// Counts the grants that are due to be freed, to at most 100,000. Costs a look at as many index
    /// entries: for when [`Self::sweep`] does not come to an end.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn count_backlog(&self) -> Result<(), Error> {
        let horizon = self.horizon.look(&*self.records.clock).unwrap_or_default();
        let due = self.records.read(self.records.store.count_spent(horizon, COUNT_LIMIT)).await?;
        self.metrics.backlog.set(i64::try_from(due).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Returns the number of grants due to be freed at the last look; 100,000 stands for that many
    /// and more.
    pub fn sweeper_backlog(&self) -> u64 {
        u64::try_from(self.metrics.backlog.get()).unwrap_or(0)
    }

    /// Looks at the next [`SWEEP_STEP`] records of failed logins, round and round, frees those that
    /// make no difference any more, and says how many.
    ///
    /// # Errors
    /// As [`Self::sweep`].
    pub async fn sweep_attempts(&self) -> Result<usize, Error> {
        let Some(horizon) = self.horizon.look(&*self.records.clock) else { return Ok(0) };
        if !self.may_sweep().await? {
            return Ok(0);
        }
        let after = *self.attempts_swept.lock().unwrap_or_else(PoisonError::into_inner);
        let page = self
            .records
            .read(self.records.store.attempts().page(after.as_ref(), SWEEP_STEP))
            .await?;
        let last = page.last().filter(|_| page.len() == SWEEP_STEP).map(|attempts| attempts.id);
        let forgotten = page.iter().filter(|attempts| self.lockout.is_forgotten(attempts, horizon));
        let freed = join_all(forgotten.map(|attempts| {
            self.records.store.attempts().write(Write::Delete(attempts.version(), attempts.id))
        }))
        .await;
        let count = freed.len();
        for outcome in freed {
            match outcome {
                // Another failure came.
                Ok(_) | Err(WriteError::Conflict) => {}
                Err(error) => return Err(self.records.write_failed(error)),
            }
        }
        *self.attempts_swept.lock().unwrap_or_else(PoisonError::into_inner) = last;
        Ok(count)
    }

    /// Looks at the next [`SWEEP_STEP`] used assertions, round and round, frees those that have expired,
    /// and says how many.
    ///
    /// # Errors
    /// As [`Self::sweep`].
    pub async fn sweep_assertions(&self) -> Result<usize, Error> {
        let Some(horizon) = self.horizon.look(&*self.records.clock) else { return Ok(0) };
        if !self.may_sweep().await? {
            return Ok(0);
        }
        let after = *self.assertions_swept.lock().unwrap_or_else(PoisonError::into_inner);
        let page = self
            .records
            .read(self.records.store.assertions().page(after.as_ref(), SWEEP_STEP))
            .await?;
        let last = page.last().filter(|_| page.len() == SWEEP_STEP).map(|used| used.id);
        let forgotten = page.iter().filter(|used| used.is_forgotten(horizon));
        let freed = join_all(forgotten.map(|used| {
            self.records.store.assertions().write(Write::Delete(used.version(), used.id))
        }))
        .await;
        let count = freed.len();
        for outcome in freed {
            match outcome {
                // Another instance came first.
                Ok(_) | Err(WriteError::Conflict) => {}
                Err(error) => return Err(self.records.write_failed(error)),
            }
        }
        *self.assertions_swept.lock().unwrap_or_else(PoisonError::into_inner) = last;
        Ok(count)
    }
}
