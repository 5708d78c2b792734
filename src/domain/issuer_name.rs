//! The name of a trusted issuer.

use std::{borrow::Borrow, fmt};

use serde::{Deserialize, Serialize};

use super::invalid::Invalid;

/// The name that the settings give an issuer: 1 to 64 letters, digits, `-`, `_` and `.` of ASCII. Trust
/// goes by this name: issuers that know nothing of each other can share the `iss` of their tokens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IssuerName(Box<str>);

impl IssuerName {
    /// Longest name, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Reads a name.
    ///
    /// # Errors
    /// Says what a name is when `text` is none.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if text.is_empty() || text.len() > Self::MAX_BYTES || !text.bytes().all(named) {
            return Err(Invalid("must be 1 to 64 ASCII letters, digits, '-', '_' and '.'"));
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for IssuerName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IssuerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_needs_no_quotes_anywhere() {
        for name in ["prod", "eu-west_1.k8s", "0", &"a".repeat(64)] {
            assert_eq!(IssuerName::parse(name).expect("good").as_str(), name);
        }
        for name in ["", "a b", "a:b", "a/b", "é", "a\n", &"a".repeat(65)] {
            assert!(IssuerName::parse(name).is_err(), "{name}");
        }
    }
}
