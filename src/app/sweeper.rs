//! Sweeps while the process serves: small steps, never on the path of a request.

use std::{sync::Arc, time::Duration};

use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use crate::{
    domain::error::Error,
    service::{SWEEP_STEP, Service},
    store::Store,
};

/// Interval between two searches for expired grants.
const PERIOD: Duration = Duration::from_secs(1);
/// Pause between two full steps, in which other work can run during a mass expiry.
const BREATH: Duration = Duration::from_millis(5);
/// Grants freed in one step while that is enough. A task that needs the core of the committer waits
/// until the step is done, so it is short.
const SHORT_STEP: usize = 32;
/// Interval between two counts of the backlog while there is one.
const COUNT_PERIOD: Duration = Duration::from_secs(10);

/// Sweeps until it is dropped. Tries again after a failure.
pub(super) async fn sweep<S: Store>(service: Arc<Service<S>>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut counts = interval(COUNT_PERIOD);
    counts.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pace = Pace::new(service.upkeep.grants_held());
    loop {
        ticks.tick().await;
        if let Err(error) = catch_up(&service, &mut pace, &mut counts).await {
            tracing::warn!(%error, "sweeping failed");
        }
        sweep_attempts(&service).await;
        sweep_assertions(&service).await;
    }
}

/// Runs a step a tick, and more at once while a good part of the records is freed: their number is
/// bounded by the number of logins that fail while failures are remembered.
async fn sweep_attempts<S: Store>(service: &Service<S>) {
    while goes_on("failed logins", service.upkeep.sweep_attempts().await) {
        sleep(BREATH).await;
    }
}

/// The same for used assertions, whose number is bounded by those that are shown within some more than
/// an hour.
async fn sweep_assertions<S: Store>(service: &Service<S>) {
    while goes_on("used assertions", service.upkeep.sweep_assertions().await) {
        sleep(BREATH).await;
    }
}

fn goes_on(what: &str, freed: Result<usize, Error>) -> bool {
    match freed {
        Ok(freed) => freed >= SWEEP_STEP / 4,
        Err(error) => {
            tracing::warn!(%error, "sweeping {what} failed");
            false
        }
    }
}

async fn catch_up<S: Store>(
    service: &Service<S>,
    pace: &mut Pace,
    counts: &mut Interval,
) -> Result<(), Error> {
    while service.upkeep.sweep(pace.step).await? == pace.step {
        pace.adapt(service.upkeep.grants_held());
        tokio::select! {
            _ = counts.tick() => service.upkeep.count_backlog().await?,
            () = sleep(pace.pause()) => {}
        }
    }
    Ok(())
}

/// Number of grants freed in a step: few, unless more are issued meanwhile. Then the step doubles
/// until the store shrinks, for otherwise it would grow without end.
#[derive(Debug, PartialEq, Eq)]
struct Pace {
    step: usize,
    held: u64,
}

impl Pace {
    const fn new(held: u64) -> Self {
        Self { step: SHORT_STEP, held }
    }

    /// Takes note of how many grants are `held` after a full step.
    fn adapt(&mut self, held: u64) {
        let shrinks = held < self.held;
        self.step = if shrinks { self.step / 2 } else { self.step * 2 };
        self.step = self.step.clamp(SHORT_STEP, SWEEP_STEP);
        self.held = held;
    }

    /// The largest step is taken when it is barely enough: no time is left then.
    const fn pause(&self) -> Duration {
        if self.step == SWEEP_STEP { Duration::ZERO } else { BREATH }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_the_store_shrinks_the_steps_are_short() {
        let mut pace = Pace::new(1_000_000);
        for freed in 1..100 {
            pace.adapt(1_000_000 - freed * SHORT_STEP as u64);
            assert_eq!((pace.step, pace.pause()), (SHORT_STEP, BREATH));
        }
    }

    #[test]
    fn a_store_that_grows_has_them_double_until_it_shrinks() {
        let mut pace = Pace::new(1_000);
        let mut steps = Vec::new();
        for held in [1_100, 1_200, 1_300, 1_300, 1_299, 1_298, 1_297, 1_296] {
            pace.adapt(held);
            steps.push(pace.step);
        }
        assert_eq!(steps, [64, 128, 256, 256, 128, 64, 32, 32]);
    }

    #[test]
    fn the_largest_steps_follow_at_once() {
        assert_eq!(Pace { step: SWEEP_STEP, held: 0 }.pause(), Duration::ZERO);
    }
}
