//! The database, as the tables of all types reach it: reads that a barrier proves, and turns of writes.

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
    versions::Versions,
};
use crate::{
    domain::change::Change,
    store::{FeedError, ReadError, Sequence, damage::Damage},
};

/// How often something is read that another server than the barrier's has shown.
const READ_ATTEMPTS: usize = 8;
/// Writes with an event that are under way at a time: one commits, and the next is there when it has.
/// Each waits in the database for the one before it, with a connection that nobody else can use.
pub(super) const EVENTS_AT_ONCE: usize = 2;

/// What the tables of all types share.
pub(super) struct Database {
    pub(super) connections: Connections,
    pub(super) barrier: Barrier,
    pub(super) versions: Versions,
    pub(super) instance: Arc<Instance>,
    pub(super) notices: Notices,
    pub(super) freshness: Arc<Freshness>,
    pub(super) damage: Damage,
    /// Turns of writes with an event, [`EVENTS_AT_ONCE`] of them.
    pub(super) events: Semaphore,
}

impl Database {
    /// The rows of a query, once a barrier was passed after them.
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

    /// Waits until another write with an event may begin; `None` when that takes too long.
    pub(super) async fn event_turn(&self) -> Option<SemaphorePermit<'_>> {
        timeout(WRITE_TIMEOUT, self.events.acquire()).await.ok()?.ok()
    }

    /// Up to `limit` events after `after`, once a barrier was passed after them. What is said of the
    /// cursor is proven as well: a server that was deposed has not seen it yet.
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
