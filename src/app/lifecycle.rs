//! The life of the serving process: bind, open, serve, drain, commit, leave.

use std::{convert::Infallible, future, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::{
    sync::watch,
    task::{JoinSet, spawn_blocking},
    time::timeout,
};

use super::{
    Announce, KeyFiles,
    admin_reset::follow_resets,
    background::Background,
    build_info,
    commits::{can_commit, has_changed},
    first_admin::look_for_administrator,
    hangup::{Hangups, OnHangup},
    issuer_watch::follow_issuer,
    key_watch::follow_keys,
    listen::{ServerState, issuer},
    listeners::{Listeners, ProcessState, Serving},
    named_keys::NamedKeys,
    open::{Opened, open},
    start::{Asked, Nothing, Outside, Refusal, StartError, Steps, take},
    tls_watch::follow_certificates,
};
use crate::{
    config::Settings,
    grpc::Health,
    metrics::Registry,
    ops::{Exposition, NotReady, Readiness},
    service::{Ready, Service},
    store::{Engine, EngineReadiness, sled::Failure},
    telemetry::Log,
    transport::{CertificateMetrics, Cores, Stage, Tls},
};

/// Longest time for the last commit. A disk that needs longer for one sync is not going to finish.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Grace period after a fatal error, in which calls in flight and followers of the health receive
/// the status.
const FAREWELL: Duration = Duration::from_secs(1);

/// Longest time in which requests whose callers are gone may end, so that their writes are in the
/// audit.
const UNATTENDED: Duration = Duration::from_secs(5);

/// Functions that [`serve`] needs of its caller besides the settings. Each function is called on a
/// thread where it may wait for a reader or for the disk.
pub struct Hooks {
    /// Metrics of the log, which [`start_log`] has started.
    pub log: Registry,
    /// Creates the first administrator if there is none, and shows it.
    pub init_admin: Option<Announce>,
    /// Receives the addresses of the listeners, once the process serves.
    pub started: Box<dyn FnOnce(Listeners) + Send>,
    /// Reads the settings again, at each SIGHUP while the process serves.
    pub reread: OnHangup,
}

/// Reason for which the process ended without a signal, or not in order.
#[derive(Debug, Error)]
pub enum ServeError {
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// An agent could not start: it has no settings that a check would look at.
    #[error(transparent)]
    Agent(Refusal),
    /// The store stopped acknowledging for good.
    #[error(transparent)]
    Store(#[from] Failure),
    /// A listener failed as a whole.
    #[error("the {0} listener failed")]
    Listener(&'static str),
    /// It was asked to stop a second time.
    #[error("{0} came again: nothing more was waited for")]
    Impatient(&'static str),
    /// The last commit did not finish in time.
    #[error("the store did not finish its last commit")]
    CloseTimeout,
}

/// Takes the first step of a start, which all the others may log to.
///
/// # Errors
/// When there is no log to be had.
pub async fn start_log(settings: &Settings) -> Result<Log, ServeError> {
    Ok(take(Steps::of(settings).log, Nothing).await?)
}

/// Runs the service until a signal asks it to stop.
///
/// A second signal ends the process at once: what was acknowledged is on the disk already. Nothing that
/// waits for a disk or a reader runs here, so that signals are heeded all the time.
///
/// Order: the ops listener is the first to be bound and the last to go, and says all the time how
/// ready the process is; health says "not serving" before anything is bound and again before anything stops;
/// calls in flight are answered or cut off within the drain timeout; then the commit queue is
/// emptied and synced. Every acknowledged write is on the disk when this returns, also with an
/// error.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(settings: &Settings, hooks: Hooks) -> Result<(), ServeError> {
    let steps = Steps::of(settings);
    let Outside { mut signals, mut hangups, manager } = take(steps.process, Nothing).await?;
    let health = Health::starting().await;
    let ready = Ready::not_yet();
    let (stage, staged) = watch::channel(Stage::Serving);
    let (readiness, exposition) = (Readiness::starting(), Exposition::new());
    let certificates = CertificateMetrics::new();
    exposition.add([build_info::metrics(), readiness.metrics(), hooks.log]);
    exposition.add([certificates.registry()]);
    let starting = async {
        let tls = take(steps.certificate, certificates).await?;
        let cores = take(steps.cores, Nothing).await?;
        let process = ProcessState {
            tls: tls.as_ref(),
            cores: cores.as_ref(),
            health: &health,
            readiness: &readiness,
            exposition: &exposition,
            stage: &staged,
        };
        let server = ServerState { process, ready: &ready };
        let (listeners, serving) = take(steps.ports, &server).await?;
        let issuer = issuer(settings, tls.is_some(), listeners.http.as_ref());
        let Opened { store, service } = open(steps.opening, settings, &issuer).await?;
        exposition.add([store.metrics()]);
        exposition.add(service.metrics());
        let (now, announce) = (service.now(), hooks.init_admin);
        take(steps.administrator, Asked { store: &store, now, announce }).await?;
        Ok::<_, StartError>(Up { tls, cores, listeners, serving, store, service })
    };
    let Up { tls, cores, listeners, mut serving, store, service } = tokio::select! {
        up = starting => up?,
        signal = signals.next() => {
            tracing::info!(signal, "stopped while starting");
            return Ok(());
        }
    };
    ready.set(Arc::clone(&service));
    let background = Background::start(&store, &service);
    let mut watches = watches(settings, &service, tls, &readiness, &mut hangups);
    watches.spawn(look_for_administrator(store.clone(), service.now()));
    let mut commits = store.readiness();
    say(can_commit(&mut commits), &health, &readiness).await;
    listeners.log();
    manager.ready();
    if let Some(watchdog) = manager.watchdog(cores.clone()) {
        watches.spawn(watchdog);
    }
    drop(spawn_blocking(move || (hooks.started)(listeners)));

    let ended = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "stopping");
            Ok(())
        }
        failed = store.stopped() => failed.map_err(ServeError::Store),
        failed = serving.failed() => Err(ServeError::Listener(failed)),
        never = follow(commits, &health, &readiness) => match never {},
        never = hangups.follow(hooks.reread, &manager) => match never {},
    };
    let stopped = matches!(ended, Err(ServeError::Store(_)));
    let why = if stopped { NotReady::CannotCommit } else { NotReady::Draining };
    readiness.set(Err(why));
    manager.stopping();
    health.not_serving(why.text()).await;
    watches.abort_all();
    let leaving = async {
        let patience = if ended.is_ok() {
            // Load balancers do not report when they have seen it: the operator sets the time that
            // this takes.
            tokio::time::sleep(settings.serve.drain_delay).await;
            settings.serve.drain_timeout
        } else {
            FAREWELL
        };
        // Before anything waits for them: they have no end of their own.
        service.revocations.end_watches();
        if !matches!(ended, Err(ServeError::Listener(_))) {
            // Nothing may ask the store for anything while it is closed.
            serving.drain(patience, &health, &stage).await;
        }
        background.stop(&service).await;
        if timeout(UNATTENDED, ready.unattended_ended()).await.is_err() {
            tracing::warn!("some requests without a caller did not end in time");
        }
        close(&store).await
    };
    tokio::select! {
        left = leaving => left?,
        signal = signals.next() => {
            tracing::warn!(signal, "stopping at once");
            return Err(ServeError::Impatient(signal));
        }
    }
    tracing::info!("stopped");
    ended
}

