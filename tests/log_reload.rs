//! Level and format of the log follow the settings file on SIGHUP.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use crate::common::{
    caller::client_credentials, home::Home, server::Server, settings::Settings, wait::until,
};

const READ_AGAIN: &str = "[log] was read again";

/// Returns whether a line with all of this was logged.
fn logged(server: &Server, parts: &[&str]) -> bool {
    server.log().lines().any(|line| parts.iter().all(|part| line.contains(part)))
}

#[tokio::test]
async fn the_level_follows_the_file() {
    // Each login of a user who may have one grant ends another, which a line of level debug says.
    let settings = Settings::standard().declare("shop", "max_grants", "1");
    let settings = settings.set("log", "filter", "info");
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    shop.log_in().await;
    shop.log_in().await;
    assert!(!logged(&server, &["DEBUG"]), "{}", server.log());

    server.reload(&settings.clone().set("log", "filter", "debug"));
    until("to be read again", async || logged(&server, &[READ_AGAIN, "debug"])).await;
    until("to log more", async || {
        shop.log_in().await;
        logged(&server, &["DEBUG", "the grant limit was reached"])
    })
    .await;

    server.reload(&settings.clone().set("log", "filter", "off"));
    let ended = || server.log().matches("the grant limit was reached").count();
    until("to fall silent", async || {
        let before = ended();
        shop.log_in().await;
        shop.log_in().await;
        ended() == before
    })
    .await;
    // The audit goes on under every filter.
    let before = server.log().len();
    shop.issue(client_credentials()).await.expect("a token");
    until("to audit", async || server.log()[before..].contains("\"target\":\"jeton::audit\""))
        .await;
    server.stop().await;
}

#[tokio::test]
async fn the_form_of_log_and_audit_follows_the_file() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    server.reload(&settings.clone().set("log", "format", "human"));
    until("to be for people", async || {
        let log = server.log();
        log.lines().any(|line| line.contains(READ_AGAIN) && !line.starts_with('{'))
    })
    .await;
    let before = server.log().len();
    server.caller("shop").await.issue(client_credentials()).await.expect("a token");
    until("to audit", async || server.log()[before..].contains("jeton::audit")).await;
    let since = server.log()[before..].to_owned();
    assert!(since.lines().all(|line| !line.starts_with('{')), "{since}");

    server.reload(&settings.clone().set("log", "format", "json"));
    until("to be JSON", async || {
        let log = server.log();
        log.lines().filter(|line| line.contains(READ_AGAIN) && line.starts_with('{')).count() > 0
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn what_has_changed_and_takes_a_restart_is_named() {
    const WARNING: &str = "these settings have changed and need a restart";
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    server.reload(&settings.clone().set("log", "filter", "debug"));
    until("to be read again", async || logged(&server, &[READ_AGAIN, "debug"])).await;
    assert!(!logged(&server, &[WARNING]), "{}", server.log());
    let changed = settings.clone().set("serve", "drain_delay", "1s");
    server.reload(&changed.declare("shop", "secret", "'another-secret'"));
    until("to be told", async || logged(&server, &[WARNING, "serve", "client"])).await;
    assert!(!server.log().contains("another-secret"), "{}", server.log());
    server.caller("shop").await.issue(client_credentials()).await.expect("the secret before");
    server.stop().await;
}

#[tokio::test]
async fn settings_at_fault_change_nothing_and_are_told_of() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    server.reload(&settings.clone().set("log", "filter", "jeton=loud"));
    until("to refuse", async || logged(&server, &["[log] stays as it was", "log.filter"])).await;
    server.caller("shop").await.issue(client_credentials()).await.expect("it serves on");
    server.stop().await;
}

#[tokio::test]
async fn a_flag_or_variable_beats_the_file_then_too() {
    let settings = Settings::standard();
    let environment = [("JETON_LOG", "info")];
    let server = Server::start_with(Home::new(), &settings, &environment).await;
    server.reload(&settings.clone().set("log", "filter", "off"));
    until("to be read again", async || logged(&server, &[READ_AGAIN, "\"filter\":\"info\""])).await;
    server.stop().await;
}
