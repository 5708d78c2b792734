//! The life of the serving process: bind, open, serve, drain, commit, leave.

use std::{convert::Infallible, future, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::{sync::watch, time::timeout};

use super::{
    listen::{Listeners, Serving, listen, system},
    open::{Opened, StartError, open},
    signals::StopSignals,
    sweeper::sweep,
};
use crate::{
    config::Settings,
    grpc::Health,
    service::Ready,
    store::sled::{Failure, Readiness, SledStore},
};

/// How long the last commit may take. A disk that needs longer for one sync is not going to finish.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// What [`serve`] tells once the process is serving.
pub type Started<'a> = &'a mut dyn FnMut(Listeners);

/// Why the process ended otherwise than by being asked to.
#[derive(Debug, Error)]
pub enum ServeError {
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The store stopped acknowledging for good.
    #[error(transparent)]
    Store(#[from] Failure),
    /// A listener failed as a whole.
    #[error("the {0} listener failed")]
    Listener(&'static str),
    /// The last commit did not finish in time.
    #[error("the store did not finish its last commit")]
    CloseTimeout,
}

/// Runs the service until a signal asks it to stop. Calls `started` once it is serving.
///
/// Order: health says "not serving" before anything is bound and again before anything stops;
/// calls in flight are answered or cut off within the drain timeout; then the commit queue is
/// emptied and synced. What was acknowledged is on the disk when this returns, whatever it returns.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(settings: &Settings, started: Started<'_>) -> Result<(), ServeError> {
    let mut signals = StopSignals::listen().map_err(|error| system("signals", error))?;
    let health = Health::starting().await;
    let ready = Ready::not_yet();
    let (stop, stopping) = watch::channel(false);
    let (listeners, mut serving) = listen(settings, &ready, &health, &stopping)?;

    let opened = tokio::select! {
        opened = open(settings) => opened?,
        signal = signals.next() => {
            tracing::info!(signal, "stopped while starting");
            return Ok(());
        }
    };
    let Opened { store, service } = opened;
    ready.set(Arc::clone(&service));
    let sweeper = tokio::spawn(sweep(service));
    let mut readiness = store.readiness();
    say(*readiness.borrow_and_update(), &health).await;
    tracing::info!(grpc = %listeners.grpc, http = %listeners.http, "serving");
    started(listeners);

    let ended = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "stopping");
            Ok(())
        }
        failed = store.stopped() => failed.map_err(ServeError::Store),
        failed = serving.failed() => Err(ServeError::Listener(failed)),
        never = follow(readiness, &health) => match never {},
    };
    health.not_serving().await;
    sweeper.abort();
    if ended.is_ok() {
        drain(settings, &health, &stop, serving).await;
    }
    close(&store).await?;
    tracing::info!("stopped");
    ended
}

/// Health goes as the store's readiness goes.
async fn follow(mut readiness: watch::Receiver<Readiness>, health: &Health) -> Infallible {
    while readiness.changed().await.is_ok() {
        let now = *readiness.borrow_and_update();
        say(now, health).await;
    }
    // The store is gone, and says elsewhere why.
    future::pending().await
}

async fn say(readiness: Readiness, health: &Health) {
    match readiness {
        Readiness::Ready => health.serving().await,
        Readiness::Low | Readiness::Full => health.not_serving().await,
    }
}

/// Lets calls in flight finish, for as long as the drain timeout allows.
async fn drain(settings: &Settings, health: &Health, stop: &watch::Sender<bool>, serving: Serving) {
    tokio::time::sleep(settings.serve.drain_delay).await;
    stop.send_replace(true);
    health.end_watches().await;
    if timeout(settings.serve.drain_timeout, serving.ended()).await.is_err() {
        tracing::warn!("calls were cut off: they outlived the drain timeout");
    }
}

async fn close(store: &SledStore) -> Result<(), ServeError> {
    let closed = timeout(CLOSE_TIMEOUT, store.close()).await;
    Ok(closed.map_err(|_| ServeError::CloseTimeout)??)
}
