//! Every refusal has its code, its reason and the details that its kind promises, and none of them
//! says what was sent.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use jeton::proto::v1::{
    BatchIntrospectRequest, IntrospectRequest, IssueTokenRequest, IssueTokenResponse,
    PasswordGrant, RevokeTokenRequest, issue_token_request::Grant,
};
use prost_types::Duration;
use tonic::{Code, Request, Status, codegen::http::uri::PathAndQuery};
use tonic_types::StatusExt as _;

use crate::common::{
    caller::{Caller, by_password, client_credentials},
    refusal::assert_refused,
    server::Server,
    settings::Settings,
};

/// Stands where it may not be repeated: in every text that a test sends and is refused for.
const CANARY: &str = "canary-4711";

/// Nothing of what was sent comes back.
fn assert_silent(status: &Status) {
    let shown = format!("{} {}", status.message(), String::from_utf8_lossy(status.details()));
    assert!(!shown.contains("canary") && !shown.contains("4711"), "{shown}");
}

/// The fields that the refusal blames.
fn fields(status: &Status) -> Vec<String> {
    let bad = status.get_details_bad_request().expect("BadRequest names the fields");
    bad.field_violations.into_iter().map(|violation| violation.field).collect()
}

fn canary_password() -> Grant {
    let grant = PasswordGrant { username: CANARY.to_owned(), password: CANARY.to_owned() };
    Grant::Password(grant)
}

fn with_header<T>(message: T, header: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().append("authorization", header.parse().expect("a header"));
    request
}

#[tokio::test]
async fn a_field_at_fault_is_an_invalid_request_that_names_the_field() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let ttl = IssueTokenRequest { ttl: Some(Duration::default()), ..by_password("alice") };
    let id = IssueTokenRequest { request_id: format!("{CANARY} \u{e9}"), ..by_password("alice") };
    let password = PasswordGrant { username: "alice".into(), password: CANARY.repeat(100) };
    let password =
        IssueTokenRequest { grant: Some(Grant::Password(password)), ..Default::default() };
    let mut refusals = Vec::new();
    for (request, field) in [(ttl, "ttl"), (id, "request_id"), (password, "password")] {
        refusals.push((shop.issue(request).await.map(drop), field));
    }
    let unknown_scope = RevokeTokenRequest { revoke_scope: 4711, ..Default::default() };
    refusals.push((shop.revoke_as(CANARY, unknown_scope).await, "revoke_scope"));
    let asked =
        IntrospectRequest { token: CANARY.to_owned(), expected_kind: 4711, ..Default::default() };
    let refused = shop.stub.clone().introspect(shop.signed(asked)).await;
    refusals.push((refused.map(drop), "expected_kind"));
    let many = BatchIntrospectRequest { tokens: vec![CANARY.to_owned(); 1_001] };
    let refused = shop.stub.clone().batch_introspect(shop.signed(many)).await;
    refusals.push((refused.map(drop), "tokens"));
    for (refused, field) in refusals {
        let status = assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(fields(&status), [field]);
        assert_silent(&status);
    }
    server.stop().await;
}

#[tokio::test]
async fn an_empty_parameter_is_a_missing_one_and_is_named() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let log_in = |username: &str, password: &str| {
        let grant = PasswordGrant { username: username.into(), password: password.into() };
        let grant = Some(Grant::Password(grant));
        shop.issue(IssueTokenRequest { grant, ..Default::default() })
    };
    let asked = shop.signed(IntrospectRequest::default());
    for (refused, field) in [
        (log_in("", CANARY).await.map(drop), "username"),
        (log_in("alice", "").await.map(drop), "password"),
        (shop.refresh("").await.map(drop), "refresh_token"),
        (shop.revoke("").await, "token"),
        (shop.stub.clone().introspect(asked).await.map(drop), "token"),
    ] {
        let status = assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(fields(&status), [field]);
        assert_silent(&status);
    }
    server.stop().await;
}

