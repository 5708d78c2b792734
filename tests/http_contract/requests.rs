//! Forms of requests: encodings, omitted, repeated and unknown parameters, queries, methods.

use axum::body::Body;
use http::{Request, header::ALLOW};
use serde_json::json as value;

use crate::harness::{Server, form, get, json, raw, text};

const POSTED: [&str; 10] = [
    "/oauth/token",
    "/oauth2/token",
    "/auth/oauth2/token",
    "/oauth/revoke_token",
    "/auth/oauth2/revoke_token",
    "/oauth2/revoke",
    "/oauth/revoke",
    "/oauth/introspect",
    "/auth/oauth2/introspect",
    "/oauth2/introspect",
];
const LOGIN: &str = "grant_type=password&client_id=test_client_id&client_secret=test_client_secret\
                     &username=test_api_user&password=test_api_user";
const GATEWAY: &str = "client_id=gateway&client_secret=gateway-secret";
const FORM: &str = "application/x-www-form-urlencoded";

async fn refused(server: &Server, request: Request<Body>, error: &str) {
    let shown = format!("{request:?}");
    let answer = server.send(request).await;
    assert_eq!((answer.status, &*answer.error()), (400, error), "{shown} {answer:?}");
}

#[tokio::test]
async fn every_endpoint_takes_forms_and_json_with_and_without_slash() {
    let server = Server::start().await;
    for path in POSTED.iter().flat_map(|path| [(*path).to_owned(), format!("{path}/")]) {
        let body = format!("{GATEWAY}&token=none&grant_type=client_credentials");
        for content_type in [FORM, "application/x-www-form-urlencoded; charset=UTF-8"] {
            let answer = server.send(raw(&path, content_type, body.clone())).await;
            assert!(matches!(answer.status, 200 | 204), "{path} {answer:?}");
        }
        let body = value!({
            "client_id": "gateway", "client_secret": "gateway-secret", "token": "none",
            "grant_type": "client_credentials", "scope": null,
        });
        for content_type in ["application/json", "application/json;charset=utf-8"] {
            let answer = server.send(raw(&path, content_type, body.to_string())).await;
            assert!(matches!(answer.status, 200 | 204), "{path} {answer:?}");
        }
    }
}

#[tokio::test]
async fn other_content_types_are_refused() {
    let server = Server::start().await;
    for path in POSTED {
        for content_type in ["", "text/plain", "multipart/form-data; boundary=x", "application/xml"]
        {
            refused(&server, raw(path, content_type, LOGIN), "invalid_request").await;
        }
        let none = Request::post(path).body(Body::from(LOGIN)).expect("a request");
        refused(&server, none, "invalid_request").await;
    }
}

#[tokio::test]
async fn json_that_is_no_object_of_strings_is_refused() {
    let server = Server::start().await;
    for path in POSTED {
        for body in [
            "",
            "{",
            "[]",
            "null",
            "1",
            r#""a""#,
            r#"{"token":1}"#,
            r#"{"token":["a"]}"#,
            r#"{"token":{"a":"b"}}"#,
            r#"{"token":true}"#,
            r#"{"token":"a","token":"a"}"#,
            r#"{"token" "a"}"#,
            r#"{"token":"a"} trailing"#,
        ] {
            refused(&server, raw(path, "application/json", body), "invalid_request").await;
        }
    }
}

#[tokio::test]
async fn empty_and_unknown_parameters_do_not_matter() {
    let server = Server::start().await;
    let body = format!("{LOGIN}&scope=&refresh_token=&token_type_hint&foo=1&foo=2&&=");
    assert_eq!(server.send(text("/oauth/token", &body)).await.status, 200);
    let no_grant_type = LOGIN.replace("grant_type=password", "grant_type=");
    refused(&server, text("/oauth/token", &no_grant_type), "invalid_request").await;
    let no_password = LOGIN.replace("password=test_api_user", "password=");
    refused(&server, text("/oauth/token", &no_password), "invalid_request").await;
}

#[tokio::test]
async fn a_known_parameter_that_is_there_twice_is_refused() {
    let server = Server::start().await;
    for again in [
        "&grant_type=password",
        "&client_id=test_client_id",
        "&scope=read&scope=",
        "&scope=&scope=",
    ] {
        refused(&server, text("/oauth/token", &format!("{LOGIN}{again}")), "invalid_request").await;
    }
    for path in ["/oauth/revoke", "/oauth/introspect"] {
        let body = format!("{GATEWAY}&token=a&token=a");
        refused(&server, text(path, &body), "invalid_request").await;
    }
}

