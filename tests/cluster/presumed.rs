//! An instance decides on what it remembers: nothing that others have changed meanwhile is accepted by it.

use jeton::proto::v1::{DisableUserRequest, EnableUserRequest};
use tokio::time::Instant;
use tonic::Code;

use crate::{
    common::{
        admin::{Admin, with_admin},
        caller::{Caller, by_password},
        home::Home,
        refusal::assert_refused,
        wait::until,
    },
    database::Database,
    fleet::{beside, callers, start_at, three},
};

/// Saves a table of records that can be disabled.
fn save(database: &Database, table: &str) {
    database.run(&format!("CREATE TABLE saved_{table} AS SELECT * FROM {table}"));
}

/// Has a table show the states that were saved, without an event: no instance learns of it.
fn restore(database: &Database, table: &str) {
    database.run(&format!(
        "UPDATE {table} AS now SET record = saved.record, disabled = saved.disabled, \
         version = -now.version FROM saved_{table} AS saved WHERE now.key = saved.key"
    ));
}

/// Logs in as soon as memory lets the client in, and refreshes twice: memory has what a refresh needs.
async fn remembered(caller: &Caller) -> String {
    until("to be let in", async || caller.issue(by_password("alice")).await.is_ok()).await;
    let mut token = caller.log_in().await.refresh_token;
    for _ in 0..2 {
        token = caller.refresh(&token).await.expect("a pair").refresh_token;
    }
    token
}

/// Insists that a refresh is refused, and that nothing of the grants was written.
async fn refused(database: &Database, caller: &Caller, token: &str) {
    let states = || database.run("SELECT sum(hashint8(version)) FROM jeton_grants");
    let before = states();
    let refused = caller.refresh(token).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    assert_eq!(states(), before, "a grant was written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_client_or_user_that_is_disabled_unheard_of_refreshes_nothing() {
    let database = Database::shared("unheard");
    let first = start_at(&database, Home::new(), &with_admin()).await;
    let second = start_at(&database, beside(&first), &with_admin()).await;
    let (shop, admin) = (first.caller("shop").await, Admin::of(&second).await);

    // At once, whether or not an event has come.
    let token = remembered(&shop).await;
    admin.set_disabled("shop", true).await;
    assert!(shop.refresh(&token).await.is_err(), "the client is disabled");
    save(&database, "jeton_clients");
    admin.set_disabled("shop", false).await;
    let token = remembered(&shop).await;
    restore(&database, "jeton_clients");
    refused(&database, &shop, &token).await;
    admin.set_disabled("shop", false).await;

    let token = remembered(&shop).await;
    let user_id = admin.user_id("alice").await;
    let request = DisableUserRequest { user_id: user_id.clone() };
    admin.stub.clone().disable_user(admin.signed(request)).await.expect("disabled");
    refused(&database, &shop, &token).await;
    save(&database, "jeton_users");
    let request = EnableUserRequest { user_id };
    admin.stub.clone().enable_user(admin.signed(request)).await.expect("enabled");
    let token = remembered(&shop).await;
    restore(&database, "jeton_users");
    refused(&database, &shop, &token).await;
    for instance in [first, second] {
        instance.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_grant_that_another_instance_has_refreshed_or_ended_is_no_other_one_to_the_first() {
    let database = Database::shared("remembering");
    let instances = three(&database).await;
    let [first, second, third] = callers(&instances, "shop").await;
    for round in 0..10 {
        // The first one remembers the first pair, and the second one makes the next.
        let login = first.log_in().await;
        let next = second.refresh(&login.refresh_token).await.expect("a pair");
        let again = first.refresh(&login.refresh_token).await.expect("the same pair");
        assert_eq!(again.refresh_token, next.refresh_token, "round {round}");
        assert_eq!(again.access_token, next.access_token, "round {round}");
        let third_pair = first.refresh(&next.refresh_token).await.expect("the pair after it");
        let again = third.refresh(&next.refresh_token).await.expect("the same pair");
        assert_eq!(again.refresh_token, third_pair.refresh_token, "round {round}");

        // A replay at an instance that remembers the replayed pair as the current one.
        if round % 2 == 0 {
            let replayed = first.log_in().await;
            let next = second.refresh(&replayed.refresh_token).await.expect("a pair");
            let last = third.refresh(&next.refresh_token).await.expect("the pair after it");
            let refused = first.refresh(&replayed.refresh_token).await;
            assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
            for caller in [&first, &second, &third] {
                let refused = caller.refresh(&last.refresh_token).await;
                assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
            }
        }
        // At once, although no event may have come.
        second.revoke(&third_pair.access_token).await.expect("revoked");
        let refused = first.refresh(&third_pair.refresh_token).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
        first.revoke(&third_pair.access_token).await.expect("revoked before");
    }
}

/// What an instance remembers costs no read, and so no barrier: those that pass are the periodic ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_chain_of_refreshes_at_one_instance_waits_for_no_barrier() {
    const MANY: u64 = 200;
    let database = Database::shared("chain");
    let server = start_at(&database, Home::new(), &with_admin()).await;
    let shop = server.caller("shop").await;
    let mut token = remembered(&shop).await;
    let ops = server.ops().await;
    let barriers = async || ops.metrics().await.count("jeton_store_barrier_seconds_count");
    let (before, began) = (barriers().await, Instant::now());
    for _ in 0..MANY {
        token = shop.refresh(&token).await.expect("a pair").refresh_token;
    }
    // One each tenth of a second.
    let periodic = u64::try_from(began.elapsed().as_millis() / 100).expect("not long") + 2;
    let passed = barriers().await - before;
    assert!(passed <= periodic, "{passed} barriers for {MANY} refreshes, {periodic} periodic ones");
    server.stop().await;
}
