//! The database as the tables of all types use it: reads proven by a barrier, and turns for writes.

use std::sync::Arc;

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use tokio_postgres::{Row, types::ToSql};

use super::{
    barrier::Barrier,
    cache::Freshness,
    connections::{Connection, Connections, READ_TIMEOUT, WRITE_TIMEOUT},
    feed,
    instance::Instance,
    notices::Notices,
    outcome::Failed,
    versions::Versions,
};
use crate::{
    domain::change::Change,
    store::{FeedError, ReadError, Sequence, WriteError, damage::Damage},
};

/// Number of attempts to read while the rows come from another server than the barrier.
const READ_ATTEMPTS: usize = 8;
/// Maximum number of writes under way that number their own event: while one commits, the next is
/// ready. Each waits in the database for the previous one and occupies a connection meanwhile.
pub(super) const EVENTS_AT_ONCE: usize = 2;

/// State shared by the tables of all types.
pub(super) struct Database {
    pub(super) connections: Connections,
    pub(super) barrier: Barrier,
    pub(super) versions: Versions,
    pub(super) instance: Arc<Instance>,
    pub(super) notices: Notices,
    pub(super) freshness: Arc<Freshness>,
    pub(super) damage: Damage,
    /// Permits for writes that number their own event, [`EVENTS_AT_ONCE`] of them.
    pub(super) events: Semaphore,
}

impl Database {
    /// Returns the rows of a query once a barrier was passed after it.
    pub(super) async fn read(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, ReadError> {
        for _ in 0..READ_ATTEMPTS {
            let (rows, server) = self.connections.read(sql, parameters).await?;
            if self.barrier.pass().await?.server == server {
                return Ok(rows);
            }
        }
        Err(ReadError::Unavailable)
    }

    /// Takes a connection for a write.
    pub(super) async fn connection_for_write(&self) -> Result<Connection, Failed> {
        self.connections.get().await.map_err(|_| Failed::NotWritten(WriteError::Unavailable))
    }

    /// Waits until another write that numbers its own event can begin.
    pub(super) async fn event_turn(&self) -> Result<SemaphorePermit<'_>, Failed> {
        let turn = timeout(WRITE_TIMEOUT, self.events.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or(Failed::NotWritten(WriteError::Unavailable))
    }

    /// Returns up to `limit` events after `after`, once a barrier was passed after them. The
    /// barrier also proves errors about the cursor: a deposed server may not have the cursor's
    /// event yet.
    pub(super) async fn changes(
        &self,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, Change)>, FeedError> {
        for _ in 0..READ_ATTEMPTS {
            let connection = self.connections.get().await.map_err(|_| FeedError::Unavailable)?;
            let server = connection.server;
            let Ok(told) = timeout(READ_TIMEOUT, feed::events(&connection, after, limit)).await
            else {
                drop(Connection::take(connection));
                return Err(FeedError::Unavailable);
            };
            drop(connection);
            if self.barrier.pass().await?.server == server {
                return told;
            }
        }
        Err(FeedError::Unavailable)
    }
}
