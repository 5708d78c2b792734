//! The grant types that jeton speaks (RFC 6749, RFC 7523, RFC 8693).

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
    /// An ID token of a trusted issuer (RFC 7523 §2.1).
    JwtBearer,
    /// An access token of a user that the client was shown (RFC 8693 §2.1).
    TokenExchange,
}

impl GrantType {
    /// Every grant type, in the order of the RFCs.
    pub const ALL: [Self; 5] = [
        Self::Password,
        Self::ClientCredentials,
        Self::RefreshToken,
        Self::JwtBearer,
        Self::TokenExchange,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::ClientCredentials => "client_credentials",
            Self::RefreshToken => "refresh_token",
            Self::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }

    /// The word in settings, on the command line and in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Password | Self::ClientCredentials | Self::RefreshToken => self.name(),
            Self::JwtBearer => "jwt_bearer",
            Self::TokenExchange => "token_exchange",
        }
    }

    /// Reads the name on the wire; `None` for one that jeton does not speak.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant_type| grant_type.name() == name)
    }

    /// Reads the word in settings.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant_type| grant_type.word() == word)
    }
}

/// A set of grant types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "a set, whose record has a field for each")]
pub struct GrantTypes {
    password: bool,
    client_credentials: bool,
    refresh_token: bool,
    /// Written behind the record, and only where it is set.
    #[serde(skip)]
    pub(super) jwt_bearer: bool,
    /// Written behind the record, and only where it is set.
    #[serde(skip)]
    pub(super) token_exchange: bool,
}

impl GrantTypes {
    /// Returns whether the set holds `grant_type`.
    pub fn contains(self, grant_type: GrantType) -> bool {
        match grant_type {
            GrantType::Password => self.password,
            GrantType::ClientCredentials => self.client_credentials,
            GrantType::RefreshToken => self.refresh_token,
            GrantType::JwtBearer => self.jwt_bearer,
            GrantType::TokenExchange => self.token_exchange,
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
                GrantType::JwtBearer => set.jwt_bearer = true,
                GrantType::TokenExchange => set.token_exchange = true,
            }
        }
        set
    }
}
