//! The keys that sign access tokens, with their times, and the key set that verifies what they sign.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value, json};

use super::{key::Key, signing_key::SigningKey};
use crate::domain::{
    signing_key_id::SigningKeyId,
    signing_times::{self, JwtLife, SigningState, SigningTimes},
    time::Timestamp,
};

/// One key with its times.
#[derive(Clone, Debug)]
pub struct TimedKey {
    /// The key.
    pub key: Arc<SigningKey>,
    /// Its times.
    pub times: SigningTimes,
}

/// All signing keys, in the order of their names. There may be none.
#[derive(Clone, Default)]
pub struct SigningRing {
    keys: Vec<TimedKey>,
    /// Their public halves, in their order.
    public: Vec<Key>,
}

impl SigningRing {
    /// A ring of these keys; of two that are the same, the one that was activated last.
    pub fn new(mut keys: Vec<TimedKey>) -> Self {
        keys.sort_by_key(|held| (held.key.id(), std::cmp::Reverse(held.times.sign_time)));
        keys.dedup_by_key(|held| held.key.id());
        let read = |held: &TimedKey| Key::read(jwk(held).as_object()?).ok();
        let public = keys.iter().filter_map(read).collect();
        Self { keys, public }
    }

    /// The keys.
    pub fn keys(&self) -> &[TimedKey] {
        &self.keys
    }

    /// Returns whether another ring has the same keys with the same times.
    pub fn is_same(&self, other: &Self) -> bool {
        let of = |held: &TimedKey| (held.key.id(), held.times);
        self.keys.iter().map(of).eq(other.keys.iter().map(of))
    }

    /// Returns the key of that name.
    pub fn get(&self, id: SigningKeyId) -> Option<&Arc<SigningKey>> {
        self.keys.iter().map(|held| &held.key).find(|key| key.id() == id)
    }

    /// Returns whether the key of that name made the signature, in base64url, of the message.
    pub(super) fn verifies(&self, id: SigningKeyId, message: &str, signature: &str) -> bool {
        let Some(algorithm) = self.get(id).map(|key| key.algorithm()) else { return false };
        let name = id.to_string();
        let own = self.public.iter().find(|key| key.id.as_deref() == Some(&*name));
        own.is_some_and(|key| key.verifies(algorithm, message, signature))
    }

    /// Returns the key that signs at `now`, as its times have it.
    pub fn active(&self, now: Timestamp) -> Option<&Arc<SigningKey>> {
        signing_times::active(&self.times(), now).map(|at| &self.keys[at].key)
    }

    /// Returns the keys that have begun to sign by `now`, as their times have it: the last one first.
    pub fn begun(&self, now: Timestamp) -> Vec<SigningKeyId> {
        let times = self.keys.iter().enumerate();
        let begun = times.filter_map(|(at, held)| Some((held.times.sign_time?, at)));
        let mut begun: Vec<_> = begun.filter(|(began, _)| *began <= now).collect();
        begun.sort_unstable_by(|one, other| other.cmp(one));
        begun.into_iter().map(|(_, at)| self.keys[at].key.id()).collect()
    }

    /// The ring, with those keys of `before` that it lacks and that are `needed`.
    #[must_use]
    pub fn keeping(self, before: &Self, needed: impl Fn(SigningKeyId) -> bool) -> Self {
        let kept = before.keys.iter().filter(|held| {
            let id = held.key.id();
            self.get(id).is_none() && needed(id)
        });
        let kept: Vec<_> = kept.cloned().collect();
        Self::new(self.keys.into_iter().chain(kept).collect())
    }

    /// Returns each key with its state, where tokens live for `longest`.
    pub fn states(&self, longest: JwtLife, now: Timestamp) -> Vec<(&TimedKey, SigningState)> {
        let times = self.times();
        let state = |(at, key)| (key, signing_times::state(&times, at, longest, now));
        self.keys.iter().enumerate().map(state).collect()
    }

    /// Times of the keys, in their order.
    pub fn times(&self) -> Vec<SigningTimes> {
        self.keys.iter().map(|held| held.times).collect()
    }

    /// The JSON Web Key Set (RFC 7517 §5) of those keys that are `published`.
    pub fn jwks(&self, published: impl Fn(SigningKeyId) -> bool) -> String {
        let published = self.keys.iter().filter(|held| published(held.key.id()));
        json!({ "keys": published.map(jwk).collect::<Vec<_>>() }).to_string()
    }
}

impl fmt::Debug for SigningRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningRing").field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// A public key, with its name, its use and its algorithm.
fn jwk(held: &TimedKey) -> Value {
    let key = &held.key;
    let members = key.public().members().into_iter();
    let mut jwk: Map<String, Value> =
        members.map(|(name, value)| (name.to_owned(), value.into())).collect();
    jwk.insert("kid".to_owned(), key.id().to_string().into());
    jwk.insert("use".to_owned(), "sig".into());
    jwk.insert("alg".to_owned(), key.algorithm().name().into());
    jwk.into()
}
