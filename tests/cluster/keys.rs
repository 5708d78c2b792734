//! Instances share the server keys: one that lacks them does not start, or answers that it does not
//! know.

use std::fs;

use jeton::domain::token::Token;
use tokio::task::spawn_blocking;
use tonic::Code;

use crate::{
    answers::introspected,
    common::{
        admin::with_admin,
        caller::Caller,
        command::{jeton, succeed, text},
        home::Home,
        refusal::assert_refused,
        server::Server,
        wait::until,
    },
    database::Database,
    fleet::{beside, start_at},
};

/// Returns the error of a start, which a check must report as well.
async fn fails_at(database: &Database, home: &Home) -> String {
    fails_with(database.url(), home).await
}

async fn fails_with(url: &str, home: &Home) -> String {
    let environment = [("JETON_STORE_URL", url)];
    let log = Server::fail_to_start_with(home, &with_admin(), &environment).await;
    let last = log.lines().last().expect("why it ended");
    let config = home.path().join("jeton.toml");
    let arguments = ["check", "--deep", "--output", "json", "--config", text(&config)];
    let mut check = jeton(home, &arguments);
    let free = ["JETON_GRPC_LISTEN", "JETON_HTTP_LISTEN", "JETON_OPS_LISTEN"];
    check.env("JETON_STORE_URL", url).envs(free.map(|name| (name, "127.0.0.1:0")));
    let output = spawn_blocking(move || check.output()).await.expect("it ended");
    let checked = output.expect("jeton runs").stdout;
    let checked: serde_json::Value = serde_json::from_slice(&checked).expect("JSON");
    let mut findings = checked.as_array().expect("a list").iter();
    let refused = findings.any(|finding| {
        let found = finding["found"].as_str().unwrap_or_default();
        finding["level"] == "error" && last.contains(found)
    });
    assert!(refused, "{last} is not in {checked:#}");
    log
}

/// Adds a key to the ring of an instance.
fn add(home: &Home) -> String {
    let keys = home.keys();
    let new: &[&str] = if keys.exists() { &[] } else { &["--new"] };
    let added = succeed(home, &[&["key", "add", "--keys", text(&keys)], new].concat());
    added["key_id"].as_str().expect("an id").to_owned()
}

