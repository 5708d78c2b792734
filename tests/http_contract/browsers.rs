//! CORS: pages of listed origins may call, pages of others learn nothing, and by default none may.

use axum::body::Body;
use http::{
    HeaderName, Method, Request,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN, VARY,
    },
};
use jeton::http::{HttpMetrics, router};

use crate::harness::{Answer, Server, options, text};

const APP: &str = "https://app.example";

async fn allowing(origins: &[&str]) -> Server {
    let mut options = options();
    options.cors.allowed_origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    Server::with(&options).await
}

fn preflight(origin: &str) -> Request<Body> {
    Request::builder()
        .method(Method::OPTIONS)
        .uri("/oauth2/token")
        .header(ORIGIN, origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,authorization")
        .body(Body::empty())
        .expect("a request")
}

fn call(origin: &str) -> Request<Body> {
    let mut request =
        text("/oauth2/token", "grant_type=password&client_id=nobody&username=a&password=b");
    request.headers_mut().insert(ORIGIN, origin.parse().expect("an origin"));
    request
}

fn shared_with(answer: &Answer) -> &str {
    answer.header(&ACCESS_CONTROL_ALLOW_ORIGIN)
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_call_with_json_and_credentials() {
    let server = allowing(&[APP, "http://localhost:3000"]).await;
    for origin in [APP, "http://localhost:3000"] {
        let answer = server.send(preflight(origin)).await;
        assert_eq!((answer.status, shared_with(&answer)), (200, origin));
        let lists = |name: &HeaderName, value| answer.header(name).to_lowercase().contains(value);
        assert!(lists(&ACCESS_CONTROL_ALLOW_METHODS, "post"));
        assert!(lists(&ACCESS_CONTROL_ALLOW_HEADERS, "content-type"));
        assert!(lists(&ACCESS_CONTROL_ALLOW_HEADERS, "authorization"));
        assert!(answer.header(&VARY).to_lowercase().contains("origin"));
        // Refusals are shared as well: the page must be able to distinguish them from a broken
        // network.
        let answer = server.send(call(origin)).await;
        assert_eq!((answer.status, shared_with(&answer)), (401, origin));
        assert!(!answer.headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }
}

#[tokio::test]
async fn an_app_and_the_headers_of_tracing_are_allowed_as_the_settings_say() {
    let mut options = options();
    options.cors.allowed_origins = vec!["capacitor://localhost".to_owned()];
    options.cors.allowed_headers = vec!["traceparent".to_owned(), "x-app".to_owned()];
    let server = Server::with(&options).await;
    let answer = server.send(preflight("capacitor://localhost")).await;
    assert_eq!((answer.status, shared_with(&answer)), (200, "capacitor://localhost"));
    let allowed = answer.header(&ACCESS_CONTROL_ALLOW_HEADERS);
    assert_eq!(allowed, "authorization,content-type,traceparent,x-app");
}

#[tokio::test]
async fn a_page_of_another_origin_learns_nothing() {
    let server = allowing(&[APP]).await;
    for origin in
        ["https://evil.example", "https://app.example.evil.example", "null", "http://app.example"]
    {
        assert_eq!(shared_with(&server.send(preflight(origin)).await), "");
        assert_eq!(shared_with(&server.send(call(origin)).await), "");
    }
}

#[tokio::test]
async fn by_default_no_page_may_call() {
    let server = allowing(&[]).await;
    let answer = server.send(preflight(APP)).await;
    assert_eq!((answer.status, shared_with(&answer)), (405, ""));
    assert_eq!(shared_with(&server.send(call(APP)).await), "");
}

#[tokio::test]
async fn a_list_that_holds_no_origins_is_refused() {
    let server = Server::start().await;
    for origin in ["*", "https://app.example\n"] {
        let mut options = options();
        options.cors.allowed_origins.push(origin.to_owned());
        assert!(router(server.ready.clone(), &options, &HttpMetrics::new()).is_err(), "{origin:?}");
    }
    let mut options = options();
    options.cors.allowed_origins.push(APP.to_owned());
    options.cors.allowed_headers.push("a b".to_owned());
    assert!(router(server.ready.clone(), &options, &HttpMetrics::new()).is_err());
}
