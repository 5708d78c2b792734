//! Tests of good tokens and of forged ones.

use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::json;

use super::*;

const ISSUER: &str = "https://tokens.example.internal";

struct Signer {
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    fn new() -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key");
        Self { key, random }
    }

    fn keys(&self) -> Keys {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let [x, y] = [x, y].map(|number| BASE64_URL_SAFE_NO_PAD.encode(number));
        let key =
            json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "one", "alg": "ES256" });
        Keys::read(&json!({ "keys": [{ "kty": "oct" }, key] }).to_string())
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let signature = self.key.sign(&self.random, message.as_bytes()).expect("a signature");
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

fn encoded(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

fn header() -> Value {
    json!({ "alg": "ES256", "typ": "at+jwt", "kid": "one" })
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "usr_1", "aud": "billing", "exp": 1_300, "iat": 1_000,
        "jti": "AgI", "client_id": "shop", "scope": "read write", "sid": "grant",
        "jeton": { "generation": 0 }, "team": "payments",
    })
}

fn with(base: Value, name: &str, value: Value) -> Value {
    let mut changed = base;
    changed[name] = value;
    changed
}

#[test]
fn a_good_token_has_its_facts() {
    let signer = Signer::new();
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        let text = signer.sign(&with(header(), "typ", json!(typ)), &claims());
        let good = read(&text, &signer.keys(), ISSUER).expect("good");
        assert_eq!((good.issue_time, good.expire_time), (1_000, Duration::from_secs(1_300)));
        let IntrospectResponse { subject, client_id, grant_id, .. } = &good.facts;
        assert_eq!([subject, client_id, grant_id], ["usr_1", "shop", "grant"]);
        assert_eq!(good.facts.audience, ["billing"]);
        assert_eq!(good.facts.scopes, ["read", "write"]);
        assert_eq!(good.facts.attributes.len(), 1);
        assert_eq!(good.facts.attributes["team"], "payments");
    }
}

#[test]
fn every_forgery_is_refused() {
    let (signer, other) = (Signer::new(), Signer::new());
    let good = signer.sign(&header(), &claims());
    let parts: Vec<&str> = good.split('.').collect();
    let with_header = |header: &Value| format!("{}.{}.{}", encoded(header), parts[1], parts[2]);
    let with_claims = |claims: &Value| format!("{}.{}.{}", parts[0], encoded(claims), parts[2]);
    for text in [
        signer.sign(&with(header(), "typ", json!("JWT")), &claims()),
        signer.sign(&with(header(), "typ", json!("token-introspection+jwt")), &claims()),
        signer.sign(&with(header(), "crit", json!(["exp"])), &claims()),
        signer.sign(&header(), &with(claims(), "iss", json!("https://other.example"))),
        other.sign(&header(), &claims()),
        with_header(&with(header(), "alg", json!("none"))),
        with_header(&with(header(), "alg", json!("HS256"))),
        with_header(&with(header(), "alg", json!("EdDSA"))),
        with_header(&json!({ "alg": "none", "typ": "at+jwt" })),
        with_claims(&with(claims(), "sub", json!("usr_2"))),
        with_claims(&with(claims(), "exp", json!(9_999))),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{good}A"),
        "eyJ..".to_owned(),
    ] {
        assert_eq!(read(&text, &signer.keys(), ISSUER).err(), Some(Unread::Forged), "{text}");
    }
}

#[test]
fn the_server_is_asked_about_an_unknown_key_and_about_claims_that_it_alone_understands() {
    let signer = Signer::new();
    for text in [
        signer.sign(&with(header(), "kid", json!("two")), &claims()),
        signer.sign(&header(), &with(claims(), "cnf", json!({ "x5t#S256": "AAAA" }))),
        signer.sign(&header(), &with(claims(), "act", json!({ "sub": "gateway" }))),
        signer.sign(&header(), &with(claims(), "aud", json!(["billing", "orders"]))),
        signer.sign(&header(), &with(claims(), "sid", json!(7))),
    ] {
        assert_eq!(read(&text, &signer.keys(), ISSUER).err(), Some(Unread::Unknown), "{text}");
    }
}
