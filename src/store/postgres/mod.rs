//! The PostgreSQL engine: many instances over one database, each record one row.
//!
//! Every write is a single conditional statement, or that statement and its event in one
//! transaction; whatever is read is proven by the barrier before anybody rests on it.

mod barrier;
mod cache;
mod columns;
mod connections;
mod feed;
mod follower;
mod open_error;
mod outcome;
mod records;
mod rows;
mod schema;
mod statement;
#[cfg(test)]
mod tests;
mod versions;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use self::{
    barrier::Barrier,
    cache::{Cache, Freshness},
    columns::to_sql,
    connections::Connections,
    follower::{Caches, Follower},
    records::Shared,
    rows::keyed,
    versions::Versions,
};
pub use self::{open_error::OpenError, records::PostgresRecords};
use super::{
    Condition, FeedError, GrantOwner, ReadError, Record as _, Sequence, Store, StoreId, Stored,
    WriteError,
};
use crate::domain::{
    attempts::Attempts,
    change::Change,
    client::Client,
    entropy::{Entropy, draw},
    grant::Grant,
    grant_id::GrantId,
    key_ring::KeyId,
    secret::Secret,
    time::Timestamp,
    user::User,
    user_name::UserName,
};

/// How often the due rows of refreshed grants are moved out of the way before a scan makes do with
/// the spent grants it has found.
const SETTLE_PASSES: usize = 4;

/// Where the store is.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// `postgres://user:password@host,host/database`.
    pub url: Secret,
    /// Most connections at a time.
    pub connections: usize,
    /// Bytes of records kept in memory, at most.
    pub cache_bytes: u64,
    /// How far what is kept may be behind a revocation by another instance.
    pub max_staleness: Duration,
}

/// The store. Cloning shares it.
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
    grants: PostgresRecords<Grant>,
    clients: PostgresRecords<Client>,
    users: PostgresRecords<User>,
    attempts: PostgresRecords<Attempts>,
    id: StoreId,
    keys: Arc<Mutex<BTreeSet<KeyId>>>,
}

impl PostgresStore {
    /// Opens the store in a database, and makes it in one that has none.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(options: &PostgresOptions, entropy: &dyn Entropy) -> Result<Self, OpenError> {
        let connections = Connections::to(options.url.expose(), options.connections)?;
        let mut client = connections.get().await;
        let client =
            client.as_mut().map_err(|error| OpenError::Unreachable(error.to_string().into()))?;
        let identity = schema::prepare(client, draw(entropy)).await?;
        let keys = client.query("SELECT key_id FROM jeton_keys", &[]).await?;
        let keys = keys.iter().map(key_id).collect::<Result<_, _>>()?;
        let freshness = Arc::new(Freshness::new(options.max_staleness));
        // Grants are the many; of the others a share is enough for a great number.
        let share = options.cache_bytes / 8;
        let grants = Arc::new(Cache::new(options.cache_bytes - 2 * share, Arc::clone(&freshness)));
        let clients = Arc::new(Cache::new(share, Arc::clone(&freshness)));
        let users = Arc::new(Cache::new(share, Arc::clone(&freshness)));
        let none_kept = Arc::new(Cache::new(0, Arc::clone(&freshness)));
        let caches = Caches {
            grants: Arc::clone(&grants),
            clients: Arc::clone(&clients),
            users: Arc::clone(&users),
            freshness,
        };
        let follower = Follower::new(connections.clone(), caches);
        let shared = Arc::new(Shared {
            barrier: Barrier::start(connections.clone(), identity.opening, follower),
            connections,
            versions: Versions::of(identity.opening),
        });
        Ok(Self {
            grants: PostgresRecords::new(&shared, grants),
            clients: PostgresRecords::new(&shared, clients),
            users: PostgresRecords::new(&shared, users),
            attempts: PostgresRecords::new(&shared, none_kept),
            id: identity.id,
            keys: Arc::new(Mutex::new(keys)),
            shared,
        })
    }

    /// Ends all connections. What was answered is durable already.
    pub fn close(&self) {
        self.shared.connections.close();
    }

    async fn set_key(&self, sql: &str, id: KeyId) -> Result<(), WriteError> {
        let client = self.shared.connections.get().await.map_err(|_| WriteError::Unavailable)?;
        let set = client.execute(sql, &[&id.as_bytes().as_slice()]).await;
        set.map(drop).map_err(|error| match outcome::of_write(&error) {
            outcome::Failed::NotWritten(error) => error,
            outcome::Failed::Again => WriteError::Busy,
            outcome::Failed::Unknown => WriteError::Unknown,
        })
    }

    /// Moves the due times of grants that were refreshed since they were set. A grant that changes
    /// meanwhile is met again.
    async fn settle(&self, unsettled: &[Stored<Grant>]) -> Result<(), ReadError> {
        let client = self.shared.connections.get().await.map_err(|_| ReadError::Unavailable)?;
        let sql = "UPDATE jeton_grants SET due_at = $3 WHERE key = $1 AND version = $2";
        for grant in unsettled {
            let (key, version) = (grant.id.as_bytes().as_slice(), grant.version().as_u64());
            let due = to_sql(grant.spent_time());
            let moved = client.execute(sql, &[&key, &version.cast_signed(), &due]).await;
            moved.map_err(|error| outcome::of_read(&error))?;
        }
        Ok(())
    }
}

