//! The engine's metrics: number of grants, duration of barriers.

use std::sync::Arc;

use super::{clock::DatabaseClock, instance::Instance};
use crate::metrics::{Histogram, Registry};

/// Buckets, in seconds: a commit confirmed by standbys in the same room falls into the first few,
/// one that hangs into the last.
const SECONDS: [f64; 11] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 3.0];

/// The engine's metrics. Their names and help texts are in the table of docs/postgresql.md.
#[derive(Clone)]
pub(super) struct PostgresMetrics {
    pub(super) registry: Registry,
    /// Time from the beginning of a barrier until it is passed.
    pub(super) barrier: Histogram,
}

impl PostgresMetrics {
    pub(super) fn new(instance: &Arc<Instance>, clock: &Arc<DatabaseClock>) -> Self {
        let registry = Registry::new();
        let grants = registry.gauge(
            "jeton_store_grants",
            "About how many grants the store holds, those included that ended or expired and are not \
             yet freed.",
        );
        let instance = Arc::clone(instance);
        registry.before_reading(move || {
            grants.set(i64::try_from(instance.grants()).unwrap_or(i64::MAX));
        });
        let skew = registry.seconds(
            "jeton_clock_skew_seconds",
            "By how much this instance's clock is ahead of the database's, which all judge by.",
        );
        let clock = Arc::clone(clock);
        registry.before_reading(move || skew.set(seconds(clock.skew())));
        let barrier = registry.histogram(
            "jeton_store_barrier_seconds",
            "How long barriers took: synchronous commits that prove what was read before.",
            &SECONDS,
        );
        Self { registry, barrier }
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of centuries fit")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}
