//! Issuers that are trusted, a server's issuer, and a time.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jeton::{
    domain::{
        algorithm::Algorithm,
        assertion::{Asserted, IssuerRules},
        cause::Cause,
        claims::Validity,
        error::Error,
        issuer_name::IssuerName,
        secret::Secret,
        time::{Clock, Timestamp},
    },
    jose::KeySet,
    service::TrustedIssuers,
};
use serde_json::{Value, json};

use crate::common::issuer::{SigningKey, jwks};

/// The issuer of this server.
pub(crate) const HERE: &str = "https://tokens.example";
/// The `iss` of every cluster that nobody configured.
pub(crate) const CLUSTER: &str = "https://kubernetes.default.svc.cluster.local";
/// Seconds since the epoch.
pub(crate) const NOW: u64 = 1_800_000_000;

/// A clock that is moved by hand.
#[derive(Default)]
pub(crate) struct Moving(Mutex<Duration>);

impl Moving {
    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock().expect("a clock") += by;
    }
}

impl Clock for Moving {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOW * 1_000).after(self.age())
    }

    fn age(&self) -> Duration {
        *self.0.lock().expect("a clock")
    }
}

/// A clock that stands still.
pub(crate) fn still() -> Arc<dyn Clock> {
    Arc::new(Moving::default())
}

/// Rules of an issuer whose tokens live an hour, with 30 s of skew.
pub(crate) fn rules(name: &str, issuer: Option<&str>) -> IssuerRules {
    IssuerRules {
        name: IssuerName::parse(name).expect("a name"),
        issuer: issuer.map(str::to_owned),
        allow_missing_issuer: issuer.is_none(),
        algorithms: Algorithm::ALL.to_vec(),
        validity: Validity {
            clock_skew: Duration::from_secs(30),
            max_lifetime: Duration::from_secs(3_600),
        },
        max_key_age: Duration::from_secs(3_600),
        people: None,
    }
}

/// The issuers with these rules and keys.
pub(crate) fn trusting(issuers: Vec<(IssuerRules, &[SigningKey])>) -> TrustedIssuers {
    let rules = issuers.iter().map(|(rules, _)| rules.clone()).collect();
    let trusted = TrustedIssuers::new(HERE, rules, &still());
    for (rules, keys) in issuers {
        let (keys, skipped) = KeySet::read(jwks(keys).as_bytes()).expect("keys");
        assert!(skipped.is_empty(), "{skipped:?}");
        trusted.keys(&rules.name).expect("it is trusted").learn(keys);
    }
    trusted
}

/// One issuer by the name `prod`.
pub(crate) fn prod(key: &SigningKey) -> TrustedIssuers {
    trusting(vec![(rules("prod", Some(CLUSTER)), std::slice::from_ref(key))])
}

/// Claims of a service account's token, as Kubernetes makes them.
pub(crate) fn claims() -> Value {
    json!({
        "iss": CLUSTER,
        "sub": "system:serviceaccount:shop:orders",
        "aud": [HERE],
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 3_600,
        "jti": "b6a0",
        "kubernetes.io": {
            "namespace": "shop",
            "pod": { "name": "orders-0", "uid": "5e1f" },
            "serviceaccount": { "name": "orders", "uid": "7c1b" },
        },
    })
}

/// The claims with one changed; removed if it becomes null.
pub(crate) fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().expect("an object");
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    claims
}

/// The verdict on a token at [`NOW`], or the cause of its refusal.
pub(crate) async fn verdict(trusted: &TrustedIssuers, token: &str) -> Result<Asserted, Cause> {
    let now = Timestamp::from_millis(NOW * 1_000);
    match trusted.verify(&Secret::new(token), now).await {
        Ok(asserted) => Ok(asserted),
        Err(Error::InvalidClient(cause)) => Err(cause),
        Err(other) => panic!("{other:?}"),
    }
}
