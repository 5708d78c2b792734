//! Signed access tokens at those who ask this service: a validator, proxies, a watch; and introspection that is
//! answered signed (RFC 9701).

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jeton::{
    client::{Basic, Credentials, TokenClient, Validator, validator::Options},
    domain::{algorithm::Algorithm, secret::Secret},
    jose::{KeySet, verify},
    proto::v1::{
        AccessTokenFormat, Client, GetJwksRequest, InactiveReason, WatchRevocationsRequest,
        revocation::Event,
    },
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Code;

use crate::common::{
    admin::{Admin, with_admin},
    caller::{Caller, by_password},
    refusal::assert_refused,
    server::Server,
    settings::Settings,
    wait::{until, within},
};

const ISSUER: &str = "https://tokens.example.internal";

fn settings() -> Settings {
    let settings = Settings::standard().set("http", "issuer", ISSUER);
    settings.declare("shop", "access_token_format", r#""jwt""#)
}

async fn validator(server: &Server) -> Validator {
    let basic = Basic::new("gateway", &Secret::new("gateway-secret"));
    let client = TokenClient::new(server.connect().await, Credentials::Basic(basic));
    let validator = Validator::start(client, Options::default());
    until("to follow", async || validator.staleness().is_some()).await;
    validator
}

/// Head and body of the answer to a request.
async fn send(address: &str, request: &str, headers: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let length = body.len();
    let request = format!(
        "{request} HTTP/1.1\r\nhost: jeton\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn a_validator_remembers_a_signed_token_and_hears_of_its_revocation() {
    let server = Server::start(&settings()).await;
    let shop = server.caller("shop").await;
    let token = {
        until("to have a key", async || shop.issue(by_password("alice")).await.is_ok()).await;
        shop.log_in().await
    };
    let validator = validator(&server).await;
    let claims = validator.validate(&token.access_token).await.expect("active");
    assert_eq!((&*claims.grant_id, &*claims.client_id), (&*token.grant_id, "shop"));
    let known = async || matches!(validator.recall(&token.access_token), Some(Ok(_)));
    until("to remember it", known).await;

    let mut watched = shop.stub.clone();
    let cursor = shop.cursor().await;
    let request = shop.signed(WatchRevocationsRequest { cursor, ..Default::default() });
    let mut watch = watched.watch_revocations(request).await.expect("a watch").into_inner();
    shop.revoke(&token.access_token).await.expect("revoked");
    let refused = async || validator.validate(&token.access_token).await.is_err();
    until("to refuse it", refused).await;
    let ended = within("to be in the stream", async {
        loop {
            let batch = watch.message().await.expect("a batch").expect("no end");
            let mut events = batch.revocations.into_iter().filter_map(|held| held.event);
            let ended = events.find_map(|event| {
                if let Event::GrantEnded(ended) = event { Some(ended.grant_id) } else { None }
            });
            if let Some(id) = ended {
                break id;
            }
        }
    });
    assert_eq!(ended.await, token.grant_id);
    server.stop().await;
}

#[tokio::test]
async fn a_proxy_that_asks_gets_the_same_answer_for_either_kind_of_token() {
    let settings =
        settings().set("check", "listen", "127.0.0.1:0").set("check", "client", "gateway");
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let signed = shop.log_in().await;
    let opaque = server.caller("rival").await.log_in().await;
    let address = server.check_address();
    let check = async |token: &str| {
        let header = format!("authorization: Bearer {token}\r\n");
        let (head, _) = send(&address, "GET /check?audience=billing&scope=read", &header, "").await;
        head.split(' ').nth(1).map(str::to_owned)
    };
    for token in [&signed.access_token, &opaque.access_token] {
        assert_eq!(check(token).await.as_deref(), Some("200"));
    }
    shop.revoke(&signed.access_token).await.expect("revoked");
    assert_eq!(check(&signed.access_token).await.as_deref(), Some("401"));
    server.stop().await;
}

/// Asks as the gateway.
async fn introspect(server: &Server, token: &str, accept: &str) -> (String, String) {
    let body = format!("token={token}&client_id=gateway&client_secret=gateway-secret");
    let headers =
        format!("content-type: application/x-www-form-urlencoded\r\naccept: {accept}\r\n");
    send(&server.http_address(), "POST /oauth/introspect", &headers, &body).await
}

async fn verified(caller: &Caller, text: &str) -> Value {
    let answer = caller.stub.clone().get_jwks(GetJwksRequest {}).await.expect("an answer");
    let (keys, _) = KeySet::read(answer.into_inner().jwks.as_bytes()).expect("a key set");
    let claims = verify(&Secret::new(text), &keys, &[Algorithm::Es256]).expect("a good signature");
    assert_eq!(claims.media_type.as_deref(), Some("token-introspection+jwt"));
    let payload = text.split('.').nth(1).expect("three parts");
    let json = BASE64_URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&json).expect("JSON")
}

#[tokio::test]
async fn introspection_is_answered_signed_to_callers_that_ask_for_it_and_is_good_for_nothing_else()
{
    const SIGNED: &str = "application/token-introspection+jwt";
    let server = Server::start(&settings()).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let opaque = server.caller("rival").await.log_in().await.access_token;
    for token in [shop.log_in().await.access_token, opaque] {
        let (head, answer) = introspect(&server, &token, SIGNED).await;
        assert!(head.contains(&format!("content-type: {SIGNED}")), "{head}");
        assert!(head.contains("cache-control: no-store"), "{head}");
        let claims = verified(&gateway, &answer).await;
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!("gateway")));
        assert!(claims.get("sub").is_none() && claims.get("exp").is_none(), "{claims}");
        let (head, plain) = introspect(&server, &token, "application/json").await;
        assert!(head.contains("content-type: application/json"), "{head}");
        let plain: Value = serde_json::from_str(&plain).expect("JSON");
        for member in ["active", "sub", "client_id", "scope", "aud", "exp", "jti"] {
            assert_eq!(claims["token_introspection"][member], plain[member], "{member}");
        }
        assert_eq!(gateway.reason(&answer).await, InactiveReason::Unknown, "no access token");
        shop.revoke(&answer).await.expect("unknown is no error");
        assert!(gateway.is_active(&token).await);
    }
    let (_, answer) = introspect(&server, "garbage", SIGNED).await;
    let claims = verified(&gateway, &answer).await;
    assert_eq!(claims["token_introspection"], json!({ "active": false }));
    server.stop().await;
}

