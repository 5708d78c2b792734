//! A lease: one instance at a time does work that is needed once.
//!
//! The lease saves work but excludes nothing: a holder that was paused can go on for a moment
//! beside the next holder.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use deadpool_postgres::Transaction;
use tokio::time::{Instant, timeout};
use tokio_postgres::types::ToSql;

use super::{
    connections::{Connection, Connections, WRITE_TIMEOUT},
    outcome,
};
use crate::store::ReadError;

/// Time after a grant of the lease in which it is not requested again: half of its duration.
const RENEWAL: Duration = Duration::from_secs(5);

/// A lease that ends much later than one granted now was granted before the database's clock was
/// set back.
const TAKE: &str = "INSERT INTO jeton_leases (name, holder, until_at)
     VALUES ($1, $2, now() + interval '10 seconds')
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_at = excluded.until_at
     WHERE jeton_leases.holder = excluded.holder OR jeton_leases.until_at < now()
     OR jeton_leases.until_at > now() + interval '1 minute'";

const GIVE_UP: &str = "DELETE FROM jeton_leases WHERE name = $1 AND holder = $2";

/// One instance's share in the lease.
pub(super) struct Lease {
    name: &'static str,
    /// Number of this opening of the store.
    holder: i64,
    /// Time of the last grant of the lease.
    given: Mutex<Option<Instant>>,
}

impl Lease {
    pub(super) fn new(name: &'static str, holder: i64) -> Self {
        Self { name, holder, given: Mutex::default() }
    }

    /// Takes the lease in the caller's transaction. Returns `false` while another instance holds
    /// it.
    pub(super) async fn take_in(
        &self,
        transaction: &Transaction<'_>,
    ) -> Result<bool, tokio_postgres::Error> {
        Ok(transaction.execute(TAKE, &[&self.name, &self.holder]).await? == 1)
    }

    /// Releases the lease in the caller's transaction. Returns `false` if another instance holds it
    /// by now.
    pub(super) async fn give_up_in(
        &self,
        transaction: &Transaction<'_>,
    ) -> Result<bool, tokio_postgres::Error> {
        Ok(transaction.execute(GIVE_UP, &[&self.name, &self.holder]).await? == 1)
    }

    /// Takes or renews the lease. Returns `false` while another instance holds it.
    pub(super) async fn take(&self, connections: &Connections) -> Result<bool, ReadError> {
        let given = *self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if given.is_some_and(|given| given.elapsed() < RENEWAL) {
            return Ok(true);
        }
        let connection = connections.get().await.map_err(|_| ReadError::Unavailable)?;
        let asked = Instant::now();
        let parameters: [&(dyn ToSql + Sync); 2] = [&self.name, &self.holder];
        let taken = timeout(WRITE_TIMEOUT, connection.execute(TAKE, &parameters)).await;
        let Ok(taken) = taken else {
            drop(Connection::take(connection));
            return Err(ReadError::Unavailable);
        };
        let taken = taken.map_err(|error| outcome::of_read(&error))? == 1;
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = taken.then_some(asked);
        Ok(taken)
    }
}
