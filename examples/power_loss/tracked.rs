//! How the ledger names records, states and changes.

use jeton::{
    domain::{change::Change, client::Client, grant::Grant, user::User},
    store::Record,
};
use sha2::{Digest as _, Sha256};

/// A record type that the ledger speaks of.
pub(crate) trait Tracked: Record {
    /// Begins the names of its records.
    const LETTER: char;

    /// A record's name in the ledger.
    fn name_of(key: &Self::Key) -> String {
        format!("{}{}", Self::LETTER, to_hex(Self::key_bytes(key)))
    }

    /// The key that a name speaks of, if the name is one of this type.
    fn named(name: &str) -> Option<Self::Key> {
        Self::parse_key(&from_hex(name.strip_prefix(Self::LETTER)?)?).ok()
    }

    /// Tells this state of a record from every other one.
    fn state(&self) -> String {
        digest(&self.encode())
    }
}

impl Tracked for Grant {
    const LETTER: char = 'g';
}

impl Tracked for Client {
    const LETTER: char = 'c';
}

impl Tracked for User {
    const LETTER: char = 'u';
}

/// Tells a change from others; the deletions of one record over again look alike.
pub(crate) fn change_digest(change: &Change) -> String {
    digest(&change.to_bytes())
}

/// Enough of SHA-256 to tell the few thousand states of a load apart.
fn digest(bytes: &[u8]) -> String {
    to_hex(&Sha256::digest(bytes)[..8])
}

/// Two lower-case digits for each byte.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.map(|half| char::from(DIGITS[usize::from(half)])).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}
