//! Signed JSON in the compact form of RFC 7515 §3.1.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Serialize;

use super::signing_key::{NotSigned, SigningKey};
use crate::domain::secret::Secret;

/// Header and claims, to be signed by the key that the header names.
#[derive(Clone, Debug)]
pub struct Unsigned(Secret);

/// The header: `typ` says for which purpose the token is good, and for no other.
#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: String,
}

impl Unsigned {
    /// A token of the media type `typ` with these claims, for `key`. It is a function of its arguments.
    pub fn new(typ: &str, key: &SigningKey, claims: &impl Serialize) -> Self {
        let header = Header { alg: key.algorithm().name(), typ, kid: key.id().to_string() };
        let mut text = part(&header);
        text.push('.');
        text.push_str(&part(claims));
        Self(Secret::new(text))
    }

    /// The token, signed. `key` is the one that it was made for.
    ///
    /// # Errors
    /// As [`SigningKey::sign`].
    pub fn sign(&self, key: &SigningKey) -> Result<Secret, NotSigned> {
        let message = self.0.expose();
        let signature = key.sign(message.as_bytes())?;
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        Ok(Secret::new(format!("{message}.{signature}")))
    }
}

fn part(value: &impl Serialize) -> String {
    // Structures of texts, numbers and maps by text always have a JSON text.
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap_or_default())
}
