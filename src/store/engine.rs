//! The engine chosen by the settings, as one type: the code above it is compiled once.
//!
//! The choice is a branch that always goes the same way. A cache hit pays nothing else for it.

use std::sync::Arc;

use tokio::sync::watch;

#[cfg(feature = "postgres")]
use super::postgres::{self, PostgresRecords, PostgresStore, Tabled};
use super::{
    Condition, FeedError, GrantOwner, ReadError, Sequence, SigningKeys, Store, StoreId, Stored,
    WriteError,
    sled::{self, Committed, Failure, SledRecords, SledStore},
};
use crate::{
    domain::{
        attempts::Attempts,
        change::Change,
        client::Client,
        grant::Grant,
        grant_id::GrantId,
        key_ring::KeyId,
        signing_register::SigningChange,
        time::{Clock, Timestamp},
        used_assertion::UsedAssertion,
        user::User,
        user_identity::UserIdentity,
        user_name::UserName,
    },
    metrics::Registry,
};

/// A type of record that every engine keeps.
#[cfg(feature = "postgres")]
pub trait Kept: Committed + Tabled {}
#[cfg(feature = "postgres")]
impl<R: Committed + Tabled> Kept for R {}

/// A type of record that every engine keeps.
#[cfg(not(feature = "postgres"))]
pub trait Kept: Committed {}
#[cfg(not(feature = "postgres"))]
impl<R: Committed> Kept for R {}

/// The records of one type. Clones share them.
pub enum EngineRecords<R: Kept> {
    /// Records of the embedded engine.
    Sled(SledRecords<R>),
    /// Records in the database.
    #[cfg(feature = "postgres")]
    Postgres(PostgresRecords<R>),
}

/// An open store. Clones share it.
#[derive(Clone)]
pub struct Engine {
    grants: EngineRecords<Grant>,
    clients: EngineRecords<Client>,
    users: EngineRecords<User>,
    attempts: EngineRecords<Attempts>,
    assertions: EngineRecords<UsedAssertion>,
    store: OpenStore,
}

#[derive(Clone)]
enum OpenStore {
    Sled(Box<SledStore>),
    #[cfg(feature = "postgres")]
    Postgres(PostgresStore),
}

/// The readiness of an engine, with every change of it.
#[derive(Clone, Debug)]
pub enum EngineReadiness {
    /// Readiness of the embedded engine.
    Sled(watch::Receiver<sled::Readiness>),
    /// Readiness of the database.
    #[cfg(feature = "postgres")]
    Postgres(watch::Receiver<postgres::Readiness>),
}

/// Evaluates the same expression on the store of either engine.
macro_rules! either {
    ($store:expr, $open:ident => $done:expr) => {
        match $store {
            OpenStore::Sled($open) => $done,
            #[cfg(feature = "postgres")]
            OpenStore::Postgres($open) => $done,
        }
    };
}

/// Evaluates the same expression on the records of either engine.
macro_rules! either_records {
    ($records:expr, $of:ident => $done:expr) => {
        match $records {
            EngineRecords::Sled($of) => $done,
            #[cfg(feature = "postgres")]
            EngineRecords::Postgres($of) => $done,
        }
    };
}

mod records;
mod signing;

impl From<SledStore> for Engine {
    fn from(store: SledStore) -> Self {
        Self {
            grants: EngineRecords::Sled(store.grants().clone()),
            clients: EngineRecords::Sled(store.clients().clone()),
            users: EngineRecords::Sled(store.users().clone()),
            attempts: EngineRecords::Sled(store.attempts().clone()),
            assertions: EngineRecords::Sled(store.assertions().clone()),
            store: OpenStore::Sled(Box::new(store)),
        }
    }
}

#[cfg(feature = "postgres")]
impl From<PostgresStore> for Engine {
    fn from(store: PostgresStore) -> Self {
        Self {
            grants: EngineRecords::Postgres(store.grants().clone()),
            clients: EngineRecords::Postgres(store.clients().clone()),
            users: EngineRecords::Postgres(store.users().clone()),
            attempts: EngineRecords::Postgres(store.attempts().clone()),
            assertions: EngineRecords::Postgres(store.assertions().clone()),
            store: OpenStore::Postgres(store),
        }
    }
}

impl Engine {
    /// Returns the engine's metrics.
    pub fn metrics(&self) -> Registry {
        either!(&self.store, store => store.metrics())
    }

    /// Returns the database's clock if several processes share the store: time is judged by it.
    pub fn clock(&self) -> Option<Arc<dyn Clock>> {
        match &self.store {
            OpenStore::Sled(_) => None,
            #[cfg(feature = "postgres")]
            OpenStore::Postgres(store) => Some(store.clock()),
        }
    }

    /// Returns the readiness for writes, with every change of it.
    pub fn readiness(&self) -> EngineReadiness {
        match &self.store {
            OpenStore::Sled(store) => EngineReadiness::Sled(store.readiness()),
            #[cfg(feature = "postgres")]
            OpenStore::Postgres(store) => EngineReadiness::Postgres(store.readiness()),
        }
    }

    /// Watches the free space, as [`SledStore::keep_free_space`] does. Does nothing for a database,
    /// which manages its own space.
    pub fn keep_free_space(&self) {
        match &self.store {
            OpenStore::Sled(store) => store.keep_free_space(),
            #[cfg(feature = "postgres")]
            OpenStore::Postgres(_) => {}
        }
    }

