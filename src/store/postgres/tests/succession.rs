//! A server that takes over while no instance is running.

use std::time::Duration;

use tokio::time::timeout;

use super::{PostgresStore, empty, numbering::stranger, open};
use crate::store::{FeedError, Records as _, Sequence, Store as _, Write, conformance::client};

/// Has the store's instances know another server than this one.
async fn promote(store: &PostgresStore) {
    let sql = "UPDATE jeton_numbering SET timeline = timeline + 1";
    let connection = store.database.connections.get().await.expect("a connection");
    assert_eq!(connection.execute(sql, &[]).await.expect("it is noted"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_server_that_took_over_while_no_instance_was_running_begins_another_feed_once() {
    let first = empty("unwitnessed").await;
    first.clients().write(Write::Insert(client(1))).await.expect("an event");
    let (id, end) = (first.id(), first.head().await.expect("the head"));
    let same = open("unwitnessed").await;
    assert_eq!((same.id(), same.head().await), (id, Ok(end)), "no server took over");
    promote(&same).await;
    same.close();
    first.close();

    let (stranger, later) = (stranger().await, open("unwitnessed").await);
    let number = later.database.instance.number;
    // While it seems that the first ones are there, it is theirs to look.
    let noticed = timeout(Duration::from_secs(10), async {
        while later.id() == id {
            let gone = "UPDATE unwitnessed.jeton_instances SET seen_at = now() - interval '1 hour'
                        WHERE number < $1";
            stranger.execute(gone, &[&number]).await.expect("they are gone");
        }
    });
    noticed.await.expect("it is noticed");
    let head = later.head().await.expect("the head");
    assert!(head > Sequence(end.0 + u64::from(u32::MAX)), "{head:?} after {end:?}");
    assert_eq!(later.changes(end, 1).await, Err(FeedError::TooOld { oldest: head }));
    let again = open("unwitnessed").await;
    assert_eq!((again.id(), again.head().await), (later.id(), Ok(head)), "it is settled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn whoever_comes_later_leaves_it_to_the_instance_that_was_running() {
    let first = empty("witnessed").await;
    let id = first.id();
    promote(&first).await;
    let later = open("witnessed").await;
    assert_eq!(later.head().await, Ok(Sequence(0)));
    assert_eq!((later.id(), first.id()), (id, id));
}
