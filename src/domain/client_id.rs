//! The name of a client (RFC 6749 §2.2).

use std::{borrow::Borrow, fmt};

use serde::{Deserialize, Serialize};

use super::invalid::Invalid;

/// The audience that makes an access token, which a client got for itself, good for jeton's own RPCs.
pub const SELF_AUDIENCE: &str = "jeton";
/// Prefix of a user's subject, which no client id has.
pub const USER_PREFIX: &str = "usr_";

/// A client's name: 1 to 255 graphic ASCII characters (RFC 6749 appendix A.1 without the space),
/// never one that reads like a user's subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(Box<str>);

impl ClientId {
    /// Reads a client id.
    ///
    /// # Errors
    /// Says what a client id is when `text` is none.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() || text.len() > 255 || !text.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(Invalid("must be 1 to 255 graphic ASCII characters"));
        }
        if text.starts_with(USER_PREFIX) {
            return Err(Invalid("must not begin with usr_, which names users"));
        }
        Ok(Self(text.into()))
    }

    /// Reads the id of a client that is to be registered. One by the name of jeton's own audience
    /// could introspect, as one of the audience, the tokens of everybody who may call jeton.
    ///
    /// # Errors
    /// As [`Self::parse`], and for `jeton`.
    pub fn parse_new(text: &str) -> Result<Self, Invalid> {
        if text == SELF_AUDIENCE {
            return Err(Invalid("must not be jeton, which names this service"));
        }
        Self::parse(text)
    }

    /// Stands in a record between its decoding and its key; equal to no client's id.
    pub(super) fn placeholder() -> Self {
        Self("".into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ClientId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
