//! Workers that ask for changes all the time, and go to another instance if one does not answer.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use fastrand::Rng;
use tokio::{
    task::JoinSet,
    time::{Duration, MissedTickBehavior, interval},
};

use crate::{contest::Fleet, facts::Facts, pauses::Pauses};

/// Workers, each with grants of its own.
const WORKERS: usize = 12;

/// The running workers.
pub(crate) struct Load {
    workers: JoinSet<Facts>,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// Starts the workers, with what the last ones knew.
    pub(crate) fn start(
        known: Vec<Facts>,
        fleet: &Arc<Fleet>,
        pauses: &Arc<Pauses>,
        dice: &mut Rng,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut workers = JoinSet::new();
        let mut known = known.into_iter();
        for _ in 0..WORKERS {
            let (facts, fleet, pauses) =
                (known.next().unwrap_or_default(), Arc::clone(fleet), Arc::clone(pauses));
            workers.spawn(work(facts, fleet, pauses, dice.fork(), Arc::clone(&stop)));
        }
        Self { workers, stop }
    }

    /// Stops the workers after their calls under way, and returns what they know.
    pub(crate) async fn stop(self) -> Vec<Facts> {
        self.stop.store(true, Ordering::Relaxed);
        self.workers.join_all().await
    }
}

/// Returns the shortest time between two calls of a worker: `JETON_TEST_PACE_MILLIS`, or hardly any.
fn pace() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "what a person asks of a test run")]
    let asked = std::env::var("JETON_TEST_PACE_MILLIS");
    let asked = asked.map(|pace| Duration::from_millis(pace.parse().expect("a number")));
    asked.unwrap_or(Duration::from_micros(1))
}

async fn work(
    mut facts: Facts,
    fleet: Arc<Fleet>,
    pauses: Arc<Pauses>,
    mut dice: Rng,
    stop: Arc<AtomicBool>,
) -> Facts {
    let mut at = dice.usize(..fleet.len());
    let mut pace = interval(pace());
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.load(Ordering::Relaxed) {
        pace.tick().await;
        // Looks go anywhere, so that the one that is cut off is asked, too.
        let caller = fleet.caller(at);
        if !facts.go_on(&caller, &pauses, &mut dice).await || dice.u8(..20) == 0 {
            at = (at + 1) % fleet.len();
        }
    }
    facts
}
