//! Epochs: one write ends everything of a user or of a client, without clock or enumeration.

use serde::{Deserialize, Serialize};

use super::{
    digest::Digest,
    entropy::{Entropy, draw},
};

/// A random value on a user's and a client's record. A grant keeps both as they were when its
/// credentials were verified, and is dead when either differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch([u8; 8]);

impl Epoch {
    /// Draws a new epoch. 64 random bits: moving it never brings an old one back.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(draw(entropy))
    }

    /// Returns a short public form: epochs that differ differ in it, and it does not show the epoch.
    pub fn short_form(&self) -> [u8; 6] {
        Digest::of(&[&self.0]).public_name(b"jeton epoch")
    }

    /// The bytes as stored.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}
