//! The tables, and their migrations from older releases.

use std::error::Error;

use deadpool::managed::PoolError;
use deadpool_postgres::Transaction;
use tokio_postgres::error::SqlState;

use super::{
    OpenError,
    connections::{Connection, Connections},
    outcome::told,
    succession::Succession,
};
use crate::store::StoreId;

/// Migrations from each version to the next. Each can be interrupted and run again.
pub(super) const STEPS: [&str; 5] = [
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
];

/// Number of attempts to create the first table: of several instances that start on a new database
/// at the same time, all but one are refused.
const ATTEMPTS: usize = 16;

/// Creates the table that identifies a store.
const FIRST_TABLE: &str = "CREATE TABLE IF NOT EXISTS jeton_store (
    single boolean PRIMARY KEY,
    schema bigint NOT NULL,
    id bytea NOT NULL,
    openings bigint NOT NULL,
    filling boolean NOT NULL
)";

/// Finds an instance that has the store open, other than `$1`.
pub(super) const OTHERS: &str = "SELECT 1 FROM jeton_instances WHERE number <> 0 AND number <> $1
    AND seen_at > now() - interval '10 seconds' LIMIT 1";

/// Finds a running instance of a release that numbers its own events. None can start beside this
/// schema, so each has a number from before.
pub(super) const BESIDE_OLDER: &str = "SELECT EXISTS (
    SELECT FROM jeton_instances AS instance, jeton_numbering AS numbering
    WHERE instance.number <> 0 AND instance.number < numbering.since
        AND instance.seen_at > now() - interval '1 minute')";

/// Identity of the store, read at an opening.
pub(super) struct Identity {
    pub(super) id: StoreId,
    /// Number of openings of the store, including this one.
    pub(super) opening: i64,
    /// `true` if the store is still being filled.
    pub(super) filling: bool,
    /// `true` if an instance of a release that numbers its own events is running.
    pub(super) beside_older: bool,
    pub(super) succession: Succession,
}

impl Identity {
    /// Settles whether the server has the commits that the store's instances know.
    pub(super) async fn settle(&mut self, at: &Connection) -> Result<(), tokio_postgres::Error> {
        let begun = self.succession.settle(at, self.opening, self.id).await?;
        self.id = begun.unwrap_or(self.id);
        Ok(())
    }
}

/// Migrates the tables and counts this opening. A new store gets the id `id`.
pub(super) async fn prepare(connections: &Connections, id: StoreId) -> Result<Identity, OpenError> {
    let mut client = connection(connections).await?;
    for _ in 1..ATTEMPTS {
        match attempt(&mut client, id).await {
            Err(error) if is_race(&error) => {}
            outcome => return outcome.map_err(OpenError::from)?,
        }
    }
    attempt(&mut client, id).await?
}

/// Runs the first statements of an opening, and rolls them back.
///
/// # Errors
/// Returns the error that an opening would return.
pub(super) async fn rehearse(client: &mut Connection) -> Result<(), OpenError> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(FIRST_TABLE).await?;
    let row = transaction.query_opt("SELECT schema, id, filling FROM jeton_store", &[]).await?;
    transaction.rollback().await?;
    let Some(row) = row else { return Ok(()) };
    steps_from(row.try_get(0)?)?;
    readable(row.try_get(1)?)?;
    finished(row.try_get(2)?)
}

/// Returns the migrations from this version to today's.
fn steps_from(found: i64) -> Result<&'static [&'static str], OpenError> {
    let steps = usize::try_from(found).ok().and_then(|found| STEPS.get(found..));
    steps.ok_or(OpenError::Schema { found, known: STEPS.len() })
}

/// The store's id, of which there is no other place.
fn readable(id: &[u8]) -> Result<StoreId, OpenError> {
    id.try_into().map_err(|_| OpenError::Damaged)
}

/// Refuses a store that is only being filled.
pub(super) fn finished(filling: bool) -> Result<(), OpenError> {
    if filling { Err(OpenError::Unfinished) } else { Ok(()) }
}

/// Returns a connection, or the reason that there is none.
pub(super) async fn connection(connections: &Connections) -> Result<Connection, OpenError> {
    let unreachable = |error: PoolError<_>| OpenError::Unreachable(cause(&error).into());
    connections.get().await.map_err(unreachable)
}

/// Formats the error and its causes in one line.
fn cause(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let further = error.to_string();
        if !text.contains(&further) {
            text = format!("{text}: {further}");
        }
        source = error.source();
    }
    text
}

async fn attempt(
    client: &mut Connection,
    id: StoreId,
) -> Result<Result<Identity, OpenError>, tokio_postgres::Error> {
    client.batch_execute(FIRST_TABLE).await?;
    let transaction = client.transaction().await?;
    transaction
        .execute(
            "INSERT INTO jeton_store (single, schema, id, openings, filling)
             VALUES (true, 0, $1, 0, false) ON CONFLICT (single) DO NOTHING",
            &[&id.as_slice()],
        )
        .await?;
    // The row is locked until the commit: one instance after the other.
    let row = transaction
        .query_one(
            "UPDATE jeton_store SET openings = openings + 1 RETURNING schema, id, openings, filling",
            &[],
        )
        .await?;
    let steps = match steps_from(row.try_get(0)?) {
        Ok(steps) => steps,
        Err(error) => return Ok(Err(error)),
    };
    for step in steps {
        transaction.batch_execute(step).await?;
    }
    let newest = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    transaction.execute("UPDATE jeton_store SET schema = $1", &[&newest]).await?;
    transaction
        .execute(
            "INSERT INTO jeton_feed (single, head, trimmed, keys_version) VALUES (true, 0, 0, 1)
             ON CONFLICT (single) DO NOTHING",
            &[],
        )
        .await?;
    fold(&transaction).await?;
    let opening: i64 = row.try_get(2)?;
    transaction
        .execute(
            "INSERT INTO jeton_instances (number, barriers, grants, seen_at)
             VALUES ($1, 0, 0, now())",
            &[&opening],
        )
        .await?;
    let beside_older = transaction.query_one(BESIDE_OLDER, &[]).await?.try_get(0)?;
    transaction.commit().await?;
    let (id, filling) = (readable(row.try_get(1)?), row.try_get(3)?);
    let succession = Succession::default();
    Ok(id.map(|id| Identity { id, opening, filling, beside_older, succession }))
}

/// Merges the grants of instances that were not seen for a week into one row.
async fn fold(transaction: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
    let gone = "DELETE FROM jeton_instances WHERE number <> 0
                AND seen_at < now() - interval '7 days' RETURNING grants";
    let gone = transaction.query(gone, &[]).await?;
    let grants = gone.iter().map(|row| row.try_get::<_, i64>(0)).sum::<Result<i64, _>>()?;
    let add = "INSERT INTO jeton_instances (number, barriers, grants, seen_at)
               VALUES (0, 0, $1, now()) ON CONFLICT (number) DO UPDATE SET
                   grants = jeton_instances.grants + excluded.grants";
    transaction.execute(add, &[&grants]).await.map(drop)
}

/// Returns `true` if another instance did the same at the same time.
fn is_race(error: &tokio_postgres::Error) -> bool {
    const RACES: [SqlState; 6] = [
        SqlState::UNIQUE_VIOLATION,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::UNDEFINED_TABLE,
    ];
    told(error).is_some_and(|state| RACES.contains(state))
}
