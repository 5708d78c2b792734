//! Keys that become old, that are read again, and that cannot be.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jeton::{
    domain::{cause::Cause, error::Error, secret::Secret, time::Timestamp},
    jose::KeySet,
    service::{IssuerKeys, TrustedIssuers},
};

use super::scene::{CLUSTER, HERE, Moving, NOW, claims, rules};
use crate::common::issuer::{SigningKey, jwks};

struct Scene {
    clock: Arc<Moving>,
    trusted: Arc<TrustedIssuers>,
    keys: Arc<IssuerKeys>,
}

impl Scene {
    fn new() -> Self {
        let clock = Arc::new(Moving::default());
        let rules = rules("prod", Some(CLUSTER));
        let name = rules.name.clone();
        let trusted = TrustedIssuers::new(HERE, vec![rules], &(clock.clone() as _));
        let keys = Arc::clone(trusted.keys(&name).expect("trusted"));
        Self { clock, trusted: Arc::new(trusted), keys }
    }

    /// Reads the keys each time that they are wanted; returns how often that was.
    fn publish(&self, published: Result<String, &'static str>) -> Arc<AtomicUsize> {
        let (keys, count) = (Arc::clone(&self.keys), Arc::new(AtomicUsize::new(0)));
        let readings = Arc::clone(&count);
        tokio::spawn(async move {
            loop {
                keys.wanted().await;
                readings.fetch_add(1, Ordering::Relaxed);
                match &published {
                    Ok(text) => keys.learn(set(text)),
                    Err(fault) => keys.fail(*fault),
                }
            }
        });
        count
    }

    async fn verify(&self, key: &SigningKey) -> Result<(), Error> {
        let token = Secret::new(key.token(&claims()));
        self.trusted.verify(&token, Timestamp::from_millis(NOW * 1_000)).await.map(drop)
    }
}

fn set(text: &str) -> KeySet {
    KeySet::read(text.as_bytes()).expect("keys").0
}

const UNKNOWN: Result<(), Error> = Err(Error::InvalidClient(Cause::UnknownKey));

#[tokio::test]
async fn a_new_key_is_found_at_its_first_token() {
    let (old, new) = (SigningKey::p256("old"), SigningKey::p256("new"));
    let scene = Scene::new();
    scene.keys.learn(set(&jwks([&old])));
    let readings = scene.publish(Ok(jwks([&old, &new])));
    scene.clock.advance(Duration::from_secs(10));
    assert_eq!(scene.verify(&new).await, Ok(()));
    assert_eq!(scene.verify(&old).await, Ok(()));
    assert_eq!(readings.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn tokens_with_unknown_keys_cause_one_reading_in_ten_seconds() {
    let (key, stranger) = (SigningKey::p256("k1"), SigningKey::p256("k2"));
    let scene = Scene::new();
    scene.keys.learn(set(&jwks([&key])));
    let readings = scene.publish(Ok(jwks([&key])));
    for (step, expected) in [(0, 0), (9, 0), (1, 1), (0, 1), (9, 1), (1, 2)] {
        scene.clock.advance(Duration::from_secs(step));
        for _ in 0..3 {
            assert_eq!(scene.verify(&stranger).await, UNKNOWN);
        }
        assert_eq!(readings.load(Ordering::Relaxed), expected);
    }
    // A wrong signature by the name of a known key causes none.
    scene.clock.advance(Duration::from_secs(60));
    let wrong = Err(Error::InvalidClient(Cause::WrongSignature));
    assert_eq!(scene.verify(&SigningKey::p256("k1")).await, wrong);
    assert_eq!(readings.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_token_that_names_no_key_and_that_no_key_verifies_has_them_read_again_as_rarely() {
    let (old, new) = (SigningKey::p256("old"), SigningKey::p256("new"));
    let scene = Scene::new();
    scene.keys.learn(set(&jwks([&old])));
    let readings = scene.publish(Ok(jwks([&old, &new])));
    let verify = async |key: &SigningKey| {
        let token = Secret::new(key.sign(r#"{"alg":"ES256"}"#, &claims().to_string()));
        scene.trusted.verify(&token, Timestamp::from_millis(NOW * 1_000)).await.map(drop)
    };
    scene.clock.advance(Duration::from_secs(10));
    assert_eq!(verify(&old).await, Ok(()));
    assert_eq!(readings.load(Ordering::Relaxed), 0, "a known key verifies it");
    assert_eq!(verify(&new).await, Ok(()));
    assert_eq!(readings.load(Ordering::Relaxed), 1);
    let wrong = Err(Error::InvalidClient(Cause::WrongSignature));
    for (step, expected) in [(0, 1), (9, 1), (1, 2), (0, 2)] {
        scene.clock.advance(Duration::from_secs(step));
        assert_eq!(verify(&SigningKey::p256("stranger")).await, wrong);
        assert_eq!(readings.load(Ordering::Relaxed), expected);
    }
}

#[tokio::test]
async fn known_keys_go_on_while_the_issuer_is_away_and_unknown_ones_are_nobodys_fault() {
    let (key, stranger) = (SigningKey::p256("k1"), SigningKey::p256("k2"));
    let scene = Scene::new();
    scene.keys.learn(set(&jwks([&key])));
    scene.publish(Err("no connection"));
    scene.clock.advance(Duration::from_secs(10));
    assert_eq!(scene.verify(&stranger).await, Err(Error::UNAVAILABLE));
    assert_eq!(scene.verify(&stranger).await, Err(Error::UNAVAILABLE));
    assert_eq!(scene.verify(&key).await, Ok(()));
    let condition = scene.keys.condition();
    assert_eq!((condition.keys, condition.age), (1, Some(Duration::from_secs(10))));
    assert_eq!(condition.fault.as_deref(), Some("no connection"));
}

#[tokio::test]
async fn keys_that_are_too_old_verify_nothing_and_refuse_nobody() {
    let key = SigningKey::p256("k1");
    let scene = Scene::new();
    scene.keys.learn(set(&jwks([&key])));
    scene.clock.advance(Duration::from_secs(3_600));
    assert_eq!(scene.verify(&key).await, Ok(()));
    scene.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.verify(&key).await, Err(Error::UNAVAILABLE));
    assert_eq!(scene.keys.condition().keys, 0);
    scene.keys.learn(set(&jwks([&key])));
    assert_eq!(scene.verify(&key).await, Ok(()));
}

/// Time is paused: it goes on as far as the next limit when everybody waits.
#[tokio::test(start_paused = true)]
async fn a_reading_that_takes_too_long_is_waited_for_five_seconds_by_64_requests() {
    let (key, stranger) = (SigningKey::p256("k1"), SigningKey::p256("k2"));
    let scene = Scene::new();
    scene.keys.learn(set(&jwks([&key])));
    scene.clock.advance(Duration::from_secs(10));
    let waiting = futures_util::future::join_all((0..64).map(|_| scene.verify(&stranger)));
    let (first, beyond) = tokio::join!(waiting, async {
        tokio::task::yield_now().await;
        let began = tokio::time::Instant::now();
        let refused = scene.verify(&stranger).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        refused
    });
    assert_eq!(beyond, Err(Error::UNAVAILABLE));
    assert!(first.iter().all(|refused| *refused == Err(Error::UNAVAILABLE)));
    assert_eq!(scene.verify(&key).await, Ok(()));
}
