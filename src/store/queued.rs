//! Marks requests that have handed a write to the store: from then on the write can happen even if
//! the request is dropped.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static QUEUED: Queued;
}

/// A flag that is set once a write of one request was queued. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Queued(Arc<AtomicBool>);

impl Queued {
    /// Runs a request and records its writes here. Tasks that it spawns record theirs with
    /// [`note`].
    pub fn of<F: Future>(&self, request: F) -> TaskLocalFuture<Self, F> {
        QUEUED.scope(self.clone(), request)
    }

    /// Returns `true` if a write was queued.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Notes that a write of the current request is queued, is certain to come from its own task, or
/// that the request must finish for another reason. Every engine calls this before the first moment
/// at which a dropped write can still happen.
pub fn note() {
    // Outside requests, as in the sweeper, there is no flag to set.
    let _nobody = QUEUED.try_with(|queued| queued.0.store(true, Ordering::Relaxed));
}
