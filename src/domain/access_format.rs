//! The format of a client's access tokens, and the attributes that signed ones show.

use serde::{Deserialize, Serialize};

use super::{attributes::Attributes, invalid::Invalid};

/// Forms of access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessTokenFormat {
    /// Text that only this service can judge.
    #[default]
    Opaque,
    /// A signed JWT (RFC 9068), which everybody who has the public keys can read and verify.
    Jwt,
}

impl AccessTokenFormat {
    /// Either.
    pub const ALL: [Self; 2] = [Self::Opaque, Self::Jwt];

    /// The name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opaque => "opaque",
            Self::Jwt => "jwt",
        }
    }
}

/// Names of the attributes that become claims of signed access tokens. Everybody who sees such a token reads
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtAttributes(Box<[Box<str>]>);

/// Claims that have a meaning of their own (RFC 7519 §4.1, RFC 9068 §2.2, RFC 7662 §2.2, RFC 7800, RFC 8693).
const CLAIMS: [&str; 22] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "scope",
    "sid",
    "jeton",
    "cnf",
    "act",
    "may_act",
    "active",
    "username",
    "token_type",
    "token_introspection",
    "auth_time",
    "acr",
    "amr",
    "nonce",
];

impl JwtAttributes {
    /// Most names: a token has to fit into a header.
    pub const MAX: usize = 8;

    /// Takes names; a repeated one counts once.
    ///
    /// # Errors
    /// For a name that no attribute can have, the name of a claim with a meaning of its own, and more than
    /// [`Self::MAX`].
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let mut kept: Vec<Box<str>> = Vec::new();
        for name in names {
            if name.is_empty() || name.len() > Attributes::MAX_NAME_BYTES {
                return Err(Invalid("must be names of 1 to 64 bytes"));
            }
            if CLAIMS.contains(&name) {
                return Err(Invalid("must not be the name of a claim with a meaning of its own"));
            }
            if !kept.iter().any(|held| **held == *name) {
                kept.push(name.into());
            }
            if kept.len() > Self::MAX {
                return Err(Invalid("must be at most 8 names"));
            }
        }
        Ok(Self(kept.into()))
    }

    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Returns whether no attribute becomes a claim.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether the attribute of that name becomes a claim.
    pub fn has(&self, name: &str) -> bool {
        self.names().any(|held| held == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_takes_the_place_of_no_claim() {
        let names = JwtAttributes::from_names(["team", "email", "team"]).expect("names");
        assert_eq!(names.names().collect::<Vec<_>>(), ["team", "email"]);
        for name in CLAIMS.into_iter().chain([""]) {
            assert!(JwtAttributes::from_names([name]).is_err(), "{name}");
        }
        let many: Vec<_> = (0..9).map(|number| format!("a{number}")).collect();
        assert!(JwtAttributes::from_names(many.iter().map(String::as_str)).is_err());
    }
}
