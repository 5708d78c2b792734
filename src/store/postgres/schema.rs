//! The tables, and how a store made by an older release gets those of this one.

use std::error::Error;

use deadpool::managed::PoolError;
use deadpool_postgres::Transaction;
use sha2::{Digest as _, Sha256};
use tokio_postgres::error::SqlState;

use super::{
    OpenError,
    connections::{Connection, Connections, rows},
    outcome::told,
};
use crate::store::{ReadError, Sequence, StoreId};

/// What brings the tables from each version to the next. Each may be cut off and run again.
const STEPS: [&str; 1] = [include_str!("schema.sql")];

/// Instances that start on a new database at the same time make the first table at the same time,
/// and all but one are refused.
const ATTEMPTS: usize = 16;

/// Makes the table that the others are known by.
const FIRST_TABLE: &str = "CREATE TABLE IF NOT EXISTS jeton_store (
    single boolean PRIMARY KEY,
    schema bigint NOT NULL,
    id bytea NOT NULL,
    openings bigint NOT NULL,
    filling boolean NOT NULL
)";

/// What a process learns of the store when it opens it.
pub(super) struct Identity {
    pub(super) id: StoreId,
    /// How often the store has been opened, this time included.
    pub(super) opening: i64,
    /// Whether it is only being filled.
    pub(super) filling: bool,
}

/// Brings the tables up to date, and counts this opening. `id` becomes that of a new store.
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

/// Tries what an opening does first, and takes it back.
///
/// # Errors
/// Those that an opening would end with.
pub(super) async fn rehearse(client: &mut Connection) -> Result<(), OpenError> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(FIRST_TABLE).await?;
    let row = transaction.query_opt("SELECT schema, filling FROM jeton_store", &[]).await?;
    transaction.rollback().await?;
    let Some(row) = row else { return Ok(()) };
    steps_from(row.try_get(0)?)?;
    finished(row.try_get(1)?)
}

/// What brings the tables from this version to today's.
fn steps_from(found: i64) -> Result<&'static [&'static str], OpenError> {
    let steps = usize::try_from(found).ok().and_then(|found| STEPS.get(found..));
    steps.ok_or(OpenError::Schema { found, known: STEPS.len() })
}

/// Refuses a store that is only being filled.
pub(super) fn finished(filling: bool) -> Result<(), OpenError> {
    if filling { Err(OpenError::Unfinished) } else { Ok(()) }
}

/// A connection, or why there is none.
pub(super) async fn connection(connections: &Connections) -> Result<Connection, OpenError> {
    let unreachable = |error: PoolError<_>| OpenError::Unreachable(cause(&error).into());
    connections.get().await.map_err(unreachable)
}

/// The error and what is behind it, in one line.
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
    transaction.commit().await?;
    let id: &[u8] = row.try_get(1)?;
    let Ok(id) = id.try_into() else { return Ok(Err(OpenError::Damaged)) };
    Ok(Ok(Identity { id, opening, filling: row.try_get(3)? }))
}

/// By how much the head moves where a feed begins in another one's place: beyond whatever was lost. So
/// of two positions that of the newer feed is the greater one, also for those who know no ids.
const FEEDS_APART: i64 = 1 << 32;

/// Begins another feed in the place of that of the store `old`, and hands back the id and the head that
/// the store has then. The id depends on `known`, that of the feed before it.
///
/// # Errors
/// `Unavailable` also when another instance came first: the next barrier finds what it has begun.
pub(super) async fn begin_feed(
    connection: &Connection,
    old: StoreId,
    known: StoreId,
) -> Result<(StoreId, Sequence), ReadError> {
    let mut id = StoreId::default();
    let mut new = Sha256::new();
    new.update(known);
    new.update(connection.server.to_bytes());
    id.copy_from_slice(&new.finalize()[..known.len()]);
    let sql = "WITH renewed AS (UPDATE jeton_store SET id = $2 WHERE id = $1 RETURNING id)
               UPDATE jeton_feed SET head = head + $3, trimmed = head + $3 FROM renewed
               WHERE jeton_feed.single RETURNING head";
    let (old, new) = (old.as_slice(), id.as_slice());
    let begun = rows(connection, sql, &[&old, &new, &FEEDS_APART]).await?;
    let head: i64 =
        begun.first().ok_or(ReadError::Unavailable)?.try_get(0).map_err(|_| ReadError::Corrupt)?;
    let head = u64::try_from(head).map_err(|_| ReadError::Corrupt)?;
    Ok((id, Sequence(head)))
}

/// Puts the grants of instances that were not seen for a week into one row.
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

/// Whether another instance did the same at the same time.
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
