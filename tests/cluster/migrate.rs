//! A store moves from its directory into a database, and nobody has to log in again.

use crate::{
    common::{
        admin::{Admin, with_admin},
        command::{fail, succeed, text},
        home::Home,
        server::Server,
    },
    database::Database,
    fleet::start_at,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn what_lived_in_the_directory_lives_in_the_database_and_what_had_ended_does_not() {
    let database = Database::shared("moving");
    let settings = with_admin();
    let server = Server::start(&settings).await;
    Admin::of(&server).await.create_user("carol").await.expect("a user");
    let shop = server.caller("shop").await;
    let (kept, refreshed, ended) = (shop.log_in().await, shop.log_in().await, shop.log_in().await);
    let pair = shop.refresh(&refreshed.refresh_token).await.expect("a pair");
    shop.revoke(&ended.access_token).await.expect("revoked");

    let data = server.home().data();
    let from = format!("sled:{}", text(&data));
    let arguments = ["migrate", "--from", &from, "--to", database.url()];
    let said = fail(server.home(), &arguments);
    assert!(said.contains("in use by another process"), "{said}");
    let home = server.stop().await;
    let moved = succeed(&home, &arguments);
    assert_eq!((&moved["grants"], &moved["users"]), (&3.into(), &3.into()));
    let said = fail(&home, &arguments);
    assert!(said.contains("holds a store already"), "{said}");

    let moved = start_at(&database, home, &settings).await;
    let shop = moved.caller("shop").await;
    assert!(shop.is_active(&kept.access_token).await);
    assert!(shop.is_active(&pair.access_token).await);
    assert!(!shop.is_active(&ended.access_token).await);
    let again = shop.refresh(&refreshed.refresh_token).await.expect("the same pair");
    assert_eq!(again.refresh_token, pair.refresh_token);
    shop.refresh(&kept.refresh_token).await.expect("a pair");
    Admin::of(&moved).await.user("carol").await.expect("the user");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_database_that_a_server_has_open_is_not_filled() {
    let database = Database::shared("not_moving");
    let source = Server::start(&with_admin()).await.stop().await;
    let serving = start_at(&database, Home::new(), &with_admin()).await;
    let from = format!("sled:{}", text(&source.data()));
    let said = fail(&source, &["migrate", "--from", &from, "--to", database.url()]);
    assert!(said.contains("holds a store already"), "{said}");
    serving.stop().await;
}
