//! Subject of a grant: a user, or the client itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    base62,
    client_id::{ClientId, USER_PREFIX},
    entropy::{Entropy, draw},
    epoch::Epoch,
};

/// A user's generated, opaque id: never a name, never used twice. Shown as `usr_` and 22 letters
/// and digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserId([u8; 16]);

impl UserId {
    /// Draws a new id.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(draw(entropy))
    }

    /// An id from its stored bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes that are stored.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads `usr_…`; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        base62::decode(text.strip_prefix(USER_PREFIX)?.as_bytes()).map(Self)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(USER_PREFIX.len() + base62::text_len(self.0.len()));
        text.push_str(USER_PREFIX);
        base62::encode_into(&self.0, &mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The subject of a grant, with the epoch its user's record had in the very read that the
/// credentials were verified against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// The client itself (RFC 6749 §4.4); its subject text is the `client_id`.
    Client,
    /// A user who gave the client their password (RFC 6749 §4.3) or an ID token (RFC 7523 §2.1).
    User {
        /// The user's id.
        id: UserId,
        /// The grant is dead when the user's record has another epoch.
        epoch: Epoch,
    },
}

impl Subject {
    /// The user, unless the subject is the client itself.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::Client => None,
            Self::User { id, .. } => Some(*id),
        }
    }

    /// The `sub` of RFC 7662 §2.2.
    pub fn text(&self, client_id: &ClientId) -> String {
        match self {
            Self::Client => client_id.as_str().to_owned(),
            Self::User { id, .. } => id.to_string(),
        }
    }
}
