//! Tests of the engine with a real database, whose URL comes from the script that starts it.

mod held;
mod numbering;
mod order;
mod presumed;
mod succession;

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use super::{
    FreshDatabase, HeldDatabase, OpenError, PostgresOptions, PostgresStore, TlsOptions,
    cache::{Cache, Freshness},
    feed,
    follower::{Caches, End, Follower},
    notices::Notices,
    schema,
    succession::Succession,
};
use crate::{
    domain::{
        entropy::Entropy,
        grant::{EndCause, Grant},
        secret::Secret,
        time::{Clock, Timestamp},
    },
    store::{
        FeedError, ReadError, Records as _, Sequence, Store as _, Stored, Write,
        conformance::{
            NOW, client, grant, run, survives, the_position_is_never_ahead_of_what_is_read_later,
        },
    },
};

const URL: &str = "JETON_TEST_POSTGRES";

struct Seven;

impl Entropy for Seven {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// The clock of a machine with frozen time.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn age(&self) -> Duration {
        Duration::ZERO
    }
}

#[expect(clippy::disallowed_methods, reason = "the script's way to say where the database is")]
fn url() -> String {
    std::env::var(URL).expect("tests/postgres.sh says where the database is")
}

/// Creates an empty store in its own schema.
async fn empty(schema: &str) -> PostgresStore {
    let url = url();
    let (client, connection) =
        tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("a connection");
    let connection = tokio::spawn(connection);
    let make = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    client.batch_execute(&make).await.expect("a schema");
    drop(client);
    connection.await.expect("it ends").expect("well");
    open(schema).await
}

async fn open(schema: &str) -> PostgresStore {
    PostgresStore::open(&options(schema), Arc::new(Still), &Seven).await.expect("the store opens")
}

