//! The parts of a token that its key vouches for: its kind, its secret, and the tag.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::entropy::{Entropy, draw};

pub(super) const PREFIX_CHARS: usize = 4;
pub(super) const SECRET_BYTES: usize = 20;
pub(super) const TAG_BYTES: usize = 12;

/// Kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Shown to services.
    Access,
    /// Shown to jeton, by its own client only, for the next pair.
    Refresh,
}

impl TokenKind {
    /// The kind's name in derivations: fixed for ever.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }

    pub(super) const fn of_prefix(prefix: [u8; PREFIX_CHARS]) -> Option<Self> {
        match &prefix {
            b"jat_" => Some(Self::Access),
            b"jrt_" => Some(Self::Refresh),
            _ => None,
        }
    }

    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Access => "jat_",
            Self::Refresh => "jrt_",
        }
    }
}

/// 160 secret bits of one token.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct TokenSecret([u8; SECRET_BYTES]);

impl TokenSecret {
    /// A root secret: random, for generation 0.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(draw(entropy))
    }

    /// A secret from its bytes.
    pub const fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// The secret bytes, for hashing and text only.
    pub const fn as_bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(…)")
    }
}

/// 96 bits of HMAC over the rest of the token: "we made this once".
#[derive(Clone, Copy)]
pub struct Tag([u8; TAG_BYTES]);

impl Tag {
    /// A tag from its bytes.
    pub const fn from_bytes(bytes: [u8; TAG_BYTES]) -> Self {
        Self(bytes)
    }

    /// The tag's bytes.
    pub const fn as_bytes(&self) -> &[u8; TAG_BYTES] {
        &self.0
    }
}
