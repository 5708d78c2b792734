//! Holds a complete store that no server has open, so that it can be copied as it is.

use std::sync::Arc;

use super::{
    OpenError, PostgresOptions, PostgresStore,
    connections::{Connection, Connections},
    look, schema,
};
use crate::domain::{entropy::Entropy, time::Clock};

/// Locks the row that every opening writes. The lock ends with the connection.
const HOLD: &str = "SET idle_in_transaction_session_timeout = 0;
     BEGIN;
     SELECT openings FROM jeton_store FOR UPDATE";

/// A store that no server can open until this is dropped.
pub struct HeldDatabase {
    store: PostgresStore,
    held: Option<Connection>,
}

impl HeldDatabase {
    /// Opens a store that no server has open.
    ///
    /// # Errors
    /// Returns an [`OpenError`] if there is no store, or if a server has it open.
    pub async fn open(
        options: &PostgresOptions,
        own_clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<Self, OpenError> {
        let connections = Connections::to(options)?;
        let connection = schema::connection(&connections).await?;
        if !look::is_there(&connection, "jeton_store").await? {
            return Err(OpenError::NoStore);
        }
        // An opening leaves a mark of its own, which the next attempt would take for a server's.
        if connection.query_opt(schema::OTHERS, &[&0_i64]).await?.is_some() {
            return Err(OpenError::InUse);
        }
        drop(connection);
        connections.close();
        let store = PostgresStore::open(options, own_clock, entropy).await?;
        let held = schema::connection(&store.database.connections).await?;
        held.batch_execute(HOLD).await?;
        // Each earlier opening has left its mark, and a later one waits for the row.
        let own = store.database.instance.number;
        let others = held.query_opt(schema::OTHERS, &[&own]).await?;
        let held = Self { store, held: Some(held) };
        if others.is_some() { Err(OpenError::InUse) } else { Ok(held) }
    }

    /// Returns the store.
    pub fn store(&self) -> &PostgresStore {
        &self.store
    }

    /// Ends the hold.
    ///
    /// # Errors
    /// Fails if the hold was lost meanwhile: a server may have changed the store.
    pub async fn release(mut self) -> Result<(), OpenError> {
        let Some(held) = self.held.take() else { return Err(OpenError::InUse) };
        held.batch_execute("COMMIT").await?;
        Ok(())
    }
}

impl Drop for HeldDatabase {
    fn drop(&mut self) {
        // A connection with an open transaction does not go back to the others.
        if let Some(held) = self.held.take() {
            drop(Connection::take(held));
        }
        self.store.close();
    }
}
