//! The keys that sign access tokens, as they are in use, and the key set that verifiers are given.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;

use crate::{
    domain::{signing_key_id::SigningKeyId, signing_times::SigningState, time::Timestamp},
    jose::SigningRing,
};

/// A JSON Web Key Set for verifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwks {
    /// The set (RFC 7517 §5).
    pub text: String,
    /// Time for which a verifier may keep it: zero for a set without keys, so that the first key is met.
    pub max_age: Duration,
}

/// Signer of access tokens.
pub struct Signing {
    issuer: Box<str>,
    max_age: Duration,
    keys: ArcSwap<SigningRing>,
}

impl Default for Signing {
    /// Without any key.
    fn default() -> Self {
        Self::new("", SigningRing::default(), Duration::from_secs(5 * 60))
    }
}

impl Signing {
    /// A signer in the name of `issuer` (`iss`), whose verifiers keep the key set for `max_age`.
    pub fn new(issuer: &str, keys: SigningRing, max_age: Duration) -> Self {
        let keys = ArcSwap::from_pointee(keys);
        Self { issuer: issuer.into(), max_age, keys }
    }

    /// Uses other keys from now on. Returns `false` if they are the same.
    pub fn use_keys(&self, keys: SigningRing) -> bool {
        let of = |ring: &SigningRing| -> Vec<_> {
            ring.keys().iter().map(|held| (held.key.id(), held.times)).collect()
        };
        if of(&self.keys.load()) == of(&keys) {
            return false;
        }
        self.keys.store(Arc::new(keys));
        true
    }

    /// Returns the keys with their states.
    pub fn states(&self, now: Timestamp) -> Vec<(SigningKeyId, SigningState)> {
        let keys = self.keys.load();
        keys.states(now).into_iter().map(|(held, state)| (held.key.id(), state)).collect()
    }

    /// Returns the public keys of everything signed that can be good.
    pub fn jwks(&self, now: Timestamp) -> Jwks {
        let keys = self.keys.load();
        let max_age = if keys.keys().is_empty() { Duration::ZERO } else { self.max_age };
        Jwks { text: keys.jwks(now), max_age }
    }

    /// The issuer in what is signed.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}
