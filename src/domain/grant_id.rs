//! The name of a grant: 128 bits, safe to log, list and revoke by.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    client_id::ClientId,
    entropy::{Entropy, draw},
    field_hash::hash_field,
    time::Timestamp,
};

/// A grant's id: a `UUIDv7` (time-ordered, which keeps the store's inserts local), or a `UUIDv8`
/// when a `request_id` decides it. Shown as hyphenated lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GrantId([u8; 16]);

impl GrantId {
    /// Length of the text.
    pub const TEXT_BYTES: usize = uuid::fmt::Hyphenated::LENGTH;

    /// A new id for a grant issued at `now`.
    pub fn generate(now: Timestamp, entropy: &dyn Entropy) -> Self {
        let id = uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &draw(entropy));
        Self(id.into_uuid().into_bytes())
    }

    /// The id that a repeatable request always leads to: the hash of who asks, for whom, under
    /// which `request_id`. Computed only once the credentials have been verified.
    pub fn for_request(client_id: &ClientId, subject: &str, request_id: &str) -> Self {
        let mut hash = Sha256::new();
        for field in ["jeton grant id", client_id.as_str(), subject, request_id] {
            hash_field(&mut hash, field.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid().into_bytes())
    }

    /// An id from its stored or transmitted bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// When the grant was issued, by what its id says; `None` when a `request_id` decided the id.
    pub fn made(&self) -> Option<Timestamp> {
        let (seconds, nanos) = Uuid::from_bytes(self.0).get_timestamp()?.to_unix();
        let since_epoch = Duration::new(seconds, nanos);
        Some(Timestamp::default().after(since_epoch))
    }

    /// The bytes that are stored and transmitted.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The hyphenated text (RFC 9562 §4), for those who write many of them.
    #[expect(clippy::missing_panics_doc, reason = "there is room for two digits for each byte")]
    pub fn text(&self) -> [u8; Self::TEXT_BYTES] {
        let mut digits = [0; 32];
        base16ct::lower::encode(&self.0, &mut digits).expect("two digits for each byte");
        let mut text = [b'-'; Self::TEXT_BYTES];
        text[..8].copy_from_slice(&digits[..8]);
        text[9..13].copy_from_slice(&digits[8..12]);
        text[14..18].copy_from_slice(&digits[12..16]);
        text[19..23].copy_from_slice(&digits[16..20]);
        text[24..].copy_from_slice(&digits[20..]);
        text
    }

    /// Reads the hyphenated text; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(|id| Self(id.into_bytes()))
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Uuid::from_bytes(self.0), f)
    }
}

impl fmt::Debug for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_text_is_what_is_shown_and_read(bytes: [u8; 16]) {
            let id = GrantId::from_bytes(bytes);
            let shown = id.to_string();
            prop_assert_eq!(&id.text(), shown.as_bytes());
            prop_assert_eq!(GrantId::parse(&shown), Some(id));
        }
    }
}
