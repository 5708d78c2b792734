//! The embedded engine: sled behind one committer, so that `Ok` means that a write is on the disk.

mod ballast;
mod batch;
mod block_sums;
mod check;
mod cleaner;
mod command;
mod committer;
mod contents;
mod count;
#[cfg(test)]
mod damaged;
mod directory;
mod engine;
#[cfg(test)]
mod failing_sync;
mod feed;
mod floor;
mod fresh;
mod guard;
mod handle;
mod index;
mod look;
mod meta;
mod metrics;
mod open;
mod open_error;
mod options;
#[cfg(test)]
mod readers;
mod records;
mod schema;
mod seal;
mod signing;
mod space;
mod spare_copy;
mod table;
mod tables;
#[cfg(test)]
mod tests;
mod ticker;
mod tree;
mod trees;
mod watchdog;

use std::{path::Path, sync::Arc};

use tokio::{sync::watch, task::spawn_blocking};

pub(super) use self::command::Committed;
pub use self::{
    check::{CheckError, CheckOptions, Finding, JoinedNames, MAX_FINDINGS, Named, Report, check},
    directory::make_durably,
    fresh::{FreshError, FreshStore},
    handle::Failure,
    look::{is_open, look},
    open_error::OpenError,
    options::SledOptions,
    records::SledRecords,
    space::Readiness,
    spare_copy::{CopyError, FoundClients, read_clients},
};
use self::{
    command::Command, engine::Engine, handle::Handle, index::ExpiryEntry, meta::Meta,
    metrics::SledMetrics, records::blocking, space::Space, table::Table, trees::Trees,
};
use super::{
    Condition, FeedError, GrantOwner, POSTPONED, ReadError, Sequence, Store, StoreId, Stored,
    WriteError, damage::Damage,
};
use crate::domain::{
    attempts::Attempts, change::Change, client::Client, grant::Grant, grant_id::GrantId,
    key_ring::KeyId, time::Timestamp, used_assertion::UsedAssertion, user::User,
    user_identity::UserIdentity, user_name::UserName,
};

/// The store. Clones share it.
#[derive(Clone)]
pub struct SledStore {
    grants: SledRecords<Grant>,
    clients: SledRecords<Client>,
    users: SledRecords<User>,
    attempts: SledRecords<Attempts>,
    assertions: SledRecords<UsedAssertion>,
    trees: Trees,
    meta: Arc<Meta>,
    committer: Handle,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "held: what a store that failed has shown can still be read")
    )]
    engine: Engine,
    space: Arc<Space>,
    damage: Damage,
    metrics: Arc<SledMetrics>,
}

impl SledStore {
    /// Returns `true` if the data directory `path` contains a store, intact or not.
    pub fn exists(path: &Path) -> bool {
        path.join("store").exists() || path.join("floor").exists()
    }

    /// Refuses writes with [`WriteError::NoSpace`] from now on while space is low. Earlier writes
    /// are not refused, so that a process can start on a nearly full disk and report it.
    pub fn keep_free_space(&self) {
        self.space.enforce();
    }

    /// Returns the readiness for writes, with every change of it.
    pub fn readiness(&self) -> watch::Receiver<Readiness> {
        self.space.readiness()
    }

    /// Commits the queue, stops, and seals the store. Afterwards only records in memory can be
    /// read.
    ///
    /// # Errors
    /// Fails if the committer failed, now or earlier.
    pub async fn close(&self) -> Result<(), Failure> {
        self.committer.close().await
    }

    /// Waits until the store has stopped committing. Returns `Ok` after [`Self::close`].
    ///
    /// # Errors
    /// Returns the reason of the failure. Nothing was acknowledged since; the process cannot go on
    /// with this store.
    pub async fn stopped(&self) -> Result<(), Failure> {
        self.committer.stopped().await
    }
}

impl Store for SledStore {
    type Grants = SledRecords<Grant>;
    type Clients = SledRecords<Client>;
    type Users = SledRecords<User>;
    type Attempts = SledRecords<Attempts>;
    type Assertions = SledRecords<UsedAssertion>;

