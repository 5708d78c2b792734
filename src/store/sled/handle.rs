//! The way to the committer, and news of how it is.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use super::command::{Command, Reply};
use crate::store::{ReadError, Sequence, WriteError, queued};

/// Why the committer stopped acknowledging for good.
#[derive(Clone, Debug, Error)]
#[error("the store stopped: {0}")]
pub struct Failure(pub(super) Arc<str>);

/// Whether the committer works.
#[derive(Clone, Debug)]
pub(super) enum State {
    Committing,
    Closed,
    Failed(Failure),
}

/// The way to the committer, and news of it.
#[derive(Clone)]
pub(super) struct Handle {
    pub(super) queue: mpsc::Sender<Command>,
    pub(super) state: watch::Receiver<State>,
    pub(super) places: Arc<Places>,
    pub(super) shown: watch::Receiver<Sequence>,
}

/// Places in the feed that are looked up without a lock.
pub(super) struct Places {
    head: AtomicU64,
    position: AtomicU64,
}

/// What the committer lets others know of the feed: what a [`Handle`] tells.
pub(super) struct News {
    pub(super) places: Arc<Places>,
    pub(super) shown: watch::Sender<Sequence>,
}

impl News {
    pub(super) fn new(head: Sequence) -> Self {
        let places = Places { head: head.0.into(), position: head.0.into() };
        Self { places: Arc::new(places), shown: watch::Sender::new(head) }
    }

    /// The events up to `head` are durable, and their records are about to be visible.
    pub(super) fn move_head(&self, head: Sequence) {
        self.places.head.store(head.0, Ordering::SeqCst);
    }

    /// The records of the events up to `head` are visible.
    pub(super) fn show(&self, head: Sequence) {
        // Order matters: whoever was shown an event finds a position that covers it.
        self.places.position.store(head.0, Ordering::SeqCst);
        self.shown.send_if_modified(|shown| {
            let moved = *shown != head;
            *shown = head;
            moved
        });
    }
}

impl Handle {
    /// Queues one command and waits for its outcome.
    pub(super) async fn ask<T>(
        &self,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, WriteError> {
        // A committer that hangs still has its queue.
        if !self.is_committing() {
            return Err(WriteError::Unavailable);
        }
        let (reply, outcome) = oneshot::channel();
        queued::note();
        self.queue.try_send(command(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => WriteError::Busy,
            mpsc::error::TrySendError::Closed(_) => WriteError::Unavailable,
        })?;
        // A reply that is dropped was in a batch whose sync failed, or the thread is gone.
        outcome.await.unwrap_or(Err(WriteError::Unknown))
    }

    /// The last change that is durable.
    pub(super) fn head(&self) -> Sequence {
        Sequence(self.places.head.load(Ordering::SeqCst))
    }

    /// The last change whose record is visible, looked up without a lock.
    pub(super) fn position(&self) -> Sequence {
        Sequence(self.places.position.load(Ordering::SeqCst))
    }

    /// The last change whose record is visible: the same, save while a batch is being published.
    pub(super) fn shown(&self) -> Sequence {
        *self.shown.borrow()
    }

    /// Waits until a change after `after` is shown.
    pub(super) async fn changed(&self, after: Sequence) -> Result<(), ReadError> {
        let mut shown = self.shown.clone();
        let changed = shown.wait_for(|shown| *shown > after).await.map(drop);
        changed.map_err(|_| ReadError::Unavailable)
    }

    /// Whether it takes commands.
    pub(super) fn is_committing(&self) -> bool {
        matches!(*self.state.borrow(), State::Committing)
    }

    /// Asks the committer to finish its queue and stop, and waits until it has.
    pub(super) async fn close(&self) -> Result<(), Failure> {
        // A committer that has failed says below how, and may hang with its queue full.
        if self.is_committing() {
            drop(self.queue.send(Command::Close).await);
        }
        self.stopped().await
    }

    /// Waits until the committer has stopped: in order, or because of a failure.
    pub(super) async fn stopped(&self) -> Result<(), Failure> {
        let mut state = self.state.clone();
        let stopped = state.wait_for(|state| !matches!(state, State::Committing)).await;
        match stopped.as_deref() {
            Ok(State::Failed(failure)) => Err(failure.clone()),
            Ok(State::Closed | State::Committing) => Ok(()),
            Err(_) => Err(Failure("sled gave up on what it read or wrote".into())),
        }
    }
}
