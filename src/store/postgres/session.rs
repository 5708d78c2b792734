//! One connection and which server it leads to, for a pool that leaves a server that others have replaced.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
};

use deadpool::managed::{Manager as Pooled, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::{ClientWrapper, Manager};
use tokio_postgres::{Error, error::SqlState};

use super::outcome::told;

/// What each session is told.
///
/// No statement may be cut off by the server: a commit that is cancelled while it waits for the
/// standbys is answered with a warning, like one that they have. Commits wait for the standbys,
/// whatever the database's default is.
///
/// An instance that is frozen in a transaction may hold the feed's row, which every revocation needs: the
/// server takes it away after a second. Another transaction of the same instance may be the next to hold it,
/// so that others wait for two seconds, and do not give up.
const SESSION: &str = "SET statement_timeout = 0;
     SET lock_timeout = '5s';
     SET idle_in_transaction_session_timeout = '1s';
     SELECT set_config('synchronous_commit', 'on', false)
         WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')";

/// Distinguishes a primary from whoever takes its place, also behind one address.
const SERVER: &str = "SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint";

/// A server process, by the microsecond it was started at. Zero where the engine does not tell: one
/// whose nodes agree among themselves needs no telling apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Server(i64);

impl Server {
    pub(super) const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// One that takes this one's place.
    #[cfg(test)]
    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// One connection.
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

/// Makes sessions, and gives up those that lead to another server than the last barrier did.
pub(super) struct Sessions {
    manager: Manager,
    current: Arc<Mutex<Option<Server>>>,
}

impl Sessions {
    pub(super) fn new(manager: Manager, current: &Arc<Mutex<Option<Server>>>) -> Self {
        Self { manager, current: Arc::clone(current) }
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
        Ok(Session { client, server: Server(server) })
    }

    async fn recycle(&self, session: &mut Session, metrics: &Metrics) -> RecycleResult<Error> {
        let current = *self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_some_and(|current| current != session.server) {
            return Err(RecycleError::message("another server has taken over"));
        }
        self.manager.recycle(&mut session.client, metrics).await
    }

    fn detach(&self, session: &mut Session) {
        self.manager.detach(&mut session.client);
    }
}
