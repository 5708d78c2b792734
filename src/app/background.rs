//! Background tasks beside the calls: the sweeper, the writer of last uses, the count of grants,
//! the reader of the feed, the sums of the audit.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::sweeper::sweep;
use crate::{
    domain::time::Timestamp,
    service::{LAST_USED_STEP, Service},
    store::{Engine, Store},
};

/// Shortest pause between two full steps of last uses, in which other work can run.
const BREATH: Duration = Duration::from_millis(10);
/// Least ratio of a pause to the step before it. With millions of grants nearly every use must be
/// written, each to an uncached page: without the pause the writer took two fifths of the
/// time of introspection.
const REST: u32 = 4;
/// Pause after a step that was not full: the uses of that time share a sync.
const PAUSE: Duration = Duration::from_secs(1);
/// Interval between two sums of the refusals of strangers.
const SUMS: Duration = Duration::from_secs(10);
/// Longest time for writing the last uses when the process stops: a few batches.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The tasks.
pub(super) struct Background {
    sweeper: JoinHandle<()>,
    count: JoinHandle<()>,
    last_used: JoinHandle<()>,
    revocations: JoinHandle<()>,
    sums: JoinHandle<()>,
    /// Dropped to stop the writer of last uses, which must not be cut off between taking uses from
    /// their queue and writing them.
    writing: oneshot::Sender<()>,
}

impl Background {
    /// Starts them.
    pub(super) fn start(store: &Engine, service: &Arc<Service<Engine>>) -> Self {
        let (writing, stopped) = oneshot::channel();
        Self {
            sweeper: tokio::spawn(sweep(Arc::clone(service))),
            count: tokio::spawn(count_grants(store.clone(), service.now())),
            last_used: tokio::spawn(write_uses(Arc::clone(service), stopped)),
            revocations: tokio::spawn(follow(Arc::clone(service))),
            sums: tokio::spawn(sum_up(Arc::clone(service))),
            writing,
        }
    }

    /// Ends them. Uses that were noted are written, as long as there is a store to write them to.
    pub(super) async fn stop<S: Store>(self, service: &Service<S>) {
        self.sweeper.abort();
        self.count.abort();
        self.revocations.abort();
        self.sums.abort();
        service.audit.sum_up_strangers();
        drop(self.writing);
        let flush = async {
            // An error is a panic, which has been logged.
            drop(self.last_used.await);
            service.upkeep.flush_uses().await
        };
        match timeout(FLUSH_TIMEOUT, flush).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "some times of last use were not written"),
            Err(_) => tracing::warn!("some times of last use were not written in time"),
        }
    }
}

async fn follow(service: Arc<Service<Engine>>) {
    match service.revocations.follow_revocations().await {}
}

async fn sum_up<S: Store>(service: Arc<Service<S>>) {
    loop {
        sleep(SUMS).await;
        service.audit.sum_up_strangers();
    }
}

async fn write_uses<S: Store>(service: Arc<Service<S>>, mut stopped: oneshot::Receiver<()>) {
    loop {
        let uses = tokio::select! {
            uses = service.upkeep.noted_uses() => uses,
            _ = &mut stopped => return,
        };
        let full = uses.len() == LAST_USED_STEP;
        let began = Instant::now();
        if let Err(error) = service.upkeep.write_uses(uses).await {
            tracing::warn!(%error, "some times of last use were not written");
        }
        tokio::select! {
            () = sleep(if full { BREATH.max(REST * began.elapsed()) } else { PAUSE }) => {}
            _ = &mut stopped => return,
        }
    }
}

async fn count_grants(store: Engine, opened: Timestamp) {
    if let Err(error) = store.count_grants(opened).await {
        tracing::warn!(%error, "the grants could not be counted");
    }
}
