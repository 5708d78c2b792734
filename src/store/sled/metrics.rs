//! The engine's metrics: commits, syncs, cached records, grants, space.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::space::Space;
use crate::metrics::{Counter, Gauge, Histogram, Registry};

/// Buckets, in seconds: a fast disk's sync falls into the first few, that of a failing disk into
/// the last.
const SECONDS: [f64; 12] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0];
/// Buckets for the commands in a batch, up to the maximum.
const COMMANDS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// The engine's metrics. Their names and help texts are in the table of docs/monitoring.md.
pub(super) struct SledMetrics {
    pub(super) registry: Registry,
    /// Time from the end of a batch's decisions to its answers.
    pub(super) commit: Histogram,
    /// Number of commands in a batch.
    pub(super) batch: Histogram,
    /// Time of the batch's fdatasync alone.
    pub(super) fsync: Histogram,
    /// Approximate number of grants in the store.
    pub(super) grants: Gauge,
}

impl SledMetrics {
    pub(super) fn new() -> Self {
        let registry = Registry::new();
        Self {
            commit: registry.histogram(
                "jeton_store_commit_seconds",
                "How long batches of writes took to be written and synced.",
                &SECONDS,
            ),
            batch: registry.histogram(
                "jeton_store_batch_commands",
                "How many commands shared one sync.",
                &COMMANDS,
            ),
            fsync: registry.histogram(
                "jeton_store_fsync_seconds",
                "How long the disk took for one fdatasync.",
                &SECONDS,
            ),
            grants: registry.gauge(
                "jeton_store_grants",
                "About how many grants the store holds, those included that ended or expired and \
                 are not yet freed.",
            ),
            registry,
        }
    }
}

/// Number of separate hit counters. Cores that serve different records mostly use different
/// counters, and so different cache lines.
const STRIPES: usize = 16;

#[derive(Default)]
#[repr(align(64))]
struct Stripe(AtomicU64);

/// Numbers of cache hits and misses of a table.
#[derive(Default)]
pub(super) struct Lookups {
    hits: [Stripe; STRIPES],
    misses: AtomicU64,
}

impl Lookups {
    /// Counts a lookup of the record `key` that found it in memory.
    pub(super) fn hit(&self, key: &[u8]) {
        let stripe = usize::from(key.last().copied().unwrap_or_default()) % STRIPES;
        self.hits[stripe].0.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a lookup that read the tree.
    pub(super) fn miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    fn hits(&self) -> u64 {
        self.hits.iter().map(|stripe| stripe.0.load(Ordering::Relaxed)).sum()
    }
}

/// Registers the lookups of the tables of grants, clients and users.
pub(super) fn serve_lookups(registry: &Registry, tables: [Arc<Lookups>; 3]) {
    let label = &["records"];
    let hits = registry.counters(
        "jeton_cache_hits_total",
        "Records that were in memory when they were asked for, by type.",
        label,
    );
    let misses = registry.counters(
        "jeton_cache_misses_total",
        "Records that were looked for on disk, by type; those included that there are not.",
        label,
    );
    let names = ["grants", "clients", "users"];
    let served = names.map(|name| [&hits, &misses].map(|vec| vec.with_label_values(&[name])));
    let tables: Vec<_> = tables.into_iter().zip(served).collect();
    registry.before_reading(move || {
        for (lookups, [hits, misses]) in &tables {
            catch_up(hits, lookups.hits());
            catch_up(misses, lookups.misses.load(Ordering::Relaxed));
        }
    });
}

/// Registers gauges of the file system's free space and the store's size, read at each scrape.
pub(super) fn serve_space(registry: &Registry, space: &Arc<Space>) {
    let min_free = registry.gauge(
        "jeton_store_min_free_bytes",
        "Free bytes below which nothing is issued or refreshed: store.min_free_space.",
    );
    min_free.set(whole(space.min_free()));
    let free = registry
        .gauge("jeton_store_free_bytes", "Free bytes of the file system that the store lies on.");
    let taken = registry.gauge("jeton_store_disk_bytes", "Bytes that the store takes on disk.");
    let space = Arc::clone(space);
    registry.before_reading(move || {
        let (free_bytes, disk_bytes) = space.bytes();
        free.set(whole(free_bytes));
        taken.set(whole(disk_bytes));
    });
}

fn whole(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn catch_up(counter: &Counter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}
