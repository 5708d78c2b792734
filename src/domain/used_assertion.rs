//! Assertions of clients, and ID tokens, that were accepted: each is good once (RFC 7523 §3, `jti`).

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    client_id::ClientId, field_hash::hash_field, issuer_name::IssuerName, time::Timestamp,
};

/// Names the pair of a client and the `jti` of an assertion of its, or an ID token: a hash, so that all are
/// equally short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AssertionId([u8; 16]);

impl AssertionId {
    /// The id of what `client` has called `jti`.
    pub fn of(client: &ClientId, jti: &str) -> Self {
        Self::hashed(["jeton assertion", client.as_str(), jti])
    }

    /// The id of an ID token of `issuer`: of its `message`, which was signed. Its signature can be
    /// written in more than one way, and it may have no `jti`.
    pub fn of_id_token(issuer: &IssuerName, message: &str) -> Self {
        Self::hashed(["jeton id token", issuer.as_str(), message])
    }

    fn hashed(fields: [&str; 3]) -> Self {
        let mut hash = Sha256::new();
        for field in fields {
            hash_field(&mut hash, field.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(bytes)
    }

    /// An id from its stored bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes that are stored.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// An assertion that was accepted. The record is made once: of several requests with one assertion the one
/// that makes it passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedAssertion {
    /// Id of the record.
    #[serde(skip, default = "unnamed")]
    pub id: AssertionId,
    /// From when on the assertion is refused as expired, by any clock that it could be accepted by.
    pub expire_time: Timestamp,
}

impl UsedAssertion {
    /// Returns whether the record makes no difference any more: the assertion would be refused without it.
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        self.expire_time <= now
    }
}

/// The record's key names it; the decoder puts it in place of this.
const fn unnamed() -> AssertionId {
    AssertionId::from_bytes([0; 16])
}
