//! The attack table for ID tokens of people: every row is refused, by its cause. A good one differs from
//! each row in one thing.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jeton::{
    domain::{
        cause::Cause,
        client_id::ClientId,
        error::Error,
        permission::{Permission, Permissions},
        person::{PermissionRule, Person, PersonAudience, PersonRules},
        secret::Secret,
        time::Timestamp,
    },
    service::TrustedIssuers,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::runtime::Runtime;

use super::scene::{HERE, NOW, rules, trusting};
use crate::common::issuer::{SigningKey, jwks, message};

const CORP: &str = "https://login.corp.example";

fn client(id: &str) -> ClientId {
    ClientId::parse(id).expect("a client id")
}

fn people() -> PersonRules {
    let audience = |id: &str, one: &str| PersonAudience {
        id: id.into(),
        clients: [client(one)].into_iter().collect(),
    };
    let admins = PermissionRule {
        claim: "groups".into(),
        value: "jeton-admins".into(),
        allow: [Permission::Admin].into_iter().collect(),
    };
    PersonRules {
        audiences: vec![audience("web-app", "web"), audience("jeton-cli", "cli")],
        create: true,
        name_claim: "preferred_username".into(),
        attributes: BTreeMap::from([("email".into(), "email".into())]),
        permissions: vec![admins],
        permission_ttl: std::time::Duration::from_secs(3_600),
    }
}

fn corp(key: &SigningKey) -> TrustedIssuers {
    let rules = jeton::domain::assertion::IssuerRules {
        people: Some(people()),
        ..rules("corp", Some(CORP))
    };
    trusting(vec![(rules, std::slice::from_ref(key))])
}

