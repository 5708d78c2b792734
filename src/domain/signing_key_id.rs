//! The name of a key that signs access tokens.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::public_key::PublicKey;

/// SHA-256 thumbprint of the public key (RFC 7638): the `kid` of what the key signs. Its text is 43
/// characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SigningKeyId([u8; 32]);

impl SigningKeyId {
    /// Length of the text.
    pub const TEXT_BYTES: usize = 43;

    /// The name of a key.
    pub fn of(key: &PublicKey) -> Self {
        Self(key.digest())
    }

    /// The name with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads a name; `None` when the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != Self::TEXT_BYTES {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for SigningKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for SigningKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_thumbprint_and_reads_back() {
        let key = PublicKey::Ed25519([7; 32]);
        let id = SigningKeyId::of(&key);
        assert_eq!(id.to_string(), key.thumbprint());
        assert_eq!(SigningKeyId::parse(&key.thumbprint()), Some(id));
        for text in ["", "613771bb", &"!".repeat(43), &"A".repeat(44)] {
            assert_eq!(SigningKeyId::parse(text), None, "{text}");
        }
    }
}
