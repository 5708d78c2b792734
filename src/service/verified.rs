//! Remembers which chosen client secrets were looked at lately, so that argon2 runs once and not on each call.

use hmac::{Hmac, KeyInit as _, Mac as _};
use quick_cache::sync::Cache;
use sha2::Sha256;

use crate::domain::{
    entropy::{Entropy, draw},
    secret::Secret,
};

/// Secrets remembered of each kind; one entry is 32 bytes and its share of a table.
const CAPACITY: usize = 4096;

/// Stands for a client, the stored hashes of its that are live, and a secret.
pub(super) type Proof = [u8; 32];

/// Entries are MACs, under a key of this process alone. When a secret is added, expires or ends,
/// the live hashes are others, so earlier entries are never found again: nothing has to be dropped.
/// It is all of them, not the one that matched: callers with the older of two secrets would else
/// run argon2 against the newer on each call. The client's own state is checked elsewhere, on each
/// call.
///
/// Wrong secrets are remembered beside right ones and never in their place: a client that goes on with
/// a secret that has ended costs a look-up, and takes no turn from those behind its address.
pub(super) struct VerifiedSecrets {
    key: Hmac<Sha256>,
    right: Cache<Proof, ()>,
    wrong: Cache<Proof, ()>,
}

impl VerifiedSecrets {
    pub(super) fn new(entropy: &dyn Entropy) -> Self {
        let key = Hmac::new(&draw::<64>(entropy).into());
        Self { key, right: Cache::new(CAPACITY), wrong: Cache::new(CAPACITY) }
    }

    /// Returns the key of the fact "this secret of this client matches one of these stored hashes".
    pub(super) fn proof(&self, client_id: &str, hashes: &[&str], secret: &Secret) -> Proof {
        let mut mac = self.key.clone();
        mac.update(&(hashes.len() as u64).to_be_bytes());
        for field in [client_id].iter().chain(hashes) {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field.as_bytes());
        }
        mac.update(secret.expose().as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Notes whether the secret behind `proof` matches.
    pub(super) fn remember(&self, proof: Proof, matches: bool) {
        let kind = if matches { &self.right } else { &self.wrong };
        kind.insert(proof, ());
    }

    /// Returns whether the secret behind `proof` matches; `None` if that is not known.
    pub(super) fn recall(&self, proof: &Proof) -> Option<bool> {
        if self.right.get(proof).is_some() {
            return Some(true);
        }
        self.wrong.get(proof).map(|()| false)
    }
}
