//! Revoking: always a success for what is no longer good, never for what could not be written.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use jeton::store::{ReadError, WriteError};

use crate::{
    harness::{Server, basic, form},
    store::{Failure, fail},
};

const SQUAD: (&str, &str) = ("test_client_id", "test_client_secret");
const PATHS: [(&str, u16); 4] = [
    ("/oauth/revoke", 200),
    ("/oauth/revoke_token", 200),
    ("/auth/oauth2/revoke_token/", 200),
    ("/oauth2/revoke", 204),
];

fn revoke(
    path: &str,
    (id, secret): (&str, &str),
    token: &str,
    hint: &str,
) -> http::Request<axum::body::Body> {
    let pairs =
        [("client_id", id), ("client_secret", secret), ("token", token), ("token_type_hint", hint)];
    form(path, &pairs)
}

#[tokio::test]
async fn tokens_that_are_no_longer_or_never_were_are_revoked_already() {
    let server = Server::start().await;
    let tokens = server.log_in(SQUAD.0, SQUAD.1).await;
    let token = tokens["access_token"].as_str().expect("a token");
    let forged = format!("{}0", &token[..token.len() - 1]);
    for (path, status) in PATHS {
        for token in ["none", "jat_", &forged, token, token] {
            let answer = server.send(revoke(path, SQUAD, token, "")).await;
            assert_eq!((answer.status, answer.body.len()), (status, 0), "{path} {token}");
        }
    }
    let expired = server.log_in(SQUAD.0, SQUAD.1).await;
    server.pass(Duration::from_secs(100_000_000));
    let token = expired["access_token"].as_str().expect("a token");
    assert_eq!(server.send(revoke("/oauth/revoke", SQUAD, token, "")).await.status, 200);
    let missing = server.send(revoke("/oauth/revoke", SQUAD, "", "")).await;
    assert_eq!((missing.status, missing.error()), (400, "invalid_request".into()));
}

#[tokio::test]
async fn an_empty_success_has_the_type_that_the_clients_of_its_path_expect() {
    let server = Server::start().await;
    for (path, content_type) in [
        ("/oauth/revoke", "application/json"),
        ("/oauth/revoke/", "application/json"),
        ("/oauth/revoke_token", "text/html; charset=utf-8"),
        ("/auth/oauth2/revoke_token", "text/html; charset=utf-8"),
        ("/oauth2/revoke", ""),
    ] {
        let answer = server.send(revoke(path, SQUAD, "none", "")).await;
        assert_eq!((answer.header(&CONTENT_TYPE), answer.body.len()), (content_type, 0), "{path}");
    }
}

#[tokio::test]
async fn the_hint_changes_nothing() {
    let server = Server::start().await;
    for hint in ["", "access_token", "refresh_token", "pickle"] {
        for kind in ["access_token", "refresh_token"] {
            let tokens = server.log_in(SQUAD.0, SQUAD.1).await;
            let access = tokens["access_token"].as_str().expect("a token");
            assert!(server.is_active(access).await);
            let token = tokens[kind].as_str().expect("a token");
            assert_eq!(server.send(revoke("/oauth/revoke", SQUAD, token, hint)).await.status, 200);
            assert!(!server.is_active(access).await, "{hint} {kind}");
        }
    }
}

#[tokio::test]
async fn another_clients_token_stays_alive() {
    let server = Server::start().await;
    let tokens = server.log_in(SQUAD.0, SQUAD.1).await;
    for kind in ["access_token", "refresh_token"] {
        let token = tokens[kind].as_str().expect("a token");
        for (path, _) in PATHS {
            let answer = server.send(revoke(path, ("orders", "orders-secret"), token, "")).await;
            assert_eq!((answer.status, answer.error()), (400, "invalid_grant".into()), "{path}");
        }
    }
    assert!(server.is_active(tokens["access_token"].as_str().expect("a token")).await);
}

#[tokio::test]
async fn a_store_that_fails_is_never_a_success() {
    let server = Server::start().await;
    let tokens = server.log_in(SQUAD.0, SQUAD.1).await;
    let token = tokens["access_token"].as_str().expect("a token");
    for (failure, status, error) in [
        (Failure::All(ReadError::Unavailable), 503, "temporarily_unavailable"),
        (Failure::All(ReadError::Corrupt), 500, "server_error"),
        (Failure::Writes(WriteError::Unavailable), 503, "temporarily_unavailable"),
        (Failure::Writes(WriteError::Unknown), 503, "temporarily_unavailable"),
        (Failure::Writes(WriteError::Busy), 429, "temporarily_unavailable"),
        (Failure::Writes(WriteError::Conflict), 503, "temporarily_unavailable"),
    ] {
        fail(&server.store, failure);
        for (path, _) in PATHS {
            let answer = server.send(revoke(path, SQUAD, token, "")).await;
            assert_eq!((answer.status, &*answer.error()), (status, error), "{path}");
        }
        let pairs = [("token", token), ("grant_type", "client_credentials")];
        let ask = |path| basic(form(path, &pairs), "gateway", "gateway-secret");
        let issued = server.send(ask("/oauth/token")).await;
        assert_eq!(issued.status, status);
        let asked = server.send(ask("/oauth/introspect")).await;
        let reads = matches!(failure, Failure::Writes(_));
        assert_eq!(asked.status, if reads { 200 } else { status });
        server.store.mend();
    }
    assert!(server.is_active(token).await);
}
