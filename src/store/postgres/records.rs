//! The records of one type: reads that a barrier proves, writes of one row each.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::{GenericClient, Object};
use tokio::time::timeout;
use tokio_postgres::{Row, types::ToSql};

use super::{
    barrier::Barrier,
    cache::Cache,
    columns::Tabled,
    connections::Connections,
    feed,
    outcome::{self, Failed},
    rows::{keyed, stored},
    statement::Statements,
    versions::Versions,
};
use crate::{
    domain::change::Change,
    store::{MAX_RECORD_BYTES, ReadError, Records, Stored, Version, Write, WriteError},
};

/// How long a write may take, its standbys included, before nobody knows.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often a write is tried that lost a race inside the database or a connection.
const ATTEMPTS: usize = 3;

/// The records of one type. Cloning shares them.
pub struct PostgresRecords<R: Tabled> {
    shared: Arc<Shared>,
    statements: Arc<Statements>,
    cache: Arc<Cache<R>>,
}

/// What the tables of all types share.
pub(super) struct Shared {
    pub(super) connections: Connections,
    pub(super) barrier: Barrier,
    pub(super) versions: Versions,
}

impl<R: Tabled> Clone for PostgresRecords<R> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            statements: Arc::clone(&self.statements),
            cache: Arc::clone(&self.cache),
        }
    }
}

impl Shared {
    /// The rows of a query, once a barrier was passed after them.
    pub(super) async fn read(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, ReadError> {
        let rows = self.connections.read(sql, parameters).await?;
        self.barrier.pass().await?;
        Ok(rows)
    }
}

/// What one attempt to write did.
enum Attempt {
    Written,
    /// There is no row of that key and version, or one where none was expected.
    Other,
}

impl<R: Tabled> PostgresRecords<R> {
    pub(super) fn new(shared: &Arc<Shared>, cache: Arc<Cache<R>>) -> Self {
        let statements = Arc::new(Statements::of::<R>());
        Self { shared: Arc::clone(shared), statements, cache }
    }

    async fn read_one(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        let parameters: [&(dyn ToSql + Sync); 1] = [&R::key_bytes(key)];
        let rows = self.shared.connections.read(&self.statements.get, &parameters).await?;
        rows.first().map(|row| stored(key, row, 0)).transpose()
    }

    /// What the feed says of this write; `Conflict` when the state that it expects is gone.
    async fn change(&self, write: &Write<R>) -> Result<Option<Change>, WriteError> {
        let (expected, new) = match write {
            Write::Insert(record) => return Ok(R::change(None, Some(record))),
            Write::Replace(expected, record) => (expected, Some(record)),
            Write::Delete(expected, _) => (expected, None),
        };
        if !R::CHANGES {
            return Ok(None);
        }
        let old = self.read_one(&write.key()).await?;
        let old = old.filter(|old| old.version() == *expected).ok_or(WriteError::Conflict)?;
        Ok(R::change(Some(&old), new))
    }

    async fn attempt(
        &self,
        write: &Write<R>,
        version: Version,
        change: Option<&Change>,
    ) -> Result<Attempt, Failed> {
        let unreached = Failed::NotWritten(WriteError::Unavailable);
        let mut client = self.shared.connections.get().await.map_err(|_| unreached)?;
        let written = timeout(TIMEOUT, async {
            let Some(change) = change else { return self.execute(&client, write, version).await };
            let transaction = client.transaction().await?;
            let rows = self.execute(&transaction, write, version).await?;
            if rows == 1 {
                feed::add(&transaction, change).await?;
                transaction.commit().await?;
            }
            Ok(rows)
        });
        match written.await {
            Ok(Ok(1)) => Ok(Attempt::Written),
            Ok(Ok(_)) => Ok(Attempt::Other),
            Ok(Err(error)) => Err(outcome::of_write(&error)),
            Err(_) => {
                drop(Object::take(client));
                Err(Failed::Unknown)
            }
        }
    }

