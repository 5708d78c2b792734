//! Each kind of token is good for its own purpose, in its own client's hands.

use http::header::WWW_AUTHENTICATE;
use serde_json::Value;

use crate::harness::{Server, authorized, form};

/// Clients with their secrets; an empty one is a public client's.
const CONFIDENTIAL: (&str, &str) = ("test_client_id", "test_client_secret");
const PUBLIC: (&str, &str) = ("client_id_example", "");
/// Its tokens are meant for jeton itself.
const CONSOLE: (&str, &str) = ("console", "console-secret");

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().expect("a text")
}

/// Posts with the client's credentials in the body.
async fn post(
    server: &Server,
    path: &str,
    (id, secret): (&str, &str),
    pairs: &[(&str, &str)],
) -> (u16, Value) {
    let mut all = vec![("client_id", id), ("client_secret", secret)];
    all.extend(pairs);
    let answer = server.send(form(path, &all)).await;
    let body = if answer.body.is_empty() { Value::Null } else { answer.json() };
    (answer.status, body)
}

#[tokio::test]
async fn a_client_public_or_not_revokes_its_own_tokens_of_either_kind_and_no_foreign_ones() {
    let server = Server::start().await;
    for (owner, stranger) in [
        (CONFIDENTIAL, CONSOLE),
        (CONFIDENTIAL, PUBLIC),
        (PUBLIC, CONFIDENTIAL),
        (PUBLIC, ("app_example", "")),
    ] {
        for kind in ["access_token", "refresh_token"] {
            let tokens = server.log_in(owner.0, owner.1).await;
            let token = [("token", text(&tokens, kind))];
            let (status, refused) = post(&server, "/oauth/revoke", stranger, &token).await;
            assert_eq!((status, text(&refused, "error")), (400, "invalid_grant"), "{stranger:?}");
            assert!(server.is_active(text(&tokens, "access_token")).await);
            let (status, _) = post(&server, "/oauth/revoke", owner, &token).await;
            assert_eq!(status, 200, "{owner:?}");
            assert!(!server.is_active(text(&tokens, "access_token")).await);
            let refresh = [
                ("grant_type", "refresh_token"),
                ("refresh_token", text(&tokens, "refresh_token")),
            ];
            let (status, refused) = post(&server, "/oauth/token", owner, &refresh).await;
            assert_eq!((status, text(&refused, "error")), (400, "invalid_grant"), "{owner:?}");
        }
    }
}

#[tokio::test]
async fn a_users_token_is_no_bearer_and_an_access_token_refreshes_nothing() {
    let server = Server::start().await;
    let tokens = server.log_in(CONSOLE.0, CONSOLE.1).await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let ask = |bearer: &str| {
        authorized(form("/oauth/introspect", &[("token", access)]), &format!("Bearer {bearer}"))
    };
    for users in [refresh, access] {
        let answer = server.send(ask(users)).await;
        assert_eq!((answer.status, answer.error()), (401, "invalid_token".into()));
        assert!(answer.header(&WWW_AUTHENTICATE).starts_with("Bearer "));
    }
    let own = server.token_for_jeton(CONSOLE.0, CONSOLE.1).await;
    assert_eq!(server.send(ask(&own)).await.json()["active"], true);
    for forged in [access.to_owned(), access.replace("jat_", "jrt_")] {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", &forged)];
        let (status, refused) = post(&server, "/oauth/token", CONSOLE, &pairs).await;
        assert_eq!((status, text(&refused, "error")), (400, "invalid_grant"));
    }
    // Neither attempt has ended anything.
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    assert_eq!(post(&server, "/oauth/token", CONSOLE, &pairs).await.0, 200);
}
