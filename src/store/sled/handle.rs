//! The handle for the committer, with its state.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use super::command::{Command, Reply};
use crate::store::{ReadError, Sequence, WriteError, queued};

/// The reason for a permanent stop of the committer.
#[derive(Clone, Debug, Error)]
#[error("the store stopped: {0}")]
pub struct Failure(pub(super) Arc<str>);

/// State of the committer.
#[derive(Clone, Debug)]
pub(super) enum State {
    Committing,
    Closed,
    Failed(Failure),
}

/// Sends commands to the committer and reads its state.
#[derive(Clone)]
pub(super) struct Handle {
    pub(super) queue: mpsc::Sender<Command>,
    pub(super) state: watch::Receiver<State>,
    pub(super) places: Arc<Places>,
    pub(super) shown: watch::Receiver<Sequence>,
}

/// Positions in the feed that are read without a lock.
pub(super) struct Places {
    head: AtomicU64,
    position: AtomicU64,
}

/// The committer's side of a [`Handle`]: publishes the positions in the feed.
pub(super) struct News {
    pub(super) places: Arc<Places>,
    pub(super) shown: watch::Sender<Sequence>,
}

impl News {
    pub(super) fn new(head: Sequence) -> Self {
        let places = Places { head: head.0.into(), position: head.0.into() };
        Self { places: Arc::new(places), shown: watch::Sender::new(head) }
    }

    /// Moves the head: the events up to `head` are durable, and their records are about to be
    /// visible.
    pub(super) fn move_head(&self, head: Sequence) {
        self.places.head.store(head.0, Ordering::SeqCst);
    }

    /// Shows the events up to `head`, whose records are visible.
    pub(super) fn show(&self, head: Sequence) {
        // Order matters: a reader that was shown an event must find a position that covers it.
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
        // A committer that hangs still has a queue.
        if !self.is_committing() {
            return Err(WriteError::Unavailable);
        }
        let (reply, outcome) = oneshot::channel();
        queued::note();
        self.queue.try_send(command(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => WriteError::Busy,
            mpsc::error::TrySendError::Closed(_) => WriteError::Unavailable,
        })?;
        // A dropped reply was in a batch whose sync failed, or the thread has ended.
        outcome.await.unwrap_or(Err(WriteError::Unknown))
    }

    /// Returns the position of the last durable change.
    pub(super) fn head(&self) -> Sequence {
        Sequence(self.places.head.load(Ordering::SeqCst))
    }

    /// Returns the position of the last change with a visible record, without a lock.
    pub(super) fn position(&self) -> Sequence {
        Sequence(self.places.position.load(Ordering::SeqCst))
    }

    /// Returns the last shown change: the same position, except while a batch is being published.
    pub(super) fn shown(&self) -> Sequence {
        *self.shown.borrow()
    }

    /// Waits until a change after `after` is shown.
    pub(super) async fn changed(&self, after: Sequence) -> Result<(), ReadError> {
        let mut shown = self.shown.clone();
        let changed = shown.wait_for(|shown| *shown > after).await.map(drop);
        changed.map_err(|_| ReadError::Unavailable)
    }

    /// Returns `true` if the committer accepts commands.
    pub(super) fn is_committing(&self) -> bool {
        matches!(*self.state.borrow(), State::Committing)
    }

    /// Asks the committer to finish its queue and stop, and waits for the stop.
    pub(super) async fn close(&self) -> Result<(), Failure> {
        // The error of a failed committer is returned below. Such a committer can hang with a full
        // queue.
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
