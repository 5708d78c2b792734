//! Metrics of questions to issuers about their tokens.

use crate::{
    domain::issuer_name::IssuerName,
    metrics::{Counter, Counters, Gauge, Gauges, Registry},
};

/// The handles. Names and help texts are the table of docs/monitoring.md.
pub(in crate::service) struct ReviewMetrics {
    reviews: Counters,
    failing: Gauges,
}

/// The handles for one issuer.
pub(in crate::service) struct IssuerReviews {
    confirmed: Counter,
    denied: Counter,
    failed: Counter,
    failing: Gauge,
}

impl ReviewMetrics {
    pub(in crate::service) fn of(registry: &Registry) -> Self {
        Self {
            reviews: registry.counters(
                "jeton_token_reviews_total",
                "Questions to an issuer about its tokens, by issuer and outcome.",
                &["issuer", "outcome"],
            ),
            failing: registry.gauges(
                "jeton_token_reviews_failing",
                "1 if the last question to an issuer about a token was not answered.",
                &["issuer"],
            ),
        }
    }

    /// The handles for an issuer, whose series are there from now on.
    pub(in crate::service) fn of_issuer(&self, name: &IssuerName) -> IssuerReviews {
        let counter = |outcome| self.reviews.with_label_values(&[name.as_str(), outcome]);
        IssuerReviews {
            confirmed: counter("confirmed"),
            denied: counter("denied"),
            failed: counter("failed"),
            failing: self.failing.with_label_values(&[name.as_str()]),
        }
    }
}

impl IssuerReviews {
    pub(in crate::service) fn confirmed(&self) {
        self.confirmed.inc();
        self.failing.set(0);
    }

    pub(in crate::service) fn denied(&self) {
        self.denied.inc();
        self.failing.set(0);
    }

    pub(in crate::service) fn failed(&self) {
        self.failed.inc();
        self.failing.set(1);
    }
}
