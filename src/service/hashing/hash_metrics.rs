//! Counters of the hash threads.

use std::sync::Arc;

use crate::{
    metrics::{Counter, Histogram, Registry},
    service::fair_queue::FairQueue,
};

/// Seconds that one secret takes: a millisecond at the least cost, much more at a high one.
const SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// Counters of the pool.
pub(in crate::service) struct HashMetrics {
    pub(in crate::service) registry: Registry,
    pub(in crate::service) refused: Counter,
    pub(in crate::service) seconds: Histogram,
}

impl HashMetrics {
    pub(in crate::service) fn new(seats: Arc<FairQueue>) -> Self {
        let registry = Registry::new();
        let depth =
            registry.gauge("jeton_hash_queue_depth", "Requests that wait for a thread to hash on.");
        registry.before_reading(move || {
            depth.set(i64::try_from(seats.waiting()).unwrap_or(i64::MAX));
        });
        let refused = registry.counter(
            "jeton_hashes_refused_total",
            "Requests that waited in vain for a thread to hash on, and were told OVERLOADED.",
        );
        let seconds = registry.histogram(
            "jeton_hash_seconds",
            "How long argon2 took for one secret.",
            &SECONDS,
        );
        Self { registry, refused, seconds }
    }
}
