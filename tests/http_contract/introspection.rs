//! Introspection: who may ask, what is said of a good token, and that nothing is said of any other.

use axum::body::Body;
use http::{Request, header::WWW_AUTHENTICATE};
use serde_json::json as value;

use crate::harness::{ISSUER, START, Server, authorized, basic, form, json};

const SQUAD: (&str, &str) = ("test_client_id", "test_client_secret");
const PATHS: [&str; 6] = [
    "/oauth/introspect",
    "/oauth/introspect/",
    "/oauth2/introspect",
    "/oauth2/introspect/",
    "/auth/oauth2/introspect",
    "/auth/oauth2/introspect/",
];

fn ask(token: &str, hint: &str, (id, secret): (&str, &str)) -> Request<Body> {
    let request = form("/oauth/introspect", &[("token", token), ("token_type_hint", hint)]);
    basic(request, id, secret)
}

#[tokio::test]
async fn an_active_access_token_says_all_of_it_in_seconds() {
    let server = Server::start().await;
    let tokens = server.log_in("community", "s3cr:t+100%25").await;
    let token = tokens["access_token"].as_str().expect("a token");
    let grant = jeton::domain::token::Token::parse(token).expect("a token").grant_id;
    for path in PATHS {
        let request = basic(form(path, &[("token", token)]), "gateway", "gateway-secret");
        let mut found = server.send(request).await.json();
        let subject = found["sub"].take();
        assert!(subject.as_str().is_some_and(|subject| subject.starts_with("usr_")));
        let expected = value!({
            "active": true, "scope": "write read", "client_id": "community", "sub": null,
            "username": "test_api_user", "token_type": "Bearer", "iat": START, "exp": START + 600,
            "aud": "billing", "iss": ISSUER, "jti": grant.to_string(), "cache_ttl": 60,
            "attributes": { "email": "user@example.com", "color": "blue" },
        });
        assert_eq!(found, expected, "{path}");
    }
}

#[tokio::test]
async fn attributes_of_client_and_user_hide_no_standard_member() {
    let server = Server::start().await;
    let tokens = server.log_in("shop", "shop-secret-2f61").await;
    let token = tokens["access_token"].as_str().expect("a token");
    let found = server.send(ask(token, "", ("shop", "shop-secret-2f61"))).await.json();
    let expected = value!({
        "team": "shop", "active": "no", "email": "user@example.com", "color": "blue",
    });
    assert_eq!((&found["attributes"], &found["active"]), (&expected, &value!(true)));
}

#[tokio::test]
async fn an_answer_may_be_kept_for_no_longer_than_the_token_lives() {
    let server = Server::start().await;
    let tokens = server.log_in("community", "s3cr:t+100%25").await;
    let token = tokens["access_token"].as_str().expect("a token");
    server.pass(std::time::Duration::from_secs(570));
    let found = server.send(ask(token, "", ("gateway", "gateway-secret"))).await.json();
    assert_eq!(found["cache_ttl"], 30);
}

#[tokio::test]
async fn a_clients_own_token_has_no_username_and_several_audiences_are_an_array() {
    let server = Server::start().await;
    let request = json("/oauth/token", &value!({ "grant_type": "client_credentials" }));
    let tokens = server.send(basic(request, "orders", "orders-secret")).await.json();
    let token = tokens["access_token"].as_str().expect("a token");
    let found = server.send(ask(token, "", ("orders", "orders-secret"))).await.json();
    assert_eq!(found["sub"], "orders");
    assert_eq!(found["aud"], value!(["stock", "billing"]));
    assert!(found.get("username").is_none());
}

#[tokio::test]
async fn callers_authenticate_by_basic_body_or_bearer() {
    let server = Server::start().await;
    let token = &*server.token_for_jeton("orders", "orders-secret").await;
    let bearer = |bearer: &str| authorized(form("/oauth/introspect", &[("token", token)]), bearer);
    let body = [("token", token), ("client_id", "orders"), ("client_secret", "orders-secret")];
    for request in [
        ask(token, "", ("orders", "orders-secret")),
        form("/oauth/introspect", &body),
        bearer(&format!("Bearer {token}")),
    ] {
        assert_eq!(server.send(request).await.json()["active"], true);
    }
    // A token that is not meant for jeton proves nothing to it.
    let elsewhere = server.log_in(SQUAD.0, SQUAD.1).await;
    let elsewhere = elsewhere["access_token"].as_str().expect("a token");
    for bad in [elsewhere, "none", ""] {
        let answer = server.send(bearer(&format!("Bearer {bad}"))).await;
        assert_eq!((answer.status, answer.error()), (401, "invalid_token".into()), "{bad}");
        assert!(answer.header(&WWW_AUTHENTICATE).starts_with("Bearer "));
    }
}

#[tokio::test]
async fn nobody_introspects_without_good_credentials() {
    let server = Server::start().await;
    for path in PATHS {
        for request in [
            form(path, &[("token", "x")]),
            form(path, &[("token", "x"), ("client_id", "client_id_example")]),
            form(path, &[("token", "x"), ("client_id", "orders"), ("client_secret", "wrong")]),
            basic(form(path, &[("token", "x")]), "orders", "wrong"),
        ] {
            let answer = server.send(request).await;
            assert_eq!((answer.status, answer.error()), (401, "invalid_client".into()), "{path}");
            assert_eq!(answer.header(&WWW_AUTHENTICATE), r#"Basic realm="jeton""#);
        }
    }
}

#[tokio::test]
async fn whatever_is_inactive_is_the_same_bytes() {
    let server = Server::start().await;
    let tokens = server.log_in(SQUAD.0, SQUAD.1).await;
    let (access, refresh) = (&tokens["access_token"], &tokens["refresh_token"]);
    let (access, refresh) = (access.as_str().expect("a token"), refresh.as_str().expect("a token"));
    let orders = ("orders", "orders-secret");
    let gateway = ("gateway", "gateway-secret");
    let forged = format!("{}0", &access[..access.len() - 1]);
    let mut asked = vec![
        ("none", "", gateway),
        ("jat_", "", gateway),
        (&*forged, "", gateway),
        (access, "", orders),
        (refresh, "", SQUAD),
        (refresh, "access_token", SQUAD),
        (refresh, "pickle", SQUAD),
        (refresh, "refresh_token", gateway),
        (refresh, "refresh_token", orders),
    ];
    for (token, hint, caller) in asked.drain(..) {
        let answer = server.send(ask(token, hint, caller)).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (200, &br#"{"active":false}"#[..]),
            "{token} {hint}"
        );
    }
    server.pass(std::time::Duration::from_secs(36_000));
    let expired = server.send(ask(access, "", gateway)).await;
    assert_eq!(expired.body, br#"{"active":false}"#);
}

#[tokio::test]
async fn a_refresh_token_is_active_to_its_own_client_that_asks_for_one() {
    let server = Server::start().await;
    let tokens = server.log_in(SQUAD.0, SQUAD.1).await;
    let refresh = tokens["refresh_token"].as_str().expect("a token");
    let found = server.send(ask(refresh, "refresh_token", SQUAD)).await.json();
    assert_eq!(found["active"], true);
    assert_eq!(found["exp"], START + 2_592_000);
    assert!(found.get("token_type").is_none());
    // RFC 7662 §2.1: a wrong hint extends the search.
    let access = tokens["access_token"].as_str().expect("a token");
    let found = server.send(ask(access, "refresh_token", SQUAD)).await.json();
    assert_eq!((&found["active"], &found["token_type"]), (&value!(true), &value!("Bearer")));
}