    fn engine(&self) -> &'static str {
        "sled"
    }

    fn grants(&self) -> &Self::Grants {
        &self.grants
    }

    fn clients(&self) -> &Self::Clients {
        &self.clients
    }

    fn users(&self) -> &Self::Users {
        &self.users
    }

    fn attempts(&self) -> &Self::Attempts {
        &self.attempts
    }

    fn assertions(&self) -> &Self::Assertions {
        &self.assertions
    }

    async fn user_by_name(&self, name: &UserName) -> Result<Option<Stored<User>>, ReadError> {
        let (trees, users, name) =
            (self.trees.clone(), Arc::clone(&self.users.table), name.clone());
        blocking(move || trees.user_by_name(&name, &users)).await
    }

    async fn users_by_identity(
        &self,
        identity: &UserIdentity,
    ) -> Result<Vec<Stored<User>>, ReadError> {
        let (trees, users, identity) =
            (self.trees.clone(), Arc::clone(&self.users.table), identity.clone());
        blocking(move || trees.users_by_identity(&identity, &users)).await
    }

    async fn grant_ids(
        &self,
        of: &GrantOwner,
        after: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantId>, ReadError> {
        let (trees, owner) = (self.trees.clone(), of.clone());
        blocking(move || trees.grant_ids(&owner, after, limit)).await
    }

    async fn newest_grant_ids(
        &self,
        of: &GrantOwner,
        before: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantId>, ReadError> {
        let (trees, owner) = (self.trees.clone(), of.clone());
        blocking(move || trees.newest_grant_ids(&owner, before, limit)).await
    }

    async fn spent_grants(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Stored<Grant>>, ReadError> {
        let mut spent = Vec::new();
        for _ in 0..SETTLE_PASSES {
            let (trees, grants) = (self.trees.clone(), Arc::clone(&self.grants.table));
            let due = blocking(move || sort_due(&trees, &grants, now, limit)).await?;
            spent = due.spent;
            if due.unsettled.is_empty() {
                break;
            }
            self.settle(due.unsettled, now.after(POSTPONED)).await?;
        }
        Ok(spent)
    }

    async fn count_spent(&self, now: Timestamp, limit: usize) -> Result<usize, ReadError> {
        let trees = self.trees.clone();
        blocking(move || trees.count_due(now, limit)).await
    }

    async fn head(&self) -> Result<Sequence, ReadError> {
        Ok(self.committer.head())
    }

    fn position(&self) -> Sequence {
        self.committer.position()
    }

    async fn changes(
        &self,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, Change)>, FeedError> {
        if after > self.committer.head() {
            return Err(FeedError::Ahead);
        }
        let (feed, shown) = (self.trees.feed.clone(), self.committer.shown());
        spawn_blocking(move || feed.read(after, shown, limit))
            .await
            .unwrap_or(Err(FeedError::Unavailable))
    }

    async fn changed(&self, after: Sequence) -> Result<(), ReadError> {
        self.committer.changed(after).await
    }

    async fn trim_changes(&self, through: Sequence, limit: usize) -> Result<usize, WriteError> {
        self.committer.ask(|reply| Command::Trim(through, limit, reply)).await
    }

    fn condition(&self) -> Condition {
        let (free_bytes, disk_bytes) = self.space.bytes();
        let accepting = *self.space.readiness().borrow() == Readiness::Ready;
        Condition {
            writable: accepting && self.committer.is_committing(),
            free_bytes,
            disk_bytes,
            grants: u64::try_from(self.metrics.grants.get()).unwrap_or(0),
            clock_skew: None,
            damaged: self.damage.count(),
        }
    }

    fn id(&self) -> StoreId {
        self.meta.id()
    }

    async fn key_ids(&self) -> Result<Vec<KeyId>, ReadError> {
        Ok(self.meta.keys())
    }

    async fn add_key_id(&self, id: KeyId) -> Result<(), WriteError> {
        self.committer.ask(|reply| Command::SetKey(id, true, reply)).await
    }

    async fn remove_key_id(&self, id: KeyId) -> Result<(), WriteError> {
        self.committer.ask(|reply| Command::SetKey(id, false, reply)).await
    }
}

/// Maximum number of rounds in which a scan moves the due entries of refreshed grants away.
/// Afterwards it returns the spent grants found so far.
const SETTLE_PASSES: usize = 8;

impl SledStore {
    /// Moves or drops expiry entries. Entries of damaged grants go to `postponed`. The next scan
    /// finds the entries that are not settled now.
    async fn settle(
        &self,
        entries: Vec<ExpiryEntry>,
        postponed: Timestamp,
    ) -> Result<(), ReadError> {
        match self.committer.ask(|reply| Command::Settle(entries, postponed, reply)).await {
            Ok(()) | Err(WriteError::Busy | WriteError::Conflict | WriteError::NoSpace) => Ok(()),
            Err(WriteError::Unavailable | WriteError::Unknown) => Err(ReadError::Unavailable),
            Err(WriteError::TooLarge | WriteError::Corrupt) => Err(ReadError::Corrupt),
        }
    }
}

/// The grants behind due expiry entries.
struct Due {
    spent: Vec<Stored<Grant>>,
    /// Entries of grants that were refreshed or deleted since, or are damaged.
    unsettled: Vec<ExpiryEntry>,
}

fn sort_due(
    trees: &Trees,
    grants: &Table<Grant>,
    now: Timestamp,
    limit: usize,
) -> Result<Due, ReadError> {
    let mut due = Due { spent: Vec::new(), unsettled: Vec::new() };
    for entry in trees.due(now, limit)? {
        match grants.read(&entry.grant_id) {
            Ok(Some(grant)) if grant.spent_time() <= now => due.spent.push(grant),
            Ok(Some(_) | None) | Err(ReadError::Corrupt) => due.unsettled.push(entry),
            Err(error @ ReadError::Unavailable) => return Err(error),
        }
    }
    Ok(due)
}
