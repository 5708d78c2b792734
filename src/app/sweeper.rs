//! Sweeps while the process serves: small steps, never on the path of a request.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::{
    service::{SWEEP_STEP, Service},
    store::Store,
};

/// How often expired grants are looked for.
const PERIOD: Duration = Duration::from_secs(1);
/// The pause between two full steps: what a mass expiry leaves to everybody else.
const BREATH: Duration = Duration::from_millis(20);

/// Sweeps until it is dropped. What fails is tried again.
pub(super) async fn sweep<S: Store>(service: Arc<Service<S>>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        loop {
            match service.sweep().await {
                Ok(met) if met < SWEEP_STEP => break,
                Ok(_) => sleep(BREATH).await,
                Err(error) => {
                    tracing::warn!(%error, "sweeping failed");
                    break;
                }
            }
        }
    }
}
