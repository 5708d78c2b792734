//! The attack table: every row is refused, by its cause, and nothing of it is printed.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jeton::{
    domain::{cause::Cause, secret::Secret},
    jose::SignedToken,
};
use serde_json::{Value, json};
use sha2::Sha256;

use super::scene::{CLUSTER, HERE, NOW, claims, prod, verdict, with};
use crate::common::issuer::{SigningKey, message};

/// Refused as unreadable.
const UNREADABLE: Cause = Cause::UnreadableAssertion;

fn header(members: &Value) -> String {
    let mut header = json!({ "alg": "ES256", "kid": "k1" });
    let all = header.as_object_mut().expect("an object");
    all.extend(members.as_object().expect("an object").clone());
    all.retain(|_, value| !value.is_null());
    header.to_string()
}

#[tokio::test]
async fn no_algorithm_can_be_chosen_that_needs_no_private_key() {
    let key = SigningKey::rsa("k1");
    let trusted = prod(&key);
    let claims = claims().to_string();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let unsigned = message(&header(&json!({ "alg": alg })), &claims);
        for signature in ["", "e30", "AA"] {
            let token = format!("{unsigned}.{signature}");
            assert_eq!(verdict(&trusted, &token).await, Err(Cause::WrongAlgorithm), "{alg}");
        }
    }
    // The public key, as everybody can write it down, in place of a shared secret.
    let jwk = key.jwk();
    let n = BASE64_URL_SAFE_NO_PAD.decode(jwk["n"].as_str().expect("n")).expect("base64");
    for secret in [jwk.to_string().into_bytes(), n, Vec::new()] {
        let unsigned = message(&header(&json!({ "alg": "HS256" })), &claims);
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).expect("any length");
        mac.update(unsigned.as_bytes());
        let mac = BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        let token = format!("{unsigned}.{mac}");
        assert_eq!(verdict(&trusted, &token).await, Err(Cause::WrongAlgorithm));
    }
    // An algorithm of another type of key.
    for alg in ["ES256", "ES384", "EdDSA"] {
        let token = key.sign(&header(&json!({ "alg": alg })), &claims);
        assert_eq!(verdict(&trusted, &token).await, Err(Cause::UnknownKey), "{alg}");
    }
    for alg in [json!(null), json!(7), json!(["ES256"])] {
        let token = key.sign(&header(&json!({ "alg": alg })), &claims);
        assert_eq!(verdict(&trusted, &token).await, Err(UNREADABLE), "{alg}");
    }
}

#[tokio::test]
async fn other_tokens_of_the_same_issuer_are_no_assertions() {
    let key = SigningKey::p256("k1");
    let trusted = prod(&key);
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt"]
    {
        let token = key.sign(&header(&json!({ "typ": typ })), &claims().to_string());
        assert_eq!(verdict(&trusted, &token).await, Err(Cause::WrongMediaType), "{typ}");
    }
}

#[tokio::test]
async fn a_kid_names_a_key_of_the_set_and_nothing_else() {
    let key = SigningKey::p256("k1");
    let trusted = prod(&key);
    for kid in [
        "../../../../dev/null",
        "/etc/passwd",
        "file:///dev/null",
        "https://evil.example/jwks.json",
        "k1' OR '1'='1",
        "k1\u{0}",
        "K1",
        "",
        &"k".repeat(256),
    ] {
        let token = key.sign(&header(&json!({ "kid": kid })), &claims().to_string());
        assert_eq!(verdict(&trusted, &token).await, Err(Cause::UnknownKey), "{kid}");
    }
    for kid in [json!("k".repeat(257)), json!(1), json!(["k1"]), json!({})] {
        let token = key.sign(&header(&json!({ "kid": kid })), &claims().to_string());
        assert_eq!(verdict(&trusted, &token).await, Err(UNREADABLE));
    }
}