fn options(schema: &str) -> PostgresOptions {
    PostgresOptions {
        url: Secret::new(format!("{}?options=-csearch_path%3D{schema}", url())),
        tls: TlsOptions::default(),
        connections: 16,
        cache_bytes: 32 << 20,
        max_staleness: Duration::from_secs(1),
        require_standby: false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn it_keeps_the_contract() {
    run(&empty("conformance").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn whoever_listens_is_told_of_an_event_that_another_instance_has_committed() {
    let store = empty("notices").await;
    let version = store.grants().write(Write::Insert(grant(1))).await.expect("an insert");
    let heard = Notices::default();
    let listening = tokio::spawn(heard.clone().listen(store.database.connections.clone(), 0));
    while !heard.are_known() || !store.database.notices.are_known() {
        tokio::task::yield_now().await;
    }
    let ended = grant(1).ended(EndCause::Revoked, NOW);
    store.grants().write(Write::Replace(version, ended)).await.expect("an event");
    let told = timeout(Duration::from_secs(10), heard.after(Instant::now())).await;
    assert_eq!(told, Ok(()), "nothing was heard of it");
    listening.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn the_position_is_not_ahead_of_what_another_instance_shows() {
    let one = empty("position").await;
    let other = open("position").await;
    the_position_is_never_ahead_of_what_is_read_later(&one, &other).await;
}

/// While the process was paused, another one has emptied the store and begins to fill it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn whoever_has_lost_the_lease_does_not_finish_what_another_one_fills() {
    drop(empty("filled").await);
    let (client, connection) =
        tokio_postgres::connect(&url(), tokio_postgres::NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client.batch_execute("DROP SCHEMA filled CASCADE; CREATE SCHEMA filled").await.expect("empty");
    let fresh = FreshDatabase::begin(&options("filled"), Arc::new(Still), &Seven)
        .await
        .expect("a store to fill");
    let taken = "UPDATE filled.jeton_leases SET holder = holder + 1,
                 until_at = now() + interval '30 seconds'";
    client.batch_execute(taken).await.expect("the lease is another's");
    let refused = fresh.finish().await;
    assert!(matches!(refused, Err(OpenError::InUse)), "{refused:?}");
    let opened = PostgresStore::open(&options("filled"), Arc::new(Still), &Seven).await.map(drop);
    assert!(matches!(opened, Err(OpenError::Unfinished)), "{opened:?}");
    // No process has taken over this store.
    client.batch_execute("DROP SCHEMA filled CASCADE; CREATE SCHEMA filled").await.expect("empty");
    let fresh = FreshDatabase::begin(&options("filled"), Arc::new(Still), &Seven)
        .await
        .expect("a store to fill");
    fresh.finish().await.expect("it is whole");
    drop(open("filled").await);
}

/// The lock of a frozen instance: the feed's row, in a transaction in which no statement follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn an_instance_that_is_frozen_in_a_revocation_does_not_keep_others_from_theirs() {
    let store = empty("frozen").await;
    let version = store.grants().write(Write::Insert(grant(1))).await.expect("an insert");
    let frozen = store.database.connections.get().await.expect("a connection");
    frozen.batch_execute("BEGIN; SELECT head FROM jeton_feed FOR UPDATE").await.expect("the row");
    let ended = grant(1).ended(EndCause::Revoked, NOW);
    let revoked = store.grants().write(Write::Replace(version, ended)).await;
    assert!(revoked.is_ok(), "{revoked:?}");
    drop(frozen);
}

/// A failover that loses the last event: the standby makes another event of that number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn an_event_that_was_announced_and_not_yet_applied_is_known_again_after_a_failover() {
    let store = empty("announced").await;
    for number in 0..2 {
        store.clients().write(Write::Insert(client(number))).await.expect("an event");
    }
    let mut connection = store.database.connections.get().await.expect("a connection");
    let sql = "SELECT change FROM jeton_changes WHERE sequence = 2";
    let event: Vec<u8> = connection.query_one(sql, &[]).await.expect("it").get(0);
    let mut follower = follower();
    let (head, server) = (Sequence(2), connection.server);
    follower.saw(End { head, event: Some(event.into()), server });
    connection.server = server.next();
    for head in [2, 3].map(Sequence) {
        assert_eq!(follower.goes_on_at(&connection, head).await, Ok(true), "nothing was lost");
    }
    assert_eq!(follower.goes_on_at(&connection, Sequence(1)).await, Ok(false), "one is lost");
    let other = "UPDATE jeton_changes SET change =
                 (SELECT change FROM jeton_changes WHERE sequence = 1) WHERE sequence = 2";
    connection.batch_execute(other).await.expect("another event");
    for head in [2, 3].map(Sequence) {
        assert_eq!(follower.goes_on_at(&connection, head).await, Ok(false), "one is another");
    }
    connection.server = server;
    assert_eq!(follower.goes_on_at(&connection, head).await, Ok(true), "a server loses nothing");
}

fn follower() -> Follower {
    let freshness = Arc::new(Freshness::new(Duration::from_secs(1)));
    let (grants, clients, users) = (
        Arc::new(Cache::new(1 << 20, Arc::clone(&freshness))),
        Arc::new(Cache::new(1 << 20, Arc::clone(&freshness))),
        Arc::new(Cache::new(1 << 20, Arc::clone(&freshness))),
    );
    Follower::new(Caches { grants, clients, users, freshness }, Succession::default())
}

/// A reader that compares only positions must not take an answer of the lost feed for one of the
/// next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_feed_that_takes_anothers_place_begins_far_beyond_it_and_once() {
    let (store, other) = (empty("begun").await, open("begun").await);
    store.clients().write(Write::Insert(client(1))).await.expect("an event");
    let (old, end) = (store.id(), store.head().await.expect("a head"));
    let connection = store.database.connections.get().await.expect("a connection");
    let (id, head) = feed::begin_feed(&connection, old, old).await.expect("another feed");
    assert!(id != old && head > Sequence(end.0 + u64::from(u32::MAX)), "{head:?} after {end:?}");
    let again = feed::begin_feed(&connection, old, old).await;
    assert_eq!(again, Err(ReadError::Unavailable), "another instance came first");
    for store in [&store, &other] {
        assert_eq!((store.head().await, store.id()), (Ok(head), id));
        assert_eq!(store.changes(end, 1).await, Err(FeedError::TooOld { oldest: head }));
    }
    other.clients().write(Write::Insert(client(2))).await.expect("an event");
    let told = store.changes(head, 2).await.expect("it goes on");
    assert_eq!((told.len(), told[0].0), (1, Sequence(head.0 + 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_record_that_does_not_decode_keeps_nobody_from_the_others() {
    let store = empty("damaged").await;
    for number in 1..=3 {
        store.grants().write(Write::Insert(grant(number))).await.expect("an insert");
    }
    let (client, connection) =
        tokio_postgres::connect(&url(), tokio_postgres::NoTls).await.expect("a connection");
    tokio::spawn(connection);
    // These are the first rows that a sweeper looks at.
    let damage = "UPDATE damaged.jeton_grants SET record = '\\x00',
                  due_at = due_at - interval '1 day' WHERE key = $1";
    let key = grant(2).id;
    client.execute(damage, &[&key.as_bytes().as_slice()]).await.expect("damaged");
    let store = open("damaged").await;
    assert_eq!(store.grants().get(&key).await.map(drop), Err(ReadError::Corrupt));
    let numbers = |found: Vec<Stored<Grant>>| {
        let mut ids: Vec<_> = found.iter().map(|grant| grant.id).collect();
        ids.sort_unstable();
        ids
    };
    let others = vec![grant(1).id, grant(3).id];
    let page = store.grants().page(None, 2).await.expect("a page");
    assert_eq!(numbers(page), others, "a backup goes on");
    let later = NOW.after(Duration::from_secs(1_000 * 86_400));
    let spent = store.spent_grants(later, 2).await.expect("a scan");
    assert_eq!(numbers(spent), others, "sweeping goes on");
    assert_eq!(store.condition().damaged, 1);
    let left = "SELECT count(*) FROM damaged.jeton_grants WHERE due_at <= $1";
    let at = std::time::UNIX_EPOCH + Duration::from_millis(later.as_millis());
    let due: i64 = client.query_one(left, &[&at]).await.expect("a count").get(0);
    assert_eq!(due, 2, "it is looked at again a day later");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn it_survives_being_closed() {
    survives(empty("survives").await, async |store: PostgresStore| {
        store.close();
        open("survives").await
    })
    .await;
}
