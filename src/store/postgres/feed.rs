//! The changes feed in its table: events by number, in the order of their commits.

use deadpool_postgres::{GenericClient, Transaction};
use futures_util::future::try_join;
use tokio::time::timeout;
use tokio_postgres::{Row, types::ToSql};

use super::{
    connections::{Connection, Connections, WRITE_TIMEOUT, rows},
    notices::Notices,
    outcome::{self, Failed},
};
use crate::{
    domain::change::Change,
    store::{FeedError, ReadError, Sequence, WriteError},
};

/// Adds an event with the next number. The feed's row is locked until the commit, so numbers are
/// committed in order. `notices` notifies the listeners.
pub(super) async fn add(
    transaction: &Transaction<'_>,
    change: &Change,
    notices: &Notices,
) -> Result<(), tokio_postgres::Error> {
    let next = transaction
        .prepare_cached("UPDATE jeton_feed SET head = head + 1 WHERE single RETURNING head")
        .await?;
    let head: i64 = transaction.query_one(&next, &[]).await?.try_get(0)?;
    let insert = transaction
        .prepare_cached("INSERT INTO jeton_changes (sequence, change) VALUES ($1, $2)")
        .await?;
    // Both statements are sent at once, since others wait for the feed's row meanwhile.
    let change = change.to_bytes();
    let parameters: [&(dyn ToSql + Sync); 2] = [&head, &change];
    let added = transaction.execute(&insert, &parameters);
    try_join(added, notices.announce(transaction)).await.map(drop)
}

/// Returns up to `limit` events after `after` as the server shows them.
pub(super) async fn events(
    connection: &Connection,
    after: Sequence,
    limit: usize,
) -> Result<Vec<(Sequence, Change)>, FeedError> {
    // A number that the database cannot represent is beyond the head.
    let from = i64::try_from(after.0).map_err(|_| FeedError::Ahead)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = "SELECT sequence, change FROM jeton_changes WHERE sequence > $1 \
               ORDER BY sequence LIMIT $2";
    let found = rows(connection, sql, &[&from, &limit]).await?;
    // Order matters: read the events first, then check for events that were trimmed meanwhile.
    let edges = rows(connection, "SELECT head, trimmed FROM jeton_feed", &[]).await?;
    let edges = edges.first().ok_or(FeedError::Corrupt)?;
    let (head, oldest) = (sequence(edges, 0)?, sequence(edges, 1)?);
    if after > head {
        return Err(FeedError::Ahead);
    }
    if oldest > after {
        return Err(FeedError::TooOld { oldest });
    }
    found.iter().zip(after.0 + 1..).map(|(row, expected)| event(row, expected)).collect()
}

fn event(row: &Row, expected: u64) -> Result<(Sequence, Change), FeedError> {
    let number = sequence(row, 0)?;
    let change: &[u8] = row.try_get(1).map_err(|_| FeedError::Corrupt)?;
    let change = Change::from_bytes(change).map_err(|_| FeedError::Corrupt)?;
    if number.0 == expected { Ok((number, change)) } else { Err(FeedError::Corrupt) }
}

fn sequence(row: &Row, column: usize) -> Result<Sequence, ReadError> {
    let number: i64 = row.try_get(column).map_err(|_| ReadError::Corrupt)?;
    u64::try_from(number).map(Sequence).map_err(|_| ReadError::Corrupt)
}

/// Trims up to `limit` of the events up to `through`. The edge moves first: an interruption leaves
/// events below it, which the next trim removes.
pub(super) async fn trim(
    connections: &Connections,
    through: Sequence,
    limit: usize,
) -> Result<usize, WriteError> {
    let trimmed = move_edge(connections, through, limit).await;
    trimmed.map_err(|failed| match failed {
        Failed::NotWritten(error) => error,
        Failed::Again => WriteError::Busy,
        Failed::Unknown => WriteError::Unknown,
    })
}

async fn move_edge(
    connections: &Connections,
    through: Sequence,
    limit: usize,
) -> Result<usize, Failed> {
    let unreached = Failed::NotWritten(WriteError::Unavailable);
    let mut client = connections.get().await.map_err(|_| unreached)?;
    let moved = async {
        let transaction = client.transaction().await?;
        let sql = "SELECT head, trimmed FROM jeton_feed WHERE single FOR UPDATE";
        let row = transaction.query_one(sql, &[]).await?;
        let (head, trimmed): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let through = i64::try_from(through.0).unwrap_or(i64::MAX).min(head);
        let step = i64::try_from(limit).unwrap_or(i64::MAX);
        let edge = through.min(trimmed.saturating_add(step));
        if edge <= trimmed {
            return Ok(0);
        }
        transaction.execute("UPDATE jeton_feed SET trimmed = $1 WHERE single", &[&edge]).await?;
        transaction.commit().await?;
        client.execute("DELETE FROM jeton_changes WHERE sequence <= $1", &[&edge]).await?;
        Ok(usize::try_from(edge - trimmed).unwrap_or(limit))
    };
    let Ok(moved) = timeout(WRITE_TIMEOUT, moved).await else {
        drop(Connection::take(client));
        return Err(Failed::Unknown);
    };
    moved.map_err(|error: tokio_postgres::Error| outcome::of_write(&error))
}
