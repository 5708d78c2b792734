//! An instance that requires a standby serves nothing while the database commits alone.

use tonic::Code;

use crate::{
    answers::answered,
    common::{
        admin::with_admin,
        caller::{Caller, by_password},
        home::Home,
        server::Server,
        wait::until,
    },
    database::Database,
};

fn confirm(database: &Database, standbys: &str) {
    database.run(&format!("ALTER SYSTEM SET synchronous_standby_names = '{standbys}'"));
    database.run("SELECT pg_reload_conf()");
}

/// Insists that no request is acknowledged.
async fn refuses(caller: &Caller, access: &str, refresh: &str) {
    let refused = [
        caller.issue(by_password("alice")).await.map(drop),
        caller.refresh(refresh).await.map(drop),
        caller.revoke(access).await,
    ];
    for refused in refused {
        assert_eq!(refused.expect_err("nobody else has it").code(), Code::Unavailable);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn an_instance_that_requires_a_standby_acknowledges_nothing_without_one() {
    let database = Database::alone();
    let environment = [("JETON_STORE_URL", database.url()), ("JETON_REQUIRE_STANDBY", "true")];
    let settled = "SELECT pg_conf_load_time() < clock_timestamp() - interval '1 second'";
    until("the settings to be a second old", async || database.run(settled) == "t").await;
    let server = Server::start_with(Home::new(), &with_admin(), &environment).await;
    let (shop, ops) = (server.caller("shop").await, server.ops().await);
    let login = shop.log_in().await;
    confirm(&database, "");
    until("the barrier to notice", async || ops.get("/readyz").await.0 == 503).await;
    refuses(&shop, &login.access_token, &login.refresh_token).await;
    assert!(server.log().contains("the commits of this server wait for no standby"));
    let late = Server::fail_to_start_with(server.home(), &with_admin(), &environment).await;
    assert!(late.contains("the commits of this server wait for no standby"), "{late}");

    confirm(&database, "ANY 1 (standby1, standby2)");
    answered("a refresh", async || shop.refresh(&login.refresh_token).await).await;
    until("ready again", async || ops.get("/readyz").await.0 == 200).await;
    server.stop().await;
}
