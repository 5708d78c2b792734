//! An instance that dies or hangs is no other's trouble, and comes back to what the others have done.

use tokio::time::Instant;
use tonic::Code;

use crate::{
    answers::introspected,
    common::{admin::with_admin, home::Home, refusal::assert_refused},
    database::Database,
    fleet::{beside, callers, refused_in_time, start_at, three},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn one_that_is_killed_takes_nothing_with_it() {
    let database = Database::shared("killed");
    let [first, second, third] = three(&database).await;
    let (one, other) = (first.caller("shop").await, second.caller("shop").await);
    let (kept, ended) = (one.log_in().await, one.log_in().await);
    let refreshed = one.refresh(&kept.refresh_token).await.expect("a pair");
    one.revoke(&ended.access_token).await.expect("revoked");
    let revoked = Instant::now();
    let home = first.kill().await;
    assert!(other.is_active(&refreshed.access_token).await);
    refused_in_time(&other, &ended.access_token, revoked).await;
    // Asked again by a client that never got the answer.
    let again = other.refresh(&kept.refresh_token).await.expect("the same pair");
    assert_eq!(again.refresh_token, refreshed.refresh_token);
    let back = start_at(&database, home, &with_admin()).await;
    assert!(back.caller("shop").await.is_active(&refreshed.access_token).await);
    for instance in [second, third, back] {
        instance.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn one_that_hung_does_not_accept_what_was_revoked_meanwhile() {
    let database = Database::shared("hung");
    let instances = three(&database).await;
    let callers = callers(&instances, "shop").await;
    let login = callers[0].log_in().await;
    assert!(callers[1].is_active(&login.access_token).await);
    instances[1].signal("STOP");
    callers[0].revoke(&login.access_token).await.expect("revoked");
    let revoked = Instant::now();
    // Longer than memory is good for: the others' answers pace it.
    while revoked.elapsed() < crate::answers::MAX_STALENESS {
        drop(introspected(&callers[2], &login.access_token).await);
    }
    instances[1].signal("CONT");
    assert!(!introspected(&callers[1], &login.access_token).await.expect("an answer").active);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn those_that_start_at_once_on_a_new_database_all_serve() {
    let database = Database::shared("starting");
    let first = start_at(&database, Home::new(), &with_admin()).await;
    let keys = [beside(&first), beside(&first), beside(&first)];
    first.stop().await;
    // The same keys, and nothing else that is there.
    let database = Database::shared("starting");
    let settings = with_admin();
    let [one, two, three] = keys;
    let instances = tokio::join!(
        start_at(&database, one, &settings),
        start_at(&database, two, &settings),
        start_at(&database, three, &settings),
    );
    let instances: [_; 3] = instances.into();
    let callers = callers(&instances, "shop").await;
    let login = callers[0].log_in().await;
    for caller in &callers {
        assert!(caller.is_active(&login.access_token).await);
    }
    let nobody = callers[0].refresh("jrt_nothing").await;
    assert_refused(nobody, Code::Unauthenticated, "INVALID_GRANT");
}
