//! The services a token is meant for (RFC 8707 resource indicators, RFC 7662 `aud`).

use serde::{Deserialize, Serialize};

use super::{
    client_id::{ClientId, SELF_AUDIENCE},
    invalid::Invalid,
};

/// An ordered set of service names; a service that is itself a client is named by its `client_id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience(Box<[Box<str>]>);

impl Audience {
    /// Most names in one audience.
    pub const MAX_NAMES: usize = 16;
    /// Longest name, in characters.
    pub const MAX_NAME_CHARS: usize = 255;

    /// Builds an audience; a repeated name counts once.
    ///
    /// # Errors
    /// When a name is empty, longer than [`Self::MAX_NAME_CHARS`] or not graphic ASCII, or there
    /// are more than [`Self::MAX_NAMES`].
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let mut kept: Vec<Box<str>> = Vec::new();
        for name in names {
            let graphic = name.bytes().all(|byte| byte.is_ascii_graphic());
            if name.is_empty() || name.len() > Self::MAX_NAME_CHARS || !graphic {
                return Err(Invalid("must be 1 to 255 graphic ASCII characters each"));
            }
            if !kept.iter().any(|held| **held == *name) {
                kept.push(name.into());
            }
            if kept.len() > Self::MAX_NAMES {
                return Err(Invalid("must be at most 16 names"));
            }
        }
        Ok(Self(kept.into()))
    }

    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Returns whether no name is held.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether every name of this audience is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|name| other.0.contains(name))
    }

    /// Returns whether `client` is one of the services named.
    pub fn names_client(&self, client: &ClientId) -> bool {
        self.names().any(|name| name == client.as_str())
    }

    /// The names that `other` holds too, in the order of this audience.
    #[must_use]
    pub fn cut_to(&self, other: &Self) -> Self {
        Self(self.0.iter().filter(|name| other.0.contains(name)).cloned().collect())
    }

    /// The same without jeton itself.
    #[must_use]
    pub fn without_jeton(&self) -> Self {
        Self(self.0.iter().filter(|name| ***name != *SELF_AUDIENCE).cloned().collect())
    }

    /// Returns whether jeton itself is one of the services named.
    pub fn names_jeton(&self) -> bool {
        self.names().any(|name| name == SELF_AUDIENCE)
    }
}
