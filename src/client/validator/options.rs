//! The options of a validator.

use std::time::Duration;

/// The promises and limits of a [`Validator`](super::Validator).
#[derive(Clone, Debug)]
pub struct Options {
    /// Maximum time for which a token is accepted after its revocation was acknowledged, and for a
    /// question to the server. 2 s by default. At least twice `store.max_staleness` of a server with
    /// several instances. Below 1.5 s the server, which advances an idle watch once a second, is
    /// asked more often than necessary.
    pub max_staleness: Duration,
    /// Time beyond `max_staleness` in which an active token is accepted while the server does not
    /// answer, limited by its `cache_ttl`. Zero by default: unproven tokens are refused.
    pub grace: Duration,
    /// Maximum number of active tokens in memory. 100,000 by default.
    pub entries: usize,
    /// Maximum number of inactive tokens in memory. 10,000 by default.
    pub refusals: usize,
    /// Time for which an inactive token is remembered. 10 s by default.
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

impl Options {
    /// Returns the time for which an answer is used without a proof. The answering instance can lag
    /// behind the revocations of the others by `store.max_staleness`: the other half of the promise
    /// is for that.
    pub(super) fn unproven(&self) -> Duration {
        self.max_staleness / 2
    }
}
