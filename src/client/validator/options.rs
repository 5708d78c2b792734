//! What a validator promises, and what it may use.

use std::time::Duration;

/// What a [`Validator`](super::Validator) promises, and what it may use.
#[derive(Clone, Debug)]
pub struct Options {
    /// No token is accepted for longer than this after its revocation was acknowledged. Also how
    /// long a question to the server may take. 2 s by default. Below 1.5 s the server, which moves
    /// an idle watch once a second, is asked more often than would be needed.
    pub max_staleness: Duration,
    /// For how long beyond `max_staleness` a token that was good may be accepted while the server
    /// does not answer, never beyond its `cache_ttl`. Nothing by default: what cannot be proven is
    /// refused.
    pub grace: Duration,
    /// How many good tokens are remembered. 100,000 by default.
    pub entries: usize,
    /// How many tokens are remembered as not active. 10,000 by default.
    pub refusals: usize,
    /// For how long each of those is. 10 s by default.
    pub refusal_ttl: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_staleness: Duration::from_secs(2),
            grace: Duration::ZERO,
            entries: 100_000,
            refusals: 10_000,
            refusal_ttl: Duration::from_secs(10),
        }
    }
}
