//! Good assertions, and whose word counts.

use jeton::domain::{cause::Cause, error::Error, secret::Secret, time::Timestamp};
use jeton::service::TrustedIssuers;
use serde_json::{Value, json};

use super::scene::{CLUSTER, HERE, NOW, claims, prod, rules, still, trusting, verdict, with};
use crate::common::issuer::SigningKey;

#[tokio::test]
async fn a_service_account_is_known_by_issuer_name_subject_and_uid() {
    let key = SigningKey::rsa("k1");
    let asserted = verdict(&prod(&key), &key.token(&claims())).await.expect("good");
    assert_eq!(asserted.issuer.as_str(), "prod");
    assert_eq!(asserted.subject, "system:serviceaccount:shop:orders");
    assert_eq!(asserted.uid.as_deref(), Some("7c1b"));
}

#[tokio::test]
async fn every_algorithm_of_the_list_is_verified() {
    let keys = [
        (SigningKey::rsa("k"), &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"][..]),
        (SigningKey::p256("k"), &["ES256"]),
        (SigningKey::p384("k"), &["ES384"]),
        (SigningKey::ed25519("k"), &["EdDSA"]),
    ];
    for (key, algorithms) in keys {
        let trusted = prod(&key);
        for algorithm in algorithms {
            let header = json!({ "alg": algorithm, "kid": "k", "typ": "JWT" }).to_string();
            let token = key.sign(&header, &claims().to_string());
            assert!(verdict(&trusted, &token).await.is_ok(), "{algorithm}");
        }
    }
}

#[tokio::test]
async fn an_issuer_signs_by_its_own_algorithms_only() {
    let key = SigningKey::rsa("k");
    let mut only = rules("prod", Some(CLUSTER));
    only.algorithms = vec![jeton::domain::algorithm::Algorithm::Ps256];
    let trusted = trusting(vec![(only, std::slice::from_ref(&key))]);
    assert_eq!(verdict(&trusted, &key.token(&claims())).await, Err(Cause::WrongAlgorithm));
    let token = key.sign(r#"{"alg":"PS256","kid":"k"}"#, &claims().to_string());
    assert!(verdict(&trusted, &token).await.is_ok());
}

#[tokio::test]
async fn clusters_that_share_an_iss_are_told_apart_by_their_keys() {
    let (one, two, same_id) =
        (SigningKey::p256("k1"), SigningKey::p256("k2"), SigningKey::p256("k1"));
    let trusted = trusting(vec![
        (rules("one", Some(CLUSTER)), std::slice::from_ref(&one)),
        (rules("two", Some(CLUSTER)), std::slice::from_ref(&two)),
        (rules("three", Some(CLUSTER)), std::slice::from_ref(&same_id)),
    ]);
    for (key, name) in [(&one, "one"), (&two, "two"), (&same_id, "three")] {
        let asserted = verdict(&trusted, &key.token(&claims())).await.expect("good");
        assert_eq!(asserted.issuer.as_str(), name);
    }
    let other = SigningKey::p256("k1");
    assert_eq!(verdict(&trusted, &other.token(&claims())).await, Err(Cause::WrongSignature));
    let other = SigningKey::p256("k9");
    assert_eq!(verdict(&trusted, &other.token(&claims())).await, Err(Cause::UnknownKey));
}

#[tokio::test]
async fn an_issuer_speaks_for_its_own_iss_alone() {
    let (cluster, idp) = (SigningKey::p256("k1"), SigningKey::p256("k2"));
    let trusted = trusting(vec![
        (rules("cluster", Some(CLUSTER)), std::slice::from_ref(&cluster)),
        (rules("idp", Some("https://idp.example")), std::slice::from_ref(&idp)),
    ]);
    let of_idp = with("iss", json!("https://idp.example"));
    assert_eq!(verdict(&trusted, &cluster.token(&of_idp)).await, Err(Cause::UnknownKey));
    let of_nobody = with("iss", json!("https://nobody.example"));
    assert_eq!(verdict(&trusted, &idp.token(&of_nobody)).await, Err(Cause::UnknownIssuer));
    assert_eq!(
        verdict(&trusted, &idp.token(&with("iss", Value::Null))).await,
        Err(Cause::UnknownIssuer)
    );
}

#[tokio::test]
async fn a_spiffe_identity_needs_no_iss_where_it_is_allowed() {
    let key = SigningKey::p256("k1");
    let trusted = trusting(vec![(rules("spire", None), std::slice::from_ref(&key))]);
    let svid = json!({ "sub": "spiffe://example/orders", "aud": [HERE], "exp": NOW + 300 });
    let asserted = verdict(&trusted, &key.token(&svid)).await.expect("good");
    assert_eq!(asserted.subject, "spiffe://example/orders");
    assert_eq!(asserted.uid, None);
    assert_eq!(verdict(&trusted, &key.token(&claims())).await, Err(Cause::UnknownIssuer));
}

#[tokio::test]
async fn a_key_without_kid_and_a_token_without_kid_are_tried() {
    let key = SigningKey::p256("");
    let mut jwk = key.jwk();
    jwk.as_object_mut().expect("an object").remove("kid");
    let (keys, _) =
        jeton::jose::KeySet::read(json!({ "keys": [jwk] }).to_string().as_bytes()).expect("keys");
    let trusted = TrustedIssuers::new(HERE, vec![rules("prod", Some(CLUSTER))], &still());
    let name = jeton::domain::issuer_name::IssuerName::parse("prod").expect("a name");
    trusted.keys(&name).expect("trusted").learn(keys);
    for header in [r#"{"alg":"ES256"}"#, r#"{"alg":"ES256","kid":"any"}"#] {
        assert!(verdict(&trusted, &key.sign(header, &claims().to_string())).await.is_ok());
    }
}

#[tokio::test]
async fn nobody_is_refused_for_keys_that_are_yet_to_be_read() {
    let key = SigningKey::p256("k1");
    let trusted = TrustedIssuers::new(HERE, vec![rules("prod", Some(CLUSTER))], &still());
    let (token, now) = (Secret::new(key.token(&claims())), Timestamp::from_millis(NOW * 1_000));
    assert_eq!(trusted.verify(&token, now).await, Err(Error::UNAVAILABLE));
    let other = Secret::new(key.token(&with("iss", json!("https://nobody.example"))));
    let refused = trusted.verify(&other, now).await;
    assert_eq!(refused, Err(Error::InvalidClient(Cause::UnknownIssuer)));
}