    /// Runs the one statement of a write, and says how many rows it wrote: one or none.
    async fn execute(
        &self,
        client: &impl GenericClient,
        write: &Write<R>,
        version: Version,
    ) -> Result<u64, tokio_postgres::Error> {
        let key = write.key();
        let key = R::key_bytes(&key);
        let version = version.as_u64().cast_signed();
        match write {
            Write::Insert(record) => {
                let (bytes, values) = (record.encode(), record.values());
                let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&key, &version, &bytes];
                parameters.extend(values.iter().map(|value| &**value as &(dyn ToSql + Sync)));
                let statement = client.prepare_cached(&self.statements.insert).await?;
                client.execute(&statement, &parameters).await
            }
            Write::Replace(expected, record) => {
                let (bytes, values) = (record.encode(), record.values());
                let expected = expected.as_u64().cast_signed();
                let mut parameters: Vec<&(dyn ToSql + Sync)> =
                    vec![&key, &version, &bytes, &expected];
                let changing = values.iter().take(R::COLUMNS.len() - R::FIXED);
                parameters.extend(changing.map(|value| &**value as &(dyn ToSql + Sync)));
                let statement = client.prepare_cached(&self.statements.replace).await?;
                client.execute(&statement, &parameters).await
            }
            Write::Delete(expected, _) => {
                let expected = expected.as_u64().cast_signed();
                let statement = client.prepare_cached(&self.statements.delete).await?;
                client.execute(&statement, &[&key, &expected]).await
            }
        }
    }

    /// What became of a write whose first attempt may have happened, now that another one found
    /// another state: its own, or one that came after it or instead of it.
    async fn resolve(&self, write: &Write<R>, version: Version) -> Result<Version, WriteError> {
        match self.get(&write.key()).await {
            Ok(Some(found)) if found.version() == version => Ok(version),
            Ok(_) | Err(_) => Err(WriteError::Unknown),
        }
    }
}

impl<R: Tabled> Records<R> for PostgresRecords<R> {
    fn cached(&self, key: &R::Key) -> Option<Stored<R>> {
        self.cache.get(key)
    }

    async fn get(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        let fill = self.cache.begin(key);
        let found = self.read_one(key).await?;
        self.shared.barrier.pass().await?;
        if let Some(found) = &found {
            self.cache.fill(fill, key, found.clone());
        }
        Ok(found)
    }

    async fn page(
        &self,
        after: Option<&R::Key>,
        limit: usize,
    ) -> Result<Vec<Stored<R>>, ReadError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = match after {
            None => self.shared.read(&self.statements.first_page, &[&limit]).await?,
            Some(after) => {
                let after = R::key_bytes(after);
                self.shared.read(&self.statements.page, &[&after, &limit]).await?
            }
        };
        rows.iter().map(keyed).collect()
    }

    /// The version is drawn before the first attempt, and every attempt writes the same row in the
    /// place of the same version: whichever arrives, the write happens once.
    async fn write(&self, write: Write<R>) -> Result<Version, WriteError> {
        if let Write::Insert(record) | Write::Replace(_, record) = &write
            && record.encode().len() > MAX_RECORD_BYTES
        {
            return Err(WriteError::TooLarge);
        }
        let change = self.change(&write).await?;
        let version = self.shared.versions.next();
        let mut unknown = false;
        for _ in 0..ATTEMPTS {
            match self.attempt(&write, version, change.as_ref()).await {
                Ok(Attempt::Written) => {
                    self.cache.forget(&write.key());
                    return Ok(version);
                }
                Ok(Attempt::Other) if unknown => return self.resolve(&write, version).await,
                Ok(Attempt::Other) => return Err(WriteError::Conflict),
                Err(Failed::Again) => {}
                Err(Failed::NotWritten(error)) if !unknown => return Err(error),
                Err(Failed::NotWritten(_) | Failed::Unknown) => unknown = true,
            }
        }
        Err(if unknown { WriteError::Unknown } else { WriteError::Busy })
    }
}
