//! Mark by which a repeated request for another client secret is recognised.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::field_hash::hash_field;

/// Recognises a repeat of the request that made a secret, by hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationMark {
    /// Of the id that the caller gave the request.
    request: [u8; 16],
    /// Of what it asked for, save the secret itself.
    asked: [u8; 16],
}

impl RotationMark {
    /// The mark of a request with that id for a secret with these lives.
    pub fn new(request_id: &str, ttl: Option<Duration>, previous_ttl: Duration) -> Self {
        let millis = |time: Duration| time.as_millis().to_be_bytes();
        let ttl = ttl.map(millis);
        let asked = [ttl.as_ref().map_or(&[][..], |ttl| ttl), &millis(previous_ttl)];
        Self { request: hash(&[request_id.as_bytes()]), asked: hash(&asked) }
    }

    /// Returns whether the request of `other` had the same id.
    pub(super) fn is_of_same_request(&self, other: &Self) -> bool {
        self.request == other.request
    }
}

fn hash(fields: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash_field(&mut hash, b"jeton secret rotation");
    for field in fields {
        hash_field(&mut hash, field);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}
