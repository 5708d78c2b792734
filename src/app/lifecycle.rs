//! The life of the serving process: bind, open, serve, drain, commit, leave.

use std::{convert::Infallible, future, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::{sync::watch, time::timeout};

use super::{
    Announce, KeyFiles, SystemClock,
    background::Background,
    build_info,
    first_admin::first_admin,
    key_watch::{follow_keys, hangups},
    listen::{Listeners, Serving, listen, system},
    open::{Opened, StartError, open},
    signals::StopSignals,
};
use crate::{
    config::Settings,
    domain::time::Clock as _,
    grpc::Health,
    ops::{Exposition, NotReady, Readiness},
    service::Ready,
    store::sled::{self, Failure, SledStore},
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

/// Runs the service until a signal asks it to stop. Calls `started` once it is serving. With
/// `init_admin` it sees to it before that somebody may administer.
///
/// Order: the ops listener is the first to be bound and the last to go, and says all the time how
/// ready the process is; health says "not serving" before anything is bound and again before anything stops;
/// calls in flight are answered or cut off within the drain timeout; then the commit queue is
/// emptied and synced. What was acknowledged is on the disk when this returns, whatever it returns.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(
    settings: &Settings,
    init_admin: Option<Announce<'_>>,
    started: Started<'_>,
) -> Result<(), ServeError> {
    let mut signals = StopSignals::listen().map_err(|error| system("signals", error))?;
    let hangups = hangups().map_err(|error| system("signals", error))?;
    let health = Health::starting().await;
    let ready = Ready::not_yet();
    let (stop, stopping) = watch::channel(false);
    let (readiness, exposition) = (Readiness::starting(), Exposition::new());
    exposition.add([build_info::metrics(), readiness.metrics()]);
    let ops = (&readiness, &exposition);
    let (listeners, mut serving) = listen(settings, &ready, &health, ops, &stopping)?;

    let opened = tokio::select! {
        opened = open(settings) => opened?,
        signal = signals.next() => {
            tracing::info!(signal, "stopped while starting");
            return Ok(());
        }
    };
    let Opened { store, service } = opened;
    exposition.add([store.metrics()]);
    exposition.add(service.metrics());
    if let Some(announce) = init_admin {
        let present = first_admin(&store, SystemClock.now(), announce).await;
        present.map_err(StartError::FirstAdmin)?;
    }
    ready.set(Arc::clone(&service));
    let background = Background::start(&store, &service);
    let keys = KeyFiles::new(&settings.keys.path);
    let key_watch = tokio::spawn(follow_keys(keys, Arc::clone(&service), hangups));
    let mut space = store.readiness();
    say(*space.borrow_and_update(), &health, &readiness).await;
    let ops = listeners.ops.map(tracing::field::display);
    tracing::info!(grpc = %listeners.grpc, http = %listeners.http, ops, "serving");
    started(listeners);

    let ended = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "stopping");
            Ok(())
        }
        failed = store.stopped() => failed.map_err(ServeError::Store),
        failed = serving.failed() => Err(ServeError::Listener(failed)),
        never = follow(space, &health, &readiness) => match never {},
    };
    let stopped = matches!(ended, Err(ServeError::Store(_)));
    readiness.set(Err(if stopped { NotReady::CannotCommit } else { NotReady::Draining }));
    health.not_serving().await;
    key_watch.abort();
    if ended.is_ok() {
        tokio::time::sleep(settings.serve.drain_delay).await;
        // Before anything waits for them: they have no end of their own.
        service.end_watches();
        drain(settings, &health, &stop, serving).await;
    }
    background.stop(&service).await;
    close(&store).await?;
    tracing::info!("stopped");
    ended
}

/// Health and readiness go as the store's readiness goes.
async fn follow(
    mut space: watch::Receiver<sled::Readiness>,
    health: &Health,
    readiness: &Readiness,
) -> Infallible {
    while space.changed().await.is_ok() {
        let now = *space.borrow_and_update();
        say(now, health, readiness).await;
    }
    // The store is gone, and says elsewhere why.
    future::pending().await
}

async fn say(space: sled::Readiness, health: &Health, readiness: &Readiness) {
    match space {
        sled::Readiness::Ready => {
            readiness.set(Ok(()));
            health.serving().await;
        }
        sled::Readiness::Low | sled::Readiness::Full => {
            readiness.set(Err(NotReady::LowOnSpace));
            health.not_serving().await;
        }
    }
}

/// Lets calls in flight finish, for as long as the drain timeout allows.
async fn drain(settings: &Settings, health: &Health, stop: &watch::Sender<bool>, serving: Serving) {
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
