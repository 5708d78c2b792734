//! Short names of tokens, under a key of the validator.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use sha2::{Digest as _, Sha256};

/// The first 128 bits of the SHA-256 of a random key and a token's text. The token itself is never
/// stored.
///
/// Two tokens with one fingerprint would share an answer. Nobody can search for such a pair, since the
/// key is known to no one. Among a billion tokens a pair exists by chance once in 10^20 validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint([u64; 2]);

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[0]);
    }
}

/// Makes fingerprints under one key.
pub(super) struct Fingerprints {
    /// The hash of the key, which fills a block.
    keyed: Sha256,
}

impl Fingerprints {
    /// Draws a key.
    pub(super) fn new() -> Self {
        Self { keyed: Sha256::new_with_prefix(random()) }
    }

    pub(super) fn of(&self, token: &str) -> Fingerprint {
        let digest = self.keyed.clone().chain_update(token.as_bytes()).finalize();
        let (words, _) = digest.as_chunks();
        Fingerprint([u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])])
    }
}

#[expect(clippy::disallowed_methods, reason = "a validator's only use of randomness")]
fn random() -> [u8; 64] {
    let mut bytes = [0; 64];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

/// Hashes keys that are random already: to their own 64 bits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Own(u64);

/// Builds [`Own`].
pub(super) type BuildOwn = BuildHasherDefault<Own>;

impl Hasher for Own {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_of_its_token_and_of_its_validator() {
        let (one, other) = (Fingerprints::new(), Fingerprints::new());
        assert_eq!(one.of("jat_1"), one.of("jat_1"));
        assert_ne!(one.of("jat_1"), one.of("jat_2"));
        assert_ne!(one.of("jat_1"), other.of("jat_1"));
    }
}
