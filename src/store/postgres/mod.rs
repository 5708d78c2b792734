//! The PostgreSQL engine: many instances over one database, each record one row.
//!
//! Every write is a single conditional statement, with its event. A barrier proves every read.

mod any_name;
mod barrier;
mod cache;
mod clock;
mod columns;
mod connections;
mod database;
mod due;
mod feed;
mod follower;
mod fresh;
mod grant_ids;
mod held;
mod instance;
mod keys;
mod lease;
mod look;
mod metrics;
mod notices;
mod open_error;
mod options;
mod outcome;
mod readiness;
mod records;
mod refusals;
mod rows;
mod schema;
mod session;
mod signing;
mod standby;
mod statement;
mod succession;
#[cfg(test)]
mod tests;
mod tls;
mod users;
mod versions;
mod weakness;
mod writing;

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

pub(super) use self::columns::Tabled;
use self::{
    barrier::Barrier,
    cache::{Cache, Freshness},
    columns::to_sql,
    connections::Connections,
    database::{Database, EVENTS_AT_ONCE},
    follower::{Caches, Follower},
    instance::Instance,
    lease::Lease,
    metrics::PostgresMetrics,
    notices::Notices,
    rows::readable,
    schema::Identity,
    versions::Versions,
};
pub use self::{
    clock::DatabaseClock,
    fresh::FreshDatabase,
    held::HeldDatabase,
    look::{Look, look},
    open_error::OpenError,
    options::PostgresOptions,
    readiness::Readiness,
    records::PostgresRecords,
    tls::{ClientCertificate, TlsMode, TlsOptions},
    weakness::Weakness,
};
use super::{
    Condition, FeedError, GrantOwner, POSTPONED, ReadError, Sequence, Store, StoreId, Stored,
    WriteError, damage::Damage,
};
use crate::{
    domain::{
        attempts::Attempts,
        change::Change,
        client::Client,
        entropy::{Entropy, draw},
        grant::Grant,
        grant_id::GrantId,
        key_ring::KeyId,
        time::{Clock, Timestamp},
        used_assertion::UsedAssertion,
        user::User,
        user_name::UserName,
    },
    metrics::Registry,
};

/// Maximum number of rounds in which a scan moves the due times of refreshed grants away.
const SETTLE_PASSES: usize = 4;

/// The store. Clones share it.
#[derive(Clone)]
pub struct PostgresStore {
    database: Arc<Database>,
    grants: PostgresRecords<Grant>,
    clients: PostgresRecords<Client>,
    users: PostgresRecords<User>,
    attempts: PostgresRecords<Attempts>,
    assertions: PostgresRecords<UsedAssertion>,
    sweeping: Arc<Lease>,
    metrics: PostgresMetrics,
    clock: Arc<DatabaseClock>,
}

impl PostgresStore {
    /// Opens the store in a database, and creates it if the database has none. `own_clock` supplies
    /// the process's age and the difference to the database's clock.
    ///
    /// # Errors
    /// Returns an [`OpenError`] if the database cannot be reached or has no usable store.
    pub async fn open(
        options: &PostgresOptions,
        own_clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<Self, OpenError> {
        let connections = Connections::to(options)?;
        look::refuse_pooler(&connections).await?;
        let mut identity = schema::prepare(&connections, draw(entropy)).await?;
        schema::finished(identity.filling)?;
        let connection = schema::connection(&connections).await?;
        let clock = Arc::new(DatabaseClock::new(own_clock));
        look::first_look(&connection, &clock).await?;
        identity.settle(&connection).await?;
        drop(connection);
        Ok(Self::over(connections, identity, options, clock))
    }

    fn over(
        connections: Connections,
        identity: Identity,
        options: &PostgresOptions,
        clock: Arc<DatabaseClock>,
    ) -> Self {
        let freshness = Arc::new(Freshness::new(options.max_staleness));
        // Most records are grants. For the other types a share is enough for a great number.
        let share = options.cache_bytes / 8;
        let grants = Arc::new(Cache::new(options.cache_bytes - 2 * share, Arc::clone(&freshness)));
        let clients = Arc::new(Cache::new(share, Arc::clone(&freshness)));
        let users = Arc::new(Cache::new(share, Arc::clone(&freshness)));
        let none_kept = Arc::new(Cache::new(0, Arc::clone(&freshness)));
        let none_used = Arc::new(Cache::new(0, Arc::clone(&freshness)));
        let caches = Caches {
            grants: Arc::clone(&grants),
            clients: Arc::clone(&clients),
            users: Arc::clone(&users),
            freshness: Arc::clone(&freshness),
        };
        let opening = identity.opening;
        let instance = Arc::new(Instance::new(&identity));
        let metrics = PostgresMetrics::new(&instance, &clock);
        let notices = Notices::default();
        let barrier = Barrier::start(
            connections.clone(),
            notices.clone(),
            Arc::clone(&instance),
            Arc::clone(&clock),
            Follower::new(caches, identity.succession),
            options.max_staleness,
            metrics.barrier.clone(),
        );
        let versions = Versions::of(opening);
        let events = Semaphore::new(EVENTS_AT_ONCE);
        let damage = Damage::default();
        damage.serve(&metrics.registry);
        let database = Arc::new(Database {
            connections,
            barrier,
            versions,
            instance,
            notices,
            freshness,
            damage,
            events,
        });
        Self {
            grants: PostgresRecords::new(&database, grants),
            clients: PostgresRecords::new(&database, clients),
            users: PostgresRecords::new(&database, users),
            attempts: PostgresRecords::new(&database, none_kept),
            assertions: PostgresRecords::new(&database, none_used),
            sweeping: Arc::new(Lease::new("sweep", opening)),
            metrics,
            clock,
            database,
        }
    }

    /// Returns the database's clock, by which all instances judge time.
    pub fn clock(&self) -> Arc<DatabaseClock> {
        Arc::clone(&self.clock)
    }

    /// Closes all connections. Acknowledged writes are durable already.
    pub fn close(&self) {
        self.database.connections.close();
    }

    /// Returns the engine's metrics.
    pub fn metrics(&self) -> Registry {
        self.metrics.registry.clone()
    }

    /// Returns the readiness for commits, with every change of it.
    pub fn readiness(&self) -> watch::Receiver<Readiness> {
        self.database.barrier.readiness()
    }

    /// Notes durably that this instance makes tokens with the key `active` from now on.
    ///
    /// # Errors
    /// Fails as [`Store::add_key_id`] does. The inner error is a key that records may name and that
    /// is not in `held`: nothing was noted then.
    pub async fn claim_keys(
        &self,
        active: KeyId,
        held: &[KeyId],
    ) -> Result<Result<(), KeyId>, WriteError> {
        keys::claim(&self.database, active, Some(held)).await
    }
}

impl Store for PostgresStore {
    type Grants = PostgresRecords<Grant>;
    type Clients = PostgresRecords<Client>;
    type Users = PostgresRecords<User>;
    type Attempts = PostgresRecords<Attempts>;
    type Assertions = PostgresRecords<UsedAssertion>;

