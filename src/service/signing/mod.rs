//! The keys that sign access tokens, as they are in use, and the key set that verifiers are given.

pub(super) mod signature_pool;
pub(super) mod signed_tokens;
pub(super) mod signing_metrics;

use std::{
    ptr,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

use super::signing::{signature_pool::SignaturePool, signing_metrics::SigningMetrics};
use crate::{
    domain::{
        presented_token::SignedAccess, signing_key_id::SigningKeyId, signing_times::SigningState,
        time::Timestamp,
    },
    jose::{self, SigningRing},
    metrics::Registry,
};

/// Verified tokens that are remembered, about 100 bytes each.
const VERIFIED: usize = 16_384;

/// A token, with the keys that it was verified by: others may not have the key that signed it.
#[derive(Clone)]
struct Verified {
    token: SignedAccess,
    by: Weak<SigningRing>,
}

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
    /// True once a token was to be signed and there was no key.
    lacks_key: AtomicBool,
    /// Tokens whose signature was verified, by the SHA-256 of their text.
    verified: Cache<[u8; 32], Verified>,
    pub(super) pool: SignaturePool,
    metrics: SigningMetrics,
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
        Self {
            issuer: issuer.into(),
            max_age,
            keys,
            lacks_key: AtomicBool::new(false),
            verified: Cache::new(VERIFIED),
            pool: SignaturePool::new(),
            metrics: SigningMetrics::new(),
        }
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

    /// Reads a signed access token; `None` for what no key in use has signed.
    pub(super) fn read(&self, jwt: &str) -> Option<SignedAccess> {
        let (keys, name) = (self.keys.load(), Sha256::digest(jwt).into());
        if let Some(Verified { token, by }) = self.verified.get(&name)
            && ptr::eq(by.as_ptr(), Arc::as_ptr(&keys))
        {
            return Some(token);
        }
        let token = jose::read_access_jwt(jwt, &keys, &self.issuer)?;
        let by = Arc::downgrade(&keys);
        self.verified.insert(name, Verified { token, by });
        Some(token)
    }

    /// Returns whether a token was to be signed while there was no key at all.
    pub fn lacks_key(&self) -> bool {
        self.lacks_key.load(Ordering::Relaxed) && self.keys.load().keys().is_empty()
    }

    /// The keys in use.
    pub(super) fn load(&self) -> Arc<SigningRing> {
        self.keys.load_full()
    }

    /// A token was to be signed, and there was no key for it.
    pub(super) fn note_missing(&self) {
        self.lacks_key.store(true, Ordering::Relaxed);
        self.metrics.without_key();
    }

    /// A token was signed.
    pub(super) fn note_signed(&self) {
        self.metrics.signed();
    }

    /// Returns the registry of the metrics.
    pub(super) fn metrics(&self) -> Registry {
        self.metrics.registry.clone()
    }

    /// The issuer in what is signed.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}