#[tokio::test]
async fn two_ways_of_authenticating_at_once_are_an_invalid_request() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let secret_alone =
        IssueTokenRequest { client_secret: CANARY.to_owned(), ..client_credentials() };
    let both = IssueTokenRequest {
        client_id: "shop".to_owned(),
        client_secret: "shop-secret".to_owned(),
        ..client_credentials()
    };
    let differing =
        IssueTokenRequest { client_secret: "another-secret".to_owned(), ..both.clone() };
    let another = IssueTokenRequest { client_id: "rival".to_owned(), ..client_credentials() };
    let mut twice = shop.signed(client_credentials());
    twice.metadata_mut().append("authorization", "Bearer x".parse().expect("a header"));
    for (request, field) in [
        (Request::new(secret_alone), "client_id"),
        (shop.signed(differing), "authorization"),
        (with_header(both.clone(), "Bearer x"), "authorization"),
        (shop.signed(another), "client_id"),
        (twice, "authorization"),
    ] {
        let refused = shop.stub.clone().issue_token(request).await;
        let status = assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(fields(&status), [field]);
        assert_silent(&status);
    }
    let same = IssueTokenRequest { client_id: "shop".to_owned(), ..client_credentials() };
    shop.stub.clone().issue_token(shop.signed(same)).await.expect("the same client twice is one");
    shop.stub.clone().issue_token(shop.signed(both)).await.expect("the same secret twice is one");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_cannot_be_authenticated_is_an_invalid_client() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let stranger = |id: &str, secret: &str| {
        let (id, secret) = (id.to_owned(), secret.to_owned());
        Caller { id, secret, ..shop.clone() }
    };
    let mut answers = Vec::new();
    for caller in [
        stranger("", ""),
        stranger("shop", ""),
        stranger("shop", CANARY),
        stranger("shop", &CANARY.repeat(1_000)),
        stranger("app", CANARY),
        stranger(CANARY, ""),
        stranger(CANARY, "shop-secret"),
        stranger("canary-4711\u{e9}\n", "shop-secret"),
        stranger(&CANARY.repeat(1_000), "shop-secret"),
    ] {
        let refused = caller.issue(client_credentials()).await;
        answers.push(assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT"));
        let refused = caller.refresh(CANARY).await;
        answers.push(assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT"));
        let refused = caller.revoke(CANARY).await;
        answers.push(assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT"));
    }
    for header in ["Basic", "Basic canary-4711", "Digest canary-4711", "Bearer canary-4711", "-"] {
        let request = with_header(client_credentials(), header);
        let refused = shop.stub.clone().issue_token(request).await;
        answers.push(assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT"));
    }
    for status in &answers {
        assert_silent(status);
        assert_eq!(status.message(), answers[0].message());
        assert_eq!(status.details(), answers[0].details());
    }
    server.stop().await;
}

#[tokio::test]
async fn each_oauth_error_has_its_code_and_reason() {
    let server = Server::start(&Settings::standard()).await;
    let (shop, app) = (server.caller("shop").await, server.caller("app").await);
    let grant = Some(canary_password());
    let canary = vec![CANARY.to_owned()];
    let scopes = IssueTokenRequest { scopes: canary.clone(), ..by_password("alice") };
    let audience = IssueTokenRequest { audience: canary, ..by_password("alice") };
    let nothing = IssueTokenRequest::default();
    for (outcome, code, reason) in [
        (shop.issue(nothing).await, Code::InvalidArgument, "UNSUPPORTED_GRANT_TYPE"),
        (app.issue(client_credentials()).await, Code::PermissionDenied, "UNAUTHORIZED_CLIENT"),
        (
            shop.issue(IssueTokenRequest { grant, ..Default::default() }).await,
            Code::Unauthenticated,
            "INVALID_GRANT",
        ),
        (shop.issue(scopes).await, Code::InvalidArgument, "INVALID_SCOPE"),
        (shop.issue(audience).await, Code::InvalidArgument, "INVALID_TARGET"),
    ] {
        assert_silent(&assert_refused(outcome, code, reason));
    }
    let asked = with_header(IntrospectRequest::default(), "Bearer canary-4711");
    let refused = shop.stub.clone().introspect(asked).await;
    assert_silent(&assert_refused(refused, Code::Unauthenticated, "INVALID_TOKEN"));
    server.stop().await;
}

#[tokio::test]
async fn a_method_or_service_that_is_not_there_is_answered_with_a_reason() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    for path in [
        "/jeton.v1.TokenService/Canary4711",
        "/jeton.v1.Canary4711/IssueToken",
        "/canary-4711",
        "/",
        "/jeton.v1.TokenService/",
        "/jeton.v1.TokenService/IssueToken/",
        "//jeton.v1.TokenService/IssueToken",
        "/jeton.v1.TokenService%2FIssueToken",
        "/jeton.v1.tokenservice/issuetoken",
    ] {
        let mut stub = tonic::client::Grpc::new(server.connect().await);
        stub.ready().await.expect("a connection");
        let codec = tonic_prost::ProstCodec::<IssueTokenRequest, IssueTokenResponse>::default();
        let request = Request::new(client_credentials());
        let refused = stub.unary(request, PathAndQuery::from_static(path), codec).await;
        assert_silent(&assert_refused(refused, Code::Unimplemented, "INVALID_REQUEST"));
    }
    shop.log_in().await;
    server.stop().await;
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_refused_and_the_connection_goes_on() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let mebibyte = CANARY.repeat((1 << 20) / CANARY.len());
    let mut refusals = vec![shop.refresh(&mebibyte).await.map(drop)];
    refusals.push(shop.revoke(&mebibyte).await);
    refusals.push(shop.introspect_all(&[&mebibyte]).await.map(drop));
    let request_id = IssueTokenRequest { request_id: mebibyte, ..by_password("alice") };
    refusals.push(shop.issue(request_id).await.map(drop));
    for refused in refusals {
        assert_silent(&assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST"));
    }
    shop.log_in().await;
    server.stop().await;
}
