//! Signed access tokens (RFC 9068): verifiers read them without a question, and the record decides all the
//! same wherever this service is asked.

#[expect(dead_code, reason = "the harness is every test file's")]
#[path = "../common/mod.rs"]
mod common;
mod keys;

use std::{fs, path::Path};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jeton::{
    domain::{algorithm::Algorithm, claims::Claims, secret::Secret},
    jose::{KeySet, verify},
    proto::v1::{GetJwksRequest, InactiveReason, TokenKind},
};
use serde_json::{Value, json};
use tonic::Code;

use crate::common::{
    caller::{Caller, by_password, client_credentials, for_jeton},
    command::{succeed, text},
    home::Home,
    http::post,
    refusal::assert_refused,
    server::Server,
    settings::Settings,
};

const ISSUER: &str = "https://tokens.example.internal";
const SIGNATURES: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

/// The shop's access tokens are signed, and show its team.
fn settings() -> Settings {
    let settings = Settings::standard().set("http", "issuer", ISSUER).set("log", "filter", "trace");
    let settings = settings.declare("shop", "access_token_format", r#""jwt""#);
    settings.declare("shop", "jwt_attributes", r#"["team"]"#)
}

fn key(home: &Home, arguments: &[&str]) -> Value {
    let keys = home.keys();
    succeed(home, &[&["key"], arguments, &["--keys", text(&keys)]].concat())
}

/// A home whose first signing key is of that algorithm.
fn home_with(algorithm: Algorithm) -> Home {
    let home = Home::new();
    key(&home, &["add", "--new"]);
    let body: String = include_str!("../common/issuer_rsa.txt").split_whitespace().collect();
    assert!(BASE64_STANDARD.decode(&body).is_ok());
    let lines: Vec<_> = body.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let pem = lines.join("\n");
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n");
    let file = home.path().join("rsa.pem");
    fs::write(&file, pem).expect("written");
    let add = ["add", "--signing", "--algorithm", algorithm.name()];
    let import = ["--import", text(&file)];
    let import = if algorithm == Algorithm::Rs256 { &import[..] } else { &[] };
    key(&home, &[&add[..], import].concat());
    home
}

async fn key_set(caller: &Caller) -> KeySet {
    let answer = caller.stub.clone().get_jwks(GetJwksRequest {}).await.expect("an answer");
    KeySet::read(answer.into_inner().jwks.as_bytes()).expect("a key set").0
}

fn verified(token: &str, keys: &KeySet) -> Claims {
    verify(&Secret::new(token), keys, &SIGNATURES).expect("a good signature")
}

/// A part of a token: 0 is the header, 1 the claims.
fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).expect("three parts");
    let json = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&json).expect("JSON")
}

#[tokio::test]
async fn a_signed_token_says_who_for_whom_and_until_when_and_everybody_can_verify_it() {
    let server = Server::start(&settings()).await;
    let shop = server.caller("shop").await;
    let issued = shop.log_in().await;
    let claims = verified(&issued.access_token, &key_set(&shop).await);
    assert_eq!(claims.media_type.as_deref(), Some("at+jwt"));
    assert_eq!(claims.issuer.as_deref(), Some(ISSUER));
    assert_eq!(claims.audience, ["billing"]);
    let introspected = shop.introspect(&issued.access_token).await;
    assert!(introspected.active && introspected.kind() == TokenKind::Access);
    let told = part(&issued.access_token, 1);
    assert_eq!(told["sub"], introspected.subject);
    assert_eq!((&told["client_id"], &told["scope"]), (&json!("shop"), &json!("read write")));
    assert_eq!((&told["sid"], &told["team"]), (&json!(issued.grant_id), &json!("payments")));
    assert_eq!(told["jeton"]["generation"], 0);
    assert!(told.get("email").is_none(), "not listed: {told}");
    let life = told["exp"].as_u64().zip(told["iat"].as_u64()).map(|(exp, iat)| exp - iat);
    assert!(life.is_some_and(|life| (299..=301).contains(&life)), "short by default: {told}");
    assert!(issued.refresh_token.starts_with("jrt_"), "refresh tokens stay opaque");

    let own = shop.issue(client_credentials()).await.expect("a token");
    let told = part(&own.access_token, 1);
    assert_eq!((&told["sub"], told["jeton"].get("user_epoch")), (&json!("shop"), None));
    let gateway = server.caller("gateway").await;
    assert!(gateway.log_in().await.access_token.starts_with("jat_"), "another client's");
    server.stop().await;
}

#[tokio::test]
async fn a_retried_refresh_gives_the_identical_pair_by_each_algorithm() {
    for algorithm in SIGNATURES {
        let server = Server::start_at(home_with(algorithm), &settings()).await;
        let shop = server.caller("shop").await;
        let first = shop.log_in().await;
        assert_eq!(part(&first.access_token, 0)["alg"], algorithm.name());
        let second = shop.refresh(&first.refresh_token).await.expect("a pair");
        // The next key waits: were it used at once, the retry would still be signed by the first.
        key(server.home(), &["add", "--signing"]);
        let retry = shop.refresh(&first.refresh_token).await.expect("a pair");
        assert_eq!(retry.access_token, second.access_token);
        assert_eq!(retry.refresh_token, second.refresh_token);
        let keys = key_set(&shop).await;
        assert_ne!(verified(&first.access_token, &keys), verified(&second.access_token, &keys));
        assert_eq!(part(&second.access_token, 1)["jeton"]["generation"], 1);
        assert!(shop.is_active(&first.access_token).await, "within the overlap");
        server.stop().await;
    }
}

