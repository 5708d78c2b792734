//! The life of an agent: a validator, and the listeners that answer from what it knows.

mod assertion_watch;
mod certificates;
mod exchanges;
mod identity_metrics;
mod known;
mod listen;
mod not_given;
mod options;
mod own_tokens;
mod state;

use std::{convert::Infallible, sync::OnceLock, time::Duration};

use tokio::{sync::watch, task::JoinSet, time::sleep};

use self::{
    assertion_watch::follow_assertion,
    certificates::load_agents,
    known::Known,
    listen::listen,
    state::{State, now},
};
pub use self::{
    certificates::load_certificates,
    identity_metrics::{IdentityMetrics, OwnTokenOutcome},
    options::AgentOptions,
    own_tokens::Issuing,
};
use super::{
    build_info,
    hangup::Hangups,
    lifecycle::ServeError,
    listeners::ProcessState,
    service_manager::ServiceManager,
    signals::StopSignals,
    start::{start_cores, system},
    tls_watch::follow_certificates,
};
use crate::{
    client::{Validator, validator},
    config::{AgentSettings, Runtime},
    grpc::Health,
    metrics::Registry,
    ops::{Exposition, NotReady, Readiness},
    transport::{CertificateMetrics, Stage},
};

/// Files that an agent reads again at SIGHUP.
const READ_AGAIN: &str = "certificates and [log]";
/// Interval between two checks of the connection to the server.
const LOOK: Duration = Duration::from_millis(250);
/// Longest time in which calls under way may finish.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs the agent until a signal asks it to stop. It starts without a server, and says in readiness and health
/// whether it hears one.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve_agent(options: AgentOptions) -> Result<(), ServeError> {
    let AgentOptions { settings, client, server, client_id, own, .. } = options;
    let AgentOptions { assertion, identity, issuing, log, reread, .. } = options;
    let start_time = now();
    let refused = |what, error| ServeError::Agent(system(what, error));
    let mut signals = StopSignals::listen().map_err(|error| refused("signals", error))?;
    let mut hangups = Hangups::listen(READ_AGAIN).map_err(|error| refused("signals", error))?;
    let manager = ServiceManager::start().map_err(|error| refused("a thread", error))?;
    let health = Health::starting().await;
    let (readiness, exposition) = (Readiness::starting(), Exposition::new());
    let promises = promises(&settings);
    let validator = match settings.issuer.clone() {
        None => Validator::start(client, promises),
        Some(issuer) => Validator::start_judging(client, promises, issuer),
    };
    let (stage, staged) = watch::channel(Stage::Serving);
    let (registry, certificates) = (Registry::new(), CertificateMetrics::new());
    exposition.add([build_info::metrics(), readiness.metrics(), log, registry.clone()]);
    exposition.add([certificates.registry(), identity.registry()]);
    let tls = load_agents(settings.tls(), certificates).await.map_err(ServeError::Agent)?;
    let described = State {
        server,
        client_id,
        own,
        settings: settings.clone(),
        start_time,
        tls: tls.clone(),
        listeners: OnceLock::new(),
    };
    let known = Known::new(validator.clone(), described, issuing, &registry);
    let cores = start_cores(Runtime::PerCore).map_err(ServeError::Agent)?;
    let process = ProcessState {
        tls: tls.as_ref(),
        cores: cores.as_ref(),
        health: &health,
        readiness: &readiness,
        exposition: &exposition,
        stage: &staged,
    };
    let (listeners, mut serving) =
        listen(&settings, &known, &process).map_err(ServeError::Agent)?;
    let mut watches = JoinSet::new();
    if let Some(tls) = tls {
        watches.spawn(follow_certificates(tls, hangups.follower()));
    }
    if let Some(file) = assertion {
        watches.spawn(follow_assertion(file, identity));
    }
    if let Some(watchdog) = manager.watchdog(cores.clone()) {
        watches.spawn(watchdog);
    }
    listeners.log();
    known.state.listeners.get_or_init(|| listeners);
    manager.ready();
    let ended = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "stopping");
            Ok(())
        }
        failed = serving.failed() => Err(ServeError::Listener(failed)),
        never = follow(&validator, settings.max_staleness, &health, &readiness) => match never {},
        never = hangups.follow(reread, &manager) => match never {},
    };
    readiness.set(Err(NotReady::Draining));
    manager.stopping();
    health.not_serving(NotReady::Draining.text()).await;
    if ended.is_ok() {
        tokio::select! {
            () = serving.drain(DRAIN, &health, &stage) => {}
            signal = signals.next() => return Err(ServeError::Impatient(signal)),
        }
    }
    tracing::info!("stopped");
    ended
}

/// Returns the validator's promises by these settings.
fn promises(settings: &AgentSettings) -> validator::Options {
    validator::Options {
        max_staleness: settings.max_staleness,
        entries: usize::try_from(settings.remembered).unwrap_or(usize::MAX),
        ..validator::Options::default()
    }
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
