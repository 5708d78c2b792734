//! Number, positions and ends of the watches.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicU64, Ordering},
};

use super::{
    super::{
        holder::Holder,
        shares::{Share, Shares},
    },
    feed::Feed,
};
use crate::{
    domain::error::Error,
    metrics::{Counter, Counters, Gauge, Outcome, Registry},
    store::Sequence,
};

/// Watches at once. Each takes some 43 KiB with a connection of its own, measured with a thousand
/// by `examples/watch_latency`: in all, less than the store's cache takes by default.
pub(super) const MOST_WATCHES: usize = 4_096;

/// The present watches. Names and help texts are the table of docs/monitoring.md.
pub(super) struct WatcherPositions {
    shares: Arc<Shares>,
    positions: Arc<Mutex<Vec<Weak<AtomicU64>>>>,
    watchers: Gauge,
    ended: Counters,
    pub(super) sent: Counter,
}

/// A watch's place, given back when it is dropped.
pub(super) struct WatcherSlot {
    position: Arc<AtomicU64>,
    outcome: Outcome,
    watchers: Gauge,
    ended: Counters,
    _share: Share,
}

impl WatcherPositions {
    pub(super) fn new(registry: &Registry, feed: Arc<Feed>) -> Self {
        let positions = Arc::<Mutex<Vec<Weak<AtomicU64>>>>::default();
        let lag = registry.gauge(
            "jeton_watch_lag_events",
            "How many events the watch that is furthest behind has not been given yet.",
        );
        let held = Arc::clone(&positions);
        registry.before_reading(move || {
            let end = feed.end().0;
            let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
            held.retain(|position| position.strong_count() > 0);
            let positions = held.iter().filter_map(Weak::upgrade);
            let behind = positions.map(|at| end.saturating_sub(at.load(Ordering::Relaxed)));
            lag.set(i64::try_from(behind.max().unwrap_or(0)).unwrap_or(i64::MAX));
        });
        let ended = registry.counters(
            "jeton_watches_ended_total",
            "Watches of revocations that ended, by outcome.",
            &["outcome"],
        );
        // Served as a zero from the start.
        ended.with_label_values(&[Outcome::Cancelled.text()]);
        Self {
            shares: Arc::new(Shares::new(MOST_WATCHES)),
            positions,
            watchers: registry.gauge("jeton_watchers", "Watches of revocations under way."),
            ended,
            sent: registry
                .counter("jeton_watch_events_total", "Revocations that watches were given."),
        }
    }

    /// A place for a watch of `holder`, which begins at `start`.
    ///
    /// # Errors
    /// `Overloaded` when there are [`MOST_WATCHES`], or the holder has as many as are free.
    pub(super) fn take(&self, holder: Holder, start: Sequence) -> Result<WatcherSlot, Error> {
        let share = self.shares.take(holder).ok_or(Error::TOO_MANY_WATCHES)?;
        let position = Arc::new(AtomicU64::new(start.0));
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        if positions.len() >= MOST_WATCHES {
            positions.retain(|position| position.strong_count() > 0);
        }
        positions.push(Arc::downgrade(&position));
        self.watchers.inc();
        Ok(WatcherSlot {
            position,
            outcome: Outcome::Cancelled,
            watchers: self.watchers.clone(),
            ended: self.ended.clone(),
            _share: share,
        })
    }
}

impl WatcherSlot {
    pub(super) fn advance_to(&self, position: Sequence) {
        self.position.store(position.0, Ordering::Relaxed);
    }

    /// The server ends the watch. Without this it was the caller who went away.
    pub(super) fn end(&mut self, error: &Error) {
        self.outcome = Outcome::of_error(error);
    }
}

impl Drop for WatcherSlot {
    fn drop(&mut self) {
        self.watchers.dec();
        self.ended.with_label_values(&[self.outcome.text()]).inc();
    }
}
