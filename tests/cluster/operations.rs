//! Commands of jeton on a store in a database, and their refusals.

use std::process::Output;

use jeton::proto::v1::issue_token_request::Grant;
use serde_json::Value;
use tokio::task::spawn_blocking;
use tonic::Code;

use crate::{
    common::{
        admin::{Admin, with_admin},
        caller::by_password,
        command::{jeton, succeed, text},
        home::Home,
        refusal::assert_refused,
        server::Server,
        wait::until,
    },
    database::Database,
    fleet::{beside, start_at, three},
};

/// Runs a command with the database in its environment.
async fn run(home: &Home, database: &Database, arguments: &[&str]) -> Output {
    let mut command = jeton(home, arguments);
    command.env("JETON_STORE_URL", database.url()).env("JETON_CLIENT_SECRET", "root-secret");
    let output = spawn_blocking(move || command.output()).await.expect("it ended");
    output.expect("jeton runs")
}

/// Returns the findings of `check --deep` about the store: each finding with its level.
async fn findings(home: &Home, database: &Database) -> Vec<(String, String)> {
    let file = home.path().join("jeton.toml");
    let arguments = ["check", "--deep", "--config", text(&file), "--output", "json"];
    let output = run(home, database, &arguments).await;
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let of_store = found.iter().filter(|finding| finding["subject"] == "store");
    let field = |finding: &Value, name: &str| finding[name].as_str().expect("text").to_owned();
    of_store.map(|finding| (field(finding, "level"), field(finding, "found"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_check_tells_of_a_database_that_is_away_and_of_commits_that_wait_for_nobody() {
    let database = Database::alone();
    let server = start_at(&database, Home::new(), &with_admin()).await;
    let home = server.home();
    let found = findings(home, &database).await;
    assert!(
        matches!(&found[..], [(level, found)]
        if level == "good" && found.contains("the database answers")),
        "{found:?}"
    );

    database.run("ALTER SYSTEM SET synchronous_standby_names = ''");
    database.run("SELECT pg_reload_conf()");
    until("to be warned", async || {
        let found = findings(home, &database).await;
        found.iter().any(|(level, found)| level == "warning" && found.contains("no standby"))
    })
    .await;

    database.signal("primary", "KILL");
    let found = findings(home, &database).await;
    assert!(
        matches!(&found[..], [(level, found)]
        if level == "error" && found.contains("cannot be reached")),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_backup_of_any_instance_becomes_a_directory_and_a_database_again_with_its_grants() {
    let database = Database::shared("backed_up");
    let instances = three(&database).await;
    let [first, second, third] = &instances;
    let (kept, ended) =
        (first.caller("shop").await.log_in().await, second.caller("shop").await.log_in().await);
    let refreshed = second.caller("shop").await.refresh(&kept.refresh_token).await.expect("a pair");
    first.caller("shop").await.revoke(&ended.refresh_token).await.expect("revoked");
    let (file, url) = (third.home().path().join("store.backup"), third.url());
    let arguments = ["backup", "--to", text(&file), "--server", &url, "--client-id", "root"];
    let output = run(third.home(), &database, &arguments).await;
    assert!(output.status.success(), "{output:?}");

    let home = beside(first);
    let data = home.data();
    let restore = ["restore", "--from", text(&file), "--keep-grants", "--store"];
    let restored = succeed(&home, &[&restore[..], &[text(&data)]].concat());
    assert_eq!((&restored["clients"], &restored["grants"]), (&7.into(), &2.into()));
    let other = Database::shared("restored");
    let from = format!("sled:{}", text(&data));
    let moved = succeed(&home, &["migrate", "--from", &from, "--to", other.url()]);
    assert_eq!(moved["grants"], 2);
    let server = start_at(&other, home, &with_admin()).await;
    let shop = server.caller("shop").await;
    assert!(shop.is_active(&refreshed.access_token).await);
    assert!(!shop.is_active(&ended.access_token).await);
    shop.refresh(&refreshed.refresh_token).await.expect("a pair");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_lockout_at_one_instance_is_listed_by_another_and_lifted_at_the_third() {
    let database = Database::shared("lockouts");
    let instances = three(&database).await;
    let [first, second, third] = &instances;
    let shop = first.caller("shop").await;
    let wrong = || {
        let mut request = by_password("alice");
        if let Some(Grant::Password(grant)) = &mut request.grant {
            "wrong".clone_into(&mut grant.password);
        }
        request
    };
    for _ in 0..5 {
        let refused = shop.issue(wrong()).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    }
    let locked = second.caller("shop").await.issue(by_password("alice")).await;
    assert_refused(locked, Code::ResourceExhausted, "RATE_LIMITED");

    let ask = async |server: &Server, arguments: &[&str]| {
        let (home, url) = (server.home(), server.url());
        let to = ["--server", &url, "--client-id", "root", "--output", "json"];
        let output = run(home, &database, &[arguments, &to].concat()).await;
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    };
    let listed = ask(second, &["lockout", "list"]).await;
    let [lockout] = &listed.as_array().expect("a list")[..] else { panic!("{listed}") };
    assert_eq!((&lockout["username"], &lockout["failures"]), (&"alice".into(), &5.into()));
    let cleared = ask(third, &["lockout", "clear", "--user", "alice", "--client", "shop"]).await;
    assert_eq!(cleared["cleared"], 1);
    assert_eq!(ask(second, &["lockout", "list"]).await, Value::Array(Vec::new()));
    shop.log_in().await;
    for instance in instances {
        instance.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn an_administrator_gets_a_new_secret_on_any_machine_that_knows_the_database() {
    let database = Database::shared("reset");
    let instances = three(&database).await;
    let lost = Admin::of(&instances[0]).await;
    let output =
        run(&Home::new(), &database, &["admin", "reset", "root", "--output", "json"]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("reset administrator") && !said.contains("jcs_"), "{said}");
    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let secret = printed["client_secret"].as_str().expect("a secret").to_owned();
    for instance in &instances {
        // Each knows within its staleness.
        let new = Admin { secret: secret.clone(), ..Admin::of(instance).await };
        until("the new secret to count", async || new.user("alice").await.is_ok()).await;
        let old = Admin { secret: lost.secret.clone(), ..new };
        until("the old one not to", async || old.user("alice").await.is_err()).await;
    }
    for instance in instances {
        instance.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn what_is_for_directories_alone_is_refused_of_a_database_and_says_what_to_do_instead() {
    let database = Database::shared("refusing");
    let server = start_at(&database, Home::new(), &with_admin()).await;
    let token = server.caller("shop").await.log_in().await.access_token;
    for (arguments, instead) in [
        (&["check", "--store"][..], "pg_amcheck"),
        (&["restore", "--from", "none", "--store"], "jeton migrate"),
        (&["key", "remove", "01234567", "--store"], "a running instance"),
    ] {
        let arguments = [arguments, &[database.url()]].concat();
        let output = run(server.home(), &database, &arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(instead), "{said}");
    }
    assert!(server.caller("shop").await.is_active(&token).await);
    Server::stop(server).await;
}
