//! A store moves from its directory into a database or back, and nobody has to log in again.

use std::process::Stdio;

use jeton::proto::v1::{IssueTokenResponse, RefreshTokenResponse};
use tokio::task::JoinSet;

use crate::{
    common::{
        admin::{Admin, with_admin},
        caller::{by_password, client_credentials},
        command::{fail, jeton, succeed, text},
        home::Home,
        server::Server,
        wait::until,
    },
    database::Database,
    fleet::start_at,
};

/// Grants of before a move: one as it was issued, one that was refreshed, one that has ended.
struct Before {
    kept: IssueTokenResponse,
    refreshed: IssueTokenResponse,
    pair: RefreshTokenResponse,
    ended: IssueTokenResponse,
}

impl Before {
    /// Makes them, and a user.
    async fn made_at(server: &Server) -> Self {
        Admin::of(server).await.create_user("carol").await.expect("a user");
        let shop = server.caller("shop").await;
        let (kept, refreshed, ended) =
            (shop.log_in().await, shop.log_in().await, shop.log_in().await);
        let pair = shop.refresh(&refreshed.refresh_token).await.expect("a pair");
        shop.revoke(&ended.access_token).await.expect("revoked");
        Self { kept, refreshed, pair, ended }
    }

    /// All of it is there at another server, and the retry too, but what had ended.
    async fn lives_at(&self, moved: &Server) {
        let shop = moved.caller("shop").await;
        assert!(shop.is_active(&self.kept.access_token).await);
        assert!(shop.is_active(&self.pair.access_token).await);
        assert!(!shop.is_active(&self.ended.access_token).await);
        let again = shop.refresh(&self.refreshed.refresh_token).await.expect("the same pair");
        assert_eq!(again.refresh_token, self.pair.refresh_token);
        shop.refresh(&self.kept.refresh_token).await.expect("a pair");
        Admin::of(moved).await.user("carol").await.expect("the user");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn what_lived_in_the_directory_lives_in_the_database_and_what_had_ended_does_not() {
    let database = Database::shared("moving");
    let settings = with_admin();
    let server = Server::start(&settings).await;
    let before = Before::made_at(&server).await;

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
    before.lives_at(&moved).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn what_lived_in_the_database_lives_in_a_directory_and_what_had_ended_does_not() {
    let database = Database::shared("moving_back");
    let settings = with_admin();
    let server = start_at(&database, Home::new(), &settings).await;
    let before = Before::made_at(&server).await;

    let to = format!("sled:{}", text(&server.home().data()));
    let arguments = ["migrate", "--from", database.url(), "--to", &to];
    let said = fail(server.home(), &arguments);
    assert!(said.contains("the store is in use"), "{said}");
    assert!(!said.contains(database.url()), "a URL is never shown: {said}");
    let home = server.stop().await;
    // Until it is certain that the server is gone.
    until("to be moved", async || {
        let moved = jeton(&home, &arguments).output().expect("jeton runs");
        let said = String::from_utf8_lossy(&moved.stderr);
        assert!(moved.status.success() || said.contains("the store is in use"), "{said}");
        moved.status.success()
    })
    .await;
    let said = fail(&home, &arguments);
    assert!(said.contains("the directory is not empty"), "{said}");

    let moved = Server::start_with(home, &settings, &[]).await;
    before.lives_at(&moved).await;
    moved.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn grants_live_through_a_move_there_and_back_and_end_when_they_would_have() {
    let database = Database::shared("there_and_back");
    let settings = with_admin();
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let (kept, ended) = (shop.log_in().await, shop.log_in().await);
    let issued = shop.introspect(&kept.access_token).await;
    let home = server.stop().await;
    let data = format!("sled:{}", text(&home.data()));
    succeed(&home, &["migrate", "--from", &data, "--to", database.url()]);

    let server = start_at(&database, home, &settings).await;
    let shop = server.caller("shop").await;
    let there = shop.introspect(&kept.access_token).await;
    assert_eq!((there.subject, there.expire_time), (issued.subject, issued.expire_time));
    let pair = shop.refresh(&kept.refresh_token).await.expect("a pair");
    let refreshed = shop.introspect(&pair.access_token).await;
    shop.revoke(&ended.refresh_token).await.expect("revoked");
    let home = server.stop().await;

    std::fs::remove_dir_all(home.data()).expect("it is out of date");
    until("to be moved back", async || {
        let mut back = jeton(&home, &["migrate", "--from", "postgres", "--to", &data]);
        let back = back.env("JETON_STORE_URL", database.url()).output().expect("jeton runs");
        let said = String::from_utf8_lossy(&back.stderr);
        assert!(back.status.success() || said.contains("the store is in use"), "{said}");
        back.status.success()
    })
    .await;
    let server = Server::start_with(home, &settings, &[]).await;
    let shop = server.caller("shop").await;
    let back = shop.introspect(&pair.access_token).await;
    assert_eq!((back.subject, back.expire_time), (refreshed.subject, refreshed.expire_time));
    let again = shop.refresh(&kept.refresh_token).await.expect("the same pair");
    assert_eq!(
        (again.refresh_token, again.refresh_expire_time),
        (pair.refresh_token, pair.refresh_expire_time)
    );
    assert!(!shop.is_active(&ended.access_token).await);
    server.stop().await;
}

/// Everything in the database that is of the service, and of no one process.
fn contents(database: &Database) -> Vec<String> {
    let of = |table: &str| {
        let rows = "md5(string_agg(encode(key, 'hex') || encode(record, 'hex'), ',' ORDER BY key))";
        database.run(&format!("SELECT count(*), {rows} FROM {table}"))
    };
    let tables = ["jeton_grants", "jeton_clients", "jeton_users", "jeton_attempts"];
    let mut all: Vec<_> = tables.map(of).into();
    all.push(database.run("SELECT string_agg(encode(key_id, 'hex'), ',') FROM jeton_keys"));
    all.push(database.run("SELECT head, trimmed FROM jeton_feed"));
    all
}

/// Long enough to be met in the middle.
const MANY: usize = 4_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn what_was_cut_off_is_no_store_and_done_again_it_is_what_it_would_have_been_at_once() {
    let settings = with_admin().declare("shop", "max_grants", "100000");
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let kept = shop.log_in().await;
    let wrong = by_password("nobody");
    shop.issue(wrong).await.expect_err("there is no such user");
    let mut logins = JoinSet::new();
    for _ in 0..16 {
        let shop = shop.clone();
        logins.spawn(async move {
            for _ in 0..MANY / 16 {
                shop.issue(client_credentials()).await.expect("a token");
            }
        });
    }
    logins.join_all().await;
    let home = server.stop().await;
    let data = home.data();
    let from = format!("sled:{}", text(&data));

    let (whole, cut) = (Database::shared("moved_at_once"), Database::shared("moved_again"));
    let moved = succeed(&home, &["migrate", "--from", &from, "--to", whole.url()]);
    assert_eq!(moved["grants"], MANY + 1);

    let mut first = jeton(&home, &["migrate", "--from", &from, "--to", cut.url()]);
    let mut first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let some = "SELECT count(*) FROM pg_stat_user_tables \
                WHERE relname = 'jeton_grants' AND pg_relation_size(relid) > 0";
    until("grants to be there", async || cut.run(some) == "1").await;
    first.kill().expect("it runs");
    first.wait().expect("it ended");
    let copied: usize = cut.run("SELECT count(*) FROM jeton_grants").parse().expect("a number");
    assert!((1..=MANY).contains(&copied), "{copied} were copied before it was killed");
    let said =
        Server::fail_to_start_with(&home, &settings, &[("JETON_STORE_URL", cut.url())]).await;
    assert!(said.contains("did not finish: run it again"), "{said}");

    // Until it is certain that the first one is gone.
    until("to be free again", async || {
        let again = jeton(&home, &["migrate", "--from", &from, "--to", cut.url()]).output();
        let again = again.expect("jeton runs");
        let said = String::from_utf8_lossy(&again.stderr);
        assert!(again.status.success() || said.contains("the store is in use"), "{said}");
        again.status.success()
    })
    .await;
    assert_eq!(contents(&cut), contents(&whole));
    let server = start_at(&cut, home, &settings).await;
    let shop = server.caller("shop").await;
    assert!(shop.is_active(&kept.access_token).await);
    shop.refresh(&kept.refresh_token).await.expect("a pair");
    server.stop().await;
}
