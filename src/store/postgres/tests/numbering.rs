//! Numbers of events: writes that commit side by side, late ones, those of an older release.

use tokio::task::JoinSet;
use tokio_postgres::{Client, IsolationLevel};

use super::{PostgresStore, empty, open, schema, url};
use crate::{
    domain::{attempts::Attempts, change::Change, grant::EndCause},
    store::{
        Records as _, Sequence, Store as _, Version, Write, WriteError,
        conformance::{
            NOW, attempts, client, eventually, followers_of_many_writers_miss_nothing, grant, user,
        },
    },
};

/// A connection that is no instance's.
pub(super) async fn stranger() -> Client {
    let (client, connection) =
        tokio_postgres::connect(&url(), tokio_postgres::NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

/// Makes so many grants.
async fn granted(store: &PostgresStore, count: u8) -> Vec<(u8, Version)> {
    let mut versions = Vec::new();
    for number in 0..count {
        let version = store.grants().write(Write::Insert(grant(number))).await;
        versions.push((number, version.expect("an insert")));
    }
    versions
}

/// Ends each of the grants, all at once.
fn revoke_all(
    store: &PostgresStore,
    grants: Vec<(u8, Version)>,
) -> JoinSet<Result<(), WriteError>> {
    let mut revocations = JoinSet::new();
    for (number, version) in grants {
        let store = store.clone();
        let ended = grant(number).ended(EndCause::Revoked, NOW);
        revocations.spawn(async move {
            store.grants().write(Write::Replace(version, ended)).await.map(drop)
        });
    }
    revocations
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn instances_of_one_store_keep_one_order() {
    let first = empty("one_order").await;
    let stores = [first, open("one_order").await, open("one_order").await];
    followers_of_many_writers_miss_nothing(&stores).await;
}

/// One transaction keeps a snapshot and a lock, and another one an event with a smaller id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn transactions_that_stay_open_hold_no_event_back_and_one_that_commits_late_is_numbered_late()
{
    let store = empty("open_ended").await;
    let grants = granted(&store, 64).await;
    let (mut reading, mut writing) = (stranger().await, stranger().await);
    let reading = reading.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    let reading = reading.start().await.expect("a transaction");
    let oldest = "UPDATE open_ended.jeton_store SET filling = filling";
    reading.batch_execute(oldest).await.expect("the oldest transaction of all");
    let late = writing.transaction().await.expect("a transaction");
    let event = Change::of_client(None, Some(&client(1))).expect("a new client is news").to_bytes();
    let sql = "INSERT INTO open_ended.jeton_unnumbered (change) VALUES ($1)";
    late.execute(sql, &[&event]).await.expect("an event");
    assert_eq!(revoke_all(&store, grants).join_all().await, vec![Ok(()); 64]);
    let before = Sequence(0);
    assert_eq!(store.head().await, Ok(Sequence(64)));
    assert_eq!(store.changes(before, 100).await.map(|events| events.len()), Ok(64));
    late.commit().await.expect("it commits");
    assert_eq!(store.head().await, Ok(Sequence(65)), "a barrier that begins later finds it");
    let last = store.changes(Sequence(64), 100).await.expect("the event");
    assert!(matches!(&last[..], [(Sequence(65), Change::ClientChanged(_))]), "{last:?}");
    reading.rollback().await.expect("it ends");
}

/// Its instance has died between the commit and the barrier.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn an_event_that_nobody_has_numbered_is_numbered_by_whoever_comes_next() {
    let store = empty("orphaned").await;
    store.clients().write(Write::Insert(client(1))).await.expect("an event");
    store.close();
    let stranger = stranger().await;
    let sql = "INSERT INTO orphaned.jeton_unnumbered (change)
               SELECT change FROM orphaned.jeton_changes";
    stranger.execute(sql, &[]).await.expect("an event");
    let store = open("orphaned").await;
    assert_eq!(store.head().await, Ok(Sequence(2)));
    assert_eq!(store.changes(Sequence(1), 9).await.map(|events| events.len()), Ok(1));
}

/// The instance is one of number -1, as no instance that knows this schema can be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn beside_an_older_release_events_are_numbered_one_at_a_time_and_reads_do_not_wait_for_them()
{
    let first = empty("beside").await;
    let stranger = stranger().await;
    stranger.batch_execute("SET search_path = beside").await.expect("the schema");
    let older = "INSERT INTO jeton_instances (number, barriers, grants, seen_at)
                 VALUES (-1, 0, 0, now() + interval '1 hour')";
    stranger.batch_execute(older).await.expect("an older instance");
    let store = open("beside").await;
    let grants = granted(&store, 64).await;
    let held = "BEGIN; SELECT head FROM jeton_feed FOR UPDATE";
    stranger.batch_execute(held).await.expect("the turn");
    let revocations = revoke_all(&store, grants);
    for number in 0..64 {
        let read = store.users().get(&user(number).id).await;
        assert_eq!(read.map(|user| user.is_some()), Ok(false));
    }
    stranger.batch_execute("ROLLBACK").await.expect("the next one's turn");
    assert_eq!(revocations.join_all().await, vec![Ok(()); 64]);
    assert_eq!(store.changes(Sequence(0), 100).await.map(|events| events.len()), Ok(64));
    let used = "SELECT is_called FROM jeton_unnumbered_id_seq";
    let is_used = async || stranger.query_one(used, &[]).await.expect("a row").get::<_, bool>(0);
    assert!(!is_used().await, "no event was ever without a number");
    eventually(|| first.database.instance.is_beside_older().then_some(())).await;
    let failed = attempts(1, 2);
    store.attempts().write(Write::Insert(failed.clone())).await.expect("an insert");
    let found = store.attempts().get(&failed.id).await.expect("a read").expect("the record");
    let readable = Attempts { of: None, ..failed };
    assert_eq!(*found, readable, "the form of before is read by both");

    let gone = "DELETE FROM jeton_instances WHERE number = -1";
    stranger.batch_execute(gone).await.expect("it is gone");
    eventually(|| (!store.database.instance.is_beside_older()).then_some(())).await;
    store.clients().write(Write::Insert(client(1))).await.expect("an event");
    assert!(is_used().await, "all instances number what is committed");
    assert_eq!(store.head().await, Ok(Sequence(65)));
}

/// The tables are those of schema 3, with two events that an older release has numbered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn cursors_of_an_older_release_go_on_in_the_feed_as_it_was() {
    drop(empty("older").await);
    let stranger = stranger().await;
    let older = "DROP SCHEMA older CASCADE; CREATE SCHEMA older; SET search_path = older";
    stranger.batch_execute(older).await.expect("an empty schema");
    for step in &schema::STEPS[..3] {
        stranger.batch_execute(step).await.expect("tables");
    }
    let rows = "CREATE TABLE jeton_store (single boolean PRIMARY KEY, schema bigint NOT NULL,
                    id bytea NOT NULL, openings bigint NOT NULL, filling boolean NOT NULL);
                INSERT INTO jeton_store VALUES (true, 3, '\\x0102030405060708090a0b0c0d0e0f10', 5, false);
                INSERT INTO jeton_feed VALUES (true, 2, 0, 1)";
    stranger.batch_execute(rows).await.expect("a store");
    for number in 1..=2_i64 {
        let event = Change::of_client(None, Some(&client(1))).expect("news").to_bytes();
        let sql = "INSERT INTO jeton_changes VALUES ($1, $2)";
        stranger.execute(sql, &[&number, &event]).await.expect("an event");
    }
    let store = open("older").await;
    assert_eq!(store.id(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    let numbers = |events: Vec<(Sequence, Change)>| -> Vec<_> {
        events.into_iter().map(|(number, _)| number.0).collect()
    };
    assert_eq!(store.changes(Sequence(1), 9).await.map(numbers), Ok(vec![2]));
    store.clients().write(Write::Insert(client(2))).await.expect("an event");
    assert_eq!(store.changes(Sequence(1), 9).await.map(numbers), Ok(vec![2, 3]));
}
