//! For any bytes there is an answer, which is described and below 500.

use axum::body::Body;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{
    HeaderValue, Request,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use tokio::runtime::Runtime;

use crate::{harness::Server, server::Live};

const PATHS: [&str; 10] = [
    "/oauth/token",
    "/oauth2/token/",
    "/auth/oauth2/token",
    "/oauth/revoke_token/",
    "/oauth/revoke",
    "/auth/oauth2/revoke_token",
    "/oauth2/revoke",
    "/oauth/introspect",
    "/oauth2/introspect",
    "/auth/oauth2/introspect/",
];
const NAMES: [&str; 10] = [
    "client_id",
    "client_secret",
    "grant_type",
    "password",
    "refresh_token",
    "scope",
    "token",
    "token_type_hint",
    "username",
    "x",
];
/// Values that lead deeper than noise does.
const VALUES: [&str; 12] = [
    "password",
    "client_credentials",
    "refresh_token",
    "test_client_id",
    "test_client_secret",
    "client_id_example",
    "test_api_user",
    "read",
    "",
    "%ff",
    "%0a",
    "jat_0000000000",
];

fn value() -> impl Strategy<Value = String> {
    prop_oneof![select(&VALUES[..]).prop_map(str::to_owned), any::<String>()]
}

fn pairs() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    vec((select(&NAMES[..]), value()), 0..8)
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..300),
        pairs().prop_map(|pairs| {
            let joined: Vec<String> =
                pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            joined.join("&").into_bytes()
        }),
        pairs().prop_map(|pairs| {
            let object: serde_json::Map<_, _> =
                pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
            serde_json::Value::from(object).to_string().into_bytes()
        }),
    ]
}

fn content_type() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(b"application/x-www-form-urlencoded".to_vec()),
        4 => Just(b"application/json; charset=utf-8".to_vec()),
        1 => vec(any::<u8>(), 0..40),
    ]
}

fn authorization() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..40),
        vec(any::<u8>(), 0..40)
            .prop_map(|bytes| { format!("Basic {}", BASE64_STANDARD.encode(bytes)).into_bytes() }),
        (value(), value()).prop_map(|(id, secret)| {
            format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}"))).into_bytes()
        }),
        value().prop_map(|token| format!("Bearer {token}").into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// `send` checks that status and type are described.
    #[test]
    fn no_request_gets_a_5xx(
        requests in vec((select(&PATHS[..]), content_type(), option::of(authorization()), body()), 1..20),
    ) {
        let runtime = Runtime::new().expect("a runtime");
        let server = runtime.block_on(Server::start());
        for (path, content_type, authorization, body) in requests {
            let mut request = Request::post(path).body(Body::from(body)).expect("a request");
            if let Ok(value) = HeaderValue::from_bytes(&content_type) {
                request.headers_mut().insert(CONTENT_TYPE, value);
            }
            if let Some(Ok(value)) = authorization.map(|bytes| HeaderValue::from_bytes(&bytes)) {
                request.headers_mut().insert(AUTHORIZATION, value);
            }
            let answer = runtime.block_on(server.send(request));
            prop_assert!(answer.status < 500, "{:?}", answer);
        }
    }

    #[test]
    fn no_bytes_on_a_connection_get_a_5xx(connections in vec(vec(any::<u8>(), 0..200), 1..8)) {
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let live = Live::start().await;
            for mut bytes in connections {
                // Ends every request that was begun, so that the server need not wait for more.
                bytes.extend(b"\r\n\r\nGET / HTTP/1.0\r\n\r\n");
                let answer = live.exchange(bytes).await;
                assert!(!answer.contains("HTTP/1.1 5"), "{answer}");
            }
            live.stop().await;
        });
    }
}
