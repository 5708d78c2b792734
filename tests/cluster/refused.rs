//! A database that refuses: its own words reach the operator, and a start and a check refuse alike.

use std::{process::Output, time::Duration};

use jeton::proto::v1::Client;
use serde_json::Value;
use tokio::task::spawn_blocking;
use tonic::Code;

use crate::{
    common::{
        admin::{Admin, with_admin},
        caller::by_password,
        command::{jeton, text},
        home::Home,
        refusal::assert_refused,
        server::Server,
        settings::Settings,
    },
    database::Database,
    fleet::start_at,
};

/// Runs a command of the settings file, with this database.
async fn run(home: &Home, url: &str, arguments: &[&str]) -> Output {
    run_with(home, &with_admin(), url, arguments).await
}

async fn run_with(home: &Home, settings: &Settings, url: &str, arguments: &[&str]) -> Output {
    let file = home.write(settings);
    let mut command = jeton(home, &[arguments, &["--config", text(&file)]].concat());
    command.env("JETON_STORE_URL", url).env("JETON_LOG_FORMAT", "json");
    command
        .envs(["GRPC", "HTTP", "OPS"].map(|name| (format!("JETON_{name}_LISTEN"), "127.0.0.1:0")));
    let output = spawn_blocking(move || command.output()).await.expect("it ended");
    output.expect("jeton runs")
}

/// Returns the reason for which a start ends, the last line of its log.
async fn start_refused(home: &Home, url: &str) -> String {
    end_of_log(run(home, url, &["serve"]).await)
}

fn end_of_log(output: Output) -> String {
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{said}");
    let last: Value = serde_json::from_str(said.lines().last().expect("a line")).expect("JSON");
    last["message"].as_str().expect("a message").to_owned()
}

/// Returns the findings of `check --deep` about the store, each with its level.
async fn checked(home: &Home, url: &str) -> Vec<(String, String)> {
    let output = run(home, url, &["check", "--deep", "--output", "json"]).await;
    findings(&output, "store")
}

/// Returns the findings about a subject, each with its level.
fn findings(output: &Output, subject: &str) -> Vec<(String, String)> {
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let wanted = found.iter().filter(|finding| finding["subject"] == subject);
    let field = |finding: &Value, name: &str| finding[name].as_str().expect("text").to_owned();
    wanted.map(|finding| (field(finding, "level"), field(finding, "found"))).collect()
}

