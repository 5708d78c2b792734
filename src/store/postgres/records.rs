//! The records of one type: reads proven by a barrier, writes of one row each.

use std::{collections::HashMap, sync::Arc};

use tokio::time::{error::Elapsed, timeout};
use tokio_postgres::{GenericClient, Row, Statement, types::ToSql};

use super::{
    cache::Cache,
    columns::Tabled,
    connections::{Connection, WRITE_TIMEOUT},
    database::Database,
    feed,
    outcome::{self, Failed},
    rows::{readable, stored},
    statement::Statements,
};
use crate::{
    domain::change::Change,
    store::{MAX_RECORD_BYTES, ReadError, Records, Stored, Version, Write, WriteError, queued},
};

/// Number of attempts for a write that lost a race inside the database or its connection.
const ATTEMPTS: usize = 3;
/// The records of one type. Clones share them.
pub struct PostgresRecords<R: Tabled> {
    database: Arc<Database>,
    statements: Arc<Statements>,
    cache: Arc<Cache<R>>,
}

impl<R: Tabled> Clone for PostgresRecords<R> {
    fn clone(&self) -> Self {
        Self {
            database: Arc::clone(&self.database),
            statements: Arc::clone(&self.statements),
            cache: Arc::clone(&self.cache),
        }
    }
}

/// The result of one attempt to write.
enum Attempt {
    Written,
    /// There is no row with that key and version, or there is one although none was expected.
    Other,
}

impl<R: Tabled> PostgresRecords<R> {
    pub(super) fn new(database: &Arc<Database>, cache: Arc<Cache<R>>) -> Self {
        let statements = Arc::new(Statements::of::<R>());
        Self { database: Arc::clone(database), statements, cache }
    }

    /// Returns the feed's event for this write, or `Conflict` if the expected state is gone.
    async fn change(&self, write: &Write<R>) -> Result<Option<Change>, WriteError> {
        let (expected, new) = match write {
            Write::Insert(record) => return Ok(R::change(None, Some(record))),
            Write::Replace(expected, record) => (expected, Some(record)),
            Write::Delete(expected, _) => (expected, None),
        };
        if !R::CHANGES {
            return Ok(None);
        }
        let key = write.key();
        // Equal versions are equal states, at any age of the cached record.
        let kept = self.cache.kept(&key).filter(|kept| kept.version() == *expected);
        if let Some(old) = kept {
            return Ok(R::change(Some(&old), new));
        }
        let parameters: [&(dyn ToSql + Sync); 1] = [&R::key_bytes(&key)];
        let (rows, _) = self.database.connections.read(&self.statements.get, &parameters).await?;
        let old = rows.first().map(|row| stored::<R>(&key, row, 0)).transpose()?;
        let old = old.filter(|old| old.version() == *expected).ok_or(WriteError::Conflict)?;
        Ok(R::change(Some(&old), new))
    }

    async fn attempt(
        &self,
        write: &Write<R>,
        version: Version,
        change: Option<&Change>,
    ) -> Result<Attempt, Failed> {
        match change {
            None => self.attempt_by(self.statements.of_write(write), write, version, None).await,
            Some(change) if self.database.instance.is_beside_older() => {
                self.attempt_in_turn(write, version, change).await
            }
            Some(change) => {
                let sql = self.statements.of_write_with_event(write);
                let attempt = self.attempt_by(sql, write, version, Some(change)).await?;
                if matches!(attempt, Attempt::Written) {
                    // The barrier numbers the event. Without it readers do not see the event yet.
                    self.database.barrier.pass().await.map_err(|_| Failed::Unknown)?;
                }
                Ok(attempt)
            }
        }
    }

    /// Writes the row by one statement, with its event if there is one.
    async fn attempt_by(
        &self,
        sql: &str,
        write: &Write<R>,
        version: Version,
        change: Option<&Change>,
    ) -> Result<Attempt, Failed> {
        let client = self.database.connection_for_write().await?;
        let change = change.map(Change::to_bytes);
        let written = timeout(WRITE_TIMEOUT, async {
            let statement = client.prepare_cached(sql).await?;
            execute(&***client, &statement, write, version, change.as_deref()).await
        });
        outcome_of(written.await, client)
    }

    /// Writes the row and numbers its event, in a transaction of its own turn.
    async fn attempt_in_turn(
        &self,
        write: &Write<R>,
        version: Version,
        change: &Change,
    ) -> Result<Attempt, Failed> {
        let _turn = self.database.event_turn().await?;
        let mut client = self.database.connection_for_write().await?;
        let written = timeout(WRITE_TIMEOUT, async {
            let statement = client.prepare_cached(self.statements.of_write(write)).await?;
            let transaction = client.transaction().await?;
            let rows = execute(&*transaction, &statement, write, version, None).await?;
            if rows == 1 {
                feed::add(&transaction, change, &self.database.notices).await?;
                transaction.commit().await?;
            }
            Ok(rows)
        });
        outcome_of(written.await, client)
    }

    /// Writes the row. The version is drawn before the first attempt, and every attempt replaces
    /// the same version with the same row: the write happens once, no matter which attempts arrive.
    async fn try_write(&self, write: &Write<R>) -> Result<Version, WriteError> {
        let change = self.change(write).await?;
        let version = self.database.versions.next();
        let mut unknown = false;
        for _ in 0..ATTEMPTS {
            match self.attempt(write, version, change.as_ref()).await {
                Ok(Attempt::Written) => return Ok(version),
                Ok(Attempt::Other) if unknown => return self.resolve(write, version).await,
                Ok(Attempt::Other) => return Err(WriteError::Conflict),
                Err(Failed::Again) => {}
                Err(Failed::NotWritten(error)) if !unknown => return Err(error),
                Err(Failed::NotWritten(_) | Failed::Unknown) => unknown = true,
            }
        }
        Err(if unknown { WriteError::Unknown } else { WriteError::Busy })
    }

