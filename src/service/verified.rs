//! Remembers which chosen client secrets were verified lately, so that argon2 runs once and not on each call.

use hmac::{Hmac, KeyInit as _, Mac as _};
use quick_cache::sync::Cache;
use sha2::Sha256;

use crate::domain::{
    entropy::{Entropy, draw},
    secret::Secret,
};

/// Secrets remembered; one entry is 32 bytes and its share of a table.
const CAPACITY: usize = 4096;

/// Entries are MACs, under a key of this process alone, over the stored hashes that are live and the
/// secret. When a secret is added, expires or ends, the live hashes are others, so what was
/// remembered is never found again: nothing has to be dropped. It is all of them, not the one that
/// matched: callers with the older of two secrets would else run argon2 against the newer on each
/// call. Whether the client is still good is checked elsewhere, on each call.
pub(super) struct VerifiedSecrets {
    key: Hmac<Sha256>,
    known: Cache<[u8; 32], ()>,
}

impl VerifiedSecrets {
    pub(super) fn new(entropy: &dyn Entropy) -> Self {
        let key = Hmac::new(&draw::<64>(entropy).into());
        Self { key, known: Cache::new(CAPACITY) }
    }

    /// What stands for "this secret matches one of these stored hashes".
    pub(super) fn proof(&self, hashes: &[&str], secret: &Secret) -> [u8; 32] {
        let mut mac = self.key.clone();
        mac.update(&(hashes.len() as u64).to_be_bytes());
        for phc in hashes {
            mac.update(&(phc.len() as u64).to_be_bytes());
            mac.update(phc.as_bytes());
        }
        mac.update(secret.expose().as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Notes that the secret behind `proof` matches.
    pub(super) fn remember(&self, proof: [u8; 32]) {
        self.known.insert(proof, ());
    }

    /// Whether the secret behind `proof` is known to match.
    pub(super) fn knows(&self, proof: &[u8; 32]) -> bool {
        self.known.get(proof).is_some()
    }
}