#[tokio::test]
async fn keys_and_urls_of_the_header_are_not_looked_at() {
    let (key, evil) = (SigningKey::p256("k1"), SigningKey::p256("k1"));
    let trusted = prod(&key);
    for members in [
        json!({ "jwk": evil.jwk() }),
        json!({ "jku": "https://evil.example/jwks.json" }),
        json!({ "x5u": "http://169.254.169.254/latest/meta-data" }),
        json!({ "x5c": ["MIIB"], "x5t": "AA", "x5t#S256": "AA" }),
        json!({ "jwk": 7, "jku": [], "x5u": null, "x5c": "x" }),
    ] {
        let header = header(&members);
        let forged = evil.sign(&header, &claims().to_string());
        assert_eq!(verdict(&trusted, &forged).await, Err(Cause::WrongSignature), "{header}");
        let honest = key.sign(&header, &claims().to_string());
        assert!(verdict(&trusted, &honest).await.is_ok(), "{header}");
    }
    for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!("x")] {
        let header = header(&json!({ "crit": crit, "b64": false }));
        let token = key.sign(&header, &claims().to_string());
        assert_eq!(verdict(&trusted, &token).await, Err(UNREADABLE), "{header}");
    }
}

#[tokio::test]
async fn a_member_twice_is_refused_whichever_of_the_two_is_good() {
    let key = SigningKey::p256("k1");
    let trusted = prod(&key);
    let good = claims().to_string();
    let twice = |extra: &str| good.replacen('{', &format!("{{{extra},"), 1);
    for extra in [
        r#""sub":"system:serviceaccount:kube-system:admin""#,
        r#""aud":"https://tokens.example""#,
        r#""exp":9999999999"#,
        r#""\u0069ss":"https://evil.example""#,
        r#""kubernetes.io":{"serviceaccount":{"uid":"a","uid":"b"}}"#,
    ] {
        let token = key.sign(&header(&json!({})), &twice(extra));
        assert_eq!(verdict(&trusted, &token).await, Err(UNREADABLE), "{extra}");
    }
    let header = r#"{"alg":"none","alg":"ES256","kid":"k1"}"#;
    assert_eq!(verdict(&trusted, &key.sign(header, &good)).await, Err(UNREADABLE));
}

#[tokio::test]
async fn an_assertion_for_others_too_is_refused() {
    let key = SigningKey::p256("k1");
    let trusted = prod(&key);
    for audience in [json!(HERE), json!([HERE])] {
        assert!(verdict(&trusted, &key.token(&with("aud", audience))).await.is_ok());
    }
    for audience in [
        Value::Null,
        json!([]),
        json!(""),
        json!([HERE, "https://other.example"]),
        json!(["https://other.example", HERE]),
        json!([HERE, HERE]),
        json!("https://tokens.example/"),
        json!("HTTPS://TOKENS.EXAMPLE"),
        json!("https://tokens.example/oauth2/token"),
        json!(CLUSTER),
    ] {
        let verdict = verdict(&trusted, &key.token(&with("aud", audience.clone()))).await;
        assert_eq!(verdict, Err(Cause::WrongAudience), "{audience}");
    }
    for audience in [json!(7), json!({ HERE: true }), json!([HERE, 7]), json!([[HERE]])] {
        let verdict = verdict(&trusted, &key.token(&with("aud", audience.clone()))).await;
        assert_eq!(verdict, Err(UNREADABLE), "{audience}");
    }
}

#[tokio::test]
async fn times_are_judged_to_the_second_and_by_the_skew() {
    let key = SigningKey::p256("k1");
    let trusted = prod(&key);
    let timed = |iat: u64, nbf: u64, exp: Value| {
        let mut claims = with("exp", exp);
        claims["iat"] = json!(iat);
        claims["nbf"] = json!(nbf);
        key.token(&claims)
    };
    for (iat, nbf, exp, expected) in [
        (NOW - 60, NOW - 60, json!(NOW - 29), None),
        (NOW - 60, NOW - 60, json!(NOW - 30), Some(Cause::ExpiredAssertion)),
        (NOW, NOW + 30, json!(NOW + 60), None),
        (NOW, NOW + 31, json!(NOW + 60), Some(Cause::EarlyAssertion)),
        (NOW + 30, NOW, json!(NOW + 60), None),
        (NOW + 31, NOW, json!(NOW + 60), Some(Cause::EarlyAssertion)),
        (NOW, NOW, json!(NOW + 3_600), None),
        (NOW, NOW, json!(NOW + 3_601), Some(Cause::LongAssertion)),
        (NOW, NOW, json!(u64::MAX), Some(Cause::LongAssertion)),
        (NOW, NOW, json!(NOW - 1), Some(UNREADABLE)),
        (NOW, NOW, Value::Null, Some(UNREADABLE)),
        (NOW, NOW, json!(-1), Some(UNREADABLE)),
        (NOW, NOW, json!(1e300), Some(UNREADABLE)),
        (NOW, NOW, json!("1900000000"), Some(UNREADABLE)),
        (NOW, NOW, json!(1_800_000_060.5), None),
    ] {
        let verdict = verdict(&trusted, &timed(iat, nbf, exp.clone())).await;
        assert_eq!(verdict.err(), expected, "{iat} {nbf} {exp}");
    }
}

