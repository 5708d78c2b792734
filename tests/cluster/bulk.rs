//! Bulk work over a database that is some way off: it takes its time, says how far it is, and is done.

use std::time::Duration;

use jeton::proto::v1::RevokeGrantsRequest;
use tokio::task::spawn_blocking;

use crate::{
    common::{
        admin::{Admin, with_admin},
        caller::by_password,
        command::{jeton, text},
        home::Home,
        server::Server,
        settings::{Settings, Table},
    },
    database::Database,
    proxy::Proxy,
};

/// Distance of the database, there and back.
const FAR: Duration = Duration::from_millis(10);
/// So far that hundreds of writes, some at a time, take longer than the time between two reports.
const FARTHER: Duration = Duration::from_millis(100);

/// The standard settings with an administrator and so many users more.
fn with_users(count: usize) -> Settings {
    let users = (0..count).map(|number| Table::user(format!("user{number}").leak()));
    users.fold(with_admin(), Settings::and)
}

async fn far(database: &Database, distance: Duration) -> Proxy {
    let way = Proxy::to(database.primary()).await;
    way.delay(distance);
    way
}

async fn starts(database: &str, users: usize, distance: Duration) {
    let database = Database::shared(database);
    let way = far(&database, distance).await;
    let url = [("JETON_STORE_URL", &*database.url_at(way.address()))];
    let server = Server::start_with(Home::new(), &with_users(users), &url).await;
    assert!(server.log().contains("writing declared users"), "{}", server.log());
    let last = format!("user{}", users - 1);
    server.caller("shop").await.issue(by_password(&last)).await.expect("a login");
    assert_eq!(database.run("SELECT count(*) FROM jeton_users"), (users + 2).to_string());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn an_instance_with_hundreds_of_declared_users_starts_and_says_how_far_it_is() {
    starts("many_declared", 300, FARTHER).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn hundreds_of_users_are_moved_and_it_is_told_how_far_that_is() {
    let home = Server::start(&with_users(300)).await.stop().await;
    let database = Database::shared("many_moved");
    let way = far(&database, FARTHER).await;
    let (from, to) = (format!("sled:{}", text(&home.data())), database.url_at(way.address()));
    let mut migrate = jeton(&home, &["migrate", "--from", &from, "--to", &to]);
    let moved = spawn_blocking(move || migrate.output()).await.expect("it ended");
    let moved = moved.expect("jeton runs");
    let said = String::from_utf8_lossy(&moved.stderr);
    assert!(moved.status.success(), "{said}");
    assert!(said.contains("copied so far: 7 clients, "), "{said}");
    assert_eq!(database.run("SELECT count(*) FROM jeton_users"), "302");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn hundreds_of_grants_of_a_user_with_a_client_are_ended_one_by_one() {
    const GRANTS: usize = 300;
    let database = Database::shared("many_ended");
    let way = far(&database, Duration::ZERO).await;
    let url = [("JETON_STORE_URL", &*database.url_at(way.address()))];
    let settings = with_admin().declare("shop", "max_grants", "1000");
    let server = Server::start_with(Home::new(), &settings, &url).await;
    let shop = server.caller("shop").await;
    let mut newest = String::new();
    for _ in 0..GRANTS {
        newest = shop.log_in().await.access_token;
    }
    let subject = shop.introspect(&newest).await.subject;
    way.delay(FAR);
    let request =
        RevokeGrantsRequest { subject, client_id: "shop".to_owned(), ..Default::default() };
    let revoked = Admin::of(&server).await.revoke_grants(request).await.expect("all are ended");
    assert_eq!(revoked.count, GRANTS as u64);
    let alive = database.run("SELECT count(*) FROM jeton_grants WHERE NOT revoked");
    assert_eq!(alive, "0");
    assert!(!shop.is_active(&newest).await);
    server.stop().await;
}
