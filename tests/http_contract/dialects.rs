//! The requests that the five documents show, sent as their clients send them.

use std::time::Duration;

use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use serde_json::{Value, json as value};

use crate::harness::{Server, basic, form, json, text};

const SQUAD: &str = "client_id=test_client_id&client_secret=test_client_secret\n";

fn member<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().expect("a text")
}

/// The numbers of its members say which of them have text.
fn names(answer: &Value) -> Vec<&str> {
    answer.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[tokio::test]
async fn documents_000_and_003_log_in_refresh_and_revoke_with_wrapped_command_lines() {
    let server = Server::start().await;
    let body =
        format!("{SQUAD}&grant_type=password&username=test_api_user\n&password=test_api_user");
    let answer = server.send(text("/oauth/token/", &body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!(
        names(&answer),
        ["access_token", "expires_in", "refresh_token", "scope", "token_type"]
    );
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 36_000);
    assert_eq!(answer["scope"], "read write");

    let refresh = format!(
        "{SQUAD}&grant_type=refresh_token&refresh_token={}",
        member(&answer, "refresh_token")
    );
    let refreshed = server.send(text("/oauth/token/", &refresh)).await.json();
    assert_eq!(refreshed["expires_in"], 36_000);
    assert_ne!(refreshed["access_token"], answer["access_token"]);

    let token = member(&refreshed, "access_token");
    assert!(server.is_active(token).await);
    let revoked =
        server.send(text("/oauth/revoke_token/", &format!("{SQUAD}&token={token}"))).await;
    assert_eq!((revoked.status, &*revoked.body), (200, &b""[..]));
    assert_eq!(revoked.header(&CONTENT_TYPE), "text/html; charset=utf-8");
    assert!(!server.is_active(token).await);
}

#[tokio::test]
async fn no_answer_says_that_a_token_lives_for_less_than_a_second() {
    const DAY: Duration = Duration::from_secs(86_400);
    let server = Server::start().await;
    let mut newest = server.log_in("app_example", "").await;
    let refresh = async |token: &Value| {
        let token = member(token, "refresh_token");
        let body = format!("client_id=app_example&grant_type=refresh_token&refresh_token={token}");
        server.send(text("/oauth/token", &body)).await
    };
    for _ in 0..3 {
        server.pass(29 * DAY);
        newest = refresh(&newest).await.json();
        assert_eq!(newest["expires_in"], 900);
    }
    // A second before its grant ends, and a millisecond after that.
    server.pass(Duration::from_secs(3 * 86_400 - 1));
    let last = refresh(&newest).await.json();
    assert_eq!(last["expires_in"], 1);
    server.pass(Duration::from_millis(1));
    for token in [&newest, &last] {
        let refused = refresh(token).await;
        assert_eq!((refused.status, refused.error()), (400, "invalid_grant".to_owned()));
    }
}

#[tokio::test]
async fn the_request_of_003_that_names_no_grant_type_is_a_clean_400() {
    let server = Server::start().await;
    let pairs = [
        ("client_id", "test_client_id"),
        ("client_secret", "test_client_secret"),
        ("token  ", "YOUR_TOKEN"),
    ];
    let answer = server.send(form("/oauth/token/", &pairs)).await;
    assert_eq!((answer.status, answer.error()), (400, "invalid_request".into()));
}

#[tokio::test]
async fn document_001_gets_a_year_and_no_scope_member() {
    let server = Server::start().await;
    let pairs = [
        ("client_id", "332269999912132097"),
        ("client_secret", "937it3ow87i4ery69876wqire"),
        ("grant_type", "password"),
        ("username", "john@doe.com"),
        ("password", "mypassword123"),
        ("scope", ""),
    ];
    let answer = server.send(form("/oauth/token", &pairs)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!(names(&answer), ["access_token", "expires_in", "refresh_token", "token_type"]);
    assert_eq!(answer["expires_in"], 31_622_400);
}

#[tokio::test]
async fn document_002_is_a_public_client_with_statuses_of_its_own() {
    let server = Server::start().await;
    let login = |client_id, password| {
        let pairs = [
            ("client_id", client_id),
            ("grant_type", "password"),
            ("username", "test_api_user"),
            ("password", password),
            ("refresh_token", ""),
        ];
        form("/oauth2/token", &pairs)
    };
    let answer = server.send(login("client_id_example", "test_api_user")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();

    let wrong = server.send(login("client_id_example", "wrong")).await;
    assert_eq!((wrong.status, wrong.error()), (401, "invalid_grant".into()));
    assert_eq!(wrong.header(&WWW_AUTHENTICATE), r#"Basic realm="jeton""#);

    let refresh = |token| {
        let pairs = [
            ("client_id", "client_id_example"),
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
        ];
        form("/oauth2/token", &pairs)
    };
    assert_eq!(server.send(refresh(member(&answer, "refresh_token"))).await.status, 200);
    assert_eq!(server.send(refresh("none")).await.status, 401);

    let revoke = |client_id| {
        let token = member(&answer, "refresh_token");
        form("/oauth2/revoke", &[("client_id", client_id), ("token", token)])
    };
    let unknown = server.send(revoke("nobody")).await;
    assert_eq!((unknown.status, unknown.error()), (400, "invalid_client".into()));
    let revoked = server.send(revoke("client_id_example")).await;
    assert_eq!((revoked.status, &*revoked.body), (204, &b""[..]));
    assert_eq!(server.send(refresh(member(&answer, "refresh_token"))).await.status, 401);
}

#[tokio::test]
async fn document_004_speaks_basic_and_json() {
    let server = Server::start().await;
    let (id, secret) = ("community", "s3cr:t+100%25");
    let login = value!({ "grant_type": "password", "username": "test_api_user", "password": "test_api_user" });
    let answer = server.send(basic(json("/auth/oauth2/token/", &login), id, secret)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!(answer["scope"], "write read");
    assert_eq!(answer["expires_in"], 600);

    let refresh =
        value!({ "grant_type": "refresh_token", "refresh_token": answer["refresh_token"] });
    let refreshed =
        server.send(basic(json("/auth/oauth2/token/", &refresh), id, secret)).await.json();
    assert_eq!(refreshed["scope"], "write read");

    let broken = format!(r#"{{"token": "x", "client_id": "{id}" "client_secret": "{secret}"}}"#);
    let path = "/auth/oauth2/revoke_token/";
    let broken = server.send(crate::harness::raw(path, "application/json", broken)).await;
    assert_eq!((broken.status, broken.error()), (400, "invalid_request".into()));

    let revoke =
        value!({ "token": refreshed["access_token"], "client_id": id, "client_secret": secret });
    let revoked = server.send(json(path, &revoke)).await;
    assert_eq!((revoked.status, &*revoked.body), (200, &b""[..]));
    assert_eq!(revoked.header(&CONTENT_TYPE), "text/html; charset=utf-8");
    assert!(!server.is_active(member(&refreshed, "access_token")).await);
}

#[tokio::test]
async fn a_wrong_password_is_400_where_the_rfc_says_so() {
    let server = Server::start().await;
    for path in ["/oauth/token", "/oauth/token/", "/auth/oauth2/token", "/auth/oauth2/token/"] {
        let wrong = format!("{SQUAD}&grant_type=password&username=test_api_user&password=wrong");
        let wrong = server.send(text(path, &wrong)).await;
        assert_eq!((wrong.status, wrong.error()), (400, "invalid_grant".into()), "{path}");
    }
}

#[tokio::test]
async fn client_credentials_give_no_refresh_token_and_are_not_for_public_clients() {
    let server = Server::start().await;
    let own = value!({ "grant_type": "client_credentials" });
    let answer =
        server.send(basic(json("/oauth/token", &own), "orders", "orders-secret")).await.json();
    assert_eq!(names(&answer), ["access_token", "expires_in", "scope", "token_type"]);
    let public = [("grant_type", "client_credentials"), ("client_id", "client_id_example")];
    let answer = server.send(form("/oauth/token", &public)).await;
    assert_eq!((answer.status, answer.error()), (400, "unauthorized_client".into()));
}
