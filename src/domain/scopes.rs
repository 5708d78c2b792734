//! Scopes, in the order they were registered or asked (RFC 6749 §3.3).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::invalid::Invalid;

/// An ordered set of scope values, held as the text of the wire: `read write`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scopes(Box<str>);

impl Scopes {
    /// Most values in one set.
    pub const MAX_VALUES: usize = 64;
    /// Longest value, in characters.
    pub const MAX_VALUE_CHARS: usize = 128;

    /// Builds a set from values; one that is repeated counts once, at its first place.
    ///
    /// # Errors
    /// When a value is empty, too long or has characters beyond RFC 6749 §3.3
    /// (`%x21 / %x23-5B / %x5D-7E`), or there are more than [`Self::MAX_VALUES`].
    pub fn from_values<'a>(values: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let mut kept: Vec<&str> = Vec::new();
        for value in values {
            if !is_scope_token(value) {
                return Err(Invalid("must be 1 to 128 characters of RFC 6749 §3.3 each"));
            }
            if !kept.contains(&value) {
                kept.push(value);
            }
            if kept.len() > Self::MAX_VALUES {
                return Err(Invalid("must be at most 64 values"));
            }
        }
        Ok(Self(kept.join(" ").into()))
    }

    /// Reads the space-separated text of RFC 6749 §3.3. Runs of spaces count as one.
    ///
    /// # Errors
    /// As [`Self::from_values`].
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::from_values(text.split(' ').filter(|value| !value.is_empty()))
    }

    /// The values in order.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        // No value holds white space of any kind.
        self.0.split_ascii_whitespace()
    }

    /// The text of the wire: values separated by one space, empty when there are none.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether no scope is held.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether every value of this set is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.values().all(|value| other.contains(value))
    }

    /// Returns whether both hold the same values, in any order.
    pub fn same_as(&self, other: &Self) -> bool {
        self.is_within(other) && other.is_within(self)
    }

    /// The values that `other` holds too, in the order of this set.
    #[must_use]
    pub fn cut_to(&self, other: &Self) -> Self {
        let kept: Vec<&str> = self.values().filter(|value| other.contains(value)).collect();
        Self(kept.join(" ").into())
    }

    fn contains(&self, value: &str) -> bool {
        self.values().any(|held| held == value)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_scope_token(value: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !value.is_empty() && value.len() <= Scopes::MAX_VALUE_CHARS && value.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).expect("valid scopes")
    }

    #[test]
    fn order_is_kept_and_repeats_count_once() {
        assert_eq!(scopes("write read  write").as_str(), "write read");
        assert!(scopes("").is_empty());
    }

    #[test]
    fn within_and_same_ignore_order() {
        assert!(scopes("read").is_within(&scopes("write read")));
        assert!(!scopes("read audit").is_within(&scopes("write read")));
        assert!(scopes("read write").same_as(&scopes("write read")));
        assert!(!scopes("read").same_as(&scopes("write read")));
    }

    #[test]
    fn characters_beyond_the_rfc_are_refused() {
        for value in ["a\"b", "a\\b", "é", "a\nb", "a b", "", &"x".repeat(129)] {
            assert!(Scopes::from_values([value]).is_err(), "{value:?}");
        }
        let many: Vec<String> = (0..65).map(|n| format!("s{n}")).collect();
        assert!(Scopes::from_values(many.iter().map(String::as_str)).is_err());
    }
}
