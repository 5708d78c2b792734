//! Source of randomness: a trait, so that transitions stay pure and tests repeatable.

/// A source of cryptographically secure random bytes. The process has one, named in `app`.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `buffer` with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// Draws a fixed number of random bytes.
pub fn draw<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
