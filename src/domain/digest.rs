//! SHA-256 digests of what only its holder knows: compared in constant time.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// Bytes in a digest.
pub(super) const DIGEST_BYTES: usize = 32;

/// A digest. Comparison takes the same time, regardless of where two digests differ.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Digest([u8; DIGEST_BYTES]);

impl Digest {
    /// The digest of all parts, one after the other.
    #[inline]
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// The first bytes of the digest of this digest, for `purpose`.
    pub(super) fn public_name<const N: usize>(&self, purpose: &[u8]) -> [u8; N] {
        let Self(digest) = Self::of(&[purpose, &self.0]);
        let mut name = [0; N];
        name.copy_from_slice(&digest[..N]);
        name
    }

    pub(super) const fn from_bytes(bytes: [u8; DIGEST_BYTES]) -> Self {
        Self(bytes)
    }

    /// Compared by the word: `subtle` hides each comparison from the optimiser, which for single bytes
    /// takes longer than hashing them did.
    fn words(&self) -> impl Iterator<Item = u128> {
        self.0.as_chunks().0.iter().copied().map(u128::from_ne_bytes)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        let same = self.words().zip(other.words()).map(|(own, other)| own.ct_eq(&other));
        same.fold(Choice::from(1), |all, one| all & one).into()
    }
}

impl Eq for Digest {}

/// Shows nothing: the digest of a short secret is enough to search for the secret.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digests_are_equal_when_all_their_bytes_are(
            bytes: [u8; DIGEST_BYTES],
            at in 0..DIGEST_BYTES,
            flip in 1..=u8::MAX,
        ) {
            let mut other = bytes;
            other[at] ^= flip;
            prop_assert!(Digest::from_bytes(bytes) == Digest::from_bytes(bytes));
            prop_assert!(Digest::from_bytes(bytes) != Digest::from_bytes(other));
        }
    }

    /// The first vector of FIPS 180-2, appendix B.
    #[test]
    fn parts_are_hashed_as_if_they_were_one() {
        let abc = Digest::of(&[b"abc"]);
        assert_eq!(abc.0[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(Digest::of(&[b"a", b"", b"bc"]), abc);
        assert_ne!(Digest::of(&[b"a", b"cb"]), abc);
    }

    #[test]
    fn no_debug_output_holds_a_byte_of_it() {
        assert_eq!(format!("{:?}", Digest::from_bytes([7; DIGEST_BYTES])), "Digest(…)");
    }
}
