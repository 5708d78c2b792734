//! Remembers which chosen client secrets were looked at lately, so that argon2 runs once and not on each call.

use hmac::{Hmac, KeyInit as _, Mac as _};
use quick_cache::sync::Cache;
use sha2::Sha256;

use crate::{
    domain::{
        entropy::{Entropy, draw},
        secret::Secret,
    },
    service::holder::Place,
};

/// Secrets remembered of each kind; one entry is 32 bytes and its share of a table.
const CAPACITY: usize = 4096;

/// Stands for a client, the stored hashes of its that are live, and a secret, anywhere or at one address.
pub(in crate::service) type Proof = [u8; 32];

/// A secret that is shown for a client.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct Claim<'a> {
    /// The client id of the request.
    pub(in crate::service) client_id: &'a str,
    /// The stored hashes of its that are live.
    pub(in crate::service) hashes: &'a [&'a str],
    /// The secret of the request.
    pub(in crate::service) secret: &'a Secret,
}

/// Entries are MACs, under a key of this process alone. When a secret is added, expires or ends,
/// the live hashes are others, so earlier entries are never found again: nothing has to be dropped.
/// It is all of them, not the one that matched: callers with the older of two secrets would else
/// run argon2 against the newer on each call. The client's own state is checked elsewhere, on each
/// call.
///
/// Wrong secrets are remembered beside right ones and never in their place: a client that goes on with
/// a secret that has ended costs a look-up, and takes no turn from those behind its address.
///
/// A secret that was right at an address is remembered for that address too: at an address of guesses, a secret
/// that was right elsewhere may be one of them.
pub(in crate::service) struct VerifiedSecrets {
    key: Hmac<Sha256>,
    right: Cache<Proof, ()>,
    right_there: Cache<Proof, ()>,
    wrong: Cache<Proof, ()>,
}

impl VerifiedSecrets {
    pub(in crate::service) fn new(entropy: &dyn Entropy) -> Self {
        let key = Hmac::new(&draw::<64>(entropy).into());
        let cache = || Cache::new(CAPACITY);
        Self { key, right: cache(), right_there: cache(), wrong: cache() }
    }

    /// Returns the key of the fact "this secret of this client matches one of these stored hashes".
    pub(in crate::service) fn proof(&self, claim: Claim<'_>) -> Proof {
        self.mac(claim, &[])
    }

    /// Returns the key of the same fact at one address.
    pub(in crate::service) fn proof_at(&self, place: Place, claim: Claim<'_>) -> Proof {
        self.mac(claim, place.as_bytes())
    }

    fn mac(&self, Claim { client_id, hashes, secret }: Claim<'_>, place: &[u8]) -> Proof {
        let mut mac = self.key.clone();
        mac.update(&(hashes.len() as u64).to_be_bytes());
        let fields = [place, client_id.as_bytes()].into_iter();
        for field in fields.chain(hashes.iter().map(|hash| hash.as_bytes())) {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field);
        }
        mac.update(secret.expose().as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Notes whether the secret behind `proof` matches.
    pub(in crate::service) fn remember(&self, proof: Proof, matches: bool) {
        let kind = if matches { &self.right } else { &self.wrong };
        kind.insert(proof, ());
    }

    /// Returns whether the secret behind `proof` matches; `None` if that is not known.
    pub(in crate::service) fn recall(&self, proof: &Proof) -> Option<bool> {
        if self.right.get(proof).is_some() {
            return Some(true);
        }
        self.wrong.get(proof).map(|()| false)
    }

    /// Notes that the secret behind `proof` was right at its address.
    pub(in crate::service) fn remember_there(&self, proof: Proof) {
        self.right_there.insert(proof, ());
    }

    /// Returns whether the secret behind `proof` was right at its address.
    pub(in crate::service) fn was_right_there(&self, proof: &Proof) -> bool {
        self.right_there.get(proof).is_some()
    }
}