#[tokio::test]
async fn the_record_decides_about_a_signed_token_as_about_any_other() {
    let server = Server::start(&settings()).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let gateway = server.caller("gateway").await;
    let keys = {
        shop.log_in().await;
        key_set(&shop).await
    };
    let issued = shop.log_in().await;
    let token = issued.access_token.as_str();
    assert!(!rival.is_active(token).await, "a caller sees what it may introspect");
    let opaque = gateway.log_in().await.access_token;
    let results = gateway.introspect_all(&[token, &opaque, "eyJ.e30.x", token]).await;
    let active: Vec<_> = results.expect("results").iter().map(|result| result.active).collect();
    assert_eq!(active, [true, true, false, true]);
    let form = [("token", token), ("client_id", "gateway"), ("client_secret", "gateway-secret")];
    let (status, answer) = post(&server, "/oauth/introspect", &form).await;
    assert_eq!((status, &answer["active"]), (200, &json!(true)));
    assert_eq!((&answer["jti"], &answer["iss"]), (&json!(issued.grant_id), &json!(ISSUER)));

    shop.revoke_access_only(token).await.expect("revoked");
    assert_eq!(gateway.reason(token).await, InactiveReason::Revoked);
    let next = shop.refresh(&issued.refresh_token).await.expect("a pair").access_token;
    assert_refused(rival.revoke(&next).await, Code::Unauthenticated, "INVALID_GRANT");
    assert!(gateway.is_active(&next).await, "another client's attempt changes nothing");
    shop.revoke(&next).await.expect("revoked");
    assert_eq!(gateway.reason(&next).await, InactiveReason::Revoked);
    verified(&next, &keys);
    server.stop().await;
}

#[tokio::test]
async fn no_forgery_and_no_token_of_another_purpose_is_taken() {
    let server = Server::start(&settings()).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let issued = shop.log_in().await;
    let other = shop.log_in().await;
    let token = issued.access_token.as_str();
    let parts: Vec<&str> = token.split('.').collect();
    let encoded = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let mut forged = Vec::new();
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("typ", json!("JWT")),
        ("kid", json!("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")),
    ] {
        let mut header = part(token, 0);
        header[name] = value;
        let header = encoded(&header);
        forged.push(format!("{header}.{}.{}", parts[1], parts[2]));
        forged.push(format!("{header}.{}.", parts[1]));
    }
    for (name, value) in [
        ("iss", json!("https://elsewhere.example")),
        ("sid", json!(other.grant_id)),
        ("jeton", json!({ "generation": 1 })),
        ("jti", part(&other.access_token, 1)["jti"].clone()),
        ("exp", json!(4_000_000_000_u64)),
        ("scope", json!("audit")),
    ] {
        let mut claims = part(token, 1);
        claims[name] = value;
        forged.push(format!("{}.{}.{}", parts[0], encoded(&claims), parts[2]));
    }
    for text in &forged {
        assert_eq!(gateway.reason(text).await, InactiveReason::Unknown, "{text}");
        shop.revoke(text).await.expect("unknown is no error");
    }
    assert!(gateway.is_active(token).await && gateway.is_active(&other.access_token).await);
    assert_refused(shop.refresh(token).await, Code::Unauthenticated, "INVALID_GRANT");
    let asked = gateway.introspect_as(token, TokenKind::Refresh).await;
    assert!(!asked.active, "a signed token is no refresh token");
    let assertion = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", token),
    ];
    assert_eq!(post(&server, "/oauth/token", &assertion).await.0, 401);
    server.stop().await;
}

#[tokio::test]
async fn a_signed_token_names_one_service_and_opens_jeton_only_where_it_was_asked_for_that() {
    let settings = settings().declare("shop", "audience", r#"["billing", "stock", "jeton"]"#);
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let refused = shop.issue(by_password("alice")).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_TARGET");
    let mut one = client_credentials();
    one.audience = vec!["stock".to_owned()];
    let stock = shop.issue(one).await.expect("a token").access_token;
    assert_eq!(part(&stock, 1)["aud"], "stock");
    let own = shop.issue(for_jeton()).await.expect("a token").access_token;
    let introspecting = |bearer: &str| {
        let mut request = tonic::Request::new(jeton::proto::v1::IntrospectRequest {
            token: stock.clone(),
            ..Default::default()
        });
        let bearer = format!("Bearer {bearer}").parse().expect("a header");
        request.metadata_mut().insert("authorization", bearer);
        request
    };
    let answer = shop.stub.clone().introspect(introspecting(&own)).await.expect("an answer");
    assert!(answer.into_inner().active);
    let refused = shop.stub.clone().introspect(introspecting(&stock)).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_TOKEN");
    server.stop().await;
}

/// Returns the files under a directory that hold one of the texts.
fn holding(directory: &Path, texts: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, texts));
            continue;
        }
        let bytes = fs::read(&path).unwrap_or_default();
        let holds =
            |text: &String| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        if texts.iter().any(holds) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn no_signed_token_is_in_the_log_or_the_store() {
    let server = Server::start(&settings()).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    shop.introspect(&first.access_token).await;
    shop.introspect_all(&[&first.access_token, "eyJ.e30.x"]).await.expect("results");
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    shop.refresh(&second.access_token).await.expect_err("no refresh token");
    shop.revoke(&second.access_token).await.expect("revoked");
    let signature = |token: &str| token.rsplit('.').next().expect("a part").to_owned();
    let secrets = [signature(&first.access_token), signature(&second.access_token)];
    let log = server.log();
    assert!(secrets.iter().all(|secret| !log.contains(secret.as_str())), "in the log");
    let home = server.stop().await;
    assert_eq!(holding(home.path(), &secrets), [""; 0]);
}
