//! Short names of tokens, under a key of the validator.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use polyval::{BLOCK_SIZE, Block, KEY_SIZE, Polyval, universal_hash::UniversalHash as _};

/// POLYVAL (RFC 8452 §3) of a token's text and its length, under a random key. The token itself is
/// never stored.
///
/// Two tokens with one fingerprint would share an answer. A universal hash is enough against that: two texts
/// of at most *n* blocks of 16 bytes, chosen without knowledge of the key, share a fingerprint by chance once in
/// 2^128 / *n* keys. The key is known to no one, and no fingerprint leaves the validator, so nobody can learn
/// anything of it. Among a billion tokens of 1 KiB a pair exists by chance once in 10^18 validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint([u64; 2]);

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[0]);
    }
}

/// Makes fingerprints under one key.
pub(super) struct Fingerprints {
    /// The hash of nothing.
    keyed: Polyval,
}

impl Fingerprints {
    /// Draws a key.
    pub(super) fn new() -> Self {
        Self { keyed: Polyval::new(&random().into()) }
    }

    pub(super) fn of(&self, token: &str) -> Fingerprint {
        let mut hash = self.keyed.clone();
        hash.update_padded(token.as_bytes());
        // Texts that differ in zeros at their end are padded alike.
        hash.update(&[length(token)]);
        let digest: [u8; BLOCK_SIZE] = hash.finalize().into();
        let (words, _) = digest.as_chunks();
        Fingerprint([u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])])
    }
}

fn length(token: &str) -> Block {
    let mut block = Block::default();
    block[..size_of::<usize>()].copy_from_slice(&token.len().to_le_bytes());
    block
}

#[expect(clippy::disallowed_methods, reason = "a validator's only use of randomness")]
fn random() -> [u8; KEY_SIZE] {
    let mut bytes = [0; KEY_SIZE];
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

    #[test]
    fn every_byte_and_the_length_of_a_token_count() {
        let (fingerprints, token) = (Fingerprints::new(), "t".repeat(700));
        let whole = fingerprints.of(&token);
        for place in 0..token.len() {
            let mut other = token.clone();
            other.replace_range(place..=place, "u");
            assert_ne!(fingerprints.of(&other), whole, "{place}");
        }
        for end in ["\0", "\0\0", "t"] {
            assert_ne!(fingerprints.of(&format!("{token}{end}")), whole, "{end:?}");
        }
    }
}
