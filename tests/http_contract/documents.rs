//! The metadata and the `OpenAPI` description.

use axum::body::Body;
use http::{Request, header::HOST};
use serde_json::{Value, json as value};

use crate::harness::{ISSUER, Server, get, options};

const METADATA: &str = "/.well-known/oauth-authorization-server";

#[tokio::test]
async fn the_metadata_say_what_is_true_whoever_asks() {
    let server = Server::start().await;
    let mut request = get(METADATA);
    request.headers_mut().insert(HOST, "evil.example".parse().expect("a host"));
    let clients = ["client_secret_basic", "client_secret_post", "none"];
    let expected = value!({
        "issuer": ISSUER,
        "token_endpoint": format!("{ISSUER}/oauth/token"),
        "token_endpoint_auth_methods_supported": clients,
        "revocation_endpoint": format!("{ISSUER}/oauth/revoke"),
        "revocation_endpoint_auth_methods_supported": clients,
        "introspection_endpoint": format!("{ISSUER}/oauth/introspect"),
        "introspection_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "Bearer"],
        "grant_types_supported": ["password", "client_credentials", "refresh_token"],
        "scopes_supported": ["read", "write"],
    });
    assert_eq!(server.send(request).await.json(), expected);
    let slash = server.send(get(&format!("{METADATA}/"))).await;
    assert_eq!(slash.json(), expected);
    let head = Request::head(METADATA).body(Body::empty()).expect("a request");
    assert_eq!(server.send(head).await.status, 200);
}

#[tokio::test]
async fn scopes_are_left_out_when_there_are_none() {
    let mut options = options();
    options.scopes_supported.clear();
    let server = Server::with(&options).await;
    assert!(server.send(get(METADATA)).await.json().get("scopes_supported").is_none());
}

#[tokio::test]
async fn an_issuer_with_a_path_is_found_where_the_rfc_puts_it() {
    let mut options = options();
    options.issuer = "https://tokens.example/t/".to_owned();
    let server = Server::with(&options).await;
    let response = tower::ServiceExt::oneshot(server.router.clone(), get(&format!("{METADATA}/t")));
    let response = response.await.expect("an answer");
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    let metadata: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(metadata["issuer"], "https://tokens.example/t/");
    assert_eq!(metadata["token_endpoint"], "https://tokens.example/t/oauth/token");
}

#[tokio::test]
async fn the_description_is_openapi_and_names_every_path_that_answers() {
    let server = Server::start().await;
    let description = server.send(get("/openapi.json")).await.json();
    assert_eq!(description["openapi"], "3.1.0");
    assert_eq!(description["servers"], value!([{ "url": ISSUER }]));
    let paths = description["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), 24);
    for (path, methods) in paths {
        let get_status = server.send(get(path)).await.status;
        let described = methods.get("get").is_some();
        assert_eq!(get_status, if described { 200 } else { 405 }, "{path}");
    }
}
