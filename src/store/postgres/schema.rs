//! The tables, and how a store made by an older release gets those of this one.

use tokio_postgres::{Client, error::SqlState};

use super::{OpenError, outcome::told};
use crate::store::StoreId;

/// What brings the tables from each version to the next. Each may be cut off and run again.
const STEPS: [&str; 1] = [include_str!("schema.sql")];

/// Instances that start on a new database at the same time make the first table at the same time,
/// and all but one are refused.
const ATTEMPTS: usize = 16;

/// What a process learns of the store when it opens it.
pub(super) struct Identity {
    pub(super) id: StoreId,
    /// How often the store has been opened, this time included.
    pub(super) opening: i64,
}

/// Brings the tables up to date, and counts this opening. `id` becomes that of a new store.
pub(super) async fn prepare(client: &mut Client, id: StoreId) -> Result<Identity, OpenError> {
    for _ in 1..ATTEMPTS {
        match attempt(client, id).await {
            Err(error) if is_race(&error) => {}
            outcome => return outcome.map_err(OpenError::from)?,
        }
    }
    attempt(client, id).await?
}

async fn attempt(
    client: &mut Client,
    id: StoreId,
) -> Result<Result<Identity, OpenError>, tokio_postgres::Error> {
    client
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS jeton_store (
                 single boolean PRIMARY KEY,
                 schema bigint NOT NULL,
                 id bytea NOT NULL,
                 openings bigint NOT NULL
             )",
        )
        .await?;
    let transaction = client.transaction().await?;
    transaction
        .execute(
            "INSERT INTO jeton_store (single, schema, id, openings) VALUES (true, 0, $1, 0)
             ON CONFLICT (single) DO NOTHING",
            &[&id.as_slice()],
        )
        .await?;
    // The row is locked until the commit: one instance after the other.
    let row = transaction
        .query_one(
            "UPDATE jeton_store SET openings = openings + 1 RETURNING schema, id, openings",
            &[],
        )
        .await?;
    let found: i64 = row.try_get(0)?;
    let Some(steps) = usize::try_from(found).ok().and_then(|found| STEPS.get(found..)) else {
        return Ok(Err(OpenError::Schema { found, known: STEPS.len() }));
    };
    for step in steps {
        transaction.batch_execute(step).await?;
    }
    let newest = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    transaction.execute("UPDATE jeton_store SET schema = $1", &[&newest]).await?;
    transaction
        .execute(
            "INSERT INTO jeton_feed (single, head, trimmed) VALUES (true, 0, 0)
             ON CONFLICT (single) DO NOTHING",
            &[],
        )
        .await?;
    let opening: i64 = row.try_get(2)?;
    transaction
        .execute(
            "INSERT INTO jeton_instances (number, barriers, seen_at) VALUES ($1, 0, now())",
            &[&opening],
        )
        .await?;
    transaction.commit().await?;
    let id: &[u8] = row.try_get(1)?;
    let Ok(id) = id.try_into() else { return Ok(Err(OpenError::Damaged)) };
    Ok(Ok(Identity { id, opening }))
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