#[tokio::test]
async fn a_token_is_measured_before_it_is_read() {
    let key = SigningKey::p256("k1");
    let trusted = prod(&key);
    let padded = |size: usize| key.token(&with("pad", json!("x".repeat(size))));
    assert!(verdict(&trusted, &padded(11_000)).await.is_ok());
    for size in [13_000, 1_000_000] {
        assert_eq!(verdict(&trusted, &padded(size)).await, Err(UNREADABLE), "{size}");
    }
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for levels in [17, 5_000] {
        let claims = format!("{{\"deep\":{}}}", nested(levels));
        let token = key.sign(&header(&json!({})), &claims);
        assert_eq!(verdict(&trusted, &token).await, Err(UNREADABLE), "{levels}");
    }
}

#[tokio::test]
async fn text_that_is_no_compact_jws_is_unreadable() {
    let key = SigningKey::p256("k1");
    let trusted = prod(&key);
    let good = key.token(&claims());
    let [head, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three") };
    for text in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{head}.{body}"),
        format!("{good}.x"),
        format!("{head}..{body}.{signature}"),
        format!("{head}=.{body}.{signature}"),
        format!(" {good}"),
        format!("{head}.{}.{signature}", body.replacen('.', "+", 1).replacen('e', "+", 1)),
        json!({ "payload": body, "protected": head, "signature": signature }).to_string(),
        format!("{head}.e30.{}.{signature}", "x"),
        // Five parts: an encrypted token.
        format!("{head}.a.b.c.d"),
    ] {
        assert_eq!(verdict(&trusted, &text).await, Err(UNREADABLE), "{text:.40}");
    }
    for spoiled in ["", "AA", &format!("{signature}A"), &format!("{signature}="), "!"] {
        let token = format!("{head}.{body}.{spoiled}");
        assert_eq!(verdict(&trusted, &token).await, Err(Cause::WrongSignature), "{spoiled}");
    }
    // The claims of one token under the signature of another.
    let other = key.token(&with("sub", json!("system:serviceaccount:kube-system:admin")));
    let stolen = format!("{}.{signature}", other.rsplit_once('.').expect("parts").0);
    assert_eq!(verdict(&trusted, &stolen).await, Err(Cause::WrongSignature));
}

#[tokio::test]
async fn a_subject_that_is_none_proves_nothing() {
    let key = SigningKey::p256("k1");
    let trusted = prod(&key);
    for subject in [Value::Null, json!(""), json!(7), json!(["orders"]), json!({})] {
        let verdict = verdict(&trusted, &key.token(&with("sub", subject.clone()))).await;
        assert_eq!(verdict, Err(UNREADABLE), "{subject}");
    }
}

#[tokio::test]
async fn nothing_of_a_token_is_printed() {
    let key = SigningKey::p256("k1");
    let token = Secret::new(key.token(&claims()));
    let parsed = SignedToken::parse(&token).expect("readable");
    let mut printed = format!("{parsed:?}");
    let refused = prod(&SigningKey::p256("k1"))
        .verify(&token, jeton::domain::time::Timestamp::from_millis(NOW * 1_000))
        .await;
    write!(printed, "{refused:?}").expect("text");
    for part in token.expose().split('.').chain(["orders", "shop", "7c1b", "k1"]) {
        assert!(!printed.contains(part), "{printed}");
    }
}
