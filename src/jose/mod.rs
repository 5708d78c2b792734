//! Signed tokens of others and of this server (JWS, RFC 7515), and the keys that sign and verify them (JWK,
//! RFC 7517).
//!
//! | file | contents |
//! |---|---|
//! | `object` | JSON objects without the ambiguities that JSON allows |
//! | `signed_token` | [`SignedToken`], bounded and taken apart, and its verification |
//! | `key_set` | [`KeySet`], the usable keys of a JWKS |
//! | `key` | one key of it |
//! | `compact` | [`Unsigned`], header and claims of what this server signs |
//! | `access_jwt` | signed access tokens of this server, read back |
//! | `signing_key` | [`SigningKey`], a private key of this server |
//! | `ed25519` | one of Ed25519, by the fastest code for the processor |
//! | `signing_ring` | [`SigningRing`], all of them with their times, and their JWKS |
//! | `ring` | the cryptography: `jsonwebtoken` over ring |
//!
//! Nothing here opens a file or a URL, and nothing that a token names is ever opened.

mod access_jwt;
mod compact;
mod ed25519;
mod key;
mod key_set;
mod object;
mod ring;
mod signed_token;
mod signing_key;
mod signing_ring;

pub use self::{
    access_jwt::{ACCESS_TYPE, named_key, read as read_access_jwt},
    compact::Unsigned,
    key_set::{KeySet, KeySetFault, SkippedKey},
    signed_token::{MAX_TOKEN_BYTES, SignedToken, verify},
    signing_key::{NotSigned, SigningKey, Unfit},
    signing_ring::{SigningRing, TimedKey},
};