fn claims() -> Value {
    json!({
        "iss": CORP, "sub": "8f2c", "aud": "web-app", "azp": "web-app", "typ": "ID",
        "iat": NOW, "exp": NOW + 300, "preferred_username": "ada", "email": "ada@corp.example",
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

async fn verdict(trusted: &TrustedIssuers, token: &str, shown_by: &str) -> Result<Person, Cause> {
    let now = Timestamp::from_millis(NOW * 1_000);
    match trusted.verify_person(&Secret::new(token), &client(shown_by), now).await {
        Ok(proven) => Ok(proven.person),
        Err(Error::InvalidGrant(cause)) => Err(cause),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nothing_of_the_header_lets_an_id_token_in() {
    let key = SigningKey::rsa("k1");
    let (trusted, claims) = (corp(&key), claims().to_string());
    let header = |members: Value| {
        let mut header = json!({ "alg": "RS256", "kid": "k1" });
        let all = header.as_object_mut().expect("an object");
        all.extend(members.as_object().expect("an object").clone());
        header.to_string()
    };
    assert!(verdict(&trusted, &key.sign(&header(json!({})), &claims), "web").await.is_ok());
    for alg in ["none", "NONE", ""] {
        for signature in ["", "AA"] {
            let token = format!("{}.{signature}", message(&header(json!({ "alg": alg })), &claims));
            assert_eq!(verdict(&trusted, &token, "web").await, Err(Cause::WrongAlgorithm), "{alg}");
        }
    }
    let unsigned = message(&header(json!({ "alg": "HS256" })), &claims);
    for secret in [key.jwk().to_string(), jwks([&key])] {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
        mac.update(unsigned.as_bytes());
        let mac = BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        let token = format!("{unsigned}.{mac}");
        assert_eq!(verdict(&trusted, &token, "web").await, Err(Cause::WrongAlgorithm));
    }
    let stranger = SigningKey::p256("k1");
    for members in [
        json!({ "alg": "ES256", "jwk": stranger.jwk() }),
        json!({ "alg": "ES256", "jku": "https://evil.example/keys", "kid": "https://evil.example" }),
        json!({ "alg": "ES256", "kid": "../../etc/passwd" }),
    ] {
        let forged = stranger.sign(&header(members), &claims);
        assert_eq!(verdict(&trusted, &forged, "web").await, Err(Cause::UnknownKey));
    }
    for typ in ["at+jwt", "logout+jwt", "secevent+jwt", "client-authentication+jwt", "dpop+jwt"] {
        let token = key.sign(&header(json!({ "typ": typ })), &claims);
        assert_eq!(verdict(&trusted, &token, "web").await, Err(Cause::WrongMediaType), "{typ}");
    }
}

#[tokio::test]
async fn a_claim_that_is_other_in_one_thing_makes_no_person() {
    let key = SigningKey::p256("k1");
    let trusted = corp(&key);
    for (claims, shown_by, expected) in [
        (with("aud", json!("jeton-cli")), "web", Cause::WrongAudience),
        (claims(), "cli", Cause::WrongAudience),
        (claims(), "shop", Cause::WrongAudience),
        (with("aud", json!(HERE)), "web", Cause::WrongAudience),
        (with("aud", json!(["web-app", "jeton-cli"])), "web", Cause::WrongAudience),
        (with("aud", json!("WEB-APP")), "web", Cause::WrongAudience),
        (with("azp", json!("jeton-cli")), "web", Cause::WrongAudience),
        (with("iss", json!("https://login.corp.example/")), "web", Cause::UnknownIssuer),
        (with("iss", json!("")), "web", Cause::UnknownIssuer),
        (with("exp", json!(NOW - 30)), "web", Cause::ExpiredAssertion),
        (with("nbf", json!(NOW + 31)), "web", Cause::EarlyAssertion),
        (with("exp", json!(NOW + 3_601)), "web", Cause::LongAssertion),
        (with("sub", json!("")), "web", Cause::UnreadableAssertion),
        (with("sub", json!("a\nb")), "web", Cause::UnreadableAssertion),
        (with("typ", json!("Bearer")), "web", Cause::WrongMediaType),
        (with("typ", json!(["ID", "Bearer"])), "web", Cause::WrongMediaType),
        (with("typ", json!(null)), "web", Cause::WrongMediaType),
        (with("scp", json!("a")), "web", Cause::WrongMediaType),
        (with("scope", json!("")), "web", Cause::WrongMediaType),
        (with("events", json!({})), "web", Cause::WrongMediaType),
    ] {
        let judged = verdict(&trusted, &key.token(&claims), shown_by).await;
        assert_eq!(judged, Err(expected), "{claims}");
    }
    let twice = claims().to_string().replace(r#""sub""#, r#""sub":"root","sub""#);
    let header = r#"{"alg":"ES256","kid":"k1"}"#;
    let judged = verdict(&trusted, &key.sign(header, &twice), "web").await;
    assert_eq!(judged, Err(Cause::UnreadableAssertion));
}

#[tokio::test]
async fn a_group_is_one_whole_text_of_its_claim_and_of_no_other() {
    let key = SigningKey::p256("k1");
    let trusted = corp(&key);
    let permissions = async |groups: Value| {
        verdict(&trusted, &key.token(&with("groups", groups)), "web")
            .await
            .expect("good")
            .permissions
    };
    for given in [json!("jeton-admins"), json!(["a", "jeton-admins"])] {
        assert!(permissions(given).await.admin);
    }
    for other in [
        json!(null),
        json!([]),
        json!("jeton-admins jeton"),
        json!("a,jeton-admins"),
        json!(["/jeton-admins"]),
        json!(["Jeton-Admins"]),
        json!([["jeton-admins"]]),
        json!({ "jeton-admins": true }),
        json!(true),
    ] {
        assert_eq!(permissions(other.clone()).await, Permissions::default(), "{other}");
    }
    let claims = with("profile", json!({ "groups": ["jeton-admins"] }));
    let person = verdict(&trusted, &key.token(&claims), "web").await.expect("good");
    assert_eq!(person.permissions, Permissions::default());
}

proptest! {
    /// With any claims, a person has the issuer's name and the token's sub, and permissions that
    /// the rules have.
    #[test]
    fn a_person_is_the_subject_of_their_issuer_and_gets_no_more_than_the_rules_give(
        sub in "[a-z0-9@.|-]{1,20}",
        email in "[a-z0-9@.|-]{1,20}",
        groups in prop::collection::vec("jeton-admins|jeton|admins|[a-z]{1,5}", 0..4),
        audience in prop::collection::vec("web-app|jeton-cli|other", 0..3),
        party in prop::option::of("web-app|jeton-cli|other"),
    ) {
        let key = SigningKey::p256("k1");
        let trusted = corp(&key);
        let mut claims = claims();
        claims["sub"] = json!(sub);
        claims["email"] = json!(email);
        claims["groups"] = json!(groups);
        claims["aud"] = json!(audience);
        match &party {
            Some(party) => claims["azp"] = json!(party),
            None => drop(claims.as_object_mut().expect("an object").remove("azp")),
        }
        let token = key.token(&claims);
        let judged = Runtime::new().expect("a runtime").block_on(verdict(&trusted, &token, "web"));
        let meant = !audience.is_empty()
            && audience.iter().all(|one| one == "web-app")
            && party.as_ref().map_or(audience.len() == 1, |party| party == "web-app");
        prop_assert_eq!(judged.is_ok(), meant);
        if let Ok(person) = judged {
            prop_assert_eq!(&*person.identity.subject, sub.as_str());
            prop_assert_eq!(person.identity.issuer.as_str(), "corp");
            let admin = groups.iter().any(|group| group == "jeton-admins");
            prop_assert_eq!(person.permissions.admin, admin);
        }
    }
}
