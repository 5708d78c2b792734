//! A token as somebody presents it: opaque, which only its record can confirm, or signed, which its signature
//! has confirmed already.

use std::fmt;

use super::{
    grant_id::GrantId,
    key_ring::{KeyId, ServerKey},
    secret::Secret,
    token::{Token, TokenHash, TokenKind},
};

/// Public name of one access token (`jti`, RFC 7519 §4.1.7): a one-way function of the hash in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JwtId([u8; JwtId::BYTES]);

impl JwtId {
    /// Length in bytes.
    pub const BYTES: usize = 16;

    /// The name of the token that is recorded by this hash.
    pub fn of(hash: &TokenHash) -> Self {
        Self(hash.public_name())
    }

    /// A name from its bytes.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the claim.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// Signed access token whose signature and issuer were verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedAccess {
    /// The grant that it names (`sid`).
    pub grant_id: GrantId,
    /// Number of the grant's rotations before this token.
    pub generation: u32,
    /// Its own name (`jti`).
    pub id: JwtId,
}

/// Token that was presented.
#[derive(Clone, Debug)]
pub enum PresentedToken {
    /// A token of this service's own text. That it parsed does not prove that it was ever made.
    Opaque(Token),
    /// A signed access token.
    Signed(SignedAccess),
}

impl From<Token> for PresentedToken {
    fn from(token: Token) -> Self {
        Self::Opaque(token)
    }
}

impl PresentedToken {
    /// Access or refresh.
    pub const fn kind(&self) -> TokenKind {
        match self {
            Self::Opaque(token) => token.kind,
            Self::Signed(_) => TokenKind::Access,
        }
    }

    /// The grant that it names.
    pub const fn grant_id(&self) -> GrantId {
        match self {
            Self::Opaque(token) => token.grant_id,
            Self::Signed(signed) => signed.grant_id,
        }
    }

    /// Number of the grant's rotations before it.
    pub const fn generation(&self) -> u32 {
        match self {
            Self::Opaque(token) => token.generation,
            Self::Signed(signed) => signed.generation,
        }
    }

    /// The server key that it names; a signed one names none.
    pub const fn key_id(&self) -> Option<KeyId> {
        match self {
            Self::Opaque(token) => Some(token.key_id),
            Self::Signed(_) => None,
        }
    }

    /// Returns whether a record of this hash is the token's.
    pub fn is_recorded_as(&self, hash: &TokenHash) -> bool {
        match self {
            Self::Opaque(token) => token.hash() == *hash,
            Self::Signed(signed) => signed.id == JwtId::of(hash),
        }
    }

    /// Returns whether this service made the token, regardless of its present state. `key` is the server
    /// key that it names, if the ring holds it.
    pub fn is_genuine(&self, key: Option<&ServerKey>) -> bool {
        match self {
            Self::Opaque(token) => key.is_some_and(|key| token.is_genuine(key)),
            Self::Signed(_) => true,
        }
    }
}

/// Text that can be a token, by its form.
#[derive(Clone)]
pub enum TokenText {
    /// A token of this service's own text.
    Opaque(Token),
    /// Three parts, as a JWT has them. Nothing of it is verified.
    Jwt(Secret),
}

impl TokenText {
    /// Takes a text; `None` when no token has its form.
    pub fn parse(text: &str) -> Option<Self> {
        match Token::parse(text) {
            Some(token) => Some(Self::Opaque(token)),
            None => is_jwt(text).then(|| Self::Jwt(Secret::new(text))),
        }
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opaque(token) => fmt::Debug::fmt(token, f),
            Self::Jwt(_) => f.write_str("Jwt(…)"),
        }
    }
}

/// Returns whether a text has the three parts of a signed JWT (RFC 7515 §3.1), the first of which begins as
/// every JSON object does in base64url.
pub fn is_jwt(text: &str) -> bool {
    let dots = || text.bytes().filter(|byte| *byte == b'.').count();
    text.starts_with("eyJ") && !text.ends_with('.') && dots() == 2
}