    /// Finds the result of a write whose first attempt may have happened, after a later attempt has
    /// found another state: its own, or one that came after it or instead of it.
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
        let rows = self.database.read(&self.statements.get, &[&R::key_bytes(key)]).await?;
        let found = rows.first().map(|row| stored::<R>(key, row, 0)).transpose();
        let found = found.inspect_err(|_| self.database.damage.met::<R>(R::key_bytes(key)))?;
        if let Some(found) = &found {
            self.cache.fill(fill, key, found.clone());
        }
        Ok(found)
    }

    async fn get_stored(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        self.get(key).await
    }

    async fn get_many(&self, keys: &[R::Key]) -> Vec<Result<Option<Stored<R>>, ReadError>> {
        if keys.is_empty() {
            return Vec::new();
        }
        let fills: Vec<_> = keys.iter().map(|key| self.cache.begin(key)).collect();
        let bytes: Vec<&[u8]> = keys.iter().map(R::key_bytes).collect();
        let rows = match self.database.read(&self.statements.get_many, &[&bytes]).await {
            Ok(rows) => rows,
            Err(error) => return vec![Err(error); keys.len()],
        };
        let by_key = rows.iter().filter_map(|row| Some((row.try_get(0).ok()?, row)));
        let by_key: HashMap<&[u8], &Row> = by_key.collect();
        let found = keys.iter().zip(fills).map(|(key, fill)| {
            let row = by_key.get(R::key_bytes(key));
            let found = row.map(|row| stored::<R>(key, row, 1)).transpose();
            let found = found.inspect_err(|_| self.database.damage.met::<R>(R::key_bytes(key)))?;
            if let Some(found) = &found {
                self.cache.fill(fill, key, found.clone());
            }
            Ok(found)
        });
        found.collect()
    }

    async fn page(
        &self,
        after: Option<&R::Key>,
        limit: usize,
    ) -> Result<Vec<Stored<R>>, ReadError> {
        let rows_limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut after: Option<Vec<u8>> = after.map(|after| R::key_bytes(after).to_vec());
        let mut page = Vec::new();
        loop {
            let rows = match &after {
                None => self.database.read(&self.statements.first_page, &[&rows_limit]).await?,
                Some(after) => {
                    self.database.read(&self.statements.page, &[after, &rows_limit]).await?
                }
            };
            page.extend(rows.iter().filter_map(|row| readable(row, &self.database.damage)));
            if rows.len() < limit || page.len() >= limit {
                page.truncate(limit);
                return Ok(page);
            }
            after = rows.last().and_then(|row| row.try_get(0).ok());
        }
    }

    /// Writes the record. Its cached state is dropped in any case, since it may be outdated even
    /// after an error.
    async fn write(&self, write: Write<R>) -> Result<Version, WriteError> {
        if let Write::Insert(record) | Write::Replace(_, record) = &write
            && record.encode().len() > MAX_RECORD_BYTES
        {
            return Err(WriteError::TooLarge);
        }
        queued::note();
        let written = self.try_write(&write).await;
        self.cache.forget(&write.key());
        if R::COUNTED && written.is_ok() {
            self.database.instance.wrote(&write);
        }
        written
    }
}

/// Returns the outcome of an attempt. A connection that has not answered in time is dropped.
fn outcome_of(
    written: Result<Result<u64, tokio_postgres::Error>, Elapsed>,
    client: Connection,
) -> Result<Attempt, Failed> {
    match written {
        Ok(Ok(1)) => Ok(Attempt::Written),
        Ok(Ok(_)) => Ok(Attempt::Other),
        Ok(Err(error)) => Err(outcome::of_write(&error)),
        Err(_) => {
            drop(Connection::take(client));
            Err(Failed::Unknown)
        }
    }
}

/// Runs the one statement of a write, and returns the number of written rows: one or none. The
/// statement's last parameter is the event, if there is one.
async fn execute<R: Tabled>(
    client: &impl GenericClient,
    statement: &Statement,
    write: &Write<R>,
    version: Version,
    change: Option<&[u8]>,
) -> Result<u64, tokio_postgres::Error> {
    let key = write.key();
    let key = R::key_bytes(&key);
    let version = version.as_u64().cast_signed();
    let (expected, record) = match write {
        Write::Insert(record) => (None, Some(record)),
        Write::Replace(expected, record) => (Some(expected), Some(record)),
        Write::Delete(expected, _) => (Some(expected), None),
    };
    let expected = expected.map(|expected| expected.as_u64().cast_signed());
    let (bytes, values) = record.map(|record| (record.encode(), record.values())).unzip();
    let values = values.unwrap_or_default();
    let written = if expected.is_none() { values.len() } else { R::COLUMNS.len() - R::FIXED };
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&key];
    if let Some(bytes) = &bytes {
        parameters.extend([&version as &(dyn ToSql + Sync), bytes]);
    }
    parameters.extend(expected.iter().map(|expected| expected as &(dyn ToSql + Sync)));
    parameters.extend(values.iter().take(written).map(|value| &**value as &(dyn ToSql + Sync)));
    parameters.extend(change.iter().map(|change| change as &(dyn ToSql + Sync)));
    client.execute(statement, &parameters).await
}
