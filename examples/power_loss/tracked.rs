//! Names of records, states and changes in the ledger.

use jeton::{
    domain::{change::Change, client::Client, grant::Grant, user::User},
    store::Record,
};
use sha2::{Digest as _, Sha256};

/// A type of record in the ledger.
pub(crate) trait Tracked: Record {
    /// First letter of its records' names.
    const LETTER: char;

    /// Returns a record's name in the ledger.
    fn name_of(key: &Self::Key) -> String {
        format!("{}{}", Self::LETTER, to_hex(Self::key_bytes(key)))
    }

    /// Returns the key for a name, if the name belongs to this type.
    fn named(name: &str) -> Option<Self::Key> {
        Self::parse_key(&from_hex(name.strip_prefix(Self::LETTER)?)?).ok()
    }

    /// Returns a text that distinguishes this state of a record from all others.
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

/// Returns a digest that distinguishes changes. Repeated deletions of one record have the same
/// digest.
pub(crate) fn change_digest(change: &Change) -> String {
    digest(&change.to_bytes())
}

/// Returns enough of SHA-256 to distinguish the few thousand states of a load.
fn digest(bytes: &[u8]) -> String {
    to_hex(&Sha256::digest(bytes)[..8])
}

/// Formats each byte as two lower-case digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.map(|half| char::from(DIGITS[usize::from(half)])).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}
