//! Liveness of the runtime that answers calls, judged from outside of it.
//!
//! A task on that runtime counts beats; another runtime, on a thread of its own, checks that there
//! were some. It counts its own looks, not the time: a process that was stopped or a machine that
//! was asleep has missed neither.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::transport::Cores;

/// Looks in a row without a beat after which the runtime counts as stuck. A blocking call that was
/// put in the wrong place, or a machine under load, costs a few.
const LIMIT: u32 = 10;

/// The beats of one runtime. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub(super) struct Liveness(Arc<Beats>);

#[derive(Debug, Default)]
struct Beats {
    counted: AtomicU64,
    /// Looks in a row that found no new one.
    missed: AtomicU32,
}

impl Liveness {
    /// Returns whether the runtime has not run its tasks for a while.
    pub(super) fn is_stuck(&self) -> bool {
        self.0.missed.load(Ordering::Relaxed) >= LIMIT
    }

    /// Beats for as long as the runtime it is spawned on does, and each time only once the cores have
    /// run something too.
    pub(super) async fn beat(self, period: Duration, cores: Option<Cores>) {
        let mut ticks = every(period);
        loop {
            ticks.tick().await;
            if let Some(cores) = &cores {
                cores.respond().await;
            }
            self.0.counted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Looks for beats, on another runtime.
    pub(super) async fn look(self, period: Duration) {
        let mut ticks = every(period);
        let mut before = 0;
        loop {
            ticks.tick().await;
            let counted = self.0.counted.load(Ordering::Relaxed);
            let missed = &self.0.missed;
            if counted != before {
                missed.store(0, Ordering::Relaxed);
            } else if missed.fetch_add(1, Ordering::Relaxed) + 1 == LIMIT {
                tracing::error!("the runtime is stuck: it has run no task for {LIMIT} looks");
            }
            before = counted;
        }
    }
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests {
    use tokio::{spawn, task::yield_now, time::advance};

    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);

    async fn pass(periods: u32) {
        for _ in 0..periods {
            advance(PERIOD).await;
            yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_runtime_is_stuck_after_ten_looks_without_a_beat_and_no_more_after_one() {
        let liveness = Liveness::default();
        let beating = spawn(liveness.clone().beat(PERIOD, None));
        let looking = spawn(liveness.clone().look(PERIOD));
        pass(20).await;
        assert!(!liveness.is_stuck());
        beating.abort();
        pass(LIMIT - 1).await;
        assert!(!liveness.is_stuck());
        pass(2).await;
        assert!(liveness.is_stuck());
        pass(20).await;
        assert!(liveness.is_stuck());
        spawn(liveness.clone().beat(PERIOD, None));
        pass(2).await;
        assert!(!liveness.is_stuck());
        looking.abort();
    }
}
