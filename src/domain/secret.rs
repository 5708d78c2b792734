//! Secret text in memory: cannot be printed, is wiped when dropped, compares in constant time.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A password or client secret as its owner typed it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Longest secret or password that is ever hashed, in bytes: argon2's cost must not be the
    /// caller's to choose.
    pub const MAX_BYTES: usize = 1024;

    /// Takes ownership of secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text itself. The caller passes it only to a hash or to the one answer that shows
    /// it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns whether it is empty: an empty parameter is an omitted one (RFC 6749 §3.2).
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether the text has more lines than one, or a line end behind the only one: no
    /// secret has.
    pub fn has_line_break(&self) -> bool {
        self.0.contains(['\n', '\r'])
    }

    /// Returns whether the text is longer than [`Self::MAX_BYTES`].
    pub fn is_too_long(&self) -> bool {
        self.0.len() > Self::MAX_BYTES
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
