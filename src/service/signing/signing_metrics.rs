//! The metrics of signed access tokens.

use crate::metrics::{Counter, Counters, Registry};

/// Outcome of a token that was signed.
const SIGNED: &str = "signed";
/// Outcome of a request for which there was no key to sign with.
const NO_KEY: &str = "no_key";

/// Meters of signatures.
pub(in crate::service) struct SigningMetrics {
    pub(in crate::service) registry: Registry,
    signed: Counter,
    without_key: Counter,
}

impl SigningMetrics {
    pub(in crate::service) fn new() -> Self {
        let registry = Registry::new();
        let tokens: Counters = registry.counters(
            "jeton_signed_access_tokens_total",
            "Access tokens to be signed, by outcome: signed, or no_key for lack of a signing key.",
            &["outcome"],
        );
        let of = |outcome| tokens.with_label_values(&[outcome]);
        Self { signed: of(SIGNED), without_key: of(NO_KEY), registry }
    }

    /// An access token was signed.
    pub(in crate::service) fn signed(&self) {
        self.signed.inc();
    }

    /// An access token could not be signed for lack of a key.
    pub(in crate::service) fn without_key(&self) {
        self.without_key.inc();
    }
}
