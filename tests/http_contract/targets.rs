//! `resource` (RFC 8707) and `audience` narrow what a token is for, or are refused; they are never
//! ignored.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json as value};

use crate::harness::{Answer, Server, basic, form, json, text};

const SHOP: (&str, &str) = ("shop", "shop-secret-2f61");
const LOGIN: [(&str, &str); 3] =
    [("grant_type", "password"), ("username", "test_api_user"), ("password", "test_api_user")];

fn ask(pairs: &[(&str, &str)]) -> Request<Body> {
    basic(form("/oauth/token", pairs), SHOP.0, SHOP.1)
}

async fn log_in(server: &Server, targets: &[(&str, &str)]) -> Answer {
    server.send(ask(&[&LOGIN[..], targets].concat())).await
}

async fn refresh(server: &Server, token: &str, targets: &[(&str, &str)]) -> Answer {
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", token)];
    server.send(ask(&[&pairs[..], targets].concat())).await
}

/// Returns the audience of the access token in an answer, by introspection.
async fn audience_of(server: &Server, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = answer.json()["access_token"].as_str().expect("a token").to_owned();
    let request = form("/oauth/introspect", &[("token", &token)]);
    let found = server.send(basic(request, "gateway", "gateway-secret")).await.json();
    assert_eq!(found["active"], true);
    found["aud"].clone()
}

#[tokio::test]
async fn a_token_is_for_the_services_named_by_resource_and_audience() {
    let server = Server::start().await;
    let all = log_in(&server, &[]).await;
    let all = audience_of(&server, &all).await;
    assert_eq!(all, value!(["billing", "https://stock.example", "mail"]));
    let several = [("resource", "https://stock.example"), ("audience", "mail"), ("audience", "")];
    for (targets, expected) in [
        (&[("resource", "https://stock.example")][..], value!("https://stock.example")),
        (&[("audience", "billing")], value!("billing")),
        (&several, value!(["https://stock.example", "mail"])),
        (&[("resource", "mail"), ("resource", "billing")], value!(["mail", "billing"])),
    ] {
        let answer = log_in(&server, targets).await;
        assert_eq!(audience_of(&server, &answer).await, expected, "{targets:?}");
    }
    let mut body = value!({ "grant_type": "client_credentials", "audience": "mail" });
    body["resource"] = value!("https://stock.example");
    let answer = server.send(basic(json("/oauth/token", &body), SHOP.0, SHOP.1)).await;
    assert_eq!(audience_of(&server, &answer).await, value!(["mail", "https://stock.example"]));
}

#[tokio::test]
async fn a_service_that_is_not_the_clients_to_ask_is_an_invalid_target() {
    let server = Server::start().await;
    for target in ["elsewhere", "https://stock.example/", "Billing", "bill ing", "\u{e9}"] {
        for name in ["resource", "audience"] {
            let answer = log_in(&server, &[(name, target)]).await;
            assert_eq!((answer.status, &*answer.error()), (400, "invalid_target"), "{target}");
            let beside = log_in(&server, &[("audience", "mail"), (name, target)]).await;
            assert_eq!((beside.status, &*beside.error()), (400, "invalid_target"), "{target}");
        }
    }
    let answer =
        server.send(text("/oauth/token", "grant_type=client_credentials&resource=%0A")).await;
    assert_eq!((answer.status, &*answer.error()), (400, "invalid_target"));
}

#[tokio::test]
async fn a_refresh_names_the_services_of_its_grant_or_none() {
    let server = Server::start().await;
    let two = [("resource", "https://stock.example"), ("resource", "mail")];
    let first = log_in(&server, &two).await.json();
    let token = first["refresh_token"].as_str().expect("a token");
    for targets in [&[("audience", "mail")][..], &[("resource", "billing")]] {
        let answer = refresh(&server, token, targets).await;
        assert_eq!((answer.status, &*answer.error()), (400, "invalid_target"), "{targets:?}");
    }
    // A refusal consumes nothing; a retry is held to the same rule.
    let turned = [("audience", "mail"), ("audience", "https://stock.example")];
    let next = refresh(&server, token, &turned).await;
    assert_eq!(audience_of(&server, &next).await, value!(["https://stock.example", "mail"]));
    let retried = refresh(&server, token, &[]).await;
    assert_eq!(retried.json(), next.json());
    let other = refresh(&server, token, &[("audience", "mail")]).await;
    assert_eq!((other.status, &*other.error()), (400, "invalid_target"));
    let next = next.json();
    let token = next["refresh_token"].as_str().expect("a token");
    assert_eq!(refresh(&server, token, &two).await.status, 200);
}
