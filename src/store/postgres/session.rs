//! One connection with its server, for a pool that drops connections to a replaced server.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
};

use deadpool::managed::{Manager as Pooled, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::{ClientWrapper, Manager};
use tokio_postgres::{Error, error::SqlState};

use super::{outcome::told, standby};

/// Settings of each session.
///
/// No statement may be cut off by the server: a commit that is cancelled while it waits for the
/// standbys is answered with a warning, as if they had confirmed it. Commits wait for the standbys,
/// independent of the database's default.
///
/// A frozen instance can hold the feed's row in a transaction: while it claims or removes a key, or beside
/// an older release. A barrier that numbers events needs that row: the server ends the transaction after
/// 0.6 s. The limit counts only the time between two statements, which is one round trip. The wait of a
/// commit for standbys, or of a statement for a lock, does not count.
///
/// Each statement needs a snapshot of its own: numbers are given to the events that it shows. All
/// statements are short, and the planner takes some for long: to compile one takes longer than to run it.
const SESSION: &str = "SET statement_timeout = 0;
     SET default_transaction_isolation = 'read committed';
     SET lock_timeout = '5s';
     SET idle_in_transaction_session_timeout = '600ms';
     SELECT set_config('jit', 'off', false) FROM pg_settings WHERE name = 'jit';
     SELECT set_config('synchronous_commit', 'on', false)
         WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')";

/// SQL expression that distinguishes a primary from its successor, even at the same address.
const SERVER: &str = "SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint";

/// A server process, identified by its start time in microseconds. Zero if the engine does not
/// report the time: an engine whose nodes agree among themselves needs no distinction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Server(i64);

impl Server {
    pub(super) const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// Returns a server that replaces this one.
    #[cfg(test)]
    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// One connection with its server.
pub(super) struct Session {
    client: ClientWrapper,
    pub(super) server: Server,
}

impl Deref for Session {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.client
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        &mut self.client
    }
}

/// Creates sessions, and drops sessions with another server than the last barrier's.
pub(super) struct Sessions {
    manager: Manager,
    current: Arc<Mutex<Option<Server>>>,
    require_standby: bool,
}

impl Sessions {
    pub(super) fn new(
        manager: Manager,
        current: &Arc<Mutex<Option<Server>>>,
        require_standby: bool,
    ) -> Self {
        Self { manager, current: Arc::clone(current), require_standby }
    }

    /// Returns the server of the last barrier.
    fn current(&self) -> Option<Server> {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pooled for Sessions {
    type Type = Session;
    type Error = Error;

    async fn create(&self) -> Result<Session, Error> {
        let client = self.manager.create().await?;
        client.batch_execute(SESSION).await?;
        let server = match client.query_one(SERVER, &[]).await {
            Ok(row) => row.try_get(0)?,
            Err(error) if told(&error) == Some(&SqlState::UNDEFINED_FUNCTION) => 0,
            Err(error) => return Err(error),
        };
        let server = Server(server);
        if self.require_standby {
            standby::insist(&client, self.current() == Some(server)).await?;
        }
        Ok(Session { client, server })
    }

    async fn recycle(&self, session: &mut Session, metrics: &Metrics) -> RecycleResult<Error> {
        if self.current().is_some_and(|current| current != session.server) {
            return Err(RecycleError::message("another server has taken over"));
        }
        self.manager.recycle(&mut session.client, metrics).await
    }

    fn detach(&self, session: &mut Session) {
        self.manager.detach(&mut session.client);
    }
}
