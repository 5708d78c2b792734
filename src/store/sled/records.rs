//! The records of one type as the store's callers see them: cache first, disk off the runtime,
//! writes through the committer.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::task::spawn_blocking;

use super::{command::Committed, handle::Handle, table::Table};
use crate::store::{ReadError, Records, Stored, Version, Write, WriteError};

/// Number of records that one thread reads in sequence, so that other calls get their share of the
/// disk.
const READ_BY_ONE: usize = 16;

/// The records of one type. Clones share them.
pub struct SledRecords<R: Committed> {
    pub(super) table: Arc<Table<R>>,
    pub(super) committer: Handle,
}

impl<R: Committed> Clone for SledRecords<R> {
    fn clone(&self) -> Self {
        Self { table: Arc::clone(&self.table), committer: self.committer.clone() }
    }
}

/// Runs a read off the runtime's threads. Returns an error if sled panics on a damaged page or
/// shutdown cuts the read off.
pub(super) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    spawn_blocking(read).await.unwrap_or_else(|error| {
        Err(if error.is_panic() { ReadError::Corrupt } else { ReadError::Unavailable })
    })
}

impl<R: Committed> SledRecords<R> {
    /// Reads records that are not in memory, off the runtime's threads.
    async fn read_all(&self, keys: Vec<R::Key>) -> Vec<Result<Option<Stored<R>>, ReadError>> {
        for _ in &keys {
            self.table.lookups.miss();
        }
        let (table, tried) = (Arc::clone(&self.table), keys.clone());
        let read = spawn_blocking(move || tried.iter().map(|key| table.read(key)).collect());
        if let Ok(found) = read.await {
            return found;
        }
        // One read made sled panic and failed the others with it, so each is repeated alone.
        join_all(keys.iter().map(|key| self.get(key))).await
    }
}

impl<R: Committed> Records<R> for SledRecords<R> {
    fn cached(&self, key: &R::Key) -> Option<Stored<R>> {
        self.table.cached(key)
    }

    async fn get(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        if let Some(record) = self.table.cached(key) {
            return Ok(Some(record));
        }
        self.get_stored(key).await
    }

    async fn get_stored(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        self.table.lookups.miss();
        let (table, key) = (Arc::clone(&self.table), key.clone());
        blocking(move || {
            let reading = table.begin(&key)?;
            Ok(table.finish(&key, reading))
        })
        .await
    }

    async fn get_many(&self, keys: &[R::Key]) -> Vec<Result<Option<Stored<R>>, ReadError>> {
        let mut found: Vec<_> = keys.iter().map(|key| Ok(self.table.cached(key))).collect();
        let missing = found.iter().enumerate().filter(|(_, found)| matches!(found, Ok(None)));
        let missing: Vec<usize> = missing.map(|(at, _)| at).collect();
        let reads = missing
            .chunks(READ_BY_ONE)
            .map(|places| self.read_all(places.iter().map(|at| keys[*at].clone()).collect()));
        let read = join_all(reads).await.into_iter().flatten();
        for (at, read) in missing.iter().zip(read) {
            found[*at] = read;
        }
        found
    }

    async fn page(
        &self,
        after: Option<&R::Key>,
        limit: usize,
    ) -> Result<Vec<Stored<R>>, ReadError> {
        let (table, after) = (Arc::clone(&self.table), after.cloned());
        blocking(move || table.page(after, limit)).await
    }

    async fn write(&self, write: Write<R>) -> Result<Version, WriteError> {
        self.committer.ask(|reply| R::command(write, reply)).await
    }
}
