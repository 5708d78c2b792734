//! A database that acknowledges commits too early by its settings is noticed, at start and after a failover.

use tonic::Code;

use crate::{
    answers::answered,
    common::{admin::with_admin, caller::by_password, home::Home},
    database::Database,
    fleet::start_at,
};

const WEAK: &str = "synchronous_commit is weak by default";
const ALONE: &str = "the database's commits wait for no standby";

fn set(database: &Database, node: &str, setting: &str) {
    database.run_at(node, &format!("ALTER SYSTEM SET {setting}"));
    database.run_at(node, "SELECT pg_reload_conf()");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn commits_that_are_weak_by_default_wait_for_a_standby_all_the_same() {
    let database = Database::alone();
    set(&database, "primary", "synchronous_commit = 'local'");
    let server = start_at(&database, Home::new(), &with_admin()).await;
    server.logs(WEAK).await;
    let shop = server.caller("shop").await;
    let login = shop.log_in().await;
    for standby in ["standby1", "standby2"] {
        database.signal(standby, "STOP");
    }
    let refused = [
        shop.issue(by_password("alice")).await.map(drop),
        shop.refresh(&login.refresh_token).await.map(drop),
        shop.revoke(&login.access_token).await,
    ];
    for refused in refused {
        let status = refused.expect_err("no standby has it");
        assert!(matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded), "{status:?}");
    }
    for standby in ["standby1", "standby2"] {
        database.signal(standby, "CONT");
    }
    answered("a login", async || shop.issue(by_password("alice")).await).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_database_without_standbys_is_named_at_the_start_and_a_weak_one_that_takes_over_at_once()
{
    let database = Database::alone();
    let home = start_at(&database, Home::new(), &with_admin()).await.stop().await;
    set(&database, "primary", "synchronous_standby_names = ''");
    let server = start_at(&database, home, &with_admin()).await;
    server.logs(ALONE).await;
    let home = server.stop().await;
    set(&database, "primary", "synchronous_standby_names = 'ANY 1 (standby1, standby2)'");
    for standby in ["standby1", "standby2"] {
        set(&database, standby, "synchronous_commit = 'remote_write'");
    }
    let server = start_at(&database, home, &with_admin()).await;
    assert!(!server.log().contains(ALONE) && !server.log().contains(WEAK), "{}", server.log());
    database.signal("primary", "KILL");
    database.promote();
    server.logs(WEAK).await;
    server.stop().await;
}
