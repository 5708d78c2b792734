//! `jeton token`: what a command is fed is what it is about, and success is what happened.

use serde_json::json;

use crate::jeton::{Administered, Jeton};

/// A command as the client `shop`.
fn shop(server: &Administered, arguments: &str) -> Jeton {
    server.as_client("shop", arguments)
}

fn log_in(server: &Administered) -> serde_json::Value {
    let issue = shop(server, "token issue --username alice");
    issue.with("JETON_PASSWORD", "alice-password").json()
}

#[tokio::test]
async fn what_is_not_one_token_alone_is_refused_and_revokes_nothing() {
    let server = Administered::start().await;
    let issued = log_in(&server);
    let [access, refresh] =
        ["access_token", "refresh_token"].map(|name| issued[name].as_str().expect("a token"));
    let issue = || shop(&server, "token issue --username alice");
    let table = issue().with("JETON_PASSWORD", "alice-password").text();
    let cases = [
        (table, "words"),
        (issued.to_string(), "JSON"),
        (format!("{access}\n{refresh}\n"), "2 words"),
        (format!("Bearer {access}"), "without Bearer"),
        (format!("Authorization: Bearer {access}"), "without Bearer"),
        (format!("\"{access}\""), "quotes"),
        (format!("'{access}'"), "quotes"),
        (access[..access.len() - 1].to_owned(), "was all of it copied"),
        (format!("{access}{access}"), "was all of it copied"),
        ("shop-secret".to_owned(), "no token of jeton"),
        (String::new(), "no token on standard input"),
    ];
    for command in ["token revoke", "token introspect", "token refresh"] {
        for (input, why) in &cases {
            let ran = shop(&server, command).input(input).run();
            assert!(!ran.err.contains(access) && !ran.err.contains("shop-secret"), "{ran:?}");
            ran.failed(2, &[why]);
        }
    }
    shop(&server, "token refresh").input(access).run().failed(2, &["the refresh token"]);
    let found = shop(&server, "token introspect").input(access).json();
    assert_eq!(found["active"], true, "nothing of it was revoked");
    server.stop().await;
}

#[tokio::test]
async fn a_login_takes_a_login_name_and_says_so_of_an_id() {
    let server = Administered::start().await;
    let id = server.user_id("alice");
    let ran = shop(&server, "token issue --user").and(&id).run();
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("a login takes the login name"), "{ran:?}");
    let help = Jeton::new("token issue --help").text();
    assert!(help.contains("by login name, since a login takes no user id"), "{help}");
    server.stop().await;
}

#[tokio::test]
async fn revoked_is_said_of_what_was_revoked_only() {
    let server = Administered::start().await;
    let issued = log_in(&server);
    let access = issued["access_token"].as_str().expect("a token");
    let revoke = |token: &str| shop(&server, "token revoke").input(&format!("  {token}\n"));
    assert_eq!(revoke(access).json(), json!({"revoked": true}));
    let again = json!({"revoked": false, "reason": "already_revoked"});
    assert_eq!(revoke(access).json(), again);

    let elsewhere = Administered::start().await;
    let foreign = log_in(&elsewhere);
    let foreign = foreign["refresh_token"].as_str().expect("a token");
    revoke(foreign).run().failed(1, &["nothing was revoked", "knows no such token"]);
    let narrow = shop(&elsewhere, "token revoke --access-token-only");
    assert_eq!(narrow.input(foreign).json(), json!({"revoked": true}));
    let narrow = shop(&elsewhere, "token revoke --access-token-only");
    assert_eq!(narrow.input(foreign).json(), again);
    elsewhere.stop().await;
    server.stop().await;
}

/// A variable that is not set would have a command mean everything.
#[test]
fn an_argument_that_says_nothing_is_refused() {
    let commands = [
        "grant revoke-all --user alice --client",
        "grant list --subject",
        "grant get",
        "user disable",
        "user update some-id --new-name al --etag",
        "client get",
        "client delete",
        "client update shop --introspect own --etag",
        "client rotate-secret shop --etag",
        "token issue --request-id",
        "token watch --cursor",
    ];
    for command in commands {
        let ran = Jeton::new(command).and("").run();
        assert!(ran.code == Some(2) && ran.err.contains("is a variable unset?"), "{ran:?}");
    }
}

#[test]
fn a_token_or_a_secret_among_the_arguments_is_refused_and_not_repeated() {
    let token = format!("jat_{}", "5uWGoXdkzlM2TxUpYlLO4m281".repeat(3));
    let secret = format!("jcs_{}", "5uWGoXdkzlM2TxUpYlLO4m".repeat(2));
    for command in ["grant get", "token revoke", "client get", "user get", "key list"] {
        for text in [&token, &secret] {
            let ran = Jeton::new(command).and(text).run();
            assert!(ran.code == Some(2) && !ran.err.contains(text), "{ran:?}");
            assert!(ran.err.contains("a token or a secret"), "{ran:?}");
        }
    }
}

#[tokio::test]
async fn a_secret_is_not_set_to_what_stood_around_it() {
    let server = Administered::start().await;
    let set = |input: &str| server.jeton("user set-password --name alice").input(input).run();
    set(r#"{"password":"seven purple elephants dancing"}"#).failed(2, &["JSON"]);
    set("\"seven purple elephants dancing\"").failed(2, &["quotes"]);
    let issued = log_in(&server);
    set(issued["access_token"].as_str().expect("a token")).failed(2, &["is a token"]);
    log_in(&server);
    server.stop().await;
}