/// The tasks that follow what changes on the disk: keys, certificates, and requests to let an administrator in.
fn watches(
    settings: &Settings,
    service: &Arc<Service<Engine>>,
    tls: Option<Tls>,
    readiness: &Readiness,
    hangups: &mut Hangups,
) -> JoinSet<()> {
    let keys = KeyFiles::new(&settings.keys.path);
    let mut watches = JoinSet::new();
    let data = settings.store.url.is_none().then(|| settings.store.path.clone());
    let (named, used) = (NamedKeys::in_directory(data), Arc::clone(service));
    watches.spawn(follow_keys(keys, named, used, readiness.clone(), hangups.follower()));
    if let Some(tls) = tls {
        watches.spawn(follow_certificates(tls, hangups.follower()));
    }
    for issuer in &settings.issuers {
        if let Some(keys) = service.issuers().keys(&issuer.rules.name) {
            let (issuer, keys) = (issuer.clone(), Arc::clone(keys));
            watches.spawn(follow_issuer(issuer, keys, hangups.follower()));
        }
    }
    if settings.store.url.is_none() {
        watches.spawn(follow_resets(settings.store.path.clone(), Arc::clone(service)));
    }
    watches
}

/// Result of a start.
struct Up {
    tls: Option<Tls>,
    /// Held until the store is closed: what they began may outlive their connections.
    cores: Option<Cores>,
    listeners: Listeners,
    serving: Serving,
    store: Engine,
    service: Arc<Service<Engine>>,
}

/// Health and readiness go as the store's readiness goes.
async fn follow(
    mut commits: EngineReadiness,
    health: &Health,
    readiness: &Readiness,
) -> Infallible {
    while has_changed(&mut commits).await {
        say(can_commit(&mut commits), health, readiness).await;
    }
    // The store is gone, and says elsewhere why.
    future::pending().await
}

async fn say(commits: Result<(), NotReady>, health: &Health, readiness: &Readiness) {
    readiness.set(commits);
    match commits {
        Ok(()) => health.serving().await,
        Err(why) => health.not_serving(why.text()).await,
    }
}

async fn close(store: &Engine) -> Result<(), ServeError> {
    let closed = timeout(CLOSE_TIMEOUT, store.close()).await;
    Ok(closed.map_err(|_| ServeError::CloseTimeout)??)
}
