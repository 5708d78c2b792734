//! One write of a record of any type: its statement, its parameters, its event.

use tokio::time::timeout;
use tokio_postgres::types::ToSql;

use super::{
    columns::Value,
    connections::{Connection, WRITE_TIMEOUT},
    database::Database,
    feed,
    outcome::{self, Failed},
};
use crate::store::WriteError;

/// Number of attempts for a write that lost a race inside the database or its connection.
const ATTEMPTS: usize = 3;

/// A write of one row. Every attempt replaces the same version with the same row: the write happens
/// once, no matter which attempts arrive.
pub(super) struct Writing<'a> {
    /// The statement without an event.
    pub(super) plain: &'a str,
    /// The statement that adds the event without a number, as its last parameter.
    pub(super) with_event: &'a str,
    pub(super) parameters: Vec<Value>,
    pub(super) event: Option<Vec<u8>>,
}

/// The result of a write.
pub(super) enum Outcome {
    Written,
    /// There is no row with that key and version, or there is one although none was expected. If the
    /// result of an earlier attempt is unknown, the row can be its.
    Other {
        after_unknown: bool,
    },
}

impl Writing<'_> {
    /// Writes the row and its event.
    pub(super) async fn run(&self, database: &Database) -> Result<Outcome, WriteError> {
        let mut unknown = false;
        for _ in 0..ATTEMPTS {
            match self.attempt(database).await {
                Ok(true) => return Ok(Outcome::Written),
                Ok(false) => return Ok(Outcome::Other { after_unknown: unknown }),
                Err(Failed::Again) => {}
                Err(Failed::NotWritten(error)) if !unknown => return Err(error),
                Err(Failed::NotWritten(_) | Failed::Unknown) => unknown = true,
            }
        }
        Err(if unknown { WriteError::Unknown } else { WriteError::Busy })
    }

    /// Returns `false` if there is no row to replace.
    async fn attempt(&self, database: &Database) -> Result<bool, Failed> {
        let Some(event) = &self.event else {
            return self.attempt_by(self.plain, None, database).await;
        };
        if database.instance.is_beside_older() {
            return self.attempt_in_turn(event, database).await;
        }
        let written = self.attempt_by(self.with_event, Some(event), database).await?;
        if written {
            // The barrier numbers the event. Without it readers may not see the event yet.
            database.barrier.pass().await.map_err(|_| Failed::Unknown)?;
        }
        Ok(written)
    }

    /// Writes the row by one statement, with its event if there is one.
    async fn attempt_by(
        &self,
        sql: &str,
        event: Option<&Vec<u8>>,
        database: &Database,
    ) -> Result<bool, Failed> {
        let client = database.connection_for_write().await?;
        let written = timeout(WRITE_TIMEOUT, async {
            let statement = client.prepare_cached(sql).await?;
            client.execute(&statement, &self.parameters_and(event)).await
        });
        outcome_of(written.await.ok(), client)
    }

    /// Writes the row and numbers its event, in a transaction of its own turn.
    async fn attempt_in_turn(&self, event: &[u8], database: &Database) -> Result<bool, Failed> {
        let _turn = database.event_turn().await?;
        let mut client = database.connection_for_write().await?;
        let written = timeout(WRITE_TIMEOUT, async {
            let statement = client.prepare_cached(self.plain).await?;
            let transaction = client.transaction().await?;
            let rows = transaction.execute(&statement, &self.parameters_and(None)).await?;
            if rows == 1 {
                feed::add(&transaction, event, &database.notices).await?;
                transaction.commit().await?;
            }
            Ok(rows)
        });
        outcome_of(written.await.ok(), client)
    }

    fn parameters_and<'b>(&'b self, event: Option<&'b Vec<u8>>) -> Vec<&'b (dyn ToSql + Sync)> {
        let parameters = self.parameters.iter().map(|value| &**value as &(dyn ToSql + Sync));
        parameters.chain(event.map(|event| event as &(dyn ToSql + Sync))).collect()
    }
}

/// Returns the outcome of an attempt: `None` if it took too long. Its connection is dropped then.
fn outcome_of(
    written: Option<Result<u64, tokio_postgres::Error>>,
    client: Connection,
) -> Result<bool, Failed> {
    let Some(written) = written else {
        drop(Connection::take(client));
        return Err(Failed::Unknown);
    };
    written.map(|rows| rows == 1).map_err(|error| outcome::of_write(&error))
}
