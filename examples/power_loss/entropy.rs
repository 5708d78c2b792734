//! Randomness for ids and secrets.

use jeton::domain::entropy::Entropy;

/// The system's randomness.
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place where this program draws it")]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the system gives randomness");
    }
}
