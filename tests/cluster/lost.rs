//! A standby that takes over without some commits makes the numbers of their events again: nobody who has
//! seen the first ones takes the second ones for them.

use jeton::service::Cursor;
use tonic::Code;

use crate::{
    answers::{answered, introspected},
    common::{admin::with_admin, home::Home, refusal::assert_refused, wait::until},
    database::Database,
    fleet::start_at,
    watcher::{Watcher, after},
};

/// Cuts both standbys off, once they have all that there is.
async fn cut_off_standbys(database: &Database) {
    let behind = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn < sent_lsn";
    until("the standbys to have all", async || database.run(behind) == "0").await;
    for standby in ["standby1", "standby2"] {
        database.run_at(standby, "ALTER SYSTEM SET primary_conninfo = ''");
        database.run_at(standby, "SELECT pg_reload_conf()");
        let receiving = "SELECT count(*) FROM pg_stat_wal_receiver";
        until("it to be cut off", async || database.run_at(standby, receiving) == "0").await;
    }
}

fn position_of(cursor: &str) -> u64 {
    Cursor::parse(cursor).expect("a cursor").position().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_watch_of_events_that_a_failover_has_lost_begins_again() {
    let database = Database::alone();
    database.run("ALTER SYSTEM SET synchronous_standby_names = ''");
    database.run("SELECT pg_reload_conf()");
    let server = start_at(&database, Home::new(), &with_admin()).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let (lost, other) = (shop.log_in().await, shop.log_in().await);
    let mut watch = Watcher::of(&gateway).await;
    let kept = gateway.cursor().await;
    cut_off_standbys(&database).await;
    // Both are in memory, and the revocation in the feed of this primary only.
    assert!(gateway.is_active(&other.access_token).await);
    shop.revoke(&lost.access_token).await.expect("revoked");
    let seen = gateway.cursor().await;
    watch.reach(&seen).await;
    database.signal("primary", "KILL");
    database.promote();
    // It takes the number of the event that is lost.
    answered("a revocation", async || shop.revoke(&other.access_token).await).await;
    let found = answered("an answer", async || introspected(&gateway, &other.access_token).await);
    assert!(!found.await.active);
    // The position shows which is newer: an answer of the feed that was lost, or one of the next.
    let kept_alive = shop.log_in().await;
    let answer = gateway.introspect(&kept_alive.access_token).await;
    let (position, lost) = (answer.feed_position, position_of(&seen));
    assert!(position > lost + u64::from(u32::MAX), "{position} comes after {lost}");
    let refused = Watcher::start(&gateway, after(&seen)).await;
    assert_refused(refused.map(drop), Code::OutOfRange, "CURSOR_OUT_OF_RANGE");
    // So is one from before the loss: nothing proves that no event came between.
    let refused = Watcher::start(&gateway, after(&kept)).await;
    assert_refused(refused.map(drop), Code::OutOfRange, "CURSOR_OUT_OF_RANGE");
    server.logs("the database has lost commits").await;
    server.stop().await;
}

/// Nobody is there to compare the feeds: the first instance that starts says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_standby_that_takes_over_while_no_instance_is_running_is_noticed_at_the_next_start() {
    let database = Database::alone();
    database.run("ALTER SYSTEM SET synchronous_standby_names = ''");
    database.run("SELECT pg_reload_conf()");
    let server = start_at(&database, Home::new(), &with_admin()).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let lost = shop.log_in().await;
    cut_off_standbys(&database).await;
    shop.revoke(&lost.access_token).await.expect("revoked");
    let seen = gateway.cursor().await;
    let home = server.stop().await;
    database.signal("primary", "KILL");
    let promoted = database.promote();
    let gone = "SELECT count(*) FROM jeton_instances
                WHERE number <> 0 AND seen_at > now() - interval '10 seconds'";
    until("nobody to be left", async || database.run_at(promoted.trim(), gone) == "0").await;

    let server = start_at(&database, home, &with_admin()).await;
    assert!(
        server.log().contains("has taken over while no instance was running"),
        "{}",
        server.log()
    );
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    assert!(shop.is_active(&lost.access_token).await, "its revocation is lost");
    let refused = Watcher::start(&gateway, after(&seen)).await;
    assert_refused(refused.map(drop), Code::OutOfRange, "CURSOR_OUT_OF_RANGE");
    let next = gateway.cursor().await;
    let home = server.stop().await;
    let server = start_at(&database, home, &with_admin()).await;
    assert!(!server.log().contains("has taken over"), "{}", server.log());
    let gateway = server.caller("gateway").await;
    Watcher::start(&gateway, after(&next)).await.expect("its cursors stay good");
    server.stop().await;
}
