//! Generated client secrets: 256 random bits that need no slow hash.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    base62,
    digest::{DIGEST_BYTES, Digest},
    entropy::{Entropy, draw},
    rotation_mark::RotationMark,
    secret::Secret,
    time::Timestamp,
};

const PREFIX: &str = "jcs_";
const SECRET_BYTES: usize = 32;

/// Draws a client secret: `jcs_` and 44 letters and digits, 256 bits.
pub fn generate(entropy: &dyn Entropy) -> Secret {
    let bytes = Zeroizing::new(draw::<SECRET_BYTES>(entropy));
    let mut text = String::with_capacity(PREFIX.len() + base62::text_len(SECRET_BYTES));
    text.push_str(PREFIX);
    base62::encode_into(&*bytes, &mut text);
    Secret::new(text)
}

/// Returns whether `secret` has the form of a generated one, which SHA-256 is enough for: nobody
/// can search 256 bits.
pub fn is_generated(secret: &Secret) -> bool {
    let body = secret.expose().strip_prefix(PREFIX);
    body.and_then(|body| base62::decode::<SECRET_BYTES>(body.as_bytes())).is_some()
}

/// SHA-256 of a generated secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHash(Digest);

impl SecretHash {
    /// Hashes a generated secret.
    pub fn of(secret: &Secret) -> Self {
        Self(Digest::of(&[secret.expose().as_bytes()]))
    }

    /// A hash from its hexadecimal text; `None` when it is not 64 hexadecimal digits.
    pub fn parse_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; DIGEST_BYTES];
        if text.len() != 2 * DIGEST_BYTES || !text.is_ascii() {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(at * 2..at * 2 + 2)?;
            let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            *byte = plain.then(|| u8::from_str_radix(digits, 16).ok())??;
        }
        Some(Self(Digest::from_bytes(bytes)))
    }
}

/// Stored form of a secret: it recognises the secret and cannot be used in its place.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoredSecret {
    /// A generated secret's SHA-256.
    Generated(SecretHash),
    /// A chosen secret's argon2id PHC string.
    Chosen(Box<str>),
}

impl fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Generated(_) => "Generated(…)",
            Self::Chosen(_) => "Chosen(…)",
        })
    }
}

/// One of a client's secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSecret {
    /// Stored form.
    pub stored: StoredSecret,
    /// When it was set.
    pub create_time: Timestamp,
    /// From when on it is refused; `None` never.
    pub expire_time: Option<Timestamp>,
    /// The request that made it, if it was one that may be repeated.
    #[serde(skip)]
    pub made_by: Option<RotationMark>,
}

impl ClientSecret {
    /// Returns whether the secret may still be used at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expire_time.is_none_or(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            for (at, byte) in (0u8..).zip(buffer) {
                *byte = at;
            }
        }
    }

    #[test]
    fn a_generated_secret_is_known_by_its_form() {
        let secret = generate(&Counting);
        assert_eq!(secret.expose().len(), 48);
        assert!(is_generated(&secret));
        for other in ["", "jcs_", "jcs_short", "hunter2", &secret.expose()[4..]] {
            assert!(!is_generated(&Secret::new(other)), "{other}");
        }
    }

    #[test]
    fn hexadecimal_hashes_are_read_strictly() {
        assert!(SecretHash::parse_hex(&"0a".repeat(32)).is_some());
        for text in ["", "0a", &"+a".repeat(32), &"zz".repeat(32), &"0a".repeat(33)] {
            assert!(SecretHash::parse_hex(text).is_none(), "{text}");
        }
    }
}
