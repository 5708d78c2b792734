//! The changes feed in its table: events by number, in an order that no commit can change.
//!
//! # The order
//!
//! A write adds its event without a number, to `jeton_unnumbered`, in the record's own statement. So
//! writes with an event commit side by side, and none waits for another. Every barrier numbers the
//! events that are committed: `jeton_number` locks the feed's row, moves them to `jeton_changes` with
//! the numbers after the head, and moves the head. A writer answers after a barrier that began after
//! its commit.
//!
//! * No reader skips an event. Numbers are given and shown by one transaction at a time, which holds
//!   the feed's row until its commit, and they are the next ones after the head. So a reader that
//!   sees a number sees all smaller ones. An event that commits late gets its number late: what is
//!   not visible is not numbered, so no number is ever held back for it, and no reader waits for it.
//! * Each event gets one number. The one that numbers an event removes it from `jeton_unnumbered` in
//!   the same transaction, under the lock, by a statement whose snapshot is taken under the lock.
//! * A barrier's head includes every event that was committed before the barrier began. At that time
//!   the event either has a number at or below the head, or the barrier finds it unnumbered and
//!   numbers it.
//! * Events of one record are in the order of its states. The second write waits for the first one's
//!   row, draws its id later, and is visible only where the first one is. An event of a write that
//!   began after another one was committed comes after that one's for the same reason.
//! * An event is shown no earlier than its state: both are one commit, and the number comes later.
//! * A failover keeps this: events without a number, those with one and the head are rows of the same
//!   database, and a standby that has a commit has all before it.
//!
//! Transactions of others delay nothing. Nothing here asks for the oldest one that runs, so neither an
//! open transaction nor an old snapshot holds an event back: it only keeps the removed rows of
//! `jeton_unnumbered` from being freed.
//!
//! A reader's cursor is a number, as in older releases. While an instance of an older release runs,
//! which numbers its own events and none of others, writes number their events in the same way, one
//! at a time ([`add`]).

use deadpool_postgres::{GenericClient, Transaction};
use futures_util::future::try_join;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use tokio_postgres::{Row, types::ToSql};

use super::{
    connections::{Connection, Connections, WRITE_TIMEOUT, rows},
    notices::Notices,
    outcome::{self, Failed},
};
use crate::{
    domain::change::Change,
    store::{FeedError, ReadError, Sequence, StoreId, WriteError},
};

/// Adds an event with the next number, as older releases do it. The feed's row is locked until the
/// commit, so numbers are committed in order. `notices` notifies the listeners.
pub(super) async fn add(
    transaction: &Transaction<'_>,
    change: &[u8],
    notices: &Notices,
) -> Result<(), tokio_postgres::Error> {
    // An earlier event of the same record comes first.
    let earlier = transaction.prepare_cached("SELECT numbered FROM jeton_number()").await?;
    transaction.query_one(&earlier, &[]).await?;
    let next = transaction
        .prepare_cached("UPDATE jeton_feed SET head = head + 1 WHERE single RETURNING head")
        .await?;
    let head: i64 = transaction.query_one(&next, &[]).await?.try_get(0)?;
    let insert = transaction
        .prepare_cached("INSERT INTO jeton_changes (sequence, change) VALUES ($1, $2)")
        .await?;
    // Both statements are sent at once, since others wait for the feed's row meanwhile.
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

/// Moves the edge in one statement: every barrier may wait for the feed's row.
const MOVE_EDGE: &str = "WITH old AS (
         SELECT trimmed, least($1::bigint, head, trimmed + least($2::bigint, head)) AS edge
         FROM jeton_feed WHERE single FOR UPDATE
     )
     UPDATE jeton_feed AS feed SET trimmed = old.edge FROM old
     WHERE feed.single AND old.edge > old.trimmed RETURNING feed.trimmed, old.trimmed";

async fn move_edge(
    connections: &Connections,
    through: Sequence,
    limit: usize,
) -> Result<usize, Failed> {
    let unreached = Failed::NotWritten(WriteError::Unavailable);
    let client = connections.get().await.map_err(|_| unreached)?;
    let through = i64::try_from(through.0).unwrap_or(i64::MAX);
    let step = i64::try_from(limit).unwrap_or(i64::MAX);
    let moved = async {
        let Some(row) = client.query_opt(MOVE_EDGE, &[&through, &step]).await? else {
            return Ok(0);
        };
        let (edge, trimmed): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        client.execute("DELETE FROM jeton_changes WHERE sequence <= $1", &[&edge]).await?;
        Ok(usize::try_from(edge - trimmed).unwrap_or(limit))
    };
    let Ok(moved) = timeout(WRITE_TIMEOUT, moved).await else {
        drop(Connection::take(client));
        return Err(Failed::Unknown);
    };
    moved.map_err(|error: tokio_postgres::Error| outcome::of_write(&error))
}

/// Distance by which the head moves when a feed replaces another: beyond all lost events. Of two
/// positions that of the newer feed is thus the greater one, even for readers that do not compare
/// ids.
const FEEDS_APART: i64 = 1 << 32;

/// Replaces the feed of the store `old` with another one, and returns the store's new id and head.
/// The id depends on `known`, the id of the feed before.
///
/// # Errors
/// Returns `Unavailable` also if another instance came first: the next barrier finds its feed.
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