#[tokio::test]
async fn each_grant_type_that_is_no_good_has_its_own_error() {
    let server = Server::start().await;
    let with = |grant_type: &str| {
        let login = "client_id=login-only&client_secret=login-secret&username=a&password=b";
        text("/oauth/token", &format!("{login}&refresh_token=none&{grant_type}"))
    };
    refused(&server, with(""), "invalid_request").await;
    for unknown in
        ["grant_type=authorization_code", "grant_type=Password", "grant_type=grant_type_example"]
    {
        refused(&server, with(unknown), "unsupported_grant_type").await;
    }
    for unregistered in ["grant_type=client_credentials", "grant_type=refresh_token"] {
        refused(&server, with(unregistered), "unauthorized_client").await;
    }
}

#[tokio::test]
async fn scopes_are_within_what_is_allowed_and_narrow_a_refresh() {
    let server = Server::start().await;
    for scope in ["admin", "read admin", "re\"ad", "r%C3%A9ad"] {
        let body = format!("{LOGIN}&scope={scope}");
        refused(&server, text("/oauth/token", &body), "invalid_scope").await;
    }
    let asked = server.send(text("/oauth/token", &format!("{LOGIN}&scope=write"))).await.json();
    assert_eq!(asked["scope"], "write");
    let all = server.log_in("test_client_id", "test_client_secret").await;
    let pairs = [
        ("grant_type", "refresh_token"),
        ("client_id", "test_client_id"),
        ("client_secret", "test_client_secret"),
        ("refresh_token", all["refresh_token"].as_str().expect("a token")),
        ("scope", "read"),
    ];
    assert_eq!(server.send(form("/oauth/token", &pairs)).await.json()["scope"], "read");
}

#[tokio::test]
async fn raw_line_breaks_vanish_and_encoded_ones_are_refused() {
    let server = Server::start().await;
    let wrapped = LOGIN.replace('&', "\r\n&").replace("test_api", "test_\napi");
    assert_eq!(server.send(text("/oauth/token", &wrapped)).await.status, 200);
    assert_eq!(server.send(text("/oauth/token", &format!("{LOGIN}\n"))).await.status, 200);
    for name in ["test_client_id", "test_client_secret", "test_api_user"] {
        let broken = LOGIN.replacen(name, &format!("{name}%0A"), 1);
        refused(&server, text("/oauth/token", &broken), "invalid_request").await;
    }
    let broken =
        value!({ "token": "a\r\n", "client_id": "gateway", "client_secret": "gateway-secret" });
    refused(&server, json("/oauth/introspect", &broken), "invalid_request").await;
}

#[tokio::test]
async fn what_is_not_utf_8_is_refused() {
    let server = Server::start().await;
    for path in POSTED {
        refused(&server, text(path, "token=%ff"), "invalid_request").await;
        refused(&server, raw(path, FORM, &b"token=\xff"[..]), "invalid_request").await;
        refused(
            &server,
            raw(path, "application/json", &b"{\"token\":\"\xff\"}"[..]),
            "invalid_request",
        )
        .await;
    }
}

#[tokio::test]
async fn nothing_is_read_from_a_query() {
    let server = Server::start().await;
    for path in POSTED {
        for query in ["client_id=test_client_id", "a", "grant_type=password", "&"] {
            let body = format!("{LOGIN}&token=none");
            refused(&server, text(&format!("{path}?{query}"), &body), "invalid_request").await;
        }
    }
    assert_eq!(server.send(text("/oauth/token?", LOGIN)).await.status, 200);
}

#[tokio::test]
async fn only_posts_are_taken() {
    let server = Server::start().await;
    for path in POSTED.iter().flat_map(|path| [(*path).to_owned(), format!("{path}/")]) {
        for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            let request = Request::builder().method(method).uri(&path);
            let answer = server.send(request.body(Body::empty()).expect("a request")).await;
            assert_eq!((answer.status, answer.header(&ALLOW)), (405, "POST"), "{method} {path}");
        }
    }
    let answer = server.send(text("/openapi.json", "")).await;
    assert_eq!((answer.status, answer.header(&ALLOW)), (405, "GET, HEAD"));
}

#[tokio::test]
async fn paths_that_are_not_there_are_404_in_json() {
    let server = Server::start().await;
    for path in
        ["/", "/oauth", "/oauth/token//", "/oauth/Token", "/oauth/authorize", "//", "/%2e%2e/x"]
    {
        assert_eq!(server.send(get(path)).await.status, 404, "{path}");
        assert_eq!(server.send(text(path, LOGIN)).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn sixty_four_kib_are_read_and_a_byte_more_is_413() {
    let server = Server::start().await;
    let filled = |length: usize| format!("{LOGIN}&x={}", "a".repeat(length - LOGIN.len() - 3));
    assert_eq!(server.send(text("/oauth/token", &filled(65_536))).await.status, 200);
    for length in [65_537, 1 << 20, 3 << 20] {
        let answer = server.send(text("/oauth/token", &filled(length))).await;
        assert_eq!((answer.status, answer.error()), (413, "invalid_request".into()));
    }
}
