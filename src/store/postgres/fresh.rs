//! Fills a store that no server opens before it is complete.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::Transaction;
use tokio::{task::JoinHandle, time::interval};

use super::{
    DatabaseClock, OpenError, PostgresOptions, PostgresStore,
    connections::{Connection, Connections},
    lease::Lease,
    schema::{self, Identity},
};
use crate::domain::{
    entropy::{Entropy, draw},
    time::Clock,
};

/// Time between two renewals of the lease that keeps other processes from filling the same store.
const RENEWAL: Duration = Duration::from_secs(2);

/// Tables that are emptied after an interrupted attempt.
const FILLED: [&str; 8] = [
    "jeton_grants",
    "jeton_clients",
    "jeton_users",
    "jeton_attempts",
    "jeton_assertions",
    "jeton_changes",
    "jeton_unnumbered",
    "jeton_keys",
];

/// A store that is being filled. If it is dropped before [`Self::finish`] it cannot be opened, and
/// the next attempt starts from the beginning.
pub struct FreshDatabase {
    store: PostgresStore,
    lease: Arc<Lease>,
    renewal: JoinHandle<()>,
}

impl FreshDatabase {
    /// Begins to fill a database that holds no records and that no server has open.
    ///
    /// # Errors
    /// Returns an [`OpenError`] if the database is in use, holds records or refuses a statement.
    pub async fn begin(
        options: &PostgresOptions,
        own_clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<Self, OpenError> {
        let connections = Connections::to(options)?;
        let identity = schema::prepare(&connections, draw(entropy)).await?;
        let lease = Arc::new(Lease::new("fill", identity.opening));
        let mut connection = schema::connection(&connections).await?;
        take_over(&mut connection, &identity, &lease).await??;
        drop(connection);
        let clock = Arc::new(DatabaseClock::new(own_clock));
        let store = PostgresStore::over(connections.clone(), identity, options, clock);
        let renewed = Arc::clone(&lease);
        let renewal = tokio::spawn(async move {
            let mut ticks = interval(RENEWAL);
            loop {
                ticks.tick().await;
                // A failed renewal is repeated long before the lease ends.
                let _tried = renewed.take(&connections).await;
            }
        });
        Ok(Self { store, lease, renewal })
    }

    /// Returns the store to be filled.
    pub fn store(&self) -> &PostgresStore {
        &self.store
    }

    /// Marks the store as complete, so that servers can open it.
    ///
    /// # Errors
    /// Returns [`OpenError::InUse`] if the lease was lost meanwhile and another process has emptied
    /// the store. Fails if the mark cannot be written durably.
    pub async fn finish(self) -> Result<(), OpenError> {
        let mut connection = schema::connection(&self.store.database.connections).await?;
        let transaction = connection.transaction().await?;
        // The same lock as in `take_over`.
        transaction.query_one("SELECT filling FROM jeton_store FOR UPDATE", &[]).await?;
        if !self.lease.give_up_in(&transaction).await? {
            return Err(OpenError::InUse);
        }
        transaction.execute("UPDATE jeton_store SET filling = false", &[]).await?;
        transaction.commit().await?;
        drop(connection);
        self.store.close();
        Ok(())
    }
}

impl Drop for FreshDatabase {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

/// Marks the store as being filled, and removes the leftovers of an interrupted attempt.
async fn take_over(
    connection: &mut Connection,
    identity: &Identity,
    lease: &Lease,
) -> Result<Result<(), OpenError>, tokio_postgres::Error> {
    let transaction = connection.transaction().await?;
    // Every opening locks this row: an earlier opening has left its mark, and a later one finds the
    // store being filled.
    let filling = "SELECT filling FROM jeton_store FOR UPDATE";
    let filling: bool = transaction.query_one(filling, &[]).await?.try_get(0)?;
    if !filling && let Err(error) = is_free(&transaction, identity).await? {
        return Ok(Err(error));
    }
    if !lease.take_in(&transaction).await? {
        return Ok(Err(OpenError::InUse));
    }
    if filling {
        for table in FILLED {
            transaction.execute(&format!("DELETE FROM {table}"), &[]).await?;
        }
        transaction.execute("UPDATE jeton_signing_keys SET register = ''", &[]).await?;
        transaction.execute("UPDATE jeton_feed SET head = 0, trimmed = 0", &[]).await?;
        transaction.execute("UPDATE jeton_instances SET grants = 0", &[]).await?;
    }
    transaction.execute("UPDATE jeton_store SET filling = true", &[]).await?;
    transaction.commit().await?;
    Ok(Ok(()))
}

/// Returns `true` if the store is empty and no server can add to it.
async fn is_free(
    transaction: &Transaction<'_>,
    identity: &Identity,
) -> Result<Result<(), OpenError>, tokio_postgres::Error> {
    for table in FILLED {
        let any = format!("SELECT 1 FROM {table} LIMIT 1");
        if transaction.query_opt(&any, &[]).await?.is_some() {
            return Ok(Err(OpenError::NotEmpty));
        }
    }
    let others = transaction.query_opt(schema::OTHERS, &[&identity.opening]).await?;
    Ok(if others.is_some() { Err(OpenError::InUse) } else { Ok(()) })
}
