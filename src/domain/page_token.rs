//! End of a page of a list, as text with which the reader requests the next page.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use super::field_hash::hash_field;

const FINGERPRINT_BYTES: usize = 8;

/// A list with its filters: a place in one means nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListId([u8; FINGERPRINT_BYTES]);

impl ListId {
    /// The list of that name, filtered so.
    pub fn new(name: &str, filters: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for field in [&["jeton list", name], filters].concat() {
            hash_field(&mut hash, field.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut fingerprint = [0; FINGERPRINT_BYTES];
        fingerprint.copy_from_slice(&digest[..FINGERPRINT_BYTES]);
        Self(fingerprint)
    }

    /// Returns the text for the place right after the entry with this key. It hides nothing:
    /// readers of the list may know the key.
    pub fn token_after(self, key: &[u8]) -> String {
        BASE64_URL_SAFE_NO_PAD.encode([&self.0, key].concat())
    }

    /// The key out of a token; `None` when it is not one of this list.
    pub fn key_of(self, token: &str) -> Option<Vec<u8>> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        bytes.strip_prefix(&self.0).map(<[u8]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_own_list_only() {
        let list = ListId::new("clients", &["a", ""]);
        let token = list.token_after(b"orders");
        assert_eq!(list.key_of(&token).as_deref(), Some(&b"orders"[..]));
        for other in [
            ListId::new("clients", &["", "a"]),
            ListId::new("clients", &["a"]),
            ListId::new("users", &["a", ""]),
        ] {
            assert_eq!(other.key_of(&token), None);
        }
    }

    #[test]
    fn other_text_is_no_token() {
        let list = ListId::new("clients", &[]);
        for text in ["", "x", "==", "AAAA", "é", &"A".repeat(100)] {
            assert_eq!(list.key_of(text), None, "{text}");
        }
    }
}
