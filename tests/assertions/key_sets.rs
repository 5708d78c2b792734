//! Key sets as issuers publish them, and as they must not.

use jeton::jose::{KeySet, KeySetFault};
use serde_json::{Value, json};

use crate::common::issuer::{SigningKey, jwks};

/// The modulus of an RSA key of 1024 bits.
const WEAK: &str = "2XAWz1b74m3Orq44bCsA8HTzqgOwb8B9fIpZeiRhQELtgTAahFO1P9X3Gy5p_DtU-siDg8XaZzUS8J2M2ENniM4BAuVCV9PvRB5iuyneMUh0iiunB-6C2fgUuF0FhEf2_1-6vMm2j_nkEmjLRGe332k8clOQBot5MlKCdYp8tUc";

/// The place of a key that is left out, and the problem with it.
type LeftOut = (usize, &'static str);

/// Returns the number of keys that are used, and those that are left out.
fn read(keys: &[Value]) -> Result<(usize, Vec<LeftOut>), KeySetFault> {
    let (set, skipped) = KeySet::read(json!({ "keys": keys }).to_string().as_bytes())?;
    Ok((set.len(), skipped.into_iter().map(|key| (key.index, key.problem)).collect()))
}

fn with(key: &SigningKey, name: &str, value: Value) -> Value {
    let mut jwk = key.jwk();
    jwk[name] = value;
    jwk
}

#[test]
fn keys_that_verify_signatures_are_used_and_others_left_out() {
    let good = SigningKey::p256("good");
    let weak = json!({ "kty": "RSA", "kid": "weak", "n": WEAK, "e": "AQAB" });
    for (unfit, problem) in [
        (weak, "it is weak: an RSA key needs 2048 bits"),
        (json!({ "kty": "oct", "k": "c2VjcmV0" }), "it is a shared secret"),
        (
            json!({ "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" }),
            "its type or curve is not supported",
        ),
        (
            json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
            "its point has a wrong length",
        ),
        (json!({ "kty": "EC", "crv": "P-256", "x": "AA" }), "its numbers cannot be read"),
        (json!({ "kty": "EC", "crv": "P-256", "x": 7, "y": "AA" }), "its numbers cannot be read"),
        (json!({ "kty": "RSA", "n": "", "e": "AQAB" }), "it is weak: an RSA key needs 2048 bits"),
        (json!({}), "its type or curve is not supported"),
        (
            with(&SigningKey::p256("d"), "d", json!("AA")),
            "it is a private key, which everybody who can read this set now has",
        ),
        (with(&SigningKey::p256("u"), "use", json!("enc")), "it is not for signatures"),
        (with(&SigningKey::p256("x"), "use", json!("x509-svid")), "it is not for signatures"),
        (with(&SigningKey::p256("o"), "key_ops", json!(["sign"])), "it is not for signatures"),
        (with(&SigningKey::p256("o"), "key_ops", json!("verify")), "it is not for signatures"),
        (with(&SigningKey::p256("a"), "alg", json!("RS256")), "its alg is not one for such a key"),
        (with(&SigningKey::rsa("a"), "alg", json!("HS256")), "its alg is not one for such a key"),
        (
            with(&SigningKey::rsa("a"), "alg", json!("RSA-OAEP")),
            "its alg is not one for such a key",
        ),
        (
            with(&SigningKey::p256("k"), "kid", json!("k".repeat(257))),
            "its kid is no text of at most 256 bytes",
        ),
    ] {
        let read = read(&[unfit, good.jwk()]);
        assert_eq!(read, Ok((1, vec![(0, problem)])), "{problem}");
    }
    let fit = [
        with(&SigningKey::p256("1"), "use", json!("sig")),
        // As a trust domain of SPIFFE publishes its keys for JWT-SVIDs.
        with(&SigningKey::p256("s"), "use", json!("jwt-svid")),
        with(&SigningKey::p256("2"), "key_ops", json!(["verify"])),
        with(&SigningKey::rsa("3"), "alg", json!("PS256")),
        with(&SigningKey::rsa("4"), "x5c", json!(["MIIB"])),
        SigningKey::ed25519("5").jwk(),
        SigningKey::p384("6").jwk(),
    ];
    assert_eq!(read(&fit), Ok((7, vec![])));
}

#[test]
fn different_keys_under_one_kid_are_none() {
    let (one, two, third) =
        (SigningKey::p256("k1"), SigningKey::p256("k1"), SigningKey::p256("k2"));
    let problem = "another key has the same kid";
    let set = [one.jwk(), two.jwk(), third.jwk()];
    assert_eq!(read(&set), Ok((1, vec![(0, problem), (1, problem)])));
    assert_eq!(read(&[one.jwk(), one.jwk()]), Ok((1, vec![(1, "it is in the set twice")])));
    // One for encryption under the same kid does no harm.
    let encryption = with(&two, "use", json!("enc"));
    assert_eq!(read(&[one.jwk(), encryption]), Ok((1, vec![(1, "it is not for signatures")])));
}

#[test]
fn what_is_no_key_set_is_refused_as_a_whole() {
    let unreadable = Err(KeySetFault::Unreadable);
    for text in ["", "{}", "[]", r#"{"keys":{}}"#, r#"{"keys":[7]}"#, r#"{"keys":[],"keys":[]}"#] {
        assert_eq!(KeySet::read(text.as_bytes()).map(drop), unreadable, "{text}");
    }
    assert_eq!(KeySet::read(br#"{"keys":[]}"#).map(drop), Err(KeySetFault::Empty));
    let many: Vec<_> = (0..65).map(|at| SigningKey::ed25519(&at.to_string())).collect();
    assert_eq!(KeySet::read(jwks(&many).as_bytes()).map(drop), Err(KeySetFault::TooMany));
    assert!(KeySet::read(jwks(&many[1..]).as_bytes()).is_ok());
    let long = vec![b' '; KeySet::MAX_BYTES + 1];
    assert_eq!(KeySet::read(&long).map(drop), Err(KeySetFault::TooLong));
}
