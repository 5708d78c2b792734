//! The name a user logs in with.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use super::invalid::Invalid;

/// A login name, trimmed, lower-cased and in Unicode NFC, so that every way to type one name is
/// one name for look-up and for lockout (after RFC 8265 §3.3, `UsernameCaseMapped`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserName(Box<str>);

impl UserName {
    /// Longest name, in bytes after normalisation.
    pub const MAX_BYTES: usize = 255;

    /// Normalises a name.
    ///
    /// # Errors
    /// When nothing is left of it, it is longer than [`Self::MAX_BYTES`] or holds control
    /// characters.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const FAULT: Invalid = Invalid("must be 1 to 255 bytes without control characters");
        // NFC is no longer than three times its input (Unicode TR15, stability table).
        if text.len() > Self::MAX_BYTES * 3 {
            return Err(FAULT);
        }
        let name: String = text.trim().nfc().flat_map(char::to_lowercase).nfc().collect();
        if name.is_empty() || name.len() > Self::MAX_BYTES || name.chars().any(char::is_control) {
            return Err(FAULT);
        }
        Ok(Self(name.into()))
    }

    /// The normalised name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_type_a_name_is_one_name() {
        let name = UserName::parse("zoë").expect("a name");
        for variant in ["Zoë", " zoe\u{308} ", "ZOE\u{308}", "zo\u{eb}\t"] {
            assert_eq!(UserName::parse(variant).as_ref(), Ok(&name), "{variant:?}");
        }
    }

    #[test]
    fn empty_long_and_control_names_are_refused() {
        for name in ["", "  ", "a\u{0}b", "a\nb", &"x".repeat(256), &"é".repeat(128)] {
            assert!(UserName::parse(name).is_err(), "{name:?}");
        }
    }
}