#[tokio::test]
async fn the_format_is_that_of_the_next_issue_or_refresh() {
    let settings = with_admin().set("http", "issuer", ISSUER);
    let server = Server::start(&settings).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    let change = async |format: AccessTokenFormat| {
        let access_token_format = format.into();
        let client_id = "shop".to_owned();
        let client = Client { client_id, access_token_format, ..Default::default() };
        admin.update_client(client, &["access_token_format"]).await
    };
    let first = shop.log_in().await;
    let changed = change(AccessTokenFormat::Jwt).await.expect("changed");
    assert_eq!(changed.access_token_ttl.map(|ttl| ttl.seconds), Some(300), "nobody had set it");
    let refreshed = async || shop.refresh(&first.refresh_token).await.is_ok();
    until("to have a key", refreshed).await;
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    assert!(second.access_token.starts_with("eyJ") && shop.is_active(&second.access_token).await);
    assert!(shop.is_active(&first.access_token).await, "within the overlap");

    let long = Client {
        client_id: "shop".to_owned(),
        access_token_ttl: Some(prost_types::Duration { seconds: 25 * 60 * 60, nanos: 0 }),
        ..Default::default()
    };
    let refused = admin.update_client(long, &["access_token_ttl"]).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    let nobody = Client { client_id: "shop".to_owned(), ..Default::default() };
    let refused = admin.update_client(nobody, &["audience"]).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");

    let changed = change(AccessTokenFormat::Opaque).await.expect("changed");
    assert_eq!(changed.access_token_ttl.map(|ttl| ttl.seconds), Some(900));
    let third = shop.refresh(&second.refresh_token).await.expect("a pair");
    assert!(third.access_token.starts_with("jat_") && shop.is_active(&third.access_token).await);
    assert!(shop.is_active(&second.access_token).await, "within the overlap");
    server.stop().await;
}
