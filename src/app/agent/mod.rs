//! The life of an agent: a validator, and the listeners that answer from what it knows.

mod assertion_watch;
mod certificates;
mod identity_metrics;
mod known;
mod listen;
mod options;
mod own_tokens;

use std::{convert::Infallible, pin::pin, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use self::{
    assertion_watch::follow_assertion,
    certificates::load_agents,
    known::Known,
    listen::{AgentProcess, Serving, listen},
};
pub use self::{
    certificates::load_certificates,
    identity_metrics::{IdentityMetrics, OwnTokenOutcome},
    options::AgentOptions,
    own_tokens::Issuing,
};
use super::{
    build_info,
    lifecycle::ServeError,
    service_manager::ServiceManager,
    signals::StopSignals,
    start::{start_cores, system},
    tls_watch::follow_certificates,
};
use crate::{
    client::Validator,
    config::Runtime,
    grpc::Health,
    metrics::Registry,
    ops::{Exposition, NotReady, Readiness},
    transport::{CertificateMetrics, Stage},
};

/// Interval between two checks of the connection to the server.
const LOOK: Duration = Duration::from_millis(250);
/// Longest time in which calls under way may finish.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs the agent until a signal asks it to stop. It starts without a server, and says in readiness and health
/// whether it hears one.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve_agent(mut options: AgentOptions) -> Result<(), ServeError> {
    let refused = |what, error| ServeError::Agent(system(what, error));
    let mut signals = StopSignals::listen().map_err(|error| refused("signals", error))?;
    let manager = ServiceManager::start().map_err(|error| refused("a thread", error))?;
    let health = Health::starting().await;
    let (readiness, exposition) = (Readiness::starting(), Exposition::new());
    let validator = Validator::start(options.client.clone(), options.validator.clone());
    let own = Registry::new();
    let known =
        Known::new(validator.clone(), options.client_id.clone(), options.issuing.take(), &own);
    exposition.add([build_info::metrics(), readiness.metrics(), options.log.clone(), own]);
    let (stage, staged) = watch::channel(Stage::Serving);
    let certificates = CertificateMetrics::new();
    exposition.add([certificates.registry(), options.identity.registry()]);
    let tls = load_agents(options.tls.clone(), certificates).await.map_err(ServeError::Agent)?;
    let cores = start_cores(Runtime::PerCore).map_err(ServeError::Agent)?;
    let process = AgentProcess {
        tls: tls.as_ref(),
        cores: cores.as_ref(),
        health: &health,
        readiness: &readiness,
        exposition: &exposition,
        stage: &staged,
    };
    let (listeners, mut serving) = listen(&options, known, &process).map_err(ServeError::Agent)?;
    let mut watches = JoinSet::new();
    if let Some(tls) = tls {
        // Nothing else asks for them to be read.
        let (_, nobody) = mpsc::channel(1);
        watches.spawn(follow_certificates(tls, nobody));
    }
    if let Some(file) = options.assertion.clone() {
        watches.spawn(follow_assertion(file, options.identity.clone()));
    }
    if let Some(watchdog) = manager.watchdog(cores.clone()) {
        watches.spawn(watchdog);
    }
    listeners.log();
    manager.ready();
    let ended = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "stopping");
            Ok(())
        }
        failed = serving.failed() => Err(ServeError::Listener(failed)),
        never = follow(&validator, options.validator.max_staleness, &health, &readiness) => match never {},
    };
    readiness.set(Err(NotReady::Draining));
    manager.stopping();
    health.not_serving(NotReady::Draining.text()).await;
    if ended.is_ok() {
        tokio::select! {
            () = drain(&health, &stage, serving) => {}
            signal = signals.next() => return Err(ServeError::Impatient(signal)),
        }
    }
    tracing::info!("stopped");
    ended
}

/// Health and readiness go as what is remembered can be proven.
async fn follow(
    validator: &Validator,
    most: Duration,
    health: &Health,
    readiness: &Readiness,
) -> Infallible {
    readiness.set(Err(NotReady::Unheard));
    health.not_serving(NotReady::Unheard.text()).await;
    loop {
        while !is_proven(validator, most) {
            sleep(LOOK).await;
        }
        tracing::info!("the server is heard");
        readiness.set(Ok(()));
        health.serving().await;
        while is_proven(validator, most) {
            sleep(LOOK).await;
        }
        tracing::warn!("the server is not heard: what is remembered cannot be proven");
        readiness.set(Err(NotReady::Unheard));
        health.not_serving(NotReady::Unheard.text()).await;
    }
}

fn is_proven(validator: &Validator, most: Duration) -> bool {
    validator.staleness().is_some_and(|staleness| staleness <= most)
}

async fn drain(health: &Health, stage: &watch::Sender<Stage>, serving: Serving) {
    stage.send_replace(Stage::Draining);
    health.end_watches().await;
    let mut ended = pin!(serving.ended());
    if timeout(DRAIN, ended.as_mut()).await.is_err() {
        tracing::warn!("calls were cut off: they outlived the drain timeout");
        stage.send_replace(Stage::Cut);
        ended.await;
    }
}
