//! The attack table from outside: by both wires and at each instance every row is refused, by its cause.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tonic::Code;

use crate::{
    common::{
        audit::causes,
        http::post,
        issuer::{SigningKey, message},
        now::seconds,
        refusal::assert_refused,
    },
    scene::{ACCOUNT, CLUSTER, HERE, JWT_BEARER, World, claims, issue, with},
};

fn header(members: &Value) -> String {
    let mut header = json!({ "alg": "ES256", "kid": "prod-1" });
    let all = header.as_object_mut().expect("an object");
    all.extend(members.as_object().expect("an object").clone());
    header.to_string()
}

/// The rows with their causes. `evil` is a key that the issuer does not have.
fn table(prod: &SigningKey, evil: &SigningKey) -> Vec<(String, &'static str)> {
    let now = seconds();
    let good = || claims(ACCOUNT, "7c1b");
    let body = good().to_string();
    let signed = |members: &Value| prod.sign(&header(members), &body);
    let forged = |members: &Value| evil.sign(&header(members), &body);
    let twice = |extra: &str| {
        prod.sign(&header(&json!({})), &body.replacen('{', &format!("{{{extra},"), 1))
    };
    let public = prod.jwk().to_string();
    let unsigned = message(&header(&json!({ "alg": "HS256" })), &body);
    let mut mac = Hmac::<Sha256>::new_from_slice(public.as_bytes()).expect("any length");
    mac.update(unsigned.as_bytes());
    let by_public = BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    let nested = format!("{{\"deep\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let spoiled = |name, value| prod.token(&with(good(), name, value));
    vec![
        (format!("{}.", message(&header(&json!({ "alg": "none" })), &body)), "wrong_algorithm"),
        (format!("{unsigned}.{by_public}"), "wrong_algorithm"),
        (signed(&json!({ "typ": "at+jwt" })), "wrong_media_type"),
        (signed(&json!({ "typ": "logout+jwt" })), "wrong_media_type"),
        (signed(&json!({ "kid": "../../../../dev/null" })), "unknown_key"),
        (signed(&json!({ "kid": "https://evil.example/jwks.json" })), "unknown_key"),
        (signed(&json!({ "kid": "k".repeat(10_000) })), "unreadable_assertion"),
        (signed(&json!({ "kid": ["prod-1"] })), "unreadable_assertion"),
        (forged(&json!({ "jwk": evil.jwk() })), "wrong_signature"),
        (forged(&json!({ "jku": "https://evil.example/jwks.json" })), "wrong_signature"),
        (forged(&json!({ "x5u": "http://169.254.169.254/latest/meta-data" })), "wrong_signature"),
        (forged(&json!({ "kid": "evil", "jku": "file:///dev/null" })), "unknown_key"),
        (signed(&json!({ "crit": ["exp"] })), "unreadable_assertion"),
        (twice(r#""sub":"system:serviceaccount:shop:operator""#), "unreadable_assertion"),
        (twice(r#""\u0061ud":"https://elsewhere.example""#), "unreadable_assertion"),
        (spoiled("aud", json!([HERE, "https://elsewhere.example"])), "wrong_audience"),
        (spoiled("aud", json!([HERE, HERE])), "wrong_audience"),
        (spoiled("aud", json!([])), "wrong_audience"),
        (spoiled("exp", json!(now - 35)), "expired_assertion"),
        (spoiled("nbf", json!(now + 60)), "early_assertion"),
        (spoiled("iat", json!(now + 60)), "early_assertion"),
        (spoiled("exp", json!(now + 8 * 24 * 3_600)), "long_assertion"),
        (spoiled("exp", json!("never")), "unreadable_assertion"),
        (spoiled("pad", json!("x".repeat(20_000))), "unreadable_assertion"),
        (prod.sign(&header(&json!({})), &nested), "unreadable_assertion"),
        (spoiled("iss", json!(format!("{CLUSTER}/"))), "unknown_issuer"),
    ]
}

#[tokio::test]
async fn every_attack_is_refused_by_both_wires_at_each_instance_with_its_cause_in_the_audit() {
    let world = World::start().await;
    let shop = world.server.caller("shop").await;
    let evil = SigningKey::p256("prod-1");
    let mut expected = Vec::new();
    for (token, cause) in table(&world.prod, &evil) {
        for _ in world.server.addresses() {
            let refused = issue(&shop, &token, "").await.map(drop);
            let status = assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
            assert_eq!(status.message(), "client authentication failed", "{cause}");
            let form = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", JWT_BEARER),
                ("client_assertion", token.as_str()),
            ];
            let (status, answer) = post(&world.server, "/oauth/token", &form).await;
            assert_eq!((status, &answer["error"]), (401, &json!("invalid_client")), "{cause}");
            expected.extend([cause, cause]);
        }
    }
    let audited = causes(&world.audit, expected.len()).await;
    if world.server.addresses().len() == 1 {
        assert_eq!(audited, expected);
    }
    let log = world.server.log();
    assert!(!log.contains("eyJ") && !log.contains("169.254"), "a token, or a part of one");
    world.server.stop().await;
}

#[tokio::test]
async fn times_within_the_skew_are_good_and_a_token_of_1_mib_is_refused_unread() {
    let world = World::start().await;
    let shop = world.server.caller("shop").await;
    let now = seconds();
    let timed = |iat: u64, nbf: u64, exp: u64| {
        let claims = with(claims(ACCOUNT, "7c1b"), "iat", json!(iat));
        world.prod.token(&with(with(claims, "nbf", json!(nbf)), "exp", json!(exp)))
    };
    issue(&shop, &timed(now - 90, now - 90, now - 5), "").await.expect("a clock that is behind");
    issue(&shop, &timed(now + 20, now + 20, now + 90), "").await.expect("one that is ahead");
    let huge = with(claims(ACCOUNT, "7c1b"), "pad", json!("x".repeat(1 << 20)));
    let huge = world.prod.token(&huge);
    issue(&shop, &huge, "").await.expect_err("refused");
    let form = [("client_assertion_type", JWT_BEARER), ("client_assertion", huge.as_str())];
    let (status, _) = post(&world.server, "/oauth/token", &form).await;
    assert!((400..500).contains(&status), "{status}");
    issue(&shop, &timed(now, now, now + 90), "").await.expect("the server goes on");
    world.server.stop().await;
}
