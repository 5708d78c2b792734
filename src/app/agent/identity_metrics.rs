//! Metrics of an agent's own identity towards its server.

use crate::metrics::{Counters, Gauge, Registry};

/// Result of a request for an access token of the agent's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnTokenOutcome {
    /// There is a token.
    Issued,
    /// The server refuses the client or its proof, or there is no proof that could be shown.
    Refused,
    /// The server could not be asked, or could not answer.
    Unavailable,
}

/// Metrics of an agent's own identity. Clones count together.
#[derive(Clone)]
pub struct IdentityMetrics {
    registry: Registry,
    tokens: Counters,
    expire_time: Gauge,
}

impl IdentityMetrics {
    /// Creates metrics of an agent that has not asked yet.
    pub fn new() -> Self {
        let registry = Registry::new();
        let tokens = registry.counters(
            "jeton_agent_own_tokens_total",
            "Requests for an access token of the agent's own, by outcome.",
            &["outcome"],
        );
        let expire_time = registry.gauge(
            "jeton_agent_assertion_expire_timestamp_seconds",
            "When the assertion in the agent's file expires, in seconds since 1970; 0 without one.",
        );
        Self { registry, tokens, expire_time }
    }

    /// Returns the metrics.
    pub(super) fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// Counts a request.
    pub fn count(&self, outcome: OwnTokenOutcome) {
        let outcome = match outcome {
            OwnTokenOutcome::Issued => "issued",
            OwnTokenOutcome::Refused => "refused",
            OwnTokenOutcome::Unavailable => "unavailable",
        };
        self.tokens.with_label_values(&[outcome]).inc();
    }

    /// Notes the end of the assertion that is shown, in seconds since 1970.
    pub(super) fn note_expiry(&self, expire_time: Option<u64>) {
        self.expire_time.set(expire_time.and_then(|end| end.try_into().ok()).unwrap_or_default());
    }
}

impl Default for IdentityMetrics {
    fn default() -> Self {
        Self::new()
    }
}
