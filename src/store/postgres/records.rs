//! The records of one type: reads proven by a barrier, writes of one row each.

use std::{collections::HashMap, sync::Arc};

use tokio_postgres::{Row, types::ToSql};

use super::{
    cache::Cache,
    columns::{Tabled, Value},
    database::Database,
    rows::{readable, stored},
    statement::{Statement, Statements},
    writing::{Outcome, Writing},
};
use crate::{
    domain::{change::Change, client::Client, grant::Grant, user::User},
    store::{
        MAX_RECORD_BYTES, Premise, ReadError, Record as _, Records, Stored, Version, Write,
        WriteError, queued,
    },
};

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

    /// Writes the row. The version is drawn before the first attempt, so that an attempt with an unknown
    /// result can be recognised.
    async fn try_write(
        &self,
        write: &Write<R>,
        premises: &[Premise],
    ) -> Result<Version, WriteError> {
        let event = self.change(write).await?.map(|change| change.to_bytes());
        let version = self.database.versions.next();
        let mut parameters = parameters(write, version, self.database.instance.is_beside_older());
        parameters.extend(premises.iter().flat_map(expected));
        let Statement { plain, with_event } = &self.statements.of_write(write, premises);
        let writing = Writing { plain, with_event, parameters, event };
        match writing.run(&self.database).await? {
            Outcome::Written => Ok(version),
            Outcome::Other { after_unknown: true } => self.resolve(write, version).await,
            Outcome::Other { after_unknown: false } => Err(WriteError::Conflict),
        }
    }

    /// Writes the record while `premises` hold. Its cached state is dropped in any case, since it may be
    /// outdated even after an error.
    async fn write_if(&self, write: Write<R>, premises: &[Premise]) -> Result<Version, WriteError> {
        if let Write::Insert(record) | Write::Replace(_, record) = &write
            && record.encode().len() > MAX_RECORD_BYTES
        {
            return Err(WriteError::TooLarge);
        }
        queued::note();
        let written = self.try_write(&write, premises).await;
        if R::COUNTED && written.is_ok() {
            self.database.instance.wrote(&write);
        }
        let key = write.key();
        match (written, write) {
            (Ok(version), Write::Insert(record) | Write::Replace(_, record)) => {
                self.cache.wrote(&key, Stored::new(version, record));
            }
            (Ok(_) | Err(_), _) => self.cache.forget(&key),
        }
        written
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

    async fn write(&self, write: Write<R>) -> Result<Version, WriteError> {
        self.write_if(write, &[]).await
    }

    fn remembered(&self, key: &R::Key) -> Option<Stored<R>> {
        self.cache.kept(key)
    }

    async fn presumed(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        let key_bytes = R::key_bytes(key);
        let (rows, _) = self.database.connections.read(&self.statements.get, &[&key_bytes]).await?;
        let found = rows.first().map(|row| stored::<R>(key, row, 0)).transpose()?;
        if let Some(found) = &found {
            self.cache.presume(key, found.clone());
        }
        Ok(found)
    }

    async fn replace_if(
        &self,
        expected: Version,
        record: R,
        premises: &[Premise],
    ) -> Result<Version, WriteError> {
        self.write_if(Write::Replace(expected, record), premises).await
    }
}

/// Returns the parameters of a premise: the key and the version that it must have.
fn expected(premise: &Premise) -> [Value; 2] {
    let (key, version) = match premise {
        Premise::Grant(id, version) => (Grant::key_bytes(id), version),
        Premise::Client(id, version) => (Client::key_bytes(id), version),
        Premise::User(id, version) => (User::key_bytes(id), version),
    };
    [Box::new(key.to_vec()), Box::new(version.as_u64().cast_signed())]
}

/// Returns the parameters of a write's statement, without its event and its premises.
fn parameters<R: Tabled>(write: &Write<R>, version: Version, beside_older: bool) -> Vec<Value> {
    let encode = if beside_older { R::encode_beside_older } else { R::encode };
    let to_sql = |version: &Version| version.as_u64().cast_signed();
    let mut parameters: Vec<Value> = vec![Box::new(R::key_bytes(&write.key()).to_vec())];
    match write {
        Write::Insert(record) => {
            parameters.push(Box::new(to_sql(&version)));
            parameters.push(Box::new(encode(record)));
            parameters.extend(record.values());
        }
        Write::Replace(expected, record) => {
            parameters.push(Box::new(to_sql(&version)));
            parameters.push(Box::new(encode(record)));
            parameters.push(Box::new(to_sql(expected)));
            parameters.extend(record.values().into_iter().take(R::COLUMNS.len() - R::FIXED));
        }
        Write::Delete(expected, _) => parameters.push(Box::new(to_sql(expected))),
    }
    parameters
}
