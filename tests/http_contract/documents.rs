//! The metadata and the `OpenAPI` description.

use axum::body::Body;
use http::{Request, header::HOST};
use serde_json::{Value, json as value};

use crate::harness::{ISSUER, Server, get, options};

const METADATA: &str = "/.well-known/oauth-authorization-server";
/// Of assertions: nothing with a shared secret.
const ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
const OPENID: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn the_metadata_say_what_is_true_whoever_asks() {
    let server = Server::start().await;
    let mut request = get(METADATA);
    request.headers_mut().insert(HOST, "evil.example".parse().expect("a host"));
    let clients = ["client_secret_basic", "client_secret_post", "none", "private_key_jwt"];
    let expected = value!({
        "issuer": ISSUER,
        "jwks_uri": format!("{ISSUER}/.well-known/jwks.json"),
        "token_endpoint": format!("{ISSUER}/oauth/token"),
        "token_endpoint_auth_methods_supported": clients,
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "revocation_endpoint": format!("{ISSUER}/oauth/revoke"),
        "revocation_endpoint_auth_methods_supported": clients,
        "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_endpoint": format!("{ISSUER}/oauth/introspect"),
        "introspection_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "Bearer", "private_key_jwt"],
        "introspection_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_signing_alg_values_supported": ["ES256", "EdDSA", "RS256"],
        "grant_types_supported": [
            "password", "client_credentials", "refresh_token",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "response_types_supported": [],
        "scopes_supported": ["read", "write"],
    });
    assert_eq!(server.send(request).await.json(), expected);
    for path in [format!("{METADATA}/"), OPENID.to_owned(), format!("{OPENID}/")] {
        assert_eq!(server.send(get(&path)).await.json(), expected, "{path}");
    }
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
async fn assertions_are_a_method_where_the_settings_name_the_issuer_that_they_are_meant_for() {
    let options = jeton::http::HttpOptions { assertions: false, ..options() };
    let metadata = Server::with(&options).await.send(get(METADATA)).await.json().to_string();
    assert!(!metadata.contains("private_key_jwt") && !metadata.contains("auth_signing_alg"));
}

#[tokio::test]
async fn certificates_are_a_method_where_they_are_asked_for() {
    let options = jeton::http::HttpOptions { client_certificates: true, ..options() };
    let metadata = Server::with(&options).await.send(get(METADATA)).await.json();
    assert_eq!(metadata["tls_client_certificate_bound_access_tokens"], true);
    for (endpoint, last) in [("token", "none"), ("revocation", "none"), ("introspection", "Bearer")]
    {
        let methods = &metadata[format!("{endpoint}_endpoint_auth_methods_supported")];
        let expected = [
            "client_secret_basic",
            "client_secret_post",
            last,
            "private_key_jwt",
            "tls_client_auth",
            "self_signed_tls_client_auth",
        ];
        assert_eq!(*methods, value!(expected));
    }
}

#[tokio::test]
async fn an_issuer_with_a_path_is_found_where_each_specification_puts_it() {
    let mut options = options();
    options.issuer = "https://tokens.example/t/".to_owned();
    let server = Server::with(&options).await;
    let places = [METADATA, OPENID].map(|path| [format!("{path}/t"), format!("/t{path}")]);
    for path in places.as_flattened() {
        let response = tower::ServiceExt::oneshot(server.router.clone(), get(path)).await;
        let body = response.expect("an answer").into_body();
        let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
        let metadata: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(metadata["issuer"], "https://tokens.example/t/");
        assert_eq!(metadata["token_endpoint"], "https://tokens.example/t/oauth/token");
    }
}

#[tokio::test]
async fn an_issuer_whose_path_is_that_of_the_metadata_is_served() {
    for path in [METADATA, OPENID] {
        let options = jeton::http::HttpOptions { issuer: format!("{ISSUER}{path}"), ..options() };
        assert_eq!(Server::with(&options).await.send(get(METADATA)).await.status, 200);
    }
}

#[tokio::test]
async fn the_description_is_openapi_and_names_every_path_that_answers() {
    let server = Server::start().await;
    let description = server.send(get("/openapi.json")).await.json();
    assert_eq!(description["openapi"], "3.1.0");
    assert_eq!(description["servers"], value!([{ "url": ISSUER }]));
    let paths = description["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), 28);
    for (path, methods) in paths {
        let get_status = server.send(get(path)).await.status;
        let described = methods.get("get").is_some();
        assert_eq!(get_status, if described { 200 } else { 405 }, "{path}");
    }
}
