//! Bodies and credentials over HTTP: for every request the answer is below 500, is kept by no cache
//! and repeats no secret.

#![no_main]

#[path = "http/server.rs"]
mod server;

use axum::body::Body;
use http::{
    HeaderValue, Request,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE},
};
use libfuzzer_sys::fuzz_target;
use server::{SECRETS, Server};

const PATHS: [&str; 8] = [
    "/oauth/token",
    "/oauth2/token/",
    "/auth/oauth2/token",
    "/oauth/revoke",
    "/oauth/revoke_token/",
    "/oauth2/revoke",
    "/oauth/introspect",
    "/auth/oauth2/introspect/",
];
const TYPES: [&str; 2] = ["application/x-www-form-urlencoded", "application/json"];

// The first byte chooses path and type; what follows up to a line break is the `Authorization`
// header; the rest is the body. `ACCESS` and `REFRESH` stand for tokens that are good.
fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let mut parts = rest.splitn(2, |byte| *byte == b'\n');
    let authorization = parts.next().unwrap_or_default();
    let body = parts.next().unwrap_or_default();
    let choice = usize::from(*choice);
    let path = PATHS[choice / TYPES.len() % PATHS.len()];
    Server::with(|server| {
        let body = Body::from(server.with_tokens(body));
        let mut request = Request::post(path).body(body).expect("a request");
        let kind = HeaderValue::from_static(TYPES[choice % TYPES.len()]);
        request.headers_mut().insert(CONTENT_TYPE, kind);
        let authorization = server.with_tokens(authorization);
        if let (false, Ok(value)) =
            (authorization.is_empty(), HeaderValue::from_bytes(&authorization))
        {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let (head, body) = server.send(request);
        assert!(head.status.as_u16() < 500, "{path}: {head:?}");
        assert_eq!(
            head.headers.get(CACHE_CONTROL).map(HeaderValue::as_bytes),
            Some(&b"no-store"[..])
        );
        for secret in SECRETS {
            assert!(!body.windows(secret.len()).any(|part| part == secret.as_bytes()), "{path}");
        }
    });
});
