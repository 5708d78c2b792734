//! The keys of a JWKS (RFC 7517 §5) that are fit to verify signatures.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;
use thiserror::Error;

use super::{key::Key, object};
use crate::domain::algorithm::Algorithm;

/// Public keys of one owner, at least one. Keys that cannot be used are left out.
#[derive(Clone)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// Reason for which a text is no set of keys, or has none to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeySetFault {
    /// It is too long.
    #[error("the key set is longer than 1 MiB")]
    TooLong,
    /// It is no JSON object with a list `keys` of objects, or has a member twice.
    #[error("this is no JSON Web Key Set: a JSON object with a list named keys")]
    Unreadable,
    /// It has too many keys.
    #[error("the key set has more than 64 keys")]
    TooMany,
    /// Each of its keys is unfit.
    #[error("the key set has no key that verifies signatures")]
    Empty,
}

/// Key of a set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its place in the set, from 0.
    pub index: usize,
    /// Reason for which it is not used.
    pub problem: &'static str,
}

impl KeySet {
    /// Longest text, in bytes.
    pub const MAX_BYTES: usize = 1024 * 1024;
    /// Most keys.
    pub const MAX_KEYS: usize = 64;

    /// Reads a JWKS. Unfit keys come back with the reasons: they are of an unknown type, private or
    /// secret, weak, for encryption, or share a `kid` with a different key, so that it names neither.
    ///
    /// # Errors
    /// For other text, and where no key is left.
    pub fn read(text: &[u8]) -> Result<(Self, Vec<SkippedKey>), KeySetFault> {
        if text.len() > Self::MAX_BYTES {
            return Err(KeySetFault::TooLong);
        }
        let members = object::read(text).ok_or(KeySetFault::Unreadable)?;
        let listed = members.get("keys").and_then(Value::as_array);
        let listed = listed.ok_or(KeySetFault::Unreadable)?;
        if listed.len() > Self::MAX_KEYS {
            return Err(KeySetFault::TooMany);
        }
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (index, value) in listed.iter().enumerate() {
            match Key::read(value.as_object().ok_or(KeySetFault::Unreadable)?) {
                Ok(key) => keys.push((index, key)),
                Err(problem) => skipped.push(SkippedKey { index, problem }),
            }
        }
        let keys = distinct(&keys, &mut skipped);
        skipped.sort_by_key(|key| key.index);
        if keys.is_empty() { Err(KeySetFault::Empty) } else { Ok((Self { keys }, skipped)) }
    }

    /// Returns the number of keys.
    #[expect(clippy::len_without_is_empty, reason = "a set has at least one key")]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The keys that can have made a signature: those of the algorithm with that `kid`, and those that
    /// have none. A token without `kid` can be of any.
    pub(super) fn candidates<'a>(
        &'a self,
        id: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a Key> {
        let named = move |key: &&Key| match (id, key.id.as_deref()) {
            (Some(id), Some(own)) => id == own,
            (None, _) | (_, None) => true,
        };
        self.keys.iter().filter(named).filter(move |key| key.algorithms.contains(&algorithm))
    }
}

/// Leaves out keys that are there twice, and different keys under one `kid`.
fn distinct(keys: &[(usize, Key)], skipped: &mut Vec<SkippedKey>) -> Vec<Key> {
    let mut of_id: BTreeMap<Box<str>, Vec<usize>> = BTreeMap::new();
    for (place, (_, key)) in keys.iter().enumerate() {
        if let Some(id) = &key.id {
            of_id.entry(id.clone()).or_default().push(place);
        }
    }
    let is_used = |place: usize, key: &Key| {
        let Some(places) = key.id.as_ref().and_then(|id| of_id.get(id)) else { return Ok(()) };
        if places.iter().any(|other| !key.is_same(&keys[*other].1)) {
            return Err("another key has the same kid");
        }
        if places.first() == Some(&place) { Ok(()) } else { Err("it is in the set twice") }
    };
    let mut used = Vec::new();
    for (place, (index, key)) in keys.iter().enumerate() {
        match is_used(place, key) {
            Ok(()) => used.push(key.clone()),
            Err(problem) => skipped.push(SkippedKey { index: *index, problem }),
        }
    }
    used
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("keys", &self.keys.len()).finish()
    }
}
