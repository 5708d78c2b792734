//! Sweeps while the process serves: small steps, never on the path of a request.

use std::{sync::Arc, time::Duration};

use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use crate::{
    domain::error::Error,
    service::{SWEEP_STEP, Service},
    store::Store,
};

/// How often expired grants are looked for.
const PERIOD: Duration = Duration::from_secs(1);
/// The pause between two full steps: what a mass expiry leaves to everybody else.
const BREATH: Duration = Duration::from_millis(20);
/// How often the backlog is counted while there is one.
const COUNT_PERIOD: Duration = Duration::from_secs(10);

/// Sweeps until it is dropped. What fails is tried again.
pub(super) async fn sweep<S: Store>(service: Arc<Service<S>>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut counts = interval(COUNT_PERIOD);
    counts.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = catch_up(&service, &mut counts).await {
            tracing::warn!(%error, "sweeping failed");
        }
        sweep_attempts(&service).await;
    }
}

/// A step a tick, and on at once while a good part of what is met is freed: how many records there
/// are is bounded by how many logins fail while they are remembered.
async fn sweep_attempts<S: Store>(service: &Service<S>) {
    loop {
        match service.sweep_attempts().await {
            Ok(freed) if freed < SWEEP_STEP / 4 => return,
            Ok(_) => sleep(BREATH).await,
            Err(error) => {
                tracing::warn!(%error, "sweeping failed logins failed");
                return;
            }
        }
    }
}

async fn catch_up<S: Store>(service: &Service<S>, counts: &mut Interval) -> Result<(), Error> {
    while service.sweep().await? == SWEEP_STEP {
        tokio::select! {
            _ = counts.tick() => service.count_backlog().await?,
            () = sleep(BREATH) => {}
        }
    }
    Ok(())
}