    /// Counts the grants, as [`SledStore::count_grants`] does. A database counts its grants all the
    /// time.
    ///
    /// # Errors
    /// Fails as [`SledStore::count_grants`] does.
    pub async fn count_grants(&self, opened: Timestamp) -> Result<(), ReadError> {
        match &self.store {
            OpenStore::Sled(store) => store.count_grants(opened).await,
            #[cfg(feature = "postgres")]
            OpenStore::Postgres(_) => Ok(()),
        }
    }

    /// Notes durably that records may name the key `active` from now on, of a ring that holds
    /// `held`. Processes that share a store must hold every key that its records may name. Returns
    /// the missing key, and notes nothing, if the ring lacks one.
    ///
    /// # Errors
    /// Fails as [`Store::add_key_id`] does.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(unused_variables, reason = "the embedded engine has nobody to share it with")
    )]
    pub async fn claim_keys(
        &self,
        active: KeyId,
        held: &[KeyId],
    ) -> Result<Result<(), KeyId>, WriteError> {
        match &self.store {
            OpenStore::Sled(store) => store.add_key_id(active).await.map(Ok),
            #[cfg(feature = "postgres")]
            OpenStore::Postgres(store) => store.claim_keys(active, held).await,
        }
    }

    /// Stops in order. Everything that was acknowledged is durable afterwards.
    ///
    /// # Errors
    /// Fails as [`SledStore::close`] does.
    pub async fn close(&self) -> Result<(), Failure> {
        match &self.store {
            OpenStore::Sled(store) => store.close().await,
            #[cfg(feature = "postgres")]
            OpenStore::Postgres(store) => {
                // A key set that is not withdrawn ends by itself.
                drop(store.register_signing(SigningChange::Withdraw, Timestamp::default()).await);
                store.close();
                Ok(())
            }
        }
    }

    /// Waits until the store fails for good. A database that is away may come back, so this waits
    /// on.
    ///
    /// # Errors
    /// Fails as [`SledStore::stopped`] does.
    pub async fn stopped(&self) -> Result<(), Failure> {
        match &self.store {
            OpenStore::Sled(store) => store.stopped().await,
            #[cfg(feature = "postgres")]
            OpenStore::Postgres(_) => std::future::pending().await,
        }
    }
}

impl Store for Engine {
    type Grants = EngineRecords<Grant>;
    type Clients = EngineRecords<Client>;
    type Users = EngineRecords<User>;
    type Attempts = EngineRecords<Attempts>;
    type Assertions = EngineRecords<UsedAssertion>;

    fn engine(&self) -> &'static str {
        either!(&self.store, store => store.engine())
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
        either!(&self.store, store => store.user_by_name(name).await)
    }

    async fn users_by_identity(
        &self,
        identity: &UserIdentity,
    ) -> Result<Vec<Stored<User>>, ReadError> {
        either!(&self.store, store => store.users_by_identity(identity).await)
    }

    async fn grant_ids(
        &self,
        of: &GrantOwner,
        after: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantId>, ReadError> {
        either!(&self.store, store => store.grant_ids(of, after, limit).await)
    }

    async fn newest_grant_ids(
        &self,
        of: &GrantOwner,
        before: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantId>, ReadError> {
        either!(&self.store, store => store.newest_grant_ids(of, before, limit).await)
    }

    async fn spent_grants(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Stored<Grant>>, ReadError> {
        either!(&self.store, store => store.spent_grants(now, limit).await)
    }

    async fn count_spent(&self, now: Timestamp, limit: usize) -> Result<usize, ReadError> {
        either!(&self.store, store => store.count_spent(now, limit).await)
    }

    async fn head(&self) -> Result<Sequence, ReadError> {
        either!(&self.store, store => store.head().await)
    }

    fn position(&self) -> Sequence {
        either!(&self.store, store => store.position())
    }

    async fn changes(
        &self,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, Change)>, FeedError> {
        either!(&self.store, store => store.changes(after, limit).await)
    }

    async fn changed(&self, after: Sequence) -> Result<(), ReadError> {
        either!(&self.store, store => store.changed(after).await)
    }

    async fn trim_changes(&self, through: Sequence, limit: usize) -> Result<usize, WriteError> {
        either!(&self.store, store => store.trim_changes(through, limit).await)
    }

    fn condition(&self) -> Condition {
        either!(&self.store, store => store.condition())
    }

    fn id(&self) -> StoreId {
        either!(&self.store, store => store.id())
    }

    async fn key_ids(&self) -> Result<Vec<KeyId>, ReadError> {
        either!(&self.store, store => store.key_ids().await)
    }

    async fn add_key_id(&self, id: KeyId) -> Result<(), WriteError> {
        either!(&self.store, store => store.add_key_id(id).await)
    }

    async fn remove_key_id(&self, id: KeyId) -> Result<(), WriteError> {
        either!(&self.store, store => store.remove_key_id(id).await)
    }

    fn is_shared(&self) -> bool {
        either!(&self.store, store => store.is_shared())
    }

    async fn may_sweep(&self) -> Result<bool, ReadError> {
        either!(&self.store, store => store.may_sweep().await)
    }
}