    fn engine(&self) -> &'static str {
        "postgres"
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
        users::by_name(&self.database, name).await
    }

    async fn users_by_identity(
        &self,
        identity: &crate::domain::user_identity::UserIdentity,
    ) -> Result<Vec<Stored<User>>, ReadError> {
        users::by_identity(&self.database, identity).await
    }

    async fn grant_ids(
        &self,
        of: &GrantOwner,
        after: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantId>, ReadError> {
        grant_ids::after(&self.database, of, after, limit).await
    }

    async fn newest_grant_ids(
        &self,
        of: &GrantOwner,
        before: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantId>, ReadError> {
        grant_ids::newest(&self.database, of, before, limit).await
    }

    async fn spent_grants(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Stored<Grant>>, ReadError> {
        let sql = "SELECT key, version, record FROM jeton_grants WHERE due_at <= $1 \
                   ORDER BY due_at, key LIMIT $2";
        let rows_limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut spent = Vec::new();
        for _ in 0..SETTLE_PASSES {
            let (rows, _) =
                self.database.connections.read(sql, &[&to_sql(now), &rows_limit]).await?;
            let due: Vec<Stored<Grant>> =
                rows.iter().filter_map(|row| readable(row, &self.database.damage)).collect();
            let damaged = due.len() < rows.len();
            let (found, unsettled): (Vec<_>, Vec<_>) =
                due.into_iter().partition(|grant| grant.spent_time() <= now);
            spent = found;
            if unsettled.is_empty() && !damaged {
                break;
            }
            due::settle(&self.database, &unsettled).await?;
            if damaged {
                due::postpone(&self.database, &rows, now.after(POSTPONED)).await?;
            }
        }
        spent.sort_by_key(|grant| grant.spent_time());
        Ok(spent)
    }

    async fn count_spent(&self, now: Timestamp, limit: usize) -> Result<usize, ReadError> {
        let sql = "SELECT count(*) FROM \
                   (SELECT 1 FROM jeton_grants WHERE due_at <= $1 LIMIT $2) AS due";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (rows, _) = self.database.connections.read(sql, &[&to_sql(now), &limit]).await?;
        let count: Option<i64> = rows.first().and_then(|row| row.try_get(0).ok());
        count.and_then(|count| usize::try_from(count).ok()).ok_or(ReadError::Corrupt)
    }

    async fn head(&self) -> Result<Sequence, ReadError> {
        Ok(self.database.barrier.pass().await?.head)
    }

    fn position(&self) -> Sequence {
        self.database.freshness.position()
    }

    async fn changes(
        &self,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, Change)>, FeedError> {
        self.database.changes(after, limit).await
    }

    async fn changed(&self, after: Sequence) -> Result<(), ReadError> {
        self.database.barrier.beyond(after).await
    }

    async fn trim_changes(&self, through: Sequence, limit: usize) -> Result<usize, WriteError> {
        feed::trim(&self.database.connections, through, limit).await
    }

    fn condition(&self) -> Condition {
        let writable = *self.database.barrier.readiness().borrow() == Readiness::Ready;
        let grants = self.database.instance.grants();
        let clock_skew = Some(self.clock.skew() / 1_000);
        let damaged = self.database.damage.count();
        Condition { writable, grants, clock_skew, damaged, ..Condition::default() }
    }

    fn id(&self) -> StoreId {
        self.database.instance.id()
    }

    async fn key_ids(&self) -> Result<Vec<KeyId>, ReadError> {
        self.database.barrier.pass().await?;
        Ok(self.database.instance.keys())
    }

    async fn add_key_id(&self, id: KeyId) -> Result<(), WriteError> {
        keys::claim(&self.database, id, None).await.map(drop)
    }

    async fn remove_key_id(&self, id: KeyId) -> Result<(), WriteError> {
        keys::remove(&self.database, id).await
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn may_sweep(&self) -> Result<bool, ReadError> {
        self.sweeping.take(&self.database.connections).await
    }
}
