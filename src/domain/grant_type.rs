//! The grant types of RFC 6749 that jeton speaks.

use serde::{Deserialize, Serialize};

/// Ways to request tokens (RFC 6749 §1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    /// Resource owner password credentials (RFC 6749 §4.3).
    Password,
    /// Client credentials (RFC 6749 §4.4).
    ClientCredentials,
    /// Refreshing an access token (RFC 6749 §6).
    RefreshToken,
}

impl GrantType {
    /// Every grant type, in the order of the RFC.
    pub const ALL: [Self; 3] = [Self::Password, Self::ClientCredentials, Self::RefreshToken];

    /// The name on the wire and in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::ClientCredentials => "client_credentials",
            Self::RefreshToken => "refresh_token",
        }
    }

    /// Reads the name; `None` for one that jeton does not speak.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant_type| grant_type.name() == name)
    }
}

/// A set of grant types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantTypes {
    password: bool,
    client_credentials: bool,
    refresh_token: bool,
}

impl GrantTypes {
    /// Returns whether the set holds `grant_type`.
    pub fn contains(self, grant_type: GrantType) -> bool {
        match grant_type {
            GrantType::Password => self.password,
            GrantType::ClientCredentials => self.client_credentials,
            GrantType::RefreshToken => self.refresh_token,
        }
    }

    /// The set without `grant_type`.
    #[must_use]
    pub fn without(self, grant_type: GrantType) -> Self {
        GrantType::ALL
            .into_iter()
            .filter(|held| *held != grant_type && self.contains(*held))
            .collect()
    }
}

impl FromIterator<GrantType> for GrantTypes {
    fn from_iter<I: IntoIterator<Item = GrantType>>(grant_types: I) -> Self {
        let mut set = Self::default();
        for grant_type in grant_types {
            match grant_type {
                GrantType::Password => set.password = true,
                GrantType::ClientCredentials => set.client_credentials = true,
                GrantType::RefreshToken => set.refresh_token = true,
            }
        }
        set
    }
}