/// Insists that a start and a check refuse the database, in the same words, and hands these on.
async fn refused_alike(home: &Home, url: &str) -> String {
    let said = start_refused(home, url).await;
    let found = checked(home, url).await;
    let [(level, found)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(level, "error");
    assert_eq!(&said, found);
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_pooler_of_transactions_in_between_is_refused_by_start_and_check_alike_and_one_of_sessions_is_not()
 {
    let database = Database::shared("pooled");
    let home = Home::new();
    let said = refused_alike(&home, &database.url_of_pooler("transaction")).await;
    assert!(said.contains("a connection pooler in transaction mode is in between"), "{said}");

    let server = start_at(&database, home, &with_admin()).await;
    let found = checked(server.home(), &database.url_of_pooler("session")).await;
    assert!(matches!(&found[..], [(level, _)] if level == "good"), "{found:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn commits_that_are_weak_by_default_are_named_by_start_and_check() {
    const WEAK: &str = "synchronous_commit is weak by default";
    let database = Database::shared("weak");
    let named = async |home: &Home| {
        let found = checked(home, database.url()).await;
        found.iter().any(|(level, found)| level == "warning" && found.contains(WEAK))
    };
    let home = start_at(&database, Home::new(), &with_admin()).await.stop().await;
    assert!(!named(&home).await);
    let name = database.run("SELECT current_database()");
    database.run(&format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    let server = start_at(&database, home, &with_admin()).await;
    server.logs(WEAK).await;
    assert!(named(server.home()).await);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_user_without_the_right_to_create_reads_what_the_database_says_at_start_and_check() {
    let database = Database::shared("unwilling");
    database.run("CREATE ROLE bare LOGIN");
    database.run("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let said = refused_alike(&Home::new(), &database.url_as("bare")).await;
    assert!(said.contains("permission denied for schema public (SQLSTATE 42501)"), "{said}");
    // The advice of the database itself is part of it.
    database.run(
        "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE EXCEPTION 'no tables on Mondays' USING HINT = 'ask the owner'; END $$",
    );
    database.run("CREATE EVENT TRIGGER refuse ON ddl_command_start EXECUTE FUNCTION refuse()");
    let said = refused_alike(&Home::new(), database.url()).await;
    assert!(said.contains("no tables on Mondays (SQLSTATE P0001); hint: ask the owner"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_store_that_a_newer_release_wrote_or_that_is_half_filled_is_refused_by_start_and_check_alike()
 {
    let database = Database::shared("other_stores");
    let home = start_at(&database, Home::new(), &with_admin()).await.stop().await;
    database.run("UPDATE jeton_store SET schema = 99");
    let said = refused_alike(&home, database.url()).await;
    assert!(said.contains("the store has schema 99, this release knows 5"), "{said}");
    database.run("UPDATE jeton_store SET schema = 5, filling = true");
    let said = refused_alike(&home, database.url()).await;
    assert!(said.contains("a migration or restore into it did not finish"), "{said}");
    database.run("UPDATE jeton_store SET filling = false");
    start_at(&database, home, &with_admin()).await.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn what_the_database_says_while_it_serves_is_in_the_log_and_not_in_the_answer() {
    let database = Database::shared("saying");
    let server: Server = start_at(&database, Home::new(), &with_admin()).await;
    let shop = server.caller("shop").await;
    database.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE EXCEPTION 'no grants on Mondays' USING HINT = 'ask the owner'; END $$",
    );
    database.run("CREATE TRIGGER refuse BEFORE INSERT ON jeton_grants EXECUTE FUNCTION refuse()");
    let refused = shop.issue(by_password("alice")).await;
    let status = assert_refused(refused, Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
    assert!(!status.message().contains("Mondays"), "{status:?}");
    server.logs("no grants on Mondays (SQLSTATE P0001); hint: ask the owner").await;
    database.run("DROP TRIGGER refuse ON jeton_grants");
    shop.log_in().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_declaration_that_does_not_fit_what_an_administrator_changed_is_refused_by_start_and_check_alike()
 {
    const CHECK: [&str; 4] = ["check", "--deep", "--output", "json"];
    let database = Database::shared("disagreeing");
    let server = start_at(&database, Home::new(), &with_admin()).await;
    let minutes = prost_types::Duration::try_from(Duration::from_secs(600)).ok();
    let client = Client {
        client_id: "shop".to_owned(),
        access_token_ttl: minutes,
        grant_ttl: minutes,
        ..Client::default()
    };
    let admin = Admin::of(&server).await;
    admin.update_client(client, &["access_token_ttl", "grant_ttl"]).await.expect("it fits");
    let settings = with_admin().declare("shop", "access_token_ttl", r#""1h""#);
    // Beside a server as well: a database has room for many readers.
    let beside = run_with(server.home(), &settings, database.url(), &CHECK).await;
    let home = server.stop().await;
    let said = end_of_log(run_with(&home, &settings, database.url(), &["serve"]).await);
    assert!(said.contains("the declared client shop: client.access_token_ttl: must be at most"));
    let alone = run_with(&home, &settings, database.url(), &CHECK).await;
    for checked in [beside, alone] {
        let found = findings(&checked, "declared");
        assert!(found.contains(&("error".to_owned(), said.clone())), "{said}: {found:?}");
    }
    let settings = settings.declare("shop", "disabled", "true");
    let found = findings(&run_with(&home, &settings, database.url(), &CHECK).await, "declared");
    assert!(found.iter().all(|(level, _)| level == "good"), "{found:?}");
}
