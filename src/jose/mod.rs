//! Signed tokens of others (JWS, RFC 7515) and the public keys that verify them (JWK, RFC 7517).
//!
//! | file | contents |
//! |---|---|
//! | `object` | JSON objects without the ambiguities that JSON allows |
//! | `signed_token` | [`SignedToken`], bounded and taken apart, and its verification |
//! | `key_set` | [`KeySet`], the usable keys of a JWKS |
//! | `key` | one key of it |
//! | `ring` | the cryptography: `jsonwebtoken` over ring |
//!
//! Nothing here opens a file or a URL, and nothing that a token names is ever opened.

mod key;
mod key_set;
mod object;
mod ring;
mod signed_token;

pub use self::{
    key_set::{KeySet, KeySetFault, SkippedKey},
    signed_token::{MAX_TOKEN_BYTES, SignedToken, verify},
};
