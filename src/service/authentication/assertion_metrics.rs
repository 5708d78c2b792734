//! Metrics of assertions, and of the keys that verify them.

use std::sync::Arc;

use super::{issuer_keys::IssuerKeys, review_metrics::ReviewMetrics};
use crate::{
    domain::{cause::Cause, issuer_name::IssuerName},
    metrics::{Counter, Counters, Gauges, Registry},
};

/// Outcome of good assertions.
const ACCEPTED: &str = "accepted";
/// Label of assertions that no trusted issuer has made.
const NOBODY: &str = "";

/// The handles. Names and help texts are the table of docs/monitoring.md.
pub(in crate::service) struct AssertionMetrics {
    pub(in crate::service) registry: Registry,
    assertions: Counters,
    keys: Gauges,
    age: Gauges,
    unreadable: Gauges,
    failures: Counters,
    pub(in crate::service) reviews: ReviewMetrics,
}

impl AssertionMetrics {
    pub(in crate::service) fn new() -> Self {
        let registry = Registry::new();
        let assertions = registry.counters(
            "jeton_assertions_total",
            "Assertions of trusted issuers, by issuer and outcome.",
            &["issuer", "outcome"],
        );
        let of_issuer = |name, help| registry.gauges(name, help, &["issuer"]);
        Self {
            keys: of_issuer(
                "jeton_issuer_keys",
                "Keys that verify an issuer's assertions now; with 0 all are UNAVAILABLE.",
            ),
            age: of_issuer(
                "jeton_issuer_key_age_seconds",
                "Time since an issuer's keys were last read; since the start, if they never were.",
            ),
            unreadable: of_issuer(
                "jeton_issuer_keys_unreadable",
                "1 if the last reading of an issuer's keys failed.",
            ),
            failures: registry.counters(
                "jeton_issuer_key_failures_total",
                "Readings of an issuer's keys that failed.",
                &["issuer"],
            ),
            reviews: ReviewMetrics::of(&registry),
            assertions,
            registry,
        }
    }

    /// The counter of an issuer's failed readings.
    pub(in crate::service) fn failures(&self, name: &IssuerName) -> Counter {
        self.failures.with_label_values(&[name.as_str()])
    }

    /// Shows the state of an issuer's keys from now on.
    pub(in crate::service) fn watch(&self, name: &IssuerName, keys: &Arc<IssuerKeys>) {
        let of_issuer = |gauges: &Gauges| gauges.with_label_values(&[name.as_str()]);
        let (count, unreadable) = (of_issuer(&self.keys), of_issuer(&self.unreadable));
        let age = of_issuer(&self.age);
        // There from the start on, so that a rate is right from the first one on.
        self.assertions.with_label_values(&[name.as_str(), ACCEPTED]);
        let keys = Arc::clone(keys);
        self.registry.before_reading(move || {
            let condition = keys.condition();
            count.set(i64::try_from(condition.keys).unwrap_or(i64::MAX));
            unreadable.set(i64::from(condition.fault.is_some()));
            age.set(i64::try_from(keys.age().as_secs()).unwrap_or(i64::MAX));
        });
    }

    pub(in crate::service) fn accepted(&self, issuer: &IssuerName) {
        self.assertions.with_label_values(&[issuer.as_str(), ACCEPTED]).inc();
    }

    pub(in crate::service) fn refused(&self, issuer: Option<&IssuerName>, cause: Cause) {
        let issuer = issuer.map_or(NOBODY, IssuerName::as_str);
        self.assertions.with_label_values(&[issuer, cause.name()]).inc();
    }

    /// Counts an assertion whose issuer's keys are out of reach.
    pub(in crate::service) fn undecided(&self) {
        self.assertions.with_label_values(&[NOBODY, "unavailable"]).inc();
    }
}

impl Default for AssertionMetrics {
    fn default() -> Self {
        Self::new()
    }
}
