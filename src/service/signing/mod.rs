//! The keys that sign access tokens, as they are in use, and the key set that verifiers are given.

mod registered;
pub(super) mod signature_pool;
pub(super) mod signed_tokens;
pub(super) mod signing_leases;
pub(super) mod signing_metrics;

use std::{
    collections::BTreeSet,
    ptr,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

use self::{
    registered::Registered, signature_pool::SignaturePool, signing_metrics::SigningMetrics,
};
use crate::{
    domain::{
        error::Error,
        presented_token::SignedAccess,
        signing_key_id::SigningKeyId,
        signing_register::{Announcement, NeededKey},
        signing_times::{JwtLife, SigningState},
        time::Timestamp,
    },
    jose::{self, SigningKey, SigningRing},
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
    /// Their entries in the store's register.
    registered: ArcSwap<Registered>,
    /// One change of the register at a time.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// Needed keys that the log has named because the ring lacks them.
    logged: Mutex<BTreeSet<SigningKeyId>>,
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
            registered: ArcSwap::default(),
            turn: tokio::sync::Mutex::default(),
            logged: Mutex::default(),
            lacks_key: AtomicBool::new(false),
            verified: Cache::new(VERIFIED),
            pool: SignaturePool::new(),
            metrics: SigningMetrics::new(),
        }
    }

    /// Uses other keys from now on.
    pub(super) fn put_keys(&self, keys: SigningRing) {
        if !self.keys.load().is_same(&keys) {
            self.keys.store(Arc::new(keys));
        }
    }

    /// Returns the public keys of everything signed that can be good.
    ///
    /// # Errors
    /// `Unavailable` if this instance may lack a key: it has not reached the store for an hour, or its ring
    /// lacks one that others sign with.
    pub fn jwks(&self, now: Timestamp) -> Result<Jwks, Error> {
        // Order matters: a key is published only after it is in the ring.
        let registered = self.registered.load();
        if !registered.may_publish(now) {
            return Err(Error::UNAVAILABLE);
        }
        let keys = self.keys.load();
        let text = keys.jwks(|id| registered.published.contains(&id));
        let is_empty =
            !keys.keys().iter().any(|held| registered.published.contains(&held.key.id()));
        let max_age = if is_empty { Duration::ZERO } else { self.max_age };
        Ok(Jwks { text, max_age })
    }

    /// Returns the key that signs at `now`.
    pub(super) fn signer(&self, now: Timestamp) -> Option<Arc<SigningKey>> {
        let lease = self.registered.load().standing.signs.filter(|lease| now < lease.until)?;
        self.keys.load().get(lease.key).cloned()
    }

    /// Returns what the register has.
    fn registered(&self) -> Arc<Registered> {
        self.registered.load_full()
    }

    /// Notes what the register has.
    fn register(&self, registered: Registered) {
        self.registered.store(Arc::new(registered));
    }

    /// Returns the announcement that is due, by the keys of a ring and those that are needed.
    pub(super) fn announcement(
        &self,
        ring: &SigningRing,
        needed: &[NeededKey],
        longest: JwtLife,
        now: Timestamp,
    ) -> Announcement {
        let is_needed = |id| needed.iter().any(|needed| needed.key == id);
        let states = ring.states(longest, now).into_iter();
        let ids = states.map(|(held, state)| (held.key.id(), state));
        let published = ids.filter(|(id, state)| *state != SigningState::Expired || is_needed(*id));
        let published = published.map(|(id, _)| id).collect();
        Announcement { published, wanted: ring.begun(now), max_age: self.max_age, longest }
    }

    /// Returns whether a needed key that the ring lacks is met for the first time.
    pub(super) fn is_news(&self, lacking: SigningKeyId) -> bool {
        self.logged.lock().unwrap_or_else(PoisonError::into_inner).insert(lacking)
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