fn activate(home: &Home, id: &str) {
    let keys = home.keys();
    succeed(home, &["key", "activate", id, "--keys", text(&keys)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn an_instance_without_the_keys_of_the_others_does_not_start() {
    let database = Database::shared("foreign_keys");
    let first = start_at(&database, Home::new(), &with_admin()).await;
    let token = first.caller("shop").await.log_in().await.access_token;

    let none = Home::new();
    let log = fails_at(&database, &none).await;
    assert!(log.contains("the key ring has none of the keys"), "{log}");
    assert!(!none.keys().exists(), "none was made in its place");

    let foreign = Home::new();
    add(&foreign);
    let log = fails_at(&database, &foreign).await;
    assert!(log.contains("the key ring has none of the keys"), "{log}");

    // One of two is not enough: tokens of the other would be neither good nor bad here.
    let half = beside(&first);
    let second = add(first.home());
    activate(first.home(), &second);
    first.logs(&format!("\"active\":\"{second}\"")).await;
    let log = fails_at(&database, &half).await;
    assert!(log.contains(&format!("lacks the key {second}")), "{log}");
    assert!(first.caller("shop").await.is_active(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn of_two_that_start_at_once_with_a_ring_each_one_goes_on() {
    let database = Database::shared("two_rings");
    let (one, other) = (Home::new(), Home::new());
    let ids = [add(&one), add(&other)];
    let settings = with_admin();
    let url = [("JETON_STORE_URL", database.url())];
    let (one, other) = tokio::join!(
        Server::try_start_with(one, &settings, &url),
        Server::try_start_with(other, &settings, &url)
    );
    let started = [&one, &other].iter().filter(|started| started.is_ok()).count();
    assert_eq!(started, 1, "of {ids:?}");
    let refused = [one, other].into_iter().find_map(Result::err).expect("one");
    assert!(refused.1.contains("key ring"), "{}", refused.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_key_activated_at_one_is_never_garbage_to_another_that_lacks_it() {
    let database = Database::shared("activation");
    let first = start_at(&database, Home::new(), &with_admin()).await;
    let second = start_at(&database, beside(&first), &with_admin()).await;
    let third = start_at(&database, beside(&first), &with_admin()).await;
    let id = add(first.home());
    let name = format!("{id}.key");
    fs::copy(first.home().keys().join(&name), second.home().keys().join(&name)).expect("copied");
    second.logs("the key ring has changed").await;
    activate(first.home(), &id);
    first.logs(&format!("\"active\":\"{id}\"")).await;

    let (here, there) = (first.caller("shop").await, second.caller("shop").await);
    let lacking: Caller = third.caller("shop").await;
    let login = here.log_in().await;
    // The very first question: the third does not know of the key yet.
    let refused = introspected(&lacking, &login.access_token).await;
    assert_refused(refused, Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
    assert!(there.is_active(&login.access_token).await);
    let refreshed = there.refresh(&login.refresh_token).await.expect("a pair");
    assert!(here.is_active(&refreshed.access_token).await);

    fs::copy(first.home().keys().join(&name), third.home().keys().join(&name)).expect("copied");
    until("to be known at the third", async || {
        introspected(&lacking, &refreshed.access_token).await.is_ok_and(|told| told.active)
    })
    .await;
}

/// Asks a server whether it needs a key, and removes the key's file if it does not.
async fn remove(server: &Server, id: &str) -> (Option<i32>, String) {
    let (keys, url) = (server.home().keys(), server.url());
    let asked = ["key", "remove", id, "--keys", text(&keys), "--server", &url];
    let mut command = jeton(server.home(), &[&asked[..], &["--client-id", "root"]].concat());
    command.env("JETON_CLIENT_SECRET", "root-secret");
    let output = spawn_blocking(move || command.output()).await.expect("it ended");
    let output = output.expect("jeton runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_key_stays_while_a_grant_of_another_instance_names_it_and_then_goes() {
    let database = Database::shared("key_removal");
    let first = start_at(&database, Home::new(), &with_admin()).await;
    let second = start_at(&database, beside(&first), &with_admin()).await;
    let there = second.caller("shop").await;
    let login = there.log_in().await;
    let old = Token::parse(&login.access_token).expect("a token").key_id.to_string();
    let new = add(first.home());
    let name = format!("{new}.key");
    fs::copy(first.home().keys().join(&name), second.home().keys().join(&name)).expect("copied");
    second.logs("the key ring has changed").await;
    for instance in [&first, &second] {
        activate(instance.home(), &new);
        instance.logs(&format!("\"active\":\"{new}\"")).await;
    }
    for instance in [&first, &second] {
        let (code, said) = remove(instance, &old).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("may be needed"), "{said}");
        assert!(instance.home().keys().join(format!("{old}.key")).exists());
    }
    assert!(there.is_active(&login.access_token).await);

    // With its grant goes what names it.
    there.revoke(&login.refresh_token).await.expect("revoked");
    assert_eq!(remove(&first, &old).await, (Some(0), String::new()));
    let key = format!("SELECT count(*) FROM jeton_keys WHERE key_id = '\\x{old}'");
    until("to be off the list", async || database.run(&key) == "0").await;
    let none_left = first.stop().await;
    let back = start_at(&database, none_left, &with_admin()).await;
    assert!(back.caller("shop").await.is_active(&there.log_in().await.access_token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_user_that_may_not_create_tables_is_refused_by_a_start_and_by_a_check_alike() {
    let database = Database::shared("no_create");
    database.run("DROP ROLE IF EXISTS weak");
    database.run("CREATE ROLE weak LOGIN");
    let url = database.url().replacen("jeton@", "weak@", 1);
    let log = fails_with(&url, &Home::new()).await;
    assert!(log.contains("the database refuses: "), "{log}");
}