fn key_id(row: &tokio_postgres::Row) -> Result<KeyId, OpenError> {
    let bytes: &[u8] = row.try_get(0)?;
    bytes.try_into().map(KeyId::from_bytes).map_err(|_| OpenError::Damaged)
}

impl Store for PostgresStore {
    type Grants = PostgresRecords<Grant>;
    type Clients = PostgresRecords<Client>;
    type Users = PostgresRecords<User>;
    type Attempts = PostgresRecords<Attempts>;

    const ENGINE: &'static str = "postgres";

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

    async fn user_by_name(&self, name: &UserName) -> Result<Option<Stored<User>>, ReadError> {
        let sql = "SELECT key, version, record FROM jeton_users WHERE name = $1";
        let rows = self.shared.read(sql, &[&name.as_str()]).await?;
        rows.first().map(keyed).transpose()
    }

    async fn grant_ids(
        &self,
        of: &GrantOwner,
        after: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantId>, ReadError> {
        // No grant has the id of all zeros: it would be one of 1970.
        let after = after.map_or([0; 16], |after| *after.as_bytes());
        let (after, limit) = (after.as_slice(), i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = match of {
            GrantOwner::User(user) => {
                let sql = "SELECT key FROM jeton_grants WHERE user_id = $1 AND key > $2 \
                           ORDER BY key LIMIT $3";
                self.shared.read(sql, &[&user.as_bytes().as_slice(), &after, &limit]).await?
            }
            GrantOwner::Client(client) => {
                let sql = "SELECT key FROM jeton_grants WHERE client_id = $1 AND key > $2 \
                           ORDER BY key LIMIT $3";
                self.shared.read(sql, &[&client.as_str(), &after, &limit]).await?
            }
        };
        let ids = rows.iter().map(|row| {
            let key: &[u8] = row.try_get(0).map_err(|_| ReadError::Corrupt)?;
            Ok(Grant::parse_key(key)?)
        });
        ids.collect()
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
            let rows = self.shared.connections.read(sql, &[&to_sql(now), &rows_limit]).await?;
            let due: Vec<Stored<Grant>> = rows.iter().map(keyed).collect::<Result<_, _>>()?;
            let (found, unsettled): (Vec<_>, Vec<_>) =
                due.into_iter().partition(|grant| grant.spent_time() <= now);
            spent = found;
            if unsettled.is_empty() {
                break;
            }
            self.settle(&unsettled).await?;
        }
        spent.sort_by_key(|grant| grant.spent_time());
        Ok(spent)
    }

    async fn count_spent(&self, now: Timestamp, limit: usize) -> Result<usize, ReadError> {
        let sql = "SELECT count(*) FROM \
                   (SELECT 1 FROM jeton_grants WHERE due_at <= $1 LIMIT $2) AS due";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.shared.connections.read(sql, &[&to_sql(now), &limit]).await?;
        let count: Option<i64> = rows.first().and_then(|row| row.try_get(0).ok());
        count.and_then(|count| usize::try_from(count).ok()).ok_or(ReadError::Corrupt)
    }

    async fn head(&self) -> Result<Sequence, ReadError> {
        self.shared.barrier.pass().await
    }

    async fn changes(
        &self,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, Change)>, FeedError> {
        feed::read(&self.shared, after, limit).await
    }

    async fn changed(&self, after: Sequence) -> Result<(), ReadError> {
        self.shared.barrier.beyond(after).await
    }

    async fn trim_changes(&self, through: Sequence, limit: usize) -> Result<usize, WriteError> {
        feed::trim(&self.shared, through, limit).await
    }

    fn condition(&self) -> Condition {
        Condition { writable: true, ..Condition::default() }
    }

    fn id(&self) -> StoreId {
        self.id
    }

    fn key_ids(&self) -> Vec<KeyId> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    async fn add_key_id(&self, id: KeyId) -> Result<(), WriteError> {
        let sql = "INSERT INTO jeton_keys (key_id) VALUES ($1) ON CONFLICT (key_id) DO NOTHING";
        self.set_key(sql, id).await?;
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        Ok(())
    }

    async fn remove_key_id(&self, id: KeyId) -> Result<(), WriteError> {
        self.set_key("DELETE FROM jeton_keys WHERE key_id = $1", id).await?;
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        Ok(())
    }
}
