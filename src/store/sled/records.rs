//! The records of one type as the store's users see them: cache first, disk off the runtime, writes by the committer.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::{handle::Handle, index::Indexed, table::Table};
use crate::store::{ReadError, Records, Stored, Version, Write, WriteError};

/// The records of one type. Cloning shares them.
pub struct SledRecords<R: Indexed> {
    pub(super) table: Arc<Table<R>>,
    pub(super) committer: Handle,
}

impl<R: Indexed> Clone for SledRecords<R> {
    fn clone(&self) -> Self {
        Self { table: Arc::clone(&self.table), committer: self.committer.clone() }
    }
}

/// Reads off the runtime's threads. sled panics at some of the pages that it cannot make sense of;
/// a read that is cut off by shutdown has no answer.
pub(super) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    spawn_blocking(read).await.unwrap_or_else(|error| {
        Err(if error.is_panic() { ReadError::Corrupt } else { ReadError::Unavailable })
    })
}

impl<R: Indexed> Records<R> for SledRecords<R> {
    fn cached(&self, key: &R::Key) -> Option<Stored<R>> {
        self.table.cached(key)
    }

    async fn get(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        if let Some(record) = self.table.cached(key) {
            return Ok(Some(record));
        }
        self.table.lookups.miss();
        let (table, key) = (Arc::clone(&self.table), key.clone());
        blocking(move || table.read(&key)).await
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
